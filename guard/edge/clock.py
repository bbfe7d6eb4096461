"""The clock: the only place that reads it."""

import time


def now_s() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def monotonic_ns() -> int:
    """Nanoseconds of the system's monotonic clock, the same in every process of a host."""
    return time.monotonic_ns()
