"""PDF files made by hand: objects, a table, a trailer, and what may be wrong with each."""

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
