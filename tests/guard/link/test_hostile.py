"""Whatever arrives is counted under its reason, costs nothing else, and never raises."""

import random
import struct
from dataclasses import replace

from guard.link.arrivals import RANGES_MAX
from guard.link.blocks import BlockMaker
from guard.link.keys import SessionSeal, tag_key
from guard.link.params import LinkParams
from guard.link.tags import DatagramTags
from schemas.reasons import Reason
from tests.guard.link.pair import CODEC, FLOW, KEY, MS, SMALL, Pair, drain, envelopes

DROPPED = (
    Reason.DATAGRAM_MALFORMED,
    Reason.DATAGRAM_TAG,
    Reason.DATAGRAM_SESSION,
    Reason.DATAGRAM_REPLAYED,
    Reason.BLOCK_TAG,
    Reason.BLOCK_MALFORMED,
)


def dropped(pair: Pair) -> int:
    return sum(pair.receiver.counters[reason] for reason in DROPPED)


def mutate(chance: random.Random, datagram: bytes) -> bytes:
    """A datagram that is not the one it was."""
    changed = bytearray(datagram)
    match chance.randrange(5):
        case 0:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        case 1:
            changed[chance.randrange(32)] ^= chance.randrange(1, 256)
        case 2:
            del changed[chance.randrange(len(changed)) :]
        case 3:
            changed += chance.randbytes(chance.randrange(1, 100))
        case _:
            changed[32:] = chance.randbytes(len(changed) - 32)
    return bytes(changed)


def test_a_flood_of_garbage_in_the_middle_of_a_transfer() -> None:
    chance = random.Random(1)
    sent = envelopes(1, 200)
    pair = Pair()
    genuine: list[bytes] = []
    hostile = 0
    for at in range(0, 200, 2):
        pair.offer(sent[at : at + 2], first=at + 1)
        pair.now_ns += MS
        batch = list(drain(pair.sender, pair.now_ns))
        genuine += batch
        for datagram in batch:
            for _ in range(20):
                other = chance.choice(genuine)
                pair.hear(mutate(chance, other) if chance.random() < 0.9 else chance.randbytes(99))
                hostile += 1
            pair.hear(datagram)
    pair.settle()
    assert hostile > 20_000
    assert dropped(pair) == hostile
    assert [pair.landed[n] for n in range(1, 201)] == sent
    assert not pair.gaps


def test_garbage_in_large_buffers_with_genuine_datagrams_between() -> None:
    chance = random.Random(2)
    sent = envelopes(2, 60)
    pair = Pair(LinkParams())
    pair.offer(sent)
    hostile = 0
    for _ in range(60):
        pair.now_ns += MS
        for burst in pair.sender.due(pair.now_ns):
            size = burst.segment_bytes
            rows = [bytes(burst.buffer[at : at + size]) for at in range(0, len(burst.buffer), size)]
            mixed = [row for row in rows for _ in range(2)]
            for at in range(1, len(mixed), 2):
                mixed[at] = bytearray(mixed[at])  # type: ignore[call-overload] # bytes-like is enough
                mixed[at][chance.randrange(size)] ^= 0x10  # type: ignore[index] # as above
            hostile += len(rows)
            for start in range(0, len(mixed), 40):
                buffer = memoryview(b"".join(mixed[start : start + 40]))
                pair._note(pair.receiver.take(buffer, size, pair.now_ns))
    assert [pair.landed[n] for n in range(1, 61)] == sent
    assert dropped(pair) == hostile


def test_a_hundred_thousand_random_datagrams() -> None:
    chance = random.Random(3)
    pair = Pair()
    pair.run()
    sample = next(drain(pair.sender, 10**12))
    for _ in range(2500):
        segment = chance.choice((0, 1, 47, 48, 64, 80, 224, 65535))
        data = chance.randbytes(chance.choice((0, 1, 31, 224 * 40)))
        pair._note(pair.receiver.take(memoryview(data), segment, pair.now_ns))
        # A right header in front of noise gets as far as the tag.
        rows = b"".join(sample[:32] + chance.randbytes(192) for _ in range(40))
        rows = rows[:22] + (192).to_bytes(2, "big") + rows[24:]
        pair._note(pair.receiver.take(memoryview(rows), 224, pair.now_ns))
    assert pair.receiver.counters["datagrams"] > 100_000
    assert dropped(pair) >= pair.receiver.counters["datagrams"] - 1
    assert not pair.landed


def test_an_empty_datagram_is_malformed() -> None:
    pair = Pair()
    pair.hear(b"")
    assert pair.receiver.counters[Reason.DATAGRAM_MALFORMED] == 1


def test_an_untagged_forgery_is_found_by_leaving_out_each_symbol_in_turn() -> None:
    pair = Pair(replace(SMALL, tag=False))
    pair.offer([bytes(900)])
    pair.now_ns += MS
    datagrams = list(drain(pair.sender, pair.now_ns))
    pair.hear(datagrams[0])
    pair.hear(damaged(datagrams[2]))
    for datagram in datagrams[1:]:
        pair.hear(datagram)
    pair.offer([b"after"], first=2)
    pair.settle()
    assert pair.landed == {1: bytes(900), 2: b"after"}
    assert not pair.gaps
    assert pair.receiver.counters[Reason.BLOCK_TAG] == 0


def test_untagged_forgeries_cost_at_most_the_block_they_name() -> None:
    pair = Pair(replace(SMALL, tag=False))
    pair.offer([bytes(900)])
    pair.now_ns += MS
    datagrams = list(drain(pair.sender, pair.now_ns))
    pair.hear(datagrams[0])
    for at in (2, 3):
        pair.hear(damaged(datagrams[at]))
    for datagram in datagrams[1:]:
        pair.hear(datagram)
    pair.offer([b"after"], first=2)
    pair.settle()
    assert pair.landed == {2: b"after"}
    assert pair.gaps == [(1, 1)]
    assert pair.receiver.counters[Reason.BLOCK_TAG] == 1


def damaged(datagram: bytes) -> bytes:
    """One bit of the symbol is another."""
    return datagram[:40] + bytes([datagram[40] ^ 1]) + datagram[41:]


def test_untagged_session_numbers_out_of_thin_air_do_not_lock_the_link() -> None:
    pair = Pair(replace(SMALL, tag=False))
    pair.offer(envelopes(3, 5))
    pair.run()
    template = next(d for d in drain(pair.sender, pair.now_ns + 10**9) if d[3] & 1)
    for number in range(100, 2000):
        forged = template[:4] + number.to_bytes(4, "big") + template[8:]
        pair.hear(forged)
    pair.offer(envelopes(4, 5), first=6)
    pair.settle()
    assert set(pair.landed) == set(range(1, 11))
    pair.start_sender()  # the true next session
    pair.offer([b"next"], first=11)
    pair.settle()
    assert pair.landed[11] == b"next"


def test_an_unending_flood_of_one_invented_session_does_not_keep_the_next_one_out() -> None:
    pair = Pair(replace(SMALL, tag=False))
    pair.run()
    template = next(drain(pair.sender, pair.now_ns + 10**9))
    forged = template[:4] + (10**6).to_bytes(4, "big") + template[8:]
    pair.channel = lambda ds: [d for genuine in ds for d in (forged, genuine, forged)]
    pair.hear(forged)
    pair.start_sender()
    pair.run()
    pair.offer(envelopes(5, 5))
    pair.settle()
    assert set(pair.landed) == {1, 2, 3, 4, 5}


def test_a_sound_key_in_unsound_hands_cannot_make_the_receiver_grow() -> None:
    """Records of absurd sizes and sequences, sealed under the right key."""
    pair = Pair()
    tags = DatagramTags(tag_key(KEY, FLOW), SMALL.datagram_bytes_max)
    maker = BlockMaker(SMALL, 9, SessionSeal(KEY, FLOW, 9), tags, CODEC)
    chance = random.Random(4)

    def block(number: int, content: bytes) -> None:
        shape = SMALL.shape(len(content))
        end = shape[0] * shape[2] - 16
        maker.plains[0][:end] = content.ljust(end, b"\0")
        for buffer, size, *_ in maker.group(number, shape, 1):
            for at in range(0, len(buffer), size):
                pair.hear(bytes(buffer[at : at + size]))

    total = SMALL.envelope_bytes_max
    for number in range(6000):
        sequence = chance.choice((2 * number, 2**62 - 1 - 2 * number))
        whole = struct.pack(">BBHIQ", 1, 0, 0, 1, sequence) + b"x"
        part = struct.pack(">BBHIQQQ", 2, 0, 0, 1, number, 5, total) + b"x"
        absurd = struct.pack(">BBHIQQQ", 2, 0, 0, 1, number, 2**63, 2**64 - 1) + b"x"
        content = chance.choice((whole, whole, part, absurd, chance.randbytes(50)))
        if number % 97 == 0 or content not in (part, absurd):
            block(number * chance.choice((1, 1, 1, 7)), content)
    assert len(pair.receiver.checkpoint_state().landed) <= RANGES_MAX
    assert pair.receiver.counters[Reason.BLOCK_MALFORMED] > 100
