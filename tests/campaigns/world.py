"""A link with an enemy on it: genuine traffic, what is put between, and what must become of it."""

import gc
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from guard.edge.isal import best_codec
from guard.link.arrivals import ReceiverState
from guard.link.blocks import Burst
from guard.link.events import Event, Gap, Landed, Piece, StreamGap, StreamLanded
from guard.link.params import LinkParams
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from schemas.reasons import Reason
from tests.guard.link.streaming import BytesSource

KEY = bytes(range(32))
FLOW = 7
MS = 1_000_000
HEADER_BYTES = 32
RECORDED = 3000
OLD_RECORDED = 500
GRO_ROWS_MAX = 64
SESSION_ROUNDS = 150

ONCE = (
    "symbols_taken", "symbols_spare", "copies", "heartbeats", "heartbeats_refused",
    Reason.DATAGRAM_MALFORMED, Reason.DATAGRAM_TAG, Reason.DATAGRAM_SESSION,
    Reason.DATAGRAM_REPLAYED,
)  # fmt: skip
"""The counters of which every datagram raises exactly one. link §11 (3)"""


def referents(one: object) -> Iterable[object]:
    """What an object holds; extension types that tell nothing hold nothing of ours."""
    return gc.get_referents(one)


def follows(row: bytes, earlier: bytes) -> bool:
    """Whether a datagram says that it is the next symbol of the same block."""
    same = row[:18] + row[19:24] == earlier[:18] + earlier[19:24]
    return same and row[18] == earlier[18] + 1


class CheckingSink:
    """Holds each piece against the stream it is of."""

    def __init__(self) -> None:
        self.sources: dict[int, bytes] = {}
        self.landed_bytes = 0
        self.dropped = 0

    def land(self, piece: Piece) -> None:
        source = self.sources[piece.sequence]
        end = piece.offset + len(piece.data)
        assert source[piece.offset : end] == piece.data, "a stream's bytes are not those sent"
        self.landed_bytes += len(piece.data)

    def drop(self, sequence: int) -> None:
        """The oldest in progress gives way: as a rule one that was told as a gap long ago."""
        self.dropped += 1


class World:
    """One link. `round` lets both sides have a millisecond; `finish` settles all accounts."""

    buffer_bytes_may_grow = 4 * 2**20  # partial envelopes, one array of scratch

    def __init__(self, chance: random.Random, params: LinkParams, links: int = 1) -> None:
        self.chance = chance
        self.params = params
        self.links = links
        self.now_ns = 0
        self.genuine = self.hostile = self.given = 0
        self.session = 0
        self.sequence = 0
        self.rounds = 0
        self.sent: dict[int, bytes] = {}  # what has landed, or will not, is forgotten
        self.sink = CheckingSink()
        self.landed: set[int] = set()
        self.missing: set[int] = set()
        self.expected: Counter[str] = Counter()  # for each reason, where tags make it certain
        # Forged repair symbols, and how many stood where nobody need look at their tag.
        self.repairs: set[bytes] = set()
        self.taken_for_repair_max = 0
        self.last_given = b""
        self.recorded: deque[tuple[bytes, int]] = deque(maxlen=RECORDED)
        self.old: deque[bytes] = deque(maxlen=OLD_RECORDED)
        # Blocks by session and number: those sent, and those that hostile datagrams named.
        self.blocks: set[bytes] = set()
        self.named: set[bytes] = set()
        self._codec = best_codec()
        self.receiver = Receiver(
            params, KEY, FLOW, self._codec, ReceiverState(), sink=self.sink, links=links
        )
        self._start_session()

    def _start_session(self) -> None:
        self.session += 1
        self.sender = Sender(self.params, KEY, self.session, FLOW, self._codec, self.sequence + 1)
        self.old.extend(datagram for datagram, _ in self.recorded)
        self.recorded.clear()
        self._carry_due(clean=True)  # its first heartbeat opens it

    def round(self) -> None:
        """Something is sent, something is put between, a millisecond goes by."""
        self.rounds += 1
        self.now_ns += MS
        if self.rounds % SESSION_ROUNDS == 0:
            self._start_session()
        for _ in range(self.chance.randrange(4)):
            self._offer()
        self._carry_due()
        self._odd_buffers()
        self._note(self.receiver.tick(self.now_ns))

    def _offer(self) -> None:
        self.sequence += 1
        precedence = self.chance.randrange(5)
        if self.chance.random() < 0.2:
            data = self.chance.randbytes(self.chance.choice((0, 100, 3000, 20_000)))
            self.sink.sources[self.sequence] = data
            known = self.chance.random() < 0.5
            self.sender.offer_stream(self.sequence, precedence, BytesSource(data, known=known))
        else:
            data = self.chance.randbytes(self.chance.choice((0, 20, 400, 3000)))
            self.sender.offer(self.sequence, precedence, data)
        self.sent[self.sequence] = data

    def _carry_due(self, *, clean: bool = False) -> None:
        while bursts := self.sender.due(self.now_ns):
            for burst in bursts:
                for link in range(self.links):
                    self._carry(burst, link, clean or link > 0)

    def _carry(self, burst: Burst, link: int, clean: bool) -> None:
        size = burst.segment_bytes
        rows = [bytes(burst.buffer[at : at + size]) for at in range(0, len(burst.buffer), size)]
        self.genuine += len(rows)
        if not burst.heartbeat:
            self.blocks.update(row[4:16] for row in rows)
        if link:
            self.expected["copies"] += len(rows)
        if clean or self.chance.random() < 0.3:
            self._give(rows, size, link)
        elif self.links == 1 and not burst.heartbeat and self.chance.random() < 0.2:
            self._damaged_burst(rows, size, link)
            return
        else:
            self._give(self._mixed(rows, size, link), size, link)
        for row in rows:
            self.recorded.append((row, link))

    def _mixed(self, rows: list[bytes], size: int, link: int) -> list[bytes]:
        """Genuine datagrams with as many hostile ones of the same size between."""
        mixed = list(rows)
        for _ in range(self.chance.randrange(1, 2 * len(rows) + 2)):
            at = self.chance.randrange(len(mixed) + 1)
            mixed.insert(at, self._hostile(size, rows, link))
        before = [self.last_given, *mixed]
        self.taken_for_repair_max += sum(
            row in self.repairs and follows(row, earlier)
            for earlier, row in zip(before, mixed, strict=False)
        )
        self.repairs.clear()
        return mixed

    def _hostile(self, size: int, rows: list[bytes], link: int) -> bytes:
        """One hostile datagram of this size; `rows` are those that come by themselves."""
        self.hostile += 1
        kind = self.chance.randrange(4)
        if kind == 0:
            return self.judged(self.chance.randbytes(size))
        if kind == 3:
            return self._replayed(size, link)
        row = self.chance.choice(rows)
        made = self.mutated(row) if kind == 1 else self.forged(row)
        if made[:24] == row[:24] and made[18] >= made[16]:
            self.repairs.add(made)
        return self.judged(made)

    def _replayed(self, size: int, link: int) -> bytes:
        for _ in range(8):
            row, by = self.chance.choice(self.recorded) if self.recorded else (b"", 0)
            if len(row) == size and by == link:
                self.expected[Reason.DATAGRAM_REPLAYED] += 1
                return row
        for _ in range(8):
            row = self.chance.choice(self.old) if self.old else b""
            if len(row) == size:
                self.expected[Reason.DATAGRAM_SESSION] += 1
                return row
        return self.judged(self.chance.randbytes(size))

    def mutated(self, row: bytes) -> bytes:
        """A genuine datagram with some bits changed."""
        changed = bytearray(row)
        where = self.chance.choice((len(row), HEADER_BYTES, 24))
        for _ in range(self.chance.choice((1, 1, 2, 9))):
            changed[self.chance.randrange(where)] ^= 1 << self.chance.randrange(8)
        return bytes(changed) if changed != row else self.chance.randbytes(len(row))

    def forged(self, row: bytes) -> bytes:
        """A right header, perhaps of a block to come, with a symbol of thin air."""
        number = int.from_bytes(row[8:16], "big") + self.chance.choice((0, 0, 1, 3, 40, 2**20))
        symbol = self.chance.randbytes(len(row) - HEADER_BYTES)
        tag = self.chance.randbytes(8)
        return row[:8] + number.to_bytes(8, "big") + row[16:24] + tag + symbol

    def _damaged_burst(self, rows: list[bytes], size: int, link: int) -> None:
        """A whole block in one buffer, one datagram of which is not what was sent."""
        head = rows[0]
        k, total = head[16], head[16] + head[17]
        at = self.chance.randrange(len(rows))
        changed = bytearray(rows[at])
        changed[self.chance.randrange(HEADER_BYTES, size)] ^= 0x20
        whole = len(rows) == total and head[18] == 0
        if self.params.tag and not (whole and at >= k):
            self.expected[Reason.DATAGRAM_TAG] += 1  # else it is spare: nobody looked at its tag
        self.named.add(head[4:16])
        self.hostile += 1
        self.genuine -= 1
        self._give([*rows[:at], bytes(changed), *rows[at + 1 :]], size, link)

    def _odd_buffers(self) -> None:
        """Buffers of no genuine size: noise, cut datagrams, segments that do not fit."""
        for _ in range(self.chance.randrange(3)):
            row = self.chance.choice(self.recorded)[0] if self.recorded else bytes(81)
            match self.chance.randrange(5):
                case 0:
                    buffer = self.chance.randbytes(self.chance.choice((1, 31, 47, 48, 500, 3000)))
                case 1:
                    buffer = row[: self.chance.randrange(1, len(row))]
                case 2:
                    buffer = row + self.chance.randbytes(self.chance.randrange(1, 100))
                case 3:
                    buffer = self.chance.randbytes(self.params.datagram_bytes_max * 8)
                case _:
                    buffer = b""
            if self.chance.random() < 0.5:
                segment = self.chance.choice((0, 1, 16, 48, 80, 65_535))
                segment = max(segment, len(buffer) // 64) if segment else 0
            else:
                segment = self.params.datagram_bytes_max
            if not 0 < segment < len(buffer):
                segment = len(buffer)
            cut = [buffer[at : at + segment] for at in range(0, len(buffer), segment or 1)] or [b""]
            self.hostile += len(cut)
            for datagram in cut:
                if datagram == row:
                    self.expected[Reason.DATAGRAM_REPLAYED] += 1
                else:
                    self.judged(datagram)
            self.given += len(cut)
            self._note(self.receiver.take(memoryview(buffer), segment, self.now_ns))

    def _give(self, rows: list[bytes], size: int, link: int) -> None:
        rows_max = min(GRO_ROWS_MAX, 65_507 // size)
        for start in range(0, len(rows), rows_max):
            buffer = b"".join(rows[start : start + rows_max])
            self.given += len(rows[start : start + rows_max])
            self._note(self.receiver.take(memoryview(buffer), size, self.now_ns, link))
        self.last_given = rows[-1]

    def judged(self, datagram: bytes) -> bytes:
        """Note the reason under which a hostile datagram must be counted: by §3, or its tag."""
        right = self._keeps_the_rules(datagram)
        if right and not self.params.tag:
            self.named.add(datagram[4:16])
        self.expected[Reason.DATAGRAM_TAG if right else Reason.DATAGRAM_MALFORMED] += 1
        return datagram

    def _keeps_the_rules(self, datagram: bytes) -> bool:
        """link §3, written from the page."""
        if len(datagram) < 48 or len(datagram) > self.params.datagram_bytes_max:
            return False
        flags, k, r, index = datagram[3], datagram[16], datagram[17], datagram[18]
        tagged = 2 if self.params.tag else 0
        size = int.from_bytes(datagram[20:22], "big")
        return (
            datagram[:3] == b"\x43\x56\x01"
            and int.from_bytes(datagram[4:8], "big") >= 1
            and int.from_bytes(datagram[8:16], "big") < 2**40
            and (datagram[19], datagram[22], datagram[23]) == (0, 0, 0)
            and size % 16 == 0
            and len(datagram) == 32 + size
            and (
                (flags == tagged | 1 and (k, r, index) == (1, 0, 0))
                or (
                    flags == tagged
                    and 1 <= k <= self.params.k_max
                    and r <= self.params.r_max
                    and k + r <= 255
                    and index < k + r
                )
            )
        )

    def _note(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Landed(sequence, _, envelope, _):
                    assert sequence not in self.landed, "landed twice"
                    assert envelope == self.sent.pop(sequence), "a message is not what was sent"
                    self.landed.add(sequence)
                case StreamLanded(sequence, total, _):
                    assert sequence not in self.landed, "landed twice"
                    assert total == len(self.sent.pop(sequence))
                    self.landed.add(sequence)
                    del self.sink.sources[sequence]
                case Gap(first, last):
                    told = set(range(first, last + 1))
                    assert not told & self.missing, "a gap was told twice"
                    assert not told & self.landed, "what landed was told missing"
                    self.missing |= told
                    for sequence in told:  # nothing of it may come any more
                        del self.sent[sequence]
                        self.sink.sources.pop(sequence, None)
                case StreamGap():
                    assert event.sequence in self.missing

    def check_counts(self) -> None:
        """Every datagram is counted once; with tags, under the reason it must have."""
        counters = self.receiver.counters
        assert counters["datagrams"] == self.given == self.genuine + self.hostile
        assert sum(counters[one] for one in ONCE) == self.given, dict(counters)
        if self.params.tag:
            # A forged repair symbol right behind its block, which has opened, is spare, and the
            # true one behind it a replay. link §5 (6)
            unseen = self.expected[Reason.DATAGRAM_TAG] - counters[Reason.DATAGRAM_TAG]
            again = counters[Reason.DATAGRAM_REPLAYED] - self.expected[Reason.DATAGRAM_REPLAYED]
            assert 0 <= again <= unseen <= self.taken_for_repair_max, dict(counters)
            for reason in (Reason.DATAGRAM_MALFORMED, Reason.DATAGRAM_SESSION, "copies"):
                assert counters[reason] == self.expected[reason], (reason, dict(counters))
            assert counters[Reason.BLOCK_TAG] == counters["heartbeats_refused"] == 0
            assert not self.missing, "hostile datagrams cost a message"
        else:
            lost = len(self.blocks) - counters["blocks_done"]
            assert lost <= len(self.blocks & self.named), "a block was lost that no one named"
        assert counters[Reason.BLOCK_MALFORMED] == 0

    def finish(self) -> None:
        """The enemy stops: what is sent now lands, and every sequence is accounted for."""
        for _ in range(60):  # beyond the blocks that forgeries have named in advance
            self.now_ns += 20 * MS
            self._offer()
            self._carry_due(clean=True)
            self._note(self.receiver.tick(self.now_ns))
        first = self.sequence + 1
        for _ in range(20):
            self.now_ns += 20 * MS
            self._offer()
            self._carry_due(clean=True)
            self._note(self.receiver.tick(self.now_ns))
        self.check_counts()
        assert set(range(first, self.sequence + 1)) <= self.landed, "the link has not recovered"
        every = set(range(1, self.sequence + 1))
        assert self.landed | self.missing == every, "a sequence is unaccounted for"
        assert not self.landed & self.missing, "what landed in time was told missing"

    def told(self) -> str:
        """The counters for people."""
        counted = {str(one): self.receiver.counters[one] for one in ONCE}
        lost = (
            f", {len(self.missing):,} of {self.sequence:,} sequences lost" if self.missing else ""
        )
        if not self.params.tag:
            lost += f", {len(self.blocks & self.named):,} of {len(self.blocks):,} blocks named"
        return ", ".join(f"{name} {value:,}" for name, value in counted.items() if value) + lost


FAST = LinkParams(
    mtu_bytes=256, k_max=8, r_max=4, design_loss_ppm=0, rate_bits_per_s=10**11, heartbeat_ms=20
)

Worlds = dict[str, Callable[[random.Random], World]]
WORLDS: Worlds = {
    "tagged": lambda chance: World(chance, FAST),
    "tagged, 1500 bytes": lambda chance: World(chance, LinkParams(rate_bits_per_s=10**11)),
    "interleaved": lambda chance: World(chance, replace(FAST, interleave_blocks=4)),
    "two links": lambda chance: World(chance, FAST, links=2),
    "untagged": lambda chance: World(chance, replace(FAST, tag=False)),
}
