"""The records of the journals: accepted, sealed, landed; whole, cut short, and any bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.accepted import read_accepted, write_accepted
from schemas.entry import Kind, alarm
from schemas.errors import Malformed
from schemas.reasons import REASON_BYTES_MAX, Reason
from schemas.sealed import (
    Landed,
    read_landed,
    read_sealed,
    write_landed,
    write_landed_event,
    write_sealed,
)

POLICY = bytes(range(32))
NUMBERS = st.integers(0, 2**64 - 1)


@given(st.binary(), st.binary(), st.binary())
def test_an_accepted_record_comes_back(meta: bytes, origin: bytes, payload: bytes) -> None:
    record = b"".join(write_accepted(meta, origin, payload))
    assert read_accepted(record) == (meta, origin, payload)
    for cut in range(8 + len(meta) + len(origin)):
        with pytest.raises(Malformed):
            read_accepted(record[:cut])


@given(NUMBERS, st.integers(0, 4), st.binary(min_size=1))
def test_sealed_and_landed_records_come_back(
    sequence: int, precedence: int, envelope: bytes
) -> None:
    sealed = b"".join(write_sealed(sequence, precedence, POLICY, envelope))
    assert read_sealed(sealed) == (sequence, precedence, POLICY, envelope)
    landed = b"".join(write_landed(sequence, precedence, envelope))
    assert read_landed(landed) == (Landed.ENVELOPE, sequence, envelope)
    for cut in range(10):
        with pytest.raises(Malformed):
            read_sealed(sealed[: 41 - cut])
        with pytest.raises(Malformed):
            read_landed(landed[:cut])


def test_an_event_lands_between_envelopes() -> None:
    event: dict[str, int | str] = {"kind": Kind.GAP, "first": 4, "last": 9}
    kind, sequence, content = read_landed(b"".join(write_landed_event(event)))
    assert (kind, sequence, json.loads(content)) == (Landed.EVENT, 0, event)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_malformed(noise: bytes) -> None:
    for read, write in (
        (read_accepted, write_accepted), (read_sealed, write_sealed), (read_landed, None)
    ):  # fmt: skip
        try:
            parts = read(noise)
        except Malformed:
            continue
        if write is not None:
            assert b"".join(write(*parts)) == noise


def test_reasons_fit_a_receipt_and_are_told_apart() -> None:
    assert all(len(reason.encode("ascii")) <= REASON_BYTES_MAX for reason in Reason)
    assert len({reason.value for reason in Reason}) == len(Reason)


def test_an_alarm_is_flat_text_and_numbers() -> None:
    entry = alarm(5, Reason.RECEIPT_FORGED, "the receipt is not its")
    assert entry["kind"] == "alarm"
    assert all(type(value) in (int, str) or isinstance(value, str) for value in entry.values())
