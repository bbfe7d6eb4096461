"""One step of a chain whose code runs in processes that hold no key: the keeper of the receipts.

Takes frames and what a process without a key made of them, gives frames with the stage's receipt.
The digests are made here, from the bytes that came and the bytes that go on; of what the other
process says only the verdict, its words and, where the stage may change, its output count. No I/O,
and no parser of content: the frame and the receipt's fixed fields are all that is read.
"""

from guard.core.chain import Place, Receipts
from guard.core.frame import Frame
from schemas.errors import Malformed
from schemas.kinds import Kind
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import Receipt, Said, message_digest, read_body, split_legs
from schemas.verdict import Hold, Refuse

NO_KEY = bytes(32)
NO_SCOPE = bytes(32)
_MAY_CHANGE = (Kind.NORMALIZE, Kind.TRANSFORM)


class Custody:
    """The receipts of a stage whose messages each meet a process of their own."""

    def __init__(self, place: Place, scope: bytes, key: bytes) -> None:
        """scope, key: as `guard.core.chain.Receipts` has them."""
        self._place = place
        self._receipts = Receipts(place, scope, key)

    @staticmethod
    def question(frame: Frame) -> Frame:
        """What the process without a key is given: the message, and nobody's receipts."""
        return Frame(frame.id, frame.number, b"", frame.message)

    def answered(self, frame: Frame, untrusted_given: Frame) -> Frame:
        """The frame that leaves, from what the other process gave for `question(frame)`."""
        got = message_digest(frame.message.meta_bytes, frame.message.payload)
        try:
            if (untrusted_given.id, untrusted_given.number) != (frame.id, frame.number):
                raise Malformed(Reason.FRAME_MALFORMED, "it answered for another message")
            return self._written(frame, got, untrusted_given, _only_receipt(untrusted_given))
        except Malformed as error:
            return self.failed(frame, error.sentence)

    def failed(self, frame: Frame, sentence: str) -> Frame:
        """The frame that leaves when there is no answer to go by: held, and it says why."""
        got = message_digest(frame.message.meta_bytes, frame.message.payload)
        hold = Hold(Reason.STAGE_FAILED, sentence)
        return self._receipts.stopped(frame, got, hold, failed=True)

    def _written(self, frame: Frame, got: bytes, given: Frame, said: Receipt) -> Frame:
        if said.verdict is Said.PASS:
            return self._receipts.passed(frame, got, said.words)
        if said.verdict is Said.ROUTED and self._place.kind is Kind.ROUTE:
            return self._receipts.routed(frame, got, said.words)
        if said.verdict is Said.CHANGED and self._place.kind in _MAY_CHANGE:
            return self._changed(frame, got, given.message, said.words)
        if said.verdict is Said.REFUSE:
            refusal = Refuse(said.reason, said.words)
            return self._receipts.stopped(frame, got, refusal, failed=False)
        if said.verdict is Said.HOLD:
            hold = Hold(said.reason, said.words)
            return self._receipts.stopped(frame, got, hold, failed=given.stopped)
        raise Malformed(Reason.FRAME_MALFORMED, f"a {self._place.kind} may not answer so")

    def _changed(self, frame: Frame, got: bytes, message: Message, note: str) -> Frame:
        if len(message.payload) > self._place.payload_bytes_max:
            hold = Hold(Reason.STAGE_OUTPUT_BOUND, "its output is larger than the policy allows")
            return self._receipts.stopped(frame, got, hold, failed=True)
        return self._receipts.changed(frame, got, message, note)


def _only_receipt(untrusted_given: Frame) -> Receipt:
    legs = split_legs(untrusted_given.legs)
    if len(legs) != 1:
        raise Malformed(Reason.FRAME_MALFORMED, "it gave no answer, or more than one")
    words, body, _ = legs[0]
    return read_body(body, words)
