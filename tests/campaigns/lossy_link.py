"""Whole files over links that lose much: all of them intact, or this names the run that was not.

    python -m tests.campaigns.lossy_link [--runs 10] [--size-mb 100] [--seed 1] [--only NAME]

Real processes, sockets and files; `diode-sim proxy` stands between. Each run has a seed of its own,
counted up from --seed. Ends with 1 if a run was not intact, after the command that repeats it.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from guard.link.params import LinkParams
from tests.system.link_tool import MBIT, SENDING, ends, files_of, simulated_link

PACE = replace(SENDING, rate_bits_per_s=600 * MBIT)
LINKS: dict[str, tuple[list[str], LinkParams]] = {
    "5-percent": (["--loss", "0.05"], replace(PACE, k_max=200, r_max=55, repair_percent=15)),
    "3-percent": (["--loss", "0.03"], replace(PACE, k_max=230, r_max=25, repair_percent=10)),
    "bursts": (["--burst", "0.005:64"], replace(PACE, k_max=80, interleave_blocks=40)),
}


def run(name: str, seed: int, size_bytes: int, folder: Path) -> dict[str, object]:
    """One file over one link."""
    channel, params = LINKS[name]
    source = folder / "source"
    source.write_bytes(os.urandom(size_bytes))
    with ends(folder, params) as both:
        started_s = time.monotonic()
        with simulated_link(both.addresses[0], *channel, "--seed", str(seed)) as link:
            both.send(files_of(source), [link])
        while not (both.told("file") or both.told("gap")) and time.monotonic() < started_s + 120:
            time.sleep(0.02)
        seconds = time.monotonic() - started_s
        landed = both.out / "source"
        intact = landed.exists() and landed.read_bytes() == source.read_bytes()
        counters = (both.told("progress") or [{"counters": {}}])[-1]["counters"]
    return {
        "link": name, "seed": seed, "intact": intact, "seconds": round(seconds, 2),
        **{name: counters.get(name) for name in ("blocks_rebuilt", "blocks_done", "kernel_drops")},
    }  # fmt: skip


def main() -> int:
    """Run all; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--size-mb", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=LINKS)
    parser.add_argument("--dir", default=None)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    failures = 0
    for name in [args.only] if args.only else LINKS:
        intact = 0
        for seed in range(args.seed, args.seed + args.runs):
            with tempfile.TemporaryDirectory(dir=args.dir) as folder:
                found = run(name, seed, args.size_mb * 1_000_000, Path(folder))
            intact += bool(found["intact"])
            if args.json:
                print(json.dumps(found), flush=True)
            if not found["intact"]:
                failures += 1
                again = f"--only {name} --seed {seed} --runs 1 --size-mb {args.size_mb}"
                print(f"again: python -m tests.campaigns.lossy_link {again}", file=sys.stderr)
        print(
            f"{name}: {intact} of {args.runs} intact", file=sys.stderr if args.json else sys.stdout
        )
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
