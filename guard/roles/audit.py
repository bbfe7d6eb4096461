"""The audit role: what the others report becomes durable in the ledger, then it says so.

Hears entries from the roles of its side (packets of JSON lists), writes a batch with its signed
checkpoint, and tells the tail of the lane how many packets are durable, with the ledger's size
and root; `ingest` hears how many of its own are. The first thing it tells is where to go on, read
from the ledger itself. `send` hears first its newest session of the link and newest resend, then
how many of its own packets are durable, and statements for the link's heartbeats. The sealing key
is this process's alone: it changes from epoch to epoch, and each is destroyed after its last batch.
If the ledger cannot be written the process ends, and with it the lane: nothing is released unheard.
"""

import json
from collections.abc import Callable
from pathlib import Path

from guard.core.durable_words import DURABLE, HEARD
from guard.core.facts import DestinationFacts, SourceFacts
from guard.core.ledger import INTEGER_MAX, Checkpoint
from guard.core.session_reset import PROPOSAL_BYTES_MAX, SESSION_MAX
from guard.core.witnessing import Points
from guard.edge.clock import now_ms
from guard.edge.ledger_files import LedgerWriter
from guard.edge.ledger_resume import Resume, ResumeFile
from guard.edge.link_parameters import link_params
from guard.edge.sealing_keys import SealingKeys
from guard.edge.sockets import Ear, Mouth, readable
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from guard.roles.publishing import Publisher
from schemas.entry import Entry, Kind, alarm
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

PACKETS_A_BATCH_MAX = 64
_IDLE_MS = 500
_NOTICE_AHEAD_S_MAX = 2 * 86_400  # the supervisor takes a day: docs/spec/gap-notice.md §3 (2)
_OF_SEND: dict[str, frozenset[str]] = {
    Kind.SENT: frozenset({"kind", "time_ms", "count", "last"}),
    Kind.SESSION: frozenset({"kind", "time_ms", "session"}),
    Kind.RESEND: frozenset({
        "kind", "time_ms", "resend", "who", "numbers", "count", "notice", "notice_s",
    }),
    Kind.RESENT: frozenset({"kind", "time_ms", "resend", "count", "refused", "sentence"}),
    Kind.SESSION_RESET: frozenset({"kind", "time_ms", "session", "signers", "proposal"}),
}  # fmt: skip
_TEXTS = frozenset({
    "kind", "signers", "proposal", "who", "numbers", "notice", "refused", "sentence",
})  # fmt: skip
_OF_INGEST = frozenset({"kind", "time_ms", "id", "sender", "name", "stage", "reason", "sentence"})
_OF_REMOVED = frozenset({"kind", "time_ms", "what", "count", "names"})
_OF_THE_TAIL = {
    "low": frozenset({Kind.COMMITTED, Kind.REFUSED, Kind.HELD, Kind.ALARM, Kind.POSTURE,
                      Kind.REMOVED}),
    "high": frozenset({
        Kind.DELIVERING, Kind.DELIVERED, Kind.DUPLICATE, Kind.HELD, Kind.GAP, Kind.WITNESS,
        Kind.SESSION, Kind.LINK_STATE, Kind.ALARM, Kind.POSTURE, Kind.REMOVED,
    }),
}  # fmt: skip


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels and the key; the ledger is recovered inside the sandbox."""
    return Audit(spec).work


class Audit:
    """One side's ledger and those who wait for it."""

    def __init__(self, spec: Spec) -> None:
        given = spec.descriptors
        ears = {name: Ear(fd) for name, fd in given.items() if name.endswith("-entries")}
        self._spec = spec
        self._ears = list(ears.values())
        self._tail = ears["release-entries" if spec.side == "low" else "deliver-entries"]
        self._ingest = ears.get("ingest-entries")
        self._send = ears.get("send-entries")
        self._durable = Mouth(given["durable"])
        self._ingest_durable = Mouth(given["ingest-durable"]) if self._ingest else None
        self._witness = Mouth(given["witness"]) if "witness" in given else None
        self._policy_digest = spec.text("policy_digest")
        self._feed = Feed(spec)
        self._heard_from_tail = 0
        self._heard_from_ingest = self._told_ingest = 0
        self._heard_from_send = self._told_send = 0
        self._publisher: Publisher | None = None
        self._epoch_ms = 1000 * spec.number("ledger_epoch_s")

    def work(self) -> None:
        """Recover the ledger, write the run's first entry, say where to go on, write what comes."""
        self._open(Path(self._spec.text("folder")))
        if self._witness is not None and isinstance(self._facts, SourceFacts):
            self._witness.tell(json.dumps(self._facts.of_send()).encode())
        state = self._facts.state()
        self._append([self._run_entry(), *self._key_entries()])
        self._durable.tell(json.dumps(state).encode())
        while self._ears:
            batch = self._collect()
            if batch:
                self._append(batch)
                self._durable.tell(
                    DURABLE.pack(
                        self._heard_from_tail,
                        self._ledger.size,
                        self._ledger.root,
                        self._facts.sent,
                    )
                )
                self._tell_ingest()
            self._ratchet_if_due()
            self._keep_if_due()
            self._tell_statement()
            self._feed.tell_if_due()
        self._append([{"kind": Kind.STOP, "time_ms": now_ms()}])
        self._feed.tell()

    def _open(self, folder: Path) -> None:
        """From what was kept of it, or from the beginning if that does not fit."""
        self._resume = ResumeFile(folder / "sealing" / "resume")
        kept = self._resume.read()
        try:
            self._read_on(folder, kept)
        except (Malformed, Forged):
            if kept is None:
                raise
            self._resume.forget()
            self._read_on(folder, None)

    def _read_on(self, folder: Path, kept: Resume | None) -> None:
        self._facts = SourceFacts() if self._spec.side == "low" else DestinationFacts()
        if self._witness is not None:
            told = folder / "sealing" / "told"
            self._publisher = Publisher(told, link_params(self._spec))
        self._ledger = LedgerWriter.open(
            folder / "ledger",
            SealingKeys(folder / "sealing"),
            bytes.fromhex(self._spec.text("ledger_public")),
            self._spec.text("origin"),
            self._facts.see,
            follower=self._publisher,
            resume=kept,
        )

    def _keep_if_due(self) -> None:
        """So that the next start need not read all that this one has read or written."""
        if self._resume.is_due(self._ledger.size):
            points = self._publisher.points if self._publisher else Points()
            self._resume.write(self._ledger.resume(self._facts.entry(now_ms()), points))

    def _ratchet_if_due(self) -> None:
        """End the epoch when its time is over and there is something to protect in it."""
        ledger = self._ledger.ledger
        began_ms, begins = ledger.epoch_ms, ledger.begins
        if began_ms is None or ledger.size == begins or 0 <= now_ms() - began_ms < self._epoch_ms:
            return
        self._took(self._ledger.ratchet(now_ms()))
        self._feed.counters["epoch"] = ledger.epoch
        self._feed.counters["ledger_size"] = ledger.size
        self._feed.add("entries")

    def _tell_statement(self) -> None:
        """What the high side's witness is to hear next; lost if `send` is not ready for it."""
        if self._publisher is None or self._witness is None:
            return
        ledger = self._ledger.ledger
        statement = self._publisher.statement_if_due(ledger, self._ledger.latest_checkpoint)
        if statement:
            self._witness.tell_if_room(HEARD.pack(self._heard_from_send) + statement)

    def _took(self, checkpoint: Checkpoint) -> None:
        if self._publisher is not None:
            self._publisher.grown(self._ledger.ledger, checkpoint)

    def _tell_ingest(self) -> None:
        """It waits for these only after it has told something, and may have ended since."""
        if self._ingest_durable is not None and self._told_ingest != self._heard_from_ingest:
            self._told_ingest = self._heard_from_ingest
            self._ingest_durable.tell_if_room(HEARD.pack(self._told_ingest))

    def _run_entry(self) -> Entry:
        values = self._spec.values
        return {
            "kind": Kind.RUN,
            "time_ms": now_ms(),
            "side": self._spec.side,
            "flow": self._spec.text("flow"),
            "source_domain": self._spec.text("source_domain"),
            "destination_domain": self._spec.text("destination_domain"),
            "policy_digest": self._spec.text("policy_digest"),
            "policy_version": self._spec.number("policy_version"),
            "trust_root": self._spec.text("trust_root"),
            "trust_root_version": self._spec.number("trust_root_version"),
            "demo": self._spec.number("demo"),
            "nonce": self._spec.text("nonce"),
            "software": self._spec.text("software"),
            "software_digest": self._spec.text("software_digest"),
            "confinement": self._spec.text("confinement"),
            "insecure": int(bool(values["insecure"])),
            "cause": self._spec.text("cause"),
        }

    def _key_entries(self) -> list[Entry]:
        """What was done to keys while nobody could write it here: from the supervisor."""
        told = self._spec.values.get("key_events")
        return list(told) if isinstance(told, list) else []

    def _collect(self) -> list[Entry]:
        """All entries that are there now; waits until there are some, or half a second."""
        entries: list[Entry] = []
        wait_ms = self._publisher.wait_ms(_IDLE_MS) if self._publisher else _IDLE_MS
        for ear, ready in zip(
            tuple(self._ears), readable(*self._ears, wait_ms=wait_ms), strict=True
        ):
            for _ in range(PACKETS_A_BATCH_MAX if ready else 0):
                packet = ear.hear_now()
                if packet is None:
                    self._ears.remove(ear)
                    break
                if not packet:
                    break
                self._heard_from_tail += ear is self._tail
                self._heard_from_ingest += ear is self._ingest
                self._heard_from_send += ear is self._send
                entries += self._told_by(ear, packet)
        return entries

    def _told_by(self, ear: Ear, packet: bytes) -> list[Entry]:
        if ear is self._send:
            return of_send(packet)
        return of_ingest(packet) if ear is self._ingest else of_tail(packet, self._spec.side)

    def _append(self, entries: list[Entry]) -> None:
        for entry in entries:
            entry["policy_digest"] = self._policy_digest
        self._took(self._ledger.append(entries))
        for entry in entries:
            self._facts.see(entry)
        self._feed.add("entries", len(entries))
        self._feed.counters["ledger_size"] = self._ledger.size
        for entry in entries:
            self._count(entry)
        if self._witness is not None and self._told_send != self._heard_from_send:
            self._told_send = self._heard_from_send
            self._witness.tell_if_room(HEARD.pack(self._told_send))

    def _count(self, entry: Entry) -> None:
        parts = [str(entry["kind"]), str(entry.get("stage", "")), str(entry.get("reason", ""))]
        amount = 1
        if entry["kind"] == Kind.GAP:
            amount = int(entry["last"]) - int(entry["first"]) + 1
        elif entry["kind"] in (Kind.SENT, Kind.RESENT, Kind.DELIVERED, Kind.REMOVED):
            amount = int(entry["count"])
        self._feed.add("entry|" + "|".join(parts), amount)


def of_send(untrusted_packet: bytes) -> list[Entry]:
    """What `send` tells, or an alarm: its entries are of its own kinds, their fields in bounds.

    It stands at the link, and where the others go on depends on what the ledger has.
    """
    return _told(untrusted_packet, _may_send_tell, "send")


def of_ingest(untrusted_packet: bytes) -> list[Entry]:
    """The same of `ingest`, which stands at the drop directories: entries of two kinds, with no
    field by which another place would go on."""
    return _told(untrusted_packet, _may_ingest_tell, "ingest")


def _told(untrusted_packet: bytes, may_tell: Callable[[Entry], bool], who: str) -> list[Entry]:
    try:
        entries: list[Entry] = json.loads(untrusted_packet)
        right = all(may_tell(entry) for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right, entries = False, []
    if right:
        return entries
    return [alarm(now_ms(), Reason.ROLE_FAILED, f"{who} told the ledger what is not its to tell")]


def of_tail(packet: bytes, side: str) -> list[Entry]:
    """What the tail of the lane tells, of its side's kinds: a run, a key, or what was let go is
    this role's own to tell, and a start believes those."""
    entries: list[Entry] = json.loads(packet)
    kept = [entry for entry in entries if entry["kind"] in _OF_THE_TAIL[side]]
    if len(kept) != len(entries):
        sentence = "the tail told the ledger what is not its to tell"
        kept.append(alarm(now_ms(), Reason.ROLE_FAILED, sentence))
    return kept


def _may_ingest_tell(entry: Entry) -> bool:
    if entry["kind"] == Kind.REMOVED:
        return _may_tell_removed(entry)
    texts = [entry[name] for name in _OF_INGEST - {"time_ms"}]
    return (
        entry.keys() == _OF_INGEST
        and entry["kind"] in (Kind.SPOOL_REFUSED, Kind.REVIEW)
        and all(type(it) is str for it in texts)
        and type(entry["time_ms"]) is int
        and 0 <= entry["time_ms"] <= INTEGER_MAX
    )


def _may_tell_removed(entry: Entry) -> bool:
    """Of `ingest`: what it has let go of what it had refused."""
    numbers = entry["time_ms"], entry["count"]
    return (
        entry.keys() == _OF_REMOVED
        and entry["what"] == "refused"
        and type(entry["names"]) is str
        and len(entry["names"]) <= PROPOSAL_BYTES_MAX
        and all(type(it) is int and 0 <= it <= INTEGER_MAX for it in numbers)
    )


def _may_send_tell(entry: Entry) -> bool:
    """Raises KeyError for a kind that is not of `send`."""
    texts = [entry[name] for name in entry if name in _TEXTS]
    numbers = [entry[name] for name in entry if name not in _TEXTS]
    return (
        entry.keys() == _OF_SEND[str(entry["kind"])]
        and all(type(it) is str and len(it) <= PROPOSAL_BYTES_MAX for it in texts)
        and all(type(it) is int and 0 <= it <= INTEGER_MAX for it in numbers)
        and entry.get("session", 1) in range(1, SESSION_MAX + 1)
        and int(entry.get("notice_s", 0)) <= now_ms() // 1000 + _NOTICE_AHEAD_S_MAX
    )
