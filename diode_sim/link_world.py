"""A link in virtual time: both real cores, joined by cables, from event to event without a wait.

Takes a scenario and a seed, gives an outcome, or raises the `Violation` of an invariant. Wholly
determined by the two: no clock, no socket, no disk. Time jumps to the next moment at which a
message is offered, the sender wants to be called, something arrives, the receiver's tick is due or
an end stops or starts. Ticks come 20 ms after anything arrived, then at growing intervals (see
`link_alarms.tick_ns_max`): a receiver at rest only waits for deadlines.
"""

import heapq
from collections import deque
from dataclasses import asdict, dataclass

from diode_sim.cable import Cable
from diode_sim.chance import Chance, below_at, stream
from diode_sim.clock import MS
from diode_sim.link_alarms import tick_ns_max
from diode_sim.link_ends import ReceivingEnd, SendingEnd
from diode_sim.link_invariants import LinkInvariants
from diode_sim.link_reads import Reads, joined
from diode_sim.memory import wrong_memory
from diode_sim.scenario import Restart, Scenario
from diode_sim.trace import Trace, shown
from diode_sim.traffic import Messages
from diode_sim.violation import Violation
from guard.link.blocks import Burst
from guard.link.events import Event
from guard.link.fec import Codec
from schemas.errors import CheckvalveError

TICK_NS = 20_000_000
TICK_GROWTH_MAX = 4
SOCKET_BYTES_MAX = 4 * 2**20
SPINS_MAX = 1000
MEMORY_STEPS = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. Times are virtual."""

    link_seconds: float
    steps: int
    offered: int
    landed: int
    gaps: int
    datagrams: int
    harmed: int
    trace: str

    def as_dict(self) -> dict[str, float | int | str]:
        """By name."""
        return asdict(self)


class LinkWorld:
    """One run."""

    def __init__(self, scenario: Scenario, seed: int, codec: Codec, trace: Trace) -> None:
        self._scenario = scenario
        self._trace = trace
        params, options = scenario.code.params(), scenario.cables
        self._params = params
        coder = scenario.code.coder()
        self._messages = Messages(scenario.traffic, stream(seed, "traffic"))
        self._cables = [Cable(one, stream(seed, f"cable {at}")) for at, one in enumerate(options)]
        self._cable_ns: list[int | None] = [None] * len(self._cables)  # when each is due
        self._copies = scenario.code.mode == "copies"
        self._turn = 0
        self._sending = SendingEnd(params, codec, coder, self._messages)
        self._receiving = ReceivingEnd(params, codec, coder, self._messages, len(options))
        self.invariants = LinkInvariants(params, options, self._messages)
        self._tick_ns_max = tick_ns_max(params)
        self._settle_ns = 4 * params.give_up_ns + 4 * self._tick_ns_max + 3 * params.silence_ns
        self._settle_ns += sum(round(one.delay_ms + one.jitter_ms) * MS for one in options)
        self._ticks = Chance(stream(seed, "ticks"))
        self._joins = Chance(stream(seed, "reads"))
        self._now_ns = 0
        self._steps = 0
        self._spins = 0
        self._available = 0  # sequences that are committed
        self._checkpoints = 0
        self._wake_ns: int | None = None
        self._tick_ns: int | None = None
        self._tick_after_ns = TICK_NS
        self._idle_ns: int | None = None
        self._checked_settled = False
        self._lost_at_the_end = 0
        self._socket: deque[tuple[bytes, int]] = deque()
        self._socket_bytes = 0
        self._keeps_socket = False
        self._order = 0
        self._plans: list[tuple[int, int, str, Restart | None]] = []
        self._plan_all(seed)

    def run(self) -> Outcome:
        """To the end of the scenario. Raises `Violation`."""
        end_ns = self._scenario.end.duration_ms * MS
        try:
            while (at_ns := self._next_ns()) <= end_ns:
                self._spins = self._spins + 1 if at_ns == self._now_ns else 0
                self._now_ns = at_ns
                self._step()
            self._now_ns = end_ns
            self._check_memory()
        except Violation as violation:
            self._trace.say(self._now_ns, "VIOLATION", str(violation))
            raise
        except (CheckvalveError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            sentence = f"{type(error).__name__}: {error}"
            self._trace.say(self._now_ns, "VIOLATION", sentence)
            raise Violation("no-exception", self._steps, self._now_ns, sentence) from error
        return self._outcome()

    def _check_memory(self) -> None:
        """Every so many steps, and at the end: following all references takes milliseconds."""
        sending, receiving = self._sending, self._receiving
        outside = receiving.landing, self._messages
        wrong = wrong_memory(self._params, sending.sender, receiving.receiver, outside)
        if wrong:
            self.invariants.broken("memory", wrong)

    def _outcome(self) -> Outcome:
        counts = self.invariants.counts
        return Outcome(
            link_seconds=self._scenario.end.duration_ms / 1000 * len(self._cables),
            steps=self._steps,
            offered=counts["offered"],
            landed=counts["landed"],
            gaps=counts["gaps"],
            datagrams=sum(cable.counters.datagrams_in for cable in self._cables),
            harmed=self._harm(),
            trace=self._trace.digest,
        )

    # ---------------------------------------------------------------------------------- the plan

    def _plan(self, at_ns: int, what: str, restart: Restart | None = None) -> None:
        self._order += 1
        heapq.heappush(self._plans, (at_ns, self._order, what, restart))

    def _plan_all(self, seed: int) -> None:
        end = self._scenario.end
        self._plan(end.sender_from_ms * MS, "sender starts")
        self._plan(end.receiver_from_ms * MS, "receiver starts")
        for who, restarts in (("sender", end.sender_restarts), ("receiver", end.receiver_restarts)):
            spread = stream(seed, f"restarts of the {who}")
            for number, restart in enumerate(restarts):
                late_ns = below_at(spread, number, restart.spread_ms * MS + 1)
                self._plan(restart.at_ms * MS + late_ns, f"{who} stops", restart)
        if self._scenario.traffic.checkpoint_bytes:
            self._plan(0, "checkpoint")
        if self._messages.last:
            self._plan(self._messages.time_ns(1), "offer")

    def _next_ns(self) -> int:
        """The next moment at which anything happens; far away if nothing does."""
        dues = [self._plans[0][0]] if self._plans else []
        if self._wake_ns is not None:
            dues.append(self._wake_ns)
        if self._tick_ns is not None:
            dues.append(self._tick_ns)
        for at, cable in enumerate(self._cables):
            at_ns = self._cable_ns[at] = cable.next_ns()
            if at_ns is not None:
                dues.append(at_ns)
        return max(self._now_ns, min(dues, default=2**62))

    def _step(self) -> None:
        self._steps += 1
        now_ns = self._now_ns
        self.invariants.step, self.invariants.now_ns = self._steps, now_ns
        if self._spins > SPINS_MAX:
            self.invariants.broken(
                "progress", "time stands still: something is due again and again"
            )
        if self._steps % MEMORY_STEPS == 0:
            self._check_memory()
        stops: Restart | None = None
        while self._plans and self._plans[0][0] <= now_ns:
            _, _, what, restart = heapq.heappop(self._plans)
            if what == "receiver stops":
                stops = restart  # after what comes now: it may stop before that is on disk
            else:
                self._do(what, restart)
        self._send()
        self._receive(stops)
        if stops is not None:
            self._receiver_stops(stops)

    def _do(self, what: str, restart: Restart | None) -> None:
        now_ns = self._now_ns
        match what:
            case "offer":
                self._offer()
            case "checkpoint":
                self._checkpoints += 1
                self.invariants.checkpoint(self._checkpoint)
                if self._sending.sender:
                    self._sending.sender.set_checkpoint(self._checkpoint)
                self._plan(now_ns + self._messages.checkpoint_ns, "checkpoint")
            case "sender starts" if self._sending.sender is None:
                self._sending.start(self._checkpoint)
                self.invariants.session_began(self._sending.session, self._sending.cursor)
                self._wake_ns, self._idle_ns = now_ns, None
                first = self._sending.cursor + 1
                self._say("sender", f"session {self._sending.session} begins at sequence {first}")
            case "sender stops" if restart is not None and self._sending.sender is not None:
                self._sending.stop()
                self._wake_ns = None
                self._plan(now_ns + restart.down_ms * MS, "sender starts")
                self._say("sender", f"stops; its cursor is {self._sending.cursor}")
            case "receiver starts" if self._receiving.receiver is None:
                self._receiver_starts()

    @property
    def _checkpoint(self) -> bytes:
        return self._messages.checkpoint(self._checkpoints)

    def _offer(self) -> None:
        last = self._available
        while last < self._messages.last and self._messages.time_ns(last + 1) <= self._now_ns:
            last += 1
        self._available = last
        self.invariants.offered(last)
        self._wake_ns = self._now_ns if self._sending.sender else None
        self._say("source", f"offers up to {last}")
        if last < self._messages.last:
            self._plan(self._messages.time_ns(last + 1), "offer")

    # -------------------------------------------------------------------------------- the sender

    def _send(self) -> None:
        sender, now_ns = self._sending.sender, self._now_ns
        if sender is None or self._wake_ns is None or self._wake_ns > now_ns:
            return
        self._sending.refill(self._available)
        while bursts := sender.due(now_ns):
            for burst in bursts:
                self._carry(burst)
            self._sending.refill(self._available)
        self._sending.record(now_ns)
        self._wake_ns = max(now_ns, sender.wake_ns(now_ns))
        idle = sender.idle and self._sending.offered == self._available == self._messages.last
        if not idle:
            self._idle_ns = None
        elif self._idle_ns is None:
            self._idle_ns = now_ns

    def _carry(self, burst: Burst) -> None:
        """One burst over one link in turn, or over all, as `guard.edge.side_links` does."""
        self.invariants.sent(burst)
        self._spins = 0
        count = len(self._cables)
        everywhere = self._copies or burst.heartbeat
        for link in range(count) if everywhere else (self._turn,):
            self._cables[link].send(self._now_ns, burst.buffer, burst.segment_bytes)
            self._cable_ns[link] = self._now_ns
        if self._trace.on:
            what = "heartbeat" if burst.heartbeat else "symbols"
            rows = len(burst.buffer) // burst.segment_bytes
            where = "all" if everywhere else str(self._turn)
            self._say("sender", f"{rows} {what} of {burst.segment_bytes} bytes by link {where}")
        self._turn = (self._turn + 1) % count

    # ------------------------------------------------------------------------------ the receiver

    def _receiver_starts(self) -> None:
        self._receiving.start()
        self.invariants.life_began()
        self._tick_ns, self._tick_after_ns = self._now_ns, TICK_NS
        self._say("receiver", f"starts with {self._receiving.proven}")

    def _receiver_stops(self, restart: Restart) -> None:
        if self._receiving.receiver is None:
            return
        self._receiving.stop()
        self._tick_ns = None
        self._keeps_socket = restart.keep_socket
        self._plan(self._now_ns + restart.down_ms * MS, "receiver starts")
        self._say("receiver", f"stops, {'keeping' if restart.keep_socket else 'losing'} its socket")

    def _receive(self, stops: Restart | None) -> None:
        reads = self._reads()
        receiver = self._receiving.receiver
        if receiver is None:
            return
        for buffer, segment_bytes, link in reads:
            events = self._receiving.take(buffer, segment_bytes, self._now_ns, link)
            self._tell(events)
        if reads:
            self._tick_after_ns = TICK_NS
            if self._tick_ns is not None:
                self._tick_ns = min(self._tick_ns, self._now_ns + TICK_NS)
        ticks = self._tick_ns is not None and self._tick_ns <= self._now_ns
        if ticks:
            self._tell(self._receiving.tick(self._now_ns))
            self._tick_ns = self._now_ns + self._tick_after_ns
            self._tick_after_ns = min(
                self._tick_after_ns * self._ticks.between(1, TICK_GROWTH_MAX), self._tick_ns_max
            )
        if stops is not None and stops.before_sync:
            self._say("receiver", f"is about to lose {len(self._receiving.unsynced)} events")
            return
        if self._receiving.unsynced:
            self._harm()
            self.invariants.durable(self._receiving.unsynced, self._receiving)
        self._receiving.sync()
        if ticks:
            self._harm()
            self.invariants.ticked(receiver.counters, self._receiving)
            self._check_settled()

    def _check_settled(self) -> None:
        if self._idle_ns is None or self._checked_settled:
            return
        if self._now_ns >= self._idle_ns + self._settle_ns:
            self._checked_settled = True
            self._harm()
            self.invariants.settled()

    def _reads(self) -> Reads:
        """What has arrived, joined to buffers as the kernel joins them: equal sizes, one link."""
        reads: Reads = []
        for link, cable in enumerate(self._cables):
            due_ns = self._cable_ns[link]
            if not self._socket and (due_ns is None or due_ns > self._now_ns):
                continue
            arrived = cable.arrivals(self._now_ns)
            if arrived and self._receiving.receiver is None:
                self._wait_in_socket(arrived, link)
            elif arrived or self._socket:
                kept = [one for one, by in self._socket if by == link]
                reads += joined(kept + arrived, link, self._joins)
        if self._socket and self._receiving.receiver is not None:
            self._socket.clear()
            self._socket_bytes = 0
        for buffer, segment_bytes, link in reads:
            count = max(1, -(-len(buffer) // segment_bytes)) if segment_bytes else 1
            for at in range(count):
                datagram = buffer[at * segment_bytes : (at + 1) * segment_bytes]
                self._arrived(datagram, link)
        return reads

    def _arrived(self, datagram: bytes, link: int) -> None:
        sent = self.invariants.arrived(datagram, link)
        if not self._trace.on:
            return
        if sent is None:
            what = f"{len(datagram)} bytes that are not as they were sent"
        elif sent.beat is not None:
            what = (
                f"heartbeat {sent.number} of session {sent.session}: blocks "
                f"{sent.beat.blocks_complete}, complete below {sent.beat.complete_below}"
            )
        else:
            what = f"block {sent.number} symbol {sent.esi} of session {sent.session}"
        self._say(f"link {link}", what)

    def _wait_in_socket(self, arrived: list[bytes], link: int) -> None:
        for datagram in arrived:
            size = len(datagram) + 64
            if self._keeps_socket and self._socket_bytes + size <= SOCKET_BYTES_MAX:
                self._socket.append((datagram, link))
                self._socket_bytes += size
            else:
                self._lost_at_the_end += 1

    def _harm(self) -> int:
        """Tell the invariants what was done to datagrams so far; gives how many came to harm."""
        harm, again = self._lost_at_the_end, 0
        for cable in self._cables:
            count = cable.counters
            harm += count.lost + count.down + count.queue_dropped + count.corrupted
            harm += count.truncated + count.overflowed
            again += count.duplicated + count.repeated
        self.invariants.harm = harm
        self.invariants.again = again
        return harm

    def _tell(self, events: list[Event]) -> None:
        if not events:
            return
        self.invariants.told(events, self._receiving)
        if self._trace.on:
            for event in events:
                self._say("receiver", shown(event))

    def _say(self, who: str, what: str) -> None:
        self._trace.say(self._now_ns, who, what)
