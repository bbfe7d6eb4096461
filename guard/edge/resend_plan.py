"""Which of the numbers that are asked for may be sent again, from a low side's own disk.

Takes a verified site and ranges; gives a request for the supervisor, and what is refused and why.
Reads the whole ledger and the segments of the sealed journal that hold the numbers; `send` judges
each message again when it sends it. Follows docs/spec/resend.md §2.
"""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from guard.core.facts import SourceFacts
from guard.core.gap_notice import as_much_as_fits
from guard.core.ledger import read_entry, split_batch
from guard.edge.dropping import DropDirectory
from guard.edge.orders import OrdersFile
from guard.edge.resend_order import read_order
from guard.edge.sealed_archive import FIRST_SEQUENCE, kept_records
from guard.edge.segments import first_numbers, walk
from guard.edge.site import Site
from schemas.accepted import read_accepted
from schemas.entry import Entry
from schemas.errors import Forged, Malformed
from schemas.message import Message, Precedence
from schemas.orders import Orders
from schemas.reasons import Reason
from schemas.resend import ResendRequest
from schemas.sealed import read_sealed
from schemas.sequences import Range, RangeSet

# In a canonical entry (ledger §2) no text can hold these bytes: its quotation marks are escaped.
_TELLING = re.compile(rb'"kind":"(?:facts|sent|resend|resent|session)"')
_COMMITTED = b'"kind":"committed"'
_SCATTERED = "what may go is in too many parts for one order: ask for these once more, after this"
_DROP_AGAIN = "have its sender drop it again"
_SEQUENCE = re.compile(rb'"sequence":([0-9]+)')


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why numbers are not sent again; reason: a code of `schemas.reasons`."""

    first: int
    last: int
    reason: Reason
    sentence: str


class Known(NamedTuple):
    """What the ledger has of a message that was sealed; number: of the accepted record."""

    number: int
    sender: str
    label: str
    type: str
    payload_bytes: int
    policy_digest: str
    envelope: bytes


@dataclass(slots=True)
class Memory:
    """What the ledger has: of the flow, and of the messages that are asked for."""

    facts: SourceFacts = field(default_factory=SourceFacts)
    messages: dict[int, Known] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """`request` is empty of parts when nothing may be sent again; messages: the
    ledger's entries; notice_s: the time of the newest gap notice that was taken."""

    request: ResendRequest
    refusals: tuple[Refusal, ...]
    messages: dict[int, Known]
    notice_s: int


def memory_of(site: Site, wanted: RangeSet) -> Memory:
    """From the whole ledger, running or not. Raises `Malformed`, `OSError`."""
    memory = Memory()
    for found in walk(site.folder / "ledger"):
        if not _TELLING.search(found.payload) and _COMMITTED not in found.payload:
            continue
        lines, _ = split_batch(found.payload)
        for line in lines:
            if _COMMITTED in line:
                told = _SEQUENCE.search(line)
                if told is not None and int(told[1]) in wanted:
                    memory.messages[int(told[1])] = _known(read_entry(line))
            elif _TELLING.search(line):
                memory.facts.see(read_entry(line))
    return memory


def _known(entry: Entry) -> Known:
    """The texts are shared: there may be a million of these."""
    sender, label, kind, policy = (
        sys.intern(str(entry[name])) for name in ("sender", "label", "type", "policy_digest")
    )
    digest = bytes.fromhex(str(entry["envelope"]))
    size = int(entry["payload_bytes"])
    return Known(int(entry["number"]), sender, label, kind, size, policy, digest)


def next_number(site: Site, memory: Memory) -> int:
    """Of the next resend. Raises `Forged(RESEND)` while another is under way."""
    facts = memory.facts
    due = facts.resend if facts.resend > facts.resent else facts.resend + 1
    order = read_order(site.folder)
    if order is not None and order.number == due and not order.refused:
        raise Forged(
            Reason.RESEND,
            f"resend {due} is under way: wait until the ledger has `resent` of it"
            " (it goes on when the side runs and its posture does not stop the flow)",
        )
    return due


def plan(site: Site, ranges: Iterable[Range], note: str = "") -> Plan:
    """note: the signed gap notice, or nothing. Raises `Malformed`, `Forged`, `OSError`."""
    wanted = RangeSet(ranges)
    memory = memory_of(site, wanted)
    orders = OrdersFile(site.folder).now()
    number = next_number(site, memory)
    refusals = _Refusals()
    parts: dict[str, RangeSet] = {}
    sent = memory.facts.sent
    never = f"it was never sent: the last that was is {sent}"
    above = wanted.above(sent)
    for sequence, record in kept_records(site.folder / "sealed", wanted.ranges()):
        entry = memory.messages.get(sequence)
        if entry is None:
            gone = "its entry was let go with the ledger's oldest (guard audit prune)"
            refusals.add(sequence, sequence, Reason.RESEND, gone)
            continue
        try:
            _check(site, orders, sequence, entry, record)
        except (Malformed, Forged) as error:
            refusals.add(sequence, sequence, error.reason, error.sentence)
            continue
        parts.setdefault(entry.sender, RangeSet()).add(sequence)
    for first, last in above:
        refusals.add(first, last, Reason.RESEND, never)
    _keep_what_fits(parts, refusals)
    told = tuple((sender, found.text()) for sender, found in sorted(parts.items()) if found)
    return Plan(
        ResendRequest(number, told, note), refusals.all(), memory.messages, memory.facts.notice_s
    )


def _keep_what_fits(parts: dict[str, RangeSet], refusals: "_Refusals") -> None:
    """What passes of a range may be many ranges: the lowest go, in the bounds of one order."""
    passing = RangeSet(sorted(each for its in parts.values() for each in its.ranges()))
    fitting = RangeSet(as_much_as_fits(passing.ranges()))
    for first, last in passing.above(fitting.last or 0):
        refusals.add(first, last, Reason.RESEND, _SCATTERED)
    for its in parts.values():
        its.above(fitting.last or 0)


def _check(site: Site, orders: Orders, sequence: int, entry: Known, record: bytes | None) -> None:
    """Raises `Malformed` or `Forged` with the reason why it may not go again."""
    running, its = site.policy_digest.hex(), entry.policy_digest
    if its != running:
        raise Forged(
            Reason.MANIFEST_POLICY,
            f"it was sealed under the policy {its[:16]}, and {running[:16]} is running: a number"
            f" that was given stays with its bytes. {_of_accepted(site, entry)}",
        )
    if record is None:
        raise Malformed(
            Reason.RESEND,
            "it is no longer kept in sealed/ (site.toml: resend_days, resend_mb)."
            f" {_of_accepted(site, entry)}",
        )
    found, precedence, _, envelope = read_sealed(record)
    if (found, hashlib.sha256(envelope).digest()) != (sequence, entry.envelope):
        raise Forged(Reason.RECORD_MALFORMED, "what is kept is not what the ledger has of it")
    why = orders.holds(entry.sender, entry.label, entry.type, precedence, entry.payload_bytes)
    if why:
        raise Forged(Reason.POSTURE, f"posture: {why}")


def _of_accepted(site: Site, entry: Known) -> str:
    firsts = first_numbers(site.folder / "accepted")
    if not firsts or entry.number < firsts[0]:
        return f"Its accepted bytes are no longer kept: {_DROP_AGAIN}"
    return "Its accepted bytes are still kept: --rerun drops them once more, as a new message"


def _accepted(site: Site, number: int) -> bytes | None:
    """The record of an accepted message, if its journal still has it."""
    place = number + FIRST_SEQUENCE
    try:
        return next(kept_records(site.folder / "accepted", [(place, place)]))[1]
    except Malformed:
        return None


def rerun(site: Site, entry: Known) -> str:
    """Drop the accepted bytes of a message once more, as its sender's: it becomes a new message
    with a new number, and passes all that is running now. Gives the name of the drop.

    Raises `Malformed` when they are no longer kept, or the sender is none any more.
    """
    record = _accepted(site, entry.number)
    if record is None:
        raise Malformed(Reason.RESEND, f"its accepted bytes are no longer kept: {_DROP_AGAIN}")
    meta_bytes, _, payload = read_accepted(record)
    meta = Message(meta_bytes, payload).meta
    claim = {"label": meta.label, "type": meta.type, "destination": meta.destination}
    claim = {name: value for name, value in claim.items() if value}
    claim["precedence"] = Precedence(meta.precedence).name
    directory = DropDirectory(site.folder, meta.sender)
    with _as_owner(site.folder / "spool" / "drop" / meta.sender):
        return directory.drop(meta.name, payload, claim).name


@contextlib.contextmanager
def _as_owner(directory: Path) -> Iterator[None]:
    """A drop belongs to who owns its directory, else it is not the sender's (spool §2)."""
    owner = os.stat(directory)
    before = os.geteuid(), os.getegid()
    if before[0] != 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


class _Refusals:
    """Joins what is refused for the same reason."""

    def __init__(self) -> None:
        self._found: list[Refusal] = []

    def add(self, first: int, last: int, reason: Reason, sentence: str) -> None:
        before = self._found[-1] if self._found else None
        told = (before.last + 1, before.reason, before.sentence) if before else None
        if before is not None and told == (first, reason, sentence):
            first = self._found.pop().first
        self._found.append(Refusal(first, last, reason, sentence))

    def all(self) -> tuple[Refusal, ...]:
        return tuple(self._found)
