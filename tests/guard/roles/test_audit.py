"""What `send`, `ingest` and the tails may tell the ledger, and what becomes of anything else."""

import json

import pytest

from guard.core.facts import SourceFacts
from guard.core.session_reset import PROPOSAL_BYTES_MAX
from guard.roles.audit import of_ingest, of_send, of_tail
from schemas.entry import Entry, Kind

RIGHT: list[Entry] = [
    {"kind": Kind.SENT, "time_ms": 1, "count": 2, "last": 3},
    {"kind": Kind.SESSION, "time_ms": 1, "session": 2**32 - 1},
    {"kind": Kind.SESSION_RESET, "time_ms": 1, "session": 5, "signers": "a,b", "proposal": "x"},
]
WRONG: list[object] = [
    {"kind": "committed", "time_ms": 1, "sequence": 9, "sealed": 8, "envelope": "", "id": "00"},
    {"kind": "sent", "time_ms": 1, "count": 2, "last": 3, "number": 9},
    {"kind": "sent", "time_ms": 1, "count": 2},
    {"kind": "sent", "time_ms": 1, "count": 2, "last": 2**63},
    {"kind": "sent", "time_ms": True, "count": 2, "last": 3},
    {"kind": "session", "time_ms": 1, "session": 0},
    {"kind": "session", "time_ms": 1, "session": 2**32},
    {"kind": "session", "time_ms": 1, "session": "5"},
    {"kind": "session-reset", "time_ms": 1, "session": 5, "signers": "a",
     "proposal": "x" * (PROPOSAL_BYTES_MAX + 1)},
    {"kind": ["sent"]}, {}, [], "sent", 7, None,
]  # fmt: skip


def test_its_own_kinds_go_into_the_ledger_as_they_are() -> None:
    assert of_send(json.dumps(RIGHT).encode()) == RIGHT


@pytest.mark.parametrize("entry", WRONG, ids=str)
def test_anything_else_is_one_alarm(entry: object) -> None:
    told = of_send(json.dumps([RIGHT[0], entry]).encode())
    assert [each["kind"] for each in told] == [Kind.ALARM]


@pytest.mark.parametrize("packet", [b"", b"{", b"7", b"\xff", b"[" * 100_000, b"null"])
def test_any_packet_is_entries_or_an_alarm(packet: bytes) -> None:
    assert [each["kind"] for each in of_send(packet)] == [Kind.ALARM]


def test_the_ledgers_newest_session_counts_resets_and_never_goes_back() -> None:
    facts = SourceFacts()
    for kind, session in ((Kind.SESSION, 4), (Kind.SESSION_RESET, 90), (Kind.SESSION, 91),
                          (Kind.SESSION, 2)):  # fmt: skip
        facts.see({"kind": kind, "session": session})
    assert facts.session == 91
    assert "session" not in facts.state()


REFUSED: Entry = {
    "kind": Kind.SPOOL_REFUSED, "time_ms": 1, "id": "00", "sender": "a", "name": "b",
    "stage": "ingest", "reason": "name", "sentence": "c",
}  # fmt: skip


def test_what_ingest_refused_goes_into_the_ledger_as_it_is() -> None:
    assert of_ingest(json.dumps([REFUSED]).encode()) == [REFUSED]


@pytest.mark.parametrize(
    "entry",
    [
        REFUSED | {"number": 2**62}, REFUSED | {"kind": Kind.COMMITTED}, REFUSED | {"id": 7},
        REFUSED | {"time_ms": -1}, {"kind": Kind.SPOOL_REFUSED}, None, 7,
        {"kind": Kind.RUN, "time_ms": 1, "policy_version": 2**31, "policy_digest": ""},
        {"kind": Kind.POSTURE, "time_ms": 1, "text": ""}, {"kind": Kind.FACTS, "settled": 0},
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_of_ingest_is_one_alarm(entry: object) -> None:
    told = of_ingest(json.dumps([REFUSED, entry]).encode())
    assert [each["kind"] for each in told] == [Kind.ALARM]


@pytest.mark.parametrize("side", ["low", "high"])
@pytest.mark.parametrize("kind", [Kind.RUN, Kind.STOP, Kind.FACTS, Kind.EPOCH, Kind.SENT])
def test_a_tail_tells_nothing_that_a_start_believes_of_the_ledger_alone(
    side: str, kind: Kind
) -> None:
    held = {"kind": Kind.HELD, "time_ms": 1}
    told = of_tail(json.dumps([held, {"kind": kind, "time_ms": 1}]).encode(), side)
    assert [each["kind"] for each in told] == [Kind.HELD, Kind.ALARM]


def test_each_tail_tells_its_own_sides_kinds() -> None:
    packet = json.dumps([{"kind": Kind.COMMITTED}, {"kind": Kind.POSTURE}]).encode()
    assert len(of_tail(packet, "low")) == 2
    assert [each["kind"] for each in of_tail(packet, "high")] == [Kind.POSTURE, Kind.ALARM]
