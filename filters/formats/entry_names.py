"""Names of entries in archives, for the source side: which may pass, and which are the same file.

Takes a name's bytes, gives the name in NFC or raises `Malformed(ARCHIVE_NAME)`. docs/spec/
archive-model.md, section Names, has the rules. Nothing here touches a file system.
"""

import re
import unicodedata
from collections.abc import Iterable

from filters.formats.container_limits import ContainerLimits
from filters.formats.text_rules import has_unseen
from schemas.errors import Malformed
from schemas.reasons import Reason

_FORBIDDEN = re.compile(r'[\\:*?"<>|]')
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE
)


def file_name(untrusted_name: bytes, limits: ContainerLimits) -> str:
    """The name of a file or folder, without a slash at its end, in NFC."""
    if len(untrusted_name) > limits.name_bytes_max:
        raise Malformed(Reason.NAME_TOO_LONG, "an entry's name is longer than its bound")
    try:
        untrusted = untrusted_name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("is not UTF-8") from error
    name = unicodedata.normalize("NFC", untrusted)
    if not name.isprintable():
        raise _bad("has a control, invisible or unassigned character")
    look = unicodedata.normalize("NFKC", name)
    if has_unseen(name) or has_unseen(look):
        raise _bad("has a character that nobody sees")
    segments = name.split("/")
    if len(segments) > limits.name_levels_max:
        raise Malformed(Reason.TOO_DEEP, "an entry lies in more folders than the bound")
    looks = look.split("/")
    if len(looks) != len(segments):
        raise _bad("has a character that looks like a slash")
    if not name:
        raise _bad("is empty")
    if not segments[0]:
        raise _bad("is absolute")
    if _FORBIDDEN.search(look):
        raise _bad("has a backslash, a colon or another character that no file name may have")
    for segment in (*segments, *looks):
        _segment(segment)
    return name


def _segment(segment: str) -> None:
    if segment in ("", ".", ".."):
        raise _bad("leaves its folder or has an empty step")
    if segment != segment.strip(" ") or segment.endswith("."):
        raise _bad("has a step with a blank at its ends or a full stop last")
    if _RESERVED.fullmatch(segment):
        raise _bad("is the name of a device")


def _bad(what: str) -> Malformed:
    return Malformed(Reason.ARCHIVE_NAME, f"an entry's name {what}")


def sameness(name: str) -> str:
    """What two names have in common that some file system takes for one."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded)


def all_different(files: Iterable[str], folders: Iterable[str]) -> None:
    """Raise `Malformed(ARCHIVE_DUPLICATE)` if two files are one, or a file is also a folder.

    files, folders: names as `file_name` gives them. A folder may be named more than once.
    """
    seen: set[str] = set()
    above: set[str] = {sameness(folder) for folder in folders}
    for name in files:
        same = sameness(name)
        if same in seen:
            raise Malformed(Reason.ARCHIVE_DUPLICATE, "two entries have one name, or nearly")
        seen.add(same)
        while "/" in same:
            same = same.rpartition("/")[0]
            above.add(same)
    if seen & above:
        raise Malformed(Reason.ARCHIVE_DUPLICATE, "an entry is both a file and a folder")


def extension(name: str) -> str:
    """The letters after the last full stop of the file's own name, in lower case, or nothing."""
    stem, dot, last = name.rpartition("/")[2].rpartition(".")
    return last.lower() if dot and stem else ""
