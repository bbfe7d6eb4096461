"""Letting a ledger's oldest entries go, once a checkpoint from elsewhere covers them.

Takes the folder of a side that is stopped and checkpoints that were kept elsewhere; raises `Broken`
or `Malformed` with a sentence for people. Writes an entry with what must still be known, then the
anchor, then removes whole segments: a power cut between any two of these leaves a ledger that
opens. Follows docs/spec/ledger.md §9.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from guard.core.facts import DestinationFacts, SourceFacts
from guard.core.ledger import Ledger, read_entry, split_batch
from guard.core.ledger_anchor import restore, write_anchor
from guard.edge import durable
from guard.edge.clock import now_ms
from guard.edge.ledger_files import ANCHOR_NAME, LedgerWriter, read_anchor
from guard.edge.policy_memory import whole_memory
from guard.edge.sealing_keys import SealingKeys
from guard.edge.segments import first_numbers, walk
from guard.edge.site import Site, load_site
from schemas.errors import Broken
from schemas.reasons import Reason

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was let go: entries below this one, in so many segments. 0, 0: there was nothing."""

    entries: int
    segments: int


def prune_ledger(folder: Path, anchored: int, older_than_days: int) -> Pruned:
    """Let go whole segments whose entries are all below `anchored` and older.

    anchored: entries that a checkpoint from elsewhere covers, as the verifier found.
    """
    site = load_site(folder)
    try:
        held = durable.hold_alone(folder / "run")
    except BlockingIOError as error:
        raise Broken(Reason.SITE_MALFORMED, f"{folder} is running: stop it first") from error
    try:
        return _prune(site, anchored, now_ms() - older_than_days * DAY_MS)
    finally:
        os.close(held)


def _prune(site: Site, anchored: int, until_ms: int) -> Pruned:
    origin = f"checkvalve/{site.policy.flow}/{site.file.side}"
    directory = site.folder / "ledger"
    batch, size = _boundary(directory, anchored, until_ms)
    if batch == 0:
        return Pruned(0, 0)
    facts = SourceFacts() if site.file.side == "low" else DestinationFacts()
    keys = SealingKeys(site.folder / "sealing")
    memory = whole_memory(site.folder)
    writer = LedgerWriter.open(directory, keys, site.ledger_public, origin, facts.see)
    writer.append([facts.entry(now_ms()) | memory.fields()])
    writer.close()
    durable.replace(directory / ANCHOR_NAME, _anchor(directory, site.ledger_public, origin, batch))
    before = len(first_numbers(directory))
    LedgerWriter.open(directory, keys, site.ledger_public, origin).close()  # it lets them go
    return Pruned(size, before - len(first_numbers(directory)))


def _boundary(directory: Path, anchored: int, until_ms: int) -> tuple[int, int]:
    """(first batch that stays, entries before it); (0, 0) if all stay."""
    firsts = set(first_numbers(directory)[1:])
    found, size, newest_ms = (0, 0), 0, 0
    for each in walk(directory):
        number = each.position.number
        if size > anchored or newest_ms >= until_ms:
            break
        if number in firsts:
            found = number, size
        lines, note = split_batch(each.payload)
        size = int(note.split(b"\n", 2)[1])
        newest_ms = max(newest_ms, int(read_entry(lines[-1]).get("time_ms", 0)))
    return found


def _anchor(directory: Path, public: bytes, origin: str, batch: int) -> bytes:
    ledger, checkpoint, first = Ledger(origin, public), None, 0
    old = read_anchor(directory)
    if old:
        first, checkpoint = restore(ledger, origin, old)
    for each in walk(directory):
        if each.position.number >= batch:
            break
        if each.position.number >= first:
            _, checkpoint = ledger.replay(each.payload)
    if checkpoint is None:
        raise Broken(Reason.RECORD_MALFORMED, f"{directory} has no batch before {batch}")
    return write_anchor(ledger, batch, checkpoint)
