"""What senders drop in a simulated run: events that may cross and events that must not.

From a seed. Every message has a number of its own in its id and text, so that whatever shows it
anywhere can be told.
"""

import json
from dataclasses import dataclass

from diode_sim.chance import Chance

POISON = b"obsolescent-poison-mark"
_CALM = ("good",) * 10 + ("long", "large", "dirty", "malformed", "label", "oversize", "sidecar")


@dataclass(frozen=True, slots=True)
class Message:
    """One drop. kind: what is wrong with it, if anything."""

    number: int
    at_ns: int
    kind: str
    name: str
    payload: bytes
    sidecar: bytes = b""

    @property
    def ident(self) -> str:
        """The event's id."""
        return ident(self.number)

    @property
    def may_cross(self) -> bool:
        """Whether the policy lets it through."""
        return self.kind in ("good", "long", "large", "sidecar")


def ident(number: int) -> str:
    """An event's id."""
    return f"m-{number:05d}"


def make(
    chance: Chance, count: int, from_ns: int, within_ns: int, *, poison: int = 0, first: int = 1
) -> list[Message]:
    """So many messages in the order of their time, numbered from `first` on; `poison` of them kill
    a stage."""
    times = sorted(from_ns + chance.below(within_ns) for _ in range(count))
    kinds = [chance.choice(_CALM) for _ in range(count)]
    for _ in range(min(poison, count)):
        kinds[chance.below(count)] = "poison"
    return [
        _message(first + at, when_ns, kind, chance)
        for at, (when_ns, kind) in enumerate(zip(times, kinds, strict=True))
    ]


def _message(number: int, at_ns: int, kind: str, chance: Chance) -> Message:
    data: dict[str, object] = {"n": number, "filling": chance.octets(8).hex()}
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": ident(number),
        "source": "/plant/boiler",
        "type": "example.alert.pressure" if number % 3 else "example.reading",
        "securitylabel": "UNCLASSIFIED",
        "data": data,
    }
    sidecar = b""
    if kind == "long":
        data["filling"] = chance.octets(1500).hex()
    elif kind == "large":
        data["filling"] = [chance.octets(1000).hex() for _ in range(chance.between(5, 30))]
    elif kind == "oversize":  # beyond what travels inside a packet: it goes as a memfd
        data["filling"] = [chance.octets(1000).hex() for _ in range(36)]
    elif kind == "dirty":
        data["filling"] = "about COPPER LANTERN"
    elif kind == "label":
        event["securitylabel"] = "SECRET"
    elif kind == "poison":
        data["filling"] = POISON.decode()
    elif kind == "sidecar":
        sidecar = json.dumps({"precedence": chance.choice(("ROUTINE", "FLASH"))}).encode()
    payload = json.dumps(event).encode()
    if kind == "malformed":
        payload = payload[:-1]
    return Message(number, at_ns, kind, f"event-{number:05d}.json", payload, sidecar)
