"""Several links side by side: striped or copied; a dead one is named, and no copy is a replay."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from guard.link.blocks import Burst
from guard.link.events import Alarm, Event, LinkBack, LinkDead, SessionOpened, Silence
from guard.link.lines import LINKS_MAX
from guard.link.params import LinkParams
from schemas.errors import Broken
from schemas.reasons import Reason
from tests.guard.link.pair import MS, SMALL, Pair, cut, envelopes
from tests.guard.link.streaming import BytesSource, MemorySink

Route = Callable[[int, Burst], tuple[int, ...]]


def copies(_: int, burst: Burst) -> tuple[int, ...]:
    return (0, 1)


def striped(n: int, burst: Burst) -> tuple[int, ...]:
    return (0, 1) if burst.heartbeat else (n % 2,)


class Links:
    """A pair whose bursts go over two links; what is in `dead` carries nothing."""

    def __init__(self, route: Route, params: LinkParams = SMALL, *, whole: bool = False) -> None:
        self.sink = MemorySink()
        self.pair = Pair(params, sink=self.sink, links=2)
        self.dead: set[int] = set()
        self._route = route
        self._whole = whole  # a burst is one buffer at the receiver
        self._bursts = 0

    def run(self, for_ms: int, step_ms: int = 1) -> None:
        pair = self.pair
        for _ in range(0, for_ms, step_ms):
            pair.now_ns += step_ms * MS
            while bursts := pair.sender.due(pair.now_ns):
                for burst in bursts:
                    self._carry(burst)
            pair._note(pair.receiver.tick(pair.now_ns))

    def _carry(self, burst: Burst) -> None:
        self._bursts += not burst.heartbeat
        for link in self._route(self._bursts, burst):
            if link in self.dead:
                continue
            for datagram in [bytes(burst.buffer)] if self._whole else cut(burst):
                size = burst.segment_bytes
                taken = self.pair.receiver.take(memoryview(datagram), size, self.pair.now_ns, link)
                self.pair._note(taken)

    def told(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.pair.other if isinstance(event, kinds)]


@pytest.mark.parametrize("whole", [True, False], ids=["whole bursts", "one by one"])
@pytest.mark.parametrize("route", [copies, striped])
@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "untagged"])
def test_nothing_is_lost_and_nothing_is_called_a_replay(
    route: Route, whole: bool, tag: bool
) -> None:
    links = Links(route, replace(SMALL, tag=tag), whole=whole)
    sent = envelopes(1, 60)
    for at in range(0, 60, 5):
        links.pair.offer(sent[at : at + 5], first=at + 1)
        links.run(20)
    links.pair.offer_stream(61, BytesSource(bytes(20_000)))
    links.run(6000, step_ms=20)
    counters = links.pair.receiver.counters
    assert [links.pair.landed[n] for n in range(1, 61)] == sent
    assert links.pair.streams == {61: 20_000}
    assert links.pair.other == [SessionOpened(1)]  # no alarm, no dead link, no silence
    assert counters[Reason.DATAGRAM_REPLAYED] == 0
    every = links.pair.sender.counters
    if route is copies:
        assert counters["copies"] == every["datagrams"] + every["heartbeats"]
    else:
        assert counters["copies"] == every["heartbeats"]


@pytest.mark.parametrize("dead", [0, 1])
def test_copies_survive_the_total_loss_of_one_link(dead: int) -> None:
    links = Links(copies)
    links.run(100)
    sent = envelopes(2, 60)
    for at in range(0, 60, 5):
        if at == 20:
            links.dead = {dead}
        links.pair.offer(sent[at : at + 5], first=at + 1)
        links.run(5)
    links.run(5000, step_ms=50)
    assert [links.pair.landed[n] for n in range(1, 61)] == sent
    assert not links.pair.gaps
    (told,) = links.told(LinkDead, LinkBack, Silence, Alarm)
    assert isinstance(told, LinkDead)
    assert told.link == dead
    links.dead = set()
    links.run(500)
    assert links.told(LinkBack) == [LinkBack(dead)]
    links.dead = {1 - dead}
    links.run(5000, step_ms=50)
    assert [event.link for event in links.told(LinkDead) if isinstance(event, LinkDead)] == [
        dead, 1 - dead,
    ]  # fmt: skip


def test_a_striped_link_that_dies_is_named_and_only_what_it_carried_is_lost() -> None:
    links = Links(striped)
    links.run(100)
    for n in range(1, 41):
        if n == 11:
            links.dead = {1}
        links.pair.offer([bytes([n]) * 40], first=n)
        links.run(5)  # each message is a burst
    links.run(5000, step_ms=50)
    on_the_dead = {n for n in range(11, 41) if n % 2}
    assert links.pair.missing == on_the_dead
    assert set(links.pair.landed) == set(range(1, 41)) - on_the_dead
    (told,) = links.told(LinkDead)
    assert isinstance(told, LinkDead)
    assert told.link == 1


def test_all_links_dead_are_silence_not_dead_links() -> None:
    links = Links(copies)
    links.run(100)
    links.dead = {0, 1}
    links.run(5000, step_ms=50)
    assert len(links.told(Silence)) == 1
    assert not links.told(LinkDead)
    links.dead = {1}
    links.run(5000, step_ms=50)
    assert [type(event) for event in links.told(LinkDead, LinkBack)] == [LinkDead]


def test_a_link_that_never_worked_is_named() -> None:
    links = Links(copies)
    links.dead = {1}
    links.run(5000, step_ms=50)
    (told,) = links.told(LinkDead)
    assert told == LinkDead(1, 50 * MS)


def test_a_recording_played_back_on_the_same_link_is_a_replay_and_on_the_other_a_copy() -> None:
    links = Links(striped)
    pair = links.pair
    pair.offer([bytes(500)])
    recorded = [d for burst in pair.sender.due(MS) for d in cut(burst)]
    for link, counter in ((0, None), (0, Reason.DATAGRAM_REPLAYED), (1, "copies"),
                          (1, Reason.DATAGRAM_REPLAYED)):  # fmt: skip
        before = dict(pair.receiver.counters)
        for datagram in recorded:
            pair.hear(datagram, link)
        if counter:
            assert pair.receiver.counters[counter] - before[counter] == len(recorded)
    assert pair.landed == {1: bytes(500)}


def test_precedence_and_ageing_hold_over_two_links() -> None:
    links = Links(striped, replace(SMALL, rate_bits_per_s=1_000_000, burst_wire_bytes=1000))
    sequence = 1
    links.pair.sender.offer(sequence, 0, bytes(3000))
    for _ in range(300):
        while links.pair.sender.waiting_bytes < 5000:
            sequence += 1
            links.pair.sender.offer(sequence, 4, bytes(1000))
        links.run(10)
    order = list(links.pair.landed)
    assert 10 < order.index(1) < len(order) - 1  # overtaken, not starved
    overriding = [n for n in order if n != 1]
    assert overriding == sorted(overriding)


@pytest.mark.parametrize("links", [0, LINKS_MAX + 1])
def test_more_links_than_there_are_marks_for_are_refused(links: int) -> None:
    with pytest.raises(Broken):
        Pair(SMALL, links=links)


def test_the_highest_link_works() -> None:
    pair = Pair(SMALL, links=LINKS_MAX)
    pair.offer([bytes(300)])
    for burst in pair.sender.due(MS):
        for datagram in cut(burst):
            for link in range(LINKS_MAX):
                pair.hear(datagram, link)
    assert pair.landed == {1: bytes(300)}
    assert pair.receiver.counters[Reason.DATAGRAM_REPLAYED] == 0
