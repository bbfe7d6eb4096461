"""A long stream in constant memory: the peak memory of both processes is held to a bound.

    python -m tests.campaigns.long_stream [--size-gib 20] [--rate-mbit 2000] [--dir DIR] [--kill N]

The source is a sparse file with a marker each MiB, so that little disk is needed for it; what lands
is compared with it. --kill kills the receiver so many times on the way, with one repeat to mend it.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from tests.system.link_tool import MBIT, SENDING, Ends, ends, files_of

MEMORY_BYTES_MAX = 200 * 2**20
_MARK = 2**20


def peak_bytes(pid: int) -> int:
    """The most memory a process has had (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM")


def make(path: Path, size: int) -> None:
    """A file whose every MiB begins with its number."""
    with path.open("wb") as file:
        file.truncate(size)
        for at in range(0, size, _MARK):
            os.pwrite(file.fileno(), at.to_bytes(16, "big"), at)


def same(source: Path, landed: Path) -> bool:
    """Whether every byte is the same, read once."""
    with source.open("rb") as left, landed.open("rb") as right:
        while True:
            a, b = left.read(_MARK), right.read(_MARK)
            if a != b:
                return False
            if not a:
                return True


def watch(both: Ends, sender: int, kills: int) -> tuple[int, int]:
    """Peak memory of sender and receiver until the file is there."""
    peaks, next_kill_s = [0, 0], time.monotonic() + 5
    while not (both.told("file") or both.told("gap")):
        for at, pid in enumerate((sender, both.receiving.pid)):
            try:
                peaks[at] = max(peaks[at], peak_bytes(pid))
            except (OSError, ValueError):
                continue
        if kills and time.monotonic() > next_kill_s:
            kills, next_kill_s = kills - 1, time.monotonic() + 5
            os.kill(both.receiving.pid, signal.SIGKILL)
        time.sleep(0.1)
    return peaks[0], peaks[1]


def main() -> int:
    """Run; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-gib", type=float, default=20)
    parser.add_argument("--rate-mbit", type=int, default=2000)
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--dir", default=None)
    args = parser.parse_args()
    size = int(args.size_gib * 2**30)
    params = replace(SENDING, rate_bits_per_s=args.rate_mbit * MBIT)
    if args.kill:
        params = replace(params, repeats=1)
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        source = Path(folder) / "source"
        make(source, size)
        with ends(Path(folder), params) as both:
            started_s = time.monotonic()
            sending = both.start(files_of(source))
            facts = sending.facts()
            next(facts)
            follower = threading.Thread(target=lambda: list(facts))
            follower.start()
            peaks = watch(both, sending.pid, args.kill)
            seconds = time.monotonic() - started_s
            follower.join()
            intact = bool(both.told("file")) and same(source, both.out / "source")
            gaps = both.told("stream-gap")
    print(
        f"{size:,} bytes in {seconds:.0f} s ({size / seconds / 1e6:.0f} MB/s), "
        f"{'intact' if intact else 'NOT intact'}; peak memory: sender {peaks[0] / 2**20:.0f} MiB, "
        f"receiver {peaks[1] / 2**20:.0f} MiB"
    )
    for gap in gaps:
        print(f"missing: {gap['missing_bytes']:,} bytes in {gap['ranges']:,} ranges")
    return int(not intact or max(peaks) > MEMORY_BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
