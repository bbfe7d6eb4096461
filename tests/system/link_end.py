"""One end of the bare link as a process of its own, for the tests of the cable.

    python -m tests.system.link_end send 10.99.0.2:47000 --messages 500
    python -m tests.system.link_end receive 10.99.0.2:47000 --messages 500
    python -m tests.system.link_end receive 10.99.0.2:47000 --messages 500 --descriptor 5

The real sockets and the real cores, and nothing of a site. `send` ends when all has left. `receive`
prints `ready`, then the number of each message that has landed whole and right, and ends when all
have or nothing has come for long. Messages are 20,000 bytes that follow from their number.
"""

import argparse
import os
import random
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen

from guard.edge.isal import best_codec
from guard.edge.udp import ReceiverSocket, SenderSocket, open_receiver, open_sender
from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from tests.system.namespaces import Side

KEY = bytes(range(32))
FLOW, SESSION = 1, 1
MESSAGE_BYTES = 20_000
RATE_MBIT = 50
BUFFER_FOR_MBIT = 5000  # room for seconds at that pace: a busy machine loses nothing
WAITING_BYTES_MAX = 2**20
GIVE_UP_S = 15.0


@contextmanager
def link_end(side: Side, end: str, address: str, messages: int,
             descriptor: int | None = None) -> Iterator["Popen[str]"]:  # fmt: skip
    """One end running in a namespace; killed at the latest when the block is left."""
    command = [sys.executable, "-m", "tests.system.link_end", end, address]
    command += ["--messages", str(messages)]
    command += [] if descriptor is None else ["--descriptor", str(descriptor)]
    kept = () if descriptor is None else (descriptor,)
    with side.start(command, kept) as process:
        try:
            yield process
        finally:
            process.kill()


def await_landed(receiver: "Popen[str]", messages: int) -> None:
    """Read what a receiving process says until so many have landed; fail the test if it ends."""
    assert receiver.stdout is not None
    for landed in range(messages):
        assert receiver.stdout.readline(), f"the receiver ended after {landed} messages"


def await_ready(receiver: "Popen[str]") -> None:
    """Until a receiving process listens."""
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"


def params_for(address: str) -> LinkParams:
    """Both ends build the same."""
    return LinkParams(
        ip_version=6 if address.startswith("[") else 4, rate_bits_per_s=RATE_MBIT * 1_000_000
    )


def message(sequence: int) -> bytes:
    """The bytes of one message."""
    return random.Random(sequence).randbytes(MESSAGE_BYTES)


def send(address: str, params: LinkParams, messages: int) -> None:
    """Offer as room comes, send as the pace allows, until all has left."""
    socket = SenderSocket(open_sender(address), address)
    sender = Sender(params, KEY, SESSION, FLOW, best_codec())
    sequence = 0
    while sequence < messages or not sender.idle:
        while sequence < messages and sender.waiting_bytes < WAITING_BYTES_MAX:
            sequence += 1
            sender.offer(sequence, 0, message(sequence))
        for burst in sender.due(time.monotonic_ns()):
            socket.send(burst.buffer, burst.segment_bytes)
        now_ns = time.monotonic_ns()
        time.sleep(max(0, sender.wake_ns(now_ns) - now_ns) / 1e9)


def receive(socket: ReceiverSocket, params: LinkParams, messages: int) -> None:
    """Say what has landed until all has."""
    receiver = Receiver(params, KEY, FLOW, best_codec(), ReceiverState())
    left = set(range(1, messages + 1))
    print("ready", flush=True)
    heard_s = time.monotonic()
    while left and time.monotonic() - heard_s < GIVE_UP_S:
        if select.select([socket], [], [], 0.1)[0]:
            heard_s = time.monotonic()
        while (taken := socket.receive()) is not None:
            for event in receiver.take(*taken, time.monotonic_ns()):
                if isinstance(event, Landed) and event.envelope == message(event.sequence):
                    left.discard(event.sequence)
                    print(event.sequence, flush=True)
        receiver.tick(time.monotonic_ns())


def main() -> None:
    """One end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("end", choices=("send", "receive"))
    parser.add_argument("address")
    parser.add_argument("--descriptor", type=int, help="a bound socket that was opened before")
    parser.add_argument("--messages", type=int, required=True)
    args = parser.parse_args()
    params = params_for(args.address)
    if args.end == "send":
        send(args.address, params, args.messages)
    elif args.descriptor is not None:
        os.set_inheritable(args.descriptor, False)
        receive(ReceiverSocket.adopt(args.descriptor), params, args.messages)
    else:
        receive(ReceiverSocket(open_receiver(args.address, BUFFER_FOR_MBIT)), params, args.messages)


if __name__ == "__main__":
    main()
