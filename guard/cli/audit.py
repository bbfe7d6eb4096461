"""`guard audit`: verify a side's ledger, and show what became of one message."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.core.syslog import checkpoints_in
from guard.edge.ledger_pruning import prune_ledger
from guard.report.ledger_verifier import Verification, verify_ledger
from schemas.entry import Entry, Kind
from schemas.errors import Malformed
from schemas.message import ID_HEX_DIGITS
from schemas.reasons import Reason

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
    "sequence", "sender", "name", "type", "label", "queues", "stage", "reason", "sentence", "hold",
    "decision", "signers",
)  # fmt: skip
_DIGESTS = ("accepted", "payload", "envelope", "sealed_payload", "policy_digest", "source_policy")
_FIRST_ENTRY_BYTES = 16 * 1024


@click.group(epilog="Example: guard audit verify /srv/checkvalve/low/ledger")
def audit() -> None:
    """Verify ledgers and follow messages, reading only."""


def _key_option(function: Any) -> Any:
    return click.option(
        "--key", type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="The ledger's public key.  [default: trust/ledger.pub beside the ledger]",
    )(function)  # fmt: skip


@audit.command(epilog="Example: guard audit verify site/low/ledger site/high/ledger")
@click.argument("ledgers", metavar="LEDGER...", nargs=-1, required=True,
                type=click.Path(path_type=Path, file_okay=False, exists=True))  # fmt: skip
@_key_option
@click.option("--witness", metavar="HIGH_LEDGER", type=click.Path(path_type=Path, file_okay=False,
              exists=True), help="The other side's ledger: the checkpoints it heard over the link"
              " must be of LEDGER.")  # fmt: skip
@click.option(
    "--checkpoint",
    "checkpoints",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint of LEDGER that was kept elsewhere, or a collector's file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object a ledger.")
def verify(
    ledgers: tuple[Path, ...], key: Path | None, witness: Path | None,
    checkpoints: tuple[Path, ...], as_json: bool,
) -> None:  # fmt: skip
    """Check framing, chain, tree, checkpoints and signatures of each LEDGER.

    A line a finding: where it is and what follows from it. Exit code 1 if there is any. The
    verifier shares no code with what wrote the ledger.
    """
    with sentences():
        heard = list(_witnessed(witness)) if witness else []
        heard += [note for path in checkpoints for note in _kept(path.read_bytes())]
        found = {
            ledger: verify_ledger(ledger, key or _key_of(ledger), witnessed=heard)
            for ledger in ledgers
        }
    if as_json:
        print_json([_as_json(at, v) for at, v in found.items()])
    else:
        for ledger, verification in found.items():
            _print_verification(ledger, verification)
            if _is_demonstration(ledger):
                console.print("  a demonstration's: not for real use")
    sys.exit(0 if all(v.ok for v in found.values()) else EXIT_NO)


@audit.command(epilog="Example: guard audit show --site DIR 4e1b07c2a1")
@click.argument("which", metavar="ID|SEQUENCE|NAME")
@click.option(
    "--site", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder of both sides, or of one.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The entries as one JSON list.")
def show(which: str, site: Path, as_json: bool) -> None:
    """Show one message from drop to queue: every stage, verdict, reason and digest.

    The message is named by its id (or how it begins), its sequence number, or the name of the file
    that was dropped (or how it ends). Each ledger is verified on the way.
    """
    with sentences():
        sides = _sides(site)
        seen: list[tuple[str, int, Entry]] = []
        for side, ledger in sides.items():
            seen += [(side, number, entry) for number, entry in _verified_entries(ledger)]
        entries = [entry for _, _, entry in seen]
        names = _source_ids(entries)
        ids = _matching(which, entries, names)
    wanted = [found for found in seen if names.get(str(found[2].get("id"))) in ids]
    if as_json:
        print_json([{"side": side, "entry": number, **entry} for side, number, entry in wanted])
        return
    for side, number, entry in wanted:
        _print_entry(side, number, entry)


@audit.command(
    epilog="Example: guard audit prune site/low --older-than 90 --witness site/high/ledger"
)
@click.argument("side", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--older-than", "days", required=True, type=click.IntRange(0, 36_500),
              metavar="DAYS", help="Let go only what is older.")  # fmt: skip
@click.option("--witness", metavar="HIGH_LEDGER", type=click.Path(path_type=Path, file_okay=False,
              exists=True), help="The other side's ledger, with checkpoints of it.")  # fmt: skip
@click.option("--checkpoint", "checkpoints", metavar="FILE", multiple=True,
              type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A checkpoint that was kept elsewhere, or a collector's file.")  # fmt: skip
def prune(side: Path, days: int, witness: Path | None, checkpoints: tuple[Path, ...]) -> None:
    """Let the oldest entries of a stopped SIDE's ledger go.

    Only whole segments, and only what a checkpoint from elsewhere covers. The ledger verifies as
    before, from where it then begins; what the entries said is provable no more.
    """
    with sentences():
        heard = list(_witnessed(witness)) if witness else []
        heard += [note for path in checkpoints for note in _kept(path.read_bytes())]
        ledger = side / "ledger"
        found = verify_ledger(ledger, _key_of(ledger), witnessed=heard)
        if not found.ok:
            raise Malformed(
                Reason.LEDGER_TREE, f"{ledger} does not verify: run guard audit verify {ledger}"
            )
        pruned = prune_ledger(side, found.anchored, days)
    console.print(
        f"{pruned.segments} segments let go; the ledger begins with entry {pruned.entries}"
        if pruned.segments
        else f"nothing was let go: no segment is below entry {found.anchored} and old enough",
        soft_wrap=True,
    )


def _witnessed(ledger: Path) -> Iterator[bytes]:
    """The checkpoints of the other side that a verified ledger has heard."""
    for _, entry in _verified_entries(ledger):
        if entry["kind"] == Kind.WITNESS:
            yield str(entry["checkpoint"]).encode()


def _kept(content: bytes) -> Iterable[bytes]:
    """The checkpoints in a file: one as it is, or all that a collector's file has."""
    return checkpoints_in(content) if content.startswith(b"<") else [content]


def _key_of(ledger: Path) -> Path:
    key = ledger.parent / "trust" / "ledger.pub"
    if not key.is_file():
        raise Malformed(Reason.KEY_MISSING, f"{key} is not there: name the public key with --key")
    return key


def _as_json(ledger: Path, verification: Verification) -> dict[str, Any]:
    demo = _is_demonstration(ledger)
    return {"ledger": str(ledger), "ok": verification.ok, "demo": demo, **_summary(verification)}


def _is_demonstration(ledger: Path) -> bool:
    """Whether its first entry says so; in a canonical entry no text can hold these bytes."""
    first = min(ledger.glob("*.journal"), default=None)
    if first is None:
        return False
    with first.open("rb") as file:
        return b'"demo":1,' in file.read(_FIRST_ENTRY_BYTES).partition(b"}")[0]


def _summary(verification: Verification) -> dict[str, Any]:
    summary = asdict(verification)
    del summary["bytes_read"]
    return summary


def _print_verification(ledger: Path, verification: Verification) -> None:
    state = "[green]verified[/]" if verification.ok else "[red]does not verify[/]"
    console.print(f"{escape(str(ledger))}: {state}", soft_wrap=True)
    console.print(
        f"  {verification.entries} entries under {verification.checkpoints} signed checkpoints,"
        f" {_time(verification.first_ms)} to {_time(verification.last_ms)}", soft_wrap=True,
    )  # fmt: skip
    console.print(f"  root {verification.root or '-'}", soft_wrap=True)
    console.print(
        f"  anchored elsewhere: {verification.anchored} entries; key of epoch"
        f" {verification.epoch}, in force from entry {verification.epoch_begins}", soft_wrap=True,
    )  # fmt: skip
    for finding in verification.findings:
        console.print(f"  [red]finding[/] {escape(printable(str(finding)))}", soft_wrap=True)
    for note in verification.notes:
        console.print(f"  note {escape(printable(note))}", soft_wrap=True)


def _sides(site: Path) -> dict[str, Path]:
    found = {side: site / side / "ledger" for side in ("low", "high")}
    sides = {side: ledger for side, ledger in found.items() if ledger.is_dir()}
    if not sides and (site / "ledger").is_dir():
        sides = {site.name: site / "ledger"}
    if not sides:
        raise Malformed(Reason.SITE_MALFORMED, f"{site} has no ledger: is this a site?")
    return sides


def _verified_entries(ledger: Path) -> Iterator[tuple[int, Entry]]:
    entries: list[tuple[int, Entry]] = []
    verification = verify_ledger(
        ledger, _key_of(ledger), see=lambda number, entry: entries.append((number, entry))
    )
    if not verification.ok:
        raise Malformed(
            Reason.LEDGER_TREE, f"{ledger} does not verify: run guard audit verify {ledger}"
        )
    yield from entries


def _source_ids(entries: list[Entry]) -> dict[str, str]:
    """Each id that stands in these entries -> the id that the source side gave the message.

    Under a compact manifest no id travels: on the destination side it is how the SHA-256 of the
    envelope begins, which the source's ledger has (manifest §5).
    """
    ids = {str(entry["id"]) for entry in entries if "id" in entry}
    told = {
        str(entry["envelope"])[:ID_HEX_DIGITS]: str(entry["id"])
        for entry in entries
        if "envelope" in entry
    }
    return {ident: told.get(ident, ident) for ident in ids}


def _matching(which: str, entries: list[Entry], names: dict[str, str]) -> set[str]:
    """The ids of the messages that the user means. Raises `Malformed` if none or several."""
    named = [entry for entry in entries if "id" in entry]
    ids: set[str] = set()
    if which.isdecimal():
        ids = {str(e["id"]) for e in named if e.get("sequence") == int(which)}
    if not ids:
        ids = {
            str(e["id"]) for e in named
            if str(e["id"]).startswith(which) or e.get("name") == which
        }  # fmt: skip
    if not ids:
        ids = {str(e["id"]) for e in named if str(e.get("name", "")).endswith(which)}
    ids = {names[ident] for ident in ids}
    if not ids:
        raise Malformed(Reason.ARGUMENT, f"no ledger here knows {printable(which)}")
    if len(ids) > 1:
        raise Malformed(Reason.ARGUMENT, f"{printable(which)} names {len(ids)} messages: say more")
    return ids


def _print_entry(side: str, number: int, entry: Entry) -> None:
    title = _TITLES.get(Kind(str(entry["kind"])), str(entry["kind"]))
    when = _time(int(entry["time_ms"]))
    console.print(f"[bold]{side} side[/], {when}, entry {number}: {title}", soft_wrap=True)
    for key in (*_FIELDS, *_DIGESTS):
        if entry.get(key, "") not in ("", 0):
            value = escape(printable(str(entry[key])))
            console.print(f"  [dim]{key:<15}[/] {value}", soft_wrap=True)
    for line in str(entry.get("stages", "")).splitlines():
        console.print(f"    {escape(printable(line))}", soft_wrap=True)


def _time(time_ms: int | None) -> str:
    if time_ms is None:
        return "-"
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
