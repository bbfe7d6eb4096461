"""The system calls of the simulated kernel beside those on files.

Reading and writing by descriptor, waiting, pipes and packet sockets, the clock, chance, signals,
and the calls that the guard makes by number (`guard.edge.system_calls`).
"""

import ctypes
import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Callable
from typing import NoReturn

from diode_sim.world.channels import Deaf, End, Packet, pair
from diode_sim.world.files import POLLERR, POLLHUP, POLLNVAL, Files, OpenFile, raw
from diode_sim.world.inodes import failure
from diode_sim.world.inotify import Inotify, Watches
from diode_sim.world.kernel import Kernel, Open
from diode_sim.world.pipes import PipeEnd, pipe

_F_ADD_SEALS, _F_GET_SEALS = 1033, 1034
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_START_S = 1_780_000_000
_KIND = 0xF


class Calls:
    """What the running process may call."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.watches = Watches()
        self.files = Files(kernel, self.watches)

    # -- by descriptor -----------------------------------------------------------------------

    def read(self, descriptor: int, size: int) -> bytes:
        """read(2)."""
        process = self.kernel.enter("read", (descriptor, size))
        opened = self.files.held(process, descriptor)
        if isinstance(opened, OpenFile):
            return self.files.read_file(opened, size)
        if isinstance(opened, Inotify):
            return opened.read(size)
        if isinstance(opened, End):
            packet = opened.receive(wait=True)
            for passed in packet.passed if packet is not None else ():
                self.kernel.drop(passed)
            return b"" if packet is None else packet.content[:size]
        if isinstance(opened, PipeEnd):
            return opened.read(size)
        raise failure(errno.EINVAL)

    def write(self, descriptor: int, content: bytes) -> int:
        """write(2)."""
        process = self.kernel.enter("write", (descriptor, len(content)))
        opened = self.files.held(process, descriptor)
        if isinstance(opened, OpenFile):
            return self.files.write_file(process, opened, bytes(content))
        if isinstance(opened, End):
            return opened.send(Packet(bytes(content)), wait=True)
        if isinstance(opened, PipeEnd):
            return opened.write(bytes(content))
        raise failure(errno.EINVAL)

    def poll(self, wanted: dict[int, int], timeout_ms: float | None) -> list[tuple[int, int]]:
        """poll(2)."""
        process = self.kernel.enter("poll", "")
        watched: dict[int, tuple[Open | None, int]] = {
            number: (process.descriptors.get(number), events) for number, events in wanted.items()
        }
        until_ns = None
        if timeout_ms is not None and timeout_ms >= 0:
            until_ns = self.kernel.now_ns + int(timeout_ms * 1e6)
        while True:
            ready = [
                (number, found)
                for number, (opened, events) in watched.items()
                if (found := _true_now(opened, events))
            ]
            if ready or (until_ns is not None and self.kernel.now_ns >= until_ns):
                return ready
            self.kernel.pause([each for each, _ in watched.values() if each is not None], until_ns)

    # -- channels ----------------------------------------------------------------------------

    def pipe(self) -> tuple[int, int]:
        """pipe(2): (reading, writing)."""
        process = self.kernel.enter("pipe")
        reading, writing = pipe(self.kernel)
        return self.files.give(process, reading), self.files.give(process, writing)

    def pipe2(self, flags: int) -> tuple[int, int]:
        """pipe2(2)."""
        process = self.kernel.enter("pipe")
        reading, writing = pipe(self.kernel)
        reading.blocking = writing.blocking = not flags & os.O_NONBLOCK
        return self.files.give(process, reading), self.files.give(process, writing)

    def socketpair(self, family: int = socket.AF_UNIX, kind: int = socket.SOCK_STREAM,
                   ) -> tuple[int, int]:  # fmt: skip
        """socketpair(2) of packets."""
        process = self.kernel.enter("socketpair")
        kind &= _KIND
        if family != socket.AF_UNIX or kind not in (socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
            raise failure(errno.EPROTONOSUPPORT)
        first, second = pair(self.kernel, connected=kind == socket.SOCK_SEQPACKET)
        return self.files.give(process, first), self.files.give(process, second)

    def end(self, descriptor: int) -> End:
        """One end of a packet socket. Raises ENOTSOCK."""
        process = self.kernel.current
        opened = self.files.held(process, descriptor) if process is not None else None
        if not isinstance(opened, End):
            raise failure(errno.ENOTSOCK)
        return opened

    def shutdown(self, descriptor: int, *, reading: bool, writing: bool) -> None:
        """shutdown(2)."""
        self.kernel.enter("shutdown", descriptor)
        self.end(descriptor).shut(reading=reading, writing=writing)

    def deaf_socket(self) -> int:
        """A listening socket that nobody reaches."""
        return self.files.give(self.kernel.enter("socket"), Deaf())

    def name_socket(self, path: str) -> None:
        """bind(2) of a Unix socket, the step being counted already. Raises EADDRINUSE."""
        process = self.kernel.current
        if process is None:
            return
        disk = process.host.disk
        directory, last = disk.place(raw(path))
        if last in directory.entries:
            raise failure(errno.EADDRINUSE)
        disk.create(directory, last).mode = stat.S_IFSOCK | 0o755

    # -- time, chance, signals ---------------------------------------------------------------

    def monotonic_ns(self) -> int:
        """Reading the clock is no step: it costs nothing and nobody sees it."""
        return self.kernel.now_ns

    def wall_ns(self) -> int:
        """The host's idea of the time of day."""
        process = self.kernel.current
        offset_ns = process.host.wall_offset_ns if process is not None else 0
        return _START_S * 1_000_000_000 + self.kernel.now_ns + offset_ns

    def sleep(self, seconds: float) -> None:
        """clock_nanosleep(2)."""
        self.kernel.enter("sleep", seconds)
        until_ns = self.kernel.now_ns + int(seconds * 1e9)
        while self.kernel.now_ns < until_ns:
            self.kernel.pause([], until_ns)

    def urandom(self, count: int) -> bytes:
        """getrandom(2), from the seed."""
        self.kernel.enter("getrandom", count)
        return self.kernel.entropy.octets(count)

    def signal(self, number: int, handler: Callable[..., object]) -> None:
        """sigaction(2) of the running process."""
        process = self.kernel.enter("sigaction", int(number))
        if callable(handler):
            process.handlers[int(number)] = handler

    def getpid(self) -> int:
        """getpid(2)."""
        process = self.kernel.current
        return process.pid if process is not None else 0

    def kill(self, pid: int, number: int) -> None:
        """kill(2), of a process of the same host."""
        process = self.kernel.enter("kill", (pid, int(number)))
        for other in list(self.kernel.processes):
            if other.pid == pid and other.host is process.host:
                if number == 9:
                    self.kernel.kill(other)
                else:
                    self.kernel.signal(other, int(number))
                return
        raise failure(errno.ESRCH)

    # -- files -------------------------------------------------------------------------------

    def exists(self, path: str | bytes) -> bool:
        """Whether there is something by this name."""
        try:
            self.files.stat(path)
        except OSError:
            return False
        return True

    def is_directory(self, path: str | bytes) -> bool:
        """Whether there is a directory by this name."""
        process = self.kernel.enter("stat", raw(path).decode(errors="replace"))
        try:
            return process.host.disk.find(raw(path)).is_directory
        except OSError:
            return False

    def fcntl(self, descriptor: int, command: int, argument: int = 0) -> int:
        """fcntl(2): the seals of a memfd."""
        process = self.kernel.enter("fcntl", (descriptor, command))
        opened = self.files.held(process, descriptor)
        if command == _F_ADD_SEALS and isinstance(opened, PipeEnd) and not opened.writes:
            raise failure(errno.EPERM)
        if not isinstance(opened, OpenFile) or opened.seals is None:
            raise failure(errno.EINVAL)
        if command == _F_ADD_SEALS:
            opened.seal(argument)
            return 0
        if command == _F_GET_SEALS:
            return opened.seals
        raise failure(errno.EINVAL)

    def flock(self, descriptor: int, operation: int) -> None:
        """flock(2), exclusive and not waiting; gone when nobody has the description open."""
        process = self.kernel.enter("flock", (descriptor, operation))
        opened = self.files.file(process, descriptor)
        if operation == fcntl.LOCK_UN:
            opened.locked = False
            return
        if operation != fcntl.LOCK_EX | fcntl.LOCK_NB:
            raise failure(errno.ENOSYS, "only LOCK_EX | LOCK_NB and LOCK_UN are simulated")
        if any(
            held is not opened and held.locked and held.inode is opened.inode
            for other in self.kernel.processes
            for held in other.descriptors.values()
            if isinstance(held, OpenFile)
        ):
            raise failure(errno.EAGAIN)
        opened.locked = True

    def by_name(self, name: str, *arguments: int) -> int:
        """`guard.edge.system_calls.call`: calls that Python has no function for."""
        process = self.kernel.current
        if name == "renameat2":
            old, new = ctypes.string_at(arguments[1]), ctypes.string_at(arguments[3])
            self.files.rename(old, new, over=not arguments[4] & _RENAME_NOREPLACE)
            return 0
        if name == "syncfs":
            self.files.syncfs(arguments[0])
            return 0
        if name == "inotify_init1":
            return self.files.give(self.kernel.enter(name), Inotify(self.kernel, self.watches))
        if name == "inotify_add_watch":
            path = ctypes.string_at(arguments[1])
            process = self.kernel.enter(name, path.decode(errors="replace"))
            opened = self.files.held(process, arguments[0])
            if isinstance(opened, Inotify):
                return opened.watch(process.host.disk.find(path), arguments[2])
            raise failure(errno.EINVAL)
        return _absent(name)


def _true_now(opened: Open | None, events: int) -> int:
    """The events of this descriptor that poll(2) tells when these are asked for."""
    return POLLNVAL if opened is None else opened.events() & (events | POLLHUP | POLLERR)


def _absent(name: str) -> NoReturn:
    raise failure(errno.ENOSYS, name)


def timeval_ns(value: bytes) -> int:
    """A struct timeval in nanoseconds."""
    seconds, micros = struct.unpack("@ll", value)
    return int(seconds * 1_000_000_000 + micros * 1_000)
