"""What the high side makes of a low side's ledger: grown, cut off, rolled back, written anew.

The attackers here hold the current sealing key. What they make is signed as it should be.
"""

import copy
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.core.ledger import Ledger
from guard.core.merkle import Span, consistency_between, consistency_proof, tree_root
from guard.core.witnessing import STATEMENT_BYTES_MAX, Points
from guard.edge.keys import public_of
from guard.report.ledger_keys import EpochKey
from guard.report.ledger_tree import grew
from guard.report.witness import NOTHING, Seen, StatementError, read_statement, witness
from schemas.entry import Entry
from schemas.reasons import Reason
from tests.guard.ledgers import sealed

ORIGIN = "checkvalve/c2/low"
leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def seed(number: int) -> bytes:
    return number.to_bytes(32, "big")


NOTHING_SEEN = Seen(0, b"", EpochKey(0, public_of(seed(1))))


class Low:
    """A low side's ledger and what it tells."""

    def __init__(self) -> None:
        self.ledger: Ledger = sealed(ORIGIN, seed(1))
        self.points = Points()
        self.told: list[int] = []

    def append(self, count: int = 1, kind: str = "sent") -> None:
        first = self.ledger.size
        batch: list[Entry] = [
            {"kind": kind, "time_ms": first + at, "number": first + at} for at in range(count)
        ]
        _, self.note = self.ledger.batch(batch)
        self.points.grown(self.ledger, self.note)

    def ratchet(self) -> None:
        following = seed(self.ledger.epoch + 2)
        _, self.note = self.ledger.turn(public_of(following), 7)
        self.points.grown(self.ledger, self.note)
        self.ledger.seal(following)

    def tell(self) -> bytes:
        """A point of what there is now, and the statement that goes straight to it."""
        assert self.points.take(self.ledger, self.note)
        self.told.append(self.ledger.size)
        return self.points.next_statement()

    def fork(self) -> "Low":
        """All of it, key included, as it is now."""
        made = copy.copy(self)
        made.ledger, sign = copy.copy(self.ledger), self.ledger._sign
        made.ledger._sign = None
        made.ledger = copy.deepcopy(made.ledger)
        made.ledger._sign = sign
        made.points, made.told = copy.deepcopy(self.points), list(self.told)
        return made


def grown(*counts: int) -> tuple[Low, Seen]:
    """A low side, and what the high side has seen of it."""
    low, seen = Low(), NOTHING_SEEN
    for count in counts:
        low.append(count)
        seen = accepted(seen, low.tell())
    return low, seen


def accepted(seen: Seen, statement: bytes) -> Seen:
    found = witness(ORIGIN, seen, statement)
    assert found is not None
    return found[0]


def refused(seen: Seen, statement: bytes) -> Reason:
    with pytest.raises(StatementError) as caught:
        witness(ORIGIN, seen, statement)
    return caught.value.reason


@given(leaves, st.data())
def test_a_proof_from_spans_is_the_proof_of_rfc_6962(
    hashes: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(hashes)))
    cut = data.draw(st.integers(old, len(hashes)))
    tree, rest, more = Span(), Span(old), Span(cut)
    tree.extend(hashes[:old])
    rest.extend(hashes[old:cut])
    more.extend(hashes[cut:])
    rest.join(more)
    proof = consistency_between(tree, rest)
    assert proof == consistency_proof(hashes, old)
    assert grew(old, tree_root(hashes[:old]), len(hashes), tree_root(hashes), proof)


@given(leaves, st.data())
def test_a_changed_proof_root_or_size_proves_nothing(
    hashes: list[bytes], data: st.DataObject
) -> None:
    size = len(hashes)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(hashes, old)
    old_root, root = tree_root(hashes[:old]), tree_root(hashes)
    other = bytes(31) + b"\1"
    harms: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old, other, size, root, proof), (old, old_root, size, other, proof),
        (old, old_root, size, root, [*proof, other]),
    ]  # fmt: skip
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        harms += [
            (old, old_root, size, root, [*proof[:at], other, *proof[at + 1 :]]),
            (old, old_root, size, root, proof[:at] + proof[at + 1 :]),
            (size, old_root, old, root, proof),
        ]
    for harm in harms:
        assert not grew(*harm)


@pytest.mark.parametrize("outage", [3, 30, 100])
def test_an_outage_is_made_up_for_within_a_few_times_its_length(outage: int) -> None:
    """Over epochs, and though every fifth point is lost besides."""
    low, seen = Low(), NOTHING_SEEN
    chance = random.Random(outage)
    behind, worst = 0, 0
    for step in range(900):
        low.append(chance.randrange(1, 40))
        if step % 50 == 30:
            low.ratchet()
            low.append()
        statements = [low.tell(), *(low.points.next_statement() for _ in range(11))]
        if step % 300 >= outage and chance.random() > 0.2:
            for statement in statements:
                found = witness(ORIGIN, seen, statement)
                seen = found[0] if found else seen
        behind = 0 if seen.size == low.ledger.size else behind + 1
        worst = max(worst, behind)
    assert worst <= 4 * outage + 30
    assert seen.key.epoch == 18


def test_what_was_not_heard_of_does_not_alarm_and_is_waited_for() -> None:
    low, seen = grown(3)
    low.append(4)
    low.tell()
    low.append(5)
    assert witness(ORIGIN, seen, low.tell()) is None
    statement = low.points.statement(1)
    assert read_statement(statement).old_size == 3
    assert accepted(seen, statement).size == 12


def test_the_same_checkpoint_again_adds_nothing() -> None:
    low, seen = grown(3, 4)
    assert witness(ORIGIN, seen, low.points.statement(1)) is None


def cut_off(low: Low) -> bytes:
    """Rolled back to what it was before, key and all: it goes on from there."""
    low.append(1, "other")
    return low.tell()


def rolled_back(low: Low) -> bytes:
    """An old copy that tells what it told then."""
    return low.points.statement(len(low.told) - 1)


@pytest.mark.parametrize("attack", [cut_off, rolled_back])
def test_a_ledger_that_became_smaller_is_noticed(attack: Callable[[Low], bytes]) -> None:
    low, seen = grown(5, 5)
    before = low.fork()
    low.append(30)
    seen = accepted(seen, low.tell())
    assert refused(seen, attack(before)) is Reason.LEDGER_CHAIN


@pytest.mark.parametrize("others", [1, 20, 21, 100])
def test_a_fork_signed_with_the_current_key_is_noticed_at_any_size(others: int) -> None:
    low, _ = grown(5, 5)
    fork = low.fork()
    low.append(20)
    seen = accepted(grown(5, 5)[1], low.tell())
    fork.append(others, "other")
    forged = fork.tell()
    if fork.ledger.size > seen.size:
        assert witness(ORIGIN, seen, forged) is None  # it does not say that it goes on from there
        forged = pretending(forged, seen.size)
    expected = Reason.LEDGER_CHAIN if fork.ledger.size < seen.size else Reason.LEDGER_TREE
    assert refused(seen, forged) is expected


def pretending(statement: bytes, old_size: int) -> bytes:
    return statement[:4] + old_size.to_bytes(8, "big") + statement[12:]


def test_entries_of_an_earlier_epoch_cannot_be_written_anew_with_the_current_key() -> None:
    """The thief has epoch 1's key; the high side has seen nothing yet, so the key must tell."""
    low = Low()
    low.append(5)
    low.ratchet()
    thief = sealed(ORIGIN, seed(1))
    thief.batch([{"kind": "other", "time_ms": 1}] * 5)
    thief.key = public_of(seed(2))
    thief.seal(seed(2))
    _, note = thief.batch([{"kind": "other", "time_ms": 2}])
    points = Points()
    points._points[-1].segment.extend([bytes(32)] * 6)
    points.take(thief, note)
    assert refused(NOTHING_SEEN, points.next_statement()) is Reason.LEDGER_SIGNATURE


def test_a_key_that_the_one_before_did_not_certify_is_refused() -> None:
    low = Low()
    low.append(5)
    low.ratchet()
    low.append(2)
    statement = low.tell()
    for at in (25, 40, 80, 120):  # where it begins, its key, the signature
        harmed = statement[:at] + bytes([statement[at] ^ 1]) + statement[at + 1 :]
        assert refused(NOTHING_SEEN, harmed) is Reason.LEDGER_SIGNATURE
    other = Seen(0, b"", EpochKey(0, public_of(seed(9))))
    assert refused(other, statement) is Reason.LEDGER_SIGNATURE


def test_another_ledgers_statements_are_refused() -> None:
    low, _ = grown(3)
    with pytest.raises(StatementError, match="of another ledger"):
        witness("checkvalve/c2/high", NOTHING_SEEN, low.points.statement(0))


def test_with_a_key_and_no_tree_the_first_checkpoint_of_that_key_is_believed() -> None:
    low = Low()
    low.append(5)
    low.ratchet()
    low.append(2)
    low.tell()
    low.append(2)
    straight, whole = low.tell(), low.points.statement(0)
    for statement in (straight, whole):
        seen = accepted(Seen(NOTHING, b"", EpochKey(1, public_of(seed(2)))), statement)
        assert (seen.size, seen.key.epoch) == (10, 1)
    for key, epoch in ((9, 0), (9, 1)):
        wrong = Seen(NOTHING, b"", EpochKey(epoch, public_of(seed(key))))
        assert refused(wrong, whole) is Reason.LEDGER_SIGNATURE
    assert witness(ORIGIN, Seen(NOTHING, b"", EpochKey(2, bytes(32))), whole) is None


def test_a_checkpoint_that_ends_an_epoch_is_of_the_key_before() -> None:
    low, seen = grown(3)
    low.ratchet()
    seen = accepted(seen, low.tell())
    assert (seen.size, seen.key.epoch, seen.key.begins) == (4, 1, 4)
    low.append(2)
    low.ratchet()
    seen = accepted(seen, low.tell())
    low.append(1)
    assert accepted(seen, low.tell()).key.epoch == 2


def test_statements_are_bounded_and_old_points_are_forgotten() -> None:
    low, seen = Low(), NOTHING_SEEN
    low.points = Points(points_max=20)
    for step in range(200):
        low.append(3)
        low.ratchet()
        low.append()
        statement = low.tell()
        seen = accepted(seen, statement)
        for _ in range(step % 7):
            assert len(low.points.next_statement()) <= STATEMENT_BYTES_MAX
    assert low.points.statement(0) == b""  # too many keys since
    assert len(low.points._points) == 20


def test_a_restart_goes_on_with_the_points_that_were_told() -> None:
    low, seen = grown(5, 7, 9)
    again = Low()
    again.points = Points([*low.told, 13, 2**60])
    for count in (5, 7, 9):
        again.append(count)
    again.append(4)
    assert accepted(seen, again.tell()).size == 25
    assert read_statement(again.points.statement(1)).old_size == 5


@settings(max_examples=200)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_answered(untrusted: bytes, at: int) -> None:
    low, seen = grown(3)
    low.append(3)
    statement = low.tell()
    for each in (
        untrusted,
        statement[:at] + untrusted,
        statement[:at] + untrusted + statement[at:],
    ):
        try:
            found = witness(ORIGIN, seen, each)
        except StatementError:
            continue
        assert found is None or found[0].size == 6
