"""Seccomp: the list of system calls that a process keeps, as a BPF program of our own making.

Takes groups of calls and descriptor numbers, gives a program, installs it; may restrict the
calling process and nothing else. Follows the kernel's `seccomp(2)` and `linux/filter.h`.

Everything not listed is refused with EPERM (so that Python and the self-test survive); a call of
another architecture or of the x32 kind kills the process. Calls whose arguments are looked at
stand first, busiest first; the others cost nothing in use, for the kernel finds once that they
are allowed whatever their arguments (its action cache) and does not run the program for them.

The descriptor numbers of `recvmsg`, `sendmsg`, `read`, `write` and their kin are checked, and the
role's own numbers cannot be closed, so that no descriptor that a neighbour passes can take the
place of one (design: one way, as far as software can). `preadv2` and `pwritev2` are checked like
`readv` and `writev`, as which they act at offset -1. `pread64` is free: a socket and a pipe
refuse it, so it reaches only files and memfds that the process holds anyway.
"""

import ctypes
import errno
import fcntl
import os
import signal
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from guard.edge.system_calls import MACHINE, NUMBERS, call

DESCRIPTORS_MAX = 200


class Calls(StrEnum):
    """The groups a role's row may name."""

    BASE = "base"  # its descriptors, its memory, time, signals to itself, exit
    MEMFD = "memfd"  # make and seal a memfd
    READ_FILES = "read-files"  # open for reading (Landlock says where)
    WRITE_FILES = "write-files"  # open for writing, rename, remove, sync
    INOTIFY = "inotify"  # watch directories
    UDP_SEND = "udp-send"  # its internet datagram socket is written and never read
    UDP_RECEIVE = "udp-receive"  # its internet datagram socket is read and never written
    UNIX_LISTEN = "unix-listen"  # accept on a listening socket it was given
    UNIX_CONNECT = "unix-connect"  # connect by Unix streams, to what it can name
    FORK = "fork"  # start a child, wait for it, kill it; the child confines itself further
    THREADS = "threads"  # start a thread of its own: it is confined as the one that starts it


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The numbers a process keeps: all of them, those it must not read, those it must not write."""

    kept: frozenset[int]
    never_read: frozenset[int] = frozenset()
    never_written: frozenset[int] = frozenset()


Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
Program = list[Instruction]

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_NO_CALL = 0xFFFFFFFF

_ALLOW: Instruction = (_RETURN, 0, 0, 0x7FFF0000)
_DENY: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
_UNKNOWN: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)
_KILL: Instruction = (_RETURN, 0, 0, 0x80000000)

_SET_MODE_FILTER = 1
# No speculation mitigation by the filter: it guards code of one process from its own other code,
# here each process is one trust domain, and on kernels before 5.16 it slows every instruction.
_FLAG_SPEC_ALLOW = 1 << 2

_PROT_EXEC = 4
_PR_SET_PDEATHSIG = 1
_AS_FORK_DOES = 0x01200011  # CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, SIGCHLD: no thread, no share
# CLONE_VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID: the C library's
_AS_A_THREAD_DOES = 0x003D0F00
_AT_EMPTY_PATH = 0x1000
_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC

_PLAIN = {
    Calls.BASE: (
        "futex poll ppoll select pselect6 epoll_wait epoll_pwait epoll_ctl epoll_create1"
        " brk munmap mremap madvise pread64 preadv fstat"
        " clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday getrandom getrusage"
        " rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending sigaltstack restart_syscall"
        " getpid gettid getppid getuid geteuid getgid getegid sched_yield exit exit_group"
    ),
    Calls.MEMFD: "memfd_create ftruncate pwrite64 pwritev",
    Calls.READ_FILES: "newfstatat statx getdents64 lseek readlink readlinkat",
    Calls.WRITE_FILES: (
        "pwrite64 pwritev fdatasync fsync syncfs sync_file_range fallocate ftruncate newfstatat"
        " lseek rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir"
    ),
    Calls.INOTIFY: "inotify_init1 inotify_add_watch inotify_rm_watch",
    Calls.UDP_SEND: "getsockopt getsockname",
    Calls.UDP_RECEIVE: "getsockopt getsockname",
    Calls.UNIX_LISTEN: "getsockopt getsockname shutdown",
    Calls.UNIX_CONNECT: "",
    Calls.FORK: "wait4 rt_sigtimedwait",
    Calls.THREADS: "set_robust_list rseq",
}
_RECEIVING = ("recvmsg", "recvfrom")
_SENDING = ("sendmsg", "sendto")
_HOT = ("recvmsg", "sendmsg", "read", "write", "mmap", "close", "sendto", "recvfrom")


def program(calls: Iterable[Calls], descriptors: Descriptors) -> Program:
    """The filter for these groups and descriptor numbers on the machine we run on.

    Raises `OSError` (ENOSYS) on a machine whose calls are not known, `ValueError` when there are
    more than `DESCRIPTORS_MAX` descriptors.
    """
    if MACHINE not in _AUDIT_ARCHITECTURE:
        raise OSError(errno.ENOSYS, f"no list of system calls for {MACHINE}")
    if len(descriptors.kept) > DESCRIPTORS_MAX:
        raise ValueError(f"a role keeps at most {DESCRIPTORS_MAX} descriptors")
    groups = frozenset(calls) | {Calls.BASE}
    checked = _checked(groups, descriptors)
    plain = {name for group in groups for name in _PLAIN[group].split()} - checked.keys()
    written: Program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[MACHINE]),
        _KILL,
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for name in sorted(checked, key=lambda name: (_HOT.index(name) if name in _HOT else 99, name)):
        written += _when(name, checked[name])
    for name in sorted(plain):
        written += _when(name, [_ALLOW])
    if MACHINE == "x86_64":
        # -1 is no call: what a tracer puts in the place of one that it makes fail.
        written += [(_EQUAL, 2, 0, _NO_CALL), (_AT_LEAST, 0, 1, _X32_BIT), _KILL]
    return [*written, _DENY]


def install(filter_program: Program) -> None:
    """Put the filter on this process, for ever. Needs `no_new_privs`. Raises `OSError`."""
    put_on(ready(filter_program))


def ready(filter_program: Program) -> "Ready":
    """The program as the kernel takes it: for who installs it more than once."""
    array = (_Filter * len(filter_program))(*(_Filter(*each) for each in filter_program))
    return Ready(_Head(len(filter_program), ctypes.addressof(array)), array)


def put_on(filter_ready: "Ready") -> None:
    """`install` of what `ready` gave."""
    head = ctypes.addressof(filter_ready.head)
    call("seccomp", _SET_MODE_FILTER, _FLAG_SPEC_ALLOW, head)


def _checked(groups: frozenset[Calls], descriptors: Descriptors) -> dict[str, Program]:
    """The calls whose arguments are looked at, each with the end of the program for it.

    A role that opens files cannot know their numbers, so it may read (write) any descriptor but
    the socket that it must never read (write); the same for connections that it accepts or makes.
    """
    read = descriptors.kept - descriptors.never_read
    written = descriptors.kept - descriptors.never_written
    rules: dict[str, Program] = {}
    for name in (*_RECEIVING, "read", "readv"):
        rules[name] = _one_of(0, read)
    for name in (*_SENDING, "write", "writev"):
        rules[name] = _one_of(0, written)
    if Calls.UNIX_LISTEN in groups:
        rules["accept4"] = _one_of(0, read)
    if Calls.UNIX_CONNECT in groups:
        rules["socket"] = _both(socket.AF_UNIX, _STREAM)
        rules["connect"] = _none_of(0, descriptors.kept)
        rules["recvfrom"] = _none_of(0, descriptors.never_read)
        rules["sendto"] = _none_of(0, descriptors.never_written)  # but not sendmsg: no descriptor
    if groups & {Calls.UNIX_LISTEN, Calls.READ_FILES}:
        rules["read"] = rules["readv"] = _none_of(0, descriptors.never_read)
    if groups & {Calls.UNIX_LISTEN, Calls.WRITE_FILES}:
        rules["write"] = rules["writev"] = _none_of(0, descriptors.never_written)
    # Python's preadv and pwritev are these; at offset -1 they read and write sockets as well.
    if Calls.READ_FILES in groups:
        rules["preadv2"] = rules["readv"]
    if Calls.WRITE_FILES in groups:
        rules["preadv2"], rules["pwritev2"] = rules["readv"], rules["writev"]
    if Calls.UNIX_LISTEN in groups:
        rules.update({name: _none_of(0, descriptors.never_read) for name in _RECEIVING})
        rules.update({name: _none_of(0, descriptors.never_written) for name in _SENDING})
    rules["sendto"] = _without_address(4, rules["sendto"])
    rules["close"] = _none_of(0, descriptors.kept)
    rules["mmap"] = rules["mprotect"] = _no_bit(2, _PROT_EXEC)
    commands = {fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_GET_SEALS}
    rules["fcntl"] = _one_of(1, commands | _seals(groups))
    if Calls.WRITE_FILES in groups:
        rules["openat"] = _no_bit(2, os.O_PATH)
    elif Calls.READ_FILES in groups:
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        rules["openat"] = _no_bit(2, os.O_PATH | writing)
    if not groups & {Calls.READ_FILES, Calls.WRITE_FILES}:
        rules["newfstatat"] = _has_bit(3, _AT_EMPTY_PATH)  # glibc's fstat
    if Calls.FORK in groups:
        rules |= _forking()
    ways = {Calls.FORK: _AS_FORK_DOES, Calls.THREADS: _AS_A_THREAD_DOES}
    if given := [flags for group, flags in ways.items() if group in groups]:
        rules["clone"] = _one_of(0, given)
    if Calls.THREADS in groups:
        rules["clone3"] = [_UNKNOWN]  # then the C library starts its threads by clone
    return rules


def _forking() -> dict[str, Program]:
    """To start a child, to kill one, and what a child needs to give up more than its parent."""
    return {
        "kill": _one_of(1, [signal.SIGKILL]),
        "prctl": _one_of(0, [_PR_SET_PDEATHSIG]),
        "prlimit64": _one_of(0, [0]),  # its own limits, which can only be lowered
        "seccomp": _one_of(0, [_SET_MODE_FILTER]),
    }


def _seals(groups: frozenset[Calls]) -> set[int]:
    return {fcntl.F_ADD_SEALS} if Calls.MEMFD in groups else set()


def _when(name: str, end: Program) -> Program:
    """`end`, which returns, for this call; any other call goes on after it."""
    if name not in NUMBERS:
        return []
    return [(_EQUAL, 0, len(end), NUMBERS[name]), *end]


def _low(argument: int) -> Instruction:
    """Load an argument's low word: the kernel itself takes descriptors and flags as 32 bits."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)


def _high(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument + 4)


def _one_of(argument: int, values: Iterable[int]) -> Program:
    return _choose(argument, values, hit=_ALLOW, miss=_DENY)


def _none_of(argument: int, values: Iterable[int]) -> Program:
    return _choose(argument, values, hit=_DENY, miss=_ALLOW)


def _choose(
    argument: int, values: Iterable[int], *, hit: Instruction, miss: Instruction
) -> Program:
    listed = sorted(values)
    if not listed:
        return [miss]
    tests = [(_EQUAL, len(listed) - at, 0, value) for at, value in enumerate(listed)]
    return [_low(argument), *tests, miss, hit]


def _both(first: int, second: int) -> Program:
    """Allowed with exactly these as the first two arguments."""
    return [_low(0), (_EQUAL, 0, 2, first), _low(1), (_EQUAL, 1, 0, second), _DENY, _ALLOW]


def _no_bit(argument: int, bits: int) -> Program:
    return [_low(argument), (_ANY_BIT, 1, 0, bits), _ALLOW, _DENY]


def _has_bit(argument: int, bits: int) -> Program:
    return [_low(argument), (_ANY_BIT, 0, 1, bits), _ALLOW, _DENY]


def _without_address(argument: int, end: Program) -> Program:
    """`end` when the pointer argument is null, else a refusal: no destination can be named."""
    return [
        _low(argument),
        (_EQUAL, 0, 2, 0),
        _high(argument),
        (_EQUAL, 1, 0, 0),
        _DENY,
        *end,
    ]


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jump_true", ctypes.c_uint8),
        ("jump_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Head(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Ready:
    """A filter in the kernel's form; `array` is what `head` points at."""

    head: _Head
    array: "ctypes.Array[_Filter]"
