"""`guard held`: what is held, the message itself, and what reviewers decide on it.

Format and rules: docs/spec/held.md; what a reviewer does: docs/held.md.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from guard.cli.held_view import LINES_SHOWN_MAX, View, changes, view
from guard.cli.output import console, errors, print_json, printable, sentences
from guard.core.review import Decision, Review, SignedReview
from guard.edge import durable
from guard.edge.held_review import (
    HeldMessage,
    ReviewSite,
    decisions_waiting,
    held_message,
    held_messages,
    lay,
    ledger_says,
    payload_facts,
    read_review_site,
    review_for,
    reviewer_of,
)
from guard.edge.site import read_site_file
from schemas.errors import CheckvalveError

_SITE = click.option(
    "--site", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip
_ID = click.argument("which", metavar="ID")
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON: see docs/cli.md.")
_TOLD = ("number", "stage", "reason", "sentence", "sender", "name", "accepted", "output")
_DECISION_MODE = 0o600
_Command = Callable[..., None]


@click.group(epilog="Example: guard held list --site /srv/checkvalve/low")
def held() -> None:
    """Look at what is held, and decide on it: two reviewers, each for himself.

    What both release goes through the chain again, and on if it is what they saw.
    """


@held.command("list", epilog="Example: guard held list --site /srv/checkvalve/low")
@_SITE
@_JSON
def list_command(folder: Path, as_json: bool) -> None:
    """List what a side holds: since when, by which stage, why, whose, and how many decisions wait.

    Reads only.
    """
    with sentences():
        read_site_file(folder)
        found = held_messages(folder)
        waiting = decisions_waiting(folder)
    lines = [_listed(it, None if waiting is None else waiting[it.ident]) for it in found]
    if as_json:
        print_json(lines)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "since", "stage", "reason", "sender", "decisions"):
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*(_plain(line[name]) for name in
                        ("id", "since", "stage", "reason", "sender", "decisions")))  # fmt: skip
    if lines:
        console.print(table)
    else:
        console.print("Nothing is held.")


@held.command(epilog="Example: guard held show 4e1b07 --site /srv/checkvalve/low")
@_ID
@_SITE
@click.option("--input", "input_to", metavar="FILE", type=click.Path(path_type=Path),
              help="Copy what was accepted into a new FILE.")  # fmt: skip
@click.option("--output", "output_to", metavar="FILE", type=click.Path(path_type=Path),
              help="Copy what would be released into a new FILE.")  # fmt: skip
@_JSON
def show(
    which: str, folder: Path, input_to: Path | None, output_to: Path | None, as_json: bool
) -> None:
    """Show one held message: why, its receipts, what came in, and what would go out against it.

    ID may be how it begins. Everything is printed as text, escaped, or in hexadecimal: nothing is
    executed or rendered. Reads only.
    """
    with sentences({} if as_json else None):
        read_site_file(folder)
        found = held_message(folder, which)
        came, goes = found.input(), found.output()
        for target, payload in ((input_to, came), (output_to, goes)):
            if target is not None and payload is not None:
                durable.create(target, payload, _DECISION_MODE)
        compared = _compared(folder, found)
        waiting = decisions_waiting(folder)
    before, after = view(came), None if goes is None else view(goes)
    told = _listed(found, None if waiting is None else waiting[found.ident]) | {
        "accepted": found.record.get("accepted", ""),
        "output": found.record.get("output", ""),
        "holds": str(found.record.get("holds", "")).splitlines(),
        "receipts": str(found.record.get("stages", "")).splitlines(),
        "metadata": found.record.get("meta", ""),
        "ledger": compared,
        "input": _facts(came, before),
        "would_release": None if goes is None or after is None else _facts(goes, after),
        "diff": [] if after is None else changes(before, after),
    }
    if as_json:
        print_json(told)
    else:
        _print_held(told, before, after)


def _compared(folder: Path, found: HeldMessage) -> str:
    """What the ledger says of it, in a sentence."""
    if read_site_file(folder).side != "low":
        return "not compared: see guard audit show"
    try:
        return ledger_says(folder, found) or "the ledger says the same"
    except CheckvalveError as error:
        return error.sentence


def _facts(payload: bytes, shown: View) -> dict[str, Any]:
    return {"kind": shown.kind, **payload_facts(payload), "lines": shown.lines[:LINES_SHOWN_MAX]}


def _print_held(told: dict[str, Any], before: View, after: View | None) -> None:
    for name in ("id", "since", *_TOLD, "decisions", "ledger"):
        if told.get(name) not in ("", None):
            _say(f"{name:<10} {told[name]}")
    for line in told["holds"]:
        _say(f"held by    {line}")
    for line in told["receipts"]:
        _say(f"  {line}")
    _payload("came in", told["input"], before)
    if after is None:
        _say("\nNothing would go out: the chain gave no output. To release it is to try it again.")
        return
    _payload("would go out", told["would_release"], after)
    _say("\nWhat would go out against what came in:" if told["diff"] else "\nNothing was changed.")
    for line in told["diff"]:
        _say(line)


def _payload(title: str, facts: dict[str, Any], shown: View) -> None:
    _say(f"\n{title}: {facts['kind']}, {facts['bytes']:,} bytes, SHA-256 {facts['sha256']}")
    for line in shown.lines[:LINES_SHOWN_MAX]:
        _say(f"| {line}")
    more = len(shown.lines) - LINES_SHOWN_MAX
    if more > 0:
        _say(f"… and {more:,} lines more: copy it with --input FILE or --output FILE")


def _deciding(decision: Decision) -> Callable[[_Command], click.Command]:
    """What `release` and `refuse` have in common."""
    options = (
        _ID, _SITE,
        click.option("--key", required=True, metavar="KEY",
                     type=click.Path(path_type=Path, dir_okay=False),
                     help="Your own key, which the trust root names as a reviewer's."),
        click.option("--out", metavar="FILE", type=click.Path(path_type=Path),
                     help="Write the decision into a new FILE, to be laid with guard held put."),
        click.option("--yes", is_flag=True, help="Sign without asking."), _JSON,
    )  # fmt: skip

    def made(function: _Command) -> click.Command:
        for option in reversed(options):
            function = option(function)
        example = f"Example: guard held {decision} 4e1b07 --site low --key alice.key"
        return held.command(decision.value, epilog=example)(function)

    return made


@_deciding(Decision.RELEASE)
def release(which: str, folder: Path, key: Path, out: Path | None, yes: bool,
            as_json: bool) -> None:  # fmt: skip
    """Sign that a held message may go on. It does when as many reviewers as it takes say so.

    Who sent it, and who signed the policy in force, may not. The other reviewers' decisions are
    not looked at. The message then takes the whole chain again; if anything is other than you saw,
    it is held again.
    """
    _decide(Decision.RELEASE, which, folder, key, out, yes=yes, as_json=as_json)


@_deciding(Decision.REFUSE)
def refuse(which: str, folder: Path, key: Path, out: Path | None, yes: bool,
           as_json: bool) -> None:  # fmt: skip
    """Sign that a held message is refused, for good if the other reviewers say so too."""
    _decide(Decision.REFUSE, which, folder, key, out, yes=yes, as_json=as_json)


def _decide(decision: Decision, which: str, folder: Path, key: Path, out: Path | None, *,
            yes: bool, as_json: bool) -> None:  # fmt: skip
    with sentences({} if as_json else None):
        site = read_review_site(folder)
        found = held_message(folder, which)
        review = review_for(site, found, decision)
        person, seed = reviewer_of(site, key, review.sender)
        compared = ledger_says(folder, found)
        if compared:
            errors.print(f"Not compared with the ledger: {printable(compared)}.", markup=False,
                         soft_wrap=True)  # fmt: skip
        if not yes:
            click.echo(review.text(), err=True)  # printable ASCII
            click.confirm(f"Sign this as {person.name}?", abort=True, err=True)
        content = SignedReview.made(review, person, seed).note.write()
        if out is None:
            lay(site, content, "the decision")
        else:
            durable.create(out, content, _DECISION_MODE)
    _told(site, review, person.name, out, as_json=as_json)


def _told(site: ReviewSite, review: Review, name: str, out: Path | None, *,
          as_json: bool) -> None:  # fmt: skip
    quorum = site.root.reviewer_quorum
    if as_json:
        print_json({
            "id": review.id, "number": review.number, "decision": review.decision.value,
            "reviewer": name, "quorum": quorum, "file": "" if out is None else str(out),
        })  # fmt: skip
        return
    where = "laid" if out is None else f"in {out}: lay it with guard held put {out} --site DIR"
    _say(f"Your decision as {name} is {where}."
         f" {quorum} reviewers decide; until then nobody is told what you said.")  # fmt: skip


@held.command(epilog="Example: guard held put alice.decision --site /srv/checkvalve/low")
@click.argument("files", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(path_type=Path, dir_okay=False, exists=True))  # fmt: skip
@_SITE
@_JSON
def put(files: tuple[Path, ...], folder: Path, as_json: bool) -> None:
    """Lay decisions that were signed elsewhere (--out), so that the side finds them."""
    laid = []
    with sentences():
        site = read_review_site(folder)
        for file in files:
            with file.open("rb") as opened:
                content = opened.read(2**16)
            ident, person = lay(site, content, str(file))
            laid.append({"id": ident, "reviewer": person, "file": str(file)})
    if as_json:
        print_json(laid)
        return
    for each in laid:
        _say(f"The decision of {each['reviewer']} on {each['id']} is laid.")


def _listed(found: HeldMessage, decisions: int | None) -> dict[str, Any]:
    record = found.record
    time_ms = record.get("time_ms")
    return {
        "id": found.ident,
        "number": record.get("number"),
        "since": _time(time_ms) if isinstance(time_ms, int) else None,
        "state": "refused" if found.refused else "held",
        "stage": str(record.get("stage", "")),
        "reason": str(record.get("reason", "")),
        "sentence": found.fault or str(record.get("sentence", "")),
        "sender": str(record.get("sender", "")),
        "name": str(record.get("name", "")),
        "sequence": record.get("sequence"),
        "decisions": decisions,
    }


def _time(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    return printable("-" if value in (None, "") else str(value)).replace("[", "\\[")


def _say(text: str) -> None:
    console.print("\n".join(map(printable, text.split("\n"))), markup=False, soft_wrap=True)
