"""How fast other tools for one-way links are on this machine, beside ours, in one session.

    make bench-peers [ARGS="--size-mb 1024 --runs 5 --mtu 1500 --dir DIR --only NAME --json"]

Every tool sends the same file from disk to disk through loopback, in a network namespace that has
nothing else and whose loopback has the MTU asked for. For each a pace is searched first at which
nothing is lost here (bench/peer_search.py). Then come the runs, interleaved: each tool once a
round, in an order that turns by one a round. Figures are medians. A run whose SHA-256 is not the
source's counts as a goodput of 0 and is said. `latency` is a file of 1 KB, from the start of the
sender's process to the receiver's having all of it; `running` the same between processes that run
already, where a tool has a way. `ratio` is our goodput to the tool's.
"""

import argparse
import json
import math
import os
import platform
import signal
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from bench.peer_install import install
from bench.peer_net import INSIDE, enter, raise_loopback
from bench.peer_ours import Ours
from bench.peer_pydiode import Pydiode
from bench.peer_run import Missing, Peer, Place, Run, Source, new_place, say, transfer
from bench.peer_search import Found, search
from bench.peer_udpcast import Udpcast
from bench.peer_uftp import Uftp

TRIAL_BYTES_MAX = 256 * 2**20
SMALL_BYTES = 1024
MESSAGES = 7

T = TypeVar("T")

PEERS: tuple[Peer, ...] = (
    Udpcast("udpcast", fec="8x8/64"),
    Udpcast("udpcast-plain", fec=""),
    Uftp("uftp", cipher="none"),
    Uftp("uftp-aes", cipher="aes256-gcm"),
    Pydiode("pydiode", fitting=False),
    Pydiode("pydiode-mtu", fitting=True),
    Ours(),
)


@dataclass
class Measured:
    """One tool: its version (or why it is not there), its pace, and its runs."""

    peer: Peer
    version: str = ""
    missing: str = ""
    last_why: str = ""
    found: Found | None = None
    runs: list[Run] = field(default_factory=list)
    latencies: list[Run] = field(default_factory=list)
    running_ms: list[float] | None = None

    @property
    def goodput_mb_s(self) -> float:
        """Median of all runs, 0 for those that were not intact."""
        return median([run.goodput_mb_s for run in self.runs]) or 0.0


def median(values: list[float]) -> float | None:
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def rotated(tools: list[T], by: int) -> list[T]:
    """The order of round `by`: each tool comes first in turn."""
    by %= max(1, len(tools))
    return tools[by:] + tools[:by]


def measure(tools: list[Measured], base: Path, args: argparse.Namespace) -> None:
    """Search a pace for each, then run all of them in rounds, then the messages."""
    size = args.size_mb * 2**20
    source = Source.make(base / "source", size)
    short = Source.make(base / "short", min(size, TRIAL_BYTES_MAX))
    small = Source.make(base / "small", SMALL_BYTES)

    def send(tool: Measured, what: Source, pace_mbit: int) -> Run:
        run = transfer(tool.peer, base, what, pace_mbit, args.mtu)
        tool.last_why = run.why or tool.last_why
        pace = f"{pace_mbit} Mbit/s" if pace_mbit else "no pace"
        told = f"{run.goodput_mb_s:.1f} MB/s, {run.seconds * 1e3:.1f} ms"
        told = told if run.intact else f"not intact: {run.why}"
        say(f"bench: {tool.peer.name}, {pace}, {what.path.name}: {told}")
        return run

    for tool in tools:
        tool.found = search(tool.peer, partial(send, tool, short), partial(send, tool, source))
        tool.missing = "" if tool.found else f"no run was intact; the last: {tool.last_why}"
    going = [(tool, tool.found.pace_mbit) for tool in tools if tool.found]
    for number in range(args.runs):
        for tool, pace_mbit in rotated(going, number):
            tool.runs.append(send(tool, source, pace_mbit))
    for number in range(MESSAGES):
        for tool, pace_mbit in rotated(going, number):
            tool.latencies.append(send(tool, small, pace_mbit))
    for tool, _ in going:
        with new_place(base, args.mtu) as place:
            tool.running_ms = running(tool.peer, place)


def running(peer: Peer, place: Place) -> list[float] | None:
    """Latencies between running processes; a tool that fails at it has none."""
    try:
        return peer.running_ms(place)
    except (OSError, ValueError, TypeError) as error:
        say(f"bench: {peer.name}, running: {error}")
        return None


def row(tool: Measured, ours: Measured | None, mtu_bytes: int) -> dict[str, Any]:
    """What `--json` prints of one tool. Absent figures are null."""
    if tool.missing:
        return {"tool": tool.peer.name, "missing": tool.missing}
    intact = [run for run in tool.runs if run.intact]
    latencies_ms = [run.seconds * 1e3 for run in tool.latencies if run.intact]
    goodput, found = tool.goodput_mb_s, tool.found
    return {
        "tool": tool.peer.name,
        "version": tool.version,
        "setting": tool.peer.setting(found.pace_mbit, mtu_bytes) if found else None,
        "confirmed": found.confirmed if found else None,
        "goodput_mb_s": rounded(goodput),
        "goodput_runs_mb_s": [rounded(run.goodput_mb_s) for run in tool.runs],
        "intact": f"{len(intact)}/{len(tool.runs)}",
        "cpu_s": rounded(median([run.cpu_s for run in intact])),
        "latency_ms": rounded(median(latencies_ms)),
        "latency_intact": f"{len(latencies_ms)}/{len(tool.latencies)}",
        "latency_running_ms": rounded(median(tool.running_ms or [])),
        "ratio": rounded(ours.goodput_mb_s / goodput) if ours and goodput else None,
        "binds": sorted({host for run in tool.runs for host in run.hosts}),
        "fragments": max((run.fragments for run in tool.runs), default=0),
        "tried": [[pace, rounded(found_mb_s)] for pace, found_mb_s in found.tried] if found else [],
        "not_intact": [run.why for run in tool.runs + tool.latencies if not run.intact],
        "caveats": list(tool.peer.caveats),
    }


def rounded(value: float | None) -> float | None:
    """Three decimals; null for what JSON cannot say."""
    return round(value, 3) if value is not None and math.isfinite(value) else None


def circumstances(args: argparse.Namespace, base: Path) -> dict[str, Any]:
    """What the figures hang on."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "size_mb": args.size_mb, "mtu": args.mtu, "runs": args.runs, "messages": MESSAGES,
        "processor": processor, "cores": os.cpu_count(), "kernel": platform.release(),
        "load": rounded(os.getloadavg()[0]), "file_system": file_system(base),
        "rmem_max": int(Path("/proc/sys/net/core/rmem_max").read_text("ascii")),
    }  # fmt: skip


def file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on."""
    kinds = {}
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, mounted, kind, *_ = line.split(" ")
        kinds[Path(mounted.replace("\\040", " "))] = kind
    return next((kinds[at] for at in (folder, *folder.resolve().parents) if at in kinds), "unknown")


def show(rows: list[dict[str, Any]], around: dict[str, Any]) -> None:
    """The table, and under it what each tool does not do."""
    console = Console()
    words = "{size_mb} MiB, MTU {mtu}, {runs} runs; {processor}, {cores} cores, Linux {kernel}"
    words += ", {file_system}; load at the start {load}; net.core.rmem_max {rmem_max}"
    console.print(words.format(**around), highlight=False)
    heads = ("tool", "MB/s", "intact", "CPU s", "latency ms", "running ms", "ratio")
    keys = ("tool", "goodput_mb_s", "intact", "cpu_s", "latency_ms", "latency_running_ms", "ratio")
    table = Table(*heads)
    for found in rows:
        table.add_row(*("-" if (cell := found.get(key)) is None else str(cell) for key in keys))
    console.print(table)
    for found in rows:
        if "missing" in found:
            console.print(f"{found['tool']}: {found['missing']}", highlight=False, markup=False)
            continue
        lines = [f"{found['tool']} {found['version']}: {found['setting'] or 'nothing was intact'}"]
        lines += [
            f"receiver bound to {', '.join(found['binds'])}; {found['fragments']} IP fragments"
        ]
        lines += found["caveats"] + [f"not intact: {why}" for why in found["not_intact"][:3]]
        lines += [] if found["confirmed"] else ["no pace was intact each time it was tried"]
        console.print("\n  ".join(lines), highlight=False, markup=False)


def main() -> None:
    """Install what is missing, enter the namespace, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument("--size-mb", type=int, default=1024, help="MiB of the file")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--dir", default=None, help="where the files lie")
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--install", action="store_true", help="fetch the tools that are missing")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not (args.size_mb > 0 and args.runs > 0 and 576 <= args.mtu <= 65_535):
        parser.error("--size-mb and --runs are at least 1, --mtu is 576 to 65535")
    if not args.inside:
        if args.install:
            install()
        enter("bench.peers")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: asked to end"))
    raise_loopback(args.mtu)
    tools = [Measured(peer) for peer in PEERS if peer.name in (args.only or names)]
    for tool in tools:
        try:
            tool.version = tool.peer.version()
        except Missing as missing:
            tool.missing = str(missing)
            say(f"bench: {tool.peer.name}: {missing}")
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        base = Path(folder).resolve()
        around = circumstances(args, base)
        measure([tool for tool in tools if not tool.missing], base, args)
    ours = next((tool for tool in tools if tool.peer.name == Ours.name and tool.runs), None)
    rows = [row(tool, ours, args.mtu) for tool in tools]
    if args.json:
        print(json.dumps(around | {"tools": rows}))
    else:
        show(rows, around)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
