"""Receive: from datagrams to the landed journal, one way.

Takes GRO buffers from the UDP socket (opened by the supervisor before the link came up, never
written), lets the link's receiver rebuild what was lost, and makes a batch of envelopes durable
before anyone else may read it. Gaps, checkpoints of the source's ledger and alarms are written
between the envelopes, in the order they became known. Parses a fixed binary header and nothing
else before authentication.
"""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from guard.edge.clock import monotonic_ns
from guard.edge.durable_number import read_number
from guard.edge.isal import best_codec
from guard.edge.journal import JournalWriter
from guard.edge.link_parameters import coder_of, link_line, link_params
from guard.edge.side_links import ReceivingLinks
from guard.edge.spec import Spec
from guard.edge.udp import buffer_bytes
from guard.link.events import Checkpoint, Event
from guard.link.keys import NextKey
from guard.link.params import READS_TOGETHER
from guard.link.receiver import Receiver
from guard.roles.feed import Feed
from guard.roles.landing import landing_parts, recover_state, state_event
from guard.roles.sieve import WITNESSED, Sieve, StatementSilence
from schemas.errors import Broken
from schemas.reasons import Reason
from schemas.sealed import write_landed_event

READS_A_BATCH_MAX = 256 // READS_TOGETHER
_TICK_MS = 20
_TIDY_NS = 10_000_000_000
_END_WITHIN_NS = 500_000_000


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the socket and the code; the journal is opened inside the sandbox."""
    np.unique(np.zeros(1, np.uint8))  # numpy imports a part of itself at the first such call
    return Receive(spec).work


class Receive:
    """The destination side's end of the link."""

    def __init__(self, spec: Spec) -> None:
        folder = Path(spec.text("folder"))
        self._spec = spec
        self._attempt_folder = folder / "attempt"
        self._landed_folder = folder / "landed"
        self._params = link_params(spec)
        self._codec = best_codec()
        self._coder = coder_of(link_line(spec), spec.documents)
        links = spec.values["links"]
        self._link_count = len(links) if isinstance(links, list) else 1
        self._links = ReceivingLinks.adopt(spec, self._link_count, spec.text("link_from"))
        self._feed = Feed(spec)
        self._sieve = Sieve()
        self._silence = StatementSilence(self._params, monotonic_ns())
        self._stopping = False
        self._tidy_ns = self._end_by_ns = 0
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Recover from the journal what has landed, then land what comes until asked to stop."""
        self._journal = JournalWriter.open(self._landed_folder)
        self._check_whole()
        self._journal.mark(self._journal.next_number)
        self._receiver = Receiver(
            self._params, self._spec.keys["link"], self._spec.number("flow_number"), self._codec,
            recover_state(self._landed_folder), coder=self._coder, links=self._link_count,
            next_key=self._next_key(),
        )  # fmt: skip
        self._receiver.note_buffer_size(
            self._links.smallest_buffer_bytes(), buffer_bytes(self._params.rate_bits_per_s // 10**6)
        )
        while not self._may_end():
            appended = self._take_all()
            self._receiver.note_buffer(self._links.fill_percent(), self._links.kernel_drops)
            appended += self._land(self._receiver.tick(monotonic_ns()))
            appended += self._land(self._silence.events(self._receiver.counters, monotonic_ns()))
            if appended:
                self._journal.sync()
                self._journal.mark(self._journal.next_number)
            self._tidy()
            self._tell()

    def _next_key(self) -> NextKey | None:
        """The link key that follows, if the side was given it.  # link §4 (7)"""
        key = self._spec.keys.get("link-next")
        return None if key is None else NextKey(key, self._spec.number("link_next_session"))

    def _may_end(self) -> bool:
        """Asked to stop, and between two blocks: half of one would be lost. Not for ever."""
        if not self._stopping:
            return False
        now_ns = monotonic_ns()
        self._end_by_ns = self._end_by_ns or now_ns + _END_WITHIN_NS
        return self._receiver.between_blocks or now_ns >= self._end_by_ns

    def _check_whole(self) -> None:
        """Raises `Broken`: what the chain has settled is not there, so what else is not?

        A receiver that forgot its sessions would open recorded ones (link §4 (3)).
        """
        settled = read_number(self._attempt_folder / "settled") or 0
        if self._journal.next_number < settled:
            raise Broken(
                Reason.SESSION_COUNTER,
                f"{self._landed_folder} has {self._journal.next_number} records and {settled} were"
                " settled: it is lost or an old copy (docs/recovery.md)",
            )

    def _take_all(self) -> int:
        """Every datagram that is there, up to a bound, after a wait for the first; gives how many
        records it made."""
        appended, wait_ms = 0, _TICK_MS
        for _ in range(READS_A_BATCH_MAX):
            reads = self._links.read(wait_ms, self._receiver.room)
            if not reads:
                break
            wait_ms = 0
            for buffer, segment_bytes, link in reads:
                events = self._receiver.take(buffer, segment_bytes, monotonic_ns(), link)
                appended += self._land(events)
        return appended

    def _land(self, events: list[Event]) -> int:
        """Append what they say; gives how many records that makes."""
        appended = 0
        for event in events:
            if isinstance(event, Checkpoint) and not self._passes(event.checkpoint):
                continue
            self._journal.append(landing_parts(event))
            appended += 1
        return appended

    def _passes(self, untrusted_statement: bytes) -> bool:
        accepted = read_number(self._attempt_folder / WITNESSED)
        return self._sieve.passes(untrusted_statement, accepted, monotonic_ns())

    def _tidy(self) -> None:
        """Drop old segments that the chain has settled, after writing down what they proved."""
        now_ns = monotonic_ns()
        if now_ns < self._tidy_ns:
            return
        self._tidy_ns = now_ns + _TIDY_NS
        settled = read_number(self._attempt_folder / "settled") or 0
        if self._journal.segments_below(settled):
            self._journal.append(write_landed_event(state_event(self._receiver.checkpoint_state())))
            self._journal.sync()
            self._journal.mark(self._journal.next_number)
            self._journal.drop_below(settled)

    def _tell(self) -> None:
        self._feed.counters.update(self._receiver.counters)
        self._feed.counters["foreign"] = self._links.foreign
        self._feed.tell_if_due()
