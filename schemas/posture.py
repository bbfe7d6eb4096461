"""A posture: what is stopped, held or slowed on top of a running policy. It can only tighten.

Takes a posture's text (TOML), gives a `Posture`; anything else is `Malformed(POSTURE_MALFORMED)`
with the place. Every field takes something away from what the policy lets through; none can add.
Pure. Follows docs/spec/posture.md.
"""

import hashlib
import tomllib
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from schemas.errors import Malformed
from schemas.orders import Hold, Orders
from schemas.policy import BITS_PER_MBIT, PAYLOAD_BYTES_MAX, Closed, Name, Policy
from schemas.reasons import Reason

FIRST_LINE = "# checkvalve posture 1"
TEXT_BYTES_MAX = 4096
HOLDS_MAX = 32
Pattern = Annotated[str, Field(pattern=r"^(?:[!-)+-~ ]{1,255}\*?|\*)$")]


class HoldLine(Closed):
    """Messages of which all that is given fits are held. `RESTRICTED*`: what begins so."""

    label: Pattern | None = None
    type: Pattern | None = None
    precedence: Literal["ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH", "FLASH_OVERRIDE"] | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if (self.label, self.type, self.precedence) == (None, None, None):
            raise ValueError("name a label, a type or a precedence")
        return self

    def covers(self, other: "HoldLine") -> bool:
        """Whether all that the other holds is held by this one."""
        wanted = self.precedence in (None, other.precedence)
        return wanted and _wider(self.label, other.label) and _wider(self.type, other.type)


class Posture(Closed):
    """The whole file.

    version           1, 2, 3 …: higher than that of the posture before
    reason            why, for people and the ledger
    stop              nothing is taken, released, sent or delivered
    stop_senders      their drops wait
    payload_bytes_max of what would be released or delivered
    rate_bit_per_s    of the link
    """

    format: Literal[1]
    version: Annotated[int, Field(ge=1, le=2**31)]
    flow: Name
    reason: Annotated[str, Field(pattern=r"^[ -~]{1,200}$")]
    stop: bool = False
    stop_senders: Annotated[list[Name], Field(max_length=64, default_factory=list)]
    payload_bytes_max: Annotated[int, Field(ge=0, le=PAYLOAD_BYTES_MAX)] | None = None
    rate_bit_per_s: Annotated[int, Field(ge=1_000, le=100_000 * BITS_PER_MBIT)] | None = None
    hold: Annotated[list[HoldLine], Field(max_length=HOLDS_MAX, default_factory=list)]

    def as_tight_as(self, other: "Posture") -> bool:
        """Whether this one lets nothing through that the other stops."""
        return (
            self.stop >= other.stop
            and set(self.stop_senders) >= set(other.stop_senders)
            and _at_most(self.payload_bytes_max, other.payload_bytes_max)
            and _at_most(self.rate_bit_per_s, other.rate_bit_per_s)
            and all(any(mine.covers(line) for mine in self.hold) for line in other.hold)
        )

    def orders(self, text: str, signers: str) -> Orders:
        """What the roles are told; text: the posture's own, for the ledger."""
        size, rate = self.payload_bytes_max, self.rate_bit_per_s
        return Orders(
            version=self.version,
            digest=posture_digest(text),
            signers=signers,
            text=text,
            stop=self.stop,
            stop_senders=tuple(self.stop_senders),
            payload_bytes_max=-1 if size is None else size,
            rate_bits_per_s=-1 if rate is None else rate,
            hold=tuple(
                Hold(line.label or "", line.type or "", line.precedence or "") for line in self.hold
            ),
        )


def read_posture(untrusted_text: str) -> Posture:
    """Raises `Malformed(POSTURE_MALFORMED)` naming the first fault."""
    if len(untrusted_text.encode()) > TEXT_BYTES_MAX:
        raise _wrong(f"has more than {TEXT_BYTES_MAX:,} bytes")
    if not untrusted_text.startswith(f"{FIRST_LINE}\n") or not untrusted_text.endswith("\n"):
        raise _wrong(f"does not begin with the line {FIRST_LINE!r}, or has no last line feed")
    try:
        return Posture.model_validate(tomllib.loads(untrusted_text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _wrong(f"is wrong at {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is no TOML: {error}") from error


def posture_digest(text: str) -> str:
    """SHA-256 of the text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_flow(posture: Posture, policy: Policy) -> None:
    """That it is for the flow of this policy. Raises `Malformed`.

    Whoever signs for one flow may sign for all: another flow's posture would hold here.
    """
    if posture.flow != policy.flow:
        raise _wrong(f"is for the flow {posture.flow}, and this is {policy.flow}")


def check_tightens(posture: Posture, policy: Policy) -> None:
    """That what it says takes something away from this policy. Raises `Malformed`.

    A bound above the policy's would do nothing, and is a mistake or a lie about what it does.
    """
    check_flow(posture, policy)
    unknown = set(posture.stop_senders) - set(policy.senders)
    if unknown:
        raise _looser(f"stops {', '.join(sorted(unknown))}, who may not drop anyway")
    size, rate = posture.payload_bytes_max, posture.rate_bit_per_s
    if size is not None and size > policy.payload_bytes_max:
        raise _looser(f"allows {size:,} bytes, and the policy {policy.payload_bytes_max:,}")
    if rate is not None and rate > policy.link.bits_per_s:
        raise _looser(f"allows {rate:,} bit/s, and the policy {policy.link.bits_per_s:,}")


def _wider(pattern: str | None, other: str | None) -> bool:
    if pattern is None or pattern == other:
        return True
    if other is None:
        return False
    mine, its = pattern.casefold(), other.casefold()
    return mine == its or (mine.endswith("*") and its.startswith(mine[:-1]))


def _at_most(mine: int | None, other: int | None) -> bool:
    return other is None or (mine is not None and mine <= other)


def _wrong(what: str) -> Malformed:
    return Malformed(Reason.POSTURE_MALFORMED, f"the posture {what}")


def _looser(what: str) -> Malformed:
    return Malformed(
        Reason.POSTURE_LOOSER, f"the posture {what}: a posture can only tighten the policy"
    )
