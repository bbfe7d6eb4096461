"""A block that comes in order, in several buffers: it proves itself, or its tags decide."""

from schemas.reasons import Reason
from tests.guard.link.pair import MS, SMALL, Pair, drain


def block() -> tuple[Pair, list[bytes]]:
    """An open session, and the datagrams of one message of several source symbols."""
    pair = Pair(SMALL)
    pair.run()
    pair.offer([bytes(900)])
    pair.now_ns += MS
    datagrams = [d for d in drain(pair.sender, pair.now_ns) if not d[3] & 1]
    assert datagrams[0][16] > 2
    return pair, datagrams


def without_tag(datagram: bytes) -> bytes:
    return datagram[:24] + bytes(8) + datagram[32:]


def test_a_block_in_order_proves_itself_whatever_its_tags_are() -> None:
    pair, datagrams = block()
    for datagram in datagrams[: datagrams[0][16]]:
        pair.hear(without_tag(datagram))
    assert pair.landed == {1: bytes(900)}
    assert pair.receiver.counters["symbols_taken"] == datagrams[0][16]


def test_what_comes_between_makes_the_tags_decide() -> None:
    pair, datagrams = block()
    pair.hear(without_tag(datagrams[0]))
    pair.hear(datagrams[2])
    assert pair.receiver.counters[Reason.DATAGRAM_TAG] == 1
    for datagram in datagrams:
        pair.hear(datagram)
    assert pair.landed == {1: bytes(900)}


def test_a_damaged_symbol_is_found_by_its_tag_when_the_block_does_not_open() -> None:
    pair, datagrams = block()
    damaged = datagrams[1][:40] + bytes([datagrams[1][40] ^ 1]) + datagrams[1][41:]
    for datagram in (datagrams[0], damaged, *datagrams[2:]):
        pair.hear(datagram)
    assert pair.receiver.counters[Reason.DATAGRAM_TAG] == 1
    assert pair.landed == {1: bytes(900)}


def test_what_waits_for_more_is_looked_at_with_the_next_tick() -> None:
    pair, datagrams = block()
    pair.hear(without_tag(datagrams[0]))
    assert pair.receiver.counters[Reason.DATAGRAM_TAG] == 0
    pair.receiver.tick(pair.now_ns)
    assert pair.receiver.counters[Reason.DATAGRAM_TAG] == 1
