"""`guard keys`: what keys a side has, and their life: made, rotated, revoked, destroyed.

The commands are in the files beside this one; docs/keys.md says what the persons do.
"""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from guard.cli.lazy import Lazy
from guard.cli.output import EXIT_NO, console, print_json, printable, sentences
from guard.edge.key_list import KeyLine, keys_of

SITE = click.option(
    "--site", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="The side's folder.",
)  # fmt: skip
_SHOWN_CHARACTERS = 16
_WRONG = ("wrong", "revoked")


@click.group(
    cls=Lazy,
    table={
        "list": "guard.cli.keys:list_keys",
        "request": "guard.cli.keys_rotating:request",
        "issue": "guard.cli.keys_authority:issue",
        "generate": "guard.cli.keys_rotating:generate",
        "rotate": "guard.cli.keys_rotating:rotate",
        "end-overlap": "guard.cli.keys_rotating:end_overlap",
        "revoke": "guard.cli.keys_authority:revoke",
        "take-revocations": "guard.cli.keys_rotating:take_revocations",
        "import": "guard.cli.keys_import:import_key",
        "destroy": "guard.cli.keys_destroying:destroy",
    },
    epilog="Example: guard keys list --site /srv/checkvalve/low",
)
def keys() -> None:
    """Show a side's keys; make, rotate, revoke and destroy them."""


@click.command("list", epilog="Example: guard keys list --site /srv/checkvalve/high --json")
@SITE
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def list_keys(folder: Path, as_json: bool) -> None:
    """Show every key of a side: of what kind, who uses it, until when, and what it is worth.

    Shows no secret. Exits 1 if one does not hold.
    """
    with sentences({} if as_json else None):
        found = keys_of(folder.absolute())
    if as_json:
        print_json({"keys": [line.as_json() for line in found]})
    else:
        console.print(_table(found))
        for line in found:
            if line.why:
                console.print(f"{line.key}: {printable(line.why)}", markup=False, soft_wrap=True)
    if any(line.state in _WRONG for line in found):
        raise SystemExit(EXIT_NO)


def _table(found: list[KeyLine]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("key", "kind", "used by", "fingerprint", "until", "state"):
        table.add_column(head, no_wrap=head == "fingerprint")
    for line in found:
        state = f"{line.state}, secret here" if line.private else line.state
        name = line.fingerprint[:_SHOWN_CHARACTERS]
        table.add_row(line.key, line.kind, line.used_by, name, _day(line.valid_until_s), state)
    return table


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M") if time_s else ""
