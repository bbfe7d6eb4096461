"""What `audit` of the low side does for the high side's witness: statements of its ledger, paced.

Takes the ledger after each batch, gives the next statement when the link has room for it. The size
of each checkpoint is on disk before it is told, so that a restart knows what the other side may
have seen. Follows docs/spec/ledger.md §8.
"""

from collections.abc import Sequence
from pathlib import Path

from guard.core.ledger import Checkpoint, Ledger
from guard.core.witnessing import POINTS_MAX, Kept, Points
from guard.edge.clock import monotonic_ns
from guard.edge.told_sizes import ToldSizes
from guard.link.params import LinkParams

POINT_NS = 5_000_000_000
STATEMENTS_A_POINT = 10
STATEMENT_BYTES = 1200
_SLOWER = (5, 4)  # than the heartbeats, or statements would be passed over


class Publisher:
    """The statements of one ledger."""

    def __init__(self, path: Path, params: LinkParams) -> None:
        """path: the file of the sizes that were told."""
        self._told = ToldSizes(path, POINTS_MAX)
        self._points = Points(self._told.sizes)
        self._params = params
        self._point_ns = max(POINT_NS, STATEMENTS_A_POINT * self._pace_ns(STATEMENT_BYTES))
        self._point_due_ns = self._statement_due_ns = 0

    def grown(self, ledger: Ledger, checkpoint: Checkpoint) -> None:
        """The ledger has one batch more. To be called after every one."""
        self._points.grown(ledger, checkpoint)

    def take_up(self, ledger: Ledger, points: Sequence[Kept], checkpoint: Checkpoint) -> None:
        """The ledger stands where a start goes on, and these points were kept with it."""
        self._points.take_up(points, ledger, checkpoint)

    @property
    def points(self) -> Points:
        """What was told."""
        return self._points

    def statement_if_due(self, ledger: Ledger, checkpoint: Checkpoint) -> bytes:
        """The next statement if it is time for one, else b""."""
        now_ns = monotonic_ns()
        if now_ns >= self._point_due_ns and self._points.take(ledger, checkpoint):
            self._told.add(ledger.size)
            self._point_due_ns, self._statement_due_ns = now_ns + self._point_ns, now_ns
        if now_ns < self._statement_due_ns:
            return b""
        statement = self._points.next_statement()
        self._statement_due_ns = now_ns + self._pace_ns(max(1, len(statement)))
        return statement

    def _pace_ns(self, statement_bytes: int) -> int:
        more, less = _SLOWER
        return self._params.checkpoint_ns(statement_bytes) * more // less

    def wait_ms(self, most_ms: int) -> int:
        """How long until the next one is due, at most `most_ms`."""
        return max(1, min(most_ms, (self._statement_due_ns - monotonic_ns()) // 1_000_000))
