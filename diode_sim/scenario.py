"""A scenario: a link, what is sent over it, how it is coded, and what happens to both ends.

Takes the bytes of a TOML file, gives one typed, frozen record; anything else is `Malformed` with
the place and what is wrong. Follows docs/spec/scenario.md.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from diode_sim.options import Closed, Options, PeriodMs, Share, TimeMs, read_tables
from guard.link.compression import Coder, Coding
from guard.link.lines import LINKS_MAX
from guard.link.params import LinkParams
from schemas.errors import Malformed
from schemas.reasons import Reason

MESSAGES_MAX = 1_000_000
MESSAGE_BYTES_MAX = 16 * 2**20
RESTARTS_MAX = 64
TURNS_MAX = 1_000_000
GUARD_TABLE = "guard"
"""A file with this table is for the simulation of the whole guard, which reads it itself."""

Count = Annotated[int, Field(ge=0, le=2**40)]
Size = Annotated[int, Field(ge=0, le=MESSAGE_BYTES_MAX)]
Precedence = Annotated[int, Field(ge=0, le=4)]


class Traffic(Closed):
    """What is offered to the sender: message n in the n-th stretch of every_ms.

    messages             how many; sequences from 1
    every_ms             one each, somewhere in its stretch, unless at_once
    at_once              so many together, at the beginning of each stretch of every_ms
    bytes_min, bytes_max sizes, all as likely
    precedences          each message has one of these, all as likely
    streams              share that is sent as a stream instead of an envelope
    text                 contents that compress well, else such that do not
    checkpoint_bytes     of a source ledger's checkpoint; 0: none
    checkpoint_every_ms  how often there is a new one
    """

    messages: Annotated[int, Field(ge=0, le=MESSAGES_MAX)] = 100
    every_ms: PeriodMs = 100
    at_once: Annotated[int, Field(ge=1, le=10_000)] = 1
    bytes_min: Size = 20
    bytes_max: Size = 400
    precedences: Annotated[tuple[Precedence, ...], Field(min_length=1, max_length=64)] = (0,)
    streams: Share = 0.0
    text: bool = False
    checkpoint_bytes: Annotated[int, Field(ge=0, le=600)] = 0
    checkpoint_every_ms: PeriodMs = 10_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.bytes_min > self.bytes_max:
            raise ValueError("bytes_min must be at most bytes_max")
        return self


class Code(Closed):
    """What both ends are set to: the fields of `guard.link.params.LinkParams`, and two more.

    compression  off, lz4 or zstd
    mode         of several links: striped or copies
    """

    mtu_bytes: Count = 1500
    ip_version: Count = 4
    k_max: Count = 80
    r_max: Count = 24
    repair_percent: Count = 10
    design_loss_ppm: Count = 30_000
    interleave_blocks: Count = 1
    rate_bits_per_s: Count = 10_000_000
    burst_wire_bytes: Count = 0
    frame_overhead_bytes: Count = 38
    heartbeat_ms: Count = 1_000
    silence_ms: Count = 5_000
    give_up_ms: Count = 100
    window_blocks: Count = 256
    window_bytes_max: Count = 64 * 2**20
    queue_bytes_max: Count = 64 * 2**20
    envelope_bytes_max: Count = 17 * 2**20
    tag: bool = True
    repeats: Count = 0
    repeat_pause_ms: Count = 2_000
    compression: Literal["off", "lz4", "zstd"] = "off"
    mode: Literal["striped", "copies"] = "striped"

    def params(self) -> LinkParams:
        """The link's own record. Raises `Malformed` where a number is beyond its bound."""
        return LinkParams(**self.model_dump(exclude={"compression", "mode"}))

    def coder(self) -> Coder:
        """What compresses and expands."""
        return Coder(Coding[{"off": "NONE"}.get(self.compression, self.compression.upper())])


class Restart(Closed):
    """An end stops at at_ms (or up to spread_ms later, by the seed) and is back after down_ms.

    keep_socket    of a receiver: datagrams wait in its socket meanwhile, as with a supervisor that
                   keeps it; else they are lost
    before_sync    of a receiver: it stops after it has read what came last and before that is on
                   disk
    """

    at_ms: TimeMs
    spread_ms: TimeMs = 0
    down_ms: TimeMs = 0
    keep_socket: bool = True
    before_sync: bool = False


Restarts = Annotated[tuple[Restart, ...], Field(max_length=RESTARTS_MAX)]


class End(Closed):
    """What happens to both ends.

    duration_ms        how long it all takes
    sender_from_ms     when the sender starts for the first time
    receiver_from_ms   when the receiver does; what comes before is lost
    """

    duration_ms: Annotated[int, Field(ge=1, le=31 * 24 * 3_600_000)] = 60_000
    sender_from_ms: TimeMs = 0
    receiver_from_ms: TimeMs = 0
    sender_restarts: Restarts = ()
    receiver_restarts: Restarts = ()


class Scenario(Closed):
    """One run of one flow over one link or several. link is links of one."""

    about: Annotated[str, Field(max_length=1000)] = ""
    link: Options | None = None
    links: Annotated[tuple[Options, ...], Field(max_length=LINKS_MAX)] = ()
    traffic: Traffic = Traffic()
    code: Code = Code()
    end: End = End()

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.link is None) == (not self.links):
            raise ValueError("a scenario has either [link] or at least one [[links]]")
        return self

    @property
    def cables(self) -> tuple[Options, ...]:
        """The options of each link."""
        return self.links or ((self.link,) if self.link else ())

    @property
    def seed(self) -> int:
        """What is used where no other seed is given."""
        return self.cables[0].seed


def make_scenario(untrusted: dict[str, Any]) -> Scenario:
    """The scenario in a file's tables. Raises `Malformed(ARGUMENT)` naming the first fault."""
    try:
        scenario = Scenario.model_validate(untrusted)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the scenario"
        raise Malformed(Reason.ARGUMENT, f"{place}: {first['msg']}") from error
    try:
        params = scenario.code.params()
    except Malformed as error:
        raise Malformed(Reason.ARGUMENT, error.sentence.replace("link:", "code:", 1)) from error
    if scenario.traffic.bytes_max > params.envelope_bytes_max and scenario.traffic.streams < 1:
        raise Malformed(
            Reason.ARGUMENT, "traffic: bytes_max is more than code.envelope_bytes_max lets through"
        )
    for one in scenario.cables:
        turns_ms = [one.flap.up_ms + one.flap.down_ms] if one.flap else []
        turns_ms += [one.stuck.repeat_ms] if one.stuck and one.stuck.repeat_ms else []
        if any(scenario.end.duration_ms // each_ms > TURNS_MAX for each_ms in turns_ms):
            raise Malformed(
                Reason.ARGUMENT, f"link: flap or stuck turns more than {TURNS_MAX:,} times"
            )
    return scenario


def read_scenario(untrusted_bytes: bytes) -> Scenario:
    """The scenario in a TOML file. Raises `Malformed(ARGUMENT)`."""
    return make_scenario(read_tables(untrusted_bytes))
