"""How long a side keeps what it no longer needs: which of a journal's segments may go.

Takes what is known of segments, gives a number; pure. Follows docs/spec/resend.md §5. What was not
sent stays, whatever its age and size.
"""

from collections.abc import Sequence
from typing import NamedTuple

DAY_S = 86_400
MB_BYTES = 10**6


class Closed(NamedTuple):
    """A segment that gets no more records: its first number, the next one's, size, last write."""

    first: int
    after: int
    size_bytes: int
    written_s: int


def first_to_stay(segments: Sequence[Closed], sent: int, now_s: int, days: int, mb: int) -> int:
    """The number of the first record that stays; 0: nothing goes.

    segments: oldest first; sent: so many records were sent; days, mb: bounds, 0 for none.
    """
    size_bytes = sum(each.size_bytes for each in segments)
    stays = 0
    for each in segments:
        old = days > 0 and now_s - each.written_s > days * DAY_S
        much = mb > 0 and size_bytes > mb * MB_BYTES
        if each.after > sent or not (old or much):
            break
        stays = each.after
        size_bytes -= each.size_bytes
    return stays
