"""`guard keys destroy`: overwrite a secret and take it away."""

from pathlib import Path

import click

from guard.cli.keys_rotating import changing
from guard.cli.output import console, sentences
from guard.edge.durable import hold_alone
from guard.edge.running import tell_to_look
from guard.edge.seal_key import erase_secret
from schemas.errors import Broken
from schemas.reasons import Reason


@click.command(epilog="Example: guard keys destroy link-old --site /srv/checkvalve/high")
@click.argument("what", type=click.Choice(["link-old", "envelope-next", "file", "all"]))
@click.argument("file", metavar="[FILE]", required=False,
                type=click.Path(path_type=Path, dir_okay=False))  # fmt: skip
@click.option("--site", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
              help="The side's folder, for all but file.")  # fmt: skip
@click.option("--yes", is_flag=True, help="all: the side will never run again.")
def destroy(what: str, file: Path | None, folder: Path | None, yes: bool) -> None:
    """Overwrite a secret where it stands, and remove it.

    link-old: the link key before the one in use, on the high side. envelope-next: a sealing key
    that waits. file: a copy that was carried. all: every secret of a side that is stopped. What a
    flash disk, a snapshot or a backup has kept is beyond this: see docs/keys.md.
    """
    with sentences():
        if what == "file":
            if file is None:
                raise click.UsageError("name the FILE")
            erase_secret(file)
            told = str(file)
        elif folder is None:
            raise click.UsageError("name the side: --site DIR")
        elif what == "all":
            told = _all(folder.absolute(), yes=yes)
        else:
            side = changing(folder)
            (side.destroy_old_link if what == "link-old" else side.destroy_waiting)()
            tell_to_look(folder.absolute())
            told = what
    console.print(f"destroyed: {told}", markup=False, soft_wrap=True)


def _all(folder: Path, *, yes: bool) -> str:
    if not yes:
        raise click.UsageError("the side will never run again: say --yes")
    try:
        hold_alone(folder / "run")
    except BlockingIOError as error:
        raise Broken(Reason.SITE_MALFORMED, f"{folder} is running: stop it first") from error
    return ", ".join(changing(folder).destroy_all())
