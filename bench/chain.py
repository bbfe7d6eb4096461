"""What the whole path costs: `python -m bench.chain [--count N] [--runs N] [--json]`.

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
    parser.add_argument("--isolation", choices=("pooled", "message"), default="pooled")
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
    pack = _isolated(pack_folder(given.pack), given.isolation, top / "pack")
    sites = (_Site(pack, top / str(number)) for number in range(2 * given.runs))
    runs = [_throughput(next(sites), samples, given.count) for _ in range(given.runs)]
    rate = LATENCY_RATE if given.isolation == "pooled" else LATENCY_RATE / 20
    latencies = [_latency(next(sites), samples, rate) for _ in range(given.runs)]
    result: dict[str, Any] = {
        "file_system": _file_system(str(top)),
        "processors": os.cpu_count(),
        "bytes_a_message": round(statistics.mean(map(len, samples))),
        "count": given.count,
        "latency_rate_per_s": rate,
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


def _isolated(pack: Path, isolation: str, copy: Path) -> Path:
    """A copy of the pack whose chains both have this isolation."""
    shutil.copytree(pack, copy, ignore=shutil.ignore_patterns("samples"))
    policy = (pack / "policy.toml").read_text()
    for table in ("[source]\n", "[destination]\n"):
        policy = policy.replace(table, f'{table}isolation = "{isolation}"\n', 1)
    (copy / "policy.toml").write_text(policy)
    return copy


class _Site:
    """A demonstration in a folder that its owner removes when all is measured."""

    def __init__(self, pack: Path, folder: Path) -> None:
        folder.mkdir(mode=0o711)
        self._flow = Demonstration(folder / "site", pack, LinkFaults(direct=True))

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


def _latency(site: _Site, samples: list[bytes], rate: float) -> dict[str, float]:
    """At so many messages a second, for ten seconds."""
    with site as flow:
        started_s = time.monotonic()
        for at in range(round(LATENCY_COUNT * rate / LATENCY_RATE)):
            flow.drop(samples[at % len(samples)], "event.cot")
            time.sleep(max(0.0, started_s + (at + 1) / rate - time.monotonic()))
        while not flow.settled():
            time.sleep(0.05)
        latencies = flow.latencies_ms()
        return {f"p{p}": percentile(latencies, p) for p in (50, 99)}


def _cpu(flow: Demonstration) -> dict[str, float]:
    """CPU seconds of each process and its children so far, user and system, by side and name."""
    return {
        f"{side} {name}": _spent(pid) + sum(map(_spent, _children(pid)))
        for side in ("low", "high")
        for name, pid in flow.pids(side).items()
    }


def _spent(pid: int) -> float:
    """Of a process and those of its children that have ended, in seconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # a child that has ended meanwhile: its parent has it
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    """The children that a process has now: a stage's worker."""
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


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
    print(f"latency at {result['latency_rate_per_s']:.0f}/s  p50 {result['p50_ms_median']} ms,"
          f" p99 {result['p99_ms_median']} ms")  # fmt: skip
    print("\nprocess                        CPU us   in the stage us")
    for name, cpu in result["cpu_us_a_message"].items():
        busy = result["busy_us_a_message"].get(name)
        print(f"{name:<30} {cpu:>6.0f}   {'' if busy is None else f'{busy:>6.0f}'}")
    print(f"{'all':<30} {sum(result['cpu_us_a_message'].values()):>6.0f}")


if __name__ == "__main__":
    sys.exit(main())
