"""How long small messages take through the link, alone or beside a file at full rate.

Takes the link's parameters and a folder to land in; gives what each message took, in ms from the
sender's call to the receiver's event: for ever, where it was lost. One process sends and one
receives, over loopback.
"""

import math
import os
import select
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from guard.edge.isal import best_codec
from guard.edge.keys import new_secret
from guard.edge.stream_landing import Landing
from guard.edge.stream_source import FileSource
from guard.edge.udp import ReceiverSocket, SenderSocket, open_sender
from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from guard.measurement.loopback import FORK, listen, received
from schemas.message import Precedence

MESSAGE_BYTES = 1000
_ALONE_GAP_NS = 2_000_000
_BESIDE_GAP_NS = 10_000_000
_FILE = 2**40  # a sequence that no message has
_SHORT_NS = 20_000  # a sleep would last longer

Offered = dict[int, int]
"""When each message was offered, by its sequence."""


def alone_ms(params: LinkParams, folder: Path, count: int) -> list[float]:
    """What FLASH messages take that nothing else is sent beside, one every 2 ms."""
    return _through(params, folder, lambda sender, leave: _send_alone(sender, leave, count))


def beside_file_ms(params: LinkParams, folder: Path, file: Path) -> list[float]:
    """What FLASH messages take while this file is sent at the link's rate, one every 10 ms."""
    return _through(params, folder, lambda sender, leave: _send_beside(sender, leave, file))


def spread(took_ms: list[float]) -> dict[str, float | None]:
    """`p50`, `p99`, `max` in ms (None where that one was lost), and how many `arrived`."""
    ordered = sorted(took_ms) or [math.inf]

    def at(place: int) -> float | None:
        return round(ordered[place], 3) if math.isfinite(ordered[place]) else None

    return {
        "p50": at(len(ordered) // 2),
        "p99": at(len(ordered) * 99 // 100),
        "max": at(-1),
        "arrived": sum(map(math.isfinite, took_ms)),
    }


def _through(
    params: LinkParams, folder: Path, send: Callable[[Sender, Callable[[], None]], Offered]
) -> list[float]:
    params = replace(params, heartbeat_ms=60_000, silence_ms=600_000)
    key = new_secret()
    socket, to = listen()
    landing = folder / "pieces"
    shutil.rmtree(landing, ignore_errors=True)
    landing.mkdir()
    here, there = FORK.Pipe()
    wide = replace(params, k_max=252, r_max=254)
    far = FORK.Process(target=_receive, args=(there, socket, wide, key, landing))
    far.start()
    there.close()  # so that its end is seen
    received(here)
    socket.close()
    near = SenderSocket(open_sender(to), to)
    sender = Sender(params, key, 1, 1, best_codec())

    def leave() -> None:
        for burst in sender.due(time.monotonic_ns()):
            near.send(burst.buffer, burst.segment_bytes)

    offered = send(sender, leave)
    near.close()
    arrived: dict[int, int] = received(here)
    here.close()
    far.join()
    return [(arrived.get(one, math.inf) - at) / 1e6 for one, at in offered.items()]


def _receive(
    pipe: Connection, socket: ReceiverSocket, params: LinkParams, key: bytes, folder: Path
) -> None:
    """Receive messages, and streams into a folder; tell when each message was there."""
    landing = Landing(folder, bytes(16))
    receiver = Receiver(params, key, 1, best_codec(), ReceiverState(), sink=landing)
    pipe.send("ready")
    times: dict[int, int] = {}
    while select.select([socket], [], [], 2.0)[0]:
        while found := socket.receive_together(receiver.room):
            for buffer, segment_bytes in found:
                for event in receiver.take(buffer, segment_bytes, time.monotonic_ns()):
                    if isinstance(event, Landed):
                        times[event.sequence] = time.monotonic_ns()
        landing.flush()
    pipe.send(times)


def _send_alone(sender: Sender, leave: Callable[[], None], count: int) -> Offered:
    offered: Offered = {}
    while len(offered) < count:
        _offer(sender, offered)
        while not sender.idle:
            leave()
        time.sleep(_ALONE_GAP_NS / 1e9)
    return offered


def _send_beside(sender: Sender, leave: Callable[[], None], file: Path) -> Offered:
    offered: Offered = {}
    sender.offer_stream(_FILE, Precedence.ROUTINE, FileSource(file, file.stat().st_size, b""))
    next_ns = time.monotonic_ns() + _BESIDE_GAP_NS
    while not sender.idle:
        now_ns = time.monotonic_ns()
        if now_ns >= next_ns:
            next_ns = now_ns + _BESIDE_GAP_NS
            _offer(sender, offered)
        leave()
        wait_ns = min(sender.wake_ns(now_ns), next_ns) - time.monotonic_ns()
        if wait_ns > _SHORT_NS:
            time.sleep(wait_ns / 1e9)
    return offered


def _offer(sender: Sender, offered: Offered) -> None:
    sequence = len(offered) + 1
    message = os.urandom(MESSAGE_BYTES)
    offered[sequence] = time.monotonic_ns()
    sender.offer(sequence, Precedence.FLASH, message)
