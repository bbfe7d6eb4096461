"""A lane that is started again: what it does not do again, and what it mends on its way."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from tests.system.test_policy_change import wait_for

CALM_S = 1.5  # who lived for a second was well

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to users"),
]


def restarts(flow: Demonstration) -> tuple[int, str]:
    status = json.loads((flow.made.low / "run" / "status.json").read_text())
    return status["restarts"], status["state"]


def kill(flow: Demonstration) -> None:
    time.sleep(CALM_S)
    before, _ = restarts(flow)
    os.kill(flow.pids("low")["reply"], signal.SIGKILL)
    wait_for(lambda: restarts(flow)[0] > before and restarts(flow)[1] == "running")


def test_folders_are_handed_over_once_and_again_when_a_lane_does_not_stay_up(
    open_folder: Path,
) -> None:
    sample = next(iter(sorted((pack_folder("events") / "samples").glob("*.json"))))
    pack, faults = pack_folder("events"), LinkFaults(direct=True)
    with Demonstration(open_folder / "site", pack, faults) as flow:
        low = flow.made.low
        strange = low / "replies" / "alpha" / "strange.json"  # one of a million, in a long run
        strange.write_bytes(b"{}")
        kill(flow)
        assert strange.stat().st_uid == 0  # nobody went through them all
        accepted = low / "accepted"
        for path in (*accepted.iterdir(), accepted):
            os.chown(path, 0, 0)
        accepted.chmod(0o700)
        kill(flow)  # ingest cannot open its own journal, until it is handed over anew
        flow.drop(sample.read_bytes(), "event.json")
        wait_for(flow.settled)
        assert accepted.stat().st_uid != 0
        assert strange.stat().st_uid == strange.parent.stat().st_uid
