"""Metadata: one canonical form, bounds, and any other bytes."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.message import (
    BINDING_CHARACTERS_MAX,
    META_BYTES_MAX,
    QUEUES_CHARACTERS_MAX,
    Message,
    Meta,
)

META = Meta(id="00112233445566778899aabbccddeeff", flow="tracks", sender="alpha", name="a.xml",
            accepted_s=1_700_000_000, label="UNCLASSIFIED")  # fmt: skip
TEXTS = {
    "flow": 64, "sender": 64, "name": 255, "type": 127, "label": 256, "destination": 64,
    "queues": QUEUES_CHARACTERS_MAX,
}  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"])


def test_metadata_is_canonical_json() -> None:
    assert META.write() == (
        b'{"accepted_s":1700000000,"destination":"","flow":"tracks",'
        b'"id":"00112233445566778899aabbccddeeff","label":"UNCLASSIFIED","name":"a.xml",'
        b'"precedence":0,"queues":"","sender":"alpha","type":""}'
    )


WRITTEN = {name: st.text(CHARACTERS, max_size=most) for name, most in TEXTS.items()}


@given(st.fixed_dictionaries(WRITTEN), st.integers(0, 4), st.integers(0, 2**40))
def test_metadata_comes_back(texts: dict[str, str], precedence: int, accepted_s: int) -> None:
    meta = replace(META, precedence=precedence, accepted_s=accepted_s, **texts)
    assert Meta.read(meta.write()) == meta
    assert Message.make(meta, b"x").meta == meta


def test_the_longest_metadata_fits_its_bound() -> None:
    longest = replace(META, **{name: "\U0001f600" * most for name, most in TEXTS.items()})  # type: ignore[arg-type] # texts all
    longest = replace(longest, binding="b" * BINDING_CHARACTERS_MAX)
    assert len(longest.write()) <= META_BYTES_MAX
    assert Meta.read(longest.write()) == longest


def test_a_binding_is_written_only_where_there_is_one() -> None:
    bound = replace(META, binding="AZaz09-_")
    assert b'"binding":"AZaz09-_"' in bound.write()
    assert Meta.read(bound.write()) == bound
    for wrong in ("", "a=", "a b", "é", "\n", "b" * (BINDING_CHARACTERS_MAX + 1)):
        untrusted = json.loads(META.write()) | {"binding": wrong}
        with pytest.raises(Malformed):
            Meta.read(json.dumps(untrusted, sort_keys=True, separators=(",", ":")).encode())


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_metadata_or_malformed(noise: bytes) -> None:
    with pytest.raises(Malformed):
        Meta.read(noise)


VALUES: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([])
)


@given(st.sampled_from([field.name for field in fields(Meta)]), VALUES)
def test_any_value_in_any_field(name: str, value: object) -> None:
    untrusted = json.loads(META.write()) | {name: value}
    written = json.dumps(untrusted, sort_keys=True, separators=(",", ":")).encode()
    try:
        meta = Meta.read(written)
    except Malformed:
        return
    assert meta.write() == written


GOOD = META.write()


@pytest.mark.parametrize(
    "other",
    [
        GOOD + b" ", b" " + GOOD, GOOD.replace(b":", b": "), GOOD[:-1] + b',"x":1}',
        GOOD.replace(b'"type":""', b'"typo":""'), GOOD.replace(b',"type":""', b""),
        GOOD.replace(b'"precedence":0', b'"precedence":5'), GOOD.replace(b":0,", b":-1,"),
        GOOD.replace(b":0,", b":true,"), GOOD.replace(b":0,", b":0.0,"),
        GOOD.replace(b":0,", b":00,"),
        GOOD.replace(b":0,", b":0,\"precedence\":0,"), GOOD.replace(b"a.xml", b"\xff"),
        GOOD.replace(b"a.xml", b"\\u0061.xml"), GOOD.replace(b"a.xml", "é".encode()),
        GOOD.replace(b"a.xml", b"\\ud800"), GOOD.replace(b"a.xml", b"\\udfff\\ud800"),
        GOOD.replace(b"0011", b"zz11"), GOOD.replace(b"0011", b"001"),
        GOOD.replace(b"aabb", b"AABB"),
        GOOD.decode().encode("utf-16"), b"[" * 20_000, b'{"a":' * 4000, b"null", b"",
        GOOD.replace(b":0,", b":" + b"9" * 5000 + b","), replace(META, name="n" * 256).write(),
        replace(META, accepted_s=2**40 + 1).write(),
    ],
)  # fmt: skip
def test_another_form_is_malformed(other: bytes) -> None:
    with pytest.raises(Malformed):
        Meta.read(other)
