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
from guard.core.notice import Notice
from guard.core.release import Cleared, Stopped, summary
from guard.core.sealing import sealer
from guard.edge.clock import monotonic_ns, now_ms
from guard.edge.held import HeldStore
from guard.edge.journal import JournalReader, JournalWriter
from guard.edge.keys import signer
from guard.edge.mldsa import mldsa_signer
from guard.edge.orders import OrdersFile
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from guard.roles.tail import Arrival, Lane, Scribe, judge_of
from schemas.accepted import read_accepted
from schemas.entry import Entry, Kind, alarm
from schemas.errors import Broken, CheckvalveError, Forged
from schemas.manifest import Form, Manifest
from schemas.message import Meta
from schemas.reasons import Reason
from schemas.receipt import Said
from schemas.sealed import write_sealed


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
        self._orders = OrdersFile(folder)
        self._feed = Feed(spec)
        self._sequence = 0

    def work(self) -> None:
        """Go on where the ledger says, then settle what comes until the chain ends."""
        state = self._scribe.first_state()
        self._sealed = JournalWriter.open(self._sealed_folder)
        self._recover(state)
        self._accepted = JournalReader(self._accepted_folder, 0)
        self._settled.tell(json.dumps(state).encode())
        while not self._lane.ended:
            batch = list(self._lane.arrivals())
            self._orders.now()
            self._scribe.write_any(self._orders.news(now_ms()))
            if batch:
                self._settle(batch)
            self._feed.tell_if_due()

    def _recover(self, state: dict[str, int | str]) -> None:
        """Cut off what the ledger does not have; its sequence numbers are free again."""
        covered = int(state["sealed"])
        if self._sealed.next_number < covered:
            raise Broken(Reason.RECORD_MALFORMED, "the sealed journal lacks what the ledger has")
        self._sealed.cut(covered)
        self._sealed.mark(covered)
        self._sequence = int(state["sequence"])

    def _settle(self, batch: list[Arrival]) -> None:
        entries: list[Entry] = []
        for arrival in batch:
            entries += self._decide(arrival)
        self._sealed.sync()
        self._scribe.write(entries)
        self._sealed.mark(self._sealed.next_number)
        notices = [arrival.notice for arrival in batch if arrival.notice is not None]
        if notices:
            settled = json.dumps({"settled": notices[-1].number + 1}).encode()
            self._settled.tell_if_room(settled)
        self._reply(entries)
        now_ns = monotonic_ns()
        for notice in notices:
            self._feed.took(now_ns - notice.accepted_ns)

    def _decide(self, arrival: Arrival) -> list[Entry]:
        """The entries of one arrival; a cleared message is appended to the outbox on the way."""
        notice, frame = arrival.notice, arrival.frame
        if notice is None:
            fault = arrival.fault or Forged(Reason.DUPLICATE, "a frame came that nobody fed")
            return [alarm(now_ms(), fault.reason, fault.sentence)]
        if frame is None:
            return self._without_frame(notice, arrival.fault)
        try:
            judgement = self._judge(frame, notice)
            if isinstance(judgement, Cleared):
                why = self._posture_holds(notice, judgement)
                if why:
                    return [self._hold_for_posture(notice, judgement, why)]
                return [self._commit(notice, frame, judgement)]
        except CheckvalveError as error:
            if error.reason is Reason.DISK:
                raise  # no message's fault: nothing is decided until it can be written
            return self._without_frame(notice, error)
        return [self._stop(notice, judgement)]

    def _without_frame(self, notice: Notice, fault: CheckvalveError | None) -> list[Entry]:
        """Held: by the head's own word, or because the receipts do not add up (and an alarm)."""
        reason = str(notice.about.get("reason", ""))
        sentence = str(notice.about.get("sentence", ""))
        alarms: list[Entry] = []
        if fault is not None:
            reason, sentence = fault.reason, fault.sentence
            alarms = [alarm(now_ms(), reason, f"{notice.id.hex()}: {sentence}")]
        self._keep(notice, reason, sentence, b"")
        return [self._entry(Kind.HELD, notice, "release", reason, sentence, ""), *alarms]

    def _posture_holds(self, notice: Notice, cleared: Cleared) -> str:
        """Why the posture holds what the policy lets through; nothing if it does not."""
        meta, size = cleared.meta, len(cleared.message.payload)
        sender = str(notice.about["sender"])
        orders = self._orders.seen
        return orders.holds(sender, meta.label, meta.type, meta.precedence, size)

    def _hold_for_posture(self, notice: Notice, cleared: Cleared, why: str) -> Entry:
        sentence = f"posture: {why}"
        self._keep(notice, Reason.POSTURE, sentence, cleared.message.payload)
        stages = summary(cleared.receipts)
        return self._entry(Kind.HELD, notice, "release", Reason.POSTURE, sentence, stages)

    def _stop(self, notice: Notice, stopped: Stopped) -> Entry:
        kind = Kind.REFUSED if stopped.verdict is Said.REFUSE else Kind.HELD
        if kind is Kind.HELD or self._spec.values["keep_refused"]:
            self._keep(notice, stopped.reason, stopped.sentence, stopped.message.payload)
        return self._entry(
            kind, notice, stopped.stage, stopped.reason, stopped.sentence, summary(stopped.receipts)
        )

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

    def _keep(self, notice: Notice, reason: str, sentence: str, output: bytes) -> None:
        """The accepted bytes, and what would have been released, into `held/ID`."""
        _, _, accepted = read_accepted(self._accepted.read(notice.place))
        record = {"reason": reason, "sentence": sentence, **notice.about}
        self._held.keep(notice.id.hex(), accepted, output, record)

    def _reply(self, entries: list[Entry]) -> None:
        """Tell senders the outcome and its coarse class, never the rule, word or place."""
        if not self._spec.values["replies"]:
            return
        for entry in entries:
            if "id" in entry:
                keys = ("id", "sender", "name", "kind", "accepted_s")
                reply = {key: entry[key] for key in keys}
                self._replies.tell(json.dumps(reply, separators=(",", ":")).encode())
