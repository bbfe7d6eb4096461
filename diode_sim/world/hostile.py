"""A stage that an attacker has taken over: the process runs this instead of the stage's code.

It has what the real process has: its inlet, its outlet and its receipt key, and nothing else. The
attacks are those of docs/THREAT_MODEL.md against one stage. What must hold all the same: nothing
that a policy check forbids is delivered.
"""

import json
from collections.abc import Callable
from typing import Any

from diode_sim.chance import Chance
from guard.core.chain import Step
from guard.core.frame import Frame
from schemas.message import Message
from schemas.reasons import Reason
from schemas.receipt import Receipt, Said, message_digest, write_leg
from schemas.verdict import Answer, Pass

ATTACKS = ("forward", "alter", "lie", "swap", "repeat", "skip", "lose", "garbage")
EVIL_NUMBER = 99_999
_LOST_MAX = 1
_EVIL = json.dumps({
    "specversion": "1.0", "id": f"m-{EVIL_NUMBER}", "source": "/attacker",
    "type": "example.alert.pressure", "securitylabel": "UNCLASSIFIED",
    "data": {"n": EVIL_NUMBER},
}).encode()  # fmt: skip


class HostileStage:
    """Acts on one message in three, for the rest it is honest: so that it is not found at once."""

    def __init__(self, attack: str, chance: Chance) -> None:
        self._attack: Callable[[Frame, Step, Any], list[Frame]] = getattr(self, "_" + attack)
        self._always = attack == "forward"
        self._chance = chance
        self._before: Message | None = None
        self._lost = 0
        self._frame: type[Frame] = Frame

    def work(self, spec: Any, load: Callable[[str], Any]) -> None:
        """The process's whole life. load: gives modules of the simulated world."""
        sockets = load("guard.edge.sockets")
        stage = load("filters.catalog").load(spec.text("use"))
        run = stage.make(stage.parameters.model_validate(spec.values["parameters"]), spec.documents)
        bytes_max = spec.number("payload_bytes_max")
        chain = load("guard.core.chain")
        place = chain.Place(
            spec.text("stage"), stage.version, stage.kind, spec.number("position"), bytes_max
        )
        scope = bytes.fromhex(spec.text("scope"))
        honest = chain.Step(place, run, scope, spec.keys["stage"])
        self._frame = load("guard.core.frame").Frame
        yes = chain.Step(place, _yes, scope, spec.keys["stage"])
        inlet = sockets.Inlet(spec.descriptors["inlet"], bytes_max)
        outlet = sockets.Outlet(spec.descriptors["outlet"])
        while True:
            try:
                taken = inlet.take()
            except BlockingIOError:
                continue
            if taken is None:
                return
            frame, descriptor = taken
            sockets.close_descriptor(descriptor)
            strikes = self._always or self._chance.below(3) == 0
            step = yes if self._always else honest
            given = self._attack(frame, step, (spec, place)) if strikes else [honest(frame)]
            self._before = frame.message
            for each in given:
                outlet.give(each)

    def _payload(self) -> bytes:
        """What is right in form where it stands: the content of the message before, if there is."""
        return self._before.payload if self._before is not None else _EVIL

    def _forward(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """Passes everything unlooked at."""
        return [step(frame)]

    def _alter(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """Another payload under the honest receipt."""
        given = step(frame)
        evil = Message(given.message.meta_bytes, self._payload())
        return [self._frame(given.id, given.number, given.legs, evil)]

    def _lie(self, frame: Frame, _: Step, about: Any) -> list[Frame]:
        """Another payload, and a receipt that says so, as if it might change anything."""
        spec, place = about
        evil = Message(frame.message.meta_bytes, self._payload())
        got = message_digest(frame.message.meta_bytes, frame.message.payload)
        gave = message_digest(evil.meta_bytes, evil.payload)
        receipt = Receipt(
            bytes.fromhex(spec.text("scope")), frame.id, place.position, Said.CHANGED, place.name,
            place.version, Reason.NONE, got, gave, frame.last_mac, "",
        )  # fmt: skip
        leg = write_leg(receipt, spec.keys["stage"])
        return [self._frame(frame.id, frame.number, frame.legs + leg, evil)]

    def _swap(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """The message before under this one's receipts."""
        given = step(frame)
        return [self._frame(given.id, given.number, given.legs, self._before or given.message)]

    def _repeat(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """Twice."""
        given = step(frame)
        return [given, given]

    def _skip(self, frame: Frame, _: Step, __: Any) -> list[Frame]:
        """Passed on without a receipt."""
        return [frame]

    def _lose(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """Kept for good, once."""
        self._lost += 1
        return [] if self._lost <= _LOST_MAX else [step(frame)]

    def _garbage(self, frame: Frame, step: Step, _: Any) -> list[Frame]:
        """Receipts that are noise."""
        given = step(frame)
        legs = given.legs[:-8] + self._chance.octets(8)
        return [self._frame(given.id, given.number, legs, given.message)]


def _yes(_: Message) -> Answer:
    return Pass()
