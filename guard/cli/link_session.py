"""`guard link session`: look at the link's session counter, and set it when two persons agree.

Format and rules: docs/spec/session-reset.md; what the persons do: docs/recovery.md.
"""

import contextlib
from pathlib import Path
from typing import Any

import click

from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.core.session_reset import Proposal
from guard.edge import durable
from guard.edge.keys import read_secret
from guard.edge.link_memory import check_destination, check_source, ledger_memory
from guard.edge.operators import read_operators
from guard.edge.session_counter import counter_state, pending_reset
from guard.edge.session_reset import (
    apply,
    check_proposal,
    link_key_of,
    propose,
    read_proposal,
    receiver_newest,
    stopped,
)
from guard.edge.site import Site, load_site
from schemas.errors import Broken, CheckvalveError

_SITE = click.option(
    "--site", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip
_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")


@click.group(epilog="Example: guard link session show --site /srv/checkvalve/low")
def session() -> None:
    """Look at the link's session counter; set it again when it is lost.

    The counter makes the link's keys and never goes back. Setting it takes two persons: one
    proposes, two approve, one applies.
    """


@session.command(epilog="Example: guard link session show --site /srv/checkvalve/high")
@_SITE
@_JSON
def show(folder: Path, as_json: bool) -> None:
    """Show the newest session that a side knows of, and whether it may go on from there.

    On the low side that of its counter and ledger, on the high side the receiver's. Reads only.
    Exits 1 if the side would not start for it.
    """
    with sentences({} if as_json else None):
        site = load_site(folder.absolute())
        told = _low(site) if site.file.side == "low" else _high(site)
    if as_json:
        print_json(told)
    else:
        _lines(told)
    if told["why"]:
        raise SystemExit(EXIT_NO)


def _low(site: Site) -> dict[str, Any]:
    cursor = site.folder / "cursor"
    newest = ledger_memory(site.folder).newest  # first: the counter is never below it
    pending = None
    with contextlib.suppress(Broken):  # then `why` says so
        pending = pending_reset(cursor)
    return {
        "side": "low",
        "flow": site.policy.flow,
        "link_key": link_key_of(site),
        "newest": newest,
        "counter": counter_state(cursor),
        "pending": pending.proposal.session if pending else None,
        "why": _why(site),
    }


def _high(site: Site) -> dict[str, Any]:
    return {
        "side": "high",
        "flow": site.policy.flow,
        "link_key": link_key_of(site),
        "newest": receiver_newest(site),
        "why": _why(site),
    }


def _why(site: Site) -> str:
    """Why the side would not start, or nothing."""
    try:
        (check_source if site.file.side == "low" else check_destination)(site.folder)
    except CheckvalveError as error:
        return error.sentence
    return ""


@session.command("propose", epilog="Example: guard link session propose --site low --receiver 41"
                 " --purpose 'new disk' --out reset.txt")  # fmt: skip
@_SITE
@click.option(
    "--receiver", required=True, metavar="N", type=click.IntRange(0, 2**32 - 1),
    help="The newest session on the high side: guard link session show, there.",
)  # fmt: skip
@click.option("--purpose", required=True, metavar="TEXT", help="Why, for those who approve.")
@click.option("--out", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="A new file for the proposal.")  # fmt: skip
@click.option("--session", "number", metavar="N", type=click.IntRange(1, 2**32 - 1),
              help="The new counter; a million above all that is known, if left out.")  # fmt: skip
@_JSON
def propose_command(
    folder: Path, receiver: int, purpose: str, out: Path, number: int | None, as_json: bool
) -> None:
    """Propose a new session counter for a low side that is stopped."""
    with sentences({} if as_json else None):
        site = load_site(folder.absolute())
        with stopped(site):
            signed = propose(site, receiver, number, purpose)
        names = sorted(read_operators(site.folder, demonstration=site.file.demo))
        durable.create(out, signed.write())
    told = _as_json(signed.proposal) | {"file": str(out), "operators": names}
    if as_json:
        print_json(told)
        return
    _lines(told)
    _say(f"Two of the operators approve it: guard link session approve {out}"
         " --name NAME --key FILE")  # fmt: skip


@session.command("approve", epilog="Example: guard link session approve reset.txt --name alice"
                 " --key alice.key --site high")  # fmt: skip
@_FILE
@click.option("--name", required=True, metavar="NAME",
              help="Yours, as in trust/operators/NAME.pub of the low side.")  # fmt: skip
@click.option("--key", required=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False), help="Your own key.")  # fmt: skip
@click.option(
    "--site", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="A side that you can see: the proposal must fit it.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Sign without asking.")
@_JSON
def approve_command(
    file: Path, name: str, key: Path, folder: Path | None, yes: bool, as_json: bool
) -> None:
    """Read a proposal and sign it with your own key.

    With --site it is held against that side first: the low side's state, or the newest session of
    the high side's receiver.
    """
    with sentences({} if as_json else None):
        signed = read_proposal(file)
        if folder is not None:
            check_proposal(load_site(folder.absolute()), signed.proposal)
        seed = read_secret(key)
        if not yes:
            click.echo(signed.proposal.text(), err=True)  # printable ASCII
            click.confirm(f"Sign this as {printable(name)}?", abort=True, err=True)
        signed = signed.signed_by(name, seed)
        durable.replace(file, signed.write())
    told = _as_json(signed.proposal) | {"approved": [each.name for each in signed.signatures]}
    if as_json:
        print_json(told)
    else:
        _lines(told)


@session.command("apply", epilog="Example: guard link session apply reset.txt --site low")
@_FILE
@_SITE
@_JSON
def apply_command(file: Path, folder: Path, as_json: bool) -> None:
    """Set the counter as two operators approved, on a low side that is stopped.

    A proposal fits one state of one side, so it can be applied once. The side's next start tells
    its ledger, with both signatures, before it sends anything.
    """
    with sentences({} if as_json else None):
        signed = read_proposal(file)
        site = load_site(folder.absolute())
        with stopped(site):
            signers = apply(site, signed)
    told = _as_json(signed.proposal) | {"approved": list(signers)}
    if as_json:
        print_json(told)
        return
    _lines(told)
    _say(f"The counter is set: the next session is {signed.proposal.session + 1}."
         f" Start it with: guard run low --site {folder}")  # fmt: skip


def _as_json(proposal: Proposal) -> dict[str, Any]:
    lines = proposal.text().splitlines()[1:]
    told: dict[str, Any] = dict(line.split(" ", 1) for line in lines)
    numbers = {name: int(told[name]) for name in ("newest", "receiver", "session")}
    size, root = told.pop("ledger").split(" ")
    told["link_key"] = told.pop("link-key")
    return told | numbers | {"ledger_entries": int(size), "ledger_root": root}


def _lines(told: dict[str, Any]) -> None:
    for name, value in told.items():
        if value not in ("", None):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            _say(f"{name:<15} {text}")


def _say(text: str) -> None:
    console.print(printable(text), markup=False, soft_wrap=True)
