"""The same operations in two worlds: the real kernel's, and the simulated one's.

A *case* is a function of a `World`. What each of its operations gives, or the number of its error,
is told in order; `both` runs a case in each world and gives what both told.
"""

import errno
import fcntl
import os
import secrets
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guard.edge.system_calls import call
from tests.contracts.simulated import TOP, Simulated

_EVENT = struct.Struct("=iIII")
_MOVED = 0x40 | 0x80


@dataclass(eq=False)
class World:
    """Modules by their names, an empty directory, and what was told.

    cable   joins two UDP sockets: what leaves by one arrives at the other
    """

    os: Any
    socket: Any
    select: Any
    fcntl: Any
    time: Any
    signal: Any
    secrets: Any
    path: Any
    call: Callable[..., int]
    cable: Callable[[Any, Any], None]
    top: str
    told: list[object] = field(default_factory=list)
    asked: dict[int, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)

    def at(self, *names: str) -> str:
        """A path below the directory."""
        return "/".join((self.top, *names))

    def tell(self, act: Callable[..., Any], *args: Any, show: Any = None, **named: Any) -> Any:
        """Do it, and tell what it gave (as `show` shows it) or its error; gives what it gave."""
        self.asked[len(self.told)] = f"{getattr(act, '__name__', act)} {args} {named}"
        try:
            found = act(*args, **named)
        except OSError as error:
            self.told.append(errno.errorcode[error.errno or 0])
            return None
        except ValueError as error:
            self.told.append(type(error).__name__)
            return None
        self.told.append(show(found) if show is not None else found)
        return found

    def open(self, path: str, flags: int, mode: int = 0o640, **named: Any) -> Any:
        """os.open: a descriptor, whose number is not told."""
        return self.tell(self.os.open, path, flags, mode, show=_opened, **named)

    def pair(self, kind: int = socket.SOCK_SEQPACKET) -> tuple[Any, Any]:
        """Two sockets that hear each other."""
        first, second = self.socket.socketpair(socket.AF_UNIX, kind)
        return self.keep(first, second)

    def keep(self, first: Any, second: Any) -> tuple[Any, Any]:
        """These sockets are open until the case has ended."""
        self.kept += (first, second)
        return first, second

    def ready(self, *wanted: Any, wait_ms: int = 0) -> None:
        """Tell what poll says of each of these: (socket or number, events)."""
        poller = self.select.poll()
        numbers = []
        for what, events in wanted:
            poller.register(what, events)
            numbers.append(what if isinstance(what, int) else what.fileno())
        found = dict(poller.poll(wait_ms))
        self.told.append([found.get(number, 0) for number in numbers])

    def tree(self) -> None:
        """Tell every name and content."""
        self.told.append(sorted(_tree(self.path(self.top), "")))

    def inotify(self) -> int:
        """A new inotify descriptor."""
        return self.call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)

    def watch(self, descriptor: int, path: str, mask: int) -> None:
        """inotify_add_watch; its number is told."""
        import ctypes

        name = ctypes.create_string_buffer(os.fsencode(path))
        self.tell(self.call, "inotify_add_watch", descriptor, ctypes.addressof(name), mask)

    def hear(self, descriptor: int) -> None:
        """Tell the events that wait: (watch, mask, name)."""
        try:
            buffer = self.os.read(descriptor, 65_536)
        except BlockingIOError:
            buffer = b""
        at, events = 0, []
        while at < len(buffer):
            number, mask, _, length = _EVENT.unpack_from(buffer, at)
            at += _EVENT.size
            events.append((number, hex(mask), buffer[at : at + length].rstrip(b"\0"), length))
            at += length
        self.told.append(events)

    def rename_new(self, old: str, new: str) -> None:
        """renameat2(RENAME_NOREPLACE)."""
        import ctypes

        names = [ctypes.create_string_buffer(os.fsencode(each)) for each in (old, new)]
        first, second = map(ctypes.addressof, names)
        self.tell(self.call, "renameat2", -100, first, -100, second, 1)


Case = Callable[[World], None]


def _opened(found: object) -> str:
    return "descriptor" if isinstance(found, int) and found > 2 else repr(found)


def _tree(folder: Any, name: str) -> Iterator[tuple[str, bytes | None]]:
    for each in folder.iterdir():
        below = f"{name}/{each.name}"
        if each.is_dir():
            yield below, None
            yield from _tree(each, below)
        else:
            yield below, each.read_bytes()


def real(case: Case, folder: Path) -> World:
    """What it tells in the real world, in this empty directory."""
    world = World(
        os, socket, select, fcntl, time, signal, secrets, Path, call, _real_cable, str(folder)
    )
    before = _descriptors()
    mask = os.umask(0)
    try:
        case(world)
    finally:
        os.umask(mask)
        for each in world.kept:
            each.close()
        for number in _descriptors() - before:
            os.close(number)
    return world


def _descriptors() -> set[int]:
    """Those that are open: the one that listed the others is closed again."""
    names = os.listdir("/proc/self/fd")
    return {int(name) for name in names if os.path.lexists(f"/proc/self/fd/{name}")}


def simulated(case: Case, capacity_bytes: int | None = None) -> World:
    """What it tells in a simulated process."""
    kernel = Simulated()
    host = kernel.host() if capacity_bytes is None else kernel.host(capacity_bytes)
    given = kernel.modules
    world = World(
        given["os"], given["socket"], given["select"], given["fcntl"], given["time"],
        given["signal"], given["secrets"], given["pathlib"].Path, kernel.calls.by_name,
        lambda out, into: kernel.cable(out.fileno(), into.fileno()), TOP,
    )  # fmt: skip
    with kernel.process(host):
        case(world)
    return world


def both(case: Case, folder: Path) -> list[object]:
    """What both worlds tell, which is the same."""
    return same(real(case, folder), simulated(case))


def same(linux: World, ours: World) -> list[object]:
    """What was told, which must be the same; the first difference is shown with what was asked."""
    for at, (wanted, found) in enumerate(zip(linux.told, ours.told, strict=False)):
        asked = linux.asked.get(at, "")
        assert found == wanted, f"answer {at}, {asked}: {found!r} simulated, in Linux {wanted!r}"
    assert len(ours.told) == len(linux.told)
    return linux.told


def _real_cable(out: socket.socket, into: socket.socket) -> None:
    into.bind(("127.0.0.1", 0))
    out.connect(into.getsockname())
