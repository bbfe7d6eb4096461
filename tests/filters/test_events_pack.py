"""The events pack as a policy author meets it: its samples, its hostile files, real traffic."""

import json
import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.message import Message

PACK = Path(__file__).parent.parent.parent / "schemas" / "packs" / "events"
SAMPLES = PACK / "samples"
CASES = tomllib.loads((SAMPLES / "hostile" / "expected.toml").read_text("utf-8"))["case"]


def exactly(text: bytes) -> Any:
    """JSON with every number as a decimal of the digits that stand there."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@pytest.fixture(scope="session")
def source(c2_source: Any) -> Any:
    return type(c2_source)("events", "source")


@pytest.fixture(scope="session")
def destination(c2_destination: Any) -> Any:
    return type(c2_destination)("events", "destination")


def message(make_message: Any, payload: bytes, said: dict[str, str] | None = None) -> Message:
    given = make_message(payload, (said or {}).get("label", ""), (said or {}).get("type", ""))
    return Message.make(replace(given.meta, flow="events", name="event.json"), payload)


def delivered(source: Any, destination: Any, message: Message) -> tuple[bytes, str]:
    """The JSON that a message becomes on the other side, and its queues."""
    left = source(message)
    assert (left.stage, left.sentence) == ("", "")
    assert left.message.meta.type == "application/cloudevents+cbor"
    arrived = destination(left.message)
    assert (arrived.stage, arrived.sentence) == ("", "")
    assert arrived.message.meta.type == "application/cloudevents+json"
    assert arrived.queues == left.queues
    return arrived.message.payload, arrived.queues


def expected(original: bytes) -> Any:
    """What should arrive of an event: the label written, what the policy redacts gone."""
    event = exactly(original)
    event.setdefault("securitylabel", "UNCLASSIFIED")
    event = {name: value for name, value in event.items() if value is not None}
    if isinstance(event.get("data"), dict):
        event["data"].pop("internal", None)
        for name in ("email", "phone"):
            event["data"].get("operator", {}).pop(name, None)
    return event


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_is_delivered_exactly_and_the_second_pass_changes_nothing(
    path: Path, source: Any, destination: Any, make_message: Any
) -> None:
    original = path.read_bytes()
    built, queues = delivered(source, destination, message(make_message, original))
    assert exactly(built) == expected(original)
    assert queues == ("alerts" if b"example.alert." in original else "events")
    again, _ = delivered(source, destination, message(make_message, built))
    assert again == built


def test_numbers_keep_every_digit(source: Any, destination: Any, make_message: Any) -> None:
    original = (SAMPLES / "exact-numbers.json").read_bytes()
    built, _ = delivered(source, destination, message(make_message, original))
    for text in (b":1250.00,", b"0.000123456789012345678901", b"9007199254740993", b":1e-300,"):
        assert text in built
    for text in (b":36893488147419103232,", b":6.02214076e23,", b":0.0,", b"[0.10,0.20,0.30]"):
        assert text in built


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_a_hostile_file_is_refused_by_name(
    case: dict[str, str], source: Any, make_message: Any
) -> None:
    path = SAMPLES / "hostile" / case["file"]
    sidecar = path.with_name(path.name + ".meta.json")
    said = json.loads(sidecar.read_bytes()) if sidecar.exists() else {}
    outcome = source(message(make_message, path.read_bytes(), said))
    assert (outcome.stage, outcome.reason) == (case["stage"], case["reason"]), outcome.sentence


def test_every_hostile_file_has_an_expectation() -> None:
    there = {path.name for path in (SAMPLES / "hostile").iterdir()} - {"expected.toml"}
    assert {n for n in there if not n.endswith(".meta.json")} == {case["file"] for case in CASES}
    assert len(CASES) >= 40


def test_a_refusal_does_not_repeat_what_the_sender_wrote(source: Any, make_message: Any) -> None:
    for case in CASES:
        payload = (SAMPLES / "hostile" / case["file"]).read_bytes()
        sentence = source(message(make_message, payload)).sentence
        assert sentence.isprintable()
        for word in ("exfiltrate", "noforn", "obsidian", "still water", "hidden", "COSMIC"):
            assert word.lower() not in sentence.lower()


def test_a_real_event_from_the_specification_is_delivered(
    shared: Path, source: Any, destination: Any, make_message: Any
) -> None:
    folder = shared / "events" / "cloudevents" / "features"
    text = (folder / "http-protocol-binding.feature").read_text("utf-8")
    found = re.findall(r'\{\s*"specversion".*?\n {8}\}', text, re.DOTALL)
    assert found
    for event in found:
        built, _ = delivered(source, destination, message(make_message, event.encode()))
        assert exactly(built) == expected(event.encode())


def test_json_that_is_no_event_is_refused_with_a_stated_reason(
    shared: Path, source: Any, make_message: Any
) -> None:
    outcomes = {}
    for path in sorted((shared / "events").glob("*/*.json")):
        outcome = source(message(make_message, path.read_bytes()))
        outcomes[path.name] = (outcome.stage, str(outcome.reason))
    assert len(outcomes) > 20
    assert {stage for stage, _ in outcomes.values()} <= {"json_recognise", "event_rebuild"}
    assert {reason for _, reason in outcomes.values()} <= {"model-unknown-name", "text-too-long"}


def test_the_data_of_real_traffic_crosses_inside_an_event(
    shared: Path, source: Any, destination: Any, make_message: Any
) -> None:
    start = b'{"specversion":"1.0","id":"1","source":"/webhooks","type":"example.hook","data":'
    crossed = 0
    for path in sorted((shared / "events").glob("*/*.json")):
        wrapped = start + path.read_bytes() + b"}"
        outcome = source(message(make_message, wrapped))
        if outcome.stage:
            assert (outcome.stage, outcome.reason) == ("json_recognise", "text-too-long")
            continue
        built, _ = delivered(source, destination, message(make_message, wrapped))
        assert exactly(built) == expected(wrapped)
        crossed += 1
    assert crossed > 20
