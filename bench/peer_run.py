"""One transfer by one tool, timed: what the files beside this one fill in for each tool.

A `Peer` says how its receiver and sender are started for a file and how to see that the receiver
has all of it. `transfer` starts both, waits, ends what still runs (only what it started, by its
process number) and tells what it saw. The clock runs from just before the sender is started to the
moment the receiver is complete; SHA-256 is checked after it. CPU seconds are user and system time
of both processes and of their own children, from `wait4`.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from bench.peer_net import bound_hosts, fragments_made
from guard.measurement.loopback import warm_memory

READY_S = 15.0  # until a receiver has bound its port
GRACE_S = 5.0  # for a receiver whose sender has ended
FAILED_GRACE_S = 0.5  # and for one whose sender said that it failed
EXIT_S = 5.0  # for a process that should end by itself
SLOWEST_MB_S = 8.0  # a transfer slower than this, after LIMIT_S more, is given up
LIMIT_S = 20.0
POLL_S = 0.002
POLL_SMALL_S = 0.000_2
SMALL_BYTES = 65_536


@dataclass(frozen=True)
class Start:
    """How to start a process: what to run, and which files are its standard input and output."""

    argv: list[str]
    stdin: Path | None = None
    stdout: Path | None = None


@dataclass(frozen=True)
class Place:
    """Where one transfer happens: a new folder, a new port (even, the next one free too)."""

    folder: Path
    port: int
    mtu_bytes: int

    @property
    def output(self) -> Path:
        """Where the receiver's file, or folder of files, lies."""
        return self.folder / "out"


@dataclass(frozen=True)
class Source:
    """A file to send."""

    path: Path
    size_bytes: int
    sha256: bytes

    @classmethod
    def make(cls, path: Path, size_bytes: int) -> Self:
        """Write a file of random bytes."""
        with path.open("wb") as file:
            for at in range(0, size_bytes, 2**20):
                file.write(os.urandom(min(2**20, size_bytes - at)))
        return cls(path, size_bytes, digest(path))


@dataclass(frozen=True)
class Run:
    """What a transfer gave. One that is not intact has no goodput; `why` says what was seen."""

    intact: bool
    goodput_mb_s: float
    seconds: float
    cpu_s: float
    why: str
    hosts: frozenset[str]
    fragments: int


class Peer(ABC):
    """A tool that sends files one way, or nearly."""

    name: str
    caveats: tuple[str, ...]
    first_mbit: int  # where the search for a pace begins, on the wire
    last_mbit: int
    unpaced = False  # can be told to send as fast as it can (pace 0)
    receiver_stays = False  # does not end by itself after a file
    grace_s = GRACE_S

    @abstractmethod
    def version(self) -> str:
        """Its version. Raises `Missing` if it cannot be run here."""

    @abstractmethod
    def setting(self, pace_mbit: int, mtu_bytes: int) -> str:
        """The options that matter, for people."""

    @abstractmethod
    def receiver(self, place: Place) -> Start:
        """Start of a receiver for one file."""

    @abstractmethod
    def sender(self, place: Place, source: Path, pace_mbit: int) -> Start:
        """Start of a sender of that file."""

    @abstractmethod
    def complete(self, place: Place, size_bytes: int) -> bool:
        """Whether the receiver has all of the file: cheap, asked often."""

    def landed(self, place: Place) -> Path:
        """The received file."""
        return place.output

    def prepare(self, place: Place) -> None:
        """Make what both need in the new folder."""
        del place

    def running_ms(self, place: Place) -> list[float] | None:
        """Latencies of 1 KB messages between processes that run already; None if it has no way."""
        del place
        return None


class Missing(Exception):  # noqa: N818 -- named by what is wrong, as in schemas/errors.py, 2026-11-25
    """A tool cannot be run here; the text says what to do."""


@dataclass
class Child:
    """A process that was started here, ended here if it has not ended, and its CPU seconds."""

    start: Start
    log: Path
    cpu_s: float = 0.0
    code: int | None = None
    _ended_here: bool = False
    _popen: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as files:
            self._popen = subprocess.Popen(
                self.start.argv,
                cwd=self.log.parent,
                stdin=files.enter_context((self.start.stdin or Path(os.devnull)).open("rb")),
                stdout=files.enter_context((self.start.stdout or self.log).open("ab")),
                stderr=files.enter_context(self.log.open("ab")),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.end()

    def running(self) -> bool:
        """Whether it runs. Once it does not, `cpu_s` and `code` are known."""
        if self.code is None:
            pid, status, used = os.wait4(self._popen.pid, os.WNOHANG)
            if pid:
                self.code = self._popen.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s = used.ru_utime + used.ru_stime
        return self.code is None

    def end(self, wait_s: float = 0.0) -> None:
        """Wait so long for it to end; then ask it to; then end it."""
        if self._ended_within(wait_s):
            return
        self._ended_here = True
        self._popen.terminate()
        if not self._ended_within(EXIT_S):
            self._popen.kill()
            self._ended_within(EXIT_S)

    def _ended_within(self, wait_s: float) -> bool:
        until_s = time.monotonic() + wait_s
        while self.running():
            if time.monotonic() >= until_s:
                return False
            time.sleep(POLL_S)
        return True

    def ending(self) -> str:
        """How it ended, in words."""
        return "ended by the benchmark" if self._ended_here else f"exit code {self.code}"

    def last_words(self) -> str:
        """The last line that it logged."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
            return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
        return ""


@contextlib.contextmanager
def new_place(base: Path, mtu_bytes: int) -> Iterator[Place]:
    """A folder below `base`, removed afterwards, and a port that no earlier place had."""
    global _next_port
    _next_port = _next_port + 2 if _next_port < PORT_LAST else PORT_FIRST
    with TemporaryDirectory(dir=base) as folder:
        yield Place(Path(folder), _next_port, mtu_bytes)


PORT_FIRST, PORT_LAST = 20_000, 30_000
_next_port = PORT_FIRST


def transfer(peer: Peer, base: Path, source: Source, pace_mbit: int, mtu_bytes: int) -> Run:
    """Send one file once, with what came before on disk and memory for what comes: the disk is not
    what is measured, nor where a virtual machine gets its memory."""
    os.sync()
    warm_memory(base, source.size_bytes)
    with new_place(base, mtu_bytes) as place:
        try:
            peer.prepare(place)
        except Missing as missing:
            return _failed(str(missing))
        log = place.folder / "receiver.log"
        with Child(peer.receiver(place), log) as receiver:
            hosts = wait_bound(receiver, place.port)
            if not hosts:
                return _failed(f"the receiver did not start: {receiver.last_words()}")
            return _timed(peer, place, source, pace_mbit, receiver, hosts)


def _failed(why: str) -> Run:
    return Run(False, 0.0, 0.0, 0.0, why, frozenset(), 0)


def wait_bound(receiver: Child, port: int) -> frozenset[str]:
    """The addresses on which the receiver's port is bound; none if that never happens."""
    until_s = time.monotonic() + READY_S
    while receiver.running() and time.monotonic() < until_s:
        if hosts := bound_hosts(port):
            return hosts
        time.sleep(POLL_S)
    return frozenset()


def _timed(
    peer: Peer, place: Place, source: Source, pace_mbit: int, receiver: Child,
    hosts: frozenset[str],
) -> Run:  # fmt: skip
    start = peer.sender(place, source.path, pace_mbit)
    fragments = fragments_made()
    started_s = time.monotonic()
    with Child(start, place.folder / "sender.log") as sender:
        ended_s = _wait_complete(peer, place, source, sender, receiver)
        sender.end(peer.grace_s if ended_s else 0.0)
        receiver.end(EXIT_S if ended_s and not peer.receiver_stays else 0.0)
    fragments = fragments_made() - fragments
    seconds = (ended_s or time.monotonic()) - started_s
    why = _why(peer, place, source, sender, receiver) if ended_s else _unfinished(sender, receiver)
    return Run(
        intact=not why,
        goodput_mb_s=0.0 if why else source.size_bytes / seconds / 1e6,
        seconds=seconds,
        cpu_s=sender.cpu_s + receiver.cpu_s,
        why=why,
        hosts=hosts,
        fragments=fragments,
    )


def _wait_complete(
    peer: Peer, place: Place, source: Source, sender: Child, receiver: Child
) -> float:
    """When the receiver was complete, in seconds of the monotonic clock; 0 if it never was."""
    poll_s = POLL_SMALL_S if source.size_bytes <= SMALL_BYTES else POLL_S
    until_s = time.monotonic() + LIMIT_S + source.size_bytes / 1e6 / SLOWEST_MB_S
    sending = True
    while time.monotonic() < until_s:
        over = not receiver.running()  # asked first: what it did before it ended counts
        if peer.complete(place, source.size_bytes):
            return time.monotonic()
        if over:
            return 0.0
        if sending and not sender.running():
            sending = False
            grace_s = min(peer.grace_s, FAILED_GRACE_S) if sender.code else peer.grace_s
            until_s = min(until_s, time.monotonic() + grace_s)
        time.sleep(poll_s)
    return 0.0


def _why(peer: Peer, place: Place, source: Source, sender: Child, receiver: Child) -> str:
    """What is wrong with a file that is complete; nothing if it is right."""
    try:
        right = digest(peer.landed(place)) == source.sha256
    except OSError as error:
        return f"the received file cannot be read: {error.strerror}"
    return "" if right else f"another SHA-256; {_unfinished(sender, receiver)}"


def _unfinished(sender: Child, receiver: Child) -> str:
    ends = (("receiver", receiver), ("sender", sender))
    return "; ".join(f"{name}: {child.last_words()} ({child.ending()})" for name, child in ends)


def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def say(words: str) -> None:
    """A line for people, apart from what `--json` prints."""
    print(words, file=sys.stderr, flush=True)


def has_size(path: Path, size_bytes: int) -> bool:
    """Whether a file that is written from its beginning to its end has all of its bytes."""
    try:
        return path.stat().st_size >= size_bytes
    except FileNotFoundError:
        return False
