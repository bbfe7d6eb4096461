"""Namespaces by system call: made, entered, mapped; nothing is written anywhere but in /proc.

Takes and gives descriptors; a namespace lives as long as one is open or a process is in it. Raises
`OSError` where the kernel refuses. A process that calls `new_user_namespace` or joins one must have
one thread, so no module that starts threads (NumPy's does) may be loaded there.
See namespaces(7), user_namespaces(7), pid_namespaces(7), prctl(2).
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

NEWNS = 0x00020000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

_PR_SET_PDEATHSIG = 1
_MS_REC_PRIVATE = 0x4000 | 0x40000
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """This process goes into new namespaces (with NEWPID: its next children do)."""
    _checked(_LIBC.unshare(flags))


def join(descriptor: int, flag: int) -> None:
    """This thread goes into the namespace (with NEWPID: its next children do)."""
    _checked(_LIBC.setns(descriptor, flag))


def this_namespace(kind: str) -> int:
    """A descriptor of this thread's namespace; kind: `net`, `user`, `mnt`, `pid`."""
    return os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside(network: int) -> Iterator[None]:
    """This thread is in the network namespace: sockets and processes made now belong there."""
    before = this_namespace("net")
    try:
        join(network, NEWNET)
        yield
    finally:
        join(before, NEWNET)
        os.close(before)


def new_network() -> int:
    """A descriptor of a new, empty network namespace.

    Made by a thread of its own: where going back is refused, it is not this one that is stranded.
    """

    def make() -> int:
        before = this_namespace("net")
        try:
            unshare(NEWNET)
            made = this_namespace("net")
            join(before, NEWNET)
        finally:
            os.close(before)
        return made

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def become_namespace_root() -> None:
    """This process is user 0 of a new user namespace that knows its own user and no other."""
    user, group = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    write_maps(os.getpid(), f"0 {user} 1\n", f"0 {group} 1\n")


def become_user(user: int, group: int) -> None:
    """From user 0 of a namespace to a user without rights over it, in one more namespace."""
    unshare(NEWUSER)
    write_maps(os.getpid(), f"{user} 0 1\n", f"{group} 0 1\n")


def write_maps(pid: int, users: str, groups: str) -> None:
    """Which users and groups a process in a new user namespace has."""
    folder = Path(f"/proc/{pid}")
    if len(users.splitlines()) == 1 and users.split()[2] == "1":
        (folder / "setgroups").write_text("deny")  # without privilege the group map needs it
    (folder / "uid_map").write_text(users)
    (folder / "gid_map").write_text(groups)


def all_of_this(kind: str) -> str:
    """A map that gives a new user namespace what this one has; kind: `uid` or `gid`."""
    lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    rows = [line.split() for line in lines]
    return "".join(f"{inner} {inner} {count}\n" for inner, _, count in rows)


def die_with(parent: int | None) -> None:
    """The kernel kills this process when its parent ends.

    parent: ends at once if another is the parent by now; None: the parent is not to be seen from
    here, as in a new process namespace
    """
    _checked(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def leave_terminal() -> None:
    """Standard input, output and error are the null device from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)


def see_own_processes() -> None:
    """In new mount and process namespaces: /proc shows these processes and no others.

    Where the host does not let it be mounted (a container that hides parts of /proc) it stays.
    """
    _checked(_LIBC.mount(None, b"/", None, _MS_REC_PRIVATE, None))
    with suppress(OSError):
        _checked(_LIBC.mount(b"proc", b"/proc", b"proc", _MS_NOSUID_NODEV_NOEXEC, None))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
