"""What a simulated link does to datagrams: one typed, frozen record.

Takes command-line values or a TOML table, gives an `Options`; anything else is `Malformed` with
the place and what is wrong. Shares are between 0 and 1 of the datagrams that arrive at the link.
"""

import tomllib
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import Malformed
from schemas.reasons import Reason

OPTIONS_BYTES_MAX = 64 * 1024
SCENARIO_TABLES = {"about", "link", "traffic", "code", "end"}
SEED_MAX = 2**64 - 1
DELAY_MS_MAX = 60_000
TIME_MS_MAX = 366 * 24 * 3_600_000
PERIOD_MS_MAX = 31 * 24 * 3_600_000
WINDOWS_MAX = 64
RATE_BITS_PER_S_MAX = 400_000_000_000
QUEUE_BYTES_MAX = 2**30

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


TimeMs = Annotated[int, Field(ge=0, le=TIME_MS_MAX)]
PeriodMs = Annotated[int, Field(ge=1, le=PERIOD_MS_MAX)]


class Closed(BaseModel):
    """A record without other fields than its own, of which none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Burst(Closed):
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


class Window(Closed):
    """Once: from start_ms on nothing passes for length_ms."""

    start_ms: TimeMs
    length_ms: PeriodMs


class Outages(Closed):
    """Again and again: in every stretch of every_ms nothing passes for length_ms.

    at_random  where in its stretch each outage is follows from the seed; else it is at the end
    """

    every_ms: PeriodMs
    length_ms: PeriodMs
    at_random: bool = False

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if self.length_ms >= self.every_ms:
            raise ValueError("length_ms must be less than every_ms: else nothing passes ever")
        return self


class Flap(Closed):
    """Up and down by turns: each stretch 1 ms to twice the mean less 1 ms long, by the seed."""

    up_ms: PeriodMs
    down_ms: PeriodMs


class Stuck(Closed):
    """From from_ms on nothing passes any more, for ever.

    repeat_ms  every so often the last datagram that left before comes once more, as from a device
               that hangs on what is in its buffer; 0: never
    """

    from_ms: TimeMs
    repeat_ms: Annotated[int, Field(ge=0, le=PERIOD_MS_MAX)] = 0


class Options(Closed):
    """One link. What happens by a datagram's index:

    loss                    share lost, each by itself
    burst                   losses in runs, see `Burst`
    reorder                 share that is overtaken by 1..reorder_span_datagrams later datagrams
    reorder_span_datagrams  bound on how far a datagram falls back
    duplicate               share that arrives twice
    corrupt                 share in which one bit is flipped
    truncate                share that is cut short, to any lesser length (0 too)
    delay_ms                what every datagram takes longer
    jitter_ms               what it takes longer still, at most; datagrams overtake each other by it

    What happens by time, from the link's start:

    windows, outages, flap  when nothing passes: once, by period, by turns
    stuck                   the end of it all
    rate_bits_per_s         what the link carries; 0: anything
    queue_bytes             what may wait for it, on the wire's count; what does not fit is dropped
    overhead_bytes          a datagram's headers on the wire, for the rate and the queue
    linger_ms               a datagram that is to be overtaken waits no longer than this in silence

    seed                    from which, and from a datagram's index or the time, its fate follows
    """

    loss: Share = 0.0
    burst: Burst = Burst()
    reorder: Share = 0.0
    reorder_span_datagrams: Annotated[int, Field(ge=1, le=4096)] = 16
    duplicate: Share = 0.0
    corrupt: Share = 0.0
    truncate: Share = 0.0
    delay_ms: Annotated[float, Field(ge=0.0, le=DELAY_MS_MAX, allow_inf_nan=False)] = 0.0
    jitter_ms: Annotated[float, Field(ge=0.0, le=DELAY_MS_MAX, allow_inf_nan=False)] = 0.0
    windows: Annotated[tuple[Window, ...], Field(max_length=WINDOWS_MAX)] = ()
    outages: Outages | None = None
    flap: Flap | None = None
    stuck: Stuck | None = None
    rate_bits_per_s: Annotated[int, Field(ge=0, le=RATE_BITS_PER_S_MAX)] = 0
    queue_bytes: Annotated[int, Field(ge=0, le=QUEUE_BYTES_MAX)] = 2**20
    overhead_bytes: Annotated[int, Field(ge=0, le=256)] = 66
    linger_ms: Annotated[int, Field(ge=1, le=60_000)] = 5
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)] = 0


def make_options(untrusted: dict[str, Any]) -> Options:
    """The options in a table. Raises `Malformed(ARGUMENT)` naming the first fault."""
    try:
        return Options.model_validate(untrusted)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the options"
        raise Malformed(Reason.ARGUMENT, f"{place}: {first['msg']}") from error


def read_tables(untrusted_bytes: bytes) -> dict[str, Any]:
    """A scenario file's tables. Raises `Malformed(ARGUMENT)` for what is no TOML, or too long."""
    if len(untrusted_bytes) > OPTIONS_BYTES_MAX:
        raise Malformed(Reason.ARGUMENT, "the scenario file is larger than 64 KiB")
    try:
        return tomllib.loads(untrusted_bytes.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed(Reason.ARGUMENT, f"the scenario is not TOML: {error}") from error


def read_options(untrusted_bytes: bytes) -> Options:
    """The options in a scenario's `[link]` table; what else it says is not for a proxy.

    Raises `Malformed(ARGUMENT)`.
    """
    tables = read_tables(untrusted_bytes)
    link = tables.get("link")
    if not isinstance(link, dict) or not tables.keys() <= SCENARIO_TABLES:
        raise Malformed(
            Reason.ARGUMENT, "a scenario for one link has a table [link], see docs/spec/scenario.md"
        )
    return make_options(link)
