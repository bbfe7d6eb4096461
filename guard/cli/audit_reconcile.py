"""`guard audit reconcile`: what the low side sent, held against what the high side got."""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape

from guard.cli.audit_options import FOLDER, bar, not_verified
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.report.index.places import Place, key_beside
from guard.report.ledger_entries import Entry
from guard.report.ledger_verifier import Verification, verify_ledger
from guard.report.reconcile import Reconciler, Reconciliation
from guard.report.verifying import size_bytes

_SHOWN_MAX = 50


@click.command(epilog="Example: guard audit reconcile site/low/ledger site/high/ledger")
@click.argument("low", metavar="LOW_LEDGER", type=FOLDER)
@click.argument("high", metavar="HIGH_LEDGER", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def reconcile(low: Path, high: Path, as_json: bool) -> None:
    """Hold the two ledgers of a flow against each other.

    Every message that was sent has to be delivered, held there or in a reported gap, and every one
    that was delivered has to be one that was sent, with the same digest. Both ledgers are verified,
    and the checkpoints that the high side heard have to be the low side's. Exit code 1 if anything
    differs.
    """
    with sentences():
        reconciler, heard = Reconciler(), deque[bytes]()

        def see_high(number: int, entry: Entry) -> None:
            reconciler.see_high(number, entry)
            if entry["kind"] == "witness":
                heard.append(str(entry["checkpoint"]).encode())

        upper = _verified(high, see_high, (), quiet=as_json)
        lower = _verified(low, reconciler.see_low, heard, quiet=as_json)
        found = reconciler.result()
    if as_json:
        told = asdict(found) | {"ok": found.ok, "witnessed_entries": lower.anchored}
        print_json({"low": lower.origin, "high": upper.origin, **told})
    else:
        _print(found, lower)
    sys.exit(0 if found.ok else EXIT_NO)


def _verified(
    ledger: Path, see: Callable[[int, Entry], None], heard: deque[bytes] | tuple[()], *, quiet: bool
) -> Verification:
    place = Place(ledger, key_beside(ledger))
    with bar(f"reading {ledger}", size_bytes(ledger), quiet=quiet) as (_, reached):
        found = verify_ledger(place.ledger, place.key, witnessed=heard, see=see, progress=reached)
    if not found.ok:
        raise not_verified(ledger)
    return found


def _print(found: Reconciliation, lower: Verification) -> None:
    console.print(
        f"sent {found.sent} = delivered {found.delivered} + held there {found.held}"
        f" + reported gaps {found.gaps} + under way {found.under_way} + lost {found.lost}",
        soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"  committed {found.committed}, not yet sent {found.unsent}; came again"
        f" {found.duplicates}", soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"  the high side heard {lower.anchored} of the low side's {lower.entries} entries",
        soft_wrap=True,
    )
    for each in found.differences[:_SHOWN_MAX]:
        which = f"{each.first} to {each.last}" if each.last > each.first else str(each.first)
        console.print(
            f"  [red]{escape(each.what)}[/] message {which}: {printable(each.sentence)}",
            soft_wrap=True,
        )
    if len(found.differences) > _SHOWN_MAX:
        console.print(f"  and {len(found.differences) - _SHOWN_MAX} more")
    console.print("[green]both tell the same[/]" if found.ok else f"{found.count} messages differ")
