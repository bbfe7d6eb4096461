"""Invented Cursor-on-Target events, values drawn at random: what the dictionary's tables, which say
how frequent each byte, length and distance is, are measured on. None of them is a real event."""

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.dictionaries.c2_dictionary import FAR, KINDS, Node, compact, sample_nodes, typical

_WORDS = (
    "bridge", "water", "truck", "north", "east", "moving", "stopped", "column", "tower", "road",
    "camp", "medic", "winch", "seen", "two", "three", "vehicles", "heading", "clear", "blocked",
    "delta", "raven", "otter", "hawk", "base", "relay",
)  # fmt: skip
_MEASURED = frozenset({"course", "speed", "range", "bearing", "battery"})
_DETAILS_MAX = 5


def invented(seed: int, count: int) -> Iterator[bytes]:
    """So many events, each as it stands behind the head of a compact envelope."""
    chance = random.Random(seed)
    kinds, nodes = list(typical()), sample_nodes()
    for _ in range(count):
        event = chance.choice(kinds)
        detail = [*event.detail, *chance.sample(nodes, chance.randrange(3))]
        chance.shuffle(detail)
        event = replace(
            event,
            uid=_uid(chance),
            kind=chance.choice(KINDS),
            detail=[_varied(item, chance) for item in detail[:_DETAILS_MAX]],
            point={name: _number(chance, name) for name in ("lat", "lon", "hae", "ce", "le")},
            times=_times(chance),
        )
        yield compact(event.model())


def _times(chance: random.Random) -> tuple[str, str]:
    day = f"20{chance.randrange(24, 32)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    hour = f"{day}T{chance.randrange(24):02}:"
    fraction = f".{chance.randrange(1000):03}" if chance.random() < 0.7 else ""
    rest = f":{chance.randrange(60):02}{fraction}Z"
    return hour + f"{chance.randrange(60):02}" + rest, hour + f"{chance.randrange(60):02}" + rest


def _uid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    if chance.random() < 0.3:
        return f"ANDROID-{digits[:16]}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _number(chance: random.Random, name: str) -> str:
    if name in ("lat", "lon"):
        return f"{chance.uniform(-90, 90):.{chance.choice([5, 6, 7, 13, 14])}f}"
    return FAR if chance.random() < 0.5 else f"{chance.uniform(0, 400):.1f}"


def _varied(item: Node, chance: random.Random) -> Node:
    """The same element with other values where values differ."""
    told = {name: _other(name, value, chance) for name, value in item.attributes.items()}
    inside = tuple(_varied(child, chance) for child in item.inside)
    text = item.text
    if item.tag == "remarks" and chance.random() < 0.3:
        text = " ".join(chance.sample(_WORDS, 4))
    return Node(item.tag, told, inside, text)


def _other(name: str, value: str, chance: random.Random) -> str:
    if name in ("uid", "messageId"):
        return _uid(chance)
    if name == "callsign":
        return f"{chance.choice(_WORDS).upper()} {chance.randrange(40)}"
    if name == "point":
        return f"{_number(chance, 'lat')},{_number(chance, 'lon')}"
    if name in _MEASURED or (name == "value" and "." in value):
        return f"{chance.uniform(0, 360):.{chance.choice([1, 1, 2, 5])}f}"
    return value
