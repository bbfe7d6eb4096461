"""Tokens: by the vectors, in every model, what does not open, and that the same gives the same."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats.models import close_model, open_model
from filters.formats.token import VALUE_BYTES_MAX, Plain, TokenKey, Where, newest, open_token
from schemas.cbor import encode
from schemas.errors import Forged, Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Pass

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "tokens.json").read_text("utf-8"))
META = Meta(id="a" * 32, flow="records", sender="alpha", name="x", accepted_s=1_780_000_000)
SECRET = bytes(range(32))
KEY = TokenKey("1", SECRET, "records")
WHERE = Where("a" * 32, "person/name", 0)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary()


def made(places: list[dict[str, str]], keys: dict[str, bytes] | None = None) -> Run:
    stage = catalog.load("pseudonymize")
    given_keys = {"1": SECRET} if keys is None else keys
    documents = {f"token:{key_id}": secret for key_id, secret in given_keys.items()}
    return stage.make(stage.parameters.model_validate({"places": places}), documents)


def ask(run: Run, model: Any, meta: Meta = META) -> Any:
    answer = run(Message.make(meta, close_model(model)))
    assert isinstance(answer, Changed), answer
    return open_model(answer.message.payload)


def opened(token: Any) -> Plain:
    return open_token(token, {"1": KEY}).value


def vectors() -> Iterator[tuple[dict[str, Any], Plain]]:
    for vector in VECTORS["sealed"]:
        value = vector["value"]
        yield vector, bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value


def test_values_are_sealed_and_opened_as_the_vectors_say() -> None:
    key = TokenKey(VECTORS["key_id"], bytes.fromhex(VECTORS["key"]), VECTORS["flow"])
    for vector, value in vectors():
        if "join" in vector:
            token = key.seal_joined(value, vector["join"])
        else:
            token = key.seal(value, Where(vector["message"], vector["place"], vector["number"]))
        assert token == vector["token"]
        found = open_token(token, {key.key_id: key})
        assert (found.value, found.name) == (value, vector.get("join", ""))
        assert type(found.value) is type(value)


def test_what_is_no_token_or_of_another_key_does_not_open() -> None:
    key = TokenKey(VECTORS["key_id"], bytes.fromhex(VECTORS["key"]), VECTORS["flow"])
    for vector in VECTORS["refused"]:
        with pytest.raises((Malformed, Forged)) as caught:
            open_token(vector["token"], {key.key_id: key})
        assert caught.value.reason == vector["reason"], vector


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(value=PLAIN, at=st.integers(0, 2**31))
def test_any_value_comes_back_and_a_changed_token_does_not_open(value: Plain, at: int) -> None:
    for token in (KEY.seal(value, WHERE), KEY.seal_joined(value, "a")):
        assert opened(token) == value
        place = 9 + at % (len(token) - 9)
        other = "b" if token[place] != "b" else "c"
        with pytest.raises((Malformed, Forged)):
            opened(token[:place] + other + token[place + 1 :])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(untrusted=st.text() | st.from_regex(r"tok1\.[gs]\.1\.[a-z2-7]+", fullmatch=True))
def test_any_text_is_opened_or_refused(untrusted: str) -> None:
    with pytest.raises((Malformed, Forged)):
        opened(untrusted)


def test_the_same_message_gives_the_same_tokens_and_no_two_values_share_one() -> None:
    run = made([{"place": "a"}, {"place": "b"}])
    model = {"json": 1, "value": {"a": ["x", "x", "y"], "b": "x"}}
    first = ask(run, model)
    assert ask(run, model) == first
    tokens = [*first["value"]["a"], first["value"]["b"]]
    assert len(set(tokens)) == 4
    assert list(map(opened, tokens)) == ["x", "x", "y", "x"]
    other = ask(run, model, replace(META, id="b" * 32))
    assert not {*tokens} & {*other["value"]["a"], other["value"]["b"]}
    changed = ask(run, {"json": 1, "value": {"a": ["z", "x", "y"], "b": "x"}})["value"]["a"][0]
    assert changed[:30] != tokens[0][:30]  # another value at the same place: another nonce


def test_equal_values_join_under_one_name_and_under_no_other() -> None:
    run = made(
        [{"place": "a", "join": "p"}, {"place": "b", "join": "p"}, {"place": "c", "join": "q"}]
    )
    model = {"json": 1, "value": {"a": "x", "b": "x", "c": "x"}}
    value = ask(run, model)["value"]
    assert value["a"] == value["b"] != value["c"]
    assert ask(run, model, replace(META, id="b" * 32))["value"] == value
    other_flow = ask(run, model, replace(META, flow="other"))["value"]
    assert other_flow["a"] != value["a"]
    with pytest.raises(Forged):
        opened(other_flow["a"])


def test_a_tokens_length_tells_its_values_length_to_32_bytes() -> None:
    lengths = [len(KEY.seal("x" * size, WHERE)) for size in range(28)]
    assert len(set(lengths)) == 1
    assert len(KEY.seal("x" * 60, WHERE)) > lengths[0]


def test_values_are_sealed_in_every_model() -> None:
    xml = {"xml": 2, "prefixes": {}, "root": ["a", {"i": "1"}, ["t", ["b", {}, ["u"]]]]}
    assert opened(ask(made([{"place": "@i"}]), xml)["root"][1]["i"]) == "1"
    assert opened(ask(made([{"place": "b"}]), xml)["root"][2][1][2][0]) == "u"
    table = {"csv": 1, "header": ["a", "b"], "rows": [["1", "2"], ["3", "4"]]}
    rows = ask(made([{"place": "b"}]), table)["rows"]
    assert [[row[0], opened(row[1])] for row in rows] == [["1", "2"], ["3", "4"]]
    numbers = {"json": 1, "value": {"n": 5, "d": b"1.50", "z": None, "t": True}}
    sealed = ask(made([{"place": "*"}]), numbers)["value"]
    assert {name: opened(token) for name, token in sealed.items()} == numbers["value"]


def test_what_looks_like_a_token_is_sealed_like_anything_else() -> None:
    stolen = KEY.seal_joined("x", "p")
    token = ask(made([{"place": "a", "join": "p"}]), {"json": 1, "value": {"a": stolen}})["value"][
        "a"
    ]
    assert token != stolen
    assert opened(token) == stolen


def test_the_newest_key_seals_and_older_ones_open() -> None:
    old, new = TokenKey("1", SECRET, "records"), TokenKey("20261126", bytes(32), "records")
    keys = {key.key_id: key for key in (new, old)}
    assert newest(keys) is new
    run = made([{"place": "a"}], {"1": SECRET, "20261126": bytes(32)})
    token = ask(run, {"json": 1, "value": {"a": "x"}})["value"]["a"]
    assert token.startswith("tok1.g.20261126.")
    assert open_token(token, keys).value == open_token(old.seal("x", WHERE), keys).value == "x"


def test_nothing_passes_unsealed() -> None:
    model = encode({"json": 1, "value": {"a": {"b": "x"}, "c": "x" * (VALUE_BYTES_MAX + 1)}})
    answer = made([{"place": "a/b"}], {})(Message.make(META, model))
    assert isinstance(answer, Hold)
    assert answer.reason is Reason.KEY_MISSING
    assert made([{"place": "d"}])(Message.make(META, model)) == Pass("nothing to seal")
    for place, reason in (("a", Reason.MODEL_SHAPE), ("c", Reason.TEXT_TOO_LONG)):
        with pytest.raises(Malformed) as caught:
            made([{"place": place}])(Message.make(META, model))
        assert caught.value.reason is reason


def test_the_verdict_tells_places_and_the_key_and_no_value() -> None:
    answer = made([{"place": "a"}])(Message.make(META, encode({"json": 1, "value": {"a": "Doe"}})))
    assert isinstance(answer, Changed)
    assert answer.note == "sealed with 1: 1 at a"
