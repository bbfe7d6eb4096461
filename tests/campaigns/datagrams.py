"""A million hostile datagrams in the middle of transfers.

`python -m tests.campaigns.datagrams [--count N] [--seed S]` puts random, truncated, mutated, forged
and replayed datagrams between the genuine ones of links of several kinds, many to a buffer as
UDP_GRO gives them, and holds the receiver to docs/spec/link.md §5 (6) and §11 (3): no exception, no
growth, every datagram counted once; with tags each one under the reason it must have, and nothing
genuine lost. On a failure it prints the command that repeats it. Needs no socket and no root.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np

from tests.campaigns.world import WORLDS, World, Worlds, referents

DEFAULT_COUNT = 1_000_000
DEFAULT_SEED = 1
RSS_GROWTH_BYTES_MAX = 24 * 2**20
ENTRIES_MAX = 250_000
PAGE_BYTES = 4096


def rss_bytes() -> int:
    """Resident memory of this process, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def held(root: object, but: object) -> tuple[int, int]:
    """(entries of all collections, bytes of all buffers) that can be reached, not through `but`."""
    seen = {id(but)}
    entries = size = 0
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, list | dict | set | tuple | Counter):
            entries += len(one)
        elif isinstance(one, bytes | bytearray):
            size += len(one)
        elif isinstance(one, np.ndarray):
            size += one.nbytes if one.base is None else 0
        waiting.extend(referents(one))
    return entries, size


def campaign(count: int, seed: int, worlds: Worlds = WORLDS) -> list[str]:
    """Run it; gives a line a world for people. Raises AssertionError at the first wrong answer."""
    lines = []
    for name, make in worlds.items():
        chance = random.Random(f"{seed} {name}")
        world = make(chance)
        share = -(-count // len(worlds))
        started = time.perf_counter()
        _run(world, share // 5)
        warm_rss, warm = rss_bytes(), held(world.receiver, world.sink)
        _run(world, share)
        world.finish()
        grown, now = rss_bytes() - warm_rss, held(world.receiver, world.sink)
        assert grown <= RSS_GROWTH_BYTES_MAX, f"{name}: grew by {grown} bytes"
        assert now[0] <= ENTRIES_MAX, f"{name}: {now[0]} entries in its collections"
        assert now[1] <= warm[1] + world.buffer_bytes_may_grow, f"{name}: {now[1]} bytes held"
        taken = time.perf_counter() - started
        lines.append(
            f"{name}: {world.hostile:,} hostile and {world.genuine:,} genuine datagrams, "
            f"{taken:.1f} s, {grown / 2**20:+.1f} MiB; {world.told()}"
        )
    return lines


def _run(world: World, hostile: int) -> None:
    """Rounds until so many hostile datagrams were given in all."""
    while world.hostile < hostile:
        world.round()
    world.check_counts()


def main(arguments: Sequence[str] | None = None, worlds: Worlds = WORLDS) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.datagrams")
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="hostile datagrams")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    told = parser.parse_args(arguments)
    try:
        lines = campaign(told.count, told.seed, worlds)
    except BaseException:
        print(
            f"again: python -m tests.campaigns.datagrams --count {told.count} --seed {told.seed}",
            file=sys.stderr,
        )
        raise
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
