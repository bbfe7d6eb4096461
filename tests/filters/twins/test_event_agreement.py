"""Two sides, two code bases, one answer: over thousands of changed events both must agree.

The source side's validator is jsonschema-rs with the pack's JSON Schema, the destination's a
pydantic model; the source side's reader of the model is strict CBOR and regular expressions, the
destination's has none of that code. What one refuses the other must refuse.
"""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from filters.checks import event_recognise, event_schema
from filters.formats.event_model import EventParameters
from filters.normalizers import event_rebuild
from filters.twins import event_build, event_read, event_schema_twin
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed, Pass

PACK = Path(__file__).parent.parent.parent.parent / "schemas" / "packs" / "events"
DOCUMENTS = {"event.schema.json": (PACK / "event.schema.json").read_bytes()}
TEXTS_OF_SAMPLES = [path.read_bytes() for path in sorted((PACK / "samples").glob("*.json"))]
AS_JSON = [json.loads(text) for text in TEXTS_OF_SAMPLES]
AS_MODEL = [
    {name: value for name, value in event_rebuild.parse(text).items() if value is not None}
    for text in TEXTS_OF_SAMPLES
]
RULES: dict[str, Any] = {
    "extensions": ["securitylabel", "sequence", "sampledrate", "partitionkey", "correlationid"],
    "content_types": ["application/json", "text/plain", "application/geo+json"],
    "base64": True,
}
META = Meta(id="e" * 32, flow="events", sender="alpha", name="x", accepted_s=1_780_000_000)
JSON_SCHEMA = event_schema.compile_schema(DOCUMENTS["event.schema.json"])
TWIN = event_schema_twin.make(event_schema_twin.EventSchemaTwinParameters(), {})
SEED = 20260302
NAMES = (
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
    "data", "data_base64", "sequence", "securitylabel", "zzz", "Zzz", "a_b", "", "9a", "a" * 21,
    "a" * 20, "a\n", "é",
)  # fmt: skip
TEXTS = (
    "", " ", "1.0", "1.0\n", "1.00", "0.3", "a", " a", "a ", "a b", "é", "漢字", "😀", "a\tb",
    "a\nb", "a\r", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\u200b", "\u202e", "\ufdd0",
    "\ufffe", "\uffff", "\U0001fffe", "x" * 128, "x" * 129, "x" * 255, "x" * 256, "x" * 257,
    "x" * 512, "x" * 513, "x" * 1024, "x" * 1025, "x" * 16384, "x" * 16385, "/a", "/a%20b", "/a%2",
    "/a%zz", "/a%", "%", "%41", "%4" + "1" * 509, "/a b", "/a|b", "urn:x:y", "urn:", ":x", "1urn:x",
    "u+r.n-:x", "http://h/[1]?q#f", "é:x", "x" * 32 + ":a", "x" * 33 + ":a", "application/json",
    "application/json; charset=utf-8", "Application/JSON", "text/plain", "text/", "/plain", "a/b/c",
    "application/geo+json", "text/plain\n", "2026-03-02T08:15:30Z", "2026-02-29T08:15:30Z",
    "2024-02-29T08:15:30Z", "2026-03-02t08:15:30z", "2026-03-02 08:15:30Z", "2026-03-02T08:15:30",
    "2026-03-02T24:00:00Z", "2026-03-02T23:59:60Z", "2026-12-31T23:59:60Z", "2026-13-01T00:00:00Z",
    "2026-04-31T00:00:00Z", "2026-03-02T08:15:30.Z", "2026-03-02T08:15:30.123456789Z",
    "2026-W10-1T08:15:30Z", "2026-03-02T08:15:30.1234567890Z", "2026-03-02T08:15:30+01:00",
    "2026-03-02T08:15:30-23:59",
    "2026-03-02T08:15:30+24:00", "2026-03-02T08:15:30+0100", "1899-12-31T23:59:59Z",
    "1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "٢026-03-02T08:15:30Z",
    "2026-03-02T08:15:30Z\n", "2026-03-02T08:15:30٠Z", "2026-03-02T08:15:30+٠1:00", "Zm9v",
    "Zm8=", "Zm9=", "Zg==", "Zg=", "Z", "Zm9v\n", "Zm-_", "com.example:x/y+z-1", ".x", "-x", "x y",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 2**63, 2**64 - 1,
    [], {}, [None, [True]], {"a": {"b": [1, "c"]}}, {"": 1}, {"x" * 128: 1}, {"x" * 129: 1},
    {"a\nb": 1}, {"é": ["\t"]}, ["\x01"], {"a": "\x9f"}, [[["x" * 16385]]], {"cot": 1},
)  # fmt: skip
EXACT = (
    b"1.5", b"-0.25", b"1e5", b"1.50", b"0.0", b"-0.0", b"1e0", b"1e+5", b"1E5", b"1e05", b"01.5",
    b"1.", b".5", b"", b"-", b"e", b"1e", b"5", b"-5", b"18446744073709551616", b"1e307",
    b"18446744073709551615", b"-18446744073709551616", b"-18446744073709551617", b"1e308",
    b"10e307", b"0.1e308", b"1e-307", b"1e-308", b"0e9999", b"1e99999", b"9" * 64, b"9" * 65,
    b"NaN", b"1_0", b"0e5", b"-0e5", b"1.5e-7", b"\xb2", b"\xd9\xa1", b"1 ", b"+1", b"1.5.5",
    b"1e5e5", b"--1", b"-1.0e-10",
)  # fmt: skip


def holders(value: Any, found: list[Any]) -> list[Any]:
    """Every map and list in a value."""
    if isinstance(value, dict | list):
        found.append(value)
        for item in value.values() if isinstance(value, dict) else value:
            holders(item, found)
    return found


def changed(chance: random.Random, exact: bool) -> Any:
    """A sample with one to three changes."""
    event = copy.deepcopy(chance.choice(AS_MODEL if exact else AS_JSON))
    for _ in range(chance.randint(1, 3)):
        holder = event if chance.random() < 0.6 else chance.choice(holders(event, []))
        further = EXACT if exact else (1.5, -0.25, 1e300)
        value = copy.deepcopy(chance.choice((*TEXTS, *VALUES, *further)))
        if isinstance(holder, list):
            holder.append(value)
        elif chance.random() < 0.15 and holder:
            holder.pop(chance.choice(list(holder)))
        elif chance.random() < 0.5 and holder:
            holder[chance.choice(list(holder))] = value
        else:
            holder[chance.choice(NAMES)] = value
    return event


def passes(run: Run, message: Message) -> bool:
    try:
        return isinstance(run(message), Pass)
    except Malformed:
        return False


def built(run: Run, message: Message) -> Message:
    answer = run(message)
    assert isinstance(answer, Changed)
    return answer.message


@pytest.mark.parametrize("part", range(4))
def test_the_two_validators_agree_over_changed_events(part: int) -> None:
    chance = random.Random(SEED + part)
    answers = {True: 0, False: 0}
    for _ in range(2500):
        event = changed(chance, exact=False)
        text = json.dumps(event, ensure_ascii=False).encode()
        valid = JSON_SCHEMA.is_valid(json.loads(text))
        assert passes(TWIN, Message.make(META, text)) == valid, text[:1500]
        answers[valid] += 1
    assert min(answers.values()) > 400


@pytest.mark.parametrize("part", range(4))
def test_what_one_side_lets_out_the_other_lets_in_and_nothing_else(part: int) -> None:
    recognise = event_recognise.make(EventParameters(**RULES), {})
    schema = event_schema.make(event_schema.EventSchemaParameters(), DOCUMENTS)
    read = event_read.make(event_read.EventReadParameters(**RULES), {})
    build = event_build.make(event_build.EventBuildParameters(), {})
    chance = random.Random(SEED + 100 + part)
    answers = {True: 0, False: 0}
    for _ in range(2500):
        message = Message.make(META, encode(changed(chance, exact=True)))
        let_out = passes(recognise, message) and passes(schema, message)
        let_in = passes(read, message) and passes(TWIN, built(build, message))
        assert let_in == let_out, message.payload[:1500]
        answers[let_out] += 1
    assert min(answers.values()) > 400


def test_bytes_that_are_no_model_are_refused_by_both() -> None:
    recognise = event_recognise.make(EventParameters(**RULES), {})
    read = event_read.make(event_read.EventReadParameters(**RULES), {})
    chance = random.Random(SEED)
    good = [encode(sample) for sample in AS_MODEL]
    for _ in range(3000):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(min(len(data), 400))] = chance.randrange(256)
        message = Message.make(META, bytes(data))
        if passes(recognise, message):
            assert passes(read, message)
