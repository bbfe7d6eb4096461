"""A block that comes in order, in several buffers: it proves itself, or its tags decide."""

import random
from dataclasses import replace
from itertools import groupby

import pytest

from guard.link.arrivals import ReceiverState
from guard.link.events import Landed
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from schemas.reasons import Reason
from tests.guard.link.pair import CODEC, FLOW, KEY, MS, SMALL, Pair, drain


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


def read_at_random(chance: random.Random, datagrams: list[bytes]) -> list[tuple[bytes, int]]:
    """(bytes, bytes a datagram) of reads: runs of datagrams of one size, some lost, damaged, moved,
    or said twice; each read ends where the size changes."""
    order = list(datagrams)
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(order))
        match chance.randrange(4):
            case 0:
                del order[at]
            case 1:
                order.insert(chance.randrange(len(order)), order.pop(at))
            case 2:
                order.insert(at, order[chance.randrange(len(order))])
            case _:
                place = chance.randrange(len(order[at]))
                one = bytearray(order[at])
                one[place] ^= 1 << chance.randrange(8)
                order[at] = bytes(one)
    reads, at = [], 0
    while at < len(order):
        size, same = next(groupby(order[at : at + chance.randrange(1, 9)], len))
        read = b"".join(same)
        reads.append((read, size))
        at += len(read) // size
    return reads


@pytest.mark.parametrize("seed", range(150))
def test_what_is_read_to_its_place_counts_like_what_is_copied(seed: int) -> None:
    chance = random.Random(seed)
    pair = Pair(SMALL)
    pair.offer([chance.randbytes(chance.choice((40, 900, 1500, 4000))) for _ in range(6)])
    datagrams: list[bytes] = []
    for _ in range(3):
        pair.now_ns += 200 * MS
        datagrams += drain(pair.sender, pair.now_ns)
    apart, inside = (Receiver(SMALL, KEY, FLOW, CODEC, ReceiverState()) for _ in range(2))
    reads = read_at_random(chance, datagrams)
    while reads:
        now_ms, room, at = len(reads), inside.room, 0
        placed = []
        for read, size in reads[: chance.randrange(1, 4)]:  # as one that goes on with another size
            room[at : at + len(read)] = read
            placed.append((room[at : at + len(read)], read, size))
            at += len(read)
        for there, read, size in placed:
            found = inside.take(there, size, now_ms * MS)
            assert found == apart.take(memoryview(read), size, now_ms * MS)
            assert inside.counters == apart.counters
        del reads[: len(placed)]
        if chance.random() < 0.1:
            assert inside.tick(now_ms * MS) == apart.tick(now_ms * MS)
    assert inside.counters["blocks_done"]


def blocks_in_order(count: int, params: LinkParams = SMALL) -> tuple[Pair, bytes, int, int]:
    """An open session, so many blocks back to back, the bytes and the number of a datagram."""
    pair = Pair(params)
    pair.run()
    pair.offer([bytes(SMALL.block_bytes_max - 20)] * count)
    datagrams: list[bytes] = []
    while not pair.sender.idle:
        pair.now_ns += MS
        datagrams += [d for d in drain(pair.sender, pair.now_ns) if not d[3] & 1]
    assert len({len(datagram) for datagram in datagrams}) == 1
    return pair, b"".join(datagrams), len(datagrams[0]), len(datagrams)


@pytest.mark.parametrize("first", range(1, 12))
@pytest.mark.parametrize("more", range(3))
def test_reads_taken_together_prove_their_blocks_wherever_they_begin(first: int, more: int) -> None:
    pair, raw, size, count = blocks_in_order(6)
    rows = raw[16] + raw[17]
    spoilt = bytearray(raw)
    for at in range(24, len(spoilt), size):
        spoilt[at : at + 8] = bytes(8)  # no tag is looked at
    at, step = 0, first
    while at < count:
        room = pair.receiver.room
        part = spoilt[at * size : (at + step) * size]
        room[: len(part)] = part
        for event in pair.receiver.take(room[: len(part)], size, pair.now_ns):
            assert isinstance(event, Landed)
            pair.landed[event.sequence] = event.envelope
        at, step = at + step, rows + more
    assert len(pair.landed) == 6  # spare symbols of an opened block are all that may be missed


def test_each_of_many_in_one_read_says_it_begins_a_block_and_all_are_counted() -> None:
    """Forged ones: no more of them are looked at one by one than reads could have brought."""
    pair, raw, size, _ = blocks_in_order(1)
    one = bytearray(raw[:size])
    forged = bytearray()
    for number in range(40):
        one[8:16] = (1000 + number).to_bytes(8, "big")
        one[16:19] = bytes((1, 0, 0))  # k, r, index
        forged += one
    before = pair.receiver.counters["datagrams"]
    assert pair.receiver.take(memoryview(forged), size, pair.now_ns) == []
    pair.receiver.tick(pair.now_ns)
    assert pair.receiver.counters["datagrams"] - before == 40
    assert pair.receiver.counters[Reason.DATAGRAM_TAG] == 40


def test_what_is_staged_is_looked_at_before_the_window_moves_past_it() -> None:
    """A malformed datagram of the same size, put in behind the first seven, cost their block."""
    pair, raw, size, _ = blocks_in_order(10, replace(SMALL, window_blocks=8))
    pair.receiver.take(memoryview(raw[: 7 * size]), size, pair.now_ns)
    room = pair.receiver.room
    rest = bytes(size) + raw[7 * size :]
    room[: len(rest)] = rest
    landed = pair.receiver.take(room[: len(rest)], size, pair.now_ns)
    assert len([event for event in landed if isinstance(event, Landed)]) == 10
    assert pair.receiver.counters["blocks_given_up"] == 0
    assert pair.receiver.counters[Reason.DATAGRAM_MALFORMED] == 1
