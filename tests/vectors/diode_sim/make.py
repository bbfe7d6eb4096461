"""Writes the known traces of the simulator beside itself: `python tests/vectors/diode_sim/make.py`.

They change with what the link's cores send and tell, and with the form of the trace; a change here
that has no such reason is a fault.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from diode_sim.running import Job, run_one  # noqa: E402 (the path comes first)
from diode_sim.trace import Trace  # noqa: E402 (same)

SEEDS = (0, 1, 0x7F3A)


def traces() -> list[dict[str, object]]:
    """Each scenario's trace by some seeds: how many lines it has, and their SHA-256."""
    found: list[dict[str, object]] = []
    for path in sorted(HERE.glob("*.toml")):
        for seed in SEEDS:
            trace = Trace()
            result = run_one(Job(str(path), seed), trace)
            assert result.failure is None, result.failure
            found.append({
                "scenario": path.name, "seed": seed, "lines": trace.lines, "sha256": trace.digest,
            })  # fmt: skip
    return found


if __name__ == "__main__":
    (HERE / "traces.json").write_text(json.dumps(traces(), indent=1) + "\n")
