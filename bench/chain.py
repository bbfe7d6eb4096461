"""What the whole path costs: `python bench/chain.py [--count N] [--runs N] [--json]`.

Runs the `c2` flow as `guard demo` does (every stage in its own confined process, real UDP over
loopback, both ledgers) and measures messages/s from the first drop to the last file in the output
queue, latency at 100 messages/s, and where the time goes: microseconds a message of each process.
Medians of several runs, each on a site of its own.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.side_status import read_counters
from guard.report.measures import percentile

LATENCY_RATE = 100.0
LATENCY_COUNT = 1000
PAYLOAD_BYTES = 1024


def main() -> int:
    """Run, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pack", default="c2")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the sites are made")
    given = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="checkvalve-bench-", dir=given.dir))
    top.chmod(0o711)
    try:
        return _measure(given, top)
    finally:
        # Only now: ext4 makes files slowly for minutes near where many were removed.
        shutil.rmtree(top, ignore_errors=True)


def _measure(given: argparse.Namespace, top: Path) -> int:
    """All runs, each on a site of its own under `top`; prints the result."""
    samples = [p.read_bytes() for p in sorted((pack_folder(given.pack) / "samples").iterdir())
               if p.is_file()]  # fmt: skip
    sites = (_Site(given.pack, top / str(number)) for number in range(2 * given.runs))
    runs = [_throughput(next(sites), samples, given.count) for _ in range(given.runs)]
    latencies = [_latency(next(sites), samples) for _ in range(given.runs)]
    result: dict[str, Any] = {
        "file_system": _file_system(str(top)),
        "processors": os.cpu_count(),
        "bytes_a_message": round(statistics.mean(map(len, samples))),
        "count": given.count,
        "messages_per_s": [round(run["rate"]) for run in runs],
        "messages_per_s_median": round(statistics.median(run["rate"] for run in runs)),
        "latency_ms": latencies,
        "p50_ms_median": statistics.median(each["p50"] for each in latencies),
        "p99_ms_median": statistics.median(each["p99"] for each in latencies),
        "busy_us_a_message": runs[-1]["busy"],
        "cpu_us_a_message": runs[-1]["cpu"],
    }
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 0


class _Site:
    """A demonstration in a folder that its owner removes when all is measured."""

    def __init__(self, pack: str, folder: Path) -> None:
        folder.mkdir(mode=0o711)
        self._flow = Demonstration(folder / "site", pack_folder(pack), LinkFaults(direct=True))

    def __enter__(self) -> Demonstration:
        return self._flow.__enter__()

    def __exit__(self, *_: object) -> None:
        self._flow.__exit__()


def _throughput(site: _Site, samples: list[bytes], count: int) -> dict[str, Any]:
    with site as flow:
        laid = [
            flow.lay_ready(samples[at % len(samples)], f"{at:07d}.cot") for at in range(count)
        ]  # the senders' own work, done before the clock starts
        before = _cpu(flow)
        started_ns = time.time_ns()
        for each in laid:
            flow.drop_laid(each)
        while _delivered(flow) < count:
            time.sleep(0.25)
        last_ns = max(path.stat().st_ctime_ns for path in flow.delivered_files())
        after = _cpu(flow)
        while not flow.settled():
            time.sleep(0.05)
        account = flow.account
        if len(account.delivered) != count or account.lost or account.gaps:
            raise SystemExit(f"not all were delivered: {len(account.delivered)} of {count}")
        busy = {
            f"{side} {name}": counters["busy_ns"] / 1000 / count
            for side in ("low", "high")
            for name, counters in read_counters(flow.folder / side).items()
            if "busy_ns" in counters
        }
        cpu = {name: (after[name] - before[name]) * 1e6 / count for name in after}
        return {"rate": count / ((last_ns - started_ns) / 1e9), "busy": busy, "cpu": cpu}


def _delivered(flow: Demonstration) -> int:
    """How many payloads stand in the output queue, counted cheaply: two files a message."""
    queue = flow.made.high / "queue"
    folders = [queue / "new", *queue.glob("*/new")]
    return sum(len(os.listdir(folder)) for folder in folders) // 2


def _latency(site: _Site, samples: list[bytes]) -> dict[str, float]:
    with site as flow:
        started_s = time.monotonic()
        for at in range(LATENCY_COUNT):
            flow.drop(samples[at % len(samples)], "event.cot")
            time.sleep(max(0.0, started_s + (at + 1) / LATENCY_RATE - time.monotonic()))
        while not flow.settled():
            time.sleep(0.05)
        latencies = flow.latencies_ms()
        return {f"p{p}": percentile(latencies, p) for p in (50, 99)}


def _cpu(flow: Demonstration) -> dict[str, float]:
    """CPU seconds of each process so far, user and system, by side and name."""
    tick = os.sysconf("SC_CLK_TCK")
    spent = {}
    for side in ("low", "high"):
        for name, pid in flow.pids(side).items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent[f"{side} {name}"] = (int(fields[11]) + int(fields[12])) / tick
    return spent


def _file_system(path: str) -> str:
    best = ("", "")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if path.startswith(where) and len(where) >= len(best[0]):
            best = (where, kind)
    return best[1]


def _show(result: dict[str, Any]) -> None:
    print(f"{result['bytes_a_message']} bytes a message, {result['processors']} processors,"
          f" {result['file_system']}")  # fmt: skip
    print(f"throughput  {result['messages_per_s_median']} messages/s, runs"
          f" {result['messages_per_s']}")  # fmt: skip
    print(f"latency at {LATENCY_RATE:.0f}/s  p50 {result['p50_ms_median']} ms,"
          f" p99 {result['p99_ms_median']} ms")  # fmt: skip
    print("\nprocess                        CPU us   in the stage us")
    for name, cpu in result["cpu_us_a_message"].items():
        busy = result["busy_us_a_message"].get(name)
        print(f"{name:<30} {cpu:>6.0f}   {'' if busy is None else f'{busy:>6.0f}'}")
    print(f"{'all':<30} {sum(result['cpu_us_a_message'].values()):>6.0f}")


if __name__ == "__main__":
    sys.exit(main())
