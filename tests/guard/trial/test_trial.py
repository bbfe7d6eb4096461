"""Every process of both sides tries to break out, as root and as any user."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from guard.core.journey import CHAIN
from guard.edge import landlock
from guard.edge.confinement import State
from guard.edge.seats import Seat
from guard.edge.spec import Spec
from guard.high import HIGH
from guard.low import LOW
from guard.trial.trial import Trial, Trying, trials
from schemas.stage import Kind

NOBODY = 65534
ROOT = os.geteuid() == 0
WITHIN_S = 300

_NEEDS = pytest.mark.skipif(
    landlock.abi() < landlock.ABI_RENAME_BETWEEN_DIRECTORIES,
    reason="this kernel has no Landlock, or one that denies renames between directories",
)
pytestmark = [_NEEDS, pytest.mark.long]

# what the design names, each by an attempt of the real thing
NEVER = {
    "socket", "connect", "bind", "listen", "reach the host's network", "connect by TCP",
    "bind a TCP port", "fork a process", "clone3", "start a thread", "run a program", "ptrace",
    "trace another process", "read another's memory", "open another's memory",
    "open another's environment", "list another's descriptors", "list all processes",
    "signal another process", "mount", "unshare", "setns", "clock_settime", "settimeofday",
    "clock_adjtime", "fchmod", "fchmodat", "fchown", "utimensat", "fsetxattr", "flock",
    "lock a descriptor", "io_uring_setup", "dup", "dup3", "copy a descriptor", "pidfd_getfd",
    "process_vm_writev", "bpf", "keyctl", "prctl", "seccomp", "map executable memory",
    "map more memory than its bound", "close a descriptor of its own", "read keys/", "write keys/",
    "write trust/", "write run/", "write documents/", "read a file of the host",
    "make a file in /tmp",
}  # fmt: skip


FORKS = {*map(str, Kind), "cells"}  # the processes that start those which read messages


def doctor(user: str) -> dict[str, Any]:
    """The command as its user runs it. Skips where that user may not read this program."""
    chosen = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if user == "nobody" else {}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "guard", "doctor", "--sandbox", "--json"],
            capture_output=True, text=True, timeout=WITHIN_S, cwd="/", **chosen,  # type: ignore[call-overload]  # names by dict
        )  # fmt: skip
    except PermissionError:
        pytest.skip("the program lies in a folder that no other user may enter")
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("user", ["root", "nobody"] if ROOT else ["this user"])
def test_no_process_of_either_side_can_do_what_its_row_does_not_list(user: str) -> None:
    told = doctor(user)
    assert told["wrong"] == []
    assert told["ok"]
    rows = {
        (journey.name, str(kind))
        for journey in (LOW, HIGH)
        for role in journey.roles
        for kind in (Kind if role.name == CHAIN else (role.name,))
        if (journey, kind) != (HIGH, Kind.TRANSFORM)  # the pack's destination chain has none
    }
    rows |= {("high", "keeper"), ("high", "cells")}
    assert {(each["side"], each["group"]) for each in told["processes"]} == rows
    for each in told["processes"]:
        attempts = {attempt["name"]: attempt for attempt in each["attempts"]}
        assert attempts.keys() >= NEVER, each["name"]
        never = NEVER - {"fork a process"} if each["group"] in FORKS else NEVER
        if each["group"] == "scanner":  # to Unix sockets alone: "reach the host's network" stays
            never = never - {"connect"}
        assert {name for name in NEVER if attempts[name]["possible"]} == NEVER - never, each["name"]
        assert any(attempt["allowed"] for attempt in attempts.values())
        off = {name for name, state in each["layers"].items() if state == State.NOT_ROOT}
        assert off == (set() if user == "root" else OFF_WITHOUT_ROOT & wanted(each))


OFF_WITHOUT_ROOT = {"network namespace", "empty root", "user"}


def wanted(process: dict[str, Any]) -> set[str]:
    return {name for name, state in process["layers"].items() if state != State.NOT_ASKED}


def test_what_stops_an_attempt_is_found_out_layer_by_layer() -> None:
    told = doctor("root" if ROOT else "this user")
    for each in told["processes"]:
        by = {attempt["name"]: set(attempt["by"]) for attempt in each["attempts"]}
        assert by["socket"] == {"seccomp"}
        assert by["bind a TCP port"] >= {"landlock", "seccomp"} or landlock.abi() < 4
        assert by["map more memory than its bound"] == {"limits"}
        assert "landlock" in by["read a file of the host"]
        if ROOT:
            assert {"user", "landlock"} <= by["write keys/"]


def test_who_may_start_threads_may_do_nothing_else_that_is_new() -> None:
    tried = list(trials("pdf_raster"))
    assert [(each.name, each.wrong) for each in tried if each.wrong] == []
    threads = {
        each.name
        for each in tried
        if any(attempt.name == "start a thread" and attempt.allowed for attempt in each.tried)
    }
    assert threads == {"stage:pdf_recognise", "stage:pdf_rebuild"}


class TooWide(Trying):
    """A supervisor that gives one stage and one role more than their rows say."""

    def _spec(self, seat: Seat, *others: Any) -> Spec:
        spec = super()._spec(seat, *others)
        calls, reads = spec.confinement["calls"], spec.confinement["reads"]
        assert isinstance(calls, list)
        assert isinstance(reads, list)
        if seat.name == "stage:words":
            calls.append("memfd")
            spec.keys["seal"] = bytes(32)
        if seat.name == "reply":
            reads.append("ledger")
        return spec


@pytest.fixture(scope="module")
def too_wide() -> dict[str, Trial]:
    return {each.name: each for each in trials(starting=TooWide) if each.side == "low"}


def test_a_right_too_many_is_noticed(too_wide: dict[str, Trial]) -> None:
    assert too_wide["stage:words"].wrong == [
        "memfd_create: is possible", "ftruncate: is possible", "pwrite64: is possible",
        "keys differ from its row: seal",
    ]  # fmt: skip
    assert too_wide["reply"].wrong == ["read ledger/: is possible"]
    assert [name for name, each in too_wide.items() if each.wrong] == ["stage:words", "reply"]
