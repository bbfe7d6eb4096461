"""The sender's half of the spool: a file becomes a drop the one safe way, and its reply is found.

Takes bytes, a name and a claim (sidecar), writes in `spool/drop/SENDER/` under a name that is no
drop, and renames in, the sidecar first. Reads `replies/SENDER/` and, to tell what was no message,
`spool/refused/SENDER/`. Follows docs/spec/spool.md §2, §3 and §5.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.edge import durable
from guard.edge.spool_names import (
    BESIDE,
    SIDECAR_ENDING,
    SIGNATURE_ENDING,
    escaped,
    is_drop,
    readable,
    sender_name,
)
from schemas.errors import Malformed, Overload
from schemas.reasons import Reason

NAMES_TRIED_MAX = 10_000
_REPLY_BYTES_MAX = 65_536
_FOR_ALL, _ALL_MAY_ENTER = 0o644, 0o005

Claim = dict[str, str]
"""What a sidecar says: any of label, precedence, type, destination."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that was dropped: the name it got there, and what tells it from any other file."""

    sender: str
    name: str
    inode: tuple[int, int]


class DropDirectory:
    """One sender's directories of a low side."""

    def __init__(self, folder: Path, sender: str) -> None:
        """folder: the low side's. Raises `Malformed(SITE_MALFORMED)` if there is no such sender."""
        self._sender = sender_name(sender)
        self._drop = folder / "spool" / "drop" / sender
        self._refused = folder / "spool" / "refused" / sender
        self._replies = folder / "replies" / sender
        self._used: set[str] = set()  # a reply tells its message by name: none is used twice
        if not self._drop.is_dir():
            raise Malformed(Reason.SITE_MALFORMED, f"{folder} has no drop directory for {sender}")

    def drop(self, name: str, content: bytes, claim: Claim, signature: bytes = b"") -> Dropped:
        """Drop these bytes under this name, or one beside it where the name is taken.

        signature: the sender's detached CMS signature of them, laid beside them.

        Raises `Malformed(NAME_NOT_ALLOWED)` for a name that no drop may have.
        """
        raw = os.fsencode(name)
        readable(raw)
        if not is_drop(raw):
            raise Malformed(
                Reason.NAME_NOT_ALLOWED,
                f"{escaped(raw)}: a drop's name may not begin with a dot or end in .part, .tmp,"
                " .meta.json or .p7s: rename the file",
            )
        for candidate in _names_beside(name):
            beside = {SIGNATURE_ENDING.decode(): signature} if signature else {}
            if claim:
                beside[SIDECAR_ENDING.decode()] = json.dumps(claim).encode()
            if (dropped := self._drop_as(candidate, content, beside)) is not None:
                return dropped
        raise Overload(Reason.DISK, f"{escaped(raw)} and {NAMES_TRIED_MAX} names beside are taken")

    def _drop_as(self, name: str, content: bytes, beside: dict[str, bytes]) -> Dropped | None:
        """None when the name is taken. `.NAME.part` is the claim of a name: one writer has it."""
        final, made = self._drop / name, self._drop / f".{name}.part"
        others = [self._drop / f"{name}{ending.decode()}" for ending in BESIDE]
        if name in self._used or any(map(os.path.lexists, (final, *others))):
            return None
        try:
            durable.write_new(made, content, sync=True)
        except FileExistsError:
            return None
        laid: list[Path] = []
        try:
            found = self._share(made)
            for ending, told in beside.items():
                self._write_beside(self._drop / f"{name}{ending}", told)
                laid.append(self._drop / f"{name}{ending}")
            durable.rename_new(made, final)
        except BaseException as error:
            with contextlib.suppress(FileNotFoundError):
                made.unlink()
            for path in laid:
                path.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                return None
            raise
        self._used.add(name)
        return Dropped(self._sender, name, (found.st_dev, found.st_ino))

    def _write_beside(self, path: Path, content: bytes) -> None:
        made = path.with_name(f".{path.name}.part")
        durable.write_new(made, content, sync=True)
        try:
            self._share(made)
            durable.rename_new(made, path)
        except OSError:
            made.unlink()
            raise

    def _share(self, path: Path) -> os.stat_result:
        """As open as the directory: who may look into it, the guard among them, may read it."""
        if stat.S_IMODE(self._drop.stat().st_mode) & _ALL_MAY_ENTER == _ALL_MAY_ENTER:
            path.chmod(_FOR_ALL)
        return path.stat()

    # -- what became of it -------------------------------------------------------------------

    def replies_so_far(self) -> set[str]:
        """The names of the replies that are there now."""
        try:
            return {entry.name for entry in os.scandir(self._replies)}
        except FileNotFoundError as error:
            raise Malformed(Reason.SITE_MALFORMED, f"{self._replies} is not there") from error

    def read_reply(self, name: str) -> dict[str, str | int] | None:
        """A reply by its file's name; None for what is no reply (a file half written, say)."""
        if name.startswith(".") or not name.endswith(".json"):
            return None
        try:
            with open(self._replies / name, "rb") as file:
                reply = json.loads(file.read(_REPLY_BYTES_MAX))
        except (FileNotFoundError, ValueError):
            return None
        return reply if isinstance(reply, dict) else None

    def was_no_message(self, dropped: Dropped) -> bool:
        """Whether ingest has moved this very file away; False where one may not look."""
        try:
            entries = list(os.scandir(self._refused))
        except (FileNotFoundError, PermissionError):
            return False
        return any(_inode(entry) == dropped.inode for entry in entries)


def _inode(entry: "os.DirEntry[str]") -> tuple[int, int]:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _names_beside(name: str) -> Iterator[str]:
    """The name, then `stem-2.ending`, `stem-3.ending`, ..."""
    yield name
    stem, dot, ending = name.partition(".")
    for number in range(2, NAMES_TRIED_MAX):
        yield f"{stem}-{number}{dot}{ending}"


def read_file(path: Path, bytes_max: int) -> bytes:
    """A regular file's bytes. Raises `Malformed` for anything else, `Overload` beyond the bound."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Malformed(Reason.NOT_A_REGULAR_FILE, f"{path} is not a regular file")
    with open(path, "rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Overload(
            Reason.TOO_LARGE, f"{path} is larger than this flow takes ({bytes_max:,} bytes)"
        )
    if not content:
        raise Malformed(Reason.EMPTY, f"{path} is empty")
    return content
