"""What a simulated link does to datagrams: one typed, frozen record.

Takes command-line values or a TOML table, gives an `Options`; anything else is `Malformed` with
the place and what is wrong. Shares are between 0 and 1 of the datagrams that arrive at the link.
"""

import tomllib
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import Malformed
from schemas.reasons import Reason

OPTIONS_BYTES_MAX = 64 * 1024
SEED_MAX = 2**64 - 1
DELAY_MS_MAX = 60_000

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Burst(_Closed):
    """Gilbert-Elliott losses: in the bad state every datagram is lost, in the good state none.

    rate            share of the datagrams lost in bursts, in the long run
    mean_datagrams  mean length of a burst
    """

    rate: Annotated[float, Field(ge=0.0, le=0.9, allow_inf_nan=False)] = 0.0
    mean_datagrams: Annotated[float, Field(ge=1.0, le=1_000_000.0, allow_inf_nan=False)] = 1.0

    @classmethod
    def read(cls, untrusted_text: str) -> Self:
        """`RATE:MEAN`, such as `0.005:64`. Raises `Malformed(ARGUMENT)`."""
        rate, colon, mean = untrusted_text.partition(":")
        try:
            if not colon:
                raise ValueError("no colon")
            return cls(rate=float(rate), mean_datagrams=float(mean))
        except ValueError as error:
            raise Malformed(
                Reason.ARGUMENT,
                f"{untrusted_text!r} is not a burst: write RATE:MEAN_DATAGRAMS, such as 0.005:64",
            ) from error


class Options(_Closed):
    """One link.

    loss                    share lost, each by itself
    burst                   losses in runs, see `Burst`
    reorder                 share that is overtaken by 1..reorder_span_datagrams later datagrams
    reorder_span_datagrams  bound on how far a datagram falls back
    duplicate               share that arrives twice
    corrupt                 share in which one bit is flipped
    delay_ms                what every datagram takes longer
    seed                    from which, and from a datagram's index, its fate follows
    """

    loss: Share = 0.0
    burst: Burst = Burst()
    reorder: Share = 0.0
    reorder_span_datagrams: Annotated[int, Field(ge=1, le=4096)] = 16
    duplicate: Share = 0.0
    corrupt: Share = 0.0
    delay_ms: Annotated[float, Field(ge=0.0, le=DELAY_MS_MAX, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] = 0


def make_options(untrusted: dict[str, Any]) -> Options:
    """The options in a table. Raises `Malformed(ARGUMENT)` naming the first fault."""
    try:
        return Options.model_validate(untrusted)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the options"
        raise Malformed(Reason.ARGUMENT, f"{place}: {first['msg']}") from error


def read_options(untrusted_bytes: bytes) -> Options:
    """The options in a TOML file's `[link]` table. Raises `Malformed(ARGUMENT)`."""
    if len(untrusted_bytes) > OPTIONS_BYTES_MAX:
        raise Malformed(Reason.ARGUMENT, "the scenario file is larger than 64 KiB")
    try:
        untrusted = tomllib.loads(untrusted_bytes.decode("utf-8"))
    except ValueError as error:
        raise Malformed(Reason.ARGUMENT, f"the scenario is not TOML: {error}") from error
    if untrusted.keys() != {"link"} or not isinstance(untrusted["link"], dict):
        raise Malformed(Reason.ARGUMENT, "a scenario has one table, [link]")
    return make_options(untrusted["link"])
