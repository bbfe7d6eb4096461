"""The decision at the end of a chain, from receipts alone.

Takes the frame that came out, the head's notice and what the policy's chain must be; gives
`Cleared`, `Refused` or `Held`. It looks at no content and has no parser of any payload: it checks
that the receipts are exactly those of the policy's stages, in order, unbroken from the digest the
head told to the payload in hand, and that each stage kept to what its kind may do. Follows
docs/spec/receipt.md §4; both tails (release, deliver) use it.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from guard.core.chain import HEAD, HEAD_VERSION
from guard.core.frame import Frame
from guard.core.notice import Notice
from schemas.errors import Forged, Malformed
from schemas.kinds import Kind
from schemas.message import QUEUE_CHARACTERS_MAX, QUEUES_MAX, Message, Meta
from schemas.reasons import Reason
from schemas.receipt import (
    NO_MAC,
    NO_WORDS,
    Receipt,
    Said,
    message_digest,
    pass_middle,
    read_body,
    split_legs,
)
from schemas.verdict import SENTENCE_CHARACTERS_MAX

_GOES_ON = (Said.PASS, Said.ROUTED)
SUMMARY_CHARACTERS_MAX = 5000  # of all sentences together, each up to 12 bytes in JSON
_QUEUE = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{QUEUE_CHARACTERS_MAX - 1}}}")


@dataclass(frozen=True, slots=True)
class Expected:
    """One receipt that must be there: stage name, version, kind, and the stage's MAC key.

    queues  those that a route's rules name in the policy: it must choose among them; None: any
    """

    stage: str
    version: int
    kind: Kind
    key: bytes
    queues: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every stage passed it: this message may be released, to these queues."""

    message: Message
    meta: Meta
    queues: tuple[str, ...]
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stage refused it, or it is held. `message` is the output that a reviewer would see."""

    verdict: Said
    stage: str
    reason: Reason
    sentence: str
    message: Message
    receipts: tuple[Receipt, ...]


Judgement = Cleared | Stopped


class _Pass:
    """The one body that a plain Pass of an expected stage can have, and a receipt saying so."""

    def __init__(self, scope: bytes, expected: Expected, position: int) -> None:
        self.receipt = Receipt(
            scope, bytes(16), position, Said.PASS, expected.stage, expected.version, Reason.NONE,
            bytes(32), bytes(32), NO_MAC,
        )  # fmt: skip
        self._head = scope
        self._middle = pass_middle(position, expected.stage, expected.version)

    def body(self, ident: bytes, carried: bytes, previous: bytes) -> bytes:
        """The body for this message, what the stage got, and the MAC of the leg before."""
        return b"".join((self._head, ident, self._middle, carried, carried, previous, NO_WORDS))


class Judge:
    """Judges the frames of one lane. Raises `Forged` when the receipts do not add up."""

    def __init__(self, scope: bytes, head_key: bytes, stages: Sequence[Expected]) -> None:
        """scope: as the stages have it; stages: the chain as the signed policy names it."""
        self._scope = scope
        head = Expected(HEAD, HEAD_VERSION, Kind.FILTER, head_key)
        self._expected = (head, *stages)
        self._passes = [_Pass(scope, e, at) for at, e in enumerate(self._expected)]

    def __call__(self, frame: Frame, notice: Notice) -> Judgement:
        """The judgement on the frame that must be the notice's message.

        Raises `Forged` with RECEIPT_MISSING, RECEIPT_OUT_OF_ORDER, RECEIPT_FORGED,
        RECEIPT_OTHER_MESSAGE or RECEIPT_CHANGED_BY_FILTER, and `Malformed` for a frame that is
        none: in both cases the caller holds the message and raises an alarm.
        """
        if (frame.number, frame.id) != (notice.number, notice.id):
            raise Forged(Reason.RECEIPT_OTHER_MESSAGE, "another message came than was fed")
        receipts, gave = self._checked_receipts(frame, notice)
        last = receipts[-1]
        decisive = next((r for r in receipts if r.verdict in (Said.REFUSE, Said.HOLD)), last)
        decisive = last if last.verdict is Said.REFUSE else decisive
        if frame.stopped:
            self._check_stopped(last)
        else:
            self._check_whole(frame, receipts, gave)
        if decisive.verdict in (Said.REFUSE, Said.HOLD):
            return Stopped(
                decisive.verdict, decisive.stage, decisive.reason, decisive.words,
                frame.message, receipts,
            )  # fmt: skip
        meta = self._checked_meta(frame, notice)
        return Cleared(frame.message, meta, _queues(receipts), receipts)

    def if_released(self, frame: Frame, notice: Notice, stopped: Stopped) -> Cleared | None:
        """What a held message is if people release it; None where the chain gave no output.

        Raises as the judging of a cleared one does.
        """
        if frame.stopped or stopped.verdict is not Said.HOLD:
            return None
        meta, receipts = self._checked_meta(frame, notice), stopped.receipts
        return Cleared(frame.message, meta, _queues(receipts), receipts)

    def _checked_receipts(self, frame: Frame, notice: Notice) -> tuple[tuple[Receipt, ...], bytes]:
        """The receipts, each checked, and the digest that the last stage gave."""
        legs = split_legs(frame.legs)
        if not legs or len(legs) > len(self._expected):
            raise Forged(Reason.RECEIPT_MISSING, "there are no receipts, or more than stages")
        previous, carried, receipts = NO_MAC, notice.digest, []
        for position, ((words, body, mac), expected) in enumerate(
            zip(legs, self._expected, strict=False)
        ):
            if not hmac.compare_digest(hmac.digest(expected.key, body, "sha256"), mac):
                raise Forged(
                    Reason.RECEIPT_FORGED,
                    f"the receipt of {expected.stage} is not its: it, or a stage after it, lies",
                )
            passed = self._passes[position]
            plain = body == passed.body(notice.id, carried, previous) and not words
            if plain and expected.queues is None:
                previous = mac  # a plain Pass, byte for byte what it must be: most receipts
                receipts.append(passed.receipt)
                continue
            receipt = read_body(body, words)
            self._check_receipt(receipt, expected, position, notice.id)
            if receipt.previous != previous or receipt.got != carried:
                before = self._expected[position - 1].stage if position else "what was accepted"
                raise Forged(
                    Reason.RECEIPT_OUT_OF_ORDER,
                    f"{expected.stage} got something else than {before} gave by its receipt",
                )
            previous, carried = mac, receipt.gave
            receipts.append(receipt)
        return tuple(receipts), carried

    def _check_receipt(self, receipt: Receipt, expected: Expected, position: int,
                       ident: bytes) -> None:  # fmt: skip
        if receipt.scope != self._scope or receipt.id != ident:
            raise Forged(
                Reason.RECEIPT_OTHER_MESSAGE,
                f"the receipt of {expected.stage} is for another message, run or policy",
            )
        named = (receipt.stage, receipt.version, receipt.position)
        if named != (expected.stage, expected.version, position):
            raise Forged(
                Reason.RECEIPT_OUT_OF_ORDER, f"{receipt.stage} stands where another stage belongs"
            )
        changed = receipt.verdict is Said.CHANGED
        if changed and expected.kind not in (Kind.NORMALIZE, Kind.TRANSFORM):
            raise Forged(
                Reason.RECEIPT_CHANGED_BY_FILTER, f"{receipt.stage} may not change and did"
            )
        if (receipt.verdict is Said.ROUTED) and expected.kind is not Kind.ROUTE:
            raise Forged(
                Reason.RECEIPT_CHANGED_BY_FILTER, f"{receipt.stage} is no route and chose queues"
            )
        if receipt.verdict in _GOES_ON and expected.queues is not None:
            _check_chosen(receipt, expected.queues)
        if not changed and receipt.got != receipt.gave:
            raise Forged(
                Reason.RECEIPT_CHANGED_BY_FILTER, f"{receipt.stage} changed without saying so"
            )

    @staticmethod
    def _check_stopped(last: Receipt) -> None:
        failures = (Reason.STAGE_FAILED, Reason.STAGE_OUTPUT_BOUND)
        failed = last.verdict is Said.HOLD and last.reason in failures
        if last.verdict is not Said.REFUSE and not failed:
            raise Forged(
                Reason.RECEIPT_MISSING, f"after {last.stage} the message stopped without a refusal"
            )

    def _check_whole(self, frame: Frame, receipts: tuple[Receipt, ...], gave: bytes) -> None:
        if len(receipts) != len(self._expected):
            missing = self._expected[len(receipts)].stage
            raise Forged(Reason.RECEIPT_MISSING, f"the receipt of {missing} is missing")
        if any(r.verdict is Said.REFUSE for r in receipts):
            raise Forged(Reason.RECEIPT_OUT_OF_ORDER, "a refused message went on")
        if message_digest(frame.message.meta_bytes, frame.message.payload) != gave:
            raise Forged(
                Reason.RECEIPT_OTHER_MESSAGE,
                f"the payload is not the one that the last stage, {receipts[-1].stage}, gave",
            )

    @staticmethod
    def _checked_meta(frame: Frame, notice: Notice) -> Meta:
        """# receipt §4 (10), (11)"""
        meta = frame.message.meta
        if bytes.fromhex(meta.id) != frame.id:
            raise Forged(Reason.RECEIPT_OTHER_MESSAGE, "the metadata names another message")
        if meta.kept_digest() != notice.kept:
            sentence = (
                "the metadata differs in what no stage may change: name, sender, time or such"
            )
            raise Forged(Reason.RECEIPT_CHANGED_BY_FILTER, sentence)
        return meta


def _check_chosen(receipt: Receipt, queues: frozenset[str]) -> None:
    """# receipt §4 (6)"""
    chosen = receipt.words.split(",") if receipt.verdict is Said.ROUTED else [""]
    if not queues.issuperset(chosen):
        raise Forged(
            Reason.RECEIPT_CHANGED_BY_FILTER,
            f"{receipt.stage} chose a queue that its rules in the policy do not name, or none",
        )


def _queues(receipts: Sequence[Receipt]) -> tuple[str, ...]:
    """The queues that the last route chose; none where no stage is a route.  # receipt §4 (9)"""
    chosen = [receipt.words for receipt in receipts if receipt.verdict is Said.ROUTED]
    if not chosen or not chosen[-1]:
        return ()
    queues = tuple(chosen[-1].split(","))
    named = all(_QUEUE.fullmatch(queue) for queue in queues)
    if not named or len(set(queues)) != len(queues) or len(queues) > QUEUES_MAX:
        raise Malformed(Reason.FRAME_MALFORMED, "a route chose queues whose names are none")
    return queues


def summary(receipts: Sequence[Receipt]) -> str:
    """The receipts as the ledger writes them: one stage a line, with digests where it changed.

    The head's line is left out; its digest stands in the entry's own field. What a stage said is
    cut so that no number of stages makes an entry larger than a ledger takes.
    """
    stages = receipts[1:]
    characters_max = min(SENTENCE_CHARACTERS_MAX, SUMMARY_CHARACTERS_MAX // max(1, len(stages)))
    return "\n".join(_line(receipt, characters_max) for receipt in stages)


def _line(receipt: Receipt, characters_max: int) -> str:
    words = " ".join(receipt.words.splitlines())[:characters_max]
    parts = [f"{receipt.stage}/{receipt.version} {receipt.verdict.name.lower()}"]
    if receipt.reason:
        parts.append(receipt.reason)
    if receipt.verdict is Said.CHANGED:
        parts.append(receipt.gave.hex())
    return " ".join(parts) + (f": {words}" if words else "")
