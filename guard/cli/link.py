"""`guard link`: the one-way link by itself. Each command is a file beside this one."""

import click

from guard.cli.lazy import Lazy

_COMMANDS = {
    "session": "guard.cli.link_session:session",
}


@click.group(cls=Lazy, table=_COMMANDS, epilog="Example: guard link session show --site DIR")
def link() -> None:
    """Look after the one-way link."""
