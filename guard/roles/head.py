"""What the two heads (ingest, verify) have in common: feeding a lane, and starting again.

A `Feeder` gives the tail a notice of a message and then the message to the first stage. After a
lane broke (`refeed`), what the ledger does not have is fed again one at a time: the attempt is
durable before the message goes, and one that breaks the lane alone is stopped as poison.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from guard.core.chain import first_frame
from guard.core.notice import About, Notice, Place, What
from guard.edge.clock import monotonic_ns
from guard.edge.durable_number import DurableNumber
from guard.edge.sockets import Ear, Mouth, Outlet
from guard.edge.spec import Spec
from guard.edge.waiting import wait_readable
from schemas.errors import Broken
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import message_digest

NO_ID = bytes(16)
NO_DIGEST = bytes(32)
NOWHERE = Place(0, 0, 0)
_LOOK_MS = 200


@dataclass(frozen=True, slots=True)
class Fed:
    """A message to feed: its number in this side's journal, id, itself, where its bytes stand.

    kept: the digest of what no stage may change of its metadata.
    chain: whether the chain sees it; else the tail is told of it alone.
    """

    number: int
    id: bytes
    kept: bytes
    message: Message
    place: Place
    about: About
    chain: bool = True


class Feeder:
    """The head's end of a lane."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        """folder: where the head keeps what it fed last (`fed`) and feeds alone (`alone`)."""
        self._folder = folder
        self._accepted = Mouth(spec.descriptors["accepted"])
        self._fed = Outlet(spec.descriptors["fed"])
        self._settled = Ear(spec.descriptors["settled"])
        self._scope = bytes.fromhex(spec.text("scope"))
        self._key = spec.keys["head"]
        self._cause = str(spec.values.get("cause", "not known"))
        self._ended_by_us = bool(spec.values.get("ended_by_us"))
        self.settled = 0

    def feed(self, fed: Fed) -> None:
        """Notice to the tail, then the message to the first stage. Waits while the lane is full.

        Which message was fed last is written down first, for the case that the lane breaks; a
        power cut may undo that: no message broke the lane then.
        """
        self._newest_fed.set(fed.number, durable=False)
        self._give(fed)

    def _give(self, fed: Fed) -> None:
        if not fed.chain:
            self.stop(fed.number, fed.id, fed.place, fed.about)
            return
        message = fed.message
        digest = message_digest(message.meta_bytes, message.payload)
        frame = first_frame(fed.number, message, self._scope, self._key, fed.id)
        self._tell(What.FED, fed.number, fed.id, fed.place, fed.about, digest, fed.kept)
        self._fed.give(frame)

    def stop(self, number: int, ident: bytes, place: Place, about: About) -> None:
        """Tell the tail of a message that takes no chain: refused or held at the head."""
        self._tell(What.STOPPED, number, ident, place, about)

    def event(self, number: int, about: About) -> None:
        """Tell the tail of something for the ledger that is no message."""
        self._tell(What.EVENT, number, NO_ID, NOWHERE, about)

    def _tell(self, what: What, number: int, ident: bytes, place: Place, about: About,
              digest: bytes = NO_DIGEST, kept: bytes = NO_DIGEST) -> None:  # fmt: skip
        notice = Notice(what, number, ident, digest, kept, place, monotonic_ns(), about)
        self._accepted.tell(notice.write())

    def first_settled(self) -> dict[str, int | str]:
        """The tail's first word: where the ledger says to go on. Waits for it, opens its files."""
        self._newest_fed = DurableNumber(self._folder / "fed")
        self._attempt = DurableNumber(self._folder / "alone")
        if self._ended_by_us:
            self._attempt.clear()  # the supervisor ended the lane, at whose turn it came
        packet = self._settled.hear()
        if packet is None:
            raise Broken(Reason.LEDGER_UNWRITABLE, "the tail ended before it began")
        state: dict[str, int | str] = json.loads(packet)
        self.settled = int(state["settled"])
        return state

    def hear_settled(self) -> bool:
        """Take what the tail has told since; False when it is gone."""
        while packet := self._settled.hear_now():
            self.settled = int(json.loads(packet)["settled"])
        return packet is not None

    @property
    def newest_fed(self) -> int:
        """The number of the last message that was fed, as far as that is known; -1 for none."""
        return -1 if self._newest_fed.value is None else self._newest_fed.value

    def settled_fileno(self) -> int:
        """For poll."""
        return self._settled.fileno()

    def refeed(
        self, unsettled: Iterable[Fed], stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Feed again what was accepted and is not settled: alone what was in the lane, each.

        Asked to stop, it leaves the rest for the next start, and suspects none of it, nor what is
        on: that may take longer than a stop waits. Raises `BrokenPipeError` when the tail ends
        meanwhile: the lane broke at this message's turn, and who broke it says so itself.
        """
        in_lane = self._newest_fed.value
        broke_at = self._attempt.value
        for fed in unsettled:
            if stopping():
                break
            if in_lane is None or fed.number > in_lane:
                self.feed(fed)
                continue
            if fed.number == broke_at:
                self._stop_poison(fed)
            else:
                self._attempt.set(fed.number)
                self._give(fed)
            self._wait_until_settled(fed.number, stopping)
        self._attempt.clear()

    def _stop_poison(self, fed: Fed) -> None:
        about = fed.about | {
            "verdict": "hold",
            "reason": Reason.POISON.value,
            "sentence": f"the chain broke at this message's turn, twice; last: {self._cause}",
        }
        self.stop(fed.number, fed.id, fed.place, about)

    def _wait_until_settled(self, number: int, stopping: Callable[[], bool]) -> None:
        while self.settled <= number:
            if stopping() and self._attempt.value is not None:
                self._attempt.clear()
            wait_readable(self._settled.fileno(), wait_ms=_LOOK_MS)
            if not self.hear_settled():
                raise BrokenPipeError("the lane broke while a message was fed alone")
