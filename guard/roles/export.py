"""Export: the ledger's entries and checkpoints, to a collector on this side.

Follows the ledger, as durable as it is, and hands each entry on with its number, each read's last
checkpoint behind it. How far it is stands on disk, written after the collector has taken it: after
a restart the last ones come again. No other process waits for this one or for the collector: who is
slow or gone is counted, and catches up. Follows docs/spec/ledger.md §10.
"""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from guard.core.ledger import Checkpoint, read_entry, split_batch
from guard.core.syslog import checkpoint_message, entry_message
from guard.edge.clock import monotonic_ns
from guard.edge.collector import FILE, FILE_NAME, Collector, FileCollector, SyslogCollector
from guard.edge.durable_number import DurableNumber
from guard.edge.journal import JournalReader
from guard.edge.journal_recovery import read_mark_file
from guard.edge.segments import first_numbers
from guard.edge.spec import Spec
from guard.edge.waiting import wait_readable
from guard.roles.feed import Feed

BATCHES_A_READ = 64
_IDLE_MS = 500
_ABSENT_NS = 10_000_000_000  # a daemon that is not there is looked for so often
_LATE_NS = 10_000_000_000
_DRAIN_NS = 2_000_000_000


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the collector's socket, if it is one; files are opened inside the sandbox."""
    return Export(spec).work


class Export:
    """One ledger's way to its collector."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._folder = Path(spec.text("folder"))
        self._feed = Feed(spec)
        given = spec.descriptors.get("collector")
        self._syslog = None if given is None else SyslogCollector(given)
        self._stopping_ns = 0
        self._since_ns = monotonic_ns()
        self._told = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping_ns = monotonic_ns() + _DRAIN_NS

    def work(self) -> None:
        """Hand on what is new, until asked to stop; ends if the daemon is gone."""
        self._cursor = DurableNumber(self._folder / "export" / "cursor")
        cursor = self._cursor.value or 0
        begin = self._begin(cursor)
        if begin < cursor:
            self._cursor.set(begin)
        self._reader = JournalReader(self._folder / "ledger", begin)
        collector = self._collector()
        if collector is None:
            self._wait_for_a_daemon()
            return
        try:
            while self._hand_on(collector):
                pass
        except ConnectionError:
            self._late("the collector's socket is closed")
        self._feed.tell()

    def _begin(self, cursor: int) -> int:
        """The batch to go on with. It is told if the ledger begins later, or was cut."""
        ledger = self._folder / "ledger"
        firsts, mark = first_numbers(ledger), read_mark_file(ledger)
        if firsts and cursor < firsts[0]:
            if cursor:
                self._tell(f"batches {cursor} to {firsts[0] - 1} were let go before they were told")
            return firsts[0]
        if mark is not None and mark < cursor:
            self._tell(f"the ledger has {mark} batches, and {cursor} were told: it was cut")
            return mark  # what is written in the place of the others is told too
        return cursor

    def _collector(self) -> Collector | None:
        if self._spec.text("export") == FILE:
            return FileCollector(self._folder / "export" / FILE_NAME)
        return self._syslog

    def _hand_on(self, collector: Collector) -> bool:
        """One read of the ledger, until the collector has it. False when it is time to end."""
        records = self._reader.take(BATCHES_A_READ)
        if not records:
            if self._stopping_ns:
                return False
            wait_readable(self._reader.fileno(), wait_ms=_IDLE_MS)
            self._count(0)
            return True
        messages = messages_of(self._spec.text("origin"), [batch for _, batch in records])
        while not collector.give(messages, _IDLE_MS):
            self._late("the collector does not take what it is given")
            self._count(len(messages))
            if self._stopping_ns and monotonic_ns() > self._stopping_ns:
                return False
            if isinstance(collector, FileCollector):
                wait_readable(wait_ms=_IDLE_MS)
        self._cursor.set(self._reader.next_number)
        self._feed.add("exported", len(messages))
        self._since_ns, self._told = monotonic_ns(), False
        self._count(0)
        return not self._stopping_ns or monotonic_ns() < self._stopping_ns

    def _wait_for_a_daemon(self) -> None:
        """The supervisor, which may connect, starts this process again."""
        until_ns = monotonic_ns() + _ABSENT_NS
        self._since_ns -= _LATE_NS
        self._late("nobody listens on the collector's socket")
        while not self._stopping_ns and monotonic_ns() < until_ns:
            self._count(1)
            wait_readable(wait_ms=_IDLE_MS)

    def _count(self, waiting: int) -> None:
        self._feed.counters["export_waiting"] = waiting
        self._feed.counters["export_late_s"] = (
            (monotonic_ns() - self._since_ns) // 1_000_000_000 if waiting else 0
        )
        if not waiting:
            self._since_ns = monotonic_ns()
        self._feed.tell_if_due()

    def _late(self, sentence: str) -> None:
        """An alarm of its own: on stderr once, in the counters as long as it lasts."""
        if not self._told and monotonic_ns() - self._since_ns >= _LATE_NS:
            self._told = True
            self._tell(sentence)

    def _tell(self, sentence: str) -> None:
        self._feed.add("export_alarms")
        name = f"{self._spec.side} {self._spec.name}"
        print(f"{name}: {sentence}; the guard goes on", file=sys.stderr, flush=True)


def messages_of(origin: str, batches: list[bytes]) -> list[bytes]:
    """Every entry of these batches, and the last one's checkpoint."""
    messages: list[bytes] = []
    for batch in batches:
        lines, note = split_batch(batch)
        size = int(note.split(b"\n", 2)[1])
        first = size - len(lines)
        messages += [entry_message(origin, first + at, line) for at, line in enumerate(lines)]
    time_ms = read_entry(lines[-1]).get("time_ms", 0)
    messages.append(checkpoint_message(origin, size, int(time_ms), Checkpoint(note)))
    return messages
