"""`guard keys request`, `generate`, `rotate`, `end-overlap`, `take-revocations`: one key to the
next, without a pause. docs/keys.md says in which order on which side."""

import re
from pathlib import Path

import click

from guard.cli.keys import SITE
from guard.cli.output import console, sentences
from guard.edge import durable
from guard.edge.acting import who_acts
from guard.edge.key_changes import Changing
from guard.edge.key_watch import fingerprint
from guard.edge.running import tell_to_look
from guard.edge.site_link_keys import KEY_FILE_MODE, read_link_key
from schemas.errors import Malformed
from schemas.reasons import Reason

_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
_OUT = click.option("--out", required=True, metavar="FILE", help="A new file.",
                    type=click.Path(path_type=Path, dir_okay=False))  # fmt: skip
_TIME = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_OVERLAP_S_MAX = 90 * 86_400


class _Overlap(click.ParamType[int]):
    name = "TIME"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        found = _TIME.fullmatch(str(value))
        seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
        if not 0 < seconds <= _OVERLAP_S_MAX:
            self.fail(f"{value!r} is not a time such as 90s, 30m, 4h or 7d, at most 90d", param)
        return seconds


def changing(folder: Path) -> Changing:
    """The side, whose keys this user changes."""
    return Changing(folder.absolute(), who_acts())


@click.command(epilog="Example: guard keys request --site /srv/checkvalve/low --out low.csr")
@SITE
@_OUT
def request(folder: Path, out: Path) -> None:
    """Make the next sealing key on the low side, and a request that the authority certify it.

    The key waits in keys/seal-next.key; asked again, the request is of the same key.
    """
    with sentences():
        durable.create(out.absolute(), changing(folder).request_envelope())
    console.print(f"{out}: have the authority certify it (docs/identity.md)", markup=False)


@click.command(epilog="Example: guard keys generate link new-link.key --site /srv/checkvalve/low")
@click.argument("what", type=click.Choice(["link"]))
@_FILE
@SITE
def generate(what: str, file: Path, folder: Path) -> None:
    """Make the next link key in FILE, on the low side: carry it to the high side by a way you
    trust, take it up there first, and then here."""
    with sentences():
        _not_there(file)
        made = changing(folder).new_link()
        durable.create(file.absolute(), made.write(), KEY_FILE_MODE)
    console.print(
        f"{file}: the {what} key from session {made.first_session} on. On the high side first:\n"
        f"  guard keys rotate link {file} --site HIGH\nthen on the low side:\n"
        f"  guard keys rotate link {file} --site {folder} --receiver-ready\n"
        f"and destroy each copy of the file: guard keys destroy file {file}",
        markup=False, soft_wrap=True,
    )  # fmt: skip


@click.command(epilog="Example: guard keys rotate envelope new.pem --site /srv/checkvalve/high"
               " --overlap 4h")  # fmt: skip
@click.argument("what", type=click.Choice(["envelope", "link"]))
@_FILE
@SITE
@click.option("--overlap", type=_Overlap(), default="1h", show_default=True,
              help="envelope, high side: how long the key before is still taken.")  # fmt: skip
@click.option("--receiver-ready", is_flag=True,
              help="Low side: the high side has it already.")  # fmt: skip
def rotate(what: str, file: Path, folder: Path, overlap: int, receiver_ready: bool) -> None:
    """Take up the next key, mid-stream: on the high side first, then on the low side.

    envelope: FILE is the certificate of the next sealing key. link: FILE is the next link key.
    """
    with sentences():
        side = changing(folder)
        if side.side == "low" and not receiver_ready:
            raise click.UsageError(
                "the high side must have it first, or it will not take what is sent: rotate there,"
                " then say --receiver-ready here"
            )
        if what == "link":
            side.rotate_link(read_link_key(file))
            told = "the link key"
        else:
            found = side.rotate_envelope(file.read_bytes(), overlap)
            told = f"the envelope key {fingerprint(found.public)}"
    _told(folder, f"{told} is taken up on the {side.side} side")


@click.command("end-overlap", epilog="Example: guard keys end-overlap --site /srv/checkvalve/high")
@SITE
def end_overlap(folder: Path) -> None:
    """Take nothing more, on the high side, that an earlier sealing key signed."""
    with sentences():
        count = changing(folder).end_overlap()
    _told(folder, f"{count} earlier keys are not taken any more")


@click.command("take-revocations", epilog="Example: guard keys take-revocations revoked.pem"
               " --site /srv/checkvalve/high")  # fmt: skip
@_FILE
@SITE
def take_revocations(file: Path, folder: Path) -> None:
    """Take up the authority's revocation list; a running side obeys it at once."""
    with sentences():
        changing(folder).take_revocations(file)
    _told(folder, "the revocation list is taken up")


def _told(folder: Path, what: str) -> None:
    runs = tell_to_look(folder.absolute())
    when = "it runs, and takes it up now" if runs else "it does not run: at its next start"
    console.print(f"{what} ({when})", markup=False, soft_wrap=True)


def _not_there(file: Path) -> None:
    if file.exists():
        raise Malformed(Reason.ARGUMENT, f"{file} is there already: a key is never replaced")
