"""What must hold of a link at every step, whatever its cables do: what docs/spec/link.md promises.

Takes what was sent, what arrived and what became durable, raises a `Violation` at the first step
at which a promise is broken. Knows the truth (what was offered, which datagrams came whole) and
nothing of how the cores work. Pure.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NoReturn

from diode_sim.clock import MS
from diode_sim.link_alarms import AlarmRules, Arrivals, tick_ns_max
from diode_sim.link_claims import Claims, Sent
from diode_sim.link_ends import ReceivingEnd
from diode_sim.options import Options
from diode_sim.traffic import Messages
from diode_sim.violation import Violation
from guard.link.blocks import Burst
from guard.link.events import (
    Alarm,
    Checkpoint,
    Event,
    Gap,
    Landed,
    LinkBack,
    LinkDead,
    SessionOpened,
    Silence,
    StreamGap,
    StreamLanded,
)
from guard.link.heartbeat import Heartbeat
from guard.link.params import LinkParams
from schemas.reasons import Reason

_FLIGHT_MAX = 20_000  # datagrams remembered: more than are ever under way
_BLOCKS_MAX = 4096
_S = 1_000_000_000
_ONCE = (
    "symbols_taken", "symbols_spare", "copies", "heartbeats", "heartbeats_refused",
    Reason.DATAGRAM_MALFORMED, Reason.DATAGRAM_TAG, Reason.DATAGRAM_SESSION,
    Reason.DATAGRAM_REPLAYED,
)  # fmt: skip


class LinkInvariants:
    """Watches one run. `step` and `now_ns` are set by the world before it tells anything."""

    def __init__(self, params: LinkParams, cables: Sequence[Options], messages: Messages) -> None:
        self._params = params
        self._messages = messages
        self.step = 0
        self.now_ns = 0
        # Truth of the sender.
        self._offered = 0
        self._claims: Claims | None = None
        self._flight: dict[bytes, Sent] = {}
        self._flight_order: deque[bytes] = deque()
        self._checkpoints: deque[bytes] = deque(maxlen=64)
        self._bucket = _Bucket(params)
        # What the high side's disk has.
        self._landed: set[int] = set()
        self._told: set[int] = set()
        self._settled_below = 1  # every lower sequence has landed or was told
        self._session = 0
        self._highest: dict[int, int] = {}  # precedence -> the last one landed in this session
        # What the present life of the receiver has seen.
        self._in_order = len(cables) == 1 and not (cables[0].reorder or cables[0].jitter_ms)
        self._one_by_one = self._in_order and params.interleave_blocks == 1 and not params.repeats
        self._seen = Arrivals(params, len(cables))
        self._alarms = AlarmRules(params, self._seen, in_order=self._in_order)
        self._proven_below = 1
        self._proven_last: set[int] = set()
        self._ripe_after_ns = 2 * params.give_up_ns + 2 * tick_ns_max(params) + 50 * MS
        self._changed = True  # since the journal was held against the receiver
        self._deadlines: deque[tuple[int, int]] = deque()
        self._symbols: dict[int, set[int]] = {}
        self._blocks_due = 0
        # Harm done so far, by cables or by ends that were not there.
        self.harm = 0

    @property
    def again(self) -> int:
        """Datagrams that cables have given twice, so far."""
        return self._seen.again

    @again.setter
    def again(self, count: int) -> None:
        self._seen.again = count

    # ------------------------------------------------------------------------------- the sender

    def session_began(self, session: int, cursor: int) -> None:
        """The sender started; it goes on after its cursor."""
        self._claims = Claims(self._params, session, cursor)
        self._bucket = _Bucket(self._params)
        self._seen.sessions = session

    def offered(self, last: int) -> None:
        """Everything up to this sequence is offered."""
        self._offered = max(self._offered, last)

    def checkpoint(self, checkpoint: bytes) -> None:
        """The source ledger has a new one."""
        self._checkpoints.append(checkpoint)

    def sent(self, burst: Burst) -> None:
        """A burst leaves."""
        size = burst.segment_bytes
        whole = bytes(burst.buffer)
        rows = [whole[at : at + size] for at in range(0, len(whole), size)]
        if not self._bucket.takes(self.now_ns, len(rows) * self._params.wire_bytes(size)):
            self.broken("pace", "the sender sends more than its rate and its burst allow")
        for row in rows:
            self._left(row)
        while len(self._flight_order) > _FLIGHT_MAX:
            del self._flight[self._flight_order.popleft()]

    def _left(self, row: bytes) -> None:
        if self._claims is None:
            self.broken("claims", "something leaves, and no sender runs")
        sent, wrong = self._claims.left(row)
        if wrong:
            self.broken("claims", wrong)
        if (
            sent.beat
            and max(sent.beat.complete_below, *sent.beat.last_completed) > self._offered + 1
        ):
            self.broken("claims", "a heartbeat claims sequences that were never offered")
        if row not in self._flight:
            self._flight_order.append(row)
        self._flight[row] = sent

    # ----------------------------------------------------------------------------- the receiver

    def life_began(self) -> None:
        """The receiver started, with what is on its disk."""
        self._seen.life_began(self.now_ns)
        self._proven_below, self._proven_last = 1, set()
        self._deadlines.clear()
        self._symbols.clear()
        self._blocks_due = 0

    def arrived(self, datagram: bytes, link: int) -> Sent | None:
        """The receiver gets a datagram; gives what was sent, None where it was damaged."""
        sent = self._flight.get(datagram)
        self._seen.note(self.now_ns, sent is None)
        if sent is None:
            return None
        if sent.beat is not None:
            self._beat(sent, sent.beat, link)
        elif sent.session == self._seen.session:
            self._symbol(sent)
        return sent

    def _symbol(self, sent: Sent) -> None:
        held = self._symbols.setdefault(sent.number, set())
        if len(held) < sent.k:
            held.add(sent.esi)
            self._blocks_due += len(held) == sent.k
        if len(self._symbols) > _BLOCKS_MAX:
            del self._symbols[next(iter(self._symbols))]

    def _beat(self, sent: Sent, beat: Heartbeat, link: int) -> None:
        before = self._seen.session
        if not self._seen.beat(self.now_ns, sent.session, sent.number, link, self._session):
            return
        if self._seen.session > before:  # of the one before, nothing more is told: link §4 (5)
            self._symbols.clear()
            self._deadlines.clear()
        self._proven_below = max(self._proven_below, beat.complete_below)
        self._proven_last.update(last - 1 for last in beat.last_completed if last)
        ripe_ns = self.now_ns + self._ripe_after_ns
        if beat.complete_below > self._settled_below:
            self._deadlines.append((ripe_ns, beat.complete_below))

    def told(self, events: list[Event], end: ReceivingEnd) -> None:
        """The receiver has just told these: what is missing of a stream is so at this moment."""
        for event in events:
            if isinstance(event, StreamGap):
                held = end.landing.held.get(event.sequence)
                if held is None or event.missing != tuple(held.missing()):
                    self.broken("gap", f"other bytes of stream {event.sequence} are missing")

    def durable(self, events: list[Event], end: ReceivingEnd) -> None:
        """These are on the high side's disk now."""
        self._changed = True
        for event in events:
            match event:
                case Landed(sequence, precedence, envelope, late):
                    self._landed_one(sequence, precedence, envelope, late)
                case StreamLanded(sequence, total, late):
                    self._stream_landed(sequence, total, late, end)
                case Gap(first, last):
                    self._gap(first, last)
                case StreamGap():
                    pass  # see `told`
                case SessionOpened(session):
                    self._opened(session)
                case Checkpoint(checkpoint):
                    if checkpoint not in self._checkpoints:
                        self.broken("checkpoint", "a checkpoint that the source never had")
                case Silence() | LinkDead() | LinkBack() | Alarm():
                    wrong = self._alarms.wrong(event, self.now_ns)
                    if wrong:
                        self.broken("alarm", wrong)
        while self._settled_below in self._landed or self._settled_below in self._told:
            self._settled_below += 1

    def _landed_one(self, sequence: int, precedence: int, content: bytes, late: bool) -> None:
        self._may_land(sequence, late)
        message = self._messages.message(sequence)
        if message.is_stream:
            self.broken("offered", f"{sequence} was offered as a stream and landed as an envelope")
        if content != message.content:
            self.broken("identical", f"{sequence} landed with other bytes than were offered")
        if precedence != message.precedence:
            self.broken("identical", f"{sequence} landed with another precedence")
        if self._one_by_one and self._seen.lives == 1:
            if sequence < self._highest.get(precedence, 0):
                self.broken("order", f"{sequence} landed after {self._highest[precedence]}")
            self._highest[precedence] = sequence

    def _stream_landed(self, sequence: int, total: int, late: bool, end: ReceivingEnd) -> None:
        self._may_land(sequence, late)
        size = len(self._messages.message(sequence).content)
        held = end.landing.held.get(sequence)
        if total != size or (size and (held is None or not held.held.is_just(0, size - 1))):
            self.broken("identical", f"stream {sequence} landed without all of its bytes")

    def _may_land(self, sequence: int, late: bool) -> None:
        if not 0 < sequence <= self._offered:
            self.broken("offered", f"{sequence} landed and was never offered")
        if sequence in self._landed:
            self.broken("at-most-once", f"{sequence} landed twice")
        if late != (sequence in self._told):
            self.broken("late", f"{sequence} is marked late={late} and that is wrong")
        self._landed.add(sequence)
        self._told.discard(sequence)

    def _gap(self, first: int, last: int) -> None:
        for sequence in range(first, last + 1):
            if sequence in self._landed or sequence < 1:
                self.broken("gap", f"{sequence} is told as a gap and has landed")
            if sequence in self._told:
                self.broken("gap", f"{sequence} is told as a gap twice")
            if sequence >= self._proven_below and sequence not in self._proven_last:
                self.broken("gap", f"{sequence} is told as a gap and no heartbeat claimed it")
            self._told.add(sequence)
        if not self.harm and self._in_order and self._seen.lives == self._seen.sessions == 1:
            self.broken("gap", f"{first} to {last} told as a gap on a link that harmed nothing")

    def _opened(self, session: int) -> None:
        if not self._session < session <= self._seen.sessions:
            self.broken("session", f"session {session} opened after {self._session}")
        self._session = session
        self._highest.clear()

    # ------------------------------------------------------------------------------ as time goes

    def ticked(self, counters: Mapping[str, int], end: ReceivingEnd) -> None:
        """After a tick of the receiver."""
        while self._deadlines and self._deadlines[0][0] <= self.now_ns:
            _, below = self._deadlines.popleft()
            if self._settled_below < below:
                self.broken(
                    "loss-reported",
                    f"{self._settled_below} has neither landed nor been told as a gap, though a"
                    f" heartbeat claimed all below {below}",
                )
        if counters["datagrams"] != sum(counters[name] for name in _ONCE):
            self.broken("counted-once", "the receiver's counts of datagrams do not add up")
        if counters["datagrams"] != self._seen.datagrams:
            self.broken("counted-once", f"{self._seen.datagrams} datagrams came, not so many")
        # Untagged, after a loss of many blocks the next ones are out of reach: link §5 (5 c).
        surely = self._in_order and (self._params.tag or not self.harm)
        if surely and counters["blocks_done"] < self._blocks_due:
            self.broken(
                "repair",
                f"{self._blocks_due} blocks have k symbols, {counters['blocks_done']} opened",
            )
        if self._seen.session > self._session:
            self.broken("session", f"session {self._seen.session} has come, and did not open")
        missed = self._alarms.missed(self.now_ns)
        if missed:
            self.broken("alarm", missed)
        receiver = end.receiver
        if receiver is not None and self._changed:
            self._changed = False
            state = receiver.checkpoint_state()
            proven = end.proven
            if (state.session, state.gaps) != (proven.session, proven.gaps):
                self.broken("durable", "the journal proves another state than the receiver has")

    def settled(self) -> None:
        """The sender has been idle for long: where nothing was harmed, everything has landed."""
        if self.harm or not self._in_order or self._seen.lives != 1 or self._seen.sessions != 1:
            return
        missing = [n for n in range(1, self._offered + 1) if n not in self._landed]
        if missing:
            self.broken("complete", f"{missing[0]} has not landed, and nothing was lost")

    @property
    def counts(self) -> dict[str, int]:
        """What became of what was offered."""
        return {"offered": self._offered, "landed": len(self._landed), "gaps": len(self._told)}

    def broken(self, invariant: str, sentence: str) -> NoReturn:
        """Raise the violation of an invariant at this step."""
        raise Violation(invariant, self.step, self.now_ns, sentence)


class _Bucket:
    """The pace once more, in our own words: rate times time, and the burst at most in hand."""

    def __init__(self, params: LinkParams) -> None:
        self._rate = params.rate_bits_per_s
        self._most = self._held = params.burst_bytes * 8 * _S
        self._at_ns = 0

    def takes(self, now_ns: int, wire_bytes: int) -> bool:
        """Whether so many bytes may leave now."""
        self._held = min(self._most, self._held + (now_ns - self._at_ns) * self._rate)
        self._at_ns = now_ns
        self._held -= wire_bytes * 8 * _S
        return self._held >= 0
