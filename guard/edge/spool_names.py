"""Names in a drop directory: which are drops, which may be read by people, how any is written.

Takes names as the bytes the kernel gave, gives texts; does no I/O. Follows docs/spec/spool.md.
"""

import hashlib
import re

from schemas.errors import Broken, Malformed
from schemas.message import NAME_CHARACTERS_MAX
from schemas.reasons import Reason

SIDECAR_ENDING = b".meta.json"
SIGNATURE_ENDING = b".p7s"
BESIDE = (SIDECAR_ENDING, SIGNATURE_ENDING)
_NOT_DROPS = (b".part", b".tmp", *BESIDE)
_SENDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\Z")
_CUT_CHARACTERS, _CUT_DIGITS = 246, 8


def is_drop(name: bytes) -> bool:
    """Whether an entry of this name is a drop."""  # spool §2 (2)
    return not name.startswith(b".") and not name.endswith(_NOT_DROPS)


def sender_name(text: str) -> str:
    """The name itself when it may be a directory's; raises `Broken(SITE_MALFORMED)`."""
    if not _SENDER.match(text):
        raise Broken(Reason.SITE_MALFORMED, f"{text!r} cannot be a sender's name")
    return text


def readable(untrusted_name: bytes) -> str:
    """The name as text. Raises `Malformed(NAME_NOT_ALLOWED)`."""  # spool §3 (1)
    try:
        text = untrusted_name.decode()
    except UnicodeDecodeError as error:
        raise Malformed(Reason.NAME_NOT_ALLOWED, "the file's name is not UTF-8") from error
    if not text.isprintable():
        raise Malformed(
            Reason.NAME_NOT_ALLOWED, "the file's name has control or invisible characters"
        )
    return text


def escaped(name: bytes) -> str:
    """Any name as at most 255 characters of printable ASCII."""  # spool §3 (1)
    if len(name) <= NAME_CHARACTERS_MAX and name.isascii() and b"\\" not in name:
        text = name.decode("ascii")
        if text.isprintable():
            return text
    units = [chr(c) if 0x20 <= c < 0x7F and c != 0x5C else f"\\x{c:02x}" for c in name]
    if sum(map(len, units)) <= NAME_CHARACTERS_MAX:
        return "".join(units)
    while sum(map(len, units)) > _CUT_CHARACTERS:
        units.pop()
    return "".join(units) + "~" + hashlib.sha256(name).hexdigest()[:_CUT_DIGITS]
