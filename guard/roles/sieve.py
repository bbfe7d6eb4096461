"""Which statements of the source side's ledger `receive` lands, and whether any come.

Takes what the link's heartbeats carried, looks at the sizes that it claims, and at nothing else:
`verify` judges what is landed. Follows docs/spec/ledger.md §8.
"""

from collections.abc import Mapping

from guard.link.events import Alarm, Event
from guard.link.params import CHECKPOINT_BYTES_MAX, LinkParams
from schemas.reasons import Reason

WITNESSED = "witnessed"
"""In `attempt`: the size of the source side's ledger that `verify` has accepted."""
PATIENCE_NS = 120_000_000_000
_STATEMENT_BYTES = 1200
_PATIENCE_STATEMENTS = 24
_ROUNDS = 3
_OLD_SIZE, _SIZE = slice(4, 12), slice(12, 20)


def patience_ns(params: LinkParams) -> int:
    """How long something of the source side's ledger is waited for: 24 statements' time."""
    return max(PATIENCE_NS, _PATIENCE_STATEMENTS * params.checkpoint_ns(_STATEMENT_BYTES))


class Sieve:
    """Which of the statements that `receive` hears are landed: what `verify` has use for.

    Statements come all the time, most of them for those who missed others. Landed are those that go
    on from what is accepted here, and, seldom, others with a checkpoint that is new.
    """

    SELDOM_NS = 1_000_000_000
    KEPT_MAX = 64
    NOTE_END_BYTES = 92  # a checkpoint's signature: it tells checkpoints apart

    def __init__(self) -> None:
        self._landed: list[bytes] = []
        self._seldom_ns = 0

    def passes(self, untrusted: bytes, accepted: int | None, now_ns: int) -> bool:
        """accepted: the size of the ledger that is accepted, None if there is none."""
        mark = untrusted[_OLD_SIZE] + untrusted[-self.NOTE_END_BYTES :]
        old_size, size = (int.from_bytes(untrusted[at], "big") for at in (_OLD_SIZE, _SIZE))
        goes_on = accepted is None or (old_size == accepted and size > accepted)
        if not goes_on:  # once as what it is, and once more if it is smaller than it was
            mark = bytes([accepted is not None and size < accepted]) + mark[8:]
        if mark in self._landed:
            return False
        if not goes_on:
            if now_ns < self._seldom_ns:
                return False
            self._seldom_ns = now_ns + self.SELDOM_NS
        self._landed = [*self._landed[1 - self.KEPT_MAX :], mark]
        return True


class StatementSilence:
    """Whether heartbeats come without statements: told once a silence."""

    def __init__(self, params: LinkParams, now_ns: int) -> None:
        self._patience_ns = patience_ns(params)
        self._heartbeats_max = _ROUNDS * -(-CHECKPOINT_BYTES_MAX // params.piece_bytes_max)
        self._heartbeats = self._statements = 0
        self._since_ns = now_ns
        self._silent = False

    def events(self, counters: Mapping[str, int], now_ns: int) -> list[Event]:
        """counters: of the link's receiver."""
        heartbeats, statements = counters["heartbeats"], counters["checkpoints"]
        if statements != self._statements:
            self._heartbeats, self._statements, self._since_ns = heartbeats, statements, now_ns
            self._silent = False
        without = heartbeats - self._heartbeats
        waited_ns = now_ns - self._since_ns
        if self._silent or without < self._heartbeats_max or waited_ns < self._patience_ns:
            return []
        self._silent = True
        sentence = "heartbeats come, and with them nothing of the source side's ledger"
        return [Alarm(Reason.LEDGER_SILENT, sentence)]
