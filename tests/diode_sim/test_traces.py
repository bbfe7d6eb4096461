"""The same seed is the same trace, byte for byte: on two runs, and under any version of Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from diode_sim.running import Job, run_one, write_trace
from diode_sim.trace import Trace

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "diode_sim"
KNOWN = json.loads((VECTORS / "traces.json").read_text())
MAKE = "import json; from tests.vectors.diode_sim.make import traces; print(json.dumps(traces()))"
NEEDED = (
    "import cryptography, lz4, numpy, pydantic, zstandard, click, sys; print(sys.version_info[:2])"
)


@pytest.mark.parametrize("known", KNOWN, ids=lambda one: f"{one['scenario']}-{one['seed']:x}")
def test_known_traces(known: dict[str, object]) -> None:
    trace = Trace()
    result = run_one(Job(str(VECTORS / str(known["scenario"])), int(str(known["seed"]))), trace)
    assert result.failure is None
    assert (trace.lines, trace.digest) == (known["lines"], known["sha256"])


def test_a_trace_in_a_file_is_the_same_bytes_on_two_runs(tmp_path: Path) -> None:
    job = Job("everything", 0x7F3A)
    first, second = tmp_path / "first", tmp_path / "second"
    assert write_trace(job, first).outcome == write_trace(job, second).outcome
    assert first.read_bytes() == second.read_bytes()
    lines = first.read_text().splitlines()
    assert len(lines) > 500
    times = [line[:18] for line in lines]
    assert times == sorted(times)
    assert any(" Landed sequence=" in line for line in lines)
    write_trace(Job("everything", 0x7F3B), second)
    assert first.read_bytes() != second.read_bytes()


def other_interpreters() -> list[str]:
    """Of other versions than this one, with what the simulator needs."""
    named = os.environ.get("CHECKVALVE_OTHER_PYTHON")
    names = [named] if named else [f"python3.{minor}" for minor in (11, 12, 13, 14)]
    found = []
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        asked = subprocess.run([path, "-c", NEEDED], capture_output=True, text=True, check=False)
        version = asked.stdout.strip()
        if asked.returncode == 0 and version != str(sys.version_info[:2]):
            found.append(path)
    return found


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_a_trace_does_not_depend_on_the_hashing_of_strings(hash_seed: str) -> None:
    assert traces_of(sys.executable, PYTHONHASHSEED=hash_seed) == KNOWN


def test_another_version_of_python_gives_the_same_traces() -> None:
    others = other_interpreters()
    if not others:
        pytest.skip(
            "no other version of Python here has what the simulator runs on: name one in "
            "CHECKVALVE_OTHER_PYTHON"
        )
    for path in others:
        assert traces_of(path) == KNOWN


def traces_of(interpreter: str, **environment: str) -> object:
    """The known traces, made afresh by an interpreter."""
    made = subprocess.run(
        [interpreter, "-c", MAKE],
        cwd=ROOT, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(made.stdout)
