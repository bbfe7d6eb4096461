"""TAK messages made to confuse a reader of protocol buffers, or to bring XML past a check."""

import struct
from collections.abc import Iterator

from tests.filters.hostile.cases import Case

PACKS = ("tak",)
TIME_MS = 1_780_000_000_000


def varint(value: int) -> bytes:
    """The shortest varint."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def number(field: int, value: int) -> bytes:
    """A field of wire type 0."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field of wire type 1."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def text(field: int, value: str | bytes) -> bytes:
    """A field of wire type 2."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def event(detail: bytes | None = None, more: bytes = b"", without: int = 0) -> bytes:
    """A CotEvent. without: a field that is left out."""
    fields = {
        1: text(1, "a-f-G-U-C"),
        5: text(5, "ANDROID-1"),
        6: number(6, TIME_MS),
        7: number(7, TIME_MS),
        8: number(8, TIME_MS + 300_000),
        9: text(9, "m-g"),
        10: double(10, 48.25),
        11: double(11, -11.5),
        12: double(12, 519.0),
        13: double(13, 9.9),
        14: double(14, 9999999.0),
    }
    fields.pop(without, None)
    inner = b"" if detail is None else text(15, detail)
    return b"".join(fields.values()) + inner + more


def mesh(*fields: bytes) -> bytes:
    """A message in the mesh form."""
    return b"\xbf\x01\xbf" + b"".join(fields)


def stream(*fields: bytes) -> bytes:
    """A message in the stream form."""
    body = b"".join(fields)
    return b"\xbf" + varint(len(body)) + body


def xml(inside: str) -> bytes:
    """A message whose detail is this XML."""
    return mesh(text(2, event(text(1, inside))))


_XML = {
    "leaves-its-element": ("</detail><detail>", ("trailing-data",)),
    "leaves-the-event": ("</detail></event><event>", ("trailing-data", "syntax")),
    "open": ("<remarks>", ("syntax",)),
    "doctype": ("<!DOCTYPE a [<!ENTITY x 'y'>]>", ("xml-doctype", "syntax")),
    "entity": ("<remarks>&x;</remarks>", ("xml-entity",)),
    "instruction": ("<?php x?>", ("xml-processing-instruction",)),
    "declaration": ("<?xml version='1.0'?>", ("xml-processing-instruction", "syntax")),
    "include": ("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude'/>", ("xml-xinclude",)),
    "namespace": ("<a xmlns='urn:x'/>", ("xml-namespace",)),
    "control": ("<remarks>\x1b[0m</remarks>", ("character-not-allowed",)),
    "nul": ("<remarks>\x00</remarks>", ("character-not-allowed",)),
    "reference": ("<remarks>&#0;</remarks>", ("character-not-allowed",)),
    "unknown": ("<implant/>", ("model-unknown-name",)),
    "unknown-attribute": ("<contact secret='1'/>", ("model-unknown-name",)),
    "deep": ("<a>" * 20 + "</a>" * 20, ("too-deep",)),
    "many": ("<archive/>" * 600, ("too-many-elements",)),
    "same-attribute": ("<contact callsign='a' callsign='b'/>", ("xml-duplicate-attribute",)),
    "stray-text": ("words", ("model-unknown-name",)),
    "cdata-open": ("<![CDATA[", ("syntax",)),
    "comment-open": ("<!--", ("syntax",)),
    "long": ("<remarks>" + "x" * 40_000 + "</remarks>", ("text-too-long",)),
}
_FRAMES = {
    "empty-mesh": (b"\xbf\x01\xbf", ("model-shape",)),
    "no-frame": (text(2, event()), ("type-unknown",)),
    "version-0": (b"\xbf\x00\xbf" + text(2, event()), ("trailing-data",)),
    "version-2": (b"\xbf\x02\xbf" + text(2, event()), ("trailing-data",)),
    "stream-short": (b"\xbf\x7f" + text(2, event())[:50], ("syntax",)),
    "stream-trailing": (stream(text(2, event())) + b"x", ("trailing-data",)),
    "two-messages": (stream(text(2, event())) * 2, ("trailing-data",)),
    "mesh-trailing": (mesh(text(2, event())) + b"\x00", ("model-unknown-name", "syntax")),
    "length-not-shortest": (b"\xbf\x80\x00", ("syntax",)),
    "length-huge": (b"\xbf" + b"\xff" * 9 + b"\x01", ("syntax",)),
    "length-endless": (b"\xbf" + b"\xff" * 30, ("syntax",)),
    "length-cut": (b"\xbf\xff", ("syntax",)),
    "xml": (b"<?xml version='1.0'?><event/>", ("type-unknown",)),
    "json": (b'{"type": "a-f-G"}', ("type-unknown",)),
    "large": (mesh(text(2, event(text(1, "x" * 80_000)))), ("size-out-of-bounds",)),
}
_FIELDS = {
    "unknown-top": (mesh(text(2, event()), text(9, "x")), ("model-unknown-name",)),
    "unknown-event": (mesh(text(2, event(more=text(18, "x")))), ("model-unknown-name",)),
    "unknown-detail": (mesh(text(2, event(text(8, "x")))), ("model-unknown-name",)),
    "unknown-contact": (mesh(text(2, event(text(2, text(3, "x"))))), ("model-unknown-name",)),
    "field-zero": (mesh(text(2, event()), b"\x00\x01"), ("model-unknown-name",)),
    "field-huge": (mesh(text(2, event()), varint(1 << 60)), ("model-unknown-name",)),
    "event-twice": (mesh(text(2, event()), text(2, event())), ("model-shape",)),
    "uid-twice": (mesh(text(2, event(more=text(5, "other")))), ("model-shape",)),
    "lat-twice": (mesh(text(2, event(more=double(10, 0.0)))), ("model-shape",)),
    "detail-twice": (mesh(text(2, event(b"", more=text(15, b"")))), ("model-shape",)),
    "group-wire": (mesh(text(2, event(more=varint(1 << 3 | 3)))), ("model-shape",)),
    "end-group-wire": (mesh(text(2, event(without=1, more=varint(1 << 3 | 4)))), ("model-shape",)),
    "wire-32": (
        mesh(text(2, event(without=10, more=varint(10 << 3 | 5) + b"0000"))),
        ("model-shape",),
    ),
    "wire-7": (mesh(text(2, event(without=1, more=varint(1 << 3 | 7)))), ("model-shape",)),
    "text-as-number": (mesh(text(2, event(without=1, more=number(1, 7)))), ("model-shape",)),
    "number-as-text": (mesh(text(2, event(without=6, more=text(6, "x")))), ("model-shape",)),
    "length-beyond": (mesh(b"\x12\x7f" + event()[:20]), ("syntax",)),
    "inner-length-beyond": (mesh(text(2, event(more=b"\x12\x7fx"))), ("syntax",)),
    "double-cut": (mesh(text(2, event(without=14, more=b"\x71\x00\x00"))), ("syntax",)),
    "key-cut": (mesh(text(2, event(more=b"\x92"))), ("syntax",)),
    "key-not-shortest": (mesh(text(2, event(without=1, more=b"\x8a\x00\x01a"))), ("syntax",)),
    "value-not-shortest": (mesh(text(2, event(without=6, more=b"\x30\x81\x00"))), ("syntax",)),
    "value-over-64": (
        mesh(text(2, event(without=6, more=b"\x30" + b"\xff" * 9 + b"\x7f"))),
        ("syntax",),
    ),
    "nan": (mesh(text(2, event(without=10, more=double(10, float("nan"))))), ("model-shape",)),
    "infinity": (mesh(text(2, event(without=12, more=double(12, float("inf"))))), ("model-shape",)),
    "not-utf-8": (
        mesh(text(2, event(without=5, more=text(5, b"\xff\xfe")))),
        ("encoding-not-utf8",),
    ),
    "overlong": (
        mesh(text(2, event(without=5, more=text(5, b"\xc0\xaf")))),
        ("encoding-not-utf8",),
    ),
    "nul-in-uid": (
        mesh(text(2, event(without=5, more=text(5, "a\x00b")))),
        ("character-not-allowed",),
    ),
    "time-far": (mesh(text(2, event(without=8, more=number(8, 1 << 63)))), ("model-shape",)),
    "latitude": (mesh(text(2, event(without=10, more=double(10, 91.0)))), ("schema-invalid",)),
    "longitude": (mesh(text(2, event(without=11, more=double(11, 1e9)))), ("schema-invalid",)),
    "tiny": (mesh(text(2, event(without=10, more=double(10, 5e-324)))), ("schema-invalid",)),
    "no-event": (mesh(number(3, TIME_MS)), ("model-shape",)),
    "no-type": (mesh(text(2, event(without=1))), ("model-shape",)),
    "no-uid": (mesh(text(2, event(without=5))), ("model-shape",)),
    "no-how": (mesh(text(2, event(without=9))), ("model-shape",)),
    "type-with-blank": (mesh(text(2, event(without=1, more=text(1, "a f")))), ("schema-invalid",)),
    "contact-twice": (
        mesh(text(2, event(text(1, "<contact callsign='a'/>") + text(2, text(2, "b"))))),
        ("model-shape",),
    ),
    "bidi-in-callsign": (mesh(text(2, event(text(2, text(2, "a\u202eb"))))), ("schema-invalid",)),
    "battery-huge": (mesh(text(2, event(text(5, number(1, 1 << 63))))), ("schema-invalid",)),
}


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for name, (inside, reasons) in _XML.items():
        yield Case(f"xml-{name}", xml(inside), reasons)
    for group, cases in (("frame", _FRAMES), ("field", _FIELDS)):
        for name, (payload, reasons) in cases.items():
            yield Case(f"{group}-{name}", payload, reasons)


def samples() -> Iterator[tuple[str, bytes]]:
    """Messages as clients send them, and what the pack's tests want of them."""
    control = text(1, number(1, 1) + number(2, 1) + text(3, "ANDROID-1"))
    detail = (
        text(1, "<remarks>at the bridge</remarks>")
        + text(2, text(1, "*:-1:stcp") + text(2, "ALPHA"))
        + text(3, text(1, "Cyan") + text(2, "Team Member"))
        + text(5, number(1, 77))
        + text(6, text(1, "SM-G") + text(2, "ATAK") + text(3, "30") + text(4, "4.5"))
        + text(7, double(1, 1.5) + double(2, 270.25))
    )
    yield "mesh", mesh(control, text(2, event(detail)), number(3, TIME_MS))
    yield "stream", stream(text(2, event(detail)))
    yield "least", mesh(text(2, event()))
