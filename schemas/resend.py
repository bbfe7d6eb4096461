"""What is asked of `send`: to send these sequence numbers again. Plain values, read strictly.

A *request* is what the command lays for the supervisor, an *order* what the supervisor makes of it
for `send`. Takes and gives JSON in one form; anything else is `Malformed`. Pure. Follows
docs/spec/resend.md.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.sequences import RangeSet

BYTES_MAX = 1024 * 1024
NUMBER_MAX = 2**53
WHO_CHARACTERS_MAX = 300
SENDERS_MAX = 1000
_SENDER_CHARACTERS_MAX = 64
_HEX = re.compile(r"(?:[0-9a-f]{64})?")

Part = tuple[str, str]
"""A sender, and the ranges of sequence numbers that are his, as text."""


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """number: one more than that of the ledger's newest resend; note: the signed gap notice, or
    nothing where numbers were given by hand."""

    number: int
    parts: tuple[Part, ...]
    note: str = ""

    def wanted(self) -> RangeSet:
        """All numbers."""
        return _union(self.parts)

    def write(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, untrusted: bytes) -> Self:
        """Back from `write`. Raises `Malformed(RESEND)`."""
        values = _values(untrusted, "request")
        try:
            found = cls(values["number"], _parts(values["parts"]), values["note"])
            _check(found.write() == untrusted and type(found.note) is str)
            found.note.encode()  # no lone surrogate
            _check_number(found.number)
        except (ValueError, TypeError, KeyError) as error:
            raise _malformed("request") from error
        return found


@dataclass(frozen=True, slots=True)
class ResendOrder:
    """who: persons, or the user who asked; notice, notice_s: digest and time of the gap notice ("",
    0: none); refused: why the supervisor passes nothing on of this request."""

    number: int
    who: str
    notice: str
    notice_s: int
    parts: tuple[Part, ...]
    refused: str = ""

    def wanted(self) -> RangeSet:
        """All numbers."""
        return _union(self.parts)

    def senders(self) -> dict[str, RangeSet]:
        """Whose they are."""
        return {sender: RangeSet.read(text) for sender, text in self.parts}

    def write(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, untrusted: bytes) -> Self:
        """Back from `write`. Raises `Malformed(RESEND)`."""
        values = _values(untrusted, "order")
        try:
            found = cls(**values | {"parts": _parts(values["parts"])})
            _check(found.write() == untrusted and _HEX.fullmatch(found.notice) is not None)
            _check(len(found.who) <= WHO_CHARACTERS_MAX and type(found.refused) is str)
            _check_number(found.number)
            _check(type(found.notice_s) is int and 0 <= found.notice_s <= NUMBER_MAX)
        except (ValueError, TypeError, KeyError) as error:
            raise _malformed("order") from error
        return found


def _values(untrusted: bytes, what: str) -> dict[str, Any]:
    try:
        _check(len(untrusted) <= BYTES_MAX)
        values: dict[str, Any] = json.loads(untrusted)
        _check(type(values) is dict)
    except (ValueError, RecursionError) as error:
        raise _malformed(what) from error
    return values


def _parts(untrusted: Any) -> tuple[Part, ...]:
    """Raises ValueError or TypeError."""
    _check(type(untrusted) is list and len(untrusted) <= SENDERS_MAX)
    for sender, text in untrusted:
        _check(type(sender) is str and len(sender) <= _SENDER_CHARACTERS_MAX)
        _check(type(text) is str)
        RangeSet.read(text)
    found = tuple((sender, text) for sender, text in untrusted)
    _check(len({sender for sender, _ in found}) == len(found))
    return found


def _union(parts: tuple[Part, ...]) -> RangeSet:
    found = RangeSet()
    for _, text in parts:
        for first, last in RangeSet.read(text).ranges():
            found.add(first, last)
    return found


def _check_number(number: object) -> None:
    _check(type(number) is int and 1 <= number <= NUMBER_MAX)


def _check(right: bool) -> None:
    if not right:
        raise ValueError("another form")


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.RESEND, f"the {what} to send again is not what this program writes")
