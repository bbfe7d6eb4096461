"""Deliver, the tail of the destination side: from a cleared message to a file in the output queue.

Judges the receipts of this side's chain as `release` does on the other, stages a batch in
`queue/tmp` and syncs it, waits until the ledger has "delivering", and renames. What fails here is
held and raised, never delivered; what came before is dropped by its sequence number.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from guard.core.notice import Notice, What
from guard.core.release import Cleared, Stopped, summary
from guard.edge.clock import monotonic_ns, now_ms
from guard.edge.held import HeldStore
from guard.edge.journal import JournalReader
from guard.edge.orders import OrdersFile
from guard.edge.output_queue import OutputQueue
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.edge.sweeping import Sweeper
from guard.roles.feed import Feed
from guard.roles.tail import Arrival, Lane, Scribe, judge_of, sweep_held
from schemas.entry import Entry, Kind, alarm
from schemas.errors import CheckvalveError, Forged
from schemas.media_types import extension_of
from schemas.reasons import Reason
from schemas.sealed import read_landed
from schemas.sequences import RangeSet

DEFAULT_QUEUE = "new"
EVENTS = frozenset({Kind.GAP, Kind.SESSION, Kind.ALARM, Kind.LINK_STATE, Kind.WITNESS})


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels and keys; the files are opened inside the sandbox."""
    return Deliver(spec).work


class Deliver:
    """The destination side's last word, and the output queue."""

    def __init__(self, spec: Spec) -> None:
        folder = Path(spec.text("folder"))
        self._judge = judge_of(spec)
        self._extension = spec.text("extension")
        self._lane = Lane(spec)
        self._scribe = Scribe(
            Mouth(spec.descriptors["deliver-entries"]), Ear(spec.descriptors["durable"])
        )
        self._settled = Mouth(spec.descriptors["settled"])
        self._queue_folder = folder / "queue"
        self._landed_folder = folder / "landed"
        self._held = HeldStore(folder / "held")
        days = spec.number("keep_days")
        self._sweeper = Sweeper(folder / "held", days, monotonic_ns(), folders=True)
        self._orders = OrdersFile(folder)
        self._feed = Feed(spec)
        self._handled = RangeSet()

    def work(self) -> None:
        """Finish the deliveries that a crash interrupted, then settle what comes."""
        state = self._scribe.first_state()
        self._queue = OutputQueue(self._queue_folder)
        self._recover(state)
        self._landed = JournalReader(self._landed_folder, 0)
        self._settled.tell(json.dumps({"settled": state["settled"]}).encode())
        while not self._lane.ended:
            batch = list(self._lane.arrivals())
            self._orders.now()
            self._scribe.write_any(self._orders.news(now_ms()))
            if batch:
                self._settle(batch)
            if self._sweeper.due(monotonic_ns()):
                sweep_held(self._sweeper, self._scribe)
            self._feed.tell_if_due()

    def _recover(self, state: dict[str, int | str]) -> None:
        """Rename what the ledger says is being delivered; throw away what it does not know.

        Of the newest batch also what the ledger has as delivered: renames are synced with the next
        batch, and a power cut may have undone them.
        """
        self._handled = RangeSet.read(str(state["handled"]))
        lines = str(state["delivering"]).splitlines()
        delivering = {line.split(" ", 1)[0] for line in lines}
        for ident in self._queue.recover(delivering):
            self._queue.publish(ident)
        if not int(state["delivered"]):
            self._scribe.write([_delivered(len(delivering))])

    def _settle(self, batch: list[Arrival]) -> None:
        entries: list[Entry] = []
        for arrival in batch:
            entries += self._decide(arrival)
        delivering = [str(e["id"]) for e in entries if e["kind"] == Kind.DELIVERING]
        if delivering:
            self._queue.sync()
        self._scribe.write(entries)
        for ident in delivering:
            self._queue.publish(ident)
        if delivering:
            self._scribe.tell([_delivered(len(delivering))])
        notices = [arrival.notice for arrival in batch if arrival.notice is not None]
        if notices:
            settled = json.dumps({"settled": notices[-1].number + 1}).encode()
            self._settled.tell_if_room(settled)
        now_ns = monotonic_ns()
        for notice in notices:
            if notice.what is What.FED:
                self._feed.took(now_ns - notice.accepted_ns)

    def _decide(self, arrival: Arrival) -> list[Entry]:
        notice, frame = arrival.notice, arrival.frame
        if notice is None:
            fault = arrival.fault or Forged(Reason.DUPLICATE, "a frame came that nobody fed")
            return [alarm(now_ms(), fault.reason, fault.sentence)]
        if notice.what is What.EVENT:
            return [self._event(notice)]
        if int(notice.about["sequence"]) in self._handled:
            return [self._entry(Kind.DUPLICATE, notice, "deliver", Reason.DUPLICATE, "", "")]
        if frame is None:
            return self._without_frame(notice, arrival.fault)
        try:
            judgement = self._judge(frame, notice)
            if isinstance(judgement, Cleared):
                why = self._posture_holds(judgement)
                if why:
                    return [self._hold_for_posture(notice, judgement, why)]
                return [self._stage(notice, judgement)]
        except CheckvalveError as error:
            if error.reason is Reason.DISK:
                raise  # no message's fault: nothing is decided until it can be written
            return self._without_frame(notice, error)
        return [self._stop(notice, judgement)]

    def _event(self, notice: Notice) -> Entry:
        """A gap, a checkpoint of the source's ledger, an alarm of the link; gaps get a file.

        Of any other kind it is not for `verify` to tell: then it is an alarm.
        """
        entry: Entry = {**notice.about, "number": notice.number}
        if entry.get("kind") not in EVENTS:
            told = alarm(now_ms(), Reason.ROLE_FAILED, "verify told of what is no event")
            return told | {"number": notice.number}
        if entry["kind"] == Kind.GAP:
            self._queue.notice(f"{entry['first']}-{entry['last']}", dict(entry))
        return entry

    def _stage(self, notice: Notice, cleared: Cleared) -> Entry:
        ident = notice.id.hex()
        meta, payload = cleared.meta, cleared.message.payload
        queues = ",".join(cleared.queues) or DEFAULT_QUEUE
        digest = hashlib.sha256(payload).hexdigest()
        sidecar: dict[str, int | str] = {
            "id": ident,
            "flow": meta.flow,
            "sequence": notice.about["sequence"],
            "type": meta.type,
            "label": meta.label,
            "precedence": meta.precedence,
            "accepted_s": notice.about["accepted_s"],
            "released_s": notice.about["released_s"],
            "sha256": digest,
            "bytes": len(payload),
        }
        if meta.name:
            sidecar["name"] = meta.name
        for queue in queues.split(","):
            extension = self._extension or extension_of(meta.type)
            self._queue.stage(ident, queue, extension, payload, sidecar)
        self._handled.add(int(notice.about["sequence"]))
        entry = self._entry(Kind.DELIVERING, notice, "", "", "", summary(cleared.receipts))
        return entry | {
            "queues": queues,
            "payload": digest,
            "payload_bytes": len(payload),
            "type": meta.type,
            "label": meta.label,
            "sealed_payload": notice.about["sealed_payload"],
            "source_policy": notice.about["source_policy"],
        }

    def _posture_holds(self, cleared: Cleared) -> str:
        """Why the posture holds what the policy lets through; the sender is not known here."""
        meta, size = cleared.meta, len(cleared.message.payload)
        return self._orders.seen.holds("", meta.label, meta.type, meta.precedence, size)

    def _hold_for_posture(self, notice: Notice, cleared: Cleared, why: str) -> Entry:
        sentence = f"posture: {why}"
        self._keep(notice, "deliver", Reason.POSTURE, sentence, cleared.message.payload)
        self._handled.add(int(notice.about["sequence"]))
        stages = summary(cleared.receipts)
        return self._entry(Kind.HELD, notice, "deliver", Reason.POSTURE, sentence, stages)

    def _stop(self, notice: Notice, stopped: Stopped) -> Entry:
        """A refusal here is held too: the source side's checks had passed it, people must look."""
        payload = stopped.message.payload
        self._keep(notice, stopped.stage, stopped.reason, stopped.sentence, payload)
        self._handled.add(int(notice.about["sequence"]))
        return self._entry(
            Kind.HELD, notice, stopped.stage, stopped.reason, stopped.sentence,
            summary(stopped.receipts),
        )  # fmt: skip

    def _without_frame(self, notice: Notice, fault: CheckvalveError | None) -> list[Entry]:
        reason = str(notice.about.get("reason", ""))
        sentence = str(notice.about.get("sentence", ""))
        if fault is not None:
            reason, sentence = fault.reason, fault.sentence
        stage = "verify" if fault is None else "deliver"
        self._keep(notice, stage, reason, sentence, b"")
        told = alarm(now_ms(), reason, f"{notice.id.hex()}: {sentence}")
        return [self._entry(Kind.HELD, notice, stage, reason, sentence, ""), told]

    def _keep(self, notice: Notice, stage: str, reason: str, sentence: str,
              output: bytes) -> None:  # fmt: skip
        _, _, envelope = read_landed(self._landed.read(notice.place))
        record = {
            "time_ms": now_ms(), "stage": stage, "reason": reason, "sentence": sentence,
            **notice.about,
        }  # fmt: skip
        self._held.keep(notice.id.hex(), envelope, output, record)

    @staticmethod
    def _entry(kind: Kind, notice: Notice, stage: str, reason: str, sentence: str,
               stages: str) -> Entry:  # fmt: skip
        return {
            "kind": kind,
            "time_ms": now_ms(),
            "id": notice.id.hex(),
            "number": notice.number,
            "sequence": int(notice.about["sequence"]),
            "accepted": notice.digest.hex(),
            "stage": stage,
            "reason": reason,
            "sentence": sentence,
            "stages": stages,
        }


def _delivered(count: int) -> Entry:
    return {"kind": Kind.DELIVERED, "time_ms": now_ms(), "count": count}
