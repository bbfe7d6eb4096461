"""`guard token`: keys of the stage `pseudonymize`; a token's value for those who may have it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from guard.cli.keys import SITE
from guard.cli.lazy import Lazy
from guard.cli.output import console, print_json, printable, sentences
from guard.edge.acting import who_acts
from guard.edge.running import tell_to_look
from guard.edge.site import read_site_file
from guard.edge.token_keys import new_token_key
from guard.edge.token_reveal import reveal as reveal_token
from schemas.errors import Broken
from schemas.reasons import Reason

_WITHIN_S = 30.0
_REASON_CHARACTERS_MAX = 120


@click.group(
    cls=Lazy,
    table={"new-key": "guard.cli.token:new_key", "reveal": "guard.cli.token:reveal"},
    epilog="Example: guard token new-key --site /srv/checkvalve/low",
)
def token() -> None:
    """Make keys for tokens, and see what is in one."""


@click.command("new-key", epilog="Example: guard token new-key --site /srv/checkvalve/low")
@SITE
@click.option("--id", "key_id", default="", metavar="ID",
              help="Its id, 1 to 16 of a-z and 0-9; today's date if left out.")  # fmt: skip
def new_key(folder: Path, key_id: str) -> None:
    """Make the next token key on the low side: it seals from now on, and older ones still open.

    A copy of the file is what reveals tokens elsewhere: guard it as you would the values.
    """
    key_id = key_id or f"{datetime.now(UTC):%Y%m%d}"
    with sentences():
        folder = folder.absolute()
        if read_site_file(folder).side != "low":
            raise Broken(Reason.SITE_MALFORMED, f"{folder} is the high side's: the low one seals")
        path = new_token_key(folder, key_id, who_acts())
        tell_to_look(folder)
    console.print(f"{path}: seals from the next start of the lane on", markup=False, soft_wrap=True)


@click.command(epilog="Example: guard token reveal tok1.g.1.abcd --site /srv/checkvalve/low"
               " --key /srv/checkvalve/low/keys/token-1.key")  # fmt: skip
@click.argument("token", metavar="TOKEN")
@SITE
@click.option("--key", required=True, metavar="FILE", help="The key's file, named token-ID.key.",
              type=click.Path(path_type=Path, dir_okay=False))  # fmt: skip
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def reveal(token: str, folder: Path, key: Path, reason: str, as_json: bool) -> None:
    """Show what is in a token, after the side's ledger has who asked, when and why.

    The side must run. Refuses when its ledger does not get the entry. Exits 3 for a token that
    this key has not made.
    """
    if len(reason) > _REASON_CHARACTERS_MAX:
        raise click.UsageError(f"the reason is longer than {_REASON_CHARACTERS_MAX} characters")
    with sentences({} if as_json else None):
        opened = reveal_token(folder.absolute(), key, token, who_acts(), reason, _WITHIN_S)
    shown = opened.value.decode("ascii") if isinstance(opened.value, bytes) else opened.value
    if as_json:
        print_json({"value": shown, "join": opened.name, "key": opened.key_id})
    else:
        console.print(printable(str(shown)), markup=False, soft_wrap=True, highlight=False)
