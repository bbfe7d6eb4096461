"""Two ledgers held against each other: each way in which they may differ is told, and no other."""

import pytest

from guard.report.reconcile import Reconciler, Reconciliation
from schemas.entry import Entry


def committed(sequence: int) -> Entry:
    return {"kind": "committed", "sequence": sequence, "id": f"{sequence:032x}",
            "payload": f"p{sequence}", "envelope": f"{sequence:064x}",
            "policy_digest": "aa"}  # fmt: skip


def delivering(sequence: int, **more: int | str) -> Entry:
    return {"kind": "delivering", "sequence": sequence, "id": f"{sequence:032x}",
            "sealed_payload": f"p{sequence}", "source_policy": "aa", **more}  # fmt: skip


def held(sequence: int) -> Entry:
    return {"kind": "held", "sequence": sequence, "id": f"{sequence:032x}"}


def gap(first: int, last: int) -> Entry:
    return {"kind": "gap", "first": first, "last": last}


LOW: list[Entry] = [*map(committed, range(1, 11)), {"kind": "sent", "last": 9, "count": 9}]


def told(high: list[Entry], low: list[Entry] | None = None) -> Reconciliation:
    reconciler = Reconciler()
    for number, entry in enumerate(LOW if low is None else low):
        reconciler.see_low(number, entry)
    for number, entry in enumerate(high):
        reconciler.see_high(number, entry)
    return reconciler.result()


def test_everything_in_its_place_is_no_difference() -> None:
    again: Entry = {"kind": "duplicate"}
    high = [*map(delivering, range(1, 6)), held(6), gap(7, 8), delivering(8), delivering(9), again]
    found = told(high)
    assert found.ok
    assert (found.committed, found.sent, found.unsent) == (10, 9, 1)
    assert (found.delivered, found.held, found.gaps, found.lost) == (7, 1, 1, 0)
    assert (found.under_way, found.duplicates) == (0, 1)


def test_what_is_behind_the_newest_arrival_is_under_way_and_not_lost() -> None:
    found = told([*map(delivering, range(1, 5))])
    assert found.ok
    assert (found.under_way, found.lost) == (5, 0)


def test_what_was_passed_over_in_silence_is_lost() -> None:
    found = told([delivering(1), delivering(5), gap(6, 6), *map(delivering, range(7, 10))])
    (difference,) = found.differences
    assert (difference.what, difference.first, difference.last) == ("lost", 2, 4)
    assert (found.lost, found.count) == (3, 3)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (delivering(11), "foreign"), (held(12), "foreign"),
        (delivering(9, sealed_payload="other"), "different"),
        (delivering(9, source_policy="bb"), "different"),
        (delivering(9, id="f" * 32), "different"),
    ],
)  # fmt: skip
def test_what_was_never_sent_like_that_is_told(entry: Entry, what: str) -> None:
    found = told([*map(delivering, range(1, 9)), entry, *([delivering(9)] * (what == "foreign"))])
    assert [each.what for each in found.differences] == [what]


def test_two_messages_under_one_number_are_told() -> None:
    found = told([*map(delivering, range(1, 10)), delivering(4, id="e" * 32)])
    assert {each.what for each in found.differences} == {"doubled", "different"}


def test_a_compact_manifest_names_the_message_by_its_envelope() -> None:
    high = [delivering(n, id=f"{n:064x}"[:32]) for n in range(1, 10)]
    assert told(high).ok


def test_a_held_message_that_is_delivered_later_is_delivered() -> None:
    found = told([held(1), *map(delivering, range(1, 10))])
    assert (found.ok, found.held, found.delivered) == (True, 0, 9)
