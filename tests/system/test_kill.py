"""kill -9 of every process of either side, while messages flow: nothing lost, nothing doubled."""

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.demonstration import Demonstration
from guard.edge.making import pack_folder
from guard.report.account import Account

MESSAGES = 2000
RESTART_WITHIN_S = 60.0
SETTLE_WITHIN_S = 180.0
LOW = (
    "ingest", "stage:identify", "stage:xml_recognise", "stage:cot_rebuild", "stage:words",
    "stage:route", "release", "send", "reply", "audit", "metrics",
)  # fmt: skip
HIGH = (
    "receive", "verify", "stage:bounds", "stage:cot_build", "stage:cot_schema_twin",
    "stage:route_twin", "deliver", "audit", "metrics",
)  # fmt: skip


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    (open_folder / "site").mkdir()
    with Demonstration(open_folder / "site", pack_folder("c2")) as running:
        yield running


def samples() -> list[bytes]:
    """Good events and, one in seven, one that is refused."""
    folder = pack_folder("c2") / "samples"
    good = [path.read_bytes() for path in sorted(folder.glob("*.cot"))]
    hostile = [path.read_bytes() for path in sorted((folder / "hostile").glob("dirty-word*.cot"))]
    return [*good, *hostile[:2]]


def restarts(flow: Demonstration, side: str) -> tuple[int, str]:
    status = json.loads((flow.folder / side / "run" / "status.json").read_text())
    return status["restarts"], status["state"]


def drop_some(flow: Demonstration, files: list[bytes], count: int) -> None:
    for _ in range(count):
        flow.drop(files[len(flow.dropped) % len(files)], "event.cot")


def kill_and_go_on(flow: Demonstration, side: str, name: str, files: list[bytes]) -> None:
    before, _ = restarts(flow, side)
    os.kill(flow.pids(side)[name], signal.SIGKILL)
    deadline_s = time.monotonic() + RESTART_WITHIN_S
    while restarts(flow, side) == (before, "running"):
        assert time.monotonic() < deadline_s, f"nobody noticed that {name} was killed"
        drop_some(flow, files, 2)
        time.sleep(0.02)
    while restarts(flow, side)[1] != "running":
        assert time.monotonic() < deadline_s, f"{name} was not started again"
        drop_some(flow, files, 1)
        time.sleep(0.02)


def settle(flow: Demonstration) -> Account:
    deadline_s = time.monotonic() + SETTLE_WITHIN_S
    while not flow.settled():
        assert time.monotonic() < deadline_s, summary(flow)
        time.sleep(0.05)
    return flow.account


def summary(flow: Demonstration) -> str:
    account = flow.account
    return (
        f"dropped {len(flow.dropped)}, decided {account.decided},"
        f" committed {len(account.committed)}, sent {account.sent},"
        f" delivered {len(account.delivered)}, held there {len(account.held_high)},"
        f" gaps {account.gaps}"
    )


def check(flow: Demonstration, account: Account) -> None:
    """Every message in exactly one place; only what was approved came out, once, as approved."""
    assert account.decided == len(flow.dropped), summary(flow)
    assert account.duplicates == 0
    assert account.lost == 0
    assert account.sent == len(account.committed)
    assert account.delivered <= account.committed.keys()
    files = {path.stem: path for path in flow.delivered_files()}
    assert files.keys() == account.delivered
    for ident, path in files.items():
        told = json.loads(path.with_suffix(".meta.json").read_text())
        assert told["sequence"] == account.committed[ident][0]
        assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not list((flow.made.low / "spool" / "drop").glob("*/*"))


@pytest.mark.long
@pytest.mark.parametrize(("side", "names"), [("low", LOW), ("high", HIGH)])
def test_kill_of_each_process_in_turn(
    flow: Demonstration, side: str, names: tuple[str, ...]
) -> None:
    files = samples()
    drop_some(flow, files, 50)
    for name in names:
        kill_and_go_on(flow, side, name, files)
        drop_some(flow, files, 20)
        time.sleep(1.1)  # what ends sooner after its start is given a pause
    drop_some(flow, files, max(0, MESSAGES - len(flow.dropped)))
    check(flow, settle(flow))


def test_kill_of_the_supervisors_ends_all_and_loses_nothing(flow: Demonstration) -> None:
    files = samples()
    for side in ("low", "high"):
        drop_some(flow, files, 300)
        status = json.loads((flow.folder / side / "run" / "status.json").read_text())
        os.kill(status["pid"], signal.SIGKILL)
        for process in status["processes"]:
            await_end(process["pid"])
        flow.start_side(side).await_line("event", "running")
    drop_some(flow, files, 300)
    check(flow, settle(flow))


def await_end(pid: int) -> None:
    """A process outlives its supervisor by no more than the kernel takes to tell it."""
    deadline_s = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists():
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            return
        assert time.monotonic() < deadline_s, f"{pid} outlived its supervisor"
        time.sleep(0.02)
