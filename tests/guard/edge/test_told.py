"""What an owned process may tell its supervisor: facts, of their types, within their bounds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.edge.told import read_receiver, read_sender
from schemas.errors import Malformed

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LANDED = {"what": "landed", "sequence": 7, "total": 9, "late": False, "time_ns": 1, "cpu_ns": 2}


@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_fact_or_malformed(packet: bytes) -> None:
    for read in (read_receiver, read_sender):
        try:
            fact = read(packet)
        except Malformed:
            continue
        assert isinstance(fact["what"], str)


@given(st.sampled_from(sorted(LANDED)), ANY_JSON)
def test_a_field_of_another_type_is_malformed(name: str, value: object) -> None:
    changed = LANDED | {name: value}
    try:
        fact = read_receiver(json.dumps(changed).encode())
    except Malformed:
        return
    assert fact["what"] in {"landed"}
    assert [type(fact[each]) for each in LANDED] == [type(each) for each in LANDED.values()]


@pytest.mark.parametrize(
    "packet",
    [
        json.dumps(LANDED | {"sequence": "../../etc/x"}).encode(),
        json.dumps(LANDED | {"sequence": -1}).encode(),
        json.dumps(LANDED | {"sequence": 2**64}).encode(),
        json.dumps(LANDED | {"sequence": True}).encode(),
        json.dumps(LANDED | {"more": 1}).encode(),
        b'{"what": "gap", "first": 9, "last": 8}',
        b'{"what": "gap", "first": 1}',
        b'{"what": ["gap"]}',
        b'{"what": "file", "sequence": 1}',
        b'{"what": "progress", "counters": {"datagrams": "many"}}',
        b'{"what": "alarm", "reason": "x", "sentence": "' + b"y" * 2000 + b'"}',
        b"[" * 100_000,
        b"9" * 5000,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_could_mislead_is_malformed(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read_receiver(packet)


def test_what_is_told_in_truth_is_a_fact() -> None:
    assert read_receiver(json.dumps(LANDED).encode()) == LANDED
    assert read_sender(b'{"what": "down", "counters": {"blocks": 3}, "sentence": "no route"}')
