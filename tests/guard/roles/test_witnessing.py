"""What the high side keeps of the low side's ledger over restarts, and what it lands at all."""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from guard.edge.durable_number import read_number
from guard.edge.keys import public_of
from guard.edge.spec import Spec, Value
from guard.link.params import LinkParams
from guard.roles.sieve import WITNESSED, Sieve, StatementSilence, patience_ns
from guard.roles.witnessing import STATE, Witness
from schemas.errors import Broken
from schemas.reasons import Reason
from tests.guard.report.test_witness import Low, seed

PARAMS = LinkParams()
HOUR_NS = 3_600_000_000_000
NOW_NS = 10**12


@pytest.fixture
def spec() -> Spec:
    values: dict[str, Value] = {"flow": "c2", "source_ledger": f"0 {public_of(seed(1)).hex()}"}
    return Spec("verify", "x:y", "high", {}, values, {}, {}, {})


@pytest.fixture
def clock() -> list[int]:
    """Nanoseconds that a test sets."""
    return [NOW_NS]


def text(statement: bytes) -> str:
    return b64encode(statement).decode()


def test_what_was_accepted_is_known_after_a_restart(spec: Spec, tmp_path: Path) -> None:
    low, first = Low(), Witness(spec, tmp_path, PARAMS)
    assert read_number(tmp_path / WITNESSED) == 0
    low.append(5)
    told = first.hear(3, text(low.tell()), 0, NOW_NS)
    assert told is not None
    assert str(told["checkpoint"]).startswith("checkvalve/c2/low\n5\n")
    assert read_number(tmp_path / WITNESSED) == 5
    low.append(5)
    again = Witness(spec, tmp_path, PARAMS)
    assert again.hear(4, text(low.tell()), 4, NOW_NS) is not None
    assert again.size == 10


def test_a_statement_is_judged_once_over_a_crash_and_told_the_ledger_again(
    spec: Spec, tmp_path: Path
) -> None:
    low = Low()
    statements = []
    for _ in range(3):
        low.append(5)
        statements.append(text(low.tell()))
    before = Witness(spec, tmp_path, PARAMS)
    told = [before.hear(at, each, 0, NOW_NS) for at, each in enumerate(statements)]
    after = Witness(spec, tmp_path, PARAMS)  # nothing of it was settled: all of it comes again
    again = [after.hear(at, each, 0, NOW_NS) for at, each in enumerate(statements)]
    assert [each and each["checkpoint"] for each in again] == [
        each and each["checkpoint"] for each in told
    ]
    assert list(after.due(NOW_NS)) == []


def test_a_rollback_is_an_alarm_that_stands_over_restarts_until_the_ledger_goes_on(
    spec: Spec, tmp_path: Path, clock: list[int]
) -> None:
    low, kept = Low(), Witness(spec, tmp_path, PARAMS)
    low.append(5)
    kept.hear(0, text(low.tell()), 0, NOW_NS)
    old = low.fork()
    low.append(20)
    kept.hear(1, text(low.tell()), 0, NOW_NS)
    old.append(2, "other")
    forged = text(old.tell())
    told = kept.hear(2, forged, 0, NOW_NS)
    assert told is not None
    assert (told["kind"], told["reason"]) == ("alarm", Reason.LEDGER_CHAIN)
    assert kept.hear(3, forged, 0, NOW_NS) is None  # told already
    again = Witness(spec, tmp_path, PARAMS)
    assert [each["reason"] for each in again.due(clock[0])] == [Reason.LEDGER_CHAIN]
    assert list(again.due(clock[0])) == []
    clock[0] += HOUR_NS
    assert [each["reason"] for each in again.due(clock[0])] == [Reason.LEDGER_CHAIN]
    assert again.size == 25
    low.append(1)
    assert again.hear(4, text(low.tell()), 0, NOW_NS) is not None
    clock[0] += HOUR_NS
    assert list(again.due(clock[0])) == []


def test_messages_that_no_checkpoint_covers_are_an_alarm_after_a_while(
    spec: Spec, tmp_path: Path, clock: list[int]
) -> None:
    low, kept = Low(), Witness(spec, tmp_path, PARAMS)
    kept.covers(4, clock[0])
    assert list(kept.due(clock[0])) == []
    clock[0] += patience_ns(PARAMS)
    assert [each["reason"] for each in kept.due(clock[0])] == [Reason.LEDGER_SILENT]
    low.append(4)
    kept.hear(0, text(low.tell()), 0, NOW_NS)
    clock[0] += HOUR_NS
    assert list(kept.due(clock[0])) == []


def test_a_ledger_that_no_proof_ties_to_the_one_known_is_an_alarm_after_a_while(
    spec: Spec, tmp_path: Path, clock: list[int]
) -> None:
    low, kept = Low(), Witness(spec, tmp_path, PARAMS)
    low.append(4)
    low.tell()
    low.append(4)
    assert kept.hear(0, text(low.tell()), 0, NOW_NS) is None
    clock[0] += 5 * patience_ns(PARAMS)
    assert [each["reason"] for each in kept.due(clock[0])] == [Reason.LEDGER_UNPROVEN]
    assert kept.hear(1, text(low.points.statement(0)), 0, NOW_NS) is not None
    clock[0] += HOUR_NS
    assert list(kept.due(clock[0])) == []


@pytest.mark.parametrize("harm", [b"", b"{}", b"[]", b'{"size": "x"}', b"\xff"])
def test_a_damaged_state_is_not_gone_on_with(spec: Spec, tmp_path: Path, harm: bytes) -> None:
    Witness(spec, tmp_path, PARAMS).hear(0, "?", 0, NOW_NS)
    (tmp_path / STATE).write_bytes(harm)
    with pytest.raises(Broken, match=r"docs/recovery\.md"):
        Witness(spec, tmp_path, PARAMS)


@pytest.mark.parametrize("untrusted", ["", "?", "AAAA", "QUJD" * 3000, "\u00e9"])
def test_what_is_no_statement_is_an_alarm(spec: Spec, tmp_path: Path, untrusted: str) -> None:
    told = Witness(spec, tmp_path, PARAMS).hear(0, untrusted, 0, NOW_NS)
    assert told is not None
    assert told["reason"] == Reason.RECORD_MALFORMED


def test_an_epoch_and_its_key_may_be_named_and_the_first_checkpoint_is_believed(
    spec: Spec, tmp_path: Path
) -> None:
    low = Low()
    low.append(3)
    low.ratchet()
    low.append(3)
    low.tell()
    low.append(3)
    values = spec.values | {"source_ledger": f"1 {public_of(seed(2)).hex()}"}
    kept = Witness(replace(spec, values=values), tmp_path, PARAMS)
    assert read_number(tmp_path / WITNESSED) is None
    assert kept.hear(0, text(low.tell()), 0, NOW_NS) is not None
    assert read_number(tmp_path / WITNESSED) == kept.size == 10


def test_the_sieve_lets_pass_what_goes_on_and_seldom_what_is_new(clock: list[int]) -> None:
    low, passing = Low(), Sieve()
    for _ in range(6):
        low.append(3)
        straight = low.tell()
    others = [low.points.statement(at) for at in range(6)]
    assert straight == others[5]
    assert passing.passes(others[0], 6, clock[0])  # a new checkpoint, though it does not go on
    assert [passing.passes(each, 6, clock[0]) for each in others] == [at == 2 for at in range(6)]
    assert not passing.passes(others[2], 6, clock[0])
    assert [passing.passes(each, 18, clock[0]) for each in others] == [False] * 6  # it is accepted
    low.append(3)
    late = low.tell()
    assert not passing.passes(late, 6, clock[0])  # not another one so soon
    clock[0] += Sieve.SELDOM_NS
    assert passing.passes(late, 6, clock[0])
    clock[0] += Sieve.SELDOM_NS
    assert passing.passes(late, 30, clock[0])  # it became smaller
    assert passing.passes(b"", None, clock[0])


def test_heartbeats_without_statements_are_told_once(clock: list[int]) -> None:
    silence = StatementSilence(PARAMS, NOW_NS)
    counters = {"heartbeats": 0, "checkpoints": 0}
    clock[0] += 2 * patience_ns(PARAMS)
    assert silence.events(counters, clock[0]) == []  # the link itself is silent: said elsewhere
    counters["heartbeats"] = 1000
    assert len(silence.events(counters, clock[0])) == 1
    counters["heartbeats"] = 2000
    assert silence.events(counters, clock[0]) == []
    counters["checkpoints"] = 1
    assert silence.events(counters, clock[0]) == []
    clock[0] += 2 * patience_ns(PARAMS)
    counters["heartbeats"] = 3000
    assert len(silence.events(counters, clock[0])) == 1


def test_the_state_on_disk_is_one_json_object(spec: Spec, tmp_path: Path) -> None:
    low = Low()
    low.append(3)
    Witness(spec, tmp_path, PARAMS).hear(0, text(low.tell()), 0, NOW_NS)
    state = json.loads((tmp_path / STATE).read_text())
    assert (state["size"], state["epoch"], state["fault"]) == (3, 0, None)
