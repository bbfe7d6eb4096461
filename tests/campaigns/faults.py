"""Faults in a running flow, by real processes: nothing lost, nothing unapproved, and on it goes.

    python -m tests.campaigns.faults [--only PART …] [--short] [--seed 1]

Parts: `calls` (each system call of ingest, release, audit and deliver failed in turn, by strace),
`stop` (SIGSTOP of every process), `disk` (the site's disk full, then the ledger's alone), `clock`
(stepped back and forth), `key` (missing at start), `stages` (every stage of both sides taken over,
pooled and with isolation "message"). Ends with 1 if one failed, after the command that repeats it.
`calls` needs strace and the right to trace, `disk` root.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from guard.demonstration import LinkFaults
from guard.edge.ledger_files import LedgerReader
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Kind
from tests.system.hostile_stages.world import (
    Hostile,
    Oracle,
    TakenOverFlow,
    check_delivered,
    check_ledgers,
    good_drops,
    of_kind,
    pack_with,
)
from tests.system.test_hostile_stages import DEEDS, ENDINGS

CALLS: dict[tuple[str, str], str] = {
    ("low", "ingest"): "openat read pread64 pwrite64 fdatasync rename unlink getdents64 newfstatat"
    " sendmsg sendto recvfrom poll fallocate",
    ("low", "release"): "pwrite64 fdatasync pread64 openat recvmsg recvfrom sendto poll fallocate",
    ("low", "audit"): "pwrite64 fdatasync recvfrom sendto poll fallocate",
    ("high", "deliver"): "openat write close fsync syncfs renameat2 recvmsg recvfrom sendto poll"
    " pread64",
    ("high", "audit"): "pwrite64 fdatasync recvfrom sendto poll",
}
ERRORS = ("EIO", "ENOSPC", "EINTR")
SHORT = {
    ("low", "ingest"): "fdatasync", ("low", "release"): "pwrite64", ("low", "audit"): "fdatasync",
    ("high", "deliver"): "syncfs renameat2",
}  # fmt: skip
BATCH = 6
GOES_ON_WITHIN_S = 180.0
NOTICED_WITHIN_S = 6.0


class FaultError(Exception):
    """Something that should hold does not."""


@contextlib.contextmanager
def a_flow(folder: Path, hostile: dict[str, Hostile] | None = None, isolation: str = "pooled",
           before: Callable[[Path], None] = lambda _: None) -> Iterator[TakenOverFlow]:  # fmt: skip
    """A running flow; when it has ended, both ledgers must verify."""
    place = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    place.chmod(0o711)
    pack = pack_with(place / "pack", isolation)
    before(place)
    site = place / "site"
    flow = TakenOverFlow(site, pack, LinkFaults(direct=True), hostile=hostile or {})
    with flow:
        yield flow
    for side in ("low", "high"):
        report = verify_ledger(site / side / "ledger", site / side / "trust" / "ledger.pub")
        if not report.ok:
            raise FaultError(f"the {side} ledger does not verify")


def drop(flow: TakenOverFlow, count: int = BATCH) -> None:
    good = good_drops()
    for _ in range(count):
        flow.drop(good[len(flow.dropped) % len(good)], "event.cot")


def whole(flow: TakenOverFlow) -> None:
    """Everything that was dropped is delivered, once: nothing of it was any message's fault."""
    deadline_s = time.monotonic() + GOES_ON_WITHIN_S
    while not flow.settled():
        if time.monotonic() > deadline_s:
            account = flow.follow()
            raise FaultError(
                f"it does not go on: dropped {len(flow.dropped)}, decided {account.decided}, sent"
                f" {account.sent}, delivered {len(account.delivered)}"
            )
        time.sleep(0.05)
    account = flow.account
    delivered = {path.stem for path in flow.delivered_files()}
    if account.duplicates or account.lost or account.gaps or delivered != account.delivered:
        raise FaultError(f"lost {account.lost}, gaps {account.gaps}, doubled {account.duplicates}")
    if not account.delivered <= account.committed.keys():
        raise FaultError("something came out that was not approved")


def status(flow: TakenOverFlow, side: str) -> dict[str, object]:
    told: dict[str, object] = json.loads((flow.folder / side / "run/status.json").read_text())
    return told


def calls(folder: Path, *, short: bool) -> Iterator[str]:
    """Each call of each role fails once while messages flow."""
    if shutil.which("strace") is None:
        raise FaultError("there is no strace: apt-get install strace")
    chosen = SHORT if short else CALLS
    with a_flow(folder) as flow:
        for (side, role), names in chosen.items():
            for name in names.split():
                for error in ERRORS[:1] if short else ERRORS:
                    became = _one_call(flow, (side, role), name, error)
                    yield f"{side} {role}: {name} gives {error}: {became}"


def _one_call(flow: TakenOverFlow, whose: tuple[str, str], name: str, error: str) -> str:
    side, role = whose
    restarts = int(str(status(flow, side)["restarts"]))
    told = flow.folder / "strace.txt"
    tracer = subprocess.Popen(
        ["strace", "-qq", "-p", str(flow.pids(side)[role]), "-e", f"trace={name}", "-e",
         f"inject={name}:error={error}:when=1", "-o", str(told)],
    )  # fmt: skip
    try:
        time.sleep(0.3)
        deadline_s = time.monotonic() + NOTICED_WITHIN_S
        injected = False
        drop(flow)
        while not injected and time.monotonic() < deadline_s and tracer.poll() is None:
            time.sleep(0.1)
            injected = told.exists() and "(INJECTED)" in told.read_text(errors="replace")
        injected = injected or "(INJECTED)" in told.read_text(errors="replace")
    finally:
        tracer.kill()
        tracer.wait()
        told.unlink(missing_ok=True)
    drop(flow)
    whole(flow)
    if not injected:
        return "not called"
    again = int(str(status(flow, side)["restarts"])) - restarts
    return f"started anew {again} times ({status(flow, side)['cause']})" if again else "went on"


def stop(folder: Path, *, short: bool) -> Iterator[str]:
    """SIGSTOP of every process of a lane and its link; the metrics role too."""
    with a_flow(folder) as flow:
        for side in ("low", "high"):
            names = list(flow.pids(side))
            few = {"release", "audit", "deliver", "stage:words", "receive"}
            for name in names if not short else [n for n in names if n in few]:
                pid = flow.pids(side)[name]
                victims = [("the process", pid), *(("its worker", c) for c in _children(pid))]
                for what, victim in victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGSTOP)
                    drop(flow)
                    whole(flow)
                    yield f"{side} {name}: {what} stopped: {status(flow, side)['cause']}"


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(number) for number in text.split()]
    return []


def disk(folder: Path, *, short: bool) -> Iterator[str]:
    """A disk that is full: nothing is released, it says why, and goes on when there is room."""
    if os.geteuid() != 0:
        raise FaultError("disk needs root: it mounts a small file system")
    for where in ("ledger",) if short else ("ledger", "sealed"):
        place = folder / f"disk-{where}"
        place.mkdir()
        mounted = place / "small"
        mounted.mkdir()
        small = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "none", str(mounted)]
        subprocess.run(small, check=True)
        try:
            with a_flow(folder) as flow:
                _move_to(flow, where, mounted)
                yield from _fill(flow, where, mounted)
        finally:
            subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def _move_to(flow: TakenOverFlow, where: str, mounted: Path) -> None:
    """The low side's folder onto the small disk, while the side is down."""
    flow.end_side("low")
    target = flow.folder / "low" / where
    shutil.copytree(target, mounted, dirs_exist_ok=True)
    subprocess.run(["mount", "--bind", str(mounted), str(target)], check=True)
    flow.start_side("low").await_line("event", "running")
    flow._ledgers[0].close()
    flow._ledgers[0] = LedgerReader(flow.folder / "low" / "ledger")


def _fill(flow: TakenOverFlow, where: str, mounted: Path) -> Iterator[str]:
    try:
        drop(flow)
        whole(flow)
        ballast = mounted / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(65536))
                file.flush()
        committed = len(flow.account.committed)
        reason = "ledger" if where == "ledger" else "journal"
        deadline_s = time.monotonic() + GOES_ON_WITHIN_S
        while reason not in str(status(flow, "low")["cause"]):
            drop(flow, 200)  # until what was set aside in advance is used up
            time.sleep(1)
            if time.monotonic() > deadline_s:
                raise FaultError(f"nobody said why: {status(flow, 'low')['cause']}")
        said = str(status(flow, "low")["cause"])
        flow.follow()
        held_back = len(flow.dropped) - flow.account.decided
        ballast.unlink()
        whole(flow)
        causes = [str(e["cause"]) for e in of_kind(flow.entries("low"), Kind.RUN)]
        if not any("space" in cause or reason in cause for cause in causes):
            raise FaultError(f"the ledger does not say why: {causes}")
        yield f"{where}: full after {committed}: {said}; {held_back} waited, all delivered then"
    finally:
        flow.end_side("low")
        subprocess.run(["umount", "--lazy", str(flow.folder / "low" / where)], check=True)


def clock(folder: Path, *, short: bool) -> Iterator[str]:
    """A wall clock that is stepped by days, on both sides."""
    stepped: dict[str, Hostile] = {side: {"clock": ["stepped"]} for side in ("low", "high")}
    with a_flow(folder, stepped) as flow:
        drop(flow, 30 if short else 500)
        whole(flow)
        if len(flow.account.delivered) != len(flow.dropped):
            raise FaultError(f"delivered {len(flow.account.delivered)} of {len(flow.dropped)}")
        yield f"stepped: {len(flow.dropped)} messages delivered"


def key(folder: Path, *, short: bool) -> Iterator[str]:
    """A key that is missing: it says which, and goes on when it is there."""
    with a_flow(folder) as flow:
        yield ledger_key(flow)
        for name in ("seal",) if short else ("seal", "link"):
            flow.end_side("low")
            file = flow.folder / "low" / "keys" / f"{name}.key"
            away = file.with_suffix(".away")
            file.rename(away)
            drop(flow)
            command = [sys.executable, "-m", "guard", "run", "low", "--site", f"{flow.folder}/low"]
            tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if tried.returncode == 0 or f"{name}.key" not in tried.stderr:
                raise FaultError(f"without {name}.key: exit {tried.returncode}, {tried.stderr!r}")
            away.rename(file)
            flow.start_side("low").await_line("event", "running")
            whole(flow)
            yield f"{name}.key missing: {' '.join(tried.stderr.split())[:120]}"


def ledger_key(flow: TakenOverFlow) -> str:
    """The sealing key that `audit` alone reads: the lane is tried again until it is there."""
    flow.end_side("low")
    (file,) = (flow.folder / "low" / "sealing").glob("*.key")
    away = file.with_suffix(".away")
    file.rename(away)
    drop(flow)
    told = flow.start_side("low").await_line("event", "restart")
    if file.name not in told["cause"]:
        raise FaultError(f"without {file.name}: {told['cause']}")
    away.rename(file)
    whole(flow)
    return f"the ledger's key missing: {told['cause'][:120]}"


def stages(folder: Path, *, short: bool) -> Iterator[str]:
    """Every stage of both sides taken over, doing everything."""
    oracle = Oracle()
    try:
        for isolation in ("pooled", "message"):
            suffix, deeds = ("", DEEDS) if isolation == "pooled" else (":cells", DEEDS + ENDINGS)
            with a_flow(folder, isolation=isolation) as flow:
                seats = [(s, n) for s in ("low", "high") for n in flow.pids(s) if "stage:" in n]
            chosen = [(s, n) for s, n in seats if n.endswith(":cells") == bool(suffix)]
            for side, name in chosen[:: 9 if short else 1]:
                with a_flow(folder, {side: {name: list(deeds)}}, isolation) as flow:
                    drop(flow, 2 * len(deeds))
                    flow.settle(300)
                    check_delivered(flow, oracle)
                    check_ledgers(flow)
                    account = flow.account
                    yield (
                        f"{isolation} {side} {name}: {len(account.delivered)} of"
                        f" {len(flow.dropped)} came out, as the policy has it"
                    )
    finally:
        oracle.close()


PARTS: dict[str, Callable[..., Iterator[str]]] = {
    "calls": calls, "stop": stop, "disk": disk, "clock": clock, "key": key, "stages": stages,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the parts; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--short", action="store_true", help="what CI has time for")
    given = parser.parse_args(argv)
    top = Path(tempfile.mkdtemp(prefix="checkvalve-faults-"))
    top.chmod(0o711)
    failures = 0
    for name in given.only:
        started_s = time.monotonic()
        try:
            for line in PARTS[name](top, short=given.short):
                print(f"{name}: {line}", flush=True)
        except (FaultError, AssertionError) as error:
            failures += 1
            print(f"{name}: failed: {error}", file=sys.stderr)
            short = " --short" if given.short else ""
            print(f"again: python -m tests.campaigns.faults --only {name}{short}", file=sys.stderr)
        print(f"{name}: {time.monotonic() - started_s:.0f} s", flush=True)
    shutil.rmtree(top, ignore_errors=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
