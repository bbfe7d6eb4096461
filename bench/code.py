"""How fast the erasure code is: repair symbols made, and lost symbols rebuilt.

    python -m bench.code [--k 64] [--r 8] [--symbol 1440] [--runs 9] [--json]

GB/s of source symbols; the median of the runs, each the mean of 300 calls. `rebuild N` has N of the
source symbols lost, spread over the block.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from guard.edge.isal import choose_codec

CALLS = 300


def gb_s(work: Callable[[], object], size_bytes: int, runs: int) -> float:
    """Median over the runs."""
    found = []
    for _ in range(runs):
        started_s = time.perf_counter()
        for _ in range(CALLS):
            work()
        found.append(size_bytes * CALLS / (time.perf_counter() - started_s) / 1e9)
    return statistics.median(found)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--k", type=int, default=64)
    parser.add_argument("--r", type=int, default=8)
    parser.add_argument("--symbol", type=int, default=1440)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    codec, sentence = choose_codec()
    k, r = args.k, args.r
    symbols = np.random.default_rng(1).integers(0, 256, (k + r, args.symbol), dtype=np.uint8)
    size = k * args.symbol
    found = {"encode": gb_s(codec.encoder(symbols[:k], symbols[k:]), size, args.runs)}
    for lost in range(1, r + 1):
        gone = [at * k // lost for at in range(lost)]
        repairs = list(range(k, k + lost))

        def rebuild(gone: list[int] = gone, repairs: list[int] = repairs) -> None:
            codec.rebuild(k, symbols, gone, repairs)

        found[f"rebuild {lost}"] = gb_s(rebuild, size, args.runs)
    if args.json:
        print(json.dumps(found))
        return
    print(f"{sentence}; {k}+{r} symbols of {args.symbol} bytes")
    for name, value in found.items():
        print(f"{name:12} {value:6.2f} GB/s")


if __name__ == "__main__":
    main()
