"""Either end may stop and start at any time: once each, exact gaps, no replay."""

import random
from dataclasses import replace

from guard.link.arrivals import ReceiverState
from guard.link.events import Alarm, SessionOpened
from schemas.reasons import Reason
from tests.guard.link.pair import SMALL, Pair, drain, envelopes


def test_a_restarted_sender_repeats_from_its_cursor_and_nothing_lands_twice() -> None:
    sent = envelopes(1, 40)
    pair = Pair()
    pair.offer(sent[:30])
    pair.run()
    pair.start_sender()
    pair.offer(sent[19:], first=20)  # the cursor on disk was behind
    pair.settle()
    assert [pair.landed[n] for n in range(1, 41)] == sent
    assert pair.receiver.counters["messages_repeated"] == 11
    assert not pair.gaps
    assert pair.other == [SessionOpened(1), SessionOpened(2)]


def test_what_the_old_session_lost_and_the_new_one_does_not_repeat_is_a_gap() -> None:
    pair = Pair(channel=lambda _: [])
    pair.offer(envelopes(1, 5))
    pair.run()
    pair.channel = list
    pair.start_sender()
    pair.offer(envelopes(2, 2), first=6)
    pair.settle()
    assert pair.gaps == [(1, 5)]
    assert set(pair.landed) == {6, 7}


def test_a_receiver_restarted_in_mid_session_goes_on() -> None:
    chance = random.Random(3)
    sent = envelopes(4, 60, sizes=(100, 900))
    for from_journal in (False, True):
        pair = Pair(channel=lambda ds: [d for d in ds if chance.random() > 0.02])
        for at in range(0, 60, 5):
            pair.offer(sent[at : at + 5], first=at + 1)
            pair.run()
            if at % 15 == 0:
                pair.restart_receiver_from_journal() if from_journal else pair.restart_receiver()
        pair.settle()
        assert set(pair.landed) | pair.missing == set(range(1, 61))
        assert len(pair.landed) > 55
        assert pair.other == [SessionOpened(1)]


def test_a_block_open_at_the_restart_is_reported() -> None:
    pair = Pair()
    pair.run()
    pair.offer([bytes(900)])  # k = 5, r = 3
    pair.channel = lambda ds: ds[:4]
    pair.run()
    pair.restart_receiver()
    pair.channel = list
    pair.settle()
    assert pair.gaps == [(1, 1)]
    pair.restart_receiver()
    pair.settle()
    assert pair.gaps == [(1, 1)]  # told once, over restarts too


def test_a_receiver_started_late_reports_what_it_missed() -> None:
    pair = Pair(channel=lambda _: [])
    pair.offer(envelopes(5, 100))
    pair.run(for_ms=50)
    pair.channel = list
    pair.offer([b"here"], first=101)
    pair.settle()
    assert pair.gaps == [(1, 100)]
    assert pair.landed == {101: b"here"}


def test_a_recorded_session_played_back_lands_nothing() -> None:
    pair = Pair()
    recorded: list[bytes] = []

    def recording(datagrams: list[bytes]) -> list[bytes]:
        recorded.extend(datagrams)
        return datagrams

    pair.channel = recording
    pair.offer(envelopes(6, 20))
    pair.settle()
    landed = dict(pair.landed)
    for played_to in ("same receiver", "restarted receiver"):
        before = dict(pair.receiver.counters)
        for datagram in recorded:
            pair.hear(datagram)
        after = pair.receiver.counters
        dropped = after[Reason.DATAGRAM_REPLAYED] - before[Reason.DATAGRAM_REPLAYED]
        repeated = after["messages_repeated"] - before["messages_repeated"]
        assert dropped >= len(recorded) if played_to == "same receiver" else repeated >= 20
        pair.restart_receiver()
    pair.start_sender()
    pair.channel = list
    pair.settle()
    before_session = pair.receiver.counters[Reason.DATAGRAM_SESSION]
    for datagram in recorded:
        pair.hear(datagram)
    pair.settle()
    assert pair.receiver.counters[Reason.DATAGRAM_SESSION] - before_session == len(recorded)
    assert Reason.DATAGRAM_SESSION in [e.reason for e in pair.other if isinstance(e, Alarm)]
    assert pair.landed == landed
    assert not pair.gaps


def test_two_senders_at_once_are_an_alarm() -> None:
    pair = Pair()
    older = pair.sender
    pair.run()
    pair.start_sender()
    pair.run()
    older.offer(1, 0, b"from the older one")
    for datagram in drain(older, pair.now_ns):
        pair.hear(datagram)
    pair.run(for_ms=20)
    assert Reason.DATAGRAM_SESSION in [e.reason for e in pair.other if isinstance(e, Alarm)]
    assert not pair.landed


def test_sessions_only_go_up_over_a_restart_of_the_receiver() -> None:
    pair = Pair()
    pair.start_sender()
    pair.start_sender()
    pair.offer([b"in session 3"])
    pair.run()
    assert pair.receiver.checkpoint_state().session == 3
    pair.restart_receiver()
    pair.session = 1
    pair.start_sender()  # session 2
    pair.offer([b"old"], first=2)
    pair.settle()
    assert set(pair.landed) == {1}
    pair.session = 3
    pair.start_sender()
    pair.offer([b"new"], first=2)
    pair.settle()
    assert pair.landed[2] == b"new"


def test_the_state_is_rebuilt_from_a_journal_in_any_order() -> None:
    state = ReceiverState.rebuild(9, [5, 1, 2, 9, 4], [(3, 3), (5, 8)])
    assert state == ReceiverState(9, ((1, 2), (4, 5), (9, 9)), ((3, 3), (6, 8)))


def test_an_untagged_session_opens_without_its_first_heartbeat() -> None:
    for tag in (True, False):
        pair = Pair(replace(SMALL, tag=tag), channel=lambda ds: [d for d in ds if not d[3] & 1])
        pair.offer(envelopes(8, 10))
        pair.run()
        assert set(pair.landed) == set(range(1, 11))
