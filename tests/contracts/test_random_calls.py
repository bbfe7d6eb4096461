"""Random calls, one after another, give in the simulated kernel what they give in Linux."""

import array
import os
import select
import socket
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.worlds import Case, World, both

ALL = select.POLLIN | select.POLLOUT | select.POLLRDHUP
QUIET = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
MODIFY, CLOSE_WRITE, FROM, TO, CREATE, DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
HEARD = MODIFY | CLOSE_WRITE | FROM | TO | CREATE | DELETE | 0x400 | 0x800 | 0x4000000

PATHS = st.sampled_from(("a", "b", "d", "d/a", "d/b", "d/e", "a/b", "d/e/a", "absent/a"))
FLAGS = st.builds(
    lambda access, more: access | sum(more),
    st.sampled_from((os.O_RDONLY, os.O_WRONLY, os.O_RDWR)),
    st.sets(st.sampled_from((os.O_CREAT, os.O_EXCL | os.O_CREAT, os.O_TRUNC, os.O_APPEND))).map(
        lambda chosen: {flag for flag in chosen if flag != os.O_CREAT or len(chosen) == 1}
    ),
)
PLACES = st.integers(0, 40)
BYTES = st.binary(max_size=12)
WHICH = st.integers(0, 7)

FILE_CALLS = st.one_of(
    st.tuples(st.just("open"), PATHS, FLAGS),
    st.tuples(st.just("open_at"), WHICH, PATHS, FLAGS),
    st.tuples(st.sampled_from(("close", "dup", "fstat", "fsync", "flock")), WHICH),
    st.tuples(st.just("read"), WHICH, PLACES),
    st.tuples(st.just("pread"), WHICH, PLACES, PLACES),
    st.tuples(st.just("write"), WHICH, BYTES),
    st.tuples(st.just("pwrite"), WHICH, BYTES, PLACES),
    st.tuples(st.just("ftruncate"), WHICH, PLACES),
    st.tuples(st.just("posix_fallocate"), WHICH, PLACES, PLACES),
    st.tuples(st.just("lseek"), WHICH, PLACES, st.sampled_from((0, 1, 2))),
    st.tuples(st.sampled_from(("unlink", "mkdir", "rmdir", "stat", "listdir")), PATHS),
    st.tuples(st.sampled_from(("rename", "rename_new")), PATHS, PATHS),
    st.tuples(st.just("hear")),
)


class FileCalls:
    """Does calls on files by their names; descriptors are those that were opened, in turn."""

    def __init__(self, world: World) -> None:
        self.w = world
        self.open: list[int] = []
        self.ear = world.inotify()
        world.os.mkdir(world.at("d"))
        world.watch(self.ear, world.top, HEARD)
        world.watch(self.ear, world.at("d"), HEARD)

    def do(self, call: str, *given: Any) -> None:
        own = getattr(self, "_" + call, None)
        if own is not None:
            own(*given)
        elif isinstance(given[0], str):
            self._by_path(call, *given)
        elif self.open:
            self._by_number(call, self.open[given[0] % len(self.open)], *given[1:])

    def _open(self, path: str, flags: int) -> None:
        self._keep(self.w.open(self.w.at(path), flags))

    def _open_at(self, which: int, path: str, flags: int) -> None:
        if self.open:
            self._keep(
                self.w.open(path, flags, dir_fd=self.open[which % len(self.open)])
            )  # fmt: skip

    def _keep(self, number: int | None) -> None:
        if number is not None:
            self.open.append(number)

    def _by_number(self, call: str, number: int, *given: Any) -> None:
        w = self.w
        if call == "close":
            self.open.remove(number)
            w.tell(w.os.close, number)
        elif call == "dup":
            self._keep(w.tell(w.os.dup, number, show=lambda _: "descriptor"))
        elif call == "flock":
            w.tell(w.fcntl.flock, number, w.fcntl.LOCK_EX | w.fcntl.LOCK_NB)
        elif call == "ftruncate" and not w.os.fstat(number).st_nlink:
            pass  # Linux still tells who watches the directory, which no part of the guard hears of
        elif call == "fstat":
            w.tell(w.os.fstat, number, show=_status)
        else:
            w.tell(getattr(w.os, call), number, *given)

    def _by_path(self, call: str, path: str, other: str | None = None) -> None:
        w = self.w
        if call == "rename_new" and other is not None:
            w.rename_new(w.at(path), w.at(other))
        elif call == "rename" and other is not None:
            w.tell(w.os.rename, w.at(path), w.at(other))
        else:
            show = {"stat": _status, "listdir": sorted}.get(call)
            w.tell(getattr(w.os, call), w.at(path), show=show)

    def _hear(self) -> None:
        self.w.hear(self.ear)


def _status(found: Any) -> tuple[int, ...]:
    """Links and size of a file: those of a directory are its file system's business."""
    kind = found.st_mode >> 12
    return (kind, found.st_nlink, found.st_size) if kind == 8 else (kind,)


@settings(max_examples=150)
@given(st.lists(FILE_CALLS, max_size=30))
def test_any_calls_on_files(calls: list[tuple[Any, ...]]) -> None:
    def case(w: World) -> None:
        files = FileCalls(w)
        for each in calls:
            files.do(*each)
        files.do("hear")
        w.tree()

    compare(case)


SOCKET_CALLS = st.one_of(
    # Not empty: what closing does with an unread empty packet is not the same in all of Linux.
    st.tuples(st.just("send"), WHICH, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("recv"), WHICH, PLACES),
    st.tuples(st.just("pass"), WHICH),
    st.tuples(st.just("take"), WHICH),
    st.tuples(st.just("shutdown"), WHICH, st.sampled_from((0, 1, 2))),
    st.tuples(st.sampled_from(("close", "dup", "ready")), WHICH),
    st.tuples(st.just("pair"), st.sampled_from((socket.SOCK_SEQPACKET, socket.SOCK_DGRAM))),
)


class SocketCalls:
    """Does calls on packet sockets; a new pair's ends come after those there are."""

    def __init__(self, world: World) -> None:
        self.w = world
        self.ends: list[Any] = list(world.pair())

    def do(self, call: str, which: int, *given: Any) -> None:
        if call == "pair":
            self.ends += self.w.pair(which) if len(self.ends) < 8 else ()
        elif self.ends:
            getattr(self, "_" + call)(self.ends[which % len(self.ends)], *given)

    def _send(self, end: Any, content: bytes) -> None:
        self.w.tell(end.send, content, QUIET)

    def _recv(self, end: Any, size: int) -> None:
        self.w.tell(end.recv, size, socket.MSG_DONTWAIT)

    def _pass(self, end: Any) -> None:
        """An end of a new pair: one that holds itself is let go by Linux at some later time."""
        if len(self.ends) > 8:
            return
        passed, other = self.w.pair()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [passed.fileno()]))]
        self.w.tell(end.sendmsg, [b"with a descriptor"], rights, QUIET)
        passed.close()
        self.ends.append(other)

    def _take(self, end: Any) -> None:
        buffer = bytearray(20)
        found = self.w.tell(
            end.recvmsg_into, [buffer], 24, socket.MSG_DONTWAIT,
            show=lambda found: (found[0], len(found[1])),
        )  # fmt: skip
        for _, _, data in found[1] if found else ():
            for at in range(0, len(data), 4):
                number = int.from_bytes(data[at : at + 4], "little")
                taken = self.w.socket.socket(fileno=number)
                self.w.kept.append(taken)
                self.ends.append(taken)

    def _shutdown(self, end: Any, how: int) -> None:
        self.w.tell(end.shutdown, how)

    def _close(self, end: Any) -> None:
        self.ends.remove(end)
        self.w.tell(end.close)

    def _dup(self, end: Any) -> None:
        taken = self.w.socket.socket(fileno=self.w.os.dup(end.fileno()))
        self.w.kept.append(taken)
        self.ends.append(taken)

    def _ready(self, end: Any) -> None:
        self.w.ready((end, ALL))


@settings(max_examples=150)
@given(st.lists(SOCKET_CALLS, max_size=30))
def test_any_calls_on_sockets(calls: list[tuple[Any, ...]]) -> None:
    def case(w: World) -> None:
        sockets = SocketCalls(w)
        for each in calls:
            sockets.do(*each)
        w.ready(*((end, ALL) for end in sockets.ends))

    compare(case)


def compare(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        both(case, Path(folder))
