"""`guard demo`: a whole flow on this machine, from dropped files to the output queue."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from guard.cli.output import EXIT_NO, console, print_json, sentences, stoppable
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.report.ledger_verifier import verify_ledger
from guard.report.measures import percentile
from schemas.errors import Malformed
from schemas.reasons import Reason

SIDECAR_SUFFIX = ".meta.json"
QUIET_S = 60.0
REASONS_SHOWN_MAX = 8
_SKIPPED = ("expected.toml",)


@dataclass(frozen=True, slots=True)
class Sample:
    """One file to drop, with its sidecar."""

    name: str
    payload: bytes
    sidecar: bytes | None


@click.command(
    epilog="Example: guard demo --count 500 --loss 0.03",
)
@click.option("--pack", default="c2", show_default=True, help="The pack whose policy to run.")
@click.option("--from", "folders", multiple=True, metavar="DIR",
              type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Drop every file under DIR instead of the pack's samples.")  # fmt: skip
@click.option("--count", type=click.IntRange(1, 10_000_000), help="How many messages, taking the"
              " files in turn.  [default: each file once]")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0.1), help="Messages a second.  [default: as fast as"
              " they go]")  # fmt: skip
@click.option("--loss", default=0.0, show_default=True, type=click.FloatRange(0, 1),
              help="Share of datagrams that the simulated link loses.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Seed of the simulated link.")
@click.option("--netns", is_flag=True, help="Run the sides in two network namespaces with a diode"
              " between them and the shipped nftables rules.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Make the site in this folder and keep it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def demo(pack: str, folders: tuple[Path, ...], count: int | None, rate: float | None, loss: float,
         seed: int, netns: bool, keep: Path | None, as_json: bool) -> None:  # fmt: skip
    """Make a throw-away site, run both sides and the link, and account for every message.

    Good and hostile samples are dropped on the low side. Exit code 0 only if nothing was lost,
    doubled, left in a gap or unaccounted for, and both ledgers verify.
    """
    with sentences(), stoppable():
        samples = list(_samples(folders or (pack_folder(pack) / "samples",)))
        if not samples:
            raise Malformed(Reason.ARGUMENT, "there is no file to drop")
        folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="checkvalve-"))
        if not keep:
            folder.chmod(0o711)
        try:
            result = _run(folder / "site", pack, samples, count or len(samples), rate,
                          LinkFaults(loss, seed, netns=netns), as_json)  # fmt: skip
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json(result)
    else:
        _show(result, folder if keep else None)
    sys.exit(0 if _is_whole(result) else EXIT_NO)


def _samples(folders: tuple[Path, ...]) -> Iterator[Sample]:
    """Every regular file under the folders, by name, with the sidecar that lies beside it."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(SIDECAR_SUFFIX):
                if path.name in _SKIPPED:
                    continue
                beside = path.with_name(path.name + SIDECAR_SUFFIX)
                sidecar = beside.read_bytes() if beside.exists() else None
                yield Sample(path.name, path.read_bytes(), sidecar)


def _run(folder: Path, pack: str, samples: list[Sample], count: int, rate: float | None,
         faults: LinkFaults, quiet: bool) -> dict[str, Any]:  # fmt: skip
    if not quiet:
        console.print(_confinement_line())
        link = "the diode between them" if faults.netns else "the simulated link"
        console.print(f"Starting both sides of pack {pack} and {link}"
                      f" (loss {faults.loss:.1%}, seed {faults.seed}) …")  # fmt: skip
    folder.mkdir(parents=True)
    with Demonstration(folder, pack_folder(pack), faults) as flow:
        if not quiet:
            console.print(f"Running: {len(flow.pids('low'))} processes on the low side,"
                          f" {len(flow.pids('high'))} on the high side.")  # fmt: skip
        started_s = time.monotonic()
        with _progress(quiet) as progress:
            bars = _Bars(progress, count)
            for at, sample in enumerate(islice(cycle(samples), count)):
                flow.drop(sample.payload, sample.name, sample.sidecar)
                if rate:
                    time.sleep(max(0.0, started_s + (at + 1) / rate - time.monotonic()))
                if at % 64 == 0:
                    bars.show(flow)
            _wait(flow, bars)
            took_s = time.monotonic() - started_s
        latencies = flow.latencies_ms()
        flow.end()
        flow.follow()
        return _result(flow, latencies, took_s)


def _wait(flow: Demonstration, bars: "_Bars") -> None:
    """Until every message is accounted for, or nothing has moved for a minute."""
    newest, since_s = "", time.monotonic()
    while not flow.settled() and time.monotonic() - since_s < QUIET_S:
        if (now := bars.show(flow)) != newest:
            newest, since_s = now, time.monotonic()
        time.sleep(0.02)
    bars.show(flow)


class _Bars:
    """The live picture: how far each step has come."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._count = count
        names = ("dropped", "decided", "sent", "delivered")
        self._tasks: dict[str, TaskID] = {n: progress.add_task(n, total=count) for n in names}

    def show(self, flow: Demonstration) -> str:
        """Bring the bars up to date; gives the numbers as a text, to see whether they move."""
        account = flow.follow()
        released = len(account.committed)
        arrived = len(account.delivered) + len(account.held_high)
        numbers = {
            "dropped": (len(flow.dropped), self._count),
            "decided": (account.decided, self._count),
            "sent": (account.sent, released),
            "delivered": (arrived, released),
        }
        for name, (number, total) in numbers.items():
            self._progress.update(self._tasks[name], completed=number, total=max(total, 1))
        return str(numbers) + str(account.gaps)


def _progress(quiet: bool) -> Progress:
    return Progress(
        TextColumn("  {task.description:<10}"), BarColumn(32),
        TextColumn("{task.completed:>7.0f} of {task.total:.0f}"), TimeElapsedColumn(),
        console=console, disable=quiet, transient=not console.is_terminal,
    )  # fmt: skip


def _result(flow: Demonstration, latencies: list[float], took_s: float) -> dict[str, Any]:
    account = flow.account
    made = flow.made
    reports = {
        side: verify_ledger(folder / "ledger", folder / "trust" / "ledger.pub")
        for side, folder in (("low", made.low), ("high", made.high))
    }
    return {
        "dropped": len(flow.dropped),
        "sent": account.sent,
        "refused": len(account.refused),
        "held": len(account.held),
        "delivered": len(account.delivered),
        "held_high": len(account.held_high),
        "gaps": account.gaps,
        "lost": account.lost,
        "duplicates": account.duplicates,
        "unaccounted": max(0, len(flow.dropped) - account.decided)
        + max(0, len(account.committed) - account.sent),
        "low_ledger": "verified" if reports["low"].ok else "BROKEN",
        "high_ledger": "verified" if reports["high"].ok else "BROKEN",
        "latency_ms": {
            "p50": percentile(latencies, 50),
            "p99": percentile(latencies, 99),
            "max": percentile(latencies, 100),
        },
        "throughput_per_s": round(len(flow.dropped) / took_s, 1),
        "refusals": dict(account.refusals.most_common()),
    } | ({"cable": flow.cable} if flow.faults.netns else {})


def _is_whole(result: dict[str, Any]) -> bool:
    nothing = ("gaps", "lost", "duplicates", "unaccounted")
    ledgers = ("low_ledger", "high_ledger")
    return (
        not any(result[name] for name in nothing)
        and all(result[name] == "verified" for name in ledgers)
        and _one_way(result)
    )


def _one_way(result: dict[str, Any]) -> bool:
    """Whether the diode has counted, and nothing against the flow; also where there is none."""
    if "cable" not in result:
        return True
    return bool(result["cable"]) and result["cable"]["reverse"]["passed"]["packets"] == 0


def _show(result: dict[str, Any], kept: Path | None) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    words = {
        "dropped": "files dropped on the low side",
        "sent": "passed every check, sealed and sent",
        "refused": "refused by a stage, or by ingest",
        "held": "held for people on the low side",
        "delivered": "rebuilt, schema-valid on both sides, in the output queue",
        "held_high": "held on the high side",
        "gaps": "reported lost on the link",
        "lost": "lost without a report",
        "duplicates": "delivered or decided twice",
        "unaccounted": "in no place at all",
    }
    for name, sentence in words.items():
        table.add_row(f"[bold]{result[name]:>7}[/]", name, f"[dim]{sentence}[/]")
    console.print(table)
    console.print(f"  ledgers: low {result['low_ledger']}, high {result['high_ledger']}")
    latency = result["latency_ms"]
    console.print(f"  latency: p50 {latency['p50']} ms, p99 {latency['p99']} ms;"
                  f" {result['throughput_per_s']} messages/s")  # fmt: skip
    if result["refusals"]:
        shown = list(result["refusals"].items())[:REASONS_SHOWN_MAX]
        reasons = ", ".join(f"{reason} {count}" for reason, count in shown)
        rest = len(result["refusals"]) - len(shown)
        more = f" and {rest} more reasons (--json names all)" if rest else ""
        console.print(f"  refused for: {reasons}{more}")
    if cable := result.get("cable"):
        forward, reverse = cable["forward"], cable["reverse"]
        console.print(f"  diode: {forward['passed']['packets']:,} packets forward"
                      f" ({forward['passed']['bytes']:,} bytes),"
                      f" {reverse['passed']['packets']:,} back;"
                      f" {reverse['dropped']['packets']:,} tried and stopped there")  # fmt: skip
    if kept:
        site = kept / "site"
        console.print(f"Look: {site}/high/queue  {site}/low/replies\n"
                      f"      guard audit verify {site}/low/ledger", soft_wrap=True)  # fmt: skip
    else:
        console.print("The site is removed again; --keep DIR keeps it to look at.")


def _confinement_line() -> str:
    if os.geteuid() == 0:
        return "Running as root: every process has its own user and network namespace."
    return ("Running without root: one user for all processes and no network namespaces;"
            " Landlock, seccomp and limits are on.")  # fmt: skip
