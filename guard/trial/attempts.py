"""What a confined process tries: everything no role may, and everything that some role may.

Gives attempts by name; each either comes back (it is possible) or raises `OSError` or a relative.
They are made so that they do no harm where they are possible, for they run unconfined as well, to
know which layer stops what: arguments that are wrong beyond the point at which a right is asked
for, the same value set again, signal 0, a file that is removed again.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from guard.edge.system_calls import NUMBERS, call

FEED = "feed"
_BAD = -1
_EFAULT_AT = 1  # an address that nobody has mapped
_WRITABLE_BY_ALL = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # tried, never used
_PTRACE_SEIZE = 0x4206
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_NONBLOCK = socket.MSG_DONTWAIT

# calls that no role may make, by what they would be good for; every argument is wrong (-1)
BAD_CALLS: Mapping[str, str] = {
    "sockets": "socket socketpair connect bind listen accept4 setsockopt recvmmsg sendmmsg",
    "descriptors": "pipe2 dup dup3 pidfd_open pidfd_getfd pidfd_send_signal eventfd2 signalfd4"
    " timerfd_create ioctl close_range splice tee vmsplice sendfile copy_file_range io_setup",
    "processes": "clone3 execve execveat kill tkill tgkill rt_sigqueueinfo ptrace kcmp setsid",
    "memory": "process_vm_readv process_vm_writev process_madvise move_pages memfd_create"
    " memfd_secret userfaultfd pkey_mprotect mlock shmget msgget semget mq_open",
    "kernel": "mount umount2 pivot_root chroot unshare setns fsopen open_tree move_mount"
    " mount_setattr swapon reboot init_module finit_module kexec_load bpf perf_event_open"
    " fanotify_init io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key"
    " syslog iopl ioperm modify_ldt arch_prctl personality prctl seccomp"
    " landlock_create_ruleset landlock_restrict_self",
    "identity": "setuid capset sethostname setpriority setrlimit prlimit64 sched_setaffinity"
    " sched_setscheduler",
    "clock": "clock_settime settimeofday clock_adjtime adjtimex timer_create",
    "files": "openat2 open_by_handle_at mknodat linkat symlinkat fchmod fchmodat fchown fsetxattr"
    " utimensat flock chdir fchdir inotify_init1 getdents64 statx lseek renameat2 unlinkat"
    " mkdirat fdatasync syncfs ftruncate fallocate pwrite64",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process tries: its channels and the folders of the site, by their names.

    memory_bytes_max  what it may map at most; `other_pid` is a process that is not its own.
    """

    hears: Mapping[str, int]
    tells: Mapping[str, int]
    folders: Mapping[str, str]
    other_pid: int
    memory_bytes_max: int
    udp_to: Mapping[str, int] = field(default_factory=dict)
    udp_from: Mapping[str, int] = field(default_factory=dict)
    listener: int | None = None


Attempt = Callable[[], object]


class _Kept(socket.socket):
    """A socket by its number, looked at before the confinement; it never closes the number."""

    def __del__(self) -> None:
        self.detach()


def attempts(place: Place) -> Iterator[tuple[str, Attempt]]:
    """(name, attempt), in order; what takes something away, if it is possible, stands last."""
    for names in BAD_CALLS.values():
        for name in names.split():
            if name in NUMBERS:
                yield name, _bad_call(name)
    yield from _network()
    yield from _processes(place.other_pid)
    yield from _memory(place)
    yield from _one_way(place)
    yield from _files()
    for name, path in place.folders.items():
        yield f"read {name}/", _reading(path)
        yield f"write {name}/", _writing(path)
    yield "close a descriptor of its own", lambda: os.close(_some(place))
    yield "run a program", _execute


def _bad_call(name: str) -> Attempt:
    """EPERM can only come from a layer, ENOSYS too but for a kernel without the call; any other
    error is the kernel's, at wrong arguments."""

    def attempt() -> None:
        try:
            call(name, _BAD, _BAD, _BAD, _BAD, _BAD, _BAD)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOSYS):
                raise

    return attempt


def _network() -> Iterator[tuple[str, Attempt]]:
    """Real sockets, so that the layers behind seccomp have something to stop."""
    yield "reach the host's network", lambda: _socket(socket.SOCK_DGRAM, "connect")
    yield "connect by TCP", _connecting
    yield "connect to a Unix socket", _connecting_to_a_path
    yield "bind a TCP port", lambda: _socket(socket.SOCK_STREAM, "bind")


def _socket(kind: socket.SocketKind, act: str) -> None:
    with socket.socket(socket.AF_INET, kind) as made:
        getattr(made, act)(("127.0.0.1", 9 if act == "connect" else 0))


def _connecting() -> None:
    """A refusal by the port that nobody listens on comes after it was asked whether one may."""
    with contextlib.suppress(ConnectionRefusedError):
        _socket(socket.SOCK_STREAM, "connect")


def _connecting_to_a_path() -> None:
    """Of the one form that a role may have the right to; nobody is there."""
    with (
        contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as made,
    ):
        made.connect("/nobody.is.here")


def _processes(other_pid: int) -> Iterator[tuple[str, Attempt]]:
    yield "fork a process", lambda: _end_child(os.fork())
    if "fork" in NUMBERS:
        yield "fork by the older call", lambda: _end_child(call("fork"))
    yield "start a thread", threading.Thread(target=int).start
    yield "signal another process", lambda: os.kill(other_pid, 0)
    # its parent, which for a copy is the process itself: nobody else traces that meanwhile
    yield "trace another process", lambda: call("ptrace", _PTRACE_SEIZE, os.getppid(), 0, 0)
    yield "read another's memory", lambda: _read_memory(other_pid)
    yield "open another's memory", _opening(f"/proc/{other_pid}/mem", os.O_RDWR)
    yield "open another's environment", _opening(f"/proc/{other_pid}/environ", os.O_RDONLY)
    yield "list another's descriptors", lambda: os.listdir(f"/proc/{other_pid}/fd")
    yield "list all processes", lambda: os.listdir("/proc")


def _end_child(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _read_memory(pid: int) -> None:
    """EFAULT comes after the right was asked for: it is possible then."""
    here = ctypes.create_string_buffer(8)
    mine = (ctypes.c_size_t * 2)(ctypes.addressof(here), 8)
    theirs = (ctypes.c_size_t * 2)(_EFAULT_AT, 8)
    try:
        call("process_vm_readv", pid, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def _memory(place: Place) -> Iterator[tuple[str, Attempt]]:
    too_much, within = place.memory_bytes_max + 2**30, place.memory_bytes_max // 4
    yield "map executable memory", lambda: _map(mmap.PROT_READ | mmap.PROT_EXEC, 4096)
    yield "make memory executable", _make_executable
    yield "map more memory than its bound", lambda: _map(0, too_much)
    yield "map memory within its bound", lambda: _map(_READ_WRITE, within)


def _map(protection: int, size: int) -> None:
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=protection).close()


def _make_executable() -> None:
    with mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as page:
        pinned = ctypes.c_char.from_buffer(page)
        try:
            call("mprotect", ctypes.addressof(pinned), 4096, 5)
        finally:
            del pinned


def _one_way(place: Place) -> Iterator[tuple[str, Attempt]]:
    """Each channel in its direction and against it, and what could put another in its place."""
    for name, number in place.hears.items():
        yield f"hear {name}", _hearing(number)
        yield f"tell {name}, which it hears", _telling(number)
    for name, number in place.tells.items():
        yield f"tell {name}", _telling(number)
        if name != FEED:  # of datagrams: silence and a side that is shut down look the same
            yield f"hear {name}, which it tells", _hearing(number)
    for name, number in place.udp_to.items():
        yield f"send by {name}", _telling(number)
        yield f"receive by {name}, by which it sends", _hearing(number)
        yield f"receive by {name} by readv at -1", partial(_read_at_no_place, number)
    for name, number in place.udp_from.items():
        yield f"receive by {name}", _hearing(number)
        yield f"send by {name}, by which it receives", _telling(number)
        yield f"send by {name}, by which it receives, to an address", _sending(number)
        yield f"write to {name}, by which it receives", partial(os.write, number, b"x")
    if place.listener is not None:
        yield "accept a connection", _accepting(place.listener)
    some = _some(place)
    yield "copy a descriptor", lambda: os.close(fcntl.fcntl(some, fcntl.F_DUPFD_CLOEXEC, 100))
    yield "lock a descriptor", lambda: fcntl.flock(some, fcntl.LOCK_SH | fcntl.LOCK_NB)
    yield "set a descriptor's flags", lambda: os.set_blocking(some, os.get_blocking(some))


def _some(place: Place) -> int:
    """One of its own descriptors."""
    return next(iter({**place.tells, **place.hears}.values()), 2)


def _hearing(number: int) -> Attempt:
    """Nothing there now is as good as something; the end of what was shut down is a refusal."""
    end = _Kept(fileno=number)

    def attempt() -> None:
        try:
            if not end.recvmsg(1, 0, _NONBLOCK | socket.MSG_PEEK)[0]:
                raise OSError(errno.ESHUTDOWN, "the socket is shut down this way")
        except BlockingIOError:
            return

    return attempt


def _telling(number: int) -> Attempt:
    end = _Kept(fileno=number)

    def attempt() -> None:
        try:
            end.sendmsg([b"?"], [], _NONBLOCK)
        except (BlockingIOError, ConnectionRefusedError):
            return
        except OSError as error:
            if error.errno != errno.EDESTADDRREQ:  # it may send, and has nobody to send to
                raise

    return attempt


def _sending(number: int) -> Attempt:
    end = _Kept(fileno=number)
    return lambda: end.sendto(b"?", _NONBLOCK, ("127.0.0.1", 9))


def _read_at_no_place(number: int) -> None:
    """`preadv2` at offset -1 is `readv`, which reads sockets as well."""
    try:
        os.preadv(number, [bytearray(1)], -1, os.RWF_NOWAIT)
    except BlockingIOError:
        return


def _accepting(number: int) -> Attempt:
    """The caller has connected before, so that this does not wait."""
    end = _Kept(fileno=number)
    return lambda: end.accept()[0].close()


def _files() -> Iterator[tuple[str, Attempt]]:
    yield "read a file of the host", _opening("/etc/passwd", os.O_RDONLY)
    yield "name a path without opening it", _opening("/", os.O_PATH)
    yield "list the root directory", lambda: os.listdir("/")
    yield "look at a path", lambda: os.stat("/etc/passwd")
    for directory in _WRITABLE_BY_ALL:
        yield f"make a file in {directory}", _opening(directory, os.O_RDWR | os.O_TMPFILE)


def _opening(path: str, flags: int) -> Attempt:
    return lambda: os.close(os.open(path, flags | os.O_CLOEXEC, 0o600))


def _reading(path: str) -> Attempt:
    return lambda: os.listdir(path)


def _writing(path: str) -> Attempt:
    """Make a file, fill it, make it durable, rename and remove it."""

    def attempt() -> None:
        made = f"{path}/.trial-{os.getpid()}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"?")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(made, f"{made}-2")
        os.unlink(f"{made}-2")

    return attempt


def _execute() -> None:
    """EFAULT, for the arguments' address, comes after the file could be opened to be run."""
    program = ctypes.create_string_buffer(b"/bin/true")
    try:
        call("execve", ctypes.addressof(program), _EFAULT_AT, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise
