"""Send: from the sealed journal to datagrams, one way.

Follows the journal up to its mark (what the ledger has), verifies each envelope's signature, hands
it to the link's sender, and moves its cursor on disk past what has left. After a start the session
is a new one, which the ledger has before anything leaves, and what the cursor does not cover goes
again: the receiver drops what it has. The UDP socket is never read.
"""

import json
import select
import signal
import time
from collections import deque
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import cbor2

from guard.core.compact_verification import Bound, is_compact, signed_by
from guard.core.durable_words import HEARD
from guard.edge.clock import monotonic_ns, now_ms
from guard.edge.durable_number import DurableNumber
from guard.edge.isal import best_codec
from guard.edge.journal import JournalReader
from guard.edge.link_parameters import coder_of, link_line, link_params
from guard.edge.orders import OrdersFile
from guard.edge.seals import seal_verifier
from guard.edge.session_counter import forget_reset, pending_reset, sound_counter, take_session
from guard.edge.side_links import SendingLinks
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.link.blocks import Burst
from guard.link.sender import Sender
from guard.roles.feed import Feed
from guard.roles.resending import Resending, memory_of
from schemas.entry import Entry, Kind
from schemas.errors import Broken, Overload
from schemas.manifest import COSE_SIGN_TAG, LENGTH_BYTES, SIGNATURE_CONTEXT, SIGNERS_CONTEXT
from schemas.reasons import Reason
from schemas.sealed import read_sealed

FIRST_SEQUENCE = 1
_BATCH = 64
_RECORD_NS = 100_000_000
_IDLE_NS = 200_000_000
_DOWN_S = 0.05


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the socket, the channels and the code; the files are opened inside the sandbox."""
    return Send(spec).work


class Send:
    """The source side's end of the link."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._params = link_params(spec)
        self._codec = best_codec()
        self._coder = coder_of(link_line(spec), spec.documents)
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._record_ns = 0
        links = spec.values["links"]
        self._links = SendingLinks.adopt(
            spec, links if isinstance(links, list) else [], copies=bool(spec.values["link_copies"])
        )
        self._verify = seal_verifier(spec, every=True)
        self._flow = spec.text("flow")
        self._domains = spec.text("source_domain"), spec.text("destination_domain")
        self._demo = spec.number("demo")
        self._entries = Mouth(spec.descriptors["send-entries"])
        self._witness = Ear(spec.descriptors["witness"])
        self._orders = OrdersFile(Path(spec.text("folder")))
        self._rate = -1
        self._told = self._durable = 0  # packets that the ledger was told, and those it has
        self._line_rate = link_line(spec).bits_per_s
        self._feed = Feed(spec)
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Send what is committed, and heartbeats, until asked to stop and nothing is left."""
        self._open()
        while not (self._stopping and self._sender.idle):
            stopped = self._obey()
            if stopped and self._stopping:
                break
            if not stopped:
                if not self._stopping:
                    self._resending.step(self._orders.seen, self._durable, monotonic_ns())
                self._refill()
                if not all(self._send(burst) for burst in self._sender.due(monotonic_ns())):
                    break
            self._record()
            if not self._hear_witness():
                return
            self._count()
            self._feed.tell_if_due()
            self._wait(stopped=stopped)
        self._feed.tell()

    def _obey(self) -> bool:
        """Whether the posture stops the flow: then nothing leaves, not even a heartbeat."""
        orders = self._orders.now()
        if orders.rate_bits_per_s != self._rate:
            self._rate = orders.rate_bits_per_s
            links = self._params.rate_bits_per_s // self._line_rate
            most = self._rate * links if self._rate > 0 else self._params.rate_bits_per_s
            self._sender.slow_to(most, monotonic_ns())
        return orders.stop

    def _send(self, burst: Burst) -> bool:
        """Until the link takes it: a link that is down is waited for, and is no reason to end.

        False if it is time to end first: then the cursor stays where it was.
        """
        while True:
            try:
                self._links.send(burst.buffer, burst.segment_bytes, heartbeat=burst.heartbeat)
            except Overload:
                self._count()
                self._feed.tell_if_due()
                if self._stopping or not self._hear_witness():
                    return False
                time.sleep(_DOWN_S)
            else:
                return True

    def _count(self) -> None:
        self._feed.counters.update(self._sender.counters)
        self._feed.counters["messages_again"] = self._resending.ordered
        self._feed.counters["bursts_not_taken"] = sum(self._links.failed)
        sent = self._sender.complete_below - FIRST_SEQUENCE
        self._feed.counters["depth_sealed"] = self._reader.next_number - sent

    def _open(self) -> None:
        """Take the next session number, durably, before anything is sent."""
        spec = self._spec
        folder = Path(spec.text("folder"))
        memory = memory_of(self._hear_audit())
        number = self._take_session(folder / "cursor", memory["session"])
        self._cursor = DurableNumber(folder / "cursor" / "cursor")
        covered = self._cursor.value or 0
        self._reader = JournalReader(folder / "sealed", covered)
        self._sender = Sender(
            self._params, spec.keys["link"], number, spec.number("flow_number"), self._codec,
            complete_below=covered + FIRST_SEQUENCE, coder=self._coder,
        )  # fmt: skip
        self._resending = Resending(spec, self._sender, memory, self._tell)
        if covered:
            self._tell_sent(0, covered)  # a break may have kept the last word from the ledger

    def _take_session(self, folder: Path, newest: int) -> int:
        """The next session: on disk, then in the ledger. Its key is used for nothing before that.

        So the ledger has every session that anything was sent in, and an older copy of the counter
        is known. Raises `Broken`: the counter is lost or lower, or the audit role is gone.
        """
        counter = sound_counter(folder, newest)
        reset = pending_reset(folder)
        entries: list[Entry] = []
        if reset is not None and reset.proposal.session > newest:
            signers = ",".join(each.name for each in reset.signatures)
            entries.append({
                "kind": Kind.SESSION_RESET, "time_ms": now_ms(),
                "session": reset.proposal.session, "signers": signers,
                "proposal": reset.write().decode(),
            })  # fmt: skip
        key_begins = self._spec.number("link_first_session")  # link §4 (7)
        number = take_session(folder, max(counter, key_begins - 1))
        entries.append({"kind": Kind.SESSION, "time_ms": now_ms(), "session": number})
        told = self._tell(entries)
        while self._durable < told:  # the audit role says so when it is durable
            (self._durable,) = HEARD.unpack_from(self._hear_audit())
        if reset is not None:
            forget_reset(folder)
        return number

    def _hear_audit(self) -> bytes:
        packet = self._witness.hear()
        if packet is None:
            raise Broken(Reason.LEDGER_UNWRITABLE, "the audit role ended before anything was sent")
        return packet

    def _refill(self) -> None:
        """Offer what is committed, as far as the link's queue has room."""
        while True:
            if not self._waiting:
                self._waiting += [self._checked(record) for _, record in self._reader.take(_BATCH)]
            if not self._waiting:
                return
            try:
                self._sender.offer(*self._waiting[0])
            except Overload:
                return
            self._waiting.popleft()

    def _checked(self, record: bytes) -> tuple[int, int, bytes]:
        sequence, precedence, policy_digest, envelope = read_sealed(record)
        if is_compact(envelope):
            bound = Bound(self._flow, *self._domains, sequence, policy_digest, self._demo)
            self._verify(*signed_by(envelope, bound))
        else:
            self._check(envelope)
        return sequence, precedence, envelope

    def _check(self, envelope: bytes) -> None:
        """Only what `release` signed may leave. Raises `Forged`: this process then ends."""
        cose_bytes = int.from_bytes(envelope[:LENGTH_BYTES], "big")
        cose = cbor2.loads(envelope[LENGTH_BYTES : LENGTH_BYTES + cose_bytes])
        if cose.tag == COSE_SIGN_TAG:  # manifest §6
            body, _, content, signers = cose.value
            signed = (
                (signature, cbor2.dumps([SIGNERS_CONTEXT, body, protected, b"", content]))
                for protected, _, signature in signers
            )
            self._verify(*chain.from_iterable(signed))
            return
        protected, _, content, signature = cose.value
        self._verify(signature, cbor2.dumps([SIGNATURE_CONTEXT, protected, b"", content]))

    def _record(self) -> None:
        """Say on disk and to the ledger what has left: at once when idle, else now and then."""
        before = self._cursor.value or 0
        after = self._sender.complete_below - FIRST_SEQUENCE
        now_ns = monotonic_ns()
        if after <= before or not (self._sender.idle or now_ns >= self._record_ns):
            return
        self._record_ns = now_ns + _RECORD_NS
        self._cursor.set(after)
        self._tell_sent(after - before, after)

    def _tell_sent(self, count: int, last: int) -> None:
        self._tell([{"kind": Kind.SENT, "time_ms": now_ms(), "count": count, "last": last}])

    def _tell(self, entries: list[Entry]) -> int:
        """Gives how many packets of ours the ledger must have for these to be durable."""
        self._entries.tell(json.dumps(entries, separators=(",", ":")).encode())
        self._told += 1
        return self._told

    def _hear_witness(self) -> bool:
        while packet := self._witness.hear_now():
            (self._durable,) = HEARD.unpack_from(packet)
            if len(packet) > HEARD.size:
                self._sender.set_checkpoint(packet[HEARD.size :])
        return packet is not None

    def _wait(self, *, stopped: bool) -> None:
        """Until there is something to send, to hear, or the link's next datagram is due."""
        wait_ns = _IDLE_NS
        if not stopped:
            wait_ns = min(self._sender.wake_ns(monotonic_ns()) - monotonic_ns(), _IDLE_NS)
        if wait_ns > 0:
            watched = [self._witness.fileno()]
            if not stopped:
                watched.append(self._reader.fileno())
            select.select(watched, [], [], wait_ns / 1e9)
