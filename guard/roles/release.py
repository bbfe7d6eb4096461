"""Release, the tail of the source side: from a cleared message to one that may be sent.

Takes what comes out of the chain, judges its receipts (`guard.core.release`: no parser, no
content), gives it a sequence number and seals it. A batch is appended to the `sealed` journal and
synced, then the ledger has it, and only then the journal's mark moves and `send` may take it. A
message that was refused or held is told to the ledger the same way, before anyone else hears.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from guard.core.frame import Frame
from guard.core.notice import Notice, What
from guard.core.release import Cleared, Stopped, summary
from guard.core.retention import first_to_stay
from guard.core.review import NO_OUTPUT, ORIGIN, Decided, Decision, Held
from guard.core.sealing import sealer
from guard.edge.clock import monotonic_ns, now_ms, now_s
from guard.edge.held import HeldStore
from guard.edge.journal import JournalReader, JournalWriter
from guard.edge.keys import signer
from guard.edge.mldsa import mldsa_signer
from guard.edge.orders import OrdersFile
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.edge.sweeping import Sweeper
from guard.roles.feed import Feed
from guard.roles.reviewing import ReviewJudge, holds_in, written
from guard.roles.tail import Arrival, Lane, Scribe, judge_of, sweep_held
from schemas.accepted import read_accepted
from schemas.entry import Entry, Kind, alarm
from schemas.errors import Broken, CheckvalveError, Forged, Malformed
from schemas.manifest import Form, Manifest
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.receipt import Said, message_digest
from schemas.sealed import write_sealed

RELEASE, REVIEW = "release", "review"
AGAIN: dict[str, str] = {
    Reason.REVIEW_STALE: "another policy or posture is in force than was decided under",
    Reason.REVIEW_OUTPUT: "its output is another than was decided on",
    Reason.SENDER_NOT_LISTED: "it waited, and its sender is in the policy no more",
}
_LET_GO_NS = 10_000_000_000


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels and keys; the files are opened inside the sandbox."""
    return Release(spec).work


class Release:
    """The source side's sealing and the order in which things become true."""

    def __init__(self, spec: Spec) -> None:
        folder = Path(spec.text("folder"))
        self._spec = spec
        self._judge = judge_of(spec)
        second = spec.keys.get("seal-mldsa")
        self._seal = sealer(Form(spec.text("manifest")), mldsa_signer(second) if second else None)
        self._sign = signer(spec.keys["seal"])
        self._policy_digest = bytes.fromhex(spec.text("policy_digest"))
        self._lane = Lane(spec)
        self._scribe = Scribe(
            Mouth(spec.descriptors["release-entries"]), Ear(spec.descriptors["durable"])
        )
        self._settled = Mouth(spec.descriptors["settled"])
        self._replies = Mouth(spec.descriptors["replies"])
        self._sealed_folder = folder / "sealed"
        self._accepted_folder = folder / "accepted"
        self._held = HeldStore(folder / "held")
        now_ns = monotonic_ns()
        self._sweeper = Sweeper(folder / "held", spec.number("keep_days"), now_ns, folders=True)
        self._let_go_ns = now_ns + _LET_GO_NS
        self._orders = OrdersFile(folder)
        self._reviews = ReviewJudge(spec)
        senders = spec.values["senders"]
        self._senders = frozenset(senders if isinstance(senders, list) else ())
        self._feed = Feed(spec)
        self._sequence = 0

    def work(self) -> None:
        """Go on where the ledger says, then settle what comes until the chain ends."""
        state = self._scribe.first_state()
        self._sealed = JournalWriter.open(self._sealed_folder, known=int(state["sealed"]))
        self._recover(state)
        self._accepted = JournalReader(self._accepted_folder, 0)
        self._settled.tell(json.dumps(state).encode())
        while not self._lane.ended:
            batch = list(self._lane.arrivals())
            self._orders.now()
            self._scribe.write_any(self._orders.news(now_ms()))
            if batch:
                self._settle(batch)
            self._let_go_old(monotonic_ns())
            self._feed.tell_if_due()

    def _let_go_old(self, now_ns: int) -> None:
        """What is past its time: the ledger hears first. resend §5"""
        if self._sweeper.due(now_ns):
            sweep_held(self._sweeper, self._scribe)
        days, mb = self._spec.number("resend_days"), self._spec.number("resend_mb")
        if now_ns < self._let_go_ns or not (days or mb):
            return
        self._let_go_ns = now_ns + _LET_GO_NS
        segments = self._sealed.closed_segments()
        stays = first_to_stay(segments, self._scribe.sent, now_s(), days, mb)
        if stays:
            first = segments[0].first
            self._scribe.write([{
                "kind": Kind.REMOVED, "time_ms": now_ms(), "what": "sealed",
                "count": stays - first, "first": first + 1, "last": stays,
            }])  # fmt: skip
            self._sealed.drop_below(stays)

    def _recover(self, state: dict[str, int | str]) -> None:
        """Cut off what the ledger does not have; its sequence numbers are free again."""
        covered = int(state["sealed"])
        if self._sealed.next_number < covered:
            raise Broken(Reason.RECORD_MALFORMED, "the sealed journal lacks what the ledger has")
        self._sealed.cut(covered)
        self._sealed.mark(covered)
        self._sequence = int(state["sequence"])
        self._reviews.go_on(str(state["reviewed"]))
        self._before = self._held.sweep()
        for line in str(state["closing"]).splitlines():
            ident, number = line.split(" ")
            self._held.discard(ident, int(number))

    def _settle(self, batch: list[Arrival]) -> None:
        entries: list[Entry] = []
        for arrival in batch:
            entries += self._decide(arrival)
        self._sealed.sync()
        self._scribe.write(entries)
        self._sealed.mark(self._sealed.next_number)
        self._let_go(entries)
        notices = [arrival.notice for arrival in batch if arrival.notice is not None]
        if notices:
            settled = json.dumps({"settled": notices[-1].number + 1}).encode()
            self._settled.tell_if_room(settled)
        self._reply(entries)
        now_ns = monotonic_ns()
        for notice in notices:
            self._feed.took(now_ns - notice.accepted_ns)

    def _let_go(self, entries: list[Entry]) -> None:
        """What reviewers decided for good is held no more, now that the ledger has it. Nor is what
        a break had kept under this very number before the ledger had it, if it is not held now."""
        for entry in entries:
            if "id" not in entry or entry["kind"] == Kind.HELD:
                continue
            ident = str(entry["id"])
            if "hold" in entry:
                self._held.discard(ident, int(entry["hold"]))
            kept = entry["kind"] == Kind.REFUSED and self._spec.values["keep_refused"]
            if ident in self._before and not kept:
                self._held.discard(ident, int(entry["number"]))

    def _decide(self, arrival: Arrival) -> list[Entry]:
        """The entries of one arrival; a cleared message is appended to the outbox on the way."""
        notice = arrival.notice
        if notice is None:
            fault = arrival.fault or Forged(Reason.DUPLICATE, "a frame came that nobody fed")
            return [alarm(now_ms(), fault.reason, fault.sentence)]
        try:
            decided = self._reviews.decided(notice, self._came(notice))
        except (Malformed, Forged) as error:  # held §5 (3), (4)
            told = alarm(now_ms(), error.reason, f"{notice.id.hex()}: {error.sentence}")
            return [told | {"number": notice.number}]
        if decided is None:
            if notice.id.hex() in self._before:  # kept by a break, and perhaps for another reason
                self._held.supersede(notice.id.hex(), notice.number)
            return self._decide_message(notice, arrival, None)
        self._reviews.close(decided.review.number)
        self._held.supersede(decided.review.id, decided.review.number)
        entries = self._decide_message(notice, arrival, decided)
        return [each | decided.told() if "id" in each else each for each in entries]

    def _came(self, notice: Notice) -> str:
        """The digest of what was accepted: as it was fed, or as it stands in the journal."""
        if notice.what is What.FED or not str(notice.about["origin"]).startswith(ORIGIN):
            return notice.digest.hex()
        return self._accepted_message(notice)[1]

    def _decide_message(self, notice: Notice, arrival: Arrival,
                        decided: Decided | None) -> list[Entry]:  # fmt: skip
        frame = arrival.frame
        if frame is None:
            return self._without_frame(notice, arrival.fault, decided)
        try:
            return [self._judged(notice, frame, decided)]
        except CheckvalveError as error:
            if error.reason is Reason.DISK:
                raise  # no message's fault: nothing is decided until it can be written
            return self._without_frame(notice, error, None)

    def _judged(self, notice: Notice, frame: Frame, decided: Decided | None) -> Entry:
        """Committed if nothing holds it, or if what does is what reviewers released it from."""
        judgement = self._judge(frame, notice)
        if isinstance(judgement, Cleared):
            cleared: Cleared | None = judgement
        elif judgement.verdict is Said.REFUSE:
            return self._refuse(notice, judgement)
        else:
            cleared = self._judge.if_released(frame, notice, judgement)
        holds = holds_in(judgement)
        why = self._posture_holds(notice, cleared) if cleared else ""
        if why:
            holds.append(Held(RELEASE, Reason.POSTURE))
        if cleared and str(notice.about["sender"]) not in self._senders:
            holds.append(Held(RELEASE, Reason.SENDER_NOT_LISTED))
        if cleared and decided is None and not holds:
            return self._commit(notice, frame, cleared)
        if decided is not None:
            output = _digest(cleared.message) if cleared else NO_OUTPUT
            again = self._reviews.lets(decided, holds, output, self._orders.seen.version)
            if cleared and not again:
                return self._commit(notice, frame, cleared)
            holds = holds or [Held(RELEASE, again)]
        return self._hold(notice, judgement, cleared, holds, why)

    def _without_frame(self, notice: Notice, fault: CheckvalveError | None,
                       decided: Decided | None) -> list[Entry]:  # fmt: skip
        """Held by the head's own word, or because the receipts do not add up (and an alarm); or
        what reviewers decided that takes no chain."""
        if fault is None and decided is not None and decided.outcome is not Decision.RELEASE:
            return [self._decided_without_chain(notice, decided)]
        reason = str(notice.about.get("reason", ""))
        sentence = str(notice.about.get("sentence", ""))
        alarms: list[Entry] = []
        if fault is not None:
            reason, sentence = fault.reason, fault.sentence
            alarms = [alarm(now_ms(), reason, f"{notice.id.hex()}: {sentence}")]
        held = self._keep(notice, [Held(RELEASE, reason)], sentence, None)
        return [held, *alarms]

    def _decided_without_chain(self, notice: Notice, decided: Decided) -> Entry:
        """Refused for good, or held again because the reviewers disagreed."""
        review = decided.review
        if decided.outcome is Decision.REFUSE:
            sentence = "the reviewers refused it"
            if self._spec.values["keep_refused"]:
                self._keep(
                    notice, [Held(REVIEW, Reason.REVIEW_REFUSED)], sentence, None, "", "refuse"
                )
            entry = self._entry(Kind.REFUSED, notice, REVIEW, Reason.REVIEW_REFUSED, sentence, "")
            return entry | {"accepted": review.input}
        sentence = "the reviewers disagreed: all of it must be decided again"
        changes = {"number": notice.number, "time_ms": now_ms(), "sentence": sentence}
        try:
            self._held.renew(notice.id.hex(), changes)
        except Malformed as error:  # what was kept is gone: the accepted bytes are not
            return self._keep(notice, list(review.holds), error.sentence, None)
        output = "" if review.output == NO_OUTPUT else review.output
        stage, reason = review.holds[0]
        entry = self._entry(Kind.HELD, notice, stage, reason, sentence, "")
        return entry | {
            "accepted": review.input, "output": output, "holds": written(review.holds),
        }  # fmt: skip

    def _posture_holds(self, notice: Notice, cleared: Cleared) -> str:
        """Why the posture holds what the policy lets through; nothing if it does not."""
        meta, size = cleared.meta, len(cleared.message.payload)
        sender = str(notice.about["sender"])
        orders = self._orders.seen
        return orders.holds(sender, meta.label, meta.type, meta.precedence, size)

    def _hold(self, notice: Notice, judgement: Cleared | Stopped, cleared: Cleared | None,
              holds: list[Held], why: str) -> Entry:  # fmt: skip
        """Held for people, for the first of these reasons."""
        sentence = f"posture: {why}" if why else AGAIN.get(holds[0].reason, "")
        if isinstance(judgement, Stopped):
            sentence = judgement.sentence
        output = cleared.message if cleared else None
        return self._keep(notice, holds, sentence, output, summary(judgement.receipts))

    def _refuse(self, notice: Notice, stopped: Stopped) -> Entry:
        held, stages = Held(stopped.stage, stopped.reason), summary(stopped.receipts)
        if self._spec.values["keep_refused"]:
            self._keep(notice, [held], stopped.sentence, None, stages, "refuse")
        return self._entry(Kind.REFUSED, notice, *held, stopped.sentence, stages)

    def _commit(self, notice: Notice, frame: Frame, cleared: Cleared) -> Entry:
        payload = cleared.message.payload
        time_ms = now_ms()
        manifest = self._manifest(cleared, frame, time_ms // 1000)
        envelope = self._seal(manifest, payload, self._sign)
        position = self._sealed.append(
            write_sealed(manifest.sequence, manifest.precedence, self._policy_digest, envelope)
        )
        self._sequence = manifest.sequence
        entry = self._entry(Kind.COMMITTED, notice, "", "", "", summary(cleared.receipts))
        return entry | {
            "time_ms": time_ms,
            "sequence": manifest.sequence,
            "sealed": position.number,
            "envelope": hashlib.sha256(envelope).hexdigest(),
            "payload": manifest.payload_digest.hex(),
            "payload_bytes": len(payload),
            "type": manifest.type,
            "label": manifest.label,
            "queues": manifest.queues,
        }

    def _manifest(self, cleared: Cleared, frame: Frame, released_s: int) -> Manifest:
        meta: Meta = cleared.meta
        spec = self._spec
        payload = cleared.message.payload
        return Manifest(
            flow=spec.text("flow"),
            source_domain=spec.text("source_domain"),
            destination_domain=spec.text("destination_domain"),
            sequence=self._sequence + 1,
            id=frame.id,
            payload_digest=hashlib.sha256(payload).digest(),
            payload_bytes=len(payload),
            type=meta.type,
            label=meta.label,
            precedence=meta.precedence,
            queues=",".join(cleared.queues),
            accepted_s=meta.accepted_s,
            released_s=released_s,
            policy_digest=self._policy_digest,
            receipts_digest=hashlib.sha256(frame.legs).digest(),
            ledger_size=self._scribe.size,
            ledger_root=self._scribe.root,
            name=meta.name if spec.values["name_crosses"] else "",
            demonstration=spec.number("demo"),
        )

    @staticmethod
    def _entry(kind: Kind, notice: Notice, stage: str, reason: str, sentence: str,
               stages: str) -> Entry:  # fmt: skip
        return {
            "kind": kind,
            "time_ms": now_ms(),
            "id": notice.id.hex(),
            "number": notice.number,
            "sender": str(notice.about["sender"]),
            "name": str(notice.about["name"]),
            "accepted_s": int(notice.about["accepted_s"]),
            "accepted": notice.digest.hex(),
            "stage": stage,
            "reason": reason,
            "sentence": sentence,
            "stages": stages,
        }

    def _accepted_message(self, notice: Notice) -> tuple[Message, str]:
        """What stands in the journal, and its digest in hexadecimal."""
        meta_bytes, _, payload = read_accepted(self._accepted.read(notice.place))
        message = Message(meta_bytes, payload)
        return message, _digest(message)

    def _keep(self, notice: Notice, holds: list[Held], sentence: str, output: Message | None,
              stages: str = "", verdict: str = "hold") -> Entry:  # fmt: skip
        """The accepted bytes, and what would have been released, into `held/ID`; the entry of it.

        verdict: "refuse" for what is only kept.
        """
        accepted, digest = self._accepted_message(notice)
        stage, reason = holds[0]
        gave = _digest(output) if output else ""
        said = {"accepted": digest, "output": gave, "holds": written(holds)}
        record = {
            "id": notice.id.hex(), "number": notice.number, "verdict": verdict,
            "time_ms": now_ms(), "stage": stage, "reason": reason, "sentence": sentence, **said,
            "stages": stages,
            "meta": accepted.meta_bytes.decode("ascii"),
            "output_meta": output.meta_bytes.decode("ascii") if output else "",
            "policy_version": self._spec.number("policy_version"),
            "posture": self._orders.seen.version,
            "sender": notice.about["sender"], "name": notice.about["name"],
            "accepted_s": notice.about["accepted_s"],
        }  # fmt: skip
        self._held.keep(
            notice.id.hex(), accepted.payload, output.payload if output else b"", record
        )
        return self._entry(Kind.HELD, notice, stage, reason, sentence, stages) | said

    def _reply(self, entries: list[Entry]) -> None:
        """Tell senders the outcome and its coarse class, never the rule, word or place."""
        if not self._spec.values["replies"]:
            return
        for entry in entries:
            if "id" in entry:
                keys = ("id", "sender", "name", "kind", "accepted_s")
                reply = {key: entry[key] for key in keys}
                self._replies.tell(json.dumps(reply, separators=(",", ":")).encode())


def _digest(message: Message) -> str:
    return message_digest(message.meta_bytes, message.payload).hex()
