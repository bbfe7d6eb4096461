"""The sandbox in real processes: what is not listed is impossible, and the report says so."""

import ctypes
import fcntl
import mmap
import os
import platform
import resource
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from guard.edge import landlock
from guard.edge.sandbox import Calls, Confinement, State, confine, self_test
from guard.edge.system_calls import call
from schemas.errors import Broken

MIB = 2**20
InChild = Callable[..., str]
Rights = Callable[..., Confinement]
Attempts = dict[str, Callable[[], object]]
Working = Callable[[Attempts], str]

pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


def forbidden(kept: int, stranger: int) -> Attempts:
    unix = (socket.AF_UNIX, socket.SOCK_STREAM)
    return {
        "open-to-read": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "open-to-write": lambda: os.open(f"/tmp/checkvalve-{os.getpid()}", os.O_RDWR | os.O_CREAT),
        "list": lambda: os.listdir("/"),
        "socket": lambda: socket.socket(*unix),
        "socketpair": socket.socketpair,
        "pipe": os.pipe,
        "dup": lambda: os.dup(kept),
        "dup2": lambda: os.dup2(kept, 60),
        "dup-by-fcntl": lambda: fcntl.fcntl(kept, fcntl.F_DUPFD, 50),
        "close-own": lambda: os.close(kept),
        "fork": lambda: os.fork() or os._exit(0),
        "thread": threading.Thread(target=int).start,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "kill": lambda: os.kill(os.getppid(), 0),
        "setuid": lambda: os.setuid(0),
        "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "memfd": lambda: os.memfd_create("m"),
        "chmod": lambda: os.fchmod(kept, 0o777),
        "chown": lambda: os.fchown(kept, -1, -1),
        "utime": lambda: os.utime(kept),
        "xattr": lambda: os.setxattr(kept, "user.a", b"1"),
        "flock": lambda: fcntl.flock(kept, fcntl.LOCK_SH),
        "record-lock": lambda: fcntl.lockf(kept, fcntl.LOCK_SH),
        "seek": lambda: os.lseek(kept, 0, os.SEEK_CUR),
        "ptrace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
        "parent-memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR),
        "mount": lambda: call("mount", 0, 0, 0, 0, 0),
        "executable": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
        "read-stranger": lambda: os.read(stranger, 1),
        "write-stranger": lambda: os.write(stranger, b"x"),
        "limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        "nice": lambda: os.nice(1),
        "chdir": lambda: os.chdir("/"),
    }


def test_nothing_that_is_not_listed_is_possible(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    def act(kept: int) -> str:
        confinement = rights(kept)
        confine(confinement)
        self_test(confinement)
        return working(forbidden(kept, stranger=0))

    assert in_child(act, user) == ""


def test_who_may_start_threads_may_start_nothing_else_and_they_are_confined_too(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    def act(kept: int) -> str:
        confinement = rights(kept, calls=(Calls.THREADS,))
        confine(confinement)
        self_test(confinement)
        worked = [working(forbidden(kept, stranger=0))]
        attempts = forbidden(kept, stranger=0)
        del attempts["thread"]  # one object, which starts once
        there = threading.Thread(target=lambda: worked.append(working(attempts)))
        there.start()
        there.join()
        for flags in (0x10F00, 0x4111):  # one that shares all, and one as by vfork
            worked.append(working({"clone": partial(call, "clone", flags, 0, 0, 0, 0)}))
        return "; ".join(worked)

    assert in_child(act, user) == "thread; ; ; "


def test_unconfined_the_same_attempts_work_so_that_the_test_above_means_something(
    in_child: InChild, working: Working
) -> None:
    harmless = ["open-to-read", "list", "socket", "pipe", "dup", "memfd", "thread", "chdir"]

    def act(kept: int) -> str:
        attempts = forbidden(kept, stranger=0)
        return working({name: attempts[name] for name in harmless})

    assert in_child(act).split() == harmless


def test_limits_stop_memory_files_and_time(in_child: InChild, rights: Rights) -> None:
    def memory(kept: int) -> str:
        confine(rights(kept, memory_bytes_max=64 * MIB))
        try:
            mmap.mmap(-1, 128 * MIB)  # new memory: an allocator may have some left from before
        except OSError:
            return f"{len(bytearray(16 * MIB))}"
        return "unbounded"

    def files(kept: int) -> str:
        confine(rights(kept, calls=(Calls.MEMFD,), files_max=kept + 8))
        try:
            return f"unbounded {[os.memfd_create('m') for _ in range(kept + 50)]}"
        except OSError as error:
            return str(error.strerror)

    def endless(kept: int) -> str:
        confine(rights(kept, cpu_seconds_max=1))
        while True:
            pass

    assert in_child(memory) == f"{16 * MIB}"
    assert in_child(files) == "Too many open files"
    assert in_child(endless) in ("killed by SIGXCPU", "killed by SIGKILL")


def test_other_descriptors_are_closed_and_standard_ones_lead_nowhere(
    in_child: InChild, rights: Rights, working: Working
) -> None:
    forgotten = os.open("/", os.O_RDONLY)

    def act(kept: int) -> str:
        confine(replace(rights(kept), descriptors=frozenset({kept})))
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(forgotten)
        return working({"write-to-error": lambda: os.write(2, b"x")})

    assert in_child(act) == ""
    os.close(forgotten)


def test_a_process_with_threads_refuses_to_be_half_confined(
    in_child: InChild, rights: Rights
) -> None:
    def act(kept: int) -> str:
        leave = threading.Event()
        threading.Thread(target=leave.wait, daemon=True).start()
        with pytest.raises(Broken, match="2 threads"):
            confine(rights(kept))
        return "refused"

    assert in_child(act) == "refused"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a calling form of x86_64")
def test_a_call_of_another_form_kills_the_process(in_child: InChild, rights: Rights) -> None:
    def act(kept: int) -> str:
        confine(rights(kept))
        ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))
        return "lived"

    assert in_child(act) == "killed by SIGSYS"


def test_the_self_test_notices_a_sandbox_that_is_absent_or_too_wide(
    in_child: InChild, rights: Rights
) -> None:
    def unconfined(_: int) -> str:
        with pytest.raises(Broken, match="not by the filter"):
            self_test(rights())
        return "noticed"

    def too_wide(kept: int) -> str:
        stated = rights(kept)
        confine(replace(stated, calls=frozenset({Calls.MEMFD})))
        with pytest.raises(Broken, match="memfd_create"):
            self_test(stated)
        return "noticed"

    assert in_child(unconfined) == "noticed"
    assert in_child(too_wide) == "noticed"


def test_the_report_says_what_is_on_and_what_is_off_and_why(
    user: str, in_child: InChild, rights: Rights
) -> None:
    abi = min(landlock.abi(), landlock.ABI_NEWEST)

    def act(kept: int) -> str:
        report = confine(rights(kept))
        assert report.landlock_abi == abi
        states = {layer.name: layer.state for layer in report.layers}
        expected = State.ON if user == "root" else State.NOT_ROOT
        for name in ("user", "network namespace", "empty root"):
            assert states.pop(name) in (expected, State.MISSING)
        assert set(states.values()) == {State.ON}
        assert len(report.on) + len(report.off) == len(report.layers)
        return f"{os.geteuid()}"

    uid = os.geteuid() if user == "this user" else 65534
    assert in_child(act, user) == f"{uid}"


def test_a_directory_that_is_not_there_stops_the_process(
    in_child: InChild, rights: Rights, folder: Path
) -> None:
    def act(kept: int) -> str:
        with pytest.raises(Broken, match="No such file"):
            confine(rights(kept, read=(folder / "absent",)))
        return "refused"

    assert in_child(act) == "refused"
