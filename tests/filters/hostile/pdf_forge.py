"""PDF files made by hand: objects, a table, a trailer, and what may be wrong with each."""

import re
import struct
import zlib

Objects = dict[int, bytes]
PAGE = (
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R"
    b"/Resources<</Font<</F1 5 0 R>>>>%s>>"
)
CONTENT = b"BT /F1 12 Tf 10 50 Td (Hello) Tj ET\n0.5 g 10 10 30 20 re f"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def stream(raw: bytes, entries: bytes = b"", packed: bool = False) -> bytes:
    body = zlib.compress(raw, 9) if packed else raw
    filtered = b"/Filter/FlateDecode" if packed else b""
    return b"<<%s%s/Length %d>>\nstream\n%s\nendstream" % (entries, filtered, len(body), body)


def good(page: bytes = b"", catalog: bytes = b"", content: bytes = CONTENT,
         more: Objects | None = None) -> Objects:  # fmt: skip
    """One page with text, some entries added and some objects more."""
    return {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: PAGE % page,
        4: stream(content),
        5: FONT,
    } | (more or {})


def pdf(objects: Objects | None = None, trailer: bytes = b"", header: bytes = b"%PDF-1.4\n",
        end: bytes = b"%%EOF\n", shift: int = 0) -> bytes:  # fmt: skip
    """The file. shift: how far the table's places are wrong."""
    given = good() if objects is None else objects
    out = bytearray(header)
    places = {}
    for number, body in sorted(given.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    size = max(given) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        known = number in places
        place = places[number] + shift if known else 0
        out += b"%010d %05d %s \n" % (place, 0 if known else 65535, b"n" if known else b"f")
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n" % (size, trailer, start)
    return bytes(out) + end


def updated(before: bytes, objects: Objects, root: bytes = b"1 0 R") -> bytes:
    """An incremental update: the same file, objects more, a second table."""
    out = bytearray(before)
    prior = int(before.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    lines = b""
    for number, body in sorted(objects.items()):
        lines += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    size = max(*objects, 5) + 1
    out += b"xref\n" + lines + b"trailer\n<</Size %d/Root %s/Prev %d>>\n" % (size, root, prior)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def with_packed(plain: Objects, streams: list[Objects], overlapping: bytes = b"") -> bytes:
    """A PDF with objects in streams of objects, and with a table in a stream (ISO 32000-2, 7.5.7).

    overlapping: objects whose streams all end where the last ends, written in the given order.
    """
    out, rows = bytearray(b"%PDF-1.5\n"), dict[int, tuple[int, int, int]]()
    top = max([*plain, *(number for held in streams for number in held)]) + 1

    def add(number: int, body: bytes) -> None:
        rows[number] = (1, len(out), 0)
        out.extend(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    for number, body in plain.items():
        add(number, body)
    for at, held in enumerate(streams):
        places, inner = b"", b""
        for place, (number, body) in enumerate(held.items()):
            rows[number] = (2, top + at, place)
            places, inner = places + b"%d %d " % (number, len(inner)), inner + body + b"\n"
        entries = b"/Type/ObjStm/N %d/First %d" % (len(held), len(places))
        add(top + at, stream(places + inner, entries, True))
    for match in re.finditer(rb"(\d+) 0 obj<<", overlapping):
        rows[int(match[1])] = (1, len(out) + match.start(), 0)
    out.extend(overlapping)
    last = max(rows) + 1
    rows[last] = (1, len(out), 0)
    table = b"".join(struct.pack(">BIH", *rows.get(n, (0, 0, 0))) for n in range(last + 1))
    entries = b"/Type/XRef/W[1 4 2]/Size %d/Root 1 0 R" % (last + 1)
    start = len(out)
    add(last, stream(table, entries, True))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def overlapping(count: int, entries: bytes, tail: bytes) -> bytes:
    """Streams from object 20 on, each of which holds all that follow it."""
    head = b"%d 0 obj<<%s/Length %9d>>stream\n"
    sizes = [len(head % (20 + at, entries, 0)) for at in range(count)]
    heads = b"".join(
        head % (20 + at, entries, sum(sizes[at + 1 :]) + len(tail)) for at in range(count)
    )
    return heads + tail + b"\nendstream\nendobj\n"
