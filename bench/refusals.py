"""How long refusing takes: the hostile samples through their packs' chains.

    python -m bench.refusals [--only FORMAT]

Takes every sample of tests/filters/hostile, each in a process of its own, through both chains of
each pack that it names; prints for each format how many there are, how many were refused, the
slowest with its processor time, and by how much a process grew at most: medians of five runs. The
figures in docs/benchmarks.md come from here.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.filters.hostile.cases import formats

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5


def outcomes(name: str, pack: str) -> list[dict[str, Any]]:
    """What became of each hostile sample of a format."""
    command = [sys.executable, "-m", "tests.filters.hostile.chains", name, pack]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [each for each in json.loads(done.stdout) if each["kind"] == "hostile"]


def row(name: str, pack: str) -> str:
    """A line of the table: format, samples, refused, the slowest, the largest."""
    runs = [outcomes(name, pack) for _ in range(RUNS)]
    seconds, megabytes = (
        {
            sample["name"]: statistics.median(run[at][figure] for run in runs)
            for at, sample in enumerate(runs[0])
        }
        for figure in ("cpu_s", "grown_mb")
    )
    refused = sum(bool(sample["stage"]) for sample in runs[0])
    slowest = max(seconds, key=lambda each: seconds[each])
    largest = max(megabytes, key=lambda each: megabytes[each])
    return (
        f"{f'{name}, {pack}':28} {len(seconds):4} {refused:4} {seconds[slowest]:6.3f} s  {slowest};"
        f" {megabytes[largest]:4.0f} MB  {largest}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="FORMAT")
    only = parser.parse_args().only
    for given in formats():
        for pack in given.packs:
            if only in ("", given.name):
                print(row(given.name, pack), flush=True)


if __name__ == "__main__":
    main()
