"""Names of files in an archive, as the destination side judges them.

Takes names, raises `Malformed(ARCHIVE_NAME, ARCHIVE_DUPLICATE)`. The rules are those of
docs/spec/archive-model.md, section Names; the way is another than the source side's: every
character is looked up in the tables of Unicode, and names are put into a tree of folders.
"""

import unicodedata
from typing import Any

from filters.twins.text_judge import shows_all
from schemas.errors import Malformed
from schemas.reasons import Reason

NAME_BYTES_MAX = 1024
LEVELS_MAX = 64
_NEVER = frozenset('\\:*?"<>|')
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "clock$", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


class Tree:
    """The names of one archive. `put` takes them one after another."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}  # key of a step -> the folder below it, or None: a file

    def put(self, untrusted: Any) -> str:
        """The name itself, if it is one and no other is the same to any file system."""
        if not isinstance(untrusted, str) or not 0 < len(untrusted.encode()) <= NAME_BYTES_MAX:
            raise _bad("is none, or longer than its bound")
        *folders, last = untrusted.split("/")
        if len(folders) >= LEVELS_MAX:
            raise _bad("lies too deep")
        at = self._root
        for step in folders:
            below = at.setdefault(_step(step), {})
            if below is None:
                raise Malformed(Reason.ARCHIVE_DUPLICATE, "an entry is both a file and a folder")
            at = below
        key = _step(last)
        if key in at:
            raise Malformed(Reason.ARCHIVE_DUPLICATE, "two entries have one name, or nearly")
        at[key] = None
        return untrusted


def _step(step: str) -> str:
    """The key of one step of a name, the same for all that some file system takes for the same."""
    if step in ("", ".", "..") or step[0] == " " or step[-1] in " .":
        raise _bad("has an empty step, leaves its folder, or ends in a blank or full stop")
    if unicodedata.normalize("NFC", step) != step:
        raise _bad("is not in Unicode's composed form")
    plain = unicodedata.normalize("NFKC", step)
    if not shows_all(step + plain):
        raise _bad("has a character that nobody sees")
    for character in plain + step:
        if character in _NEVER or unicodedata.category(character) in _CATEGORIES:
            raise _bad("has a character that no file name may have")
        if unicodedata.category(character) == "Zs" and character != " ":
            raise _bad("has a blank that is not the plain one")
    if "/" in plain or plain in (".", "..") or plain != plain.strip(" ") or plain[-1:] == ".":
        raise _bad("looks like one that leaves its folder")
    if any(one.split(".")[0].rstrip(" ").lower() in _DEVICES for one in (step, plain)):
        raise _bad("is the name of a device")
    return unicodedata.normalize("NFKC", plain.casefold())


def _bad(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_NAME, f"an entry's name {what}")
