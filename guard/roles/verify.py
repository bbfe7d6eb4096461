"""Verify, the head of the destination side: from a landed envelope to a message in the chain.

Follows the landed journal, opens each envelope with other code than sealed it
(`guard.core.verification`), and feeds what verifies. What does not is held at once, with its
bytes, and an alarm. What the link reports between envelopes goes to the ledger through the tail;
statements of the source side's ledger are judged here first.
"""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from guard.core.ledger import INTEGER_MAX
from guard.core.notice import ABOUT_BYTES_MAX, About, Place
from guard.core.source_policies import SourcePolicies
from guard.core.verification import Accepts, open_envelope
from guard.edge import durable
from guard.edge.clock import monotonic_ns, now_ms
from guard.edge.durable_number import DurableNumber
from guard.edge.journal import JournalReader
from guard.edge.link_parameters import link_params
from guard.edge.orders import OrdersFile
from guard.edge.seals import seal_verifier
from guard.edge.spec import Spec
from guard.edge.waiting import wait_readable
from guard.roles.feed import Feed
from guard.roles.head import Fed, Feeder
from guard.roles.landing import STATEMENT
from guard.roles.witnessing import Witness
from schemas.entry import Kind, alarm
from schemas.errors import Forged, Malformed
from schemas.manifest import Form, Manifest, Signatures
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.sealed import Landed, read_landed

SOURCE_POLICIES = "source-policies"
_BATCH = 64
_IDLE_MS = 200
_EVENTS: dict[str, dict[str, type]] = {
    Kind.GAP: {"time_ms": int, "reason": str, "first": int, "last": int},
    Kind.SESSION: {"time_ms": int, "session": int},
    Kind.ALARM: {"time_ms": int, "reason": str, "sentence": str},
    Kind.LINK_STATE: {"time_ms": int, "session": int},  # the rest of it may be long, and stays here
}


def prepare(spec: Spec) -> Callable[[], None]:
    """Take the channels and what this side's policy accepts."""
    return Verify(spec).work


class Verify:
    """The landed journal and the signature on each envelope."""

    def __init__(self, spec: Spec) -> None:
        folder = Path(spec.text("folder"))
        self._landed_folder = folder / "landed"
        self._attempt_folder = folder / "attempt"
        accepts = spec.values["accepts"]
        if not isinstance(accepts, dict):
            raise TypeError("accepts is no table")
        self._versions = {bytes.fromhex(digest): int(it) for digest, it in accepts.items()}
        self._accepts = Accepts(
            spec.text("flow"),
            spec.text("source_domain"),
            spec.text("destination_domain"),
            frozenset(self._versions),
            spec.number("payload_bytes_max"),
            Form(spec.text("manifest")),
            spec.number("demo"),
            Signatures(str(spec.values.get("signatures", Signatures.ED25519))),
            bool(spec.number("name_crosses")),
        )
        self._verify = seal_verifier(spec)
        self._feeder = Feeder(spec, self._attempt_folder)
        self._orders = OrdersFile(folder)
        self._params = link_params(spec)
        self._spec = spec
        self._told = -1
        self._feed = Feed(spec)
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def work(self) -> None:
        """Feed what the lane had one at a time, then follow the journal until asked to stop."""
        self._feeder.first_settled()
        self._policies = _read_policies(self._attempt_folder / SOURCE_POLICIES)
        settled = DurableNumber(self._attempt_folder / "settled")
        self._witness = Witness(self._spec, self._attempt_folder, self._params)
        self._told = self._feeder.settled - 1
        # What waited while the flow was stopped was never fed, and waits on.
        end = max(self._feeder.settled, self._feeder.newest_fed + 1)
        fed = JournalReader(self._landed_folder, self._feeder.settled)
        self._feeder.refeed(self._again(fed, end), lambda: self._stopping)
        reader = JournalReader(self._landed_folder, min(end, fed.next_number))
        fed.close()
        while not self._stopping:
            before = reader.next_number
            stopped = self._orders.now().stop  # what lands meanwhile waits in the journal
            for message in () if stopped else self._messages(reader, reader.take(_BATCH)):
                self._feeder.feed(message)
                self._feed.add("verified")
            if reader.next_number == before:
                watched = [self._feeder.settled_fileno()]
                if not stopped:
                    watched.append(reader.fileno())
                wait_readable(*watched, wait_ms=_IDLE_MS)
            if not self._feeder.hear_settled():
                return
            if settled.value != self._feeder.settled:
                settled.set(self._feeder.settled, durable=False)
            self._tell_alarms()
            self._feed.counters["depth_landed"] = reader.next_number - self._feeder.settled
            self._feed.tell_if_due()

    def _again(self, reader: JournalReader, end: int) -> Iterator[Fed]:
        """Messages to feed again, below this number."""
        while reader.next_number < end and (records := reader.take(_BATCH)):
            yield from self._messages(reader, [it for it in records if it[0] < end])

    def _messages(self, reader: JournalReader, records: list[tuple[int, bytes]]) -> Iterator[Fed]:
        """Messages to feed; what is no message has gone to the tail on the way."""
        for number, record in records:
            try:
                kind, sequence, content = read_landed(record)
                event = self._event(number, content) if kind is Landed.EVENT else None
                if sequence > INTEGER_MAX:
                    raise Malformed(Reason.RECORD_MALFORMED, "a sequence is out of bounds")
            except Malformed as error:  # `receive` hears the network: it is not believed
                event = alarm(now_ms(), error.reason, error.sentence)
            if event is not None and event:
                self._feeder.event(number, event)
                self._told = number
            if event is not None:
                continue
            self._told = number
            at = reader.position(number)
            place = Place(at.segment, at.offset, at.length)
            fed = self._open(number, sequence, content, place)
            if fed is not None:
                yield fed

    def _event(self, number: int, untrusted_content: bytes) -> About:
        """What the ledger gets of an event; empty for a statement that adds nothing."""
        statement = statement_in(untrusted_content)
        if statement is None:
            return event_for_the_ledger(untrusted_content)
        return self._witness.hear(number, statement, self._feeder.settled, monotonic_ns()) or {}

    def _tell_alarms(self) -> None:
        """Under the number of what was told before: it settles nothing that is not."""
        self._feed.counters["source_ledger_size"] = max(0, self._witness.size)
        if self._told >= 0:
            for event in self._witness.due(monotonic_ns()):
                self._feeder.event(self._told, event)

    def _open(self, number: int, sequence: int, envelope: bytes, place: Place) -> Fed | None:
        try:
            manifest, payload = open_envelope(envelope, sequence, self._accepts, self._verify)
            newer = self._policies.see(self._versions[manifest.policy_digest], sequence)
        except (Malformed, Forged) as error:
            about: About = {
                "verdict": "hold",
                "reason": error.reason.value,
                "sentence": error.sentence,
                "sequence": sequence,
            }
            self._feeder.stop(number, number.to_bytes(16, "big"), place, about)
            return None
        if newer:  # written down before anything of it goes on
            told = self._policies.text().encode()
            durable.replace(self._attempt_folder / SOURCE_POLICIES, told)
        self._witness.covers(manifest.ledger_size, monotonic_ns())
        meta = meta_of(manifest)
        message = Message.make(meta, payload)
        return Fed(number, manifest.id, meta.kept_digest(), message, place, about_of(manifest))


def statement_in(untrusted_content: bytes) -> str | None:
    """The statement in an event that is one, in base64."""
    try:
        untrusted = json.loads(untrusted_content)
        statement = untrusted["statement"] if untrusted["kind"] == STATEMENT else None
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return statement if isinstance(statement, str) else None


def _read_policies(path: Path) -> SourcePolicies:
    """What was seen before; nothing in a new site. Raises `Malformed`."""
    try:
        return SourcePolicies.read(path.read_text("utf-8"))
    except FileNotFoundError:
        return SourcePolicies()


def event_for_the_ledger(untrusted_content: bytes) -> About:
    """What the ledger gets of an event: the fields of its kind and no others.

    Raises `Malformed` for what `receive` has no right to tell: entries of other roles, for one.
    """
    try:
        untrusted = json.loads(untrusted_content)
        kind = str(untrusted["kind"])
        event: About = {"kind": kind} | {name: untrusted[name] for name in _EVENTS[kind]}
        right = all(type(event[name]) is wanted for name, wanted in _EVENTS[kind].items())
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise _no_event() from error
    numbers = [value for value in event.values() if isinstance(value, int)]
    if not right or not all(0 <= number <= INTEGER_MAX for number in numbers):
        raise _no_event()
    if kind == Kind.GAP and not 1 <= int(event["first"]) <= int(event["last"]):
        raise _no_event()
    if len(json.dumps(event, separators=(",", ":"))) > ABOUT_BYTES_MAX:
        raise _no_event()
    return event


def _no_event() -> Malformed:
    return Malformed(Reason.RECORD_MALFORMED, "the link's receiver told what is no event of a link")


def meta_of(manifest: Manifest) -> Meta:
    """The metadata that the destination side's chain sees."""
    return Meta(
        id=manifest.id.hex(),
        flow=manifest.flow,
        sender="",
        name=manifest.name,
        accepted_s=manifest.accepted_s,
        type=manifest.type,
        label=manifest.label,
        precedence=manifest.precedence,
    )


def about_of(manifest: Manifest) -> About:
    """What the tail writes beside the message: into the ledger and the output queue."""
    return {
        "sequence": manifest.sequence,
        "accepted_s": manifest.accepted_s,
        "released_s": manifest.released_s,
        "sealed_payload": manifest.payload_digest.hex(),
        "source_policy": manifest.policy_digest.hex(),
        "source_ledger_size": manifest.ledger_size,
        "source_ledger_root": manifest.ledger_root.hex(),
        "name": manifest.name,
    }
