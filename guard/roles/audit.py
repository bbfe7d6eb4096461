"""The audit role: what the others report becomes durable in the ledger, then it says so.

Hears entries from the roles of its side (packets of JSON lists), writes a batch with its signed
checkpoint, and tells the tail of the lane how many packets are durable, with the ledger's size
and root; `ingest` hears how many of its own are. The first thing it tells is where to go on, read
from the ledger itself. `send` hears first the newest session of the link that the ledger has, then
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
from guard.edge.clock import now_ms
from guard.edge.ledger_files import LedgerWriter
from guard.edge.link_parameters import link_params
from guard.edge.sealing_keys import SealingKeys
from guard.edge.sockets import Ear, Mouth, readable
from guard.edge.spec import Spec
from guard.roles.feed import Feed
from guard.roles.publishing import Publisher
from schemas.entry import Entry, Kind, alarm
from schemas.reasons import Reason

PACKETS_A_BATCH_MAX = 64
_IDLE_MS = 500
_OF_SEND: dict[str, frozenset[str]] = {
    Kind.SENT: frozenset({"kind", "time_ms", "count", "last"}),
    Kind.SESSION: frozenset({"kind", "time_ms", "session"}),
    Kind.SESSION_RESET: frozenset({"kind", "time_ms", "session", "signers", "proposal"}),
}
_TEXTS = frozenset({"kind", "signers", "proposal"})
_OF_INGEST = frozenset({"kind", "time_ms", "id", "sender", "name", "stage", "reason", "sentence"})
_OF_THE_TAIL = {
    "low": frozenset({Kind.COMMITTED, Kind.REFUSED, Kind.HELD, Kind.ALARM, Kind.POSTURE}),
    "high": frozenset({
        Kind.DELIVERING, Kind.DELIVERED, Kind.DUPLICATE, Kind.HELD, Kind.GAP, Kind.WITNESS,
        Kind.SESSION, Kind.LINK_STATE, Kind.ALARM, Kind.POSTURE,
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
        facts = SourceFacts() if self._spec.side == "low" else DestinationFacts()
        self._ledger = self._open(Path(self._spec.text("folder")), facts)
        if self._witness is not None and isinstance(facts, SourceFacts):
            self._witness.tell(json.dumps({"session": facts.session}).encode())
        self._append([self._run_entry(), *self._key_entries()])
        self._durable.tell(json.dumps(facts.state()).encode())
        while self._ears:
            batch = self._collect()
            if batch:
                self._append(batch)
                self._durable.tell(
                    DURABLE.pack(self._heard_from_tail, self._ledger.size, self._ledger.root)
                )
                self._tell_ingest()
            self._ratchet_if_due()
            self._tell_statement()
            self._feed.tell_if_due()
        self._append([{"kind": Kind.STOP, "time_ms": now_ms()}])
        self._feed.tell()

    def _open(self, folder: Path, facts: SourceFacts | DestinationFacts) -> LedgerWriter:
        keys = SealingKeys(folder / "sealing")
        first_key = bytes.fromhex(self._spec.text("ledger_public"))
        if self._witness is not None:
            params = link_params(self._spec)
            self._publisher = Publisher(folder / "sealing" / "told", params)
        grown = self._publisher.grown if self._publisher else None
        origin = self._spec.text("origin")
        return LedgerWriter.open(folder / "ledger", keys, first_key, origin, facts.see, grown=grown)

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
        elif entry["kind"] in (Kind.SENT, Kind.DELIVERED):
            amount = int(entry["count"])
        self._feed.add("entry|" + "|".join(parts), amount)


def of_send(untrusted_packet: bytes) -> list[Entry]:
    """What `send` tells, or an alarm: its entries are of its own kinds, their fields in bounds.

    It stands at the link, and where the others go on depends on what the ledger has.
    """
    return _told(untrusted_packet, _may_send_tell, "send")


def of_ingest(untrusted_packet: bytes) -> list[Entry]:
    """The same of `ingest`, which stands at the drop directories: entries of one kind, with no
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
    texts = [entry[name] for name in _OF_INGEST - {"time_ms"}]
    return (
        entry.keys() == _OF_INGEST
        and entry["kind"] == Kind.SPOOL_REFUSED
        and all(type(it) is str for it in texts)
        and type(entry["time_ms"]) is int
        and 0 <= entry["time_ms"] <= INTEGER_MAX
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
    )
