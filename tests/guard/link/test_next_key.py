"""The link key that follows: which sessions are under it, and that the one before has an end."""

import pytest

from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.keys import NextKey
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from schemas.reasons import Reason
from tests.guard.link.pair import CODEC, FLOW, KEY, SMALL, drain

NEXT = NextKey(bytes(range(100, 132)), 50)
UNTAGGED = LinkParams(
    mtu_bytes=256, k_max=8, r_max=4, design_loss_ppm=0, rate_bits_per_s=10**11, tag=False
)
PARAMS = pytest.mark.parametrize("params", [SMALL, UNTAGGED])


class Receiving:
    def __init__(self, params: LinkParams, next_key: NextKey | None = NEXT) -> None:
        self.params = params
        self.receiver = Receiver(params, KEY, FLOW, CODEC, ReceiverState(), next_key=next_key)
        self.sequence = 0
        self.landed: list[int] = []

    def send(self, key: bytes, session: int) -> None:
        """One message in a session of its own, and a heartbeat before it."""
        self.sequence += 1
        sender = Sender(self.params, key, session, FLOW, CODEC)
        sender.offer(self.sequence, 0, b"message")
        for at, datagram in enumerate(drain(sender, 0)):
            whole = memoryview(datagram)
            for event in self.receiver.take(whole, len(datagram), 10**9 * session + at):
                if isinstance(event, Landed):
                    self.landed.append(event.sequence)


@PARAMS
def test_both_keys_are_taken_each_in_its_sessions(params: LinkParams) -> None:
    end = Receiving(params)
    end.send(KEY, 1)
    end.send(KEY, 49)
    end.send(NEXT.key, 50)
    end.send(NEXT.key, 51)
    assert end.landed == [1, 2, 3, 4]


@PARAMS
def test_the_key_before_is_refused_once_the_next_has_opened(params: LinkParams) -> None:
    end = Receiving(params)
    end.send(NEXT.key, 50)
    end.send(KEY, 49)
    assert end.landed == [1]
    assert end.receiver.counters[Reason.DATAGRAM_SESSION] > 0


@PARAMS
def test_no_key_is_taken_in_sessions_of_the_other(params: LinkParams) -> None:
    end = Receiving(params)
    end.send(KEY, 50)  # with the old key, for a session of the next one
    end.send(NEXT.key, 49)
    assert end.landed == []
    counters = end.receiver.counters
    assert counters[Reason.DATAGRAM_TAG if params.tag else Reason.BLOCK_TAG] > 0
    end.send(KEY, 48)
    end.send(NEXT.key, 60)
    assert end.landed[-1] == 4


def test_a_receiver_that_was_not_given_it_takes_nothing_under_it() -> None:
    end = Receiving(SMALL, None)
    end.send(NEXT.key, 50)
    assert end.landed == []


def test_a_batch_of_both_is_told_apart_datagram_by_datagram() -> None:
    end = Receiving(SMALL)
    old, new = Sender(SMALL, KEY, 49, FLOW, CODEC), Sender(SMALL, NEXT.key, 50, FLOW, CODEC)
    for sender, sequence in ((old, 1), (new, 2)):
        sender.offer(sequence, 0, bytes(100))
    both = [[d for d in drain(s, 0) if not d[3] & 1] for s in (old, new)]
    mixed = b"".join(d for pair in zip(*both, strict=True) for d in pair)
    end.receiver.take(memoryview(mixed), len(both[0][0]), 1)
    assert end.receiver.counters[Reason.DATAGRAM_TAG] == 0
