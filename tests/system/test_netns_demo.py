"""`guard demo --netns`: the whole guard behind a diode, with the shipped rules, and counters."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.netns_tool import ROOT, Tool, as_nobody, left_of, needs_pair

pytestmark = [needs_pair, pytest.mark.long]

PATIENCE_S = 180


def demo(tool: Tool, *words: str) -> dict[str, Any]:
    """What it tells; it must have gone well."""
    command = [*tool.python, "-m", "guard", "demo", "--netns", "--json", *words]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          **tool.options) as running:  # fmt: skip
        said = running.communicate(timeout=PATIENCE_S)[0]
    assert running.returncode == 0, said
    assert left_of(f"demo-{running.pid}") == []
    told: dict[str, Any] = json.loads(said)
    return told


def nothing_came_back(told: dict[str, Any]) -> None:
    cable = told["cable"]
    assert cable["reverse"]["passed"] == {"packets": 0, "bytes": 0}
    assert cable["reverse"]["dropped"]["packets"] == 0  # the shipped rules let nothing out
    forward = cable["forward"]
    assert forward["passed"]["packets"] > told["sent"] > 0
    assert forward["other"]["packets"] == forward["arp"]["packets"] == 0


def test_over_a_diode_that_loses_everything_is_accounted_for() -> None:
    told = demo(Tool("", (sys.executable,)), "--count", "40", "--loss", "0.03")
    nothing_came_back(told)
    assert told["delivered"] == told["sent"]
    assert told["cable"]["models"]["in"] == told["cable"]["forward"]["udp4"]["packets"]


@pytest.mark.parametrize("after_s", [0.5, 2.5, 8.0])
def test_asked_to_end_it_takes_everything_with_it(after_s: float) -> None:
    command = [sys.executable, "-m", "guard", "demo", "--netns", "--count", "5000", "--rate", "20"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as running:  # fmt: skip
        time.sleep(after_s)
        running.terminate()
        assert running.wait(PATIENCE_S) != 0
    assert left_of(f"demo-{running.pid}", within_s=30) == []


def test_an_ordinary_user_can_run_it(open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the test before this one was an ordinary user's")
    with as_nobody(open_folder) as tool:
        told = demo(tool, "--count", "20")
        nothing_came_back(told)
        assert told["delivered"] == told["sent"]
