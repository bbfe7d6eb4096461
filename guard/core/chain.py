"""One step of a chain: a frame in, the stage's answer and receipt, a frame out.

Takes frames, gives frames; no I/O. This is the whole of what a stage process does with a message
beside moving it: the stage's own function may look and answer, everything that holds for every
stage (exceptions are Holds, filters change nothing, output has a bound) is here, once.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.core.frame import Frame
from schemas.errors import Malformed, Overload
from schemas.kinds import Kind
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import (
    Receipt,
    Said,
    message_digest,
    pass_middle,
    write_leg,
    write_pass_leg,
)
from schemas.verdict import SENTENCE_CHARACTERS_MAX, Answer, Changed, Hold, Pass, Refuse

if TYPE_CHECKING:
    from schemas.stage import Run

HEAD = "head"
HEAD_VERSION = 1
PATIENCE_MS = 30_000  # that a chain may keep a message at least, before it counts as broken


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands: its name in the policy, catalog version, kind and position.

    position counts from 1; 0 is the head's. payload_bytes_max bounds what it may give.
    """

    name: str
    version: int
    kind: Kind
    position: int
    payload_bytes_max: int


def first_frame(
    number: int, message: Message, scope: bytes, key: bytes, ident: bytes | None = None
) -> Frame:
    """What the head of a chain feeds: the message with the head's own receipt.

    ident: the metadata's id as 16 bytes, where the caller has it at hand.
    """
    digest = message_digest(message.meta_bytes, message.payload)
    ident = ident or bytes.fromhex(message.meta.id)
    receipt = Receipt(
        scope, ident, 0, Said.PASS, HEAD, HEAD_VERSION, Reason.NONE, digest, digest, bytes(32)
    )
    return Frame(ident, number, write_leg(receipt, key), message)


class Receipts:
    """Writes the receipts of one stage in its place, with its key: one way a verdict leaves."""

    def __init__(self, place: Place, scope: bytes, key: bytes) -> None:
        """scope: 32 bytes (`schemas.receipt.scope_digest`); key: 32 bytes of this stage alone."""
        self.place = place
        self._scope = scope
        self._key = key
        self._middle = pass_middle(place.position, place.name, place.version)

    def passed(self, frame: Frame, got: bytes, note: str) -> Frame:
        """The frame as it came, with a Pass."""
        if note:
            leg = self._leg(Said.PASS, Reason.NONE, note, got, got, frame)
        else:
            leg = write_pass_leg(
                self._scope, frame.id, self._middle, got, frame.last_mac, self._key
            )
        return Frame(frame.id, frame.number, frame.legs + leg, frame.message)

    def routed(self, frame: Frame, got: bytes, queues: str) -> Frame:
        """Of a route's answer only the queues count, and they go into its receipt: the message
        leaves as it came, and `release` can hold the stage to that."""
        leg = self._leg(Said.ROUTED, Reason.NONE, queues, got, got, frame)
        return Frame(frame.id, frame.number, frame.legs + leg, frame.message)

    def changed(self, frame: Frame, got: bytes, message: Message, note: str) -> Frame:
        """Another message under the same id, with the digests of both."""
        gave = message_digest(message.meta_bytes, message.payload)
        leg = self._leg(Said.CHANGED, Reason.NONE, note, got, gave, frame)
        return Frame(frame.id, frame.number, frame.legs + leg, message)

    def stopped(self, frame: Frame, got: bytes, answer: Refuse | Hold, *, failed: bool) -> Frame:
        """Refused or held; without its payload if refused, or if the stage failed on it."""
        verdict = Said.REFUSE if isinstance(answer, Refuse) else Said.HOLD
        leg = self._leg(verdict, answer.reason, answer.sentence, got, got, frame)
        if verdict is Said.REFUSE or failed:
            empty = Message(frame.message.meta_bytes, b"")
            return Frame(frame.id, frame.number, frame.legs + leg, empty, True)
        return Frame(frame.id, frame.number, frame.legs + leg, frame.message)

    def _leg(self, verdict: Said, reason: Reason, words: str, got: bytes,
             gave: bytes, frame: Frame) -> bytes:  # fmt: skip
        place = self.place
        receipt = Receipt(
            self._scope,
            frame.id,
            place.position,
            verdict,
            place.name,
            place.version,
            reason,
            got,
            gave,
            frame.last_mac,
            words if verdict is Said.ROUTED else words[:SENTENCE_CHARACTERS_MAX],
        )
        return write_leg(receipt, self._key)


class Step:
    """A stage in its place, with its key. `Step(frame)` is the frame that leaves."""

    def __init__(self, place: Place, run: "Run", scope: bytes, key: bytes) -> None:
        """scope, key: as `Receipts` has them."""
        self._place = place
        self._run = run
        self._receipts = Receipts(place, scope, key)

    def __call__(self, frame: Frame) -> Frame:
        """The frame with this stage's leg added. A stopped frame goes on as it is."""
        if frame.stopped:
            return frame
        got = message_digest(frame.message.meta_bytes, frame.message.payload)
        answer, failed = self._ask(frame.message)
        if isinstance(answer, Pass):
            return self._receipts.passed(frame, got, answer.note)
        if isinstance(answer, Changed):
            if self._place.kind is Kind.ROUTE:
                return self._receipts.routed(frame, got, answer.note)
            return self._receipts.changed(frame, got, answer.message, answer.note)
        return self._receipts.stopped(frame, got, answer, failed=failed)

    def _ask(self, message: Message) -> tuple[Answer, bool]:
        """The stage's answer within its rights, and whether the stage failed to give one."""
        try:
            answer = self._run(message)
            return self._within_rights(answer), False
        except Malformed as error:
            return Refuse(error.reason, error.sentence), False
        except Overload as error:
            return Hold(Reason.STAGE_OUTPUT_BOUND, error.sentence), True
        except Exception as error:
            return Hold(Reason.STAGE_FAILED, f"the stage failed with {type(error).__name__}"), True

    def _within_rights(self, answer: Answer) -> Answer:
        if not isinstance(answer, Pass | Changed | Refuse | Hold):
            raise TypeError("the stage gave no answer")
        if not isinstance(answer, Changed):
            return answer
        if self._place.kind is Kind.ROUTE:
            return Changed(answer.message, answer.message.meta.queues)
        if self._place.kind is Kind.FILTER:
            raise TypeError("a filter changed the message")
        if len(answer.message.payload) > self._place.payload_bytes_max:
            raise Overload(Reason.STAGE_OUTPUT_BOUND, "its output is larger than the policy allows")
        return answer
