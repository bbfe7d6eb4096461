"""What the two tails (release, deliver) have in common: hearing, pairing, and the ledger first.

A `Lane` pairs each frame that comes out of the chain with the notice that the head gave of it.
A `Scribe` hands entries to the audit role and waits until they are durable.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from filters.catalog import entry as catalog_entry
from guard.core.chain import PATIENCE_MS
from guard.core.durable_words import DURABLE
from guard.core.frame import Frame
from guard.core.notice import Notice, What, read_notice
from guard.core.release import Expected, Judge
from guard.edge.clock import monotonic_ns, now_s
from guard.edge.sockets import SMALL_PACKET_BYTES_MAX, Ear, Inlet, Mouth, close_descriptor, readable
from guard.edge.spec import Spec
from guard.edge.sweeping import Sweeper, removed
from schemas.entry import Entry
from schemas.errors import Broken, CheckvalveError, Forged, Malformed
from schemas.own_stage import OwnStage
from schemas.reasons import Reason

BATCH_MAX = 128
STRAYS_MAX = 1000  # frames that nobody fed, in one run of a lane
_IDLE_MS = 200
_JSON_MARGIN_BYTES = 2


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came: a notice with its frame (no frame: the head stopped it, or it is an event).

    fault  the chain broke the pairing: a frame that was none or was lost (the notice's message
           is to be held), or one that nobody fed (there is no notice: it is to be dropped)
    """

    notice: Notice | None
    frame: Frame | None
    fault: CheckvalveError | None = None


class Lane:
    """The end of a chain: frames from the last stage, notices from the head."""

    def __init__(self, spec: Spec) -> None:
        self._cleared = Inlet(spec.descriptors["cleared"], spec.number("payload_bytes_max"))
        self._accepted = Ear(spec.descriptors["accepted"])
        self._notices: deque[Notice] = deque()
        self._frame: Frame | None = None
        patience_ms = spec.values.get("patience_ms")
        self._patience_ms = patience_ms if isinstance(patience_ms, int) else PATIENCE_MS
        self._newest_ns = monotonic_ns()
        self._strays = 0
        self._head_ended = False
        self._chain_ended = False

    @property
    def ended(self) -> bool:
        """The head has stopped and everything it fed has come out."""
        return self._head_ended and self._chain_ended and not self._notices

    def arrivals(self) -> Iterator[Arrival]:
        """What has arrived, in the order the head accepted it; at most `BATCH_MAX` at a time.

        Waits up to a fifth of a second for the first. Raises `Broken` when the chain has kept a
        message for longer than half a minute (or twice what a stage may take), or floods: the
        supervisor then starts the lane anew.
        """
        self._wait()
        strays = 0
        for _ in range(BATCH_MAX):
            arrival = self._next()
            if arrival is None:
                break
            if arrival.notice is None:
                strays += 1
                continue
            self._newest_ns = monotonic_ns()
            yield arrival
        if strays:
            yield Arrival(None, None, self._strayed(strays))
        self._check_patience()

    def _strayed(self, strays: int) -> Forged:
        """One alarm a batch, or a stage that floods would fill the ledger; then an end to it."""
        self._strays += strays
        if self._strays > STRAYS_MAX:
            sentence = f"the chain gave more than {STRAYS_MAX} frames that nobody fed"
            raise Broken(Reason.STAGE_FAILED, sentence)
        return Forged(Reason.DUPLICATE, f"{strays} frames came that nobody fed")

    def _wait(self) -> None:
        self._hear()
        if self._notices and self._notices[0].what is not What.FED:
            return
        ends: list[Ear | Inlet] = [] if self._chain_ended else [self._cleared]
        if not self._head_ended:
            ends.append(self._accepted)
        readable(*ends, wait_ms=_IDLE_MS)
        self._hear()

    def _hear(self) -> None:
        while not self._head_ended and (packet := self._accepted.hear_now()) != b"":
            if packet is None:
                self._head_ended = True
                return
            if not self._notices:
                self._newest_ns = monotonic_ns()
            self._notices.append(read_notice(packet))

    def _next(self) -> Arrival | None:
        if self._notices and self._notices[0].what is not What.FED:
            return Arrival(self._notices.popleft(), None)
        try:
            frame = self._frame or self._take()
        except Malformed as error:
            return Arrival(self._notices.popleft() if self._notices else None, None, error)
        self._frame = None
        if frame is None:
            return None
        self._hear()
        fed = self._notices and self._notices[0].number <= frame.number <= self._notices[-1].number
        if not fed:  # a notice is told before its message is fed
            return Arrival(None, frame, Forged(Reason.DUPLICATE, "a frame came that nobody fed"))
        notice = self._notices.popleft()
        if notice.what is not What.FED or frame.number > notice.number:
            self._frame = frame  # it belongs to a later notice: this one's was lost on the way
            if notice.what is not What.FED:
                return Arrival(notice, None)
            lost = Forged(Reason.RECEIPT_MISSING, "the chain lost the message")
            return Arrival(notice, None, lost)
        return Arrival(notice, frame)

    def _take(self) -> Frame | None:
        if self._chain_ended:
            return None
        try:
            taken = self._cleared.take(wait=False)
        except BlockingIOError:
            return None
        if taken is None:
            self._chain_ended = True
            return None
        frame, descriptor = taken
        close_descriptor(descriptor)
        return frame

    def _check_patience(self) -> None:
        waited_ms = (monotonic_ns() - self._newest_ns) // 1_000_000
        if self._notices and waited_ms > self._patience_ms:
            sentence = f"the chain has kept a message for {self._patience_ms / 1000:.0f} s"
            raise Broken(Reason.STAGE_FAILED, sentence)


class Scribe:
    """Hands entries to the audit role and waits until they are durable."""

    def __init__(self, entries: Mouth, durable: Ear) -> None:
        self._entries = entries
        self._durable = durable
        self._packets = 0
        self.size = 0
        self.root = bytes(32)
        self.sent = 0

    def first_state(self) -> dict[str, int | str]:
        """Where to go on, as the ledger has it. Raises `Broken` when the audit role is gone."""
        packet = self._durable.hear()
        if packet is None:
            raise Broken(Reason.LEDGER_UNWRITABLE, "the audit role ended before it began")
        state: dict[str, int | str] = json.loads(packet)
        self.sent = int(state.get("sent", 0))
        return state

    def tell(self, entries: list[Entry]) -> None:
        """Hand entries over, without waiting."""
        for packet in _packets(entries):
            self._entries.tell(packet)
            self._packets += 1

    def write_any(self, entries: list[Entry]) -> None:
        """`write`, if there are any."""
        if entries:
            self.write(entries)

    def write(self, entries: list[Entry]) -> None:
        """Hand entries over and wait until all told so far are durable.

        Raises `Broken(LEDGER_UNWRITABLE)` when the audit role is gone: nothing may be released.
        """
        self.tell(entries)
        durable = 0
        while durable < self._packets:
            packet = self._durable.hear()
            if packet is None:
                raise Broken(Reason.LEDGER_UNWRITABLE, "the ledger cannot be written")
            durable, self.size, self.root, self.sent = DURABLE.unpack(packet)


def sweep_held(sweeper: Sweeper, scribe: Scribe) -> None:
    """Let go held messages that are past their time, after the ledger has their ids."""
    names = sweeper.old(now_s())
    if names:
        scribe.write([removed("held", names)])
        sweeper.remove(names)


def _packets(entries: list[Entry]) -> Iterator[bytes]:
    """JSON lists of entries, each at most a packet long."""
    parts: list[str] = []
    size = _JSON_MARGIN_BYTES
    for entry in entries:
        part = json.dumps(entry, separators=(",", ":"))
        if parts and size + len(part) + 1 > SMALL_PACKET_BYTES_MAX:
            yield f"[{','.join(parts)}]".encode()
            parts, size = [], _JSON_MARGIN_BYTES
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield f"[{','.join(parts)}]".encode()


def judge_of(spec: Spec) -> Judge:
    """The judge of this run's receipts: the chain as the policy names it, each with its key."""
    expected = []
    stages = spec.values["stages"]
    if not isinstance(stages, list):
        raise TypeError("stages is no list")
    for name, use, own, *queues in stages:  # queues: one list, of a route's
        listed = catalog_entry(use, OwnStage(**own) if own else None)
        named = frozenset(queues[0]) if queues else None
        key = spec.keys[f"stage:{name}"]
        expected.append(Expected(name, listed.version, listed.kind, key, named))
    return Judge(bytes.fromhex(spec.text("scope")), spec.keys["head"], expected)
