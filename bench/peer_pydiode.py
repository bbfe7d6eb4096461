"""pydiode (PyPI): a file from standard input to standard output, in an environment of its own.

Each chunk is sent once (`--redundancy 1`; its default is twice): on a loopback that loses nothing
at the right pace, that is its best. On Linux its datagrams have 65,507 bytes, 45 fragments at an
MTU of 1500, and no option for that; on macOS it takes 1,472. `DATAGRAM` sets that constant before
the program starts, so that it can be measured with datagrams that fit too.
"""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.peer_install import pydiode_python, pydiode_version
from bench.peer_net import bound_hosts
from bench.peer_run import EXIT_S, READY_S, Peer, Place, Start, has_size

LARGEST_BYTES = 65_507
HEADERS_BYTES = 20 + 8
DATAGRAM = """
import sys
import pydiode.common as common
common.UDP_MAX_BYTES = int(sys.argv.pop(1))
common.MAX_PAYLOAD = common.UDP_MAX_BYTES - common.PACKET_HEADER.size
from pydiode.pydiode import main
main()
"""
MESSAGE_BYTES = 1024
MESSAGES = 50
PAUSE_S = 0.02
ANSWER_S = 2.0
RUNNING_MBIT = 1000


class Pydiode(Peer):
    """With datagrams as large as it makes them, or (`fitting`) as the MTU allows."""

    unpaced = True
    first_mbit, last_mbit = 700, 8_000

    def __init__(self, name: str, *, fitting: bool) -> None:
        self.name = name
        self._fitting = fitting
        self.caveats = (
            "no encryption, no authentication, repairs nothing (--redundancy 1)",
            "fits the MTU because a constant of it is set from outside: no option does"
            if fitting
            else "datagrams of 65,507 bytes: each goes in fragments, one lost loses it",
            "running, it sends the last chunk again and again while it waits",
        )

    def version(self) -> str:
        """The package's version."""
        return pydiode_version()

    def _datagram(self, mtu_bytes: int) -> int:
        return min(LARGEST_BYTES, mtu_bytes - HEADERS_BYTES) if self._fitting else LARGEST_BYTES

    def _argv(self, place: Place, *words: str) -> list[str]:
        size = str(self._datagram(place.mtu_bytes))
        return [pydiode_python(), "-c", DATAGRAM, size, *words, "--port", str(place.port)]

    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        """The options that matter."""
        return " ".join([*_pace(pace_mbit), "datagrams of", str(self._datagram(mtu_bytes))])

    def receiver(self, place: Place) -> Start:
        """Start of a receiver for one file."""
        return Start(self._argv(place, "receive", "127.0.0.1"), stdout=place.output)

    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        """Start of a sender of that file."""
        argv = self._argv(place, "send", "127.0.0.1", "127.0.0.1")
        return Start([*argv, *_pace(pace_mbit)], stdin=source)

    def complete(self, place: Place, size_bytes: int) -> bool:
        """Whether all of it is there."""
        return has_size(place.output, size_bytes)

    def running_ms(self, place: Place) -> list[float] | None:
        """From the write into the sender's pipe to the last byte out of the receiver's."""
        pace = [*_pace(RUNNING_MBIT), "--chunk-max-packets", "1"]
        near_argv = [*self._argv(place, "send", "127.0.0.1", "127.0.0.1"), *pace]
        with piped(self._argv(place, "receive", "127.0.0.1"), stdout=subprocess.PIPE) as far:
            until_s = time.monotonic() + READY_S
            while not bound_hosts(place.port) and time.monotonic() < until_s:
                time.sleep(0.01)
            with piped(near_argv, stdin=subprocess.PIPE) as near:
                exchange(near, far)  # the first one waits for the interpreter to start
                return [exchange(near, far) * 1e3 for _ in range(MESSAGES)]


def exchange(near: subprocess.Popen[bytes], far: subprocess.Popen[bytes]) -> float:
    """Seconds for one message through two running processes; infinite if it does not come."""
    if near.stdin is None or far.stdout is None:
        raise ValueError("started without the pipes to talk through")
    time.sleep(PAUSE_S)
    message, came = os.urandom(MESSAGE_BYTES), b""
    started_s = time.monotonic()
    os.write(near.stdin.fileno(), message)
    while len(came) < len(message) and select.select([far.stdout], [], [], ANSWER_S)[0]:
        piece = os.read(far.stdout.fileno(), MESSAGE_BYTES)
        if not piece:
            break
        came += piece
    return time.monotonic() - started_s if came == message else float("inf")


@contextlib.contextmanager
def piped(
    argv: list[str], stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A running process with a pipe; ended when the block ends."""
    with subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(EXIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _pace(pace_mbit: int) -> list[str]:
    return ["--redundancy", "1", "--max-bitrate", str(pace_mbit * 1_000_000)]
