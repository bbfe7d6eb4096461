"""What a sound key in unsound hands can claim is bounded in the receiver's memory."""

from guard.link.arrivals import RANGES_MAX, Arrivals, ReceiverState
from guard.link.heartbeat import Heartbeat
from guard.link.partials import RANGES_MAX as PART_RANGES_MAX
from guard.link.partials import Partials
from guard.link.records import Kind, Record


def part(sequence: int, offset: int, size: int, total: int) -> Record:
    return Record(Kind.PART, sequence, 0, offset, total, memoryview(bytes(size)), 0, size)


def test_an_envelope_of_ever_more_holes_is_forgotten() -> None:
    partials = Partials(2**20)
    for n in range(PART_RANGES_MAX + 1):
        assert partials.take(part(1, 2 * n, 1, 2**20)) is None
    assert len(partials) == 0
    assert partials.take(part(1, 0, 2**20 - 1, 2**20)) is None
    whole = partials.take(part(1, 2**20 - 1, 1, 2**20))  # as good as new
    assert whole is not None
    assert bytes(whole) == bytes(2**20)


def test_envelopes_in_pieces_are_bounded_in_number_and_bytes() -> None:
    partials = Partials(10_000)
    for sequence in range(5000):
        partials.take(part(sequence, 0, 1, 10_000))
        assert len(partials) <= 6
    for sequence in range(5000):
        partials.take(part(10**6 + sequence, 0, 1, 2))
        assert len(partials) <= 1024


def test_gaps_told_apart_without_end_are_bounded_and_told_once() -> None:
    arrivals = Arrivals(ReceiverState())
    told: set[int] = set()
    for n in range(1, 2_000):
        last = tuple(1 + 2 * (5 * n + level) for level in range(5))
        for first, end in arrivals.gaps(Heartbeat(0, 0, last, 0)):
            numbers = set(range(first, end + 1))
            assert not numbers & told
            told |= numbers
    assert len(arrivals.state(1).gaps) == RANGES_MAX
    assert len(told) == 5 * 1_999
