"""What a simulated day of the guard is like: a scenario's `[guard]` and `[link]` tables."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diode_sim.options import Options
from diode_sim.world.faults import KINDS, Kind
from schemas.errors import Malformed
from schemas.reasons import Reason


class GuardOptions(BaseModel):
    """The `[guard]` table of a scenario; the run's numbers are drawn below these bounds.

    messages        most drops of a run
    within_s        the time in which they come
    poison          messages that kill a stage
    faults          most faults of a run
    kinds           which may strike
    each_step       one crash, and the seed says which: its host, power cut or kill, and after how
                    many of the host's steps; so that a range of seeds is every step of a run
    link            what the cable does until the end; then it is clean
    attacker        whether somebody on the cable records datagrams and sends old and changed ones
    hijack          whether one stage of one side, a filter or a route, is taken over
    review          what has dirty words is held, and two reviewers decide on all that is held
    rollback        the low side's disk is put back to an older state, and it goes on from there
    resend          at the end what was lost is asked for again, and something breaks meanwhile
    resend_days     the low side's option: sealed segments that were sent go (all are old here, for
                    files have the kernel's time and a day has the wall's)
    small_segments  journals change to a new segment every 24 KiB
    link_lines      the policy's `[link]` table
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Annotated[int, Field(ge=1, le=5000)] = 24
    within_s: Annotated[int, Field(ge=1, le=3600)] = 8
    poison: Annotated[int, Field(ge=0, le=10)] = 0
    faults: Annotated[int, Field(ge=0, le=100)] = 4
    kinds: tuple[Kind, ...] = KINDS
    each_step: bool = False
    link: Options = Options()
    attacker: bool = False
    hijack: bool = False
    review: bool = False
    rollback: bool = False
    resend: bool = False
    resend_days: Annotated[int, Field(ge=0, le=1000)] = 0
    small_segments: bool = False
    link_lines: str = "rate_bit_per_s = 20000000\n"


def make_guard_options(untrusted: dict[str, Any]) -> GuardOptions:
    """The options in a scenario's tables. Raises `Malformed(ARGUMENT)` naming the first fault."""
    try:
        table = {**untrusted["guard"], "link": untrusted.get("link", {})}
        return GuardOptions.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the scenario"
        raise Malformed(Reason.ARGUMENT, f"guard: {place}: {first['msg']}") from error
    except TypeError as error:
        raise Malformed(Reason.ARGUMENT, "[guard] is not a table") from error
