"""The sandbox: a process gives up, for ever, all that its role does not need.

Takes a `Confinement`, gives a `Report` of the layers in force. Called once by a role after its
imports and before its first message, with one thread running. Order matters and is this:
descriptors, limits, network, an empty root, user, no new privileges, Landlock, and seccomp last,
for each step needs what the next takes away. Design: docs/architecture.md, sandbox.
"""

import ctypes
import errno
import os
import resource
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from guard.edge import landlock, seccomp
from guard.edge.confinement import Confinement, Layer, Report, State
from guard.edge.sandbox_probe import self_test
from guard.edge.seccomp import Calls
from guard.edge.system_calls import call
from schemas.errors import Broken
from schemas.reasons import Reason

__all__ = [
    "Calls",
    "Confinement",
    "Layer",
    "Report",
    "State",
    "confine",
    "confine_by",
    "open_descriptors",
    "self_test",
]

_CLONE_NEWUTS, _CLONE_NEWIPC, _CLONE_NEWNET = 0x04000000, 0x08000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_GET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 2, 4, 38
_PERSONALITY_ASK, _READ_IMPLIES_EXEC = 0xFFFFFFFF, 0x0400000
_CAPABILITY_VERSION_3 = 0x20080522
_UDP = frozenset({Calls.UDP_SEND, Calls.UDP_RECEIVE})
_FILE_MODE_MASK = 0o027  # what a role creates is its own to write and its group's to read
_ABSENT = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM})


def open_descriptors() -> frozenset[int]:
    """The descriptors that are open now: for a role that was given only its own and whose
    preparation opened more (journals, directories, a watch)."""
    with os.scandir("/proc/self/fd") as entries:
        numbers = [int(entry.name) for entry in entries]
    return frozenset(number for number in numbers if _is_open(number))


def confine(confinement: Confinement) -> Report:
    """Put every layer on. The caller refuses to go on when `Report.missing` is not empty.

    Raises `Broken` (SANDBOX_MISSING) when the process cannot be confined as asked: it has more
    than one thread, a descriptor is not open or is an internet socket the role does not own, a
    directory is not there, or the change of user fails. A process that got this error must exit.
    """
    _refuse_unfit_process()
    never = _one_way_descriptors(confinement)
    root = os.geteuid() == 0
    os.umask(_FILE_MODE_MASK)
    try:
        _keep_descriptors(confinement.descriptors)
        layers = [
            _limits(confinement),
            _network(confinement, root),
            _empty_root(confinement, root),
            _user(confinement, root),
            _no_new_privileges(),
        ]
        abi, files = _files(confinement)
        layers += [files, _calls(confinement, never)]
    except OSError as error:
        raise Broken(Reason.SANDBOX_MISSING, f"this process cannot be confined: {error}") from error
    return Report(tuple(layers), abi)


def confine_by(confinement: Confinement, layer: str) -> bool:
    """Put one layer on and no other, to try what it stops alone; whether it could be.

    Only for a process that is a copy made to try this (`guard.trial`): it is not confined.
    """
    root = os.geteuid() == 0
    never = _one_way_descriptors(confinement)
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    layers: dict[str, Callable[[], Layer]] = {
        "limits": lambda: _limits(confinement),
        "network namespace": lambda: _network(confinement, root),
        "empty root": lambda: _empty_root(confinement, root),
        "user": lambda: _user(confinement, root),
        "privileges": _no_new_privileges,
        "landlock": lambda: _files(confinement)[1],
        "seccomp": lambda: _calls(confinement, never),
    }
    if layer == "descriptors":
        _keep_descriptors(confinement.descriptors)
        return True
    return layers[layer]().state is State.ON


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # the listing's own
        return False
    return True


def _refuse_unfit_process() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise Broken(
            Reason.SANDBOX_MISSING,
            f"{threads} threads run, and only one of them would be confined"
            " (set OPENBLAS_NUM_THREADS=1 before numpy is imported)",
        )
    if call("personality", _PERSONALITY_ASK) & _READ_IMPLIES_EXEC:
        raise Broken(Reason.SANDBOX_MISSING, "readable memory of this process is executable")


def _one_way_descriptors(confinement: Confinement) -> seccomp.Descriptors:
    """Find the internet sockets among the descriptors and which way each may be used."""
    datagram: set[int] = set()
    for number in confinement.descriptors:
        try:
            found = socket.socket(fileno=number)
        except OSError as error:
            if error.errno != errno.ENOTSOCK:
                raise Broken(Reason.SANDBOX_MISSING, f"descriptor {number} is not open") from error
            continue
        family, kind = found.family, found.type
        found.detach()
        if family == socket.AF_UNIX:
            continue
        if kind == socket.SOCK_STREAM and Calls.UNIX_LISTEN in confinement.calls:
            continue
        if kind != socket.SOCK_DGRAM or not confinement.calls & _UDP:
            raise Broken(
                Reason.SANDBOX_MISSING, f"descriptor {number} is a socket this role may not own"
            )
        datagram.add(number)
    nothing: frozenset[int] = frozenset()
    sends = Calls.UDP_SEND in confinement.calls
    return seccomp.Descriptors(
        kept=confinement.descriptors,
        never_read=frozenset(datagram) if sends else nothing,
        never_written=nothing if sends else frozenset(datagram),
    )


def _network(confinement: Confinement, root: bool) -> Layer:
    name = "network namespace"
    if not confinement.network_namespace:
        return Layer(name, State.NOT_ASKED, "the role owns a network socket")
    if not root:
        return Layer(name, State.NOT_ROOT, "shares the host's network, in which it has no socket")
    return _try(
        name,
        "a network, IPC and host name of its own, all empty",
        lambda: call("unshare", _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS),
    )


def _empty_root(confinement: Confinement, root: bool) -> Layer:
    """For a role with no files: a root directory that is empty and already removed, or the one
    directory that it must name something in."""
    name = "empty root"
    if confinement.read or confinement.write:
        return Layer(name, State.NOT_ASKED, "the role works on files")
    if not root:
        return Layer(name, State.NOT_ROOT, "sees the host's root directory, and may open nothing")
    if (folder := confinement.root) is not None:
        return _try(name, f"its root directory is {folder}", lambda: _enter(folder))
    return _try(name, "its root directory is empty and removed", _enter_removed_directory)


def _enter(folder: Path) -> None:
    os.chdir(folder)
    os.chroot(".")


def _enter_removed_directory() -> None:
    path = tempfile.mkdtemp(prefix="checkvalve-")
    os.chdir(path)
    os.rmdir(path)
    os.chroot(".")


def _keep_descriptors(kept: frozenset[int]) -> None:
    """Close all others; 0, 1 and 2 lead to the null device instead, lest a new file take them."""
    missing = [number for number in (0, 1, 2) if number not in kept]
    edges = sorted(kept | {0, 1, 2})
    for low, high in zip(edges, [*edges[1:], 2**31], strict=True):
        if high - low > 1:
            call("close_range", low + 1, high - 1, 0)
    if missing:
        null = os.open("/dev/null", os.O_RDWR)
        for number in missing:
            os.dup2(null, number)
        if null not in missing:
            os.close(null)


def _limits(confinement: Confinement) -> Layer:
    with open("/proc/self/statm", "rb") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: mapped + confinement.memory_bytes_max,
        resource.RLIMIT_NOFILE: confinement.files_max,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if Calls.MEMFD in confinement.calls and Calls.WRITE_FILES not in confinement.calls:
        limits[resource.RLIMIT_FSIZE] = confinement.memfd_bytes_max or confinement.memory_bytes_max
    if not confinement.calls & {Calls.FORK, Calls.THREADS}:
        limits[resource.RLIMIT_NPROC] = 0
    if confinement.cpu_seconds_max is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime) + 1
        limits[resource.RLIMIT_CPU] = spent + confinement.cpu_seconds_max
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))
    children = "children by fork" if Calls.FORK in confinement.calls else "no processes"
    if Calls.THREADS in confinement.calls:
        children += ", threads"
    return Layer(
        "limits",
        State.ON,
        f"{confinement.memory_bytes_max} more bytes of memory, {confinement.files_max} files,"
        f" {children}, no core dump",
    )


def _user(confinement: Confinement, root: bool) -> Layer:
    """The role's own user, and no capability. Keeps the parent-death signal, which a change of
    user would clear."""
    death_signal = ctypes.c_int(0)
    call("prctl", _PR_GET_PDEATHSIG, ctypes.addressof(death_signal), 0, 0, 0)
    if root and confinement.uid is not None and confinement.gid is not None:
        os.setgroups([])
        os.setresgid(confinement.gid, confinement.gid, confinement.gid)
        os.setresuid(confinement.uid, confinement.uid, confinement.uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    call("capset", ctypes.addressof(header), ctypes.addressof(none))
    call("prctl", _PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0)
    name = "user"
    if not root:
        return Layer(name, State.NOT_ROOT, f"shares user {os.geteuid()} with whoever started it")
    if confinement.uid is None:
        return Layer(name, State.NOT_ASKED, "stays root, without any capability")
    return Layer(name, State.ON, f"user {confinement.uid}, group {confinement.gid}, no other")


def _no_new_privileges() -> Layer:
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    return Layer("privileges", State.ON, "no new privileges, no capabilities, not dumpable")


def _files(confinement: Confinement) -> tuple[int, Layer]:
    abi = landlock.abi()
    if abi < 1:
        return 0, Layer("landlock", State.MISSING, "this kernel has no Landlock or it is off")
    if abi < landlock.ABI_RENAME_BETWEEN_DIRECTORIES and confinement.write:
        sentence = "this kernel's Landlock denies renames between directories (needs Linux 5.19)"
        return 0, Layer("landlock", State.MISSING, sentence)
    abi = landlock.restrict(confinement.read, confinement.write)
    lacks = [what for needed, what in ((4, "TCP"), (6, "signals")) if abi < needed]
    sentence = f"ABI {abi}: {len(confinement.read)} readable, {len(confinement.write)} writable"
    if lacks:
        sentence += f"; this kernel's Landlock does not know {', '.join(lacks)}"
    return abi, Layer("landlock", State.ON, sentence)


def _calls(confinement: Confinement, never: seccomp.Descriptors) -> Layer:
    program = seccomp.program(confinement.calls, never)
    groups = " ".join(sorted(confinement.calls | {Calls.BASE}))
    return _try("seccomp", f"allows {groups}", lambda: seccomp.install(program))


def _try(name: str, sentence: str, act: Callable[[], object]) -> Layer:
    """Do it; what the host does not offer is a layer that is missing, and the report says why."""
    try:
        act()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        return Layer(name, State.MISSING, f"this host refuses it ({error.strerror})")
    return Layer(name, State.ON, sentence)
