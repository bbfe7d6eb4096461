"""The sandbox's self-test: inside the confined process, try what must not be possible.

Takes the `Confinement` that `confine` was given, gives nothing when every attempt was refused;
raises `Broken` (SANDBOX_MISSING) naming the first that was not. A system call is tried with
arguments that could do no harm and would get another error from the kernel (a bad descriptor, a
bad address): EPERM for them can only come from the filter. Files are tried for real.
"""

import errno
import os
from collections.abc import Callable, Iterator

from guard.edge.confinement import Confinement
from guard.edge.seccomp import Calls
from guard.edge.system_calls import NUMBERS, call
from schemas.errors import Broken
from schemas.reasons import Reason

_BAD = -1
_AS_A_THREAD = 0x10F00  # and so with memory, files and signals in common
_PROT_READ_EXEC, _MAP_PRIVATE_ANONYMOUS = 5, 0x22

# refused to every role; arguments are all -1
_NEVER = (
    "socket socketpair bind listen pipe2 dup dup3 recvmmsg sendmmsg setsockopt ioctl"
    " clone3 execve execveat ptrace process_vm_readv process_vm_writev mount chroot unshare bpf"
    " keyctl io_uring_setup io_uring_enter pidfd_open pidfd_getfd kill tgkill setuid capset prctl"
    " personality clock_settime fchmod fchmodat fchown fsetxattr utimensat flock linkat symlinkat"
    " openat2 close_range pkey_mprotect seccomp"
)
_ONLY_WITH = {
    "connect": Calls.UNIX_CONNECT,
    "memfd_create": Calls.MEMFD,
    "getdents64": Calls.READ_FILES,
    "renameat2": Calls.WRITE_FILES,
    "unlinkat": Calls.WRITE_FILES,
    "syncfs": Calls.WRITE_FILES,
    "inotify_init1": Calls.INOTIFY,
    "accept4": Calls.UNIX_LISTEN,
}
_WRITABLE_BY_ALL = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # tried, never used


def self_test(confinement: Confinement) -> None:
    """Raises `Broken` when anything that this confinement forbids is possible."""
    for name, attempt in _attempts(confinement):
        try:
            attempt()
        except OSError as error:
            if error.errno == errno.EPERM:
                continue
            reason = f"was refused with {errno.errorcode.get(error.errno or 0)}, not by the filter"
            raise Broken(Reason.SANDBOX_MISSING, f"{name} {reason}") from error
        raise Broken(Reason.SANDBOX_MISSING, f"{name} is possible in a confined process")
    for path, flags in _files(confinement):
        _try_file(path, flags)


def _attempts(confinement: Confinement) -> Iterator[tuple[str, Callable[[], object]]]:
    for name in _NEVER.split():
        if name in NUMBERS and not (name == "clone3" and Calls.THREADS in confinement.calls):
            yield name, _bad_call(name)
    for name, group in _ONLY_WITH.items():
        if group not in confinement.calls:
            yield name, _bad_call(name)
    if Calls.FORK not in confinement.calls:
        yield "fork", lambda: _fork(os.fork)
    yield "a child with its memory", lambda: call("clone", _AS_A_THREAD, _BAD, 0, 0, 0)
    if "fork" in NUMBERS:  # the C library's fork is a clone
        yield "the older fork", lambda: _fork(lambda: call("fork"))
    yield "a signal to the parent", lambda: os.kill(os.getppid(), 0)
    yield "executable memory", _map_executable
    stranger = max(confinement.descriptors, default=0) + 1
    if Calls.UNIX_LISTEN not in confinement.calls:
        yield "recvmsg on another descriptor", lambda: call("recvmsg", stranger, 0, 0)
        yield "sendmsg on another descriptor", lambda: call("sendmsg", stranger, 0, 0)
    for kept in sorted(confinement.descriptors):
        yield f"closing descriptor {kept}", _closing(kept)


def _closing(descriptor: int) -> Callable[[], object]:
    return lambda: os.close(descriptor)


def _bad_call(name: str) -> Callable[[], object]:
    return lambda: call(name, _BAD, _BAD, _BAD, _BAD, _BAD, _BAD)


def _fork(make_process: Callable[[], int]) -> None:
    if make_process() == 0:
        os._exit(0)


def _map_executable() -> None:
    size = 4096
    address = call("mmap", 0, size, _PROT_READ_EXEC, _MAP_PRIVATE_ANONYMOUS, _BAD, 0)
    call("munmap", address, size)


def _files(confinement: Confinement) -> Iterator[tuple[str, int]]:
    """Paths no role may open, and ways no role may open them."""
    yield "/etc/passwd", os.O_RDONLY
    yield f"/proc/{os.getppid()}/mem", os.O_RDWR
    yield "/", os.O_RDONLY | os.O_DIRECTORY
    for directory in _WRITABLE_BY_ALL:
        if not any(path.is_relative_to(directory) for path in confinement.write):
            yield directory, os.O_RDWR | os.O_TMPFILE
    for path in confinement.read:
        if path not in confinement.write:
            yield str(path), os.O_RDWR | os.O_TMPFILE


def _try_file(path: str, flags: int) -> None:
    try:
        os.close(os.open(path, flags | os.O_CLOEXEC, 0o600))
    except OSError:
        return
    raise Broken(Reason.SANDBOX_MISSING, f"{path} can be opened in a confined process")
