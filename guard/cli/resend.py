"""`guard resend`: send chosen messages once more, by number or by a gap notice.

What may be sent again, and how a running side takes it up: docs/spec/resend.md; for people:
docs/recovery.md.
"""

import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from guard.cli.gaps import check_flow
from guard.cli.output import EXIT_NO, console, errors, print_json, printable, sentences, stoppable
from guard.core.gap_notice import (
    NOTICE_BYTES_MAX,
    SEQUENCE_MAX,
    GapNotice,
    approved_by,
    check_bounds,
    read_gap_notice,
)
from guard.core.ledger import read_entry, split_batch
from guard.edge.clock import now_s
from guard.edge.journal import JournalReader
from guard.edge.journal_recovery import read_mark_file
from guard.edge.operators import read_operators
from guard.edge.resend_files import lay_request
from guard.edge.resend_order import read_order
from guard.edge.resend_plan import Plan, plan, rerun
from guard.edge.running import tell_to_look
from guard.edge.session_reset import link_key_of
from guard.edge.site import Site, load_site
from schemas.entry import Entry, Kind
from schemas.errors import CheckvalveError, Malformed
from schemas.reasons import Reason
from schemas.sequences import Range, RangeSet

SHOWN_MAX = 20
_POLL_S = 0.1
_BATCHES = 64
_NUMBERS = re.compile(r"([1-9][0-9]{0,18})(?:-([1-9][0-9]{0,18}))?", re.ASCII)


@click.command(epilog="Example: guard resend c2 --gap gaps.txt --site /srv/checkvalve/low")
@click.argument("flow", metavar="FLOW")
@click.argument("numbers", metavar="[SEQ...]", nargs=-1)
@click.option("--gap", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="A gap notice that two operators have signed.")  # fmt: skip
@click.option(
    "--site", "folder", required=True, metavar="LOW",
    type=click.Path(path_type=Path, file_okay=False), help="The low side's folder.",
)  # fmt: skip
@click.option("--rerun", "again", is_flag=True, help="Drop what was sealed under another policy"
              " once more, as a new message, if its accepted bytes are still kept.")  # fmt: skip
@click.option(
    "--timeout", "timeout_s", default=60.0, show_default=True, metavar="SECONDS",
    type=click.FloatRange(0.1, 86_400), help="How long to wait for a side that runs.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def resend(
    flow: str, numbers: tuple[str, ...], file: Path | None, folder: Path, again: bool,
    timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Send messages of FLOW once more: by number (7, or 7-9), or those of a gap notice.

    Only what was sent before, in the very bytes that were sealed, and only if the policy and
    posture that run now let it pass. A side that runs takes it up at once, another at its next
    start. Exits 1 if anything was refused.
    """
    answer: dict[str, Any] = {"flow": printable(flow)}
    with stoppable(), sentences(answer if as_json else None):
        if bool(numbers) == (file is not None):
            raise click.UsageError("give numbers, or --gap FILE")
        site = _low(folder, flow)
        if file is None:
            found = plan(site, ranges := _ranges(numbers))
        else:
            notice, note = _read_notice(site, file)
            found = plan(site, ranges := notice.gaps, note)
            notice.check_newer(found.notice_s, now_s())
        told = answer | _told(found, ranges)
        if again:
            _rerun(site, found, told)
        if found.request.parts:
            _carry_out(site, found, told, timeout_s, quiet=as_json)
    if as_json:
        print_json(told)
    else:
        _lines(told)
    if told["refused"] or told["state"] == "waiting":
        raise SystemExit(EXIT_NO)


def _low(folder: Path, flow: str) -> Site:
    site = load_site(folder.absolute())
    if site.file.side != "low":
        raise Malformed(Reason.ARGUMENT, f"{folder} is the high side's folder: only the low side"
                        " sends")  # fmt: skip
    check_flow(site, flow)
    return site


def _ranges(numbers: tuple[str, ...]) -> tuple[Range, ...]:
    found = RangeSet()
    for text in numbers:
        match = _NUMBERS.fullmatch(text)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if match is None or not first <= last <= SEQUENCE_MAX:
            raise click.UsageError(f"{printable(text)} is no number and no range: 7, or 7-9")
        found.add(first, last)
    check_bounds(found.ranges())
    return found.ranges()


def _read_notice(site: Site, file: Path) -> tuple[GapNotice, str]:
    """What it says, and the notice itself for the supervisor, which looks at it once more."""
    with file.open("rb") as opened:
        content = opened.read(NOTICE_BYTES_MAX + 1)
    note, notice = read_gap_notice(content, str(file))
    notice.check_for(site.policy.flow, link_key_of(site))
    approved_by(note, read_operators(site.folder, demonstration=site.file.demo))
    return notice, content.decode()


def _told(found: Plan, ranges: tuple[Range, ...]) -> dict[str, Any]:
    return {
        "resend": found.request.number,
        "asked": sum(last - first + 1 for first, last in ranges),
        "sent": 0,
        "state": "nothing",
        "refused": [asdict(each) for each in found.refusals],
        "dropped_again": [],
    }


def _rerun(site: Site, found: Plan, told: dict[str, Any]) -> None:
    """Those under another policy, one by one; what could be dropped again is refused no more."""
    told["refused"] = []
    for each in found.refusals:
        if each.reason is not Reason.MANIFEST_POLICY:
            told["refused"].append(asdict(each))
            continue
        for sequence in range(each.first, each.last + 1):
            try:
                name = rerun(site, found.messages[sequence])
                told["dropped_again"].append({"sequence": sequence, "name": printable(name)})
            except CheckvalveError as error:
                refusal = {"reason": error.reason, "sentence": error.sentence}
                told["refused"].append({"first": sequence, "last": sequence} | refusal)


def _carry_out(
    site: Site, found: Plan, told: dict[str, Any], timeout_s: float, *, quiet: bool
) -> None:
    """Lay the request and wait until the ledger says that it was carried out."""
    ledger = site.folder / "ledger"
    reader = JournalReader(ledger, read_mark_file(ledger) or 0)
    try:
        lay_request(site.folder, found.request)
        if not tell_to_look(site.folder):
            told["state"] = "laid"
            return
        if not quiet:
            errors.print(f"resend {found.request.number} was given to the side that runs …")
        told["state"] = "waiting"
        deadline_s = time.monotonic() + timeout_s
        while told["state"] == "waiting" and time.monotonic() < deadline_s:
            for entry in _news(reader):
                _hear(entry, found, told)
            _look_for_refusal(site, found, told)
            time.sleep(_POLL_S)
    finally:
        reader.close()


def _news(reader: JournalReader) -> list[Entry]:
    """Entries about sending again since the last look."""
    entries: list[Entry] = []
    while records := reader.take(_BATCHES):
        for _, batch in records:
            lines, _ = split_batch(batch)
            entries += (read_entry(line) for line in lines if b'"kind":"resent"' in line)
    return entries


def _hear(entry: Entry, found: Plan, told: dict[str, Any]) -> None:
    if entry["kind"] != Kind.RESENT or entry["resend"] != found.request.number:
        return
    told["sent"], told["state"] = int(entry["count"]), "sent"
    for first, last in RangeSet.read(str(entry["refused"])).ranges():
        sentence = str(entry["sentence"])
        refusal = {"first": first, "last": last, "reason": Reason.RESEND, "sentence": sentence}
        told["refused"].append(refusal)


def _look_for_refusal(site: Site, found: Plan, told: dict[str, Any]) -> None:
    """The supervisor may refuse what this command would have passed."""
    order = read_order(site.folder)
    if order is None or order.number != found.request.number or not order.refused:
        return
    told["state"] = "refused"
    for first, last in found.request.wanted().ranges():
        refusal = {"first": first, "last": last, "reason": Reason.RESEND, "sentence": order.refused}
        told["refused"].append(refusal)


_STATES = {
    "sent": "{sent:,} of {asked:,} messages were sent again (resend {resend} in the ledger).",
    "laid": "The side does not run: it takes this up at its next start (resend {resend}).",
    "waiting": "Not finished yet: it goes on, and the ledger tells its end (resend {resend}).",
    "refused": "The side refused it.",
    "nothing": "Nothing was sent again.",
}


def _lines(told: dict[str, Any]) -> None:
    for each in told["refused"][:SHOWN_MAX]:
        first, last = each["first"], each["last"]
        numbers = f"{first}" if first == last else f"{first} to {last}"
        _say(f"refused {numbers}: {each['sentence']}")
    if len(told["refused"]) > SHOWN_MAX:
        _say(f"and {len(told['refused']) - SHOWN_MAX:,} refusals more (--json has all)")
    for each in told["dropped_again"]:
        _say(f"{each['sequence']} was dropped once more, as {each['name']}")
    _say(_STATES[told["state"]].format_map(told))


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
