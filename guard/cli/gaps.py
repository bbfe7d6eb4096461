"""`guard gaps`: what the high side misses, and the notice of it that two persons carry.

Format and rules: docs/spec/gap-notice.md; what the persons do: docs/recovery.md.
"""

from pathlib import Path
from typing import Any

import click

from guard.cli.output import console, print_json, printable, sentences
from guard.core.gap_notice import (
    GapNotice,
    as_much_as_fits,
    read_gap_notice,
)
from guard.core.signed_note import PersonKey, SignedNote, is_name
from guard.edge import durable
from guard.edge.clock import now_s
from guard.edge.gap_state import open_gaps
from guard.edge.keys import public_of, read_secret
from guard.edge.session_reset import link_key_of
from guard.edge.site import Site, load_site
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from schemas.sequences import Range, RangeSet

SHOWN_MAX = 20


@click.command(epilog="Example: guard gaps c2 --site /srv/checkvalve/high --out gaps.txt")
@click.argument("flow", metavar="FLOW")
@click.option(
    "--site", "folder", metavar="HIGH", type=click.Path(path_type=Path, file_okay=False),
    help="The high side's folder.",
)  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="A new file for the notice.")  # fmt: skip
@click.option("--approve", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Sign this notice, with --name and --key.")  # fmt: skip
@click.option("--name", metavar="NAME", default="",
              help="Yours, as in trust/operators/NAME.pub of the low side.")  # fmt: skip
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Your own key.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Sign without asking.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def gaps(
    flow: str, folder: Path | None, out: Path | None, approve: Path | None, name: str,
    key: Path | None, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show which messages of FLOW were lost on the link; write, or sign, a notice of them.

    Alone it shows the open gaps. With --out it writes a gap notice. Two of the low side's operators
    sign it with --approve and carry it there: guard resend FLOW --gap FILE. With --site as well,
    --approve first checks that the high side misses all that the notice names.
    """
    with sentences({"flow": printable(flow)} if as_json else None):
        if approve is not None:
            told = _approve(flow, approve, name, key, folder, ask=not yes)
        elif folder is not None:
            told = _show(_high(folder, flow), out)
        else:
            raise click.UsageError("give --site HIGH, or --approve FILE")
    if as_json:
        print_json(told)
    else:
        _lines(told)


def _show(site: Site, out: Path | None) -> dict[str, Any]:
    found = open_gaps(site.folder)
    named: tuple[Range, ...] = ()
    if out is not None:
        named = as_much_as_fits(found)
        if not named:
            raise Malformed(Reason.GAP, "there is no open gap: nothing to write a notice of")
        notice = GapNotice(site.policy.flow, link_key_of(site), now_s(), named)
        durable.create(out, notice.note().write())
    return {
        "flow": site.policy.flow, "gaps": [list(each) for each in found],
        "numbers": _count(found), "file": str(out or ""),
        "left_out": _count(found) - _count(named) if out is not None else 0,
    }  # fmt: skip


def _approve(
    flow: str, file: Path, name: str, key: Path | None, folder: Path | None, *, ask: bool
) -> dict[str, Any]:
    if key is None or not is_name(name):
        raise click.UsageError("--approve takes --name NAME and --key FILE")
    with file.open("rb") as opened:
        note, notice = read_gap_notice(opened.read(64 * 1024), str(file))
    if notice.flow != flow:
        raise Forged(Reason.GAP_NOTICE_STALE, f"{file} is for the flow {notice.flow}")
    if folder is not None:
        _check_open(_high(folder, flow), notice)
    seed = read_secret(key)
    if ask:
        click.echo(notice.text(), err=True)  # printable ASCII
        click.confirm(f"Sign this as {name}?", abort=True, err=True)
    signed = _signed(note, PersonKey(name, public_of(seed)), seed)
    durable.replace(file, signed.write())
    return {
        "flow": notice.flow, "gaps": [list(each) for each in notice.gaps],
        "numbers": _count(notice.gaps), "file": str(file),
        "approved": [each.name for each in signed.signatures],
    }  # fmt: skip


def _signed(note: SignedNote, key: PersonKey, seed: bytes) -> SignedNote:
    if any(each.name == key.name for each in note.signatures):
        raise Forged(Reason.GAP_NOTICE_SIGNATURES, f"{key.name} has signed already: another person"
                     " must be the second")  # fmt: skip
    return note.signed_by(key, seed, Reason.GAP_NOTICE_SIGNATURES)


def _check_open(site: Site, notice: GapNotice) -> None:
    """That this side misses all that the notice names, and it is for this link."""
    notice.check_for(site.policy.flow, link_key_of(site))
    missing = RangeSet(open_gaps(site.folder))
    for first, last in notice.gaps:
        if missing.missing(first, last):
            raise Forged(Reason.GAP_NOTICE_STALE, f"the high side does not miss all of {first} to"
                         f" {last}: have a new notice made")  # fmt: skip


def _high(folder: Path, flow: str) -> Site:
    site = load_site(folder.absolute())
    if site.file.side != "high":
        raise Malformed(Reason.ARGUMENT, f"{folder} is the low side's folder: gaps are known to the"
                        " high side")  # fmt: skip
    check_flow(site, flow)
    return site


def check_flow(site: Site, flow: str) -> None:
    """That the site is of the flow that was named. Raises `Malformed(ARGUMENT)`."""
    if site.policy.flow != flow:
        raise Malformed(
            Reason.ARGUMENT, f"{site.folder} is of the flow {site.policy.flow}, not {flow!r}"
        )


def _count(ranges: tuple[Range, ...]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _lines(told: dict[str, Any]) -> None:
    if not told["gaps"]:
        _say("No open gap: what was lost has come since, or is too old to come.")
    for first, last in told["gaps"][:SHOWN_MAX]:
        _say(f"{first}" if first == last else f"{first} to {last}")
    if len(told["gaps"]) > SHOWN_MAX:
        _say(f"and {len(told['gaps']) - SHOWN_MAX:,} ranges more (--json has all)")
    if told["gaps"]:
        _say(f"{told['numbers']:,} messages were lost on the link.")
    if "approved" in told:
        _say(f"Signed by: {', '.join(told['approved'])}. When two have: guard resend {told['flow']}"
             f" --gap {told['file']} --site LOW")  # fmt: skip
    elif told["file"]:
        left = told["left_out"]
        rest = f" {left:,} more did not fit: they go into the next one." if left else ""
        _say(f"The notice is in {told['file']}.{rest} Two operators sign it: guard gaps"
             f" {told['flow']} --approve {told['file']} --name NAME --key FILE")  # fmt: skip


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
