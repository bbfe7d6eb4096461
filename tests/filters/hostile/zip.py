"""Hostile ZIP files, from the published literature, and sound ones with traces that must go.

Fifield's "A better zip bomb" (overlap), Cox's "Zip files all the way down" (quine, nesting), Gynvael
Coldwind's "Ten thousand traps", the parser differentials of Android's master key bug, path
traversal as "Zip Slip", and APPNOTE's own corners.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.zip_forge import TEXT, Entry, deflated, descriptor, extra, zip_of

PACKS = ("archive",)
STRUCTURE = ("archive-structure",)
NAME = ("archive-name",)
MIB = 1 << 20


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from _names()
    yield from _kinds()
    yield from _disagreements()
    yield from _layout()
    yield from _ends()
    yield from _extras()
    yield from _bombs()
    yield from _parts()


def _names() -> Iterator[Case]:
    bad = {
        "parent": b"../a.txt", "parent inside": b"b/../../a.txt", "absolute": b"/etc/a.txt",
        "backslash": b"..\\a.txt", "drive": b"C:/a.txt", "drive relative": b"C:a.txt",
        "unc": b"//host/share/a.txt", "unc backslash": b"\\\\host\\a.txt",
        "alternate stream": b"a.txt:b.txt", "dot": b"./a.txt", "double slash": b"b//a.txt",
        "empty": b"", "dot only": b".", "device": b"NUL.txt", "device in folder": b"b/com1.txt",
        "device and blank": b"nul .txt", "superscript device": "COM¹.txt".encode(), "trailing dot": b"b./a.txt",
        "trailing blank": b"a.txt ", "zero byte": b"a.txt\x00.exe", "line end": b"a\n.txt",
        "escape": b"\x1b[2Ja.txt", "right to left": "a\u202etxt.exe.txt".encode(),
        "zero width": "a\u200b.txt".encode(), "selectors": "a\U000e0141\U000e0162.txt".encode(),
        "emoji selector": "a\ufe0f.txt".encode(), "grapheme joiner": "a\u034f.txt".encode(),
        "filler": "a\u3164.txt".encode(), "Braille blank": "a\u2800.txt".encode(),
        "not utf-8": b"\xff\xfe.txt",
        "overlong slash": b"..\xc0\xafa.txt", "full-width slash": "..／a.txt".encode(),
        "two-dot leader": "‥/a.txt".encode(), "full-width dots": "．．/a.txt".encode(),
        "full-width backslash": "b＼a.txt".encode(), "full-width colon": "C：a.txt".encode(),
        "wildcard": b"*.txt", "pipe": b"a|b.txt", "private use": "\ue000.txt".encode(),
        "deep parent": b"b/c/d/../../../../a.txt", "surrogate": b"\xed\xa0\x80.txt",
    }  # fmt: skip
    for what, name in bad.items():
        yield Case(f"name {what}", zip_of(Entry(name, flags=0x800)), NAME)
    yield Case("name too long", zip_of(Entry(b"a" * 300 + b".txt")), ("name-too-long",))
    yield Case("name too deep", zip_of(Entry(b"b/" * 40 + b"a.txt")), ("too-deep",))
    doubles = {
        "same": (b"a.txt", b"a.txt"), "case": (b"a.txt", b"A.TXT"),
        "composition": ("é.txt".encode(), "e\u0301.txt".encode()),
        "compatibility": ("ﬁ.txt".encode(), b"fi.txt"), "sharp s": ("ß.txt".encode(), b"SS.txt"),
        "file and folder": (b"b", b"b/a.txt"), "folder case": (b"B", b"b/a.txt"),
    }  # fmt: skip
    for what, (one, other) in doubles.items():
        both = zip_of(Entry(one, flags=0x800), Entry(other, flags=0x800))
        yield Case(f"duplicate {what}", both, ("archive-duplicate",))
    yield Case(
        "duplicate folder and file", zip_of(Entry(b"b/", b""), Entry(b"b")), ("archive-duplicate",)
    )


def _kinds() -> Iterator[Case]:
    for what, mode in {
        "symbolic link": 0o120777, "device": 0o060644, "terminal": 0o020644, "pipe": 0o010644,
        "socket": 0o140644,
    }.items():  # fmt: skip
        yield Case(f"kind {what}", zip_of(Entry(attributes=mode << 16)), ("archive-link",))
    linked = Entry(attributes=0o120777 << 16, made=0x001E)
    yield Case("kind link said by DOS", zip_of(linked), ("archive-link",))
    yield Case("kind volume", zip_of(Entry(attributes=8)), ("archive-link",))
    yield Case("kind folder by attributes", zip_of(Entry(attributes=0o040755 << 16)), STRUCTURE)
    yield Case("kind DOS folder", zip_of(Entry(attributes=0x10)), STRUCTURE)
    yield Case("kind file by attributes", zip_of(Entry(b"b/", b"", attributes=0o100644 << 16)),
               STRUCTURE)  # fmt: skip
    yield Case("kind folder with contents", zip_of(Entry(b"b/")), STRUCTURE)


def _disagreements() -> Iterator[Case]:
    changes: dict[str, dict[str, Any]] = {
        "name": {"name": b"b.txt"}, "method": {"method": 8}, "flags": {"flags": 0x800},
        "time": {"time": 7}, "date": {"date": 7}, "checksum": {"crc": 7}, "size": {"size": 3},
        "packed size": {"packed": 3}, "hidden name": {"name": b"../../a.txt"},
    }  # fmt: skip
    for what, change in changes.items():
        yield Case(f"local {what}", zip_of(Entry(local=change)), STRUCTURE)
    both = {"crc": 7}
    yield Case("checksum wrong", zip_of(Entry(local=both, central=both)), ("archive-checksum",))
    sizes = {"size": 5}
    wrong = Entry(method=8, local=sizes, central=sizes)
    yield Case("size too small", zip_of(wrong), STRUCTURE)
    sizes = {"size": 500}
    wrong = Entry(method=8, local=sizes, central=sizes)
    yield Case("size too large", zip_of(wrong), STRUCTURE)
    yield Case("stored with two sizes", zip_of(Entry(local=sizes, central=sizes)), STRUCTURE)
    for flag in (0x01, 0x40, 0x2000):
        yield Case(f"encrypted {flag:#x}", zip_of(Entry(flags=flag)), ("archive-encrypted",))
    for flag in (0x10, 0x20, 0x80, 0x1000, 0x8000):
        yield Case(f"flag {flag:#x}", zip_of(Entry(flags=flag)), STRUCTURE)
    for method in (1, 6, 9, 10, 12, 14, 93, 95, 98, 99):
        entry = Entry(method=method, packed=TEXT)
        yield Case(f"method {method}", zip_of(entry), ("archive-method",))
    yield Case("needs a later version", zip_of(Entry(needed=63)), ("archive-method",))
    packed = deflated(TEXT)
    yield Case("data after deflate", zip_of(Entry(method=8, packed=packed + b"hidden")), STRUCTURE)
    yield Case("deflate cut short", zip_of(Entry(method=8, packed=packed[:-2])), STRUCTURE)
    yield Case("not deflate", zip_of(Entry(method=8, packed=b"\xff" * 9)), STRUCTURE)
    wrong_tail = descriptor(b"other words\n", TEXT)
    for what, tail in {
        "missing": b"", "wrong": wrong_tail, "signature": b"PK\x07\x09" + wrong_tail[4:],
        "long": wrong_tail + b"\x00", "hides data": wrong_tail + b"hidden" * 9,
    }.items():  # fmt: skip
        entry = Entry(flags=8, descriptor=tail)
        yield Case(f"descriptor {what}", zip_of(entry), STRUCTURE)


def _layout() -> Iterator[Case]:
    yield Case("prefix", zip_of(Entry(), prefix=b"#!/bin/sh\n"), ("type-unknown",))
    yield Case("prefix that begins as ZIP", zip_of(Entry(), prefix=b"PK\x03\x04" * 8), STRUCTURE)
    yield Case("image before", zip_of(Entry(), prefix=b"GIF89a" + bytes(99)), ("type-unknown",))
    yield Case("gap between", zip_of(Entry(), Entry(b"b.txt", before=b"hidden")), STRUCTURE)
    yield Case("gap after", zip_of(Entry(after=b"hidden")), STRUCTURE)
    yield Case("gap before the end", zip_of(Entry(), before_end=b"hidden"), STRUCTURE)
    yield Case("suffix", zip_of(Entry(), suffix=b"hidden"), ("trailing-data",))
    yield Case("second archive after", zip_of(Entry()) + zip_of(Entry(b"b.txt")), STRUCTURE)
    yield Case("entry that no line names", zip_of(Entry()) + _only_tail(), STRUCTURE)
    yield Case("same entry twice", zip_of(Entry(), twice=True), STRUCTURE)
    aimed = Entry(b"b.txt", central={"offset": 0})
    yield Case("two lines, one entry", zip_of(Entry(), aimed), STRUCTURE)
    inside = zip_of(Entry(b"b.txt"))
    yield Case("entry inside an entry", _overlapped(inside), STRUCTURE)
    yield Case("offset beyond the file", zip_of(Entry(central={"offset": 9 * MIB})), STRUCTURE)
    yield Case("line without its signature", zip_of(Entry(central={"sign": b"PK\x01\x03"})),
               STRUCTURE)  # fmt: skip
    yield Case("entry without its signature", zip_of(Entry(local={"sign": b"PK\x03\x05"})),
               ("type-unknown",))  # fmt: skip
    yield Case(
        "second without its signature",
        zip_of(Entry(), Entry(b"b.txt", local={"sign": b"PK\x03\x05"})),
        STRUCTURE,
    )
    yield Case("on another disk", zip_of(Entry(central={"disk": 1})), STRUCTURE)


def _only_tail() -> bytes:
    whole = zip_of(Entry(b"b.txt"))
    return whole[whole.rfind(b"PK\x01\x02") :]


def _overlapped(inside: bytes) -> bytes:
    """The quoted overlap: a second line names an entry that stands in the contents of the first."""
    inner = inside[: inside.rfind(b"PK\x01\x02")]
    first = Entry(contents=inner)
    ghost = Entry(b"b.txt", central={"offset": 30 + len(first.name)})
    return zip_of(first, ghost)


def _ends() -> Iterator[Case]:
    for what, end in {
        "disk": {"disk": 1}, "first disk": {"first": 1}, "count here": {"here": 2},
        "count": {"here": 2, "count": 2}, "count none": {"here": 0, "count": 0},
        "size": {"size": 7}, "start": {"start": 7}, "start far": {"start": 0xFFFFFFF0},
    }.items():  # fmt: skip
        yield Case(f"end {what}", zip_of(Entry(), end=end), STRUCTURE)
    yield Case("end missing", zip_of(Entry())[:-22], STRUCTURE)
    yield Case("end cut", zip_of(Entry())[:-1], STRUCTURE)
    yield Case("comment too long", zip_of(Entry(), comment=b"c" * 5000), ("text-too-long",))
    inner = zip_of(Entry(b"b.txt"))
    yield Case("comment is an archive", zip_of(Entry(), comment=inner), STRUCTURE)
    yield Case("comment shorter than it says", zip_of(Entry(), end={"comment": 9}),
               ("trailing-data",))  # fmt: skip
    yield Case("entry comment is an archive", zip_of(Entry(comment=b"PK\x05\x06")), STRUCTURE)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    yield Case("locator without record", zip_of(Entry(), before_end=locator), STRUCTURE)
    for what, record in _records().items():
        yield Case(f"zip64 {what}", record, STRUCTURE)


def _records() -> dict[str, bytes]:
    """Zip64 end records that disagree."""
    plain = zip_of(Entry())
    start = plain.rfind(b"PK\x01\x02")
    size = len(plain) - 22 - start

    def with_record(**wrong: int) -> bytes:
        told = {"count": 1, "here": 1, "size": size, "start": start, "length": 44, "at": start + size,
                "disk": 0, **wrong}  # fmt: skip
        record = struct.pack(
            "<4sQHHIIQQQQ", b"PK\x06\x06", told["length"], 45, 45, told["disk"], 0, told["here"],
            told["count"], told["size"], told["start"],
        )  # fmt: skip
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, told["at"], 1)
        return zip_of(Entry(), before_end=record + locator)

    return {
        "other count": with_record(count=2, here=2), "other start": with_record(start=0),
        "other size": with_record(size=1), "record elsewhere": with_record(at=3),
        "record with more": with_record(length=60), "disk": with_record(disk=1),
    }  # fmt: skip


def _extras() -> Iterator[Case]:
    more = ("archive-extra-field",)
    for what, raw, reasons in (
        ("unknown", extra(0xBEEF, b"hidden"), more),
        ("not tiling", extra(0x5455, b"")[:-1], more),
        ("longer than the block", struct.pack("<HH", 0x5455, 99), more),
        ("twice", extra(0xCAFE, b"") * 2, more),
        ("times too long", extra(0x5455, b"h" * 99), more),
        ("room to grow that hides", extra(0xA220, b"\x28\xa0\x00\x00hidden"), more),
        ("room to grow without its mark", extra(0xA220, bytes(40)), more),
        ("padding that hides", extra(0xD935, b"\x00\x00hidden"), more),
        ("acl", extra(0x4C41, b"hidden"), more),
        ("security descriptor", extra(0x4453, b"hidden"), more),
        ("Unix with a link's target", extra(0x756E, bytes(14) + b"target"), more),
        ("certificate", extra(0x0014, b"h"), ("archive-encrypted",)),
        ("AES", extra(0x9901, b"\x02\x00AE\x03\x08\x00"), ("archive-encrypted",)),
        ("strong encryption", extra(0x0017, bytes(8)), ("archive-encrypted",)),
        ("other path", _path(b"b.txt", b"a.txt"), NAME),
        ("traversing path", _path(b"../../b.txt", b"a.txt"), NAME),
        ("path with a stale checksum", _path(b"a.txt", b"z.txt"), NAME),
        ("path of version 2", extra(0x7075, b"\x02\x00\x00\x00\x00"), more),
        ("zip64 that disagrees", extra(1, struct.pack("<QQ", 7, 7)), STRUCTURE),
        ("zip64 of odd length", extra(1, b"123"), more),
    ):
        yield Case(f"extra {what}", zip_of(Entry(central_extra=raw)), reasons)
        yield Case(f"local extra {what}", zip_of(Entry(extra=raw)), reasons)


def _path(path: bytes, name: bytes) -> bytes:
    return extra(0x7075, b"\x01" + struct.pack("<I", zlib.crc32(name)) + path)


def _bombs() -> Iterator[Case]:
    size = ("size-out-of-bounds",)
    ratio = ("archive-ratio", *size)
    zeros = bytes(7 * MIB)
    yield Case("bomb dense", zip_of(Entry(contents=zeros, method=8)), ratio)
    yield Case("bomb one large", zip_of(Entry(contents=bytes(64 * MIB), method=8)), size)
    lying = {"size": 1000}
    bomb = Entry(contents=zeros, method=8, local=lying, central=lying)
    yield Case("bomb that lies about its size", zip_of(bomb), STRUCTURE)
    huge = {"size": 0xFFFFFFFE}
    bomb = Entry(contents=TEXT, method=8, local=huge, central=huge)
    yield Case("bomb by header", zip_of(bomb), size)
    packed = deflated(bytes(100_000))
    many = [Entry(b"%d.txt" % n, bytes(100_000), 8, packed=packed) for n in range(900)]
    yield Case("bomb of many", zip_of(*many), ratio)
    yield Case("too many entries", zip_of(*[Entry(b"%d.txt" % n) for n in range(1200)]),
               ("too-many-elements",))  # fmt: skip
    yield Case("too many by header", zip_of(Entry(), end={"here": 65535, "count": 65535}),
               (*STRUCTURE, "too-many-elements"))  # fmt: skip
    yield Case("bomb of overlaps", _fifield(), STRUCTURE)
    nested = zip_of(Entry())
    for _ in range(6):
        nested = zip_of(Entry(b"a.zip", nested))
    yield Case("bomb nested deep", nested, ("too-deep",))
    layer = zip_of(Entry(b"a.txt", bytes(4 * MIB), 8))
    for _ in range(2):
        layer = zip_of(*[Entry(b"%d.zip" % n, layer, 8) for n in range(16)])
    yield Case("bomb as 42.zip", layer, ratio)
    yield Case("quine", _quine(), ("too-deep", *STRUCTURE))


def _fifield() -> bytes:
    """Many lines that share one kernel of compressed data."""
    kernel = Entry(contents=bytes(60_000), method=8)
    others = [Entry(b"%d.txt" % n, b"", central={"offset": 0}) for n in range(300)]
    return zip_of(kernel, *others)


def _quine() -> bytes:
    """An archive that holds an archive that holds an archive …: as deep as anyone looks."""
    inner = zip_of(Entry())
    for _ in range(40):
        inner = zip_of(Entry(b"r.zip", inner, 8))
    return inner


def _parts() -> Iterator[Case]:
    no = ("type-not-allowed",)
    yield Case("part of unknown type", zip_of(Entry(b"a.exe", b"MZ")), no)
    yield Case("part without extension", zip_of(Entry(b"a")), no)
    yield Case("part that hides its extension", zip_of(Entry(b".txt")), no)
    yield Case("part that is not an archive", zip_of(Entry(b"a.zip")), no)
    yield Case("part of another kind", zip_of(Entry(b"a.tar", zip_of(Entry()))), no)
    elf = b"\x7fELF\x02\x01\x01" + bytes(60)
    wrong = ("character-not-allowed", "type-not-allowed", "encoding-not-utf8", "type-unknown")
    yield Case("program called text", zip_of(Entry(contents=elf)), wrong)
    yield Case("archive called text", zip_of(Entry(contents=zip_of(Entry()))), wrong)
    hidden = zip_of(Entry(b"b.zip", zip_of(Entry(b"../a.txt"))))
    yield Case("traversal inside", hidden, NAME)
    yield Case("link inside", zip_of(Entry(b"b.zip", zip_of(Entry(attributes=0o120777 << 16)))),
               ("archive-link",))  # fmt: skip
    yield Case("encrypted inside", zip_of(Entry(b"b.zip", zip_of(Entry(flags=1)))),
               ("archive-encrypted",))  # fmt: skip
    yield Case("legacy office", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000),
               ("office-legacy",))  # fmt: skip
    yield Case("declared as something else", zip_of(Entry()), no, type="application/x-tar")


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    marks = tuple(b"TRACE-%d" % n for n in range(4))
    entries = (
        Entry(b"b/a.txt", TEXT * 9, 8, comment=marks[0], attributes=0o100755 << 16),
        Entry(b"b/", b"", attributes=0o040755 << 16),
        Entry(b"A.txt", extra=extra(0x5455, b"\x01" + marks[1][:4]),
              central_extra=extra(0x7875, marks[2])),
    )  # fmt: skip
    made = zip_of(*entries, comment=marks[3])
    yield Sound("comments and extra fields", made, (marks[0], marks[2], marks[3]))
    packed = deflated(TEXT)
    for sign in (True, False):
        for wide in (True, False):
            tail = descriptor(TEXT, packed, sign=sign, wide=wide)
            entry = Entry(
                flags=8, method=8, descriptor=tail, local={"crc": 0, "size": 0, "packed": 0}
            )
            yield Sound(f"descriptor, signed {sign}, wide {wide}", zip_of(entry))
    yield Sound("no entries", zip_of())
    left = (Entry(b"__MACOSX/._a.txt", b"TRACE-MAC"), Entry(b".DS_Store", b"TRACE-STORE"),
            Entry(b"b/Thumbs.db", b"TRACE-DB"))  # fmt: skip
    yield Sound("what desktops leave", zip_of(Entry(), *left),
                (b"TRACE-MAC", b"TRACE-STORE", b"TRACE-DB"))  # fmt: skip
    yield Sound("archive in archive", zip_of(Entry(b"a.zip", zip_of(Entry(comment=b"GONE"))),
                                             Entry(b"b.txt")), (b"GONE",))  # fmt: skip
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("Ünïcode.txt", "w", force_zip64=True) as member:
            member.write(TEXT)
        file.writestr("c/d/e.txt", TEXT)
        file.comment = b"GONE"
    yield Sound("zip64 from Python", stream.getvalue(), (b"GONE",))
    yield Sound("names not composed", zip_of(Entry("e\u0301.txt".encode(), flags=0x800)),
                ("e\u0301".encode(),))  # fmt: skip
