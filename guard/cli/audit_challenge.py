"""`guard audit challenge`: stored messages decided again, by the policy that decided them."""

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from guard.cli.audit_options import FOLDER, bar, not_verified, open_ledgers
from guard.cli.challenging import Answer, Challenge, Challenged, Result
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.edge.kept_messages import KeptMessages
from guard.edge.kept_policies import KeptPolicies
from guard.report.index.reading import Indexed
from guard.report.index.searching import Index
from schemas.errors import Malformed
from schemas.reasons import Reason

_SHOWN_MAX = 20
_LIMIT_MAX = 1_000_000


@click.command(epilog="Example: guard audit challenge --site site/low")
@click.option("--site", "side", metavar="LOW", required=True, type=FOLDER,
              help="A low side's folder, or a copy of it without its keys.")  # fmt: skip
@click.option("--index", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Where the index is kept.  [default: in the user's cache]")  # fmt: skip
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1, _LIMIT_MAX),
              help="So many of the newest messages that are still stored.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One object; all that is not the same.")
def challenge(side: Path, index: Path | None, limit: int, as_json: bool) -> None:
    """Decide stored messages again and compare with the ledger.

    Each message that is held, kept, or still in a journal goes through the stages of the policy
    that decided it, each stage in its own confined process; what of a passed message is only in the
    outbox, through the stages behind the last that changed it. Exit code 1 if anything differs.
    """
    with sentences():
        folder = side / "low" if (side / "low" / "ledger").is_dir() else side
        known = open_ledgers((folder,), index, quiet=as_json)
        with contextlib.closing(known.connection):
            ledger = _low_ledger(known, side)
            work = Challenge(known, ledger, KeptMessages(folder), KeptPolicies(folder), limit)
            with bar("deciding again", quiet=as_json) as (told, _):
                result = work.run(told)
    if as_json:
        print_json(_as_json(ledger, result))
    else:
        _print(folder, result)
    if result.counts[Answer.DIFFERENT] or result.damage:
        sys.exit(EXIT_NO)


def _low_ledger(known: Index, side: Path) -> Indexed:
    ledger = known.ledgers[0]
    if not ledger.verification["ok"]:
        raise not_verified(ledger.directory)
    if ledger.side != "low":
        raise Malformed(Reason.ARGUMENT, f"{side} is not a low side: name the source side")
    return ledger


def _as_json(ledger: Indexed, result: Result) -> dict[str, Any]:
    return {
        "ledger": str(ledger.directory), "root": ledger.verification["root"],
        "decided": result.decided, "same": result.counts[Answer.SAME],
        "different": result.counts[Answer.DIFFERENT],
        "not_rerun": result.counts[Answer.NOT_RERUN], "not_kept": result.not_kept,
        "left": result.left, "sources": dict(result.sources), "confined_by": result.layers,
        "damage": result.damage, "told": [asdict(each) for each in result.told],
    }  # fmt: skip


def _print(side: Path, result: Result) -> None:
    counts = result.counts
    console.print(
        f"{escape(str(side))}: {result.decided:,} decisions;"
        f" {counts.total():,} of them have their message stored", soft_wrap=True,
    )  # fmt: skip
    if result.layers:
        console.print(f"  each stage confined by: {', '.join(result.layers)}", soft_wrap=True)
    sources = ", ".join(f"{count:,} {name}" for name, count in sorted(result.sources.items())
                        if name != "-")  # fmt: skip
    console.print(f"  [green]{counts[Answer.SAME]:,}[/] the same" + f"; from: {sources or 'none'}")
    for answer in (Answer.DIFFERENT, Answer.NOT_RERUN):
        colour = "red" if answer is Answer.DIFFERENT and counts[answer] else "dim"
        console.print(f"  [{colour}]{counts[answer]:,}[/] {answer.value}")
        _print_told([each for each in result.told if each.answer is answer])
    for sentence in result.damage:
        console.print(f"  [red]damage[/] {escape(printable(sentence))}", soft_wrap=True)
    console.print(f"  {result.not_kept:,} are stored no more")
    if result.left:
        console.print(f"  {result.left:,} older ones were not looked for: --limit", soft_wrap=True)


def _print_told(told: list[Challenged]) -> None:
    for each in told[:_SHOWN_MAX]:
        why = escape(printable(each.why))
        console.print(f"    entry {each.entry} {each.kind} {each.id}: {why}", soft_wrap=True)
    if len(told) > _SHOWN_MAX:
        console.print(f"    and {len(told) - _SHOWN_MAX:,} more: --json has all", soft_wrap=True)
