"""Ingest, the head of the source side: from a dropped file to an accepted message in the chain.

Takes files from `spool/drop/SENDER/`, copies their bytes into the `accepted` journal, makes a
batch durable, removes the drops, and feeds the chain. What is no message (a link, a device, a name
that is no name) is moved to `spool/refused/` and reported. Nothing here looks inside a file. Held
messages on which reviewers have decided (`guard.roles.reviews`) come in again the same way.

After a start it first feeds again, one at a time, what the lane had and the ledger has not. What
the lane had not waits in the journal (`guard.roles.delayed`): for its time where the policy has
messages wait (`delay_s`), and while the flow is stopped.
"""

import json
import os
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

from guard.core.durable_words import HEARD
from guard.core.notice import Place
from guard.core.review import reviewed, takes_chain
from guard.core.sender_limits import Limiter
from guard.edge.clock import monotonic_ns, now_ms, now_s
from guard.edge.durable import make_directory
from guard.edge.durable_number import DurableNumber
from guard.edge.journal import JournalReader, JournalWriter, Position
from guard.edge.keys import new_id
from guard.edge.limits_file import keep, take_up
from guard.edge.orders import OrdersFile
from guard.edge.segments import first_numbers
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from guard.edge.spool import Refused, Spool, Taken
from guard.edge.spool_arrivals import Candidate
from guard.edge.sweeping import Sweeper, removed
from guard.edge.waiting import wait_readable
from guard.roles.delayed import Delayed
from guard.roles.feed import Feed
from guard.roles.head import Fed, Feeder
from guard.roles.reviews import ReviewDesk
from schemas.accepted import read_accepted, write_accepted
from schemas.entry import Entry, Kind
from schemas.errors import Broken, Malformed
from schemas.message import Message, Meta
from schemas.policy import SenderLimits
from schemas.reasons import Reason

SENDER_SIGNATURE = "sender_signature"
"""The stage that reads a sender's signature: where no chain has it, none is carried."""
BATCH_MAX = 64
BATCH_BYTES_MAX = 4 * 1024 * 1024
_CLEAR_EVERY = 4096  # messages that a start may have to look through for drops that came back
_IDLE_MS = 200


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels; the files are opened inside the sandbox."""
    return Ingest(spec).work


class Ingest:
    """The drop directories and the `accepted` journal."""

    def __init__(self, spec: Spec) -> None:
        folder = Path(spec.text("folder"))
        senders = spec.values["senders"]
        if not isinstance(senders, list):
            raise TypeError("senders is no list")
        self._flow = spec.text("flow")
        self._signed = any(use == SENDER_SIGNATURE for _, use, *_ in _stages(spec))
        self._senders = [str(sender) for sender in senders]
        self._bytes_max = spec.number("payload_bytes_max")
        self._spool_folder = folder / "spool"
        self._journal_folder = folder / "accepted"
        self._feeder = Feeder(spec, self._journal_folder)
        self._orders = OrdersFile(folder)
        self._reviews = ReviewDesk(spec, folder)
        self._entries = Mouth(spec.descriptors["ingest-entries"])
        self._durable = Ear(spec.descriptors["ingest-durable"])
        self._told = 0
        days, now_ns = spec.number("keep_days"), monotonic_ns()
        refused = self._spool_folder / "refused"
        self._sweepers = [Sweeper(refused / name, days, now_ns) for name in self._senders]
        self._limiter = Limiter(_limits(spec))
        self._counted = 0
        self._delay_s = spec.number("delay_s")
        self._delayed: Delayed | None = None
        self._feed = Feed(spec)
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Feed what is left over, then take what is dropped until asked to stop."""
        self._spool = Spool(self._spool_folder, self._senders, self._bytes_max)
        make_directory(self._journal_folder)
        self._clear = DurableNumber(self._journal_folder / "clear")
        self._journal = JournalWriter.open(self._journal_folder, known=self._cleared)
        self._journal.mark(self._journal.next_number)
        self._feeder.first_settled()
        self._counted = take_up(self._spool_folder, self._limiter) if self._limiter else 0
        known = self._known()
        self._delayed = self._refeed()
        waiting: list[Candidate] = []
        while not self._stopping:
            self._take_decisions(known)
            waiting += self._spool.candidates()
            stopped, waiting = self._stopped(waiting)
            batch, waiting = self._take(waiting, known)
            idle = not waiting
            waiting += stopped
            if batch:
                self._accept(batch)
            if self._feed_due():
                idle = False
            if not batch and idle:
                wait_readable(self._spool.fileno(), self._feeder.settled_fileno(), wait_ms=_IDLE_MS)
            if not self._feeder.hear_settled():
                return
            if not waiting and self._spool.all_offered:
                self._forget()
            self._let_go_refused()
            self._feed.counters["depth_drop"] = len(waiting)
            self._feed.counters["depth_accepted"] = self._journal.next_number - self._feeder.settled
            self._feed.tell_if_due()

    def _stopped(self, waiting: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """(what the posture leaves in the drop directories, what may be taken)."""
        orders = self._orders.now()
        if not (orders.stop or orders.stop_senders):
            return [], waiting
        stopped = [it for it in waiting if orders.stops(it.sender)]
        return stopped, [it for it in waiting if not orders.stops(it.sender)]

    def _forget(self) -> None:
        """Let go of what is settled; or, where much waits, of what a start would look for."""
        ends = self._journal.segments_below(self._feeder.settled)
        much = self._delay_s and self._journal.next_number - self._cleared >= _CLEAR_EVERY
        if not ends and not much:
            return
        if self._limiter:
            keep(self._spool_folder, self._limiter, self._journal.next_number)
        self._spool.sync()  # no power cut may bring back a drop that nobody knows any more
        if self._delay_s or self._clear.value is not None:  # first: a start reads from it on
            self._clear.set(self._journal.next_number)
        self._journal.drop_below(self._feeder.settled)

    @property
    def _cleared(self) -> int:
        """No drop that was accepted below this number can come back: its removal is on disk."""
        return self._clear.value or 0

    def _known(self) -> set[bytes]:
        """The origins of what was accepted, as far back as a drop may still be there; counts it.

        Nor can a drop come back of which the journal has let go: `clear` may say less.
        """
        known: set[bytes] = set()
        begin = max(self._cleared, first_numbers(self._journal_folder)[0])
        reader = JournalReader(self._journal_folder, begin)
        while records := reader.take(BATCH_MAX):
            for number, record in records:
                meta_bytes, origin, payload = read_accepted(record)
                known.add(origin)
                if number >= self._counted and not reviewed(origin):
                    meta = Message(meta_bytes, payload).meta
                    self._limiter.count(meta.sender, payload, meta.accepted_s)
        reader.close()
        return known

    def _refeed(self) -> Delayed:
        """Feed again what the lane had and is not settled; gives the others, which wait."""
        begin = self._feeder.settled
        end = min(max(begin, self._feeder.newest_fed + 1), self._journal.next_number)
        self._feeder.refeed(self._unsettled(begin, end), lambda: self._stopping)
        return Delayed(self._journal_folder, end, self._delay_s)

    def _unsettled(self, begin: int, end: int) -> Iterator[Fed]:
        reader = JournalReader(self._journal_folder, begin)
        while records := reader.take(BATCH_MAX):
            for number, record in records:
                if number >= end:
                    return
                meta_bytes, origin, payload = read_accepted(record)
                message = Message(meta_bytes, payload)
                yield self._fed(number, message.meta, message, reader.position(number), origin)

    def _feed_due(self) -> bool:
        """Feed what has waited long enough, unless the flow is stopped; whether there was any.

        Where nothing has to wait, what comes after the last that did is fed as it is accepted.
        """
        if self._delayed is None or self._orders.now().stop:
            return False
        fed, end = False, self._journal.next_number
        for each in self._delayed.due(now_s(), end):
            meta = each.message.meta
            self._feeder.feed(self._fed(each.number, meta, each.message, each.place, each.origin))
            fed = True
        if not self._delay_s and self._delayed.is_empty(end):
            self._delayed.close()
            self._delayed = None
        return fed

    def _take_decisions(self, known: set[bytes]) -> None:
        """What reviewers decided goes on: durable first, then the decisions go, then it is fed."""
        ready, voids = self._reviews.due(self._orders.now())
        while voids:
            some, voids = voids[:BATCH_MAX], voids[BATCH_MAX:]
            self._tell([void.entry() for void in some])
            self._reviews.remove(void.name for void in some)
        if not ready:
            return
        accepted = []
        for each in ready:
            if each.origin in known:  # accepted before a crash undid the removal of the decisions
                continue
            record = write_accepted(each.message.meta_bytes, each.origin, each.message.payload)
            accepted.append((self._journal.append(record), each))
        self._journal.sync()
        self._journal.mark(self._journal.next_number)
        self._reviews.remove(name for each in ready for name in each.names)
        if self._delayed is not None:
            return  # it takes its turn behind what waits
        for position, each in accepted:
            meta = each.message.meta
            self._feeder.feed(self._fed(position.number, meta, each.message, position, each.origin))

    def _take(
        self, candidates: list[Candidate], known: set[bytes]
    ) -> tuple[list[Taken], list[Candidate]]:
        """(messages taken, candidates left for the next batch). What is not yet complete is
        forgotten: the spool offers it again."""
        batch: list[Taken] = []
        refused: list[tuple[Candidate, Refused]] = []
        size, at_s = 0, now_s()
        for at, candidate in enumerate(candidates):
            if len(batch) + len(refused) == BATCH_MAX or size >= BATCH_BYTES_MAX:
                self._refuse(refused)
                return batch, candidates[at:]
            found = self._spool.take(candidate)
            if isinstance(found, Refused):
                refused.append((candidate, found))
            elif isinstance(found, Taken):
                if known and was_accepted(found, known):
                    self._spool.discard(found)  # accepted before a crash undid its removal
                    continue
                try:
                    self._limiter.check(candidate.sender, found.payload, at_s)
                except Malformed as error:
                    refused.append((candidate, self._spool.refusal(found, error)))
                    continue
                self._limiter.count(candidate.sender, found.payload, at_s)
                batch.append(found)
                size += len(found.payload)
        self._refuse(refused)
        return batch, []

    def _accept(self, batch: list[Taken]) -> None:
        """Durable first, then the drops go, then the chain has them."""
        accepted = []
        carried = self._signed or self._delay_s > 0  # by then a policy may ask for it
        for taken in batch:
            sidecar = taken.sidecar
            meta = Meta(
                id=new_id().hex(),
                flow=self._flow,
                sender=taken.candidate.sender,
                name=taken.escaped_name,
                accepted_s=now_s(),
                type=sidecar.type,
                label=sidecar.label,
                precedence=sidecar.precedence,
                destination=sidecar.destination,
                signature=b64encode(taken.signature).decode() if carried else "",
                binding=sidecar.binding,
            )
            message = Message.make(meta, taken.payload)
            origin = origin_of(taken)
            position = self._journal.append(
                write_accepted(message.meta_bytes, origin, taken.payload)
            )
            accepted.append((position, meta, message, origin))
        self._journal.sync()
        self._journal.mark(self._journal.next_number)
        for taken in batch:
            self._spool.discard(taken)
        self._feed.add("accepted", len(batch))
        if self._delayed is not None:
            return
        for position, meta, message, origin in accepted:
            self._feeder.feed(self._fed(position.number, meta, message, position, origin))

    def _fed(self, number: int, meta: Meta, message: Message, at: Position, origin: bytes) -> Fed:
        place = Place(at.segment, at.offset, at.length)
        told = origin.decode("ascii")
        about: dict[str, int | str] = {
            "sender": meta.sender,
            "name": meta.name,
            "accepted_s": meta.accepted_s,
            "origin": told,
        }
        chain = takes_chain(told)
        if len(message.payload) > self._bytes_max:  # it waited, and the bound is smaller now
            sentence = f"it has more than {self._bytes_max:,} bytes"
            about |= {"verdict": "hold", "reason": Reason.TOO_LARGE.value, "sentence": sentence}
            chain = False
        ident, kept = bytes.fromhex(meta.id), meta.kept_digest()
        return Fed(number, ident, kept, message, place, about, chain)

    def _refuse(self, refused: list[tuple[Candidate, Refused]]) -> None:
        """In the ledger first, then moved away; a crash in between tells it twice, by one id."""
        if not refused:
            return
        entries: list[Entry] = [
            {
                "kind": Kind.SPOOL_REFUSED,
                "time_ms": now_ms(),
                "id": found.id,
                "sender": candidate.sender,
                "name": found.escaped_name,
                "stage": "ingest",
                "reason": found.reason,
                "sentence": found.sentence,
            }
            for candidate, found in refused
        ]
        self._tell(entries)
        for candidate, found in refused:
            self._spool.quarantine(candidate, found.id)
        self._feed.add("spool_refused", len(refused))

    def _tell(self, entries: list[Entry]) -> None:
        """Into the ledger; waits until they are durable."""
        self._entries.tell(json.dumps(entries, separators=(",", ":")).encode())
        self._told += 1
        durable = 0
        while durable < self._told:
            packet = self._durable.hear()
            if packet is None:
                raise Broken(Reason.LEDGER_UNWRITABLE, "the ledger cannot be written")
            (durable,) = HEARD.unpack(packet)

    def _let_go_refused(self) -> None:
        """Drops that were refused, past their time: the ledger hears first. resend §5"""
        for sweeper in self._sweepers:
            names = sweeper.old(now_s()) if sweeper.due(monotonic_ns()) else []
            if names:
                self._tell([removed("refused", names)])
                sweeper.remove(names)


def _stages(spec: Spec) -> list[list[object]]:
    stages = spec.values.get("stages")
    return stages if isinstance(stages, list) else []


def _limits(spec: Spec) -> dict[str, SenderLimits]:
    told = spec.values.get("limits")
    limits = told if isinstance(told, dict) else {}
    return {sender: SenderLimits.model_validate(limit) for sender, limit in limits.items()}


def was_accepted(taken: Taken, known: set[bytes]) -> bool:
    """Whether this drop is in the journal already: asked once of each origin, and only of what was
    there at a scan or was claimed, for what an event brought has been dropped since.
    """
    if taken.candidate.look is None and not taken.candidate.claimed:
        return False
    origin = origin_of(taken)
    found = origin in known
    known.discard(origin)
    return found


def origin_of(taken: Taken) -> bytes:
    """What tells one drop from another, as ASCII."""
    device, inode, changed_ns, size, name = taken.identity
    return f"{device:x}.{inode:x}.{changed_ns:x}.{size:x}.{os.fsencode(name).hex()}".encode()
