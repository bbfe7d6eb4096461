"""What kind of archive bytes are, and its entries, for all kinds alike.

Takes bytes and a purse; gives the kind by the first bytes alone, then the named contents by the
recogniser of that kind. Does nothing else.
"""

from typing import Literal

from filters.formats import gzip_recogniser, tar_recogniser, zip_recogniser
from filters.formats.container_limits import Purse

ArchiveKind = Literal["zip", "tar", "gzip"]
_CFB = bytes.fromhex("d0cf11e0a1b11ae1")


def kind_of(untrusted: bytes) -> ArchiveKind | None:
    """The kind that the bytes begin as, or None."""
    if untrusted.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if untrusted.startswith(b"\x1f\x8b"):
        return "gzip"
    if untrusted[257:262] == b"ustar":
        return "tar"
    return None


def is_legacy_office(untrusted: bytes) -> bool:
    """Whether the bytes begin as a compound file: Word, Excel and PowerPoint before 2007."""
    return untrusted.startswith(_CFB)


def opened(untrusted: bytes, kind: ArchiveKind, purse: Purse) -> list[tuple[str, bytes]]:
    """Name and contents of every file, sorted by name; gzip's name is its header's, in Latin-1."""
    if kind == "gzip":
        member = gzip_recogniser.recognise(untrusted, purse)
        return [(member.raw_name.decode("latin-1"), member.contents)]
    if kind == "zip":
        found = [
            (entry.name, zip_recogniser.contents(untrusted, entry))
            for entry in zip_recogniser.structure(untrusted, purse)
            if not entry.is_folder
        ]
    else:
        found = [
            (entry.name, tar_recogniser.contents(untrusted, entry))
            for entry in tar_recogniser.recognise(untrusted, purse)
            if not entry.is_folder
        ]
    return sorted(found, key=_name_bytes)


def _name_bytes(pair: tuple[str, bytes]) -> bytes:
    return pair[0].encode()
