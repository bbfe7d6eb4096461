"""The c2 pack as a policy author meets it: its samples, its hostile files, real traffic."""

import json
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from schemas.message import Message
from tests.filters.conftest import Chain, MakeMessage

PACK = Path(__file__).parent.parent.parent / "schemas" / "packs" / "c2"
SAMPLES = PACK / "samples"
CASES: list[dict[str, str]] = tomllib.loads(
    (SAMPLES / "hostile" / "expected.toml").read_text("utf-8")
)["case"]
TAK = (
    "Drawing Shapes - Circle", "Drawing Shapes - Free Form", "Drawing Shapes - Rectangle",
    "Drawing Shapes - Telestration", "Geo Fence", "Marker - 2525", "Marker - Icon Set",
    "Marker - Spot", "Range & Bearing - Bullseye", "Range & Bearing - Circle",
    "Range & Bearing - Line", "Route",
)  # fmt: skip


Content = tuple[str, dict[str, str], str, list["Content"]]


def delivered(source: Chain, destination: Chain, message: Message) -> bytes:
    """The XML that a message becomes on the other side."""
    left = source(message)
    assert (left.stage, left.sentence) == ("", "")
    assert left.message.meta.type == "application/cot+cbor"
    arrived = destination(left.message)
    assert (arrived.stage, arrived.sentence) == ("", "")
    assert arrived.message.meta.type == "application/cot+xml"
    assert arrived.queues in ("cot", "chat")
    return arrived.message.payload


def content(node: etree._Element) -> Content:
    """What an element says, less blanks, the order of attributes and the label."""
    attributes = {key: value for key, value in node.items() if key != "access"}
    return (node.tag, attributes, (node.text or "").strip(), [content(child) for child in node])


def check_delivery(
    source: Chain, destination: Chain, make_message: MakeMessage, original: bytes
) -> bytes:
    xml = delivered(source, destination, make_message(original))
    schema = etree.XMLSchema(etree.parse(PACK / "cot-event.xsd"))
    schema.assertValid(etree.fromstring(xml))
    low = xml.replace(b'access="ALLIANCE UNCLASSIFIED"', b'access="KESTRIA UNCLASSIFIED"')
    assert low != xml
    assert delivered(source, destination, make_message(low)) == xml
    return xml


@pytest.mark.parametrize("name", TAK)
def test_a_real_event_is_delivered_rebuilt_valid_and_the_second_pass_changes_nothing(
    name: str, shared: Path, c2_source: Chain, c2_destination: Chain, make_message: MakeMessage
) -> None:
    original = (shared / "cot" / "examples" / f"{name}.cot").read_bytes()
    xml = check_delivery(c2_source, c2_destination, make_message, original)
    assert content(etree.fromstring(xml)) == content(etree.fromstring(original))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.cot")), ids=lambda path: path.stem)
def test_a_sample_is_delivered(
    path: Path, c2_source: Chain, c2_destination: Chain, make_message: MakeMessage
) -> None:
    xml = check_delivery(c2_source, c2_destination, make_message, path.read_bytes())
    for dropped in (b"phone=", b"_flow-tags_", b"__serverdestination", b"<!--", b"antenna"):
        assert dropped not in xml
    assert b'access="ALLIANCE UNCLASSIFIED"' in xml


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_a_hostile_file_is_refused_by_name(
    case: dict[str, str], c2_source: Chain, make_message: MakeMessage
) -> None:
    path = SAMPLES / "hostile" / case["file"]
    sidecar = path.with_name(path.name + ".meta.json")
    said: dict[str, str] = json.loads(sidecar.read_bytes()) if sidecar.exists() else {}
    message = make_message(path.read_bytes(), said.get("label", ""), said.get("type", ""))
    outcome = c2_source(message)
    assert (outcome.stage, outcome.reason) == (case["stage"], case["reason"]), outcome.sentence


def test_every_hostile_file_has_an_expectation() -> None:
    there = {path.name for path in (SAMPLES / "hostile").iterdir()} - {"expected.toml"}
    assert {n for n in there if not n.endswith(".meta.json")} == {case["file"] for case in CASES}
    assert len(CASES) >= 25


def test_a_refusal_does_not_repeat_the_word(c2_source: Chain, make_message: MakeMessage) -> None:
    for case in CASES:
        if case["reason"] == "dirty-word":
            payload = (SAMPLES / "hostile" / case["file"]).read_bytes()
            sentence = c2_source(make_message(payload)).sentence
            assert sentence.startswith("entry ")
            assert not {"limdis", "noforn", "quartzite", "harbour"} & set(sentence.lower().split())


def test_chat_goes_to_its_own_queue(c2_source: Chain, make_message: MakeMessage) -> None:
    assert c2_source(make_message((SAMPLES / "chat.cot").read_bytes())).queues == "chat"
    assert c2_source(make_message((SAMPLES / "marker.cot").read_bytes())).queues == "cot"
