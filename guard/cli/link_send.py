"""`guard link send`: files, directories or standard input to a one-way link."""

import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from guard.cli.link_options import (
    Host,
    LinkAddress,
    Rate,
    block_symbols,
    both_ends,
    confinement,
    ip_version,
    say_confinement,
)
from guard.cli.output import EXIT_NO, errors, print_json, printable, sentences, stoppable
from guard.edge.naming import FILES_MAX, FileToSend, files_below
from guard.link.params import SYMBOLS_MAX, LinkParams, repair_share
from guard.link.trailer import check_name
from guard.transfer import FILES_PER_S, Fact, Sending, SendOrder
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
    "--files-per-second",
    "files_per_s",
    type=click.IntRange(1, 1_000_000),
    default=FILES_PER_S,
    show_default=True,
    help="Pace of small files: how many the receiver's disk can make.",
)
@click.option(
    "--block",
    "k",
    type=click.IntRange(1, 252),
    default=None,
    help="Source symbols of a block at most: more repair better. Without it, what runs fastest.",
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
    report: dict[str, Any] = {
        "files": 0, "session": 0, "first_sequence": 0, "stopped": False, "refused": [],
        "changed": [],
    }  # fmt: skip
    as_json: bool = options["as_json"]
    with sentences(report if as_json else None), stoppable():
        files = _files(paths, options["name"], report)
        order = _order(files, options)
        if not files:
            _complain("there is nothing to send", report["refused"])
            _answer(report, as_json)
        sending = Sending(order)
        try:
            report |= {
                "files": len(files), "session": sending.session,
                "first_sequence": sending.first_sequence,
            }  # fmt: skip
            report |= confinement(sending.layers)
            if not as_json:
                say_confinement(confinement(sending.layers))
            _follow(sending, files, report)
        finally:
            sending.close()
    _answer(report, as_json)


def _answer(report: dict[str, Any], as_json: bool) -> NoReturn:
    """The end of the command."""
    with sentences():
        if as_json:
            print_json(report)
        elif report["session"]:
            _show(report)
    sys.exit(EXIT_NO if report["refused"] or report["stopped"] else 0)


def _files(paths: tuple[str, ...], name: str, report: dict[str, Any]) -> list[FileToSend]:
    files: list[FileToSend] = []
    for path in paths:
        if path == "-":
            files.append(_standard_input(name))
            continue
        for one in files_below(Path(path)):
            if isinstance(one, Malformed):
                _complain(one.sentence, report["refused"])
            else:
                files.append(one)
            if len(files) > FILES_MAX:
                raise click.UsageError(f"more than {FILES_MAX:,} files: send them in several runs")
    if sum(one.path is None for one in files) > 1:
        raise click.UsageError("standard input can be sent once")
    return files


def _standard_input(name: str) -> FileToSend:
    try:
        check_name(name)
        descriptor = os.dup(sys.__stdin__.fileno() if sys.__stdin__ else -1)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise click.UsageError("standard input is a directory")
    except Malformed as error:
        raise click.UsageError(f"--name: {name!r} may not cross: {error.sentence}") from error
    except OSError as error:
        raise click.UsageError("standard input is closed") from error
    return FileToSend(None, None, name, 0, 0o640, int(time.time()), descriptor)


def _complain(sentence: str, listed: list[str]) -> None:
    errors.print(f"guard: {printable(sentence)}", markup=False, soft_wrap=True)
    listed.append(sentence)


def _order(files: list[FileToSend], options: dict[str, Any]) -> SendOrder:
    addresses, sources = options["addresses"], options["sources"]
    if sources and len(sources) != len(addresses):
        raise click.UsageError("name --from once for each --to, or not at all")
    if options["repeats"] and any(one.path is None for one in files):
        raise click.UsageError("standard input cannot be repeated: send it from a file")
    links = 1 if options["copies"] else len(addresses)
    k = options["k"] or block_symbols(options["mtu"], options["repair"])
    if k + repair_share(k, options["repair"]) > SYMBOLS_MAX:
        raise click.UsageError(
            f"--block {k} and --repair {options['repair']} make more than"
            f" {SYMBOLS_MAX} symbols: take a smaller --block"
        )
    params = LinkParams(
        mtu_bytes=options["mtu"], ip_version=ip_version(addresses), k_max=k, r_max=255 - k,
        repair_percent=options["repair"], design_loss_ppm=0,
        interleave_blocks=options["interleave"], rate_bits_per_s=options["rate"] * links,
        frame_overhead_bytes=0, repeats=options["repeats"],
        repeat_pause_ms=round(options["repeat_after"] * 1000), tag=not options["no_tag"],
    )  # fmt: skip
    bound = [f"[{one}]:0" if ":" in one else f"{one}:0" for one in sources]
    precedence = _PRECEDENCES.index(options["precedence"])
    return SendOrder(
        Path(options["key_path"]), list(addresses), files, params, bound, options["copies"],
        precedence, compression=options["compress"], files_per_s=options["files_per_s"],
    )  # fmt: skip


def _follow(sending: Sending, files: list[FileToSend], report: dict[str, Any]) -> None:
    total = sum(one.size for one in files) if all(one.path for one in files) else None
    names = {sending.first_sequence + at: one.name for at, one in enumerate(files)}
    with _progress() as progress:
        task = progress.add_task("sending", total=total)

        def take(fact: Fact) -> None:
            counters = fact["counters"]
            sent = counters.get("payload_bytes", 0)
            progress.update(task, completed=sent if total is None else min(sent, total))
            progress.refresh()
            name = names.get(fact.get("sequence", 0), "?")
            if fact["what"] == "given-up":
                _complain(f"{name} was not sent whole: {fact['sentence']}", report["refused"])
            elif fact["what"] == "changed":
                _complain(f"{name} was changed while it was sent", report["changed"])
            elif fact["what"] == "down":
                errors.print(f"guard: {printable(fact['sentence'])}; trying again", markup=False)
            elif fact["what"] == "sent":
                report["stopped"] |= fact["stopped"]
                report["seconds"] = round((fact["sent_ns"] - fact["started_ns"]) / 1e9, 3)
                report["started_ns"] = fact["started_ns"]
                report.update({"links_failed": failed, **counters})
            elif fact["what"] == "progress":
                failed[:] = fact["failed"]

        failed: list[int] = []
        try:
            for fact in sending.facts():
                take(fact)
        except KeyboardInterrupt:
            report["stopped"] = True
            sending.stop()
            with suppress(KeyboardInterrupt):
                for fact in sending.facts():
                    take(fact)


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
