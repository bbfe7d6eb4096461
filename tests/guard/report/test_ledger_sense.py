"""What an honest side would not have written is found, although every signature holds."""

import pytest

from guard.report.ledger_findings import Severity
from guard.report.ledger_sense import Sense
from schemas.entry import Entry
from schemas.reasons import Reason

NOW_MS = 1_000_000


def run(version: int = 1, time_ms: int = 100, **more: int | str) -> Entry:
    return {"kind": "run", "time_ms": time_ms, "policy_version": version, "policy_digest": "aa",
            "trust_root_version": 1, "trust_root": "bb", **more}  # fmt: skip


def committed(sequence: int, sealed: int | None = None, time_ms: int = 200) -> Entry:
    return {"kind": "committed", "time_ms": time_ms, "sequence": sequence,
            "sealed": sequence - 1 if sealed is None else sealed}  # fmt: skip


def sent(last: int) -> Entry:
    return {"kind": "sent", "time_ms": 200, "last": last, "count": 1}


def decided(hold: int) -> Entry:
    return {"kind": "held", "time_ms": 200, "hold": hold, "decision": "disagreed"}


def facts(reviewed: str) -> Entry:
    return {"kind": "facts", "time_ms": 200, "sequence": 0, "sealed": 0, "reviewed": reviewed}


def judged(*entries: Entry, first: int = 0) -> list[tuple[Reason, str]]:
    sense = Sense(NOW_MS)
    sense.see_all(first, entries)
    return [(finding.reason, finding.place) for finding in sense.findings]


RIGHT = (run(), committed(1), sent(1), committed(2), committed(3), sent(3), run(2))


def test_what_an_honest_side_writes_is_nothing_to_find() -> None:
    assert judged(*RIGHT) == []
    assert judged(*RIGHT[1:], first=9) == []  # its beginning was let go


@pytest.mark.parametrize(
    ("entries", "reason", "place"),
    [
        ((run(), committed(1), committed(3, sealed=1)), Reason.LEDGER_CHAIN, "entry 2"),
        ((run(), committed(2), committed(2, sealed=2)), Reason.LEDGER_CHAIN, "entry 2"),
        ((run(), committed(1), committed(2, sealed=5)), Reason.LEDGER_CHAIN, "entry 2"),
        ((run(), committed(1), sent(2)), Reason.LEDGER_CHAIN, "entry 2"),
        ((run(3), committed(1), run(2)), Reason.POLICY_ROLLED_BACK, "entry 2"),
        ((committed(1),), Reason.LEDGER_CHAIN, "entry 0"),
        ((run(time_ms=90_000), committed(1, time_ms=80_000)), Reason.CLOCK, "entry 1"),
        ((run(time_ms=NOW_MS + 90_000_000),), Reason.CLOCK, "entry 0"),
        ((run(insecure=1),), Reason.SANDBOX_MISSING, "entry 0"),
        ((run(), decided(4), decided(3), decided(4)), Reason.LEDGER_CHAIN, "entry 3"),
        ((run(), facts("2-4,9"), decided(5), decided(9)), Reason.LEDGER_CHAIN, "entry 3"),
    ],
)
def test_each_is_found_once_and_where_it_is(
    entries: tuple[Entry, ...], reason: Reason, place: str
) -> None:
    assert judged(*entries) == [(reason, place)]


def test_a_clock_and_a_sandbox_are_doubts_and_not_findings() -> None:
    sense = Sense(NOW_MS)
    sense.see_all(0, [run(time_ms=90_000, insecure=1), committed(1, time_ms=100)])
    assert {finding.severity for finding in sense.findings} == {Severity.DOUBT}


def test_facts_are_where_the_numbers_go_on() -> None:
    facts: Entry = {"kind": "facts", "time_ms": 1, "sequence": 40, "sealed": 40}
    assert judged(run(), facts, committed(41)) == []
    assert judged(run(), facts, committed(40)) != []


def test_a_flood_of_one_kind_is_told_a_few_times() -> None:
    entries = [run(), *(committed(2 * n, sealed=n) for n in range(1, 200))]
    assert len(judged(*entries)) == 20


def test_what_was_told_of_later_is_no_clock_that_went_back() -> None:
    """A key that was changed, and what landed, while the lane was down."""
    late: tuple[Entry, ...] = tuple(
        {"kind": kind, "time_ms": 1_000} for kind in ("key", "alarm", "gap", "session", "witness")
    )
    assert judged(run(time_ms=90_000), *late, committed(1, time_ms=90_001)) == []
