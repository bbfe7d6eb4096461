"""Pacing: a token bucket in bytes on the wire.

Takes the time and sizes, gives whether a burst may leave and when it may. Pure, exact (whole
nanoseconds and bits), and it reacts to nothing from outside. Follows docs/spec/link.md §13.
"""

GATHER_NS = 1_000_000
_NS_PER_S = 1_000_000_000


class TokenBucket:
    """Holds at most `depth_bytes`, filled at `rate_bits_per_s`; full at the start."""

    def __init__(self, rate_bits_per_s: int, depth_bytes: int) -> None:
        self._rate = rate_bits_per_s
        self._depth = depth_bytes * 8 * _NS_PER_S  # in bit-nanoseconds: no rounding
        self._held = self._depth
        self._at_ns: int | None = None

    def set_rate(self, rate_bits_per_s: int, now_ns: int) -> None:
        """Fill at this rate from now on; what is held stays."""
        self.take(0, now_ns)
        self._rate = rate_bits_per_s

    def take(self, wire_bytes: int, now_ns: int) -> int:
        """Take so many bytes and give `now_ns`, or take nothing and give when they can be had."""
        if self._at_ns is not None and now_ns > self._at_ns:
            self._held = min(self._depth, self._held + (now_ns - self._at_ns) * self._rate)
        if self._at_ns is None or now_ns > self._at_ns:
            self._at_ns = now_ns
        wanted = wire_bytes * 8 * _NS_PER_S
        if wanted > self._held:
            return now_ns + -(-(wanted - self._held) // self._rate)
        self._held -= wanted
        return now_ns

    def gather_ns(self, wire_bytes: int) -> int:
        """How much longer than for so many bytes one may wait, at most `GATHER_NS`, so that more
        leave together and yet nothing overflows: half of what is left of the depth."""
        spare = self._depth - wire_bytes * 8 * _NS_PER_S
        return min(GATHER_NS, max(0, spare // 2 // self._rate))
