"""The parameters of a link: every number that may differ between a radio and a data centre.

Takes numbers from the signed policy, gives one frozen, checked value that both ends build alike.
May do nothing else. Follows docs/spec/link.md §2 (4), §12 and §13.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb

from schemas.errors import Malformed
from schemas.reasons import Reason

HEADER_BYTES = 32
SEAL_TAG_BYTES = 16
ALIGN_BYTES = 16
SYMBOLS_MAX = 255
REPAIR_SYMBOLS_MIN = 3
DATAGRAM_BYTES_MAX = 65_488
READ_BYTES_MAX = 65_536  # of one read of a socket: what one send was, put together again
READS_TOGETHER = 3  # taken as one if they wait (docs/benchmarks.md)
PIECE_BYTES_MAX = 2**20
STREAM_BYTES_MAX = 2**62 - 1
STREAM_ALIGN_BYTES = 4096  # pieces of whole pages land fastest
ALIGN_SHARE = 16  # but not at the price of more than one part in 16 of the room
HEARTBEAT_FIXED_BYTES = 74
CHECKPOINT_BYTES_MAX = 8192
HEARTBEAT_PIECE_BYTES_MAX = 600  # of it in one heartbeat: a FLASH message waits for it
SEQUENCE_MAX = 2**62 - 1
NUMBER_MAX = 2**40 - 1
SESSION_MAX = 2**32 - 1
BURST_BYTES_MAX = 65_507
BURST_SEGMENTS_MAX = 64
BLOCK_LOSS_MAX = 1e-6
BLOCK_MS_MAX = 100  # on the wire: what a FLASH message may have to wait for
BURST_BYTES_DEFAULT = 2 * 2**20
BURST_MS_DEFAULT = 2
AGEING_BLOCKS = 16
HEARTBEAT_SHARE = 20  # one part in 20 of the rate

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000

_BOUNDS: dict[str, tuple[int, int]] = {
    "mtu_bytes": (256, 65_535),
    "ip_version": (4, 6),
    "k_max": (1, 252),
    "r_max": (REPAIR_SYMBOLS_MIN, 254),
    "repair_percent": (0, 400),
    "design_loss_ppm": (0, 200_000),
    "interleave_blocks": (1, 64),
    "rate_bits_per_s": (1_000, 400_000_000_000),
    "burst_wire_bytes": (0, 64 * 2**20),
    "frame_overhead_bytes": (0, 256),
    "heartbeat_ms": (10, 60_000),
    "silence_ms": (20, 600_000),
    "give_up_ms": (1, 60_000),
    "window_blocks": (4, 4096),
    "window_bytes_max": (2**20, 2**30),
    "queue_bytes_max": (2**16, 2**30),
    "envelope_bytes_max": (1, 2**30),
    "repeats": (0, 16),
    "repeat_pause_ms": (1, 3_600_000),
}


@dataclass(frozen=True, slots=True)
class LinkParams:
    """One link. Construction raises `Malformed` if a number is beyond its bound.

    mtu_bytes             largest IP packet
    ip_version            4 or 6: what the IP and UDP headers take from it
    k_max, r_max          source and repair symbols of a block at most
    repair_percent        repair symbols as a share of the source symbols, at least
    design_loss_ppm       datagram loss at which a block must still almost never be lost (§13)
    interleave_blocks     D: blocks whose symbols are sent round-robin; 1 for latency
    rate_bits_per_s       on the wire, all headers included
    burst_wire_bytes      what may leave back to back: what the receiver's buffer is sized for
                          (0: what 2 ms carry, at least one datagram and at most 2 MiB)
    frame_overhead_bytes  below IP, a datagram (Ethernet: 38 with preamble and gap)
    heartbeat_ms          interval, also when idle
    silence_ms            after so long without an authentic datagram the receiver says so; on
                          links so slow that heartbeats are rarer, after three of those
    give_up_ms            how long after a heartbeat a block may still be completed by reordering
    window_blocks         blocks that may be open at the receiver
    window_bytes_max      memory for them; fewer blocks are open at a time if they do not fit
    queue_bytes_max       envelopes waiting in the sender
    envelope_bytes_max    one envelope
    tag                   datagrams carry a tag (§5)
    repeats               how often a message is sent again, whole
    repeat_pause_ms       how long after it was sent: longer than the outages to be survived
    """

    mtu_bytes: int = 1500
    ip_version: int = 4
    k_max: int = 80
    r_max: int = 24
    repair_percent: int = 10
    design_loss_ppm: int = 30_000
    interleave_blocks: int = 1
    rate_bits_per_s: int = 1_000_000_000
    burst_wire_bytes: int = 0
    frame_overhead_bytes: int = 38
    heartbeat_ms: int = 100
    silence_ms: int = 2_000
    give_up_ms: int = 100
    window_blocks: int = 256
    window_bytes_max: int = 64 * 2**20
    queue_bytes_max: int = 64 * 2**20
    envelope_bytes_max: int = 17 * 2**20
    tag: bool = True
    repeats: int = 0
    repeat_pause_ms: int = 2_000

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                _refuse(f"{name} must be a whole number from {least} to {most}")
        if self.ip_version == 5:
            _refuse("ip_version must be 4 or 6")
        if self.envelope_bytes_max > self.queue_bytes_max:
            _refuse("envelope_bytes_max must be at most queue_bytes_max")
        if self.burst_bytes < self.wire_bytes(self.datagram_bytes_max):
            _refuse("burst_wire_bytes must hold one datagram of the MTU")
        if self.slot_bytes * max(4, self.interleave_blocks + 2) > self.window_bytes_max:
            _refuse("window_bytes_max must hold four blocks, and two more than are interleaved")
        if self.window_blocks < 2 * self.interleave_blocks:
            _refuse("window_blocks must be at least twice interleave_blocks")
        if self.silence_ms < 2 * self.heartbeat_ms:
            _refuse("silence_ms must be at least twice heartbeat_ms")

    @property
    def datagram_bytes_max(self) -> int:
        """UDP payload at most: the MTU less IP and UDP headers, rounded down to 16 (§12)."""
        room = self.mtu_bytes - (28 if self.ip_version == 4 else 48)
        return min(room - room % ALIGN_BYTES, DATAGRAM_BYTES_MAX)

    @property
    def symbol_bytes_max(self) -> int:
        """Symbol size at most."""
        return self.datagram_bytes_max - HEADER_BYTES

    @property
    def burst_bytes(self) -> int:
        """Bytes on the wire that may leave back to back."""
        if self.burst_wire_bytes:
            return self.burst_wire_bytes
        some = self.rate_bits_per_s // 8 * BURST_MS_DEFAULT // 1000
        return max(self.wire_bytes(self.datagram_bytes_max), min(some, BURST_BYTES_DEFAULT))

    @property
    def block_symbols_max(self) -> int:
        """Source symbols of a block at most, so that none holds the link for long (§13)."""
        wire = self.wire_bytes(self.datagram_bytes_max)
        rows = self.rate_bits_per_s * BLOCK_MS_MAX // 8000 // wire
        fitting = (k for k in range(self.k_max, 1, -1) if k + self.repair_symbols(k) <= rows)
        return next(fitting, 1)

    @property
    def block_bytes_max(self) -> int:
        """Plaintext bytes of a full block."""
        return self.block_symbols_max * self.symbol_bytes_max - SEAL_TAG_BYTES

    @property
    def rows_max(self) -> int:
        """Symbols of a block at most, repair symbols too."""
        return min(self.k_max + self.r_max, SYMBOLS_MAX)

    @property
    def slot_bytes(self) -> int:
        """Memory that an open block takes at the receiver."""
        return self.rows_max * self.symbol_bytes_max

    def heartbeat_ns(self, datagram_bytes: int) -> int:
        """The interval of heartbeats of this size: a slow link stretches it (§9 (4))."""
        bits = self.wire_bytes(datagram_bytes) * 8
        slow_ns = bits * _NS_PER_S * HEARTBEAT_SHARE // self.rate_bits_per_s
        return max(self.heartbeat_ms * _NS_PER_MS, slow_ns)

    @property
    def piece_bytes_max(self) -> int:
        """Checkpoint bytes that fit into one heartbeat."""
        room = self.symbol_bytes_max - SEAL_TAG_BYTES - HEARTBEAT_FIXED_BYTES
        return min(room, HEARTBEAT_PIECE_BYTES_MAX)

    def checkpoint_ns(self, checkpoint_bytes: int) -> int:
        """How long heartbeats take to carry a checkpoint of this size once."""
        pieces = -(-checkpoint_bytes // self.piece_bytes_max)
        return pieces * self.heartbeat_ns(self.datagram_bytes_max)

    @property
    def silence_ns(self) -> int:
        """After so long without an opened datagram a link is silent: two heartbeats may be lost."""
        return max(self.silence_ms * _NS_PER_MS, 3 * self.heartbeat_ns(self.datagram_bytes_max))

    @property
    def repeat_pause_ns(self) -> int:
        """`repeat_pause_ms` as the cores count time."""
        return self.repeat_pause_ms * _NS_PER_MS

    @property
    def give_up_ns(self) -> int:
        """`give_up_ms` as the cores count time."""
        return self.give_up_ms * _NS_PER_MS

    def wire_bytes(self, datagram_bytes: int) -> int:
        """What a datagram costs on the wire."""
        ip_and_udp = 28 if self.ip_version == 4 else 48
        return datagram_bytes + ip_and_udp + self.frame_overhead_bytes

    def burst_datagrams(self, datagram_bytes: int) -> int:
        """How many of this size leave in one send, at most."""
        paced = self.burst_bytes // self.wire_bytes(datagram_bytes)
        return max(1, min(BURST_SEGMENTS_MAX, BURST_BYTES_MAX // datagram_bytes, paced))

    def repair_symbols(self, k: int) -> int:
        """How many repair symbols a block of k source symbols gets (§13)."""
        share = repair_share(k, self.repair_percent)
        wanted = max(share, _repair_for_loss(k, self.design_loss_ppm))
        return min(wanted, self.r_max, SYMBOLS_MAX - k)

    def shape(self, plaintext_bytes: int) -> tuple[int, int, int]:
        """(k, r, symbol size) of a block that holds so many bytes of records (§6 (6))."""
        sealed = plaintext_bytes + SEAL_TAG_BYTES
        k = -(-sealed // self.symbol_bytes_max)
        each = -(-sealed // k)
        return k, self.repair_symbols(k), ceil16(each)


def repair_share(k: int, percent: int) -> int:
    """Repair symbols as a share of k source symbols, never fewer than 3 (§13)."""
    return max(REPAIR_SYMBOLS_MIN, -(-k * percent // 100))


def ceil16(size_bytes: int) -> int:
    """Rounded up to a multiple of 16."""
    return -(-size_bytes // ALIGN_BYTES) * ALIGN_BYTES


@lru_cache(maxsize=4096)
def _repair_for_loss(k: int, loss_ppm: int) -> int:
    """The least r for which P(more than r of k + r lost) <= `BLOCK_LOSS_MAX`."""
    loss = loss_ppm / 1e6
    for r in range(SYMBOLS_MAX - k):
        n = k + r
        kept = sum(comb(n, lost) * loss**lost * (1 - loss) ** (n - lost) for lost in range(r + 1))
        if 1 - kept <= BLOCK_LOSS_MAX:
            return r
    return SYMBOLS_MAX - k


def _refuse(sentence: str) -> None:
    raise Malformed(Reason.POLICY_MALFORMED, f"link: {sentence}")
