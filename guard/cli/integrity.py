"""`guard integrity`: list the installed software, sign the list, hold what is installed to it."""

from pathlib import Path

import click

from guard.cli.output import console, print_json, sentences
from guard.edge.software import first, installed, writable_by
from guard.edge.software_check import (
    make_manifest,
    run_time_users,
    sign_manifest,
    verify_software,
)
from schemas.errors import Broken
from schemas.reasons import Reason

_FIRST_USER = 61_000
_File = click.Path(path_type=Path, dir_okay=False)


@click.group(epilog="Example: guard integrity verify software.manifest --public software.pub")
def integrity() -> None:
    """The software itself: every file of it, signed, and held against what is installed."""


@integrity.command(epilog="Example: guard integrity manifest software.manifest")
@click.argument("file", metavar="FILE", type=_File)
def manifest(file: Path) -> None:
    """List every file of this installation with its SHA-256 in FILE, which must be new."""
    with sentences():
        made = make_manifest()
        with file.open("xb") as opened:
            opened.write(made)
    count = len(made.splitlines()) - 1
    console.print(f"{count:,} files listed", markup=False)


@integrity.command(epilog="Example: guard integrity sign software.manifest --key software.key")
@click.argument("file", metavar="FILE", type=_File)
@click.option("--key", required=True, type=_File,
              help="The Ed25519 key: a file that guard policy new-key made.")  # fmt: skip
def sign(file: Path, key: Path) -> None:
    """Sign the manifest FILE; writes FILE.sig beside it."""
    with sentences():
        digest = sign_manifest(file, key)
    console.print(f"Signed. Digest: {digest}", soft_wrap=True)


@integrity.command(epilog="Example: guard integrity verify software.manifest --public software.pub")
@click.argument("file", metavar="FILE", type=_File)
@click.option("--public", required=True, type=_File, help="The public key, in hexadecimal.")
@click.option("--first-user", default=_FIRST_USER, metavar="UID", type=click.IntRange(min=0),
              help="As in site.toml: the processes' users.")  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: ok, digest, writable, error."
)
def verify(file: Path, public: Path, first_user: int, as_json: bool) -> None:
    """Hold this installation to the signed manifest FILE, and see that no process may write it.

    Exits 3 if it differs, or if a user of the guard's processes could change it.
    """
    answer: dict[str, object] = {"ok": False, "digest": "", "writable": []}
    with sentences(answer if as_json else None):
        answer["digest"] = verify_software(file, public)
        found = writable_by(installed(), run_time_users(first_user))
        answer["writable"] = [f"{each.path}: {each.why}" for each in found]
        if found:
            raise Broken(Reason.SOFTWARE_WRITABLE, f"{first(found)}")
        answer["ok"] = True
    if as_json:
        print_json(answer)
    else:
        console.print(f"As signed. Digest: {answer['digest']}", soft_wrap=True)
