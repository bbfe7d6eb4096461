"""Writes ZIP files field by field, right or wrong as asked, for samples and tests."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

TEXT = b"all is well\n"


@dataclass
class Entry:
    """One entry; whatever is None is what a right header has."""

    name: bytes = b"a.txt"
    contents: bytes = TEXT
    method: int = 0
    flags: int = 0
    packed: bytes | None = None
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    attributes: int = 0
    made: int = 0x031E
    needed: int = 20
    descriptor: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    before: bytes = b""
    after: bytes = b""


def deflated(contents: bytes) -> bytes:
    """Raw deflate."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(contents) + deflater.flush()


def zip_of(
    *entries: Entry, end: dict[str, Any] | None = None, prefix: bytes = b"", before_end: bytes = b"",
    comment: bytes = b"", suffix: bytes = b"", twice: bool = False,
) -> bytes:  # fmt: skip
    """A ZIP file of these entries; `end` overrides fields of the end record."""
    out = prefix
    central = b""
    for entry in entries:
        packed = entry.packed
        if packed is None:
            packed = deflated(entry.contents) if entry.method == 8 else entry.contents
        out += entry.before
        told = {
            "needed": entry.needed, "flags": entry.flags, "method": entry.method, "time": 0,
            "date": 0x5A21, "crc": zlib.crc32(entry.contents), "packed": len(packed),
            "size": len(entry.contents), "name": entry.name,
        }  # fmt: skip
        here = {**told, **entry.local}
        there = {**told, "offset": len(out), "disk": 0, **entry.central}
        out += struct.pack(
            "<4sHHHHHIIIHH", here.get("sign", b"PK\x03\x04"), here["needed"], here["flags"],
            here["method"], here["time"], here["date"], here["crc"], here["packed"], here["size"],
            len(here["name"]), len(entry.extra),
        )  # fmt: skip
        out += here["name"] + entry.extra + packed + (entry.descriptor or b"") + entry.after
        central += struct.pack(
            "<4sHHHHHHIIIHHHHHII", there.get("sign", b"PK\x01\x02"), entry.made, there["needed"],
            there["flags"], there["method"], there["time"], there["date"], there["crc"],
            there["packed"], there["size"], len(there["name"]), len(entry.central_extra),
            len(entry.comment), there["disk"], 0, entry.attributes, there["offset"],
        )  # fmt: skip
        central += there["name"] + entry.central_extra + entry.comment
    count = len(entries) * (2 if twice else 1)
    central = central * (2 if twice else 1)
    told = {
        "disk": 0, "first": 0, "here": count, "count": count, "size": len(central),
        "start": len(out), "comment": len(comment), **(end or {}),
    }  # fmt: skip
    out += central + before_end
    out += struct.pack(
        "<4sHHHHIIH", told.get("sign", b"PK\x05\x06"), told["disk"], told["first"], told["here"],
        told["count"], told["size"], told["start"], told["comment"],
    )  # fmt: skip
    return out + comment + suffix


def extra(number: int, body: bytes) -> bytes:
    """One extra field."""
    return struct.pack("<HH", number, len(body)) + body


def descriptor(contents: bytes, packed: bytes, *, sign: bool = True, wide: bool = False) -> bytes:
    """The right data descriptor of an entry."""
    sizes = struct.pack("<QQ" if wide else "<II", len(packed), len(contents))
    return (b"PK\x07\x08" if sign else b"") + struct.pack("<I", zlib.crc32(contents)) + sizes
