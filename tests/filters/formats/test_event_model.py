"""The model against its vectors, and numbers against decimal arithmetic."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.checks import event_recognise
from filters.formats.event_model import EventParameters, EventRules, check, number
from filters.normalizers import event_rebuild
from filters.twins import event_build, event_read
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Changed, Pass

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "events"
VECTORS = json.loads((FOLDER / "model.json").read_bytes())
META = Meta(id="e" * 32, flow="events", sender="alpha", name="x", accepted_s=1_780_000_000)
PARAMETERS = VECTORS["parameters"]
REBUILD = event_rebuild.make(event_rebuild.EventRebuildParameters(**PARAMETERS), {})
RECOGNISE = event_recognise.make(EventParameters(**PARAMETERS), {})
READ = event_read.make(event_read.EventReadParameters(**PARAMETERS), {})
BUILD = event_build.make(event_build.EventBuildParameters(), {})
CORE: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}


def changed(run: Run, message: Message) -> Changed:
    answer = run(message)
    assert isinstance(answer, Changed)
    return answer


@pytest.mark.parametrize("vector", VECTORS["events"], ids=lambda vector: vector["what"])
def test_an_event_becomes_the_model_and_the_model_the_json(vector: dict[str, str]) -> None:
    answer = changed(REBUILD, Message.make(META, vector["json"].encode()))
    assert answer.message.payload.hex() == vector["cbor"]
    assert answer.message.meta == replace(META, type="application/cloudevents+cbor")
    assert RECOGNISE(answer.message) == READ(answer.message) == Pass()
    built = changed(BUILD, answer.message).message
    assert built.payload.decode() == vector["built"]
    assert built.meta == replace(META, type="application/cloudevents+json")


@pytest.mark.parametrize("vector", VECTORS["events"], ids=lambda vector: vector["what"])
def test_the_model_is_what_another_cbor_library_writes_canonically(vector: dict[str, str]) -> None:
    raw = bytes.fromhex(vector["cbor"])
    model = cbor2.loads(raw)
    assert sorted(model) == sorted(json.loads(vector["built"]))
    assert cbor2.dumps(model, canonical=True) == raw


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["what"])
def test_what_is_not_the_model_is_refused_on_both_sides(vector: dict[str, str]) -> None:
    message = Message.make(META, bytes.fromhex(vector["cbor"]))
    for run in (RECOGNISE, READ):
        with pytest.raises(Malformed) as caught:
            run(message)
        assert caught.value.reason == vector["reason"]


@given(
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+\-]?[0-9]{1,3})?\Z"),
)
def test_a_number_keeps_its_value_and_has_one_spelling(text: str) -> None:
    exact = Decimal(text)
    if exact and abs(exact.adjusted()) > 307:
        with pytest.raises(Malformed) as caught:
            number(text)
        assert caught.value.reason is Reason.JSON_NUMBER_SIZE
        return
    kept = number(text)
    again = kept.decode() if isinstance(kept, bytes) else str(kept)
    assert Decimal(again) == exact
    assert number(again) == kept
    model = {**CORE, "data": kept}
    assert check(model, EventRules.of(EventParameters())) is model


@pytest.mark.parametrize("text", ["", "-", "1e", "e1", "1.e1", "0x1", "1_0", "٣", "1e1.5", "+1"])
def test_what_is_no_number_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        number(text)


@pytest.mark.parametrize(
    "name", ["id", "data", "data_base64", "datax", "cot", "Upper", "", "a" * 21]
)
def test_the_policy_cannot_name_such_an_extension(name: str) -> None:
    with pytest.raises(ValueError, match="extension attribute"):
        EventParameters(extensions=[name])


def test_unknown_attributes_are_dropped_where_the_policy_says_so_and_told() -> None:
    drop = event_rebuild.EventRebuildParameters(unknown="drop", extensions=["sequence"])
    event = {**CORE, "sequence": 3, "zzz": {"any": "thing"}, "\u202eyyy": 1}
    run = event_rebuild.make(drop, {})
    answer = changed(run, Message.make(META, json.dumps(event).encode()))
    assert cbor2.loads(answer.message.payload) == {**CORE, "sequence": 3}
    assert answer.note == "rebuilt; dropped 'zzz', '\\u202eyyy'"


def test_rebuild_does_not_lean_on_the_recogniser_before_it() -> None:
    start = json.dumps(CORE)[:-1].encode()
    for untrusted, reason in (
        (start + b',"id":"2"}', Reason.JSON_DUPLICATE_KEY),
        (start + b',"data":NaN}', Reason.JSON_NOT_A_NUMBER),
        (start + b',"data":1e999}', Reason.JSON_NUMBER_SIZE),
        (start + b',"data":' + b"9" * 5000 + b"}", Reason.JSON_NUMBER_SIZE),
        (start + b',"data":"\\u0000"}', Reason.CHARACTER_NOT_ALLOWED),
        (start + b',"data":"\\ud800"}', Reason.ENCODING_NOT_UTF8),
        (start + b',"data":' + b"[" * 100_000, Reason.SYNTAX),
        (start + b',"data":"\xff"}', Reason.ENCODING_NOT_UTF8),
        (b"[1]", Reason.MODEL_SHAPE),
    ):
        with pytest.raises(Malformed) as caught:
            REBUILD(Message.make(META, untrusted))
        assert caught.value.reason == reason
