"""What the commands of `guard audit` share: checkpoints from elsewhere, sites, the index, times."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from guard.cli.output import errors
from guard.core.syslog import checkpoints_in
from guard.edge.clock import now_ms
from guard.report.index.building import bring_up_to_date
from guard.report.index.places import Place, key_beside, ledgers_under
from guard.report.index.searching import Index
from guard.report.index.tables import open_index
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry, Kind
from schemas.errors import Malformed
from schemas.reasons import Reason

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


def elsewhere_options(function: Callable[..., None]) -> Callable[..., None]:
    """--witness and --checkpoint: what is known of the ledger from elsewhere."""
    checkpoint = click.option(
        "--checkpoint", "checkpoints", metavar="FILE", multiple=True, type=FILE,
        help="A checkpoint of LEDGER that was kept elsewhere, or a collector's file.",
    )  # fmt: skip
    witness = click.option(
        "--witness", metavar="HIGH_LEDGER", type=FOLDER,
        help="The other side's ledger: the checkpoints it heard over the link must be of LEDGER.",
    )  # fmt: skip
    return witness(checkpoint(function))


def site_options(function: Callable[..., None]) -> Callable[..., None]:
    """--site and --index: which ledgers, and where their index is kept."""
    index = click.option(
        "--index", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
        help="Where the index is kept; it can be thrown away.  [default: in the user's cache]",
    )  # fmt: skip
    site = click.option(
        "--site", "sites", metavar="DIR", required=True, multiple=True, type=FOLDER,
        help="A folder of both sides, of one side, a ledger, or a folder of such sites; again for"
        " more.",
    )  # fmt: skip
    return site(index(function))


def open_ledgers(sites: tuple[Path, ...], file: Path | None, *, quiet: bool) -> Index:
    """The index of these ledgers, as they are now. Progress on standard error if it takes long."""
    places = ledgers_under(sites)
    connection = open_index(file or default_index(places))
    with bar("reading ledgers", quiet=quiet) as (told, _):
        bring_up_to_date(connection, places, now_ms(), told)
    return Index(connection)


def default_index(places: list[Place]) -> Path:
    """One file for each set of ledgers, in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    names = "\n".join(sorted(str(place.ledger.resolve()) for place in places))
    return cache / "checkvalve" / f"index-{hashlib.sha256(names.encode()).hexdigest()[:16]}.sqlite"


class bar:  # noqa: N801 - used as a function: `with bar(...) as told`
    """A progress display on standard error, where a person looks; gives (told, finish)."""

    def __init__(self, title: str, total: int | None = None, *, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn(title), BarColumn(), DownloadColumn() if total else TextColumn(""),
            TimeElapsedColumn(), console=errors, transient=True,
            disable=quiet or not errors.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> tuple[Callable[[int], None], Callable[[int], None]]:
        self._progress.start()

        def told(more: int) -> None:
            self._progress.advance(self._task, more)

        def reached(done: int) -> None:
            self._progress.update(self._task, completed=done)

        return told, reached

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def known_elsewhere(witness: Path | None, checkpoints: tuple[Path, ...]) -> list[bytes]:
    """The checkpoints that the other side heard, and those that were kept."""
    heard = list(_witnessed(witness)) if witness else []
    return heard + [note for path in checkpoints for note in _kept(path.read_bytes())]


def verified_entries(place: Place) -> Iterator[tuple[int, Entry]]:
    """All entries of a ledger that verifies. Raises `Malformed` for one that does not."""
    entries: list[tuple[int, Entry]] = []
    found = verify_ledger(
        place.ledger, place.key, see=lambda number, entry: entries.append((number, entry))
    )
    if not found.ok:
        raise not_verified(place.ledger)
    yield from entries


def not_verified(ledger: Path) -> Malformed:
    """The error for a ledger that cannot be relied on."""
    return Malformed(
        Reason.LEDGER_TREE, f"{ledger} does not verify: run guard audit verify {ledger}"
    )


def moment(time_ms: Any) -> str:
    """A time for people, UTC."""
    if type(time_ms) is not int:
        return "-"
    return (
        datetime.fromtimestamp(time_ms / 1000, UTC)
        .isoformat(sep=" ", timespec="milliseconds")
        .replace("+00:00", "Z")
    )


class Moment(click.ParamType[int]):
    """A time of day in UTC, given as a date or a date with a time; becomes milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        if isinstance(value, int):
            return value
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time: say 2026-11-26 or 2026-11-26T14:00", param, ctx)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return int(when.timestamp() * 1000)


def _witnessed(ledger: Path) -> Iterator[bytes]:
    for _, entry in verified_entries(Place(ledger, key_beside(ledger))):
        if entry["kind"] == Kind.WITNESS:
            yield str(entry["checkpoint"]).encode()


def _kept(content: bytes) -> Iterable[bytes]:
    """The checkpoints in a file: one as it is, or all that a collector's file has."""
    return checkpoints_in(content) if content.startswith(b"<") else [content]
