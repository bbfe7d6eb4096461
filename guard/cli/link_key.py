"""`guard link key`: a new link key, with the sender's counters beside it."""

from pathlib import Path

import click

from guard.cli.output import console, sentences
from guard.edge.keys import new_secret, write_secret
from guard.transfer import LinkKey


@click.command(epilog="Example: guard link key diode.key")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def key(path: Path) -> None:
    """Make a link key in PATH, and the sender's counters beside it.

    Copy PATH alone to the receiver. PATH.session and PATH.sequence stay with the one sender: never
    copy them to another, and never restore an old copy.
    """
    with sentences():
        if path.exists():
            raise click.UsageError(f"{path} is there already: a key is never replaced")
        LinkKey(path).make_counters()
        write_secret(path, new_secret())
    console.print(f"{path}: copy it to the receiver, over a way that you trust", markup=False)
