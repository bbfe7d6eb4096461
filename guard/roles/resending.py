"""Sending again, for `send`: what an order names, if what is in force now would let it pass.

Takes orders of the supervisor (guard/edge/resend_files.py) and sealed records; gives envelopes to
the link's sender and entries to the ledger, which has `resend` before the first of them is offered.
An order that was interrupted is begun anew: the receiver drops what it has. New messages do not
wait for old ones: few of these are in the sender's queue at a time. Follows docs/spec/resend.md.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from guard.core.verification import Accepts, open_envelope
from guard.edge.clock import now_ms
from guard.edge.resend_order import OrderFile
from guard.edge.sealed_archive import kept_records
from guard.edge.seals import seal_verifier
from guard.edge.spec import Spec
from guard.link.sender import Sender
from schemas.entry import Entry, Kind
from schemas.errors import CheckvalveError, Forged, Malformed, Overload
from schemas.manifest import Form, Signatures
from schemas.orders import Orders
from schemas.reasons import Reason
from schemas.resend import ResendOrder
from schemas.sealed import read_sealed
from schemas.sequences import RangeSet

QUEUED_BYTES_MAX = 256 * 1024
LOOKED_AT_ONCE_MAX = 64
REFUSED_RANGES_MAX = 64
_TURN_NS = 1_000_000_000
_LOOK_NS = 200_000_000

Message = tuple[int, int, bytes]
"""Sequence, precedence and envelope, as `Sender.offer` takes them."""


class Resending:
    """One order at a time, by number. Call `step` in every round of `send`."""

    def __init__(self, spec: Spec, sender: Sender, memory: Mapping[str, int],
                 tell: Callable[[list[Entry]], int]) -> None:  # fmt: skip
        """memory: what the ledger has (`SourceFacts.of_send`); tell: hands entries to the ledger,
        and gives how many packets of ours it must have for these to be durable."""
        folder = Path(spec.text("folder"))
        self._sealed = folder / "sealed"
        self._file = OrderFile(folder)
        self._sender = sender
        self._tell = tell
        self._begun, self._ended = memory["resend"], memory["resent"]
        self._notice_s = memory["notice_s"]
        self._accepts = Accepts(
            spec.text("flow"), spec.text("source_domain"), spec.text("destination_domain"),
            {bytes.fromhex(spec.text("policy_digest"))}, spec.number("payload_bytes_max"),
            Form(spec.text("manifest")), spec.number("demo"),
            Signatures(str(spec.values.get("signatures", Signatures.ED25519))), names=True,
        )  # fmt: skip
        self._verify = seal_verifier(spec)
        self._order: ResendOrder | None = None
        self._look_ns = 0
        self.ordered = 0

    def step(self, orders: Orders, durable: int, now_ns: int) -> None:
        """Go on; orders: the posture in force; durable: packets of ours that the ledger has."""
        if self._order is None:
            self._take_up(now_ns)
        elif durable < self._durable_from:
            return  # the ledger hears first
        elif not self._offered:
            self._offer(orders, now_ns)
        elif self._all_left():
            self._end()

    def _take_up(self, now_ns: int) -> None:
        """The newest order, unless it was carried out, or is out of its turn."""
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + _LOOK_NS
        try:
            order = self._file.now()
        except CheckvalveError:
            return  # a file of ours that is damaged sends nothing again
        interrupted = self._begun > self._ended
        due = self._begun if interrupted else self._begun + 1
        if order is None or order.number != due or order.refused:
            return
        wanted = order.wanted()
        self._order = order
        self._senders = order.senders()
        newest_s = self._notice_s - interrupted  # of an interrupted order it is the newest
        self._stale = 0 < order.notice_s <= newest_s
        self._refused, self._why = RangeSet(wanted.above(self._sender.complete_below - 1)), ""
        if self._refused:
            self._why = "a number that was never sent"
        self._records = kept_records(self._sealed, wanted.ranges())
        self._waiting: Message | None = None
        self._offered = False
        self._last = self._count = 0
        self._turn_ns = 0
        self._durable_from = self._tell([{
            "kind": Kind.RESEND, "time_ms": now_ms(), "resend": order.number, "who": order.who,
            "numbers": order.wanted().text(), "count": order.wanted().count, "notice": order.notice,
            "notice_s": order.notice_s,
        }])  # fmt: skip
        self._begun = order.number
        self._notice_s = max(self._notice_s, order.notice_s)

    def _offer(self, orders: Orders, now_ns: int) -> None:
        """Some more, while few wait, or one a second where new messages take all of the link."""
        crowded = self._sender.waiting_bytes > QUEUED_BYTES_MAX
        if crowded and now_ns < self._turn_ns:
            return
        self._turn_ns = now_ns + _TURN_NS
        for _ in range(1 if crowded else LOOKED_AT_ONCE_MAX):
            if self._waiting is None and not self._next(orders):
                return
            if self._waiting is None:
                continue
            try:
                self._sender.offer(*self._waiting)
            except Overload:
                return
            self._last = self._waiting[0]
            self._count += 1
            self._waiting = None
            if self._sender.waiting_bytes > QUEUED_BYTES_MAX:
                return

    def _next(self, orders: Orders) -> bool:
        """Judge the next record into `_waiting`; False when there are no more."""
        try:
            found = next(self._records, None)
        except CheckvalveError as error:
            self._refuse_rest(error.sentence)
            return False
        if found is None:
            self._offered = True
            return False
        sequence, record = found
        try:
            self._waiting = self._judged(sequence, record, orders)
        except CheckvalveError as error:
            self._refused.add(sequence)
            self._why = self._why or f"{sequence}: {error.sentence}"
        return True

    def _refuse_rest(self, sentence: str) -> None:
        """The journal itself cannot be read: what was not offered is not sent again."""
        if self._order is not None:
            for first, last in self._order.wanted().ranges():
                if last > self._last:
                    self._refused.add(max(first, self._last + 1), last)
        self._why = self._why or sentence
        self._offered = True

    def _judged(self, sequence: int, record: bytes | None, orders: Orders) -> Message:
        """The message, if it may be sent again. Raises `Malformed` or `Forged` with the reason."""
        if self._stale:
            raise Forged(
                Reason.GAP_NOTICE_STALE, "its gap notice, or a newer one, was taken before"
            )
        if record is None:
            raise Malformed(Reason.RESEND, "it is no longer kept")
        found, precedence, _, envelope = read_sealed(record)
        if found != sequence:
            raise Malformed(Reason.RECORD_MALFORMED, "the journal has another number in its place")
        manifest, payload = open_envelope(envelope, sequence, self._accepts, self._verify)
        sender = next((name for name, its in self._senders.items() if sequence in its), "")
        why = orders.holds(sender, manifest.label, manifest.type, manifest.precedence, len(payload))
        if why:
            raise Forged(Reason.POSTURE, f"posture: {why}")
        return sequence, precedence, envelope

    def _all_left(self) -> bool:
        first = self._sender.first_unsent
        return first is None or first > self._last

    def _end(self) -> None:
        if self._order is None:
            return
        refused = RangeSet(self._refused.ranges()[:REFUSED_RANGES_MAX])
        self._tell([{
            "kind": Kind.RESENT, "time_ms": now_ms(), "resend": self._order.number,
            "count": self._count, "refused": refused.text(), "sentence": self._why,
        }])  # fmt: skip
        self._ended = self._order.number
        self.ordered += self._count
        self._order = None


def memory_of(untrusted_packet: bytes) -> dict[str, int]:
    """What the audit role tells first: see `SourceFacts.of_send`."""
    told = json.loads(untrusted_packet)
    return {name: int(told[name]) for name in ("session", "resend", "resent", "notice_s")}
