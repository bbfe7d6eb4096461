"""Hostile gzip files, and sound ones with traces that must go (RFC 1952's corners, and bombs)."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from tests.filters.hostile import tar, zip_forge
from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.zip_forge import TEXT, Entry, deflated, zip_of

PACKS = ("archive",)
STRUCTURE = ("archive-structure",)
TRAILING = ("trailing-data",)
CHECKSUM = ("archive-checksum",)
NO = ("type-not-allowed",)
MIB = 1 << 20


def member(contents: bytes = TEXT, **wrong: Any) -> bytes:
    """One gzip member; `wrong` overrides fields by name. Its own name is a.txt unless told."""
    told = {
        "magic": b"\x1f\x8b", "method": 8, "flags": 8, "time": 0, "level": 0, "system": 3,
        "fields": b"a.txt\x00", "packed": deflated(contents), "crc": zlib.crc32(contents),
        "size": len(contents) & 0xFFFFFFFF, "after": b"", **wrong,
    }  # fmt: skip
    head = told["magic"] + struct.pack(
        "<BBIBB", told["method"], told["flags"], told["time"], told["level"], told["system"]
    )
    tail = struct.pack("<II", told["crc"], told["size"])
    return bytes(head + told["fields"] + told["packed"] + tail + told["after"])


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from _headers()
    yield from _bodies()
    yield from _bombs()
    yield from _contents()


def _headers() -> Iterator[Case]:
    for method in (0, 1, 7, 9, 255):
        yield Case(f"method {method}", member(method=method), ("archive-method",))
    for flag in (0x20, 0x40, 0x80, 0xE0):
        yield Case(f"reserved flag {flag:#x}", member(flags=8 | flag), STRUCTURE)
    field = struct.pack("<H", 6) + b"hidden"
    yield Case(
        "extra field", member(flags=12, fields=field + b"a.txt\x00"), ("archive-extra-field",)
    )
    bgzf = struct.pack("<H", 6) + b"BC\x02\x00\x1b\x00"
    yield Case("extra field of BGZF", member(flags=12, fields=bgzf + b"a.txt\x00"),
               ("archive-extra-field",))  # fmt: skip
    yield Case("name without end", member(fields=b"a" * 2000), ("text-too-long",))
    yield Case("name too long", member(fields=b"a" * 300 + b".txt\x00"), ("text-too-long",))
    yield Case("comment too long", member(flags=24, fields=b"a.txt\x00" + b"c" * 9000 + b"\x00"),
               ("text-too-long",))  # fmt: skip
    yield Case("comment without end", member(flags=24, fields=b"a.txt\x00" + b"c" * 9000),
               ("text-too-long",))  # fmt: skip
    yield Case("header checksum", member(flags=10, fields=b"a.txt\x00\x00\x00"), CHECKSUM)
    yield Case("header checksum cut", member()[:3] + b"\x0a" + member()[4:15], STRUCTURE)
    for size in (2, 3, 9, 10, 17):
        yield Case(f"cut to {size} bytes", member()[:size],
                   (*STRUCTURE, "size-out-of-bounds", "type-unknown", *NO))  # fmt: skip
    for what, magic in {
        "no magic": b"\x1f\x8c",
        "compress": b"\x1f\x9d",
        "pack": b"\x1f\x1e",
    }.items():
        yield Case(what, member(magic=magic), ("type-unknown",))


def _bodies() -> Iterator[Case]:
    packed = deflated(TEXT)
    yield Case("checksum", member(crc=7), CHECKSUM)
    yield Case("size too small", member(size=3), STRUCTURE)
    yield Case("size too large", member(size=300), STRUCTURE)
    yield Case("size of none", member(size=0), STRUCTURE)
    yield Case("cut in the trailer", member()[:-3], (*STRUCTURE, *TRAILING, "size-out-of-bounds",
                                                    "archive-ratio"))  # fmt: skip
    yield Case("cut in the data", member(packed=packed[:-3]), STRUCTURE)
    yield Case("no data", member(packed=b""), STRUCTURE)
    yield Case("not deflate", member(packed=b"\xff" * 20), STRUCTURE)
    yield Case("reserved block", member(packed=b"\x07" + packed), STRUCTURE)
    yield Case("zlib inside", member(packed=zlib.compress(TEXT)), STRUCTURE)
    yield Case("data between deflate and trailer", member(packed=packed + b"hidden"), TRAILING)
    yield Case("dictionary that is not there", member(packed=b"\x63\x00\x01\xff\xff"), STRUCTURE)
    whole = member()
    for what, after in {
        "zero": b"\x00", "many zeros": bytes(4000), "text": b"hidden", "member": whole,
        "empty member": member(b""), "cut member": whole[:12], "archive": zip_of(Entry()),
        "program": b"MZ" + bytes(60), "magic alone": b"\x1f\x8b",
    }.items():  # fmt: skip
        yield Case(f"then {what}", whole + after, (*TRAILING, *STRUCTURE, "size-out-of-bounds",
                                                  "archive-ratio"))  # fmt: skip
    for count in (2, 3, 50):
        yield Case(f"{count} members", whole * count, (*TRAILING, *STRUCTURE))
    stored = b"\x01" + struct.pack("<HH", len(TEXT), len(TEXT)) + TEXT
    yield Case("stored block with a wrong length", member(packed=stored), STRUCTURE)


def _bombs() -> Iterator[Case]:
    ratio = ("archive-ratio", "size-out-of-bounds")
    yield Case("bomb dense", member(bytes(7 * MIB)), ratio)
    yield Case("bomb large", member(bytes(64 * MIB)), ratio)
    yield Case("bomb that says little", member(bytes(64 * MIB), size=100), STRUCTURE)
    yield Case("bomb that says nothing", member(bytes(64 * MIB), size=0), STRUCTURE)
    yield Case("bomb that says much", member(size=0xFFFFFFFF), ratio)
    yield Case("bomb modulo 2^32", member(bytes(7 * MIB), size=12), STRUCTURE)
    nested = member()
    for _ in range(6):
        nested = member(nested, fields=b"a.gz\x00")
    yield Case("nested deep", nested, ("too-deep",))
    layers = bytes(48 * MIB)
    for _ in range(2):
        layers = member(layers, fields=b"a.gz\x00")
    yield Case("bomb in a bomb", layers, ratio)
    bombs = b"".join(tar.entry(b"%d.gz" % n, member(bytes(5 * MIB))) for n in range(9))
    yield Case("bombs in tar", member(bombs + tar.END, fields=b"a.tar\x00"), ratio)


def _contents() -> Iterator[Case]:
    yield Case("unknown part", member(b"MZ", fields=b"a.exe\x00"), NO)
    yield Case("no name", member(b"words", flags=0, fields=b""), NO)
    yield Case(
        "text that is none",
        member(b"\x7fELF" + bytes(60)),
        ("character-not-allowed", "type-not-allowed", "encoding-not-utf8", "type-unknown"),
    )
    yield Case("archive that is none", member(TEXT, fields=b"a.zip\x00"), NO)
    yield Case("tar that is none", member(TEXT, fields=b"a.tar\x00"), NO)
    for what, raw in {
        "traversal": tar.entry(b"../a.txt"), "link": tar.header(b"a.txt", 0, b"2", link=b"/etc"),
        "device": tar.header(b"a.txt", 0, b"3"), "sparse": tar.header(b"a.txt", 0, b"S"),
    }.items():  # fmt: skip
        packed = member(raw + tar.END, fields=b"a.tar\x00")
        yield Case(f"tar with {what}", packed, ("archive-name", "archive-link"))
    inner = zip_of(zip_forge.Entry(b"../a.txt"))
    yield Case("zip with traversal", member(inner, fields=b"a.zip\x00"), ("archive-name",))
    inner = zip_of(zip_forge.Entry(flags=1))
    yield Case("zip encrypted", member(inner, fields=b"a.zip\x00"), ("archive-encrypted",))


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield Sound("name", member(), (b"a.txt",))
    yield Sound("comment", member(flags=24, fields=b"a.txt\x00TRACE-1\x00"), (b"TRACE-1",))
    fields = b"a.txt\x00TRACE-2\x00"
    begun = member(flags=26, fields=fields)[: 10 + len(fields)]
    check = struct.pack("<H", zlib.crc32(begun) & 0xFFFF)
    yield Sound("header checksum", member(flags=26, fields=fields + check), (b"TRACE-2",))
    made = gzip.compress(tar.entry(owner=b"TRACE-3") + tar.END)
    yield Sound("tar without a name", made)
    stored = b"\x01" + struct.pack("<HH", len(TEXT), len(TEXT) ^ 0xFFFF) + TEXT
    yield Sound("stored block", member(packed=stored))
