"""How fast envelopes are compressed and expanded, and to how much: `python -m bench.compression`.

On the samples of the pack `c2` as they are dropped, one at a time as the link sees them, and on
one large envelope of invented events in CBOR. Medians of five rounds; one process, one core.
"""

import statistics
import time
from collections.abc import Callable

from guard.edge.making import PACKS
from guard.link.compression import Coder, Coding
from tests.dictionaries.c2_invented import invented

ROUNDS = 5
LARGE_EVENTS = 10_000


def rate_mb_s(work: Callable[[], object], size_bytes: int) -> float:
    """Megabytes of plain envelope a second, the median round."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return size_bytes / statistics.median(seconds) / 1e6


def row(name: str, coder: Coder, plains: list[bytes]) -> str:
    """One line of the table."""
    coded = [coder.shrink(plain) for plain in plains]
    pairs = [(c, len(p)) for c, p in zip(coded, plains, strict=True) if c is not None]
    total = sum(map(len, plains))
    left = sum(len(p) if c is None else len(c) for c, p in zip(coded, plains, strict=True))
    shrinks = rate_mb_s(lambda: [coder.shrink(plain) for plain in plains], total)
    expands = rate_mb_s(lambda: [coder.expand(coder.coding, c, size) for c, size in pairs], total)
    return (
        f"{name:<24} {len(plains):>4} x {total // len(plains):>8} bytes"
        f"  to {100 * left / total:5.1f} %  {shrinks:8.1f} MB/s  {expands:8.1f} MB/s back"
    )


def main() -> None:
    """Print the table."""
    dictionary = (PACKS / "c2" / "cot.zdict").read_bytes()
    samples = [path.read_bytes() for path in sorted((PACKS / "c2" / "samples").glob("*.cot"))]
    events = samples * 20
    large = [b"".join(invented(seed=1, count=LARGE_EVENTS))]
    coders = {
        "lz4": Coder(Coding.LZ4),
        "zstd": Coder(Coding.ZSTD),
        "zstd with dictionary": Coder(Coding.ZSTD_DICTIONARY, dictionary, lambda _: 75),
    }
    for plains in (events, large):
        for name, coder in coders.items():
            print(row(name, coder, plains))


if __name__ == "__main__":
    main()
