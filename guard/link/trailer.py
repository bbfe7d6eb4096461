"""The trailer of a file's stream: what the file is called and how it stands.

Takes a file's facts, gives the bytes that follow its content on the link; and back, `Malformed`
for anything else. Pure. Follows docs/spec/link-files.md.
"""

import unicodedata
from dataclasses import dataclass
from typing import Self

from schemas.cbor import CborLimits, decode, encode
from schemas.errors import Malformed
from schemas.reasons import Reason

MAGIC = b"CVF1"
END_BYTES = 8  # length (4), magic
NAME_BYTES_MAX = 1024
PART_BYTES_MAX = 255  # NAME_MAX of Linux
PARTS_MAX = 64
TRAILER_BYTES_MAX = 2048
MODE_MAX = 0o777
TIME_S_MAX = 2**40

_LIMITS = CborLimits(
    bytes_max=TRAILER_BYTES_MAX, depth_levels_max=2, items_max=8, string_bytes_max=NAME_BYTES_MAX
)


@dataclass(frozen=True, slots=True)
class Trailer:
    """name: relative, parts joined by "/"; mode: permission bits; time_s: of the last change."""

    name: str
    mode: int
    time_s: int

    def write(self) -> bytes:
        """The bytes after the content. Raises `Malformed` for a name that may not cross."""
        check_name(self.name)
        content = encode({"m": self.mode, "n": self.name, "t": self.time_s})
        return content + len(content).to_bytes(4, "big") + MAGIC

    @classmethod
    def read(cls, untrusted_end: bytes) -> tuple[Self, int]:
        """(trailer, its length in bytes with its end) from the last bytes of a stream."""
        if untrusted_end[-4:] != MAGIC or len(untrusted_end) < END_BYTES:
            raise _malformed("has no end mark")
        size = int.from_bytes(untrusted_end[-8:-4], "big")
        if not 0 < size <= min(TRAILER_BYTES_MAX, len(untrusted_end) - END_BYTES):
            raise _malformed("has no length in bounds")
        value = decode(untrusted_end[-END_BYTES - size : -END_BYTES], _LIMITS)
        if not isinstance(value, dict) or value.keys() != {"m", "n", "t"}:
            raise _malformed("is not of the three fields")
        name, mode, time_s = value["n"], value["m"], value["t"]
        if type(name) is not str or type(mode) is not int or type(time_s) is not int:
            raise _malformed("has a field of another type")
        if not 0 <= mode <= MODE_MAX or not 0 <= time_s <= TIME_S_MAX:
            raise _malformed("has a number out of bounds")
        check_name(name)
        return cls(name, mode, time_s), size + END_BYTES


def check_name(name: str) -> None:
    """Raises `Malformed` unless the name can only mean a place below the folder it lands in."""
    parts = name.split("/")
    if len(name.encode("utf-8", "replace")) > NAME_BYTES_MAX or len(parts) > PARTS_MAX:
        raise _malformed("names a file by too long a name")
    for part in parts:
        if part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > PART_BYTES_MAX:
            raise _malformed("names a file by a part that is empty, a dot, two dots or too long")
        if part.startswith(".checkvalve"):
            raise _malformed("names a file that is this program's own")
    if not name.isprintable() or unicodedata.normalize("NFC", name) != name:
        raise _malformed("names a file by characters that are not printable, or not NFC")


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.BLOCK_MALFORMED, f"the trailer of a stream {what}")
