"""A release at work on real files and sockets, with a chain of one stage played by the test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

from filters.catalog import entry as catalog_entry
from guard.core.chain import Place, Receipts, first_frame
from guard.core.durable_words import DURABLE
from guard.core.frame import Frame
from guard.core.notice import Notice, What
from guard.core.notice import Place as Where
from guard.core.review import Decision, Review, SignedReview, joined, write_origin
from guard.core.signed_note import PersonKey
from guard.edge.held import read_record, review_of
from guard.edge.journal import JournalReader, JournalWriter, Position
from guard.edge.keys import public_of
from guard.edge.posture_files import write_orders
from guard.edge.sockets import Ear, Mouth, Outlet, feed_pair, one_way_pair
from guard.edge.spec import Spec, Value
from guard.roles.release import Release
from schemas.accepted import write_accepted
from schemas.entry import Entry
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.receipt import message_digest
from schemas.stage import Kind
from schemas.verdict import Hold, Refuse
from tests.guard.core.lane import HEAD_KEY, SCOPE

SEEDS = {name: name.encode().ljust(32, b"-") for name in ("anna", "bert", "cleo", "dirk", "alpha")}
PERSONS = {name: PersonKey(name, public_of(seed)) for name, seed in SEEDS.items()}
STAGE_KEY = b"w" * 32
POLICY = (3, "ab" * 32)
META = Meta("0123456789abcdef" * 2, "c2", "alpha", "a.cot", 1_700_000_000)
MESSAGE = Message.make(META, b"<event/>")
HOLD = Hold(Reason.DIRTY_WORD, "entry 1 of words.txt was found")
STATE: dict[str, int | str] = {
    "settled": 0, "sequence": 0, "sealed": 0, "envelope": "", "reviewed": "", "closing": "",
    "sent": 0,
}  # fmt: skip
_WORDS = Place("words", catalog_entry("words").version, Kind.FILTER, 1, 10_000)
_RECEIPTS = Receipts(_WORDS, SCOPE, STAGE_KEY)


def make_side(folder: Path) -> None:
    """What release and ingest need of a low side's folder."""
    for name in ("accepted", "sealed", "held", "decisions"):
        (folder / name).mkdir()
    write_orders(folder, None)


def values(folder: Path, **more: Value) -> dict[str, Value]:
    """What a role is told; the reviewers' quorum is two of four, dirk signed the policy."""
    reviewers: dict[str, Any] = {
        "keys": {name: person.public.hex() for name, person in PERSONS.items()},
        "quorum": 2, "authors": ["dirk", "emma"],
        "senders": ["alpha"], "persons": {"alpha": ["cleo"]},
    }  # fmt: skip
    found: dict[str, Value] = {
        "folder": str(folder), "flow": "c2", "source_domain": "LOW", "destination_domain": "HIGH",
        "policy_version": POLICY[0], "policy_digest": POLICY[1], "payload_bytes_max": 1000,
        "keep_days": 0, "resend_days": 0, "resend_mb": 0,
        "scope": SCOPE.hex(), "senders": ["alpha"], "stages": [["words", "words", None]],
        "manifest": "full", "name_crosses": 0, "keep_refused": 0, "replies": 1, "demo": 0,
        "reviewers": reviewers,
    }  # fmt: skip
    return found | more


def decision(review: Review, *names: str, seed_of: str = "") -> list[SignedReview]:
    """The decisions of these, each in a file of its own; seed_of: signed with another's key."""
    return [SignedReview.made(review, PERSONS[name], SEEDS[seed_of or name]) for name in names]


@dataclass
class Releasing:
    """One release, what it hears and what it told."""

    folder: Path
    release: Release
    thread: Thread
    ends: Mapping[str, Any]
    journal: JournalWriter
    packets: int = 0

    @classmethod
    def start(cls, folder: Path, state: dict[str, int | str] = STATE, **more: Value) -> "Releasing":
        hears = {name: one_way_pair() for name in ("accepted", "cleared", "durable")}
        tells = {name: one_way_pair() for name in ("release-entries", "settled", "replies")}
        tells["feed"] = feed_pair()
        descriptors = {name: pair[0].detach() for name, pair in hears.items()}
        descriptors |= {name: pair[1].detach() for name, pair in tells.items()}
        keys = {"head": HEAD_KEY, "stage:words": STAGE_KEY, "seal": b"s" * 32}
        spec = Spec("release", "x:y", "low", descriptors, values(folder, **more), keys)
        release = Release(spec)
        journal = JournalWriter.open(folder / "accepted")
        ends: dict[str, Any] = {name: Ear(pair[0].detach()) for name, pair in tells.items()}
        durable = Mouth(hears["durable"][1].detach())
        durable.tell(json.dumps(state).encode())
        accepted, cleared = (hears[name][1].detach() for name in ("accepted", "cleared"))
        ends |= {"durable": durable, "accepted": Mouth(accepted), "cleared": Outlet(cleared)}
        thread = Thread(target=release.work, daemon=True)
        thread.start()
        return cls(folder, release, thread, ends, journal)

    def accept(self, message: Message, origin: str, what: What = What.FED, **about: str) -> Notice:
        """Into the journal, and the head's word of it."""
        record = write_accepted(message.meta_bytes, origin.encode(), message.payload)
        position = self.journal.append(record)
        self.journal.sync()
        self.journal.mark(self.journal.next_number)
        return self._notice(position, message, origin, what, about)

    def again(self, number: int, message: Message, origin: str) -> Notice:
        """The head's word of a record that is in the journal."""
        reader = JournalReader(self.folder / "accepted", number)
        ((found, _),) = reader.take(1)
        position = reader.position(found)
        reader.close()
        return self._notice(position, message, origin, What.FED, {})

    def _notice(self, position: Position, message: Message, origin: str, what: What,
                about: dict[str, str]) -> Notice:  # fmt: skip
        meta, fed = message.meta, what is What.FED
        digest = message_digest(message.meta_bytes, message.payload) if fed else bytes(32)
        told: dict[str, int | str] = {
            "sender": meta.sender,
            "name": meta.name,
            "accepted_s": 5,
            "origin": origin,
        }
        notice = Notice(
            what, position.number, bytes.fromhex(meta.id), digest, meta.kept_digest(),
            Where(position.segment, position.offset, position.length), 1, {**told, **about},
        )  # fmt: skip
        self.ends["accepted"].tell(notice.write())
        return notice

    def feed(self, notice: Notice, message: Message, answer: Hold | Refuse | None,
             output: Message | None = None) -> list[Entry]:  # fmt: skip
        """The message through the stage; what the ledger hears of it."""
        first = first_frame(notice.number, message, SCOPE, HEAD_KEY)
        got = message_digest(message.meta_bytes, message.payload)
        if answer is None:
            frame = _RECEIPTS.passed(first, got, "")
        else:
            frame = _RECEIPTS.stopped(first, got, answer, failed=False)
        if output is not None:
            frame = Frame(frame.id, frame.number, frame.legs, output, frame.stopped)
        self.ends["cleared"].give(frame)
        return self.told()

    def told(self) -> list[Entry]:
        packet = self.ends["release-entries"].hear()
        assert packet
        self.packets += 1
        self.ends["durable"].tell(DURABLE.pack(self.packets, self.packets, bytes(32), 0))
        entries: list[Entry] = json.loads(packet)
        return entries

    def held(self, decision: Decision = Decision.RELEASE, posture: int = 0,
             ident: str = META.id) -> Review:  # fmt: skip
        """What a reviewer would sign of what is held now."""
        record = read_record(self.folder / "held" / ident)
        return review_of(record, "c2", POLICY, posture, decision)

    def hold(self, message: Message = MESSAGE) -> Review:
        """A drop that the stage holds."""
        (entry,) = self.feed(self.accept(message, "fd00.1.2.3.61"), message, HOLD)
        assert (entry["kind"], entry["stage"]) == ("held", "words")
        return self.held()

    def reviewed(self, decisions: list[SignedReview], message: Message = MESSAGE,
                 answer: Hold | Refuse | None = HOLD) -> list[Entry]:  # fmt: skip
        """The message comes again, with these decisions."""
        notice = self.accept(message, self.origin(decisions))
        return self.feed(notice, message, answer)

    @staticmethod
    def origin(decisions: list[SignedReview]) -> str:
        """Of the record that goes on by them."""
        return write_origin(joined(decisions)).decode()

    def without_chain(self, decisions: list[SignedReview], **about: str) -> list[Entry]:
        """The same past the chain."""
        self.accept(MESSAGE, self.origin(decisions), What.STOPPED, **about)
        return self.told()

    def stop_and_find_nothing_held(self) -> None:
        """What is let go is let go when the ledger has it."""
        self.stop()
        assert list((self.folder / "held").iterdir()) == []

    def stop(self) -> None:
        if not self.thread.is_alive():
            return
        for name in ("accepted", "cleared"):
            self.ends[name]._socket.close()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.journal.close()
        self.release._sealed.close()
        lane, scribe, release = self.release._lane, self.release._scribe, self.release
        ours = [lane._cleared, lane._accepted, scribe._entries, scribe._durable]
        ours += [release._settled, release._replies, release._feed._mouth]
        for end in (*ours, *self.ends.values()):
            end._socket.close()


OTHER = Message.make(replace(META, id="f" * 32), b"<other/>")
