"""What the zstd dictionary of the pack `c2` holds, least useful first: strings of Cursor-on-Target.

Everything here is made of the pack's own samples and of events that are typical of the format and
say nothing. Every value that differs from event to event is a stand-in *of the usual length*: what
follows it is then as far away as what came before it, which zstd writes in a few bits. Each event
stands there as it may cross: as XML, with either quote, in a full envelope, and in a compact one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from guard.core.sealing import seal, seal_compact
from schemas.cbor import CborValue, encode
from schemas.manifest import COMPACT_HEAD, SIGNATURE_BYTES, Manifest

SAMPLES = Path(__file__).parents[2] / "schemas" / "packs" / "c2" / "samples"
TIME, SECOND = "2026-05-01T10:00:00.000Z", "2026-05-01T10:00:00Z"
UUID = "00000000-0000-4000-a000-000000000000"
DEVICE = "ANDROID-0000000000000000"
FAR = "9999999.0"
LAT, LON = "52.10000000000000", "-4.30000000000000"
UAV = {"lat": "52.103741", "lon": "-4.318029", "hae": "112.4", "ce": "8.5", "le": "11.0"}
NOWHERE = {"lat": LAT, "lon": LON, "hae": FAR, "ce": FAR, "le": FAR}

# Values that other events are likely to have too: words, and the numbers that tools write unasked.
_TELLING = re.compile(r"[A-Za-z_\- .?*:]{1,24}|9999999\.0|-?[0-9](?:\.0)?|360|-1761607681|-65536")


@dataclass(frozen=True)
class Node:
    """One element of an event."""

    tag: str
    attributes: dict[str, str]
    inside: "tuple[Node, ...]" = ()
    text: str = ""

    def model(self) -> CborValue:
        """As cot-model §7 has it."""
        inside: CborValue = [node.model() for node in self.inside] if self.inside else self.text
        return [self.tag, {**self.attributes}, inside]

    def xml(self, quote: str) -> str:
        """As senders write it."""
        start = f"<{self.tag}{_written(self.attributes, quote)}"
        content = "".join(node.xml(quote) for node in self.inside) or self.text
        return f"{start}>{content}</{self.tag}>" if content else f"{start}/>"


@dataclass(frozen=True)
class Event:
    """A typical event: how, uid and type, its details, its point."""

    how: str
    uid: str
    kind: str
    detail: list[Node]
    point: dict[str, str] = field(default_factory=lambda: NOWHERE)
    times: tuple[str, str] = (TIME, TIME)

    def model(self) -> bytes:
        """The payload that the source side's chain makes of it."""
        names = {**self._names(), "access": "ALLIANCE UNCLASSIFIED"}
        detail: list[CborValue] = [node.model() for node in self.detail]
        return encode({"cot": 1, "event": {**names}, "point": {**self.point}, "detail": detail})

    def xml(self, quote: str, start: str = "", blank: str = "") -> bytes:
        """With this quote, this start of the file, this blank before the end of `point`."""
        text = f"{start}<event{_written(self._names(), quote)}>"
        text += f"<point{_written(self.point, quote)}{blank}/><detail>"
        return (
            text + "".join(node.xml(quote) for node in self.detail) + "</detail></event>"
        ).encode()

    def _names(self) -> dict[str, str]:
        time, stale = self.times
        return {
            "version": "2.0", "uid": self.uid, "type": self.kind, "time": time, "start": time,
            "stale": stale, "how": self.how,
        }  # fmt: skip


def _written(attributes: dict[str, str], quote: str) -> str:
    return "".join(f" {name}={quote}{value}{quote}" for name, value in attributes.items())


def node(tag: str, /, text: str = "", **attributes: str) -> Node:
    """An element without elements in it."""
    return Node(tag, attributes, (), text)


# Kinds of events that are often met, as the format's users name them.
KINDS = (
    "b-f-t-r", "b-i-v", "b-a-g", "b-a-o-can", "b-a-o-pan", "b-a-o-opn", "b-a-o-tbl", "b-r-f-h-c",
    "b-t-f-r", "b-t-f-d", "b-t-f", "b-m-p-s-p-loc", "b-m-p-s-p-i", "b-m-p-s-p-op", "b-m-p-w-GOTO",
    "b-m-p-w", "b-m-p-c", "b-m-r", "b-m-p-s-m", "u-d-c-e", "u-d-c-c", "u-d-p", "u-d-r", "u-d-f-m",
    "u-d-f", "u-r-b-c-c", "u-r-b-bullseye", "u-rb-a", "a-n-A-C-F", "a-n-S-X", "a-f-S-C",
    "a-f-A-M-F-Q", "a-f-A-M-F", "a-f-A-M-H", "a-h-A-M-F-Q", "a-n-G", "a-u-G", "a-h-G-E-V-A-T",
    "a-h-G-E-V", "a-h-G-U-C-I", "a-h-G-U-C-A", "a-h-G-U-C", "a-h-G", "a-f-G-I-U-T", "a-f-G-E-V-C",
    "a-f-G-E-S", "a-f-G-U-C-I", "a-f-G-U-C",
)  # fmt: skip
CONTACT, REMARKS, ARCHIVE = node("contact", callsign="R 1"), node("remarks"), node("archive")
PRECISION = node("precisionlocation", altsrc="???")
GPS = node("precisionlocation", altsrc="GPS", geopointsrc="GPS")
LABELS = node("labels_on", value="true")
STROKE = [node("strokeColor", value="-1"), node("strokeWeight", value="3.0")]
SHAPE = [*STROKE, node("fillColor", value="-1761607681"), node("contact", callsign="Shape 1")]


def typical() -> Iterator[Event]:
    """Events of the kinds that one meets most, the most frequent last."""
    yield Event("h-e", UUID, "b-m-r", [
        node("link", uid=UUID, callsign="", type="b-m-p-w", point=f"{LAT},{LON}", relation="c"),
        node("contact", callsign="Route 1"), REMARKS, ARCHIVE, node("labels_on", value="false"),
    ], NOWHERE | {"lat": "0.0", "lon": "0.0"})  # fmt: skip
    yield Event("h-e", UUID, "u-rb-a", [
        node("range", value="742.318845520118"), node("bearing", value="318.025773110000"),
        node("inclination", value="0.0"), node("rangeUnits", value="1"),
        node("bearingUnits", value="0"), node("northRef", value="1"), *STROKE, CONTACT, REMARKS,
        ARCHIVE, node("labels_on", value="false"), node("color", value="-65536"),
    ])  # fmt: skip
    yield Event("h-e", UUID, "u-d-c-c", [*SHAPE, REMARKS, ARCHIVE, LABELS, PRECISION])
    yield Event("h-e", UUID, "u-d-f", [
        node("link", point=f"{LAT},{LON}"), *SHAPE, REMARKS, ARCHIVE,
        node("labels_on", value="false"), node("color", value="-1"), PRECISION,
    ])  # fmt: skip
    yield Event("h-g-i-g-o", UUID, "a-h-G", [
        node("status", readiness="true"), ARCHIVE,
        node("link", uid=DEVICE, type="a-f-G-U-C", relation="p-p", production_time=TIME,
             parent_callsign="HERON 2"),
        CONTACT, REMARKS, ARCHIVE, node("color", argb="-1"), PRECISION,
        node("usericon", iconsetpath="COT_MAPPING_2525B/a-h/a-h-G"),
    ])  # fmt: skip
    yield Event("m-g", "UAV-1", "a-f-A-M-H-Q", [
        node("contact", callsign="HERON-2"), node("track", course="271.5", speed="1.3"),
        node("status", battery="81"), GPS, node("remarks", text="at the "),
    ], UAV, (SECOND, SECOND))  # fmt: skip
    yield Event("m-g", DEVICE, "a-f-G-U-C", [
        node("takv", device="", platform="ATAK-CIV", os="34", version="5.4.0.11"),
        node("contact", callsign="HERON 2", endpoint="*:-1:stcp"), node("uid", Droid="HERON 2"),
        GPS, node("__group", name="Cyan", role="Team Member"), node("status", battery="81"),
        node("track", course="271.58213", speed="1.3914"),
    ], NOWHERE | {"hae": "12.4", "ce": "8.5"})  # fmt: skip


def manifest(payload: bytes) -> Manifest:
    """A manifest that says nothing, of the usual lengths."""
    return Manifest(
        "c2", "LOW", "HIGH", 2**16, bytes(16), bytes(32), len(payload), "application/cot+cbor",
        "KESTRIA UNCLASSIFIED || ALLIANCE UNCLASSIFIED", 0, "cot", 2**30, 2**30, bytes(32),
        bytes(32), 2**16, bytes(32),
    )  # fmt: skip


def full(payload: bytes) -> bytes:
    """A full envelope; stand-ins for its digests and signature keep the distances."""
    return seal(manifest(payload), payload, lambda _: bytes(SIGNATURE_BYTES))


def compact(payload: bytes) -> bytes:
    """What follows the head of a compact envelope."""
    envelope = seal_compact(manifest(payload), payload, lambda _: bytes(SIGNATURE_BYTES))
    return envelope[COMPACT_HEAD.size :]


def sample_nodes() -> list[Node]:
    """The details of the pack's samples, without the values that only they have."""
    found: dict[bytes, Node] = {}
    for path in sorted(SAMPLES.glob("*.cot")):
        detail = etree.fromstring(path.read_bytes()).find("detail")
        for element in [] if detail is None else detail.iterchildren("*"):
            stripped = _stripped(element)
            found[encode(stripped.model())] = stripped
    return list(found.values())


def _stripped(element: etree._Element) -> Node:
    attributes = {str(name): _kept(str(value)) for name, value in element.items()}
    inside = tuple(_stripped(child) for child in element.iterchildren("*"))
    return Node(str(element.tag), attributes, inside, "" if inside else _kept(element.text or ""))


def _kept(value: str) -> str:
    return value if _TELLING.fullmatch(value) else ""


def content() -> bytes:
    """The dictionary's content: samples as XML, typical XML, samples and typical events in CBOR."""
    nodes, events = sample_nodes(), list(typical())
    parts: list[bytes] = []
    for quote in ("'", '"'):
        start = f"<?xml version={quote}1.0{quote} encoding={quote}UTF-8{quote}"
        parts += [event.xml(quote) for event in events[1:3]]
        parts.append(events[-3].xml(quote, f"{start} standalone={quote}yes{quote}?>\n", " "))
        parts.append(events[-1].xml(quote, f"{start}?>"))
    parts += [encode(item.model()) for item in nodes]
    parts += [encode("type") + encode(kind) + encode("stale") for kind in KINDS]
    parts.append(full(b""))
    parts += [compact(event.model()) for event in events]
    return b"".join(dict.fromkeys(parts))
