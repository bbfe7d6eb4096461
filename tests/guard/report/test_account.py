"""The account of a flow from two ledgers: every message in one place, and what does not add up."""

from hypothesis import given
from hypothesis import strategies as st

from guard.report.account import Account
from schemas.entry import Entry, Kind


def name(number: int) -> str:
    return f"{number:032x}"


def commit(number: int) -> Entry:
    return {"kind": Kind.COMMITTED, "id": name(number), "sequence": number, "name": f"{number}.xml"}


def deliver(number: int) -> list[Entry]:
    return [
        {"kind": Kind.DELIVERING, "id": name(number), "sequence": number, "queues": "new"},
        {"kind": Kind.DELIVERED, "count": 1},
    ]


def hold(number: int, ident: int | None = None) -> Entry:
    return {"kind": Kind.HELD, "id": name(ident or number), "sequence": number}


def gap(first: int, last: int) -> Entry:
    return {"kind": Kind.GAP, "first": first, "last": last}


def account(low: list[Entry], high: list[Entry]) -> Account:
    made = Account()
    for entry in low:
        made.see_low(entry)
    for entry in high:
        made.see_high(entry)
    return made


def sent(last: int) -> list[Entry]:
    return [*(commit(n) for n in range(1, last + 1)), {"kind": Kind.SENT, "last": last}]


def places(made: Account) -> tuple[int, int, int, int, int]:
    return made.sent, len(made.delivered), len(made.held_high), made.gaps, made.lost


def test_everything_that_was_sent_is_somewhere() -> None:
    made = account(sent(5), [*deliver(1), *deliver(2), hold(3), gap(4, 5), *deliver(5)])
    assert places(made) == (5, 3, 1, 1, 0)
    assert made.duplicates == 0


def test_what_is_nowhere_is_lost() -> None:
    assert account(sent(3), [*deliver(1), *deliver(3)]).lost == 1
    assert account(sent(3), []).lost == 3
    assert account(sent(2), deliver(1)[:1]).lost == 2  # a rename that was never told


def test_nothing_that_came_twice_hides_a_loss() -> None:
    """Something forged is held under number 1, then the true one comes: number 2 is still lost."""
    made = account(sent(2), [hold(1, ident=77), *deliver(1)])
    assert places(made) == (2, 1, 0, 0, 1)
    later = account(sent(2), [*deliver(1), hold(1, ident=77)])
    assert places(later) == (2, 1, 0, 0, 1)


def test_a_gap_that_arrived_late_is_none() -> None:
    made = account(sent(9), [gap(2, 9), *(e for n in range(1, 10) for e in deliver(n))])
    assert places(made) == (9, 9, 0, 0, 0)
    assert made.late == 8
    assert account(sent(3), [gap(1, 2), *deliver(3), *deliver(2)]).late == 1
    assert account(sent(1), [*deliver(1), gap(1, 1)]).late == 0


def test_what_comes_late_and_is_held_is_no_gap_any_more() -> None:
    made = account(sent(3), [gap(1, 2), *deliver(3), hold(1)])
    assert places(made) == (3, 1, 1, 1, 0)


def test_a_gap_as_large_as_numbers_go_costs_nothing() -> None:
    made = account(sent(1), [*deliver(1), gap(2, 2**63), gap(2**62, 2**63)])
    assert made.gaps == 2**63 - 1
    assert made.lost == 0


def test_what_was_decided_twice_is_a_duplicate() -> None:
    refused: Entry = {"kind": Kind.REFUSED, "id": name(1), "reason": "dirty-word"}
    held: Entry = {"kind": Kind.HELD, "id": name(1)}
    for again in (commit(1), refused, held):
        assert account([commit(1), again], []).duplicates == 1
    assert account(sent(1), deliver(1) * 2).duplicates == 1


def test_what_reviewers_decided_is_in_one_place_and_no_duplicate() -> None:
    held: Entry = {"kind": Kind.HELD, "id": name(1), "number": 7}
    again = held | {"number": 8, "hold": 7}
    made = account([held], [])
    assert (made.decided, list(made.held)) == (1, [name(1)])
    made = account([held, again], [])
    assert (made.decided, list(made.held), made.duplicates) == (1, [name(1)], 0)
    made = account([held, again, commit(1) | {"hold": 8}], [])
    assert (made.decided, len(made.committed), len(made.held), made.duplicates) == (1, 1, 0, 0)
    refused: Entry = {"kind": Kind.REFUSED, "id": name(1), "reason": "review-refused", "hold": 7}
    made = account([held, refused], [])
    assert (made.decided, len(made.refused), len(made.held), made.duplicates) == (1, 1, 0, 0)


def test_a_second_fate_is_a_duplicate_unless_it_is_of_the_hold_that_was_decided() -> None:
    held: Entry = {"kind": Kind.HELD, "id": name(1), "number": 7}
    for second in (commit(1), commit(1) | {"hold": 6}, held | {"number": 8}):
        assert account([held, second], []).duplicates == 1
    twice = commit(1) | {"hold": 7}
    assert account([held, twice, twice], []).duplicates == 1


def test_a_drop_that_was_refused_in_the_spool_and_told_again_is_one() -> None:
    drop: Entry = {"kind": Kind.SPOOL_REFUSED, "id": name(1), "reason": "symbolic-link"}
    made = account([drop, drop], [])
    assert (made.duplicates, made.decided, made.refusals) == (0, 1, {"symbolic-link": 1})


def test_a_hold_before_any_number_is_told_but_takes_no_place() -> None:
    made = account(sent(1), [hold(0), *deliver(1)])
    assert places(made) == (1, 1, 0, 0, 0)


@given(st.lists(st.sampled_from(["delivered", "held", "gap", "lost", "late"]), max_size=30))
def test_the_places_always_add_up(fates: list[str]) -> None:
    high: list[Entry] = []
    for number, fate in enumerate(fates, start=1):
        if fate in ("gap", "late"):
            high.append(gap(number, number))
        if fate in ("delivered", "late"):
            high += deliver(number)
        if fate == "held":
            high.append(hold(number))
    made = account(sent(len(fates)), high)
    delivered = fates.count("delivered") + fates.count("late")
    wanted = len(fates), delivered, fates.count("held"), fates.count("gap"), fates.count("lost")
    assert places(made) == wanted
