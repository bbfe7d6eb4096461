"""Deliberate bugs in the link's cores, one at a time: each is caught within a few seeds.

Each test copies the packages, changes one place in the source, and types `diode-sim run` there.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = "12"


class Bug(NamedTuple):
    what: str
    file: str
    right: str
    wrong: str
    scenario: str
    invariant: str


BUGS = (
    Bug(
        "a gap at the tail is not told", "guard/link/arrivals.py",
        "claims = [(self._first, beat.complete_below - 1)]",
        "claims = [(self._first, beat.complete_below - 2)]; beat = Heartbeat(0, 0, (), 0)",
        "heavy-loss", "loss-reported",
    ),
    Bug(
        "what has landed lands again", "guard/link/contents.py",
        'if self._arrivals.has(record.sequence):\n            self._counters["messages_repeated"]',
        'if record.sequence < 0:\n            self._counters["messages_repeated"]',
        "outage", "at-most-once",
    ),
    Bug(
        "what was told as a gap is not marked late", "guard/link/arrivals.py",
        "return Arrival.LATE if late else Arrival.NEW", "return Arrival.NEW",
        "resent", "late",
    ),
    Bug(
        "a heartbeat claims blocks that have only begun", "guard/link/sender.py",
        "            self._blocks_complete,\n", "            self._next_block,\n",
        "slow-radio", "claims",
    ),
    Bug(
        "a message counts as handed out before its last repeat", "guard/link/sender.py",
        "            if message.repeats_left:\n",
        "            if message.repeats_left:\n"
        "                self._last_completed[message.precedence] = message.sequence + 1\n",
        "outage", "claims",
    ),
    Bug(
        "the newest of a precedence goes first", "guard/link/precedence.py",
        "self._levels[message.precedence].waiting.append(message)\n        self._bytes",
        "self._levels[message.precedence].waiting.appendleft(message)\n        self._bytes",
        "burst", "claims",
    ),
    Bug(
        "a lost symbol is rebuilt from the wrong repair symbol", "guard/link/opening.py",
        "held[sources : sources + len(lost)].tolist()",
        "(held[sources : sources + len(lost)] ^ 1).tolist()",
        "loss", "",
    ),
    Bug(
        "an envelope lands when one byte of it is missing", "guard/link/partials.py",
        "if partial.held.is_just(0, record.total - 1):",
        "if partial.held.last == record.total - 1:",
        "heavy-loss", "identical",
    ),
    Bug(
        "a stream lands with holes", "guard/link/streams.py",
        "self.held.is_just(0, self.total - 1)", "self.held.last == self.total - 1",
        "heavy-loss", "identical",
    ),
    Bug(
        "silence is told too early", "guard/link/receiver.py",
        "self._silence_ns = params.silence_ns", "self._silence_ns = params.silence_ns // 8",
        "clean", "alarm",
    ),
    Bug(
        "silence is never told", "guard/link/receiver.py",
        "if not self._silent and now_ns", "if self._silent and now_ns",
        "stuck", "alarm",
    ),
    Bug(
        "the token bucket has no bottom", "guard/link/pacing.py",
        "self._held = min(self._depth, ", "self._held = max(0, ",
        "slow-radio", "pace",
    ),
    Bug(
        "the decoder trusts k, r and all of a header before its tag is looked at",
        "guard/link/receiver.py",
        "        kept &= right\n", "        kept |= kept\n",
        "corrupt", "counted-once",
    ),
    Bug(
        "a repeated symbol is counted nowhere", "guard/link/window.py",
        "self._counters[Reason.DATAGRAM_REPLAYED] += same", "same += 0",
        "duplicates", "counted-once",
    ),
    Bug(
        "a new session does not begin", "guard/link/receiver.py",
        "if session is self._open:\n            return",
        "if self._open:\n            return",
        "sender-restart", "session",
    ),
)  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what.replace(" ", "-"))
def test_a_planted_bug_is_caught(bug: Bug, tmp_path: Path) -> None:
    for name in ("guard", "schemas", "diode_sim"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / bug.file
    source = path.read_text()
    assert source.count(bug.right) == 1, "the place has changed: plant the bug where it is now"
    path.write_text(source.replace(bug.right, bug.wrong))
    done = subprocess.run(
        [sys.executable, "-m", "diode_sim", "run", bug.scenario, "--seed", "0", "--seeds", SEEDS],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"broken: {bug.scenario} {bug.invariant}" in done.stderr
    assert f"again: diode-sim run {bug.scenario} --seed " in done.stderr
    traces = list(tmp_path.glob(f"diode-sim-{bug.scenario}-*.trace"))
    assert traces
    assert "VIOLATION" in traces[0].read_text().splitlines()[-1]
