"""`guard link send`: files, directories or standard input to a one-way link."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from guard.cli.link_options import Host, LinkAddress, Rate, both_ends, ip_version
from guard.cli.output import EXIT_NO, errors, fail, print_json, printable, sentences
from guard.edge.naming import FILES_MAX, FileToSend, files_below
from guard.link.params import LinkParams
from guard.link.trailer import check_name
from guard.transfer import Sending, SendOrder
from schemas.errors import Malformed
from schemas.message import Precedence

_PRECEDENCES = [level.name.replace("_", "-").lower() for level in Precedence]


@click.command(
    epilog="Example: guard link send --to 10.0.0.2:47000 --key diode.key --rate 900Mbit/s report/"
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH... | -")
@click.option(
    "--to",
    "addresses",
    multiple=True,
    required=True,
    type=LinkAddress(),
    help="The receiver's address; once for each link that runs side by side.",
)
@click.option(
    "--from",
    "sources",
    multiple=True,
    type=Host(),
    help="Our own address on each link, where the host has several.",
)
@click.option(
    "--copies",
    is_flag=True,
    help="With several links: everything over each of them, instead of in turn.",
)
@click.option(
    "--rate",
    type=Rate(),
    default="1Gbit/s",
    show_default=True,
    help="Pace on each link, headers and repair symbols included.",
)
@click.option(
    "--block",
    "k",
    type=click.IntRange(1, 252),
    default=40,
    show_default=True,
    help="Source symbols of a block at most: more repair better, fewer run faster.",
)
@click.option(
    "--repair",
    type=click.IntRange(0, 400),
    default=10,
    show_default=True,
    help="Repair symbols as a percentage of the source symbols; never fewer than 3.",
)
@click.option(
    "--interleave",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Blocks sent symbol by symbol in turn, against bursts of loss.",
)
@click.option(
    "--repeats",
    type=click.IntRange(0, 16),
    default=0,
    show_default=True,
    help="How often everything is sent again, against outages.",
)
@click.option(
    "--repeat-after",
    type=click.FloatRange(0.001, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long after it was sent: longer than the outages.",
)
@click.option(
    "--precedence",
    type=click.Choice(_PRECEDENCES),
    default="routine",
    show_default=True,
    help="ACP 127.",
)
@click.option(
    "--name",
    metavar="NAME",
    default="stdin",
    show_default=True,
    help="What standard input is called on the other side.",
)
@both_ends
def send(paths: tuple[str, ...], **options: Any) -> None:  # fmt: skip
    """Send files, whole directories, or standard input (-), one way.

    Nothing comes back, so this cannot know what arrived: the receiver tells it. Exits 1 if
    something could not be sent.
    """
    with sentences():
        files, refused = _files(paths, options["name"])
        if not files:
            fail("there is nothing to send", EXIT_NO)
        sending = Sending(_order(files, options))
        report = _follow(sending, files)
    report["refused"] = [one.sentence for one in refused] + report["refused"]
    if options["as_json"]:
        print_json(report)
    else:
        _show(report)
    if report["refused"] or report["stopped"]:
        raise SystemExit(EXIT_NO)


def _files(paths: tuple[str, ...], name: str) -> tuple[list[FileToSend], list[Malformed]]:
    files: list[FileToSend] = []
    refused: list[Malformed] = []
    for path in paths:
        if path == "-":
            check_name(name)
            descriptor = os.dup(sys.stdin.fileno())
            files.append(FileToSend(None, None, name, 0, 0o640, int(time.time()), descriptor))
            continue
        for one in files_below(Path(path)):
            if isinstance(one, Malformed):
                errors.print(f"guard: {printable(one.sentence)}", markup=False, soft_wrap=True)
                refused.append(one)
            else:
                files.append(one)
            if len(files) > FILES_MAX:
                raise click.UsageError(f"more than {FILES_MAX:,} files: send them in several runs")
    if sum(one.path is None for one in files) > 1:
        raise click.UsageError("standard input can be sent once")
    return files, refused


def _order(files: list[FileToSend], options: dict[str, Any]) -> SendOrder:
    addresses, sources = options["addresses"], options["sources"]
    if sources and len(sources) != len(addresses):
        raise click.UsageError("name --from once for each --to, or not at all")
    if options["repeats"] and any(one.path is None for one in files):
        raise click.UsageError("standard input cannot be repeated: send it from a file")
    links = 1 if options["copies"] else len(addresses)
    params = LinkParams(
        mtu_bytes=options["mtu"], ip_version=ip_version(addresses), k_max=options["k"],
        r_max=255 - options["k"], repair_percent=options["repair"], design_loss_ppm=0,
        interleave_blocks=options["interleave"], rate_bits_per_s=options["rate"] * links,
        frame_overhead_bytes=0, repeats=options["repeats"],
        repeat_pause_ms=round(options["repeat_after"] * 1000), tag=not options["no_tag"],
    )  # fmt: skip
    bound = [f"[{one}]:0" if ":" in one else f"{one}:0" for one in sources]
    precedence = _PRECEDENCES.index(options["precedence"])
    return SendOrder(
        Path(options["key_path"]), list(addresses), files, params, bound, options["copies"],
        precedence, options["flow"], options["compress"],
    )  # fmt: skip


def _follow(sending: Sending, files: list[FileToSend]) -> dict[str, Any]:
    total = sum(one.size for one in files) if all(one.path for one in files) else None
    report: dict[str, Any] = {
        "files": len(files), "session": sending.session,
        "first_sequence": sending.first_sequence, "stopped": False, "refused": [],
    }  # fmt: skip
    told = ""
    names = {sending.first_sequence + at: one.name for at, one in enumerate(files)}
    with _progress() as progress:
        task = progress.add_task("sending", total=total)
        try:
            for fact in sending.facts():
                counters = fact.get("counters", {})
                sent = counters.get("payload_bytes", 0)
                progress.update(task, completed=sent if total is None else min(sent, total))
                progress.refresh()
                if fact["what"] == "given-up":
                    sentence = f"{names[fact['sequence']]} was not sent whole: {fact['sentence']}"
                    errors.print(f"guard: {printable(sentence)}", markup=False, soft_wrap=True)
                    report["refused"].append(sentence)
                elif fact["what"] == "down" and fact["sentence"] != told:
                    told = fact["sentence"]
                    errors.print(f"guard: {told}; trying again", markup=False, soft_wrap=True)
                elif fact["what"] == "sent":
                    seconds = (fact["sent_ns"] - fact["started_ns"]) / 1e9
                    report |= {"stopped": fact["stopped"], "seconds": round(seconds, 3)}
                    report |= {"started_ns": fact["started_ns"], **counters}
        except KeyboardInterrupt:
            sending.stop()
            report["stopped"] = True
            with suppress(KeyboardInterrupt):
                for fact in sending.facts():
                    report |= fact.get("counters", {})
    return report


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        console=errors, transient=True, auto_refresh=False, disable=not errors.is_terminal,
    )  # fmt: skip


def _show(report: dict[str, Any]) -> None:
    sent = report.get("streams", 0)
    megabytes = report.get("stream_bytes", 0) / 1e6
    seconds = max(report.get("seconds", 0), 0.001)
    first, last = report["first_sequence"], report["first_sequence"] + report["files"] - 1
    numbers = f"number {first}" if first == last else f"numbers {first} to {last}"
    line = f"sent {sent:,} of {report['files']:,} files, {megabytes:,.1f} MB in {seconds:,.1f} s"
    line += f" ({megabytes / seconds:,.1f} MB/s), session {report['session']}, {numbers}"
    errors.print(f"stopped: {line}" if report["stopped"] else line, soft_wrap=True)
