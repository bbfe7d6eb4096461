"""`guard audit show`: what became of one message, on both sides, and the proof of it."""

import json
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from guard.cli.audit_options import moment, not_verified, open_ledgers, site_options
from guard.cli.output import console, print_json, printable, sentences
from guard.report.index.places import key_beside
from guard.report.index.proofs import proof_of
from guard.report.index.reading import Found
from guard.report.index.searching import Index
from guard.report.index.times import Times, times_of
from schemas.entry import Kind

_TITLES = {
    Kind.COMMITTED: "committed: passed every stage, sealed, in the outbox",
    Kind.REFUSED: "refused",
    Kind.HELD: "held for people",
    Kind.SPOOL_REFUSED: "refused before it was a message",
    Kind.DELIVERING: "delivered: verified, rebuilt, in the output queue",
    Kind.REVIEW: "a reviewer's decision that does not count",
    Kind.DUPLICATE: "came again and was dropped",
}
_FIELDS = (
    "sequence", "sender", "name", "type", "label", "queues", "stage", "reason", "sentence",
    "signers", "hold", "reviewers", "decision", "decisions",
)  # fmt: skip
_DIGESTS = ("accepted", "payload", "envelope", "sealed_payload", "policy_digest", "source_policy")


@click.command(epilog="Example: guard audit show --site DIR 4e1b07c2a1")
@click.argument("which", metavar="ID|SEQ|DIGEST|NAME")
@site_options
@click.option(
    "--proof", "proof_file", metavar="FILE", type=click.Path(path_type=Path),
    help="Write proofs of its entries that anyone can check alone; - for standard output.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The entries as one JSON list.")
def show(
    which: str, sites: tuple[Path, ...], index: Path | None, proof_file: Path | None, as_json: bool
) -> None:
    """Show one message from drop to queue: every stage, verdict, reason and digest.

    The message is named by its id (or how it begins), its sequence number, a digest of it at any
    step, or the name of the file that was dropped (or how it ends). Each ledger is verified when
    the index is made.
    """
    with sentences():
        known = open_ledgers(sites, index, quiet=as_json)
        for ledger in known.ledgers:
            if not ledger.verification["ok"]:
                raise not_verified(ledger.directory)
        found = known.message(which)
        if proof_file is not None:
            _write_proofs(known, found, proof_file)
            if str(proof_file) == "-":
                return
    if as_json:
        print_json([each.told() for each in found])
        return
    for each in found:
        _print_entry(each)
    _print_times(times_of(known, found))


def _write_proofs(known: Index, found: list[Found], file: Path) -> None:
    """A list, one of each entry."""
    proofs = [
        proof_of(known, each, bytes.fromhex(key_beside(each.indexed.directory).read_text().strip()))
        for each in found
    ]
    text = json.dumps(proofs, indent=1) + "\n"
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        file.write_text(text, "ascii")


def _print_entry(found: Found) -> None:
    entry: dict[str, Any] = found.entry
    kind = str(entry.get("kind"))
    title = _TITLES[Kind(kind)] if kind in set(_TITLES) else kind
    console.print(
        f"[bold]{found.indexed.side} side[/], {moment(entry.get('time_ms'))},"
        f" entry {found.row.number}: {escape(printable(title))}", soft_wrap=True,
    )  # fmt: skip
    for key in (*_FIELDS, *_DIGESTS):
        if entry.get(key, "") not in ("", 0):
            value = escape(printable(str(entry[key])))
            console.print(f"  [dim]{key:<15}[/] {value}", soft_wrap=True)
    for line in str(entry.get("stages", "")).splitlines():
        console.print(f"    {escape(printable(line))}", soft_wrap=True)


def _print_times(times: Times) -> None:
    for line in times.lines():
        console.print(f"[dim]{line}[/]", soft_wrap=True)
