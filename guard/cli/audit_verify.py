"""`guard audit verify`: whether ledgers are what was signed, and what they say makes sense."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from guard.cli.audit_options import (
    FILE,
    FOLDER,
    bar,
    elsewhere_options,
    known_elsewhere,
    moment,
)
from guard.cli.output import EXIT_DOUBT, EXIT_NO, console, print_json, printable, sentences
from guard.edge.clock import now_ms
from guard.report.index.places import Place, key_beside
from guard.report.ledger_findings import Finding, Severity, Verification
from guard.report.verifying import size_bytes, verify_whole

_NOT_TOLD = ("bytes_read", "checkpoint")


@click.command(epilog="Example: guard audit verify site/low/ledger --witness site/high/ledger")
@click.argument("ledgers", metavar="LEDGER...", nargs=-1, required=True, type=FOLDER)
@click.option(
    "--key", type=FILE,
    help="The ledger's public key.  [default: trust/ledger.pub beside the ledger]",
)  # fmt: skip
@elsewhere_options
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object a ledger.")
def verify(
    ledgers: tuple[Path, ...], key: Path | None, witness: Path | None,
    checkpoints: tuple[Path, ...], as_json: bool,
) -> None:  # fmt: skip
    """Check framing, chain, tree, checkpoints, signatures and the sense of each LEDGER.

    A line a finding: where it is and what follows from it. Exit code 1 if there is any, 4 if there
    are only doubts. The verifier shares no code with what wrote the ledger.
    """
    with sentences():
        heard = known_elsewhere(witness, checkpoints)
        found = {
            ledger: _verify(Place(ledger, key or key_beside(ledger)), heard, quiet=as_json)
            for ledger in ledgers
        }
    if as_json:
        print_json([_as_json(at, v) for at, v in found.items()])
    else:
        for ledger, verification in found.items():
            _print(ledger, verification)
    if not all(v.ok for v in found.values()):
        sys.exit(EXIT_NO)
    sys.exit(EXIT_DOUBT if any(v.doubts for v in found.values()) else 0)


def _verify(place: Place, heard: list[bytes], *, quiet: bool) -> Verification:
    with bar("verifying", size_bytes(place.ledger), quiet=quiet) as (_, reached):
        return verify_whole(place, heard, now_ms(), reached)


def _as_json(ledger: Path, verification: Verification) -> dict[str, Any]:
    summary = {name: value for name, value in asdict(verification).items() if name not in _NOT_TOLD}
    return {"ledger": str(ledger), "ok": verification.ok, **summary}


def _print(ledger: Path, verification: Verification) -> None:
    state = "[green]verified[/]" if verification.ok else "[red]does not verify[/]"
    console.print(f"{escape(str(ledger))}: {state}", soft_wrap=True)
    console.print(
        f"  {verification.entries} entries under {verification.checkpoints} signed checkpoints,"
        f" {moment(verification.first_ms)} to {moment(verification.last_ms)}", soft_wrap=True,
    )  # fmt: skip
    console.print(f"  root {verification.root or '-'}", soft_wrap=True)
    console.print(
        f"  anchored elsewhere: {verification.anchored} entries; key of epoch"
        f" {verification.epoch}, in force from entry {verification.epoch_begins}", soft_wrap=True,
    )  # fmt: skip
    for finding in verification.findings:
        console.print(f"  {_word(finding)} {escape(printable(str(finding)))}", soft_wrap=True)
    for note in verification.notes:
        console.print(f"  note {escape(printable(note))}", soft_wrap=True)
    if verification.demo:
        console.print("  a demonstration's: not for real use")


def _word(finding: Finding) -> str:
    doubt = finding.severity is Severity.DOUBT
    return "[yellow]doubt[/]" if doubt else "[red]finding[/]"
