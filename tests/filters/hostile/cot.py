"""Cursor-on-Target events made to break the pack's rules, each one change from a sound event."""

from collections.abc import Iterator
from pathlib import Path

from tests.filters.hostile.cases import Case, Sound

PACKS = ("cot",)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_EVENT = {
    "version": "2.0",
    "uid": "ALPHA-1",
    "type": "a-f-G-U-C",
    "time": "2026-05-14T06:00:00Z",
    "start": "2026-05-14T06:00:00Z",
    "stale": "2026-05-14T06:05:00Z",
    "how": "m-g",
}
_POINT = {"lat": "48.25", "lon": "11.5", "hae": "519", "ce": "9.9", "le": "9999999.0"}


def event(inside: str = "", head: str = _HEAD, point: str | None = None, **changed: str) -> str:
    """An event with these details; changed: attributes of event or point ("" leaves one out)."""
    of_event = {**_EVENT, **{k: v for k, v in changed.items() if k not in _POINT}}
    of_point = {**_POINT, **{k: v for k, v in changed.items() if k in _POINT}}
    written = [
        "".join(f' {key}="{value}"' for key, value in table.items() if value)
        for table in (of_event, of_point)
    ]
    middle = f"<point{written[1]}/>" if point is None else point
    return f"{head}<event{written[0]}>{middle}<detail>{inside}</detail></event>\n"


_BAD = {
    "version": ("x", "2.0.0.0.0.0.0.0.0.0"),
    "uid": ("a\x7f", "x" * 400),
    "type": ("a f", "<", "a-f-" + "x" * 400),
    "time": (
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-05-14",
        "2026-05-14T25:00:00Z",
        "20260514T060000Z",
    ),
    "start": ("2026-13-01T00:00:00Z",),
    "stale": ("2026-05-14T06:05:60Z", "+2026-05-14T06:05:00Z"),
    "how": ("by hand!", "<"),
    "lat": ("91", "-90.5", "48,25", "1e1", "NaN", "INF", "0x10", "٤٨"),
    "lon": ("181", "-180.01", "east"),
    "hae": ("high", "1e99", "--1"),
    "ce": ("-", "9.9.9"),
    "le": ("1e400",),
}
_ANY = ("schema-invalid", "character-not-allowed", "xml-entity", "syntax", "text-too-long")
_DETAILS = {
    "unknown": ("<implant/>", ("model-unknown-name",)),
    "unknown-attribute": ("<contact secret='1'/>", ("model-unknown-name",)),
    "unknown-deep": ("<shape><implant/></shape>", ("model-unknown-name",)),
    "stray-text": ("words", ("model-unknown-name",)),
    "text-in-empty": ("<archive>words</archive>", ("model-unknown-name",)),
    "bidi": ("<contact callsign='a\u202eb'/>", ("schema-invalid",)),
    "namespace": ("<a xmlns='urn:x'/>", ("xml-namespace",)),
    "prefix": ("<p:a xmlns:p='urn:x'/>", ("xml-namespace",)),
    "include": ("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude'/>", ("xml-xinclude",)),
    "entity": ("<remarks>&x;</remarks>", ("xml-entity",)),
    "instruction": ("<?php x?>", ("xml-processing-instruction",)),
    "control": ("<remarks>\x1b[0m</remarks>", ("character-not-allowed",)),
    "reference": ("<remarks>&#0;</remarks>", ("character-not-allowed",)),
    "deep": ("<a>" * 20 + "</a>" * 20, ("too-deep",)),
    "many": ("<archive/>" * 600, ("too-many-elements",)),
    "same-attribute": ("<contact callsign='a' callsign='b'/>", ("xml-duplicate-attribute",)),
    "long": ("<remarks>" + "x" * 40_000 + "</remarks>", ("text-too-long",)),
    "number": ("<track course='north' speed='1'/>", ("schema-invalid",)),
    "xsi": (
        "<contact xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/>",
        ("xml-namespace",),
    ),
    "xml-space": ("<remarks xml:space='preserve'> </remarks>", ("xml-namespace",)),
    "cdata-open": ("<![CDATA[", ("syntax",)),
}


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for name, values in _BAD.items():
        yield Case(f"{name}-missing", event(**{name: ""}).encode(), ("schema-invalid",))
        for number, value in enumerate(values):
            yield Case(f"{name}-{number}", event(**{name: value}).encode(), _ANY)
    for name, (inside, reasons) in _DETAILS.items():
        yield Case(f"detail-{name}", event(inside).encode(), reasons)
    good = event()
    yield Case("no-point", event(point="").encode(), ("model-shape",))
    yield Case("two-points", event(point="<point/><point/>").encode(), ("model-shape",))
    yield Case("other-root", good.replace("event", "Event").encode(), ("model-shape",))
    yield Case("two-events", f"{good}{event(head='')}".encode(), ("trailing-data",))
    yield Case("trailing", f"{good}PK\x03\x04".encode(), ("trailing-data", "character-not-allowed"))
    yield Case("doctype", event(head="<!DOCTYPE event><!-- -->").encode(), ("xml-doctype",))
    yield Case("utf-16", good.encode("utf-16"), ("encoding-not-utf8",))
    yield Case("mark-of-order", b"\xef\xbb\xbf" + good.encode(), ("encoding-not-utf8",))
    yield Case("latin-1", event(uid="\u00e9").encode("latin-1"), ("encoding-not-utf8",))
    yield Case("cut", good.encode()[:-20], ("syntax",))
    yield Case("large", event("<archive/>" * 9_000).encode(), ("size-out-of-bounds",))
    yield Case("tak", b"\xbf\x01\xbf" + good.encode(), ("type-unknown",))


def sound() -> Iterator[Sound]:
    """Ordinary events, and what of them must not come out."""
    yield Sound("least", event().encode())
    yield Sound("comments", event("<!-- hidden --><archive/>").encode(), gone=(b"hidden",))
    yield Sound("flow-tags", event("<_flow-tags_ server='hidden'/>").encode(), gone=(b"hidden",))
    yield Sound("blanks", event("\n   <contact callsign='A'/>\n").encode(), gone=(b"\n   ",))
    yield Sound("cdata", event("<remarks><![CDATA[a < b]]></remarks>").encode(), gone=(b"CDATA",))


def real(shared: Path) -> Iterator[Path]:
    """The events among the real files."""
    yield from (shared / "cot").rglob("*.cot")
