"""The invariants of the whole guard, looked at after every step that could break one.

Sees both disks as the device has them, which no process can. What must hold (docs/diode-sim.md has
the list for people):

approved        nothing is sealed, landed or delivered that the policy refuses, or holds and no two
                reviewers release
ledger-first    an envelope that landed was durable in the low side's ledger when it did; a file in
                a queue was durable in the high side's
durable         a file in a queue had its bytes on the device when it got its name
accepted-first  a drop is removed when the journal durably has its bytes
once            a drop is accepted once, gets one sequence number and one fate (a held one another
                when reviewers have decided), lands once, and is one delivered file
identical       what is delivered is what was sealed, and twice the same
sessions        no session number is used twice
exact           at the end: accepted = committed + refused + held, and committed = delivered + held
                there + reported gaps
kept            of what is held on the low side the accepted bytes are on disk
verified        both ledgers verify, by the verifier that shares no code with the writer
noticed         a low side put back to an older state raises an alarm on the high side
sent-again      what was lost and is asked for again arrives, once and as it was sealed
memory          what waits in sockets is bounded
"""

import json
from collections.abc import Callable
from hashlib import sha256

from diode_sim.world.channels import End
from diode_sim.world.files import OpenFile
from diode_sim.world.inodes import Inode
from diode_sim.world.kernel import Host, Kernel, Process
from diode_sim.world.ledger_view import JournalView, LedgerView
from diode_sim.world.traffic import Message, ident
from schemas.entry import Entry, Kind
from schemas.sealed import Landed, read_landed

QUEUED_BYTES_MAX = 96 * 1024 * 1024
_FATES = (Kind.COMMITTED, Kind.REFUSED, Kind.HELD)
_MEMORY_LOOK_STEPS = 2000


class Breach(BaseException):
    """An invariant does not hold. Not an Exception: no process may catch it."""

    def __init__(self, invariant: str, sentence: str) -> None:
        super().__init__(f"{invariant}: {sentence}")
        self.invariant = invariant
        self.sentence = sentence


class Observer:
    """Both sides of one run."""

    def __init__(self, kernel: Kernel, low: Host, high: Host) -> None:
        self._kernel = kernel
        self._low, self._high = low, high
        self.low_ledger = LedgerView(low.disk, b"/low/ledger")
        self.high_ledger = LedgerView(high.disk, b"/high/ledger")
        self._landed = JournalView(high.disk, b"/high/landed")
        self.messages: dict[str, Message] = {}
        self.committed: dict[int, Entry] = {}
        self.fates: dict[str, Entry] = {}
        self.spool_refused: dict[str, Entry] = {}
        self.reviewed: dict[tuple[str, int], str] = {}
        self.on_hold: Callable[[Entry], None] | None = None
        self._numbers: dict[str, str] = {}
        self._sessions: set[int] = set()
        self.delivering: dict[str, Entry] = {}
        self.held_high: set[int] = set()
        self.gaps: set[int] = set()
        self.alarms: list[tuple[str, str, str]] = []
        self.delivered: dict[str, bytes] = {}
        self._event_files: dict[str, str] = {}
        self._landed_sequences: set[int] = set()
        self._delivered_sequences: set[int] = set()
        self._looked_steps = 0
        self.low_is_trusted = True
        self._alarms_before: int | None = None
        self.witnessed = 0

    def rolled_back(self) -> None:
        """The low side's disk was put back: from now on only its being noticed counts."""
        self._alarms_before = len(self.alarms)

    @property
    def noticed(self) -> bool:
        """Whether the high side has raised an alarm since about the low side's ledger, or hears
        nothing: a session number that was used before opens nothing."""
        return self._alarms_before is not None and any(
            side == "high" and reason.startswith(("ledger-", "link-silent"))
            for side, reason, _ in self.alarms[self._alarms_before :]
        )

    def open_gaps(self) -> set[int]:
        """What was reported lost and has not come since."""
        return self.gaps - self._delivered_sequences - self.held_high

    def dropped(self, message: Message) -> None:
        """A sender has renamed it into place."""
        self.messages[message.name] = message

    # -- after each call ---------------------------------------------------------------------

    def after(self, process: Process, what: str, opened: object) -> None:
        """Something was written, synced, renamed or removed."""
        if not isinstance(opened, OpenFile):
            return
        if self._alarms_before is not None:
            if process.host is self._high and what == "sync" and b"/ledger" in opened.path:
                for entry in self.high_ledger.news():
                    self._take_alarm("high", entry)
            return
        path = opened.path
        if what == "sync" and b"/ledger" in path:
            self._ledger_synced(process.host)
        elif what == "sync" and path.startswith(b"/high/landed"):
            self._landed_synced()
        elif what == "rename" and path.startswith(b"/high/queue/"):
            self._queued(path, opened.inode)
        elif what == "unlink" and path.startswith(b"/low/spool/claimed/"):
            self._removed(path, opened.inode)
        if self._kernel.steps - self._looked_steps > _MEMORY_LOOK_STEPS:
            self._look_at_memory()

    def _ledger_synced(self, host: Host) -> None:
        if host is self._low:
            for entry in self.low_ledger.news():
                self._low_entry(entry)
        else:
            for entry in self.high_ledger.news():
                self._high_entry(entry)

    def _low_entry(self, entry: Entry) -> None:
        kind = entry["kind"]
        self._take_alarm("low", entry)
        if kind == Kind.SPOOL_REFUSED:
            self.spool_refused[str(entry["name"])] = entry
        if kind == Kind.SESSION:
            number = int(entry["session"])
            if number in self._sessions:
                raise Breach("sessions", f"session {number} begins for the second time")
            self._sessions.add(number)
        if kind not in _FATES:
            return
        guard_id, name = str(entry["id"]), str(entry["name"])
        if guard_id in self.fates:
            self._check_reviewed(entry, self.fates[guard_id])
        if self._numbers.setdefault(name, guard_id) != guard_id:
            raise Breach("once", f"{name} was accepted twice")
        self.fates[guard_id] = entry
        if kind == Kind.COMMITTED:
            self._committed(entry, name)
        elif kind == Kind.HELD and self.on_hold is not None:
            self.on_hold(entry)

    def _check_reviewed(self, entry: Entry, before: Entry) -> None:
        """A second fate is one of a hold that two decided, and no other than they decided."""
        name, hold = str(entry["name"]), entry.get("hold")
        if before["kind"] != Kind.HELD or hold != before["number"]:
            raise Breach("once", f"{name} has a second fate: {entry['kind']}")
        outcome = self._decided(entry)
        if not outcome or (entry["kind"] == Kind.COMMITTED and outcome != "release"):
            raise Breach("approved", f"{name} went on, and reviewers said {outcome or 'nothing'}")

    def _decided(self, entry: Entry) -> str:
        """What two decided of the hold that this entry is the end of; "": nothing."""
        return self.reviewed.get((str(entry["id"]), int(entry.get("hold", -1))), "")

    def _committed(self, entry: Entry, name: str) -> None:
        sequence = int(entry["sequence"])
        if sequence != len(self.committed) + 1:
            raise Breach("once", f"sequence {sequence} is given after {len(self.committed)} were")
        message = self.messages.get(name)
        released = self._decided(entry) == "release"
        may_cross = message is not None and (message.may_cross or released)
        if message is None or (self.low_is_trusted and not may_cross):
            kind = message.kind if message is not None else "unknown"
            raise Breach("approved", f"{name} was committed, and it is {kind}")
        self.committed[sequence] = entry

    def _high_entry(self, entry: Entry) -> None:
        kind = entry["kind"]
        self._take_alarm("high", entry)
        if kind == Kind.WITNESS:
            self.witnessed = int(str(entry["checkpoint"]).split("\n")[1])
        elif kind == Kind.DELIVERING:
            self._delivering(entry)
        elif kind == Kind.HELD and int(entry["sequence"]):
            self.held_high.add(int(entry["sequence"]))
        elif kind == Kind.GAP:
            self.gaps |= set(range(int(entry["first"]), int(entry["last"]) + 1))

    def _take_alarm(self, side: str, entry: Entry) -> None:
        if entry["kind"] == Kind.ALARM:
            self.alarms.append((side, str(entry["reason"]), str(entry["sentence"])))

    def _delivering(self, entry: Entry) -> None:
        guard_id, sequence = str(entry["id"]), int(entry["sequence"])
        sealed = self.committed.get(sequence)
        if guard_id in self.delivering:
            raise Breach("once", f"sequence {sequence} is delivered a second time")
        if sealed is None or not _names(sealed, guard_id):
            raise Breach("approved", f"sequence {sequence} is delivered and was not committed")
        if sealed["payload"] != entry["sealed_payload"]:
            raise Breach("identical", f"sequence {sequence} is not what was sealed")
        self.delivering[guard_id] = entry

    def _landed_synced(self) -> None:
        for record in self._landed.news():
            kind, sequence, content = read_landed(record)
            if kind is not Landed.ENVELOPE:
                continue
            if sequence in self._landed_sequences:
                raise Breach("once", f"sequence {sequence} has landed a second time")
            self._landed_sequences.add(sequence)
            sealed = self.committed.get(sequence)
            if sealed is None:
                raise Breach(
                    "ledger-first",
                    f"sequence {sequence} has landed and the low side's ledger has it not",
                )
            if sealed["envelope"] != sha256(content).hexdigest():
                raise Breach("identical", f"sequence {sequence} landed with other bytes")

    def _queued(self, path: bytes, inode: Inode) -> None:
        folder, _, name = path.rpartition(b"/")
        if not folder.endswith(b"/new") or name.endswith(b".meta.json"):
            return
        guard_id = name.partition(b".")[0].decode()
        entry = self.delivering.get(guard_id)
        if entry is None:
            raise Breach("ledger-first", f"{guard_id} is in a queue and the ledger has it not")
        if inode.unsynced or inode.stable != inode.content:
            raise Breach("durable", f"{guard_id} has its name before its bytes are on disk")
        content = bytes(inode.content)
        if sha256(content).hexdigest() != entry["payload"]:
            raise Breach("identical", f"{guard_id} is not what the ledger says of it")
        if self.delivered.setdefault(guard_id, content) != content:
            raise Breach("identical", f"{guard_id} was delivered twice with two contents")
        self._delivered_sequences.add(int(entry["sequence"]))
        self._event_delivered(guard_id, content)

    def _event_delivered(self, guard_id: str, content: bytes) -> None:
        event = json.loads(content)
        number = int(event["data"]["n"])
        message = self.messages.get(f"event-{number:05d}.json")
        if message is None or not message.may_cross or event["id"] != ident(number):
            raise Breach("approved", f"event {event['id']} was delivered and may not be")
        if json.loads(message.payload)["data"] != event["data"]:
            raise Breach("identical", f"event {event['id']} has other data than was dropped")
        if self._event_files.setdefault(event["id"], guard_id) != guard_id:
            raise Breach("once", f"event {event['id']} was delivered as two files")

    def _removed(self, path: bytes, inode: Inode) -> None:
        name = path.rpartition(b"/")[2].decode()
        message = self.messages.get(name)
        if message is None:
            return
        folder = self._low.disk.find(b"/low/accepted")
        for journal in folder.stable_entries.values():
            if message.payload in journal.stable:
                return
        if name in self._numbers:
            return  # its segment was dropped when all in it was settled
        raise Breach("accepted-first", f"{name} is removed and not durably accepted")

    def _look_at_memory(self) -> None:
        self._looked_steps = self._kernel.steps
        ends = {
            id(opened): opened
            for process in self._kernel.processes
            for opened in process.descriptors.values()
            if isinstance(opened, End)
        }
        queued = sum(e.incoming.filled_bytes for e in ends.values())
        if queued > QUEUED_BYTES_MAX:
            raise Breach("memory", f"{queued} bytes wait in sockets")

    # -- at the end --------------------------------------------------------------------------

    def unsettled(self) -> list[str]:
        """What has no fate yet, in words; empty when every message has exactly one."""
        found = []
        for name in self.messages:
            if name not in self._numbers and name not in self.spool_refused:
                found.append(f"{name} is neither committed, refused nor held")
        for entry in self.fates.values() if self.on_hold is not None else ():
            if entry["kind"] == Kind.HELD:
                found.append(f"{entry['name']} is held, and what reviewers decided is not done")
        for sequence in self.committed:
            delivered = sequence in self._delivered_sequences
            held, gap = sequence in self.held_high, sequence in self.gaps
            if not (delivered or held or gap):
                found.append(f"sequence {sequence} is neither delivered, held nor reported lost")
        return found

    def check_end(self, verify: Callable[[str], list[str]], *, may_hold: bool) -> None:
        """After the last message has its fate and both sides have stopped."""
        missing = self.unsettled()
        if missing:
            raise Breach("exact", "; ".join(missing[:3]))
        for guard_id, entry in self.fates.items():
            self._check_fate(entry, may_hold=may_hold)
            if entry["kind"] == Kind.HELD:
                self._check_kept(guard_id, entry)
        for side in ("low", "high"):
            findings = verify(side)
            if findings:
                raise Breach("verified", f"{side} ledger: {findings[0]}")

    def _check_kept(self, guard_id: str, entry: Entry) -> None:
        kept = self._low.disk.root
        for name in (b"low", b"held", guard_id.encode(), b"input"):
            if name not in kept.stable_entries:
                raise Breach("kept", f"{entry['name']} is held and its bytes are not on disk")
            kept = kept.stable_entries[name]
        if bytes(kept.stable) != self.messages[str(entry["name"])].payload:
            raise Breach("kept", f"{entry['name']} is held with other bytes")

    def _check_fate(self, entry: Entry, *, may_hold: bool) -> None:
        message = self.messages[str(entry["name"])]
        if not self.low_is_trusted or "hold" in entry:
            return
        wanted = Kind.COMMITTED if message.may_cross else Kind.REFUSED
        if message.kind == "poison":
            wanted = Kind.HELD
        if entry["kind"] != wanted and not (may_hold and entry["kind"] == Kind.HELD):
            raise Breach(
                "exact",
                f"{message.name} ({message.kind}) became {entry['kind']}, not {wanted}:"
                f" {entry['sentence']}",
            )


def _names(sealed: Entry, guard_id: str) -> bool:
    """Whether this is its id over there: under a compact manifest the envelope's digest."""
    return sealed["id"] == guard_id or str(sealed["envelope"]).startswith(guard_id)
