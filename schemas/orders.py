"""What the roles are told of the posture in force: plain values, read strictly, no library.

Takes JSON bytes that the supervisor wrote, gives `Orders`; anything else is `Malformed`. Pure.
Follows docs/spec/posture.md §4.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas.errors import Malformed
from schemas.message import Precedence
from schemas.reasons import Reason

_NAMES = tuple(it.name for it in Precedence)


@dataclass(frozen=True, slots=True)
class Hold:
    """Messages of which all that is given fits are held; "" is not given, `*` ends a beginning."""

    label: str = ""
    type: str = ""
    precedence: str = ""

    def fits(self, label: str, kind: str, precedence: int) -> bool:
        """Whether a message is one of these."""
        wanted = not self.precedence or _NAMES.index(self.precedence) == precedence
        fits = any(_fits(self.label, text) for text in _spellings(label))
        return wanted and fits and _fits(self.type, kind)

    def words(self) -> str:
        """What is held, for people."""
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items() if value)


@dataclass(frozen=True, slots=True)
class Orders:
    """The posture in force; version 0: none. -1 is no bound beside the policy's."""

    version: int = 0
    digest: str = ""
    signers: str = ""
    text: str = ""
    stop: bool = False
    stop_senders: tuple[str, ...] = ()
    payload_bytes_max: int = -1
    rate_bits_per_s: int = -1
    hold: tuple[Hold, ...] = ()

    def stops(self, sender: str) -> bool:
        """Whether nothing is taken from this sender now."""
        return self.stop or sender in self.stop_senders

    def holds(self, sender: str, label: str, kind: str, precedence: int, size: int) -> str:
        """Why a message may not pass, in words; nothing if it may. size: bytes of its payload."""
        if self.stop:
            return "the flow is stopped"
        if sender in self.stop_senders:
            return f"sender {sender} is stopped"
        if 0 <= self.payload_bytes_max < size:
            return f"it has more than {self.payload_bytes_max:,} bytes"
        for line in self.hold:
            if line.fits(label, kind, precedence):
                return f"what has {line.words()} is held"
        return ""

    def write(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, untrusted: bytes) -> Self:
        """Back from `write`. Raises `Malformed(POSTURE_MALFORMED)`."""
        try:
            values: dict[str, Any] = json.loads(untrusted)
            values["stop_senders"] = tuple(values["stop_senders"])
            values["hold"] = tuple(Hold(**line) for line in values["hold"])
            found = cls(**values)
            if found.write() != untrusted:
                raise ValueError("another form")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Malformed(
                Reason.POSTURE_MALFORMED, "the posture's orders are not what a supervisor writes"
            ) from error
        return found


def _spellings(label: str) -> Iterator[str]:
    """A label as a pattern may mean it: whole, each of a set, and without its policy's name.

    The name is taken to be the first word: where it is not, more is held than was meant.
    """
    yield label
    for one in label.split(" || "):
        yield one
        yield one.partition(" ")[2]


def _fits(pattern: str, value: str) -> bool:
    """Letter case does not count: a label may be written either way."""
    if not pattern:
        return True
    pattern, value = pattern.casefold(), value.casefold()
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


assert _NAMES == ("ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH", "FLASH_OVERRIDE")
