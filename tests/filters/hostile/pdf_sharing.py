"""Small PDFs in which much is shared, held by one another or named many times."""

import struct
from collections.abc import Iterator

from tests.filters.hostile.cases import Case
from tests.filters.hostile.pdf_forge import good, overlapping, pdf, with_packed

DEAR = ("effort-out-of-bounds", "size-out-of-bounds", "picture-compression", "syntax",
        "too-many-elements", "too-many-frames", "pdf-layers")  # fmt: skip


def bombs() -> Iterator[Case]:
    """What is shared by many, holds many others, or is held many times."""
    shared = range(20, 520)
    empty = b"<<%s/Length 0>>stream\n\nendstream"
    for name, entries, body in (
        ("filters", b"/Filter 6 0 R", b"[" + b"/X " * 190_000 + b"]"),
        ("parameters", b"/Filter[/AHx/RL]/DecodeParms 6 0 R", b"[" + b"0 " * 190_000 + b"]"),
        ("a width", b"/Subtype/Image/Width 6 0 R", b"9" * 1_000_000 + b".5"),
    ):
        more = dict.fromkeys(shared, empty % entries)
        yield Case(f"bomb: {name} of many", with_packed(good(more=more), [{6: body}]), DEAR)
    for name, each in (("a state", b"<</ViewState 6 0 R/Type/OCMD/P 6 0 R>>"), ("a list", b"")):
        long = b"[" + (b"/A " if each else b"0 ") * 190_000 + b"]"
        streams = [{6: long}, *({at: each or long} for at in range(20, 99))]
        yield Case(f"bomb: {name} many times", with_packed(good(), streams), DEAR)
    for name, page, at in (
        ("a turn", b"/Rotate 6 0 R", 6),
        ("a list", b"/CropBox[0 0 9 6 0 R]", 6),
    ):
        digits = {at: b"9" * 900_000 + b".5"}
        yield Case(f"bomb: digits of {name}", with_packed(good(page), [digits]), DEAR)
    for name, plain, packed in (
        ("LZW", b"<</Filter/LZWDecode/Length 0>>stream\n\nendstream", b"null"),
        ("LZW by codes", b"<</Filter/#4cZ#57Decode/Length 0>>stream\n\nendstream", b"null"),
        ("LZW named elsewhere", b"<</Filter 6 0 R/Length 0>>stream\n\nendstream", b"/LZWDecode"),
    ):
        held = with_packed(good(more={20: plain}), [{6: packed}])
        yield Case(f"{name} beside packed objects", held, ("picture-compression",))
    used = {1: b"<</Type/Catalog/Pages 2 0 R/OCProperties<</D<</AS 6 0 R>>>>>>"}
    lists = {6: b"[" + b"<</Category 7 0 R>>" * 3_000 + b"]", 7: b"[" + b"/A " * 99_000 + b"]"}
    yield Case("bomb: layers by use", with_packed(good(more=used), [lists]), DEAR)
    kids = {2: b"<</Type/Pages/Count 1/Kids[%s]>>" % (b"3 0 R " * 90_000)}
    yield Case("bomb: a page 90,000 times", with_packed(good(), [kids]), DEAR)
    for name, entries, tail in (("run lengths", b"/Filter/RL", b"\x80"), ("codes", b"", b"<")):
        held = overlapping(900, entries, tail * 150_000)
        yield Case(f"bomb: overlapping {name}", with_packed(good(), [], held), DEAR)
    inner = b"\0" + struct.pack("<HH", 9, 9 ^ 0xFFFF) + b"stream\n\x78\x01"
    nothing = b"\x02\x08\x20\x80\x00" * 40_000  # blocks that hold nothing
    head = b"%PDF-1.4\n% stream\n\x78\x01" + inner * 5_000 + nothing + b"\n"
    yield Case("bomb: deflated in deflated", pdf(good(), header=head), DEAR)
