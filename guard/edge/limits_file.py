"""What was counted of senders' limits, on disk: `spool/limits`, for `ingest` alone.

Takes the spool's folder and a `Limiter`. The file is a snapshot: it says up to which accepted
message it counts, and the `accepted` journal has the messages since; so it is written only before
the journal lets messages go. Raises `Malformed(RECORD_MALFORMED)`, `OSError`. spool §7 (5)
"""

from pathlib import Path

from guard.core.sender_limits import Limiter
from guard.edge import durable

NAME = "limits"


def take_up(spool: Path, limiter: Limiter) -> int:
    """Read the snapshot, if there is one; gives the number from which on to count."""
    try:
        stored = (spool / NAME).read_bytes()
    except FileNotFoundError:
        return 0
    return limiter.read_state(stored)


def keep(spool: Path, limiter: Limiter, number: int) -> None:
    """Write it, durably; number: all accepted messages before it are counted."""
    durable.replace(spool / NAME, limiter.written(number))
