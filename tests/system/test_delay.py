"""A flow whose messages wait, killed while they do: each crosses once, and none before its time."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.ledger_files import entries_of
from guard.edge.making import pack_folder
from schemas.entry import Kind
from tests.system.test_policy_change import wait_for
from tests.system.test_restart import restarts

DELAY_S = 4
pytestmark = pytest.mark.long
MESSAGES = 30


def waiting_pack(folder: Path) -> Path:
    pack = folder / "pack"
    shutil.copytree(pack_folder("events"), pack)
    text = (pack / "policy.toml").read_text("utf-8")
    head, found, tail = text.partition("[source]\n")
    assert found
    (pack / "policy.toml").write_text(f"{head}{found}delay_s = {DELAY_S}\n{tail}")
    return pack


def test_each_crosses_once_and_none_before_its_time(open_folder: Path) -> None:
    samples = sorted((pack_folder("events") / "samples").glob("*.json"))
    with Demonstration(open_folder / "site", waiting_pack(open_folder),
                       LinkFaults(direct=True)) as flow:  # fmt: skip
        for at in range(MESSAGES):
            flow.drop(samples[at % len(samples)].read_bytes(), "event.json")
            time.sleep(0.1)
        before, _ = restarts(flow)
        os.kill(flow.pids("low")["ingest"], signal.SIGKILL)
        wait_for(lambda: restarts(flow)[0] > before)
        wait_for(flow.settled)
        account = flow.account
        assert (account.decided, account.duplicates, account.lost) == (MESSAGES, 0, 0)
        decided = [
            entry for _, entry in entries_of(flow.made.low / "ledger")
            if entry["kind"] in (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
        ]  # fmt: skip
        assert len(decided) == MESSAGES
        for entry in decided:
            assert int(entry["time_ms"]) >= 1000 * (int(entry["accepted_s"]) + DELAY_S)
        names = [str(entry["name"])[:7] for entry in decided]
        assert names == sorted(names)
