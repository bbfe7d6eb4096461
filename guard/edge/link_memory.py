"""What a side's disk knows of the link's sessions, and whether its parts agree.

Takes a side's folder, gives numbers; raises `Broken(SESSION_COUNTER)` when something that keeps the
link from using or believing a session twice was lost or put back. Reads only. The ledger has on
either side every session that began: so it tells of a lower counter, or an older landed journal.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from guard.core.epochs import EPOCH_KIND, Certificate, certificate_of, check_certificate
from guard.core.ledger import read_checkpoint, read_entry, split_batch
from guard.core.ledger_anchor import certificates_in
from guard.edge.durable_number import read_number
from guard.edge.ledger_files import read_anchor
from guard.edge.segments import walk
from guard.edge.session_counter import sound_counter
from guard.edge.site import read_public
from schemas.entry import Kind
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason
from schemas.sealed import Landed, read_landed

# In a canonical entry (ledger §2) no text can hold these bytes: its quotation marks are escaped.
_SESSION = re.compile(rb'"kind":"session(?:-reset)?"')
_FACTS = b'"kind":"facts"'
_NUMBER = re.compile(rb'"number":([0-9]+)')
_TRIES = 5


@dataclass(frozen=True, slots=True)
class LedgerMemory:
    """What a side's ledger says of the link.

    newest    the newest session (0: none)
    settled   high side: records of the landed journal that it covers
    note      its last checkpoint, not verified; b"" when it has no entries
    epochs    the certificates of its keys, not verified
    """

    newest: int = 0
    settled: int = 0
    note: bytes = b""
    epochs: tuple[Certificate, ...] = ()

    def head(self, folder: Path, origin: str) -> tuple[int, bytes]:
        """(entries, root) as the ledger's newest key signed them. Raises `Malformed`, `Forged`."""
        if not self.note:
            raise Malformed(
                Reason.SITE_MALFORMED,
                f"{folder / 'ledger'} has no entries: a side that never ran, or that lost all it"
                " had, needs a new site (docs/recovery.md)",
            )
        keys = [read_public(folder / "trust" / "ledger.pub")]
        for certificate in self.epochs:
            keys.append(check_certificate(origin, certificate, keys[-1]).key)
        return read_checkpoint(self.note, origin, keys[-2:])  # the last batch may end an epoch


@dataclass(frozen=True, slots=True)
class LandedMemory:
    """What the receiver will find at its next start: the newest session, and how many records."""

    newest: int = 0
    records: int = 0


def ledger_memory(folder: Path) -> LedgerMemory:
    """From the whole ledger of a side. Raises `Malformed` when it is damaged, `OSError`."""
    newest, settled, note = 0, 0, b""
    anchor = read_anchor(folder / "ledger")
    epochs = certificates_in(anchor) if anchor else []
    for found in walk(folder / "ledger"):
        lines, note = split_batch(found.payload)
        numbers = _NUMBER.findall(found.payload)
        settled = max(settled, *(int(number) + 1 for number in numbers)) if numbers else settled
        if _SESSION.search(found.payload):
            entries = (read_entry(line) for line in lines if _SESSION.search(line))
            newest = max(newest, *(int(entry["session"]) for entry in entries))
        for line in lines if _FACTS in found.payload else ():
            if _FACTS in line:
                facts = read_entry(line)
                newest = max(newest, int(facts["session"]))
                settled = max(settled, int(facts["settled"]))
        if EPOCH_KIND in lines[-1]:
            epochs.append(certificate_of(read_entry(lines[-1])))
    return LedgerMemory(newest, settled, note, tuple(epochs))


def landed_memory(folder: Path) -> LandedMemory:
    """From the whole landed journal, also of a side that runs. Raises `Malformed`, `OSError`."""
    for _ in range(_TRIES):
        try:
            return _landed(folder)
        except FileNotFoundError:
            continue  # an old segment was dropped meanwhile
    return _landed(folder)


def check_source(folder: Path) -> int:
    """The low side's counter, if it may go on from there. Raises `Broken(SESSION_COUNTER)`."""
    return sound_counter(folder / "cursor", _readable_ledger(folder).newest)


def check_destination(folder: Path) -> int:
    """The receiver's newest session, if it has all that this side had landed before.

    Without its landed journal the receiver would open recorded sessions again, and `verify` would
    pass over what lands below the number it had come to. Raises `Broken(SESSION_COUNTER)`.
    """
    ledger = _readable_ledger(folder)
    settled = max(ledger.settled, read_number(folder / "attempt" / "settled") or 0)
    landed = landed_memory(folder)
    if landed.newest < ledger.newest or landed.records < settled:
        raise Broken(
            Reason.SESSION_COUNTER,
            f"{folder / 'landed'} is lost or an old copy: it has {landed.records} records and"
            f" session {landed.newest}, and the ledger {settled} and {ledger.newest}; nothing is"
            " received, for recorded sessions could come again (docs/recovery.md)",
        )
    return landed.newest


def _readable_ledger(folder: Path) -> LedgerMemory:
    """Damage of the ledger is for the audit role to say: without it nothing is released."""
    try:
        return ledger_memory(folder)
    except (Malformed, OSError):
        return LedgerMemory()


def _landed(folder: Path) -> LandedMemory:
    newest, records = 0, 0
    for found in walk(folder / "landed"):
        records = found.position.number + 1
        kind, _, content = read_landed(found.payload)
        if kind is Landed.EVENT:
            newest = max(newest, _session_of(content))
    return LandedMemory(newest, records)


def _session_of(untrusted_event: bytes) -> int:
    """The session that the receiver wrote down here, or 0. It hears the network: not believed."""
    try:
        event = json.loads(untrusted_event)
        told = event["kind"] in (Kind.SESSION, Kind.LINK_STATE)
        return int(event["session"]) if told else 0
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(
            Reason.RECORD_MALFORMED, "a record of the landed journal is no event of a link"
        ) from error
