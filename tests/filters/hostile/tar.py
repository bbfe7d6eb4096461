"""Hostile TAR files, from the published literature, and sound ones with traces that must go.

Links and traversal as in CVE-2007-4559 and CVE-2001-1267, links through links, sparse files, GNU
and pax headers that contradict (as in the parser differential of CVE-2021-32803), devices.
"""

import io
import tarfile
from collections.abc import Iterator
from typing import Any

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.zip_forge import TEXT

PACKS = ("archive",)
STRUCTURE = ("archive-structure",)
NAME = ("archive-name",)
LINK = ("archive-link",)
MORE = ("archive-extra-field",)
END = bytes(1024)
MIB = 1 << 20


def header(
    name: bytes = b"a.txt", length: int = len(TEXT), kind: bytes = b"0", **wrong: Any
) -> bytes:
    """One ustar header with its checksum; `wrong` overrides fields by name."""
    told: dict[str, bytes] = {
        "mode": b"0000644\x00", "uid": b"0000000\x00", "gid": b"0000000\x00",
        "size": b"%011o\x00" % length, "mtime": b"00000000000\x00", "link": bytes(100),
        "magic": b"ustar\x0000", "owner": bytes(64), "device": b"0000000\x000000000\x00",
        "prefix": bytes(155), "rest": bytes(12), "sum": b"", **wrong,
    }  # fmt: skip
    before = name.ljust(100, b"\x00") + told["mode"] + told["uid"] + told["gid"]
    before += told["size"] + told["mtime"]
    after = kind + told["link"].ljust(100, b"\x00") + told["magic"]
    after += told["owner"].ljust(64, b"\x00") + told["device"]
    after += told["prefix"].ljust(155, b"\x00") + told["rest"]
    total = sum(before) + sum(after) + 8 * 32
    return before + (told["sum"] or b"%06o\x00 " % total) + after


def padded(contents: bytes) -> bytes:
    """Contents, filled up to whole blocks."""
    return contents + bytes(-len(contents) % 512)


def entry(
    name: bytes = b"a.txt", contents: bytes = TEXT, kind: bytes = b"0", **wrong: Any
) -> bytes:
    """A header and its contents."""
    return header(name, len(contents), kind, **wrong) + padded(contents)


def pax(*pairs: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    body = b""
    for key, value in pairs:
        rest = b" " + key + b"=" + value + b"\n"
        size = len(rest)
        while len(str(size)) + len(rest) != size:
            size = len(str(size)) + len(rest)
        body += str(size).encode() + rest
    return entry(b"pax", body, kind)


def gnu(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU's header of a long name."""
    return entry(b"././@LongLink", name, kind, magic=b"ustar  \x00")


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from _names()
    yield from _kinds()
    yield from _headers()
    yield from _extended()
    yield from _layout()
    yield from _bombs()


def _names() -> Iterator[Case]:
    for what, name in {
        "parent": b"../a.txt", "absolute": b"/etc/a.txt", "inside": b"b/../../a.txt",
        "backslash": b"..\\a.txt", "drive": b"C:/a.txt", "dot inside": b"b/./a.txt",
        "double slash": b"b//a.txt", "device": b"aux.txt", "not utf-8": b"\xff.txt",
        "escape": b"\x1b[2Ja.txt", "right to left": "a\u202etxt.txt".encode(), "empty": b"",
        "dot slash twice": b"././a.txt", "dot slash parent": b"./../a.txt", "blank": b"a.txt ",
        "stream": b"a.txt:b.txt",
    }.items():  # fmt: skip
        yield Case(f"name {what}", entry(name) + END, NAME)
        yield Case(f"pax name {what}", pax((b"path", name)) + entry() + END, NAME)
        yield Case(f"long name {what}", gnu(name + b"\x00") + entry() + END, NAME)
    yield Case("name by prefix", entry(b"a.txt", prefix=b"..") + END, NAME)
    yield Case("name absolute by prefix", entry(b"a.txt", prefix=b"/etc") + END, NAME)
    yield Case("name behind its end", entry(b"a.txt\x00hidden") + END, STRUCTURE)
    yield Case("duplicate", entry() + entry() + END, ("archive-duplicate",))
    yield Case("duplicate by case", entry() + entry(b"A.TXT") + END, ("archive-duplicate",))
    yield Case("duplicate by dot slash", entry() + entry(b"./a.txt") + END, ("archive-duplicate",))
    yield Case("file and folder", entry(b"b") + entry(b"b/a.txt") + END, ("archive-duplicate",))
    yield Case("root is absolute", header(b"/", 0, b"5") + END, NAME)


def _kinds() -> Iterator[Case]:
    for what, kind in {
        "hard link": b"1", "symbolic link": b"2", "character device": b"3", "block device": b"4",
        "pipe": b"6", "contiguous": b"7", "sparse": b"S", "volume": b"V", "multivolume": b"M",
        "dump folder": b"D", "old long name": b"N", "solaris": b"X", "acl": b"A", "odd": b"\xff",
    }.items():  # fmt: skip
        yield Case(f"kind {what}", header(b"a.txt", 0, kind, link=b"/etc/passwd") + END, LINK)
    yield Case("kind long link", gnu(b"/etc/passwd\x00", b"K") + entry() + END, LINK)
    yield Case("kind file with a target", entry(link=b"/etc/passwd") + END, LINK)
    link = header(b"b", 0, b"2", link=b"..")
    yield Case("kind link and file through it", link + entry(b"b/a.txt") + END, LINK)
    yield Case("folder with contents", entry(b"b/", kind=b"5") + END, STRUCTURE)
    yield Case("file called as a folder", entry(b"b/") + END, STRUCTURE)


def _headers() -> Iterator[Case]:
    yield Case("checksum", entry(sum=b"000000\x00 ") + END, ("archive-checksum",))
    yield Case(
        "signed checksum", entry(b"\xe9.txt", sum=b"%06o\x00 " % 4000) + END, ("archive-checksum",)
    )
    for what, wrong in {
        "old magic": {"magic": b"\x00" * 8}, "other magic": {"magic": b"ustar\x0099"},
        "mode": {"mode": b"hidden!\x00"}, "owner id": {"uid": b"99999999"},
        "size not octal": {"size": b"0000000000z\x00"}, "size negative": {"size": b"-0000000001\x00"},
        "size in base 256": {"size": b"\x80" + bytes(10) + b"\x0c"}, "rest": {"rest": b"hidden" * 2},
        "owner behind its end": {"owner": b"root\x00hidden"}, "device": {"device": b"hidden!\x00" * 2},
        "prefix behind its end": {"prefix": b"b\x00hidden"}, "time": {"mtime": b"yesterday!!\x00"},
    }.items():  # fmt: skip
        reasons = ("type-unknown",) if what == "old magic" else STRUCTURE
        yield Case(f"header {what}", entry(**wrong) + END, reasons)
    yield Case("second header old", entry() + entry(b"b.txt", magic=bytes(8)) + END, STRUCTURE)
    tail = entry(magic=b"ustar  \x00", prefix=bytes(41) + b"1" * 12) + END
    yield Case("GNU header with a sparse map", tail, STRUCTURE)


def _extended() -> Iterator[Case]:
    for what, pairs, reasons in (
        ("link", ((b"linkpath", b"/etc/passwd"),), LINK),
        ("sparse", ((b"GNU.sparse.major", b"1"),), LINK),
        ("sparse map", ((b"GNU.sparse.map", b"0,1"),), LINK),
        ("sparse name", ((b"GNU.sparse.name", b"../a.txt"),), LINK),
        ("size", ((b"size", b"3"),), STRUCTURE),
        ("size negative", ((b"size", b"-3"),), MORE),
        ("charset", ((b"hdrcharset", b"BINARY"),), MORE),
        ("unknown", ((b"hidden", b"words"),), MORE),
        ("vendor", ((b"EVIL.key", b"words"),), MORE),
        ("twice", ((b"path", b"a.txt"), (b"path", b"b.txt")), STRUCTURE),
        ("zero in name", ((b"path", b"a.txt\x00.exe"),), NAME),
    ):
        yield Case(f"pax {what}", pax(*pairs) + entry() + END, reasons)
    for what, body in {
        "length zero": b"0 path=a\n", "length short": b"5 path=a.txt\n", "length long": b"99 path=a\n",
        "no line end": b"11 path=a.t", "no equals sign": b"10 path a\n", "rest": b"9 uid=12\nhidden",
        "length with sign": b"+9 uid=12\n", "zero key": b"9 =aaaa12\n",
    }.items():  # fmt: skip
        yield Case(f"pax record {what}", entry(b"p", body, b"x") + entry() + END, STRUCTURE)
    yield Case("pax global path", pax((b"path", b"b.txt"), kind=b"g") + entry() + END, MORE)
    yield Case("pax global unknown", pax((b"mtime", b"1"), kind=b"g") + entry() + END, MORE)
    yield Case("pax header twice", pax((b"uid", b"1")) * 2 + entry() + END, STRUCTURE)
    yield Case("pax without entry", pax((b"uid", b"1")) + END, STRUCTURE)
    yield Case("pax too large", pax((b"comment", b"c" * 70_000)) + entry() + END,
               ("size-out-of-bounds",))  # fmt: skip
    yield Case("long name twice", gnu(b"a.txt\x00") * 2 + entry() + END, STRUCTURE)
    yield Case("long name without end", gnu(b"a.txt") + entry() + END, STRUCTURE)
    yield Case("long name with zero", gnu(b"a.txt\x00b\x00") + entry() + END, NAME)
    both = gnu(b"a.txt\x00") + pax((b"path", b"b.txt")) + entry() + END
    yield Case("long name and pax name", both, MORE)
    yield Case("long name of another form", entry(b"@", b"a\x00", b"L") + entry() + END, LINK)


def _layout() -> Iterator[Case]:
    yield Case("zeros alone", END * 9, ("type-unknown",))
    yield Case("no end", entry(), STRUCTURE)
    yield Case("one block at the end", entry() + bytes(512), STRUCTURE)
    yield Case("many blocks at the end", entry() + bytes(64 * 1024), STRUCTURE)
    yield Case("half a block", entry() + END + bytes(100), STRUCTURE)
    yield Case("data after the end", entry() + END + b"hidden".ljust(512, b"\x00"),
               ("trailing-data",))  # fmt: skip
    yield Case("second archive", entry() + END + entry(b"b.txt") + END, ("trailing-data",))
    yield Case("slack", header() + TEXT + b"hidden".ljust(500, b"\x00") + END, STRUCTURE)
    yield Case("cut short", entry(contents=TEXT * 99)[:1024], STRUCTURE)
    yield Case("size beyond the file", header(length=1 << 30) + padded(TEXT) + END, STRUCTURE)
    yield Case("gap of one block", entry() + bytes(512) + entry(b"b.txt") + END, ("trailing-data",))


def _bombs() -> Iterator[Case]:
    many = b"".join(entry(b"%d.txt" % n, b"") for n in range(1200))
    yield Case("too many", many + END, ("too-many-elements",))
    heads = b"".join(pax((b"uid", b"1")) + entry(b"%d.txt" % n) for n in range(600))
    yield Case("too many headers", heads + END, ("too-many-elements",))
    yield Case("one too large", entry(contents=bytes(9 * MIB)) + END, ("size-out-of-bounds",))
    sparse = header(b"a.txt", 0, b"S", magic=b"ustar  \x00", prefix=bytes(41) + b"7" * 24)
    yield Case("sparse bomb", sparse + END, LINK)
    nested = entry() + END
    for _ in range(6):
        nested = entry(b"a.tar", nested) + END
    yield Case("nested deep", nested, ("too-deep",))


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    for name, form in {"ustar": 0, "gnu": 1, "pax": 2}.items():
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as file:
            for path in ("a.txt", "b/" * 4 + "c.txt"):
                member = tarfile.TarInfo(path)
                member.size, member.uname, member.mtime = len(TEXT), "TRACEOWNER", 1_700_000_000
                file.addfile(member, io.BytesIO(TEXT))
        yield Sound(f"Python {name}", stream.getvalue(), (b"TRACEOWNER",))
    long = b"b" * 90 + b"/" + b"c" * 60 + b".txt"
    yield Sound("GNU long name", gnu(long + b"\x00") + entry(b"cut.txt") + END, (b"cut.txt",))
    yield Sound("pax long name and comment",
                pax((b"path", long), (b"comment", b"TRACE-1"), (b"mtime", b"1.5")) + entry() + END,
                (b"TRACE-1", b"mtime"))  # fmt: skip
    told = pax((b"comment", b"TRACE-2"), kind=b"g") + entry() + END
    yield Sound("global comment", told, (b"TRACE-2",))
    yield Sound(
        "folders", header(b"./", 0, b"5") + header(b"./b/", 0, b"5") + entry(b"./b/a.txt") + END
    )
