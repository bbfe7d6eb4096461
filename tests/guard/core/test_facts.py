"""Where a side goes on after a crash, from its ledger's entries alone."""

from guard.core.facts import (
    CLOSING_MAX,
    HANDLED_RANGES_MAX,
    REVIEWED_RANGES_MAX,
    DestinationFacts,
    SourceFacts,
)
from schemas.entry import Entry, Kind


def committed(number: int, sequence: int) -> Entry:
    return {
        "kind": Kind.COMMITTED, "number": number, "sequence": sequence, "sealed": sequence - 1,
        "envelope": f"{sequence:064x}",
    }  # fmt: skip


def test_a_new_source_side_begins_at_the_beginning() -> None:
    state = {"settled": 0, "sequence": 0, "sealed": 0, "envelope": "", "sent": 0}
    assert SourceFacts().state() == state | {"reviewed": "", "closing": ""}


def test_the_source_side_goes_on_after_what_the_ledger_has() -> None:
    facts = SourceFacts()
    entries: list[Entry] = [
        {"kind": Kind.RUN}, committed(0, 1), {"kind": Kind.REFUSED, "number": 1}, committed(2, 2),
        {"kind": Kind.HELD, "number": 3}, {"kind": Kind.SENT, "last": 2}, {"kind": Kind.STOP},
    ]  # fmt: skip
    for entry in entries:
        facts.see(entry)
    assert facts.state() == {
        "settled": 4, "sequence": 2, "sealed": 2, "envelope": f"{2:064x}", "sent": 2,
        "reviewed": "", "closing": "",
    }  # fmt: skip


def reviewed(kind: Kind, number: int, hold: int) -> Entry:
    return {"kind": kind, "number": number, "hold": hold, "id": f"{number:032x}"}


def test_the_source_side_knows_which_holds_were_decided_and_what_left_held() -> None:
    facts = SourceFacts()
    entries = [reviewed(Kind.HELD, 5, 2), reviewed(Kind.REFUSED, 6, 5),
               committed(7, 1) | reviewed(Kind.COMMITTED, 7, 3)]  # fmt: skip
    for entry in entries:
        facts.see(entry)
    state = facts.state()
    assert state["reviewed"] == "2-3,5"
    assert state["closing"] == f"{6:032x} 5\n{7:032x} 3"
    again = SourceFacts()
    again.see(facts.entry(1))
    assert again.state() == state
    older = facts.entry(1)
    del older["reviewed"], older["closing"]
    again.see(older)  # of a ledger that an older version pruned
    assert again.state() == state | {"reviewed": "", "closing": ""}


def test_what_is_known_of_reviews_has_a_bound() -> None:
    facts = SourceFacts()
    for hold in range(0, 20_000, 2):
        facts.see(committed(hold + 1, 1) | reviewed(Kind.COMMITTED, hold + 1, hold))
    assert len(facts.reviewed) == REVIEWED_RANGES_MAX
    assert 1 in facts.reviewed
    assert 19_997 not in facts.reviewed
    assert len(facts.closing) == CLOSING_MAX


def delivering(number: int, sequence: int) -> Entry:
    return {
        "kind": Kind.DELIVERING, "number": number, "sequence": sequence,
        "id": f"{sequence:032x}", "queues": "new",
    }  # fmt: skip


def test_holes_too_old_to_be_filled_are_closed_so_that_a_state_stays_small() -> None:
    facts = DestinationFacts()
    for sequence in range(2, 20_002, 2):
        facts.see({"kind": Kind.HELD, "number": sequence, "sequence": sequence})
    assert len(facts.handled) == HANDLED_RANGES_MAX
    assert 3 in facts.handled
    assert 19_999 not in facts.handled
    assert len(str(facts.state()["handled"])) < 100_000


def test_the_destination_side_finishes_what_was_under_way() -> None:
    facts = DestinationFacts()
    entries: list[Entry] = [
        delivering(0, 1), delivering(1, 2), {"kind": Kind.DELIVERED, "count": 2}, delivering(2, 4),
        {"kind": Kind.GAP, "number": 3, "first": 3, "last": 3},
        {"kind": Kind.HELD, "number": 4, "sequence": 5},
        {"kind": Kind.HELD, "number": 5, "sequence": 0},
        {"kind": Kind.HELD, "number": 6, "sequence": 9, "stage": "verify"},
    ]  # fmt: skip
    for entry in entries:
        facts.see(entry)
    assert facts.state() == {
        "settled": 7, "handled": "1-2,4-5", "delivering": f"{4:032x} new", "delivered": 0,
    }  # fmt: skip


def test_the_newest_batch_is_known_until_the_next_one_is_told() -> None:
    facts = DestinationFacts()
    facts.see(delivering(0, 1))
    facts.see(delivering(1, 2))
    facts.see({"kind": Kind.DELIVERED, "count": 2})
    state = facts.state()
    assert (state["delivering"], state["delivered"]) == (f"{1:032x} new\n{2:032x} new", 1)
    facts.see(delivering(2, 3))
    state = facts.state()
    assert (state["delivering"], state["delivered"]) == (f"{3:032x} new", 0)


def test_what_was_sent_again_and_the_newest_notice_are_known_after_a_start() -> None:
    facts = SourceFacts()

    def resend(number: int, notice_s: int = 0) -> Entry:
        return {"kind": Kind.RESEND, "resend": number, "notice_s": notice_s}

    def ended(number: int) -> Entry:
        return {"kind": Kind.RESENT, "resend": number}

    for entry in (resend(1, 50), ended(1), resend(2, 40)):
        facts.see(entry)
    assert facts.of_send() == {"session": 0, "resend": 2, "resent": 1, "notice_s": 50}
    for entry in (resend(9, 99), resend(2**53, 99), ended(9)):
        facts.see(entry)  # a `send` that was taken over does not use up the numbers
    assert facts.of_send() == {"session": 0, "resend": 2, "resent": 1, "notice_s": 50}
    again = SourceFacts()
    again.see(facts.entry(1))
    assert (again.of_send(), again.state()) == (facts.of_send(), facts.state())
    again.see({"kind": Kind.RESENT, "resend": 2})
    assert again.of_send()["resent"] == 2


def test_facts_of_an_older_version_have_nothing_that_was_sent_again() -> None:
    old = SourceFacts().entry(1)
    for name in ("sent", "resend", "resent", "notice_s"):
        del old[name]
    facts = SourceFacts()
    facts.see(old)
    assert facts.of_send() == {"session": 0, "resend": 0, "resent": 0, "notice_s": 0}
