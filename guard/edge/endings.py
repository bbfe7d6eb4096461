"""Which processes of a failure domain ended together, and which of them is at fault.

Takes a domain's seats, gives their exit codes and last words, then a sentence and a reason code.
Reads pipes and exit codes; ends no process but one that a signal has stopped for too long.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from guard.edge.seats import Seat
from schemas.reasons import Reason

AT_FAULT_WITHIN_S = 0.5  # after a neighbour has seen it end
_LOOK_S = 0.005
_NO_REASON = "none"


class Ended(NamedTuple):
    """One process that ended: its name, whether it is a stage's, its exit code, its last words."""

    name: str
    of_a_stage: bool
    code: int
    reason: str
    sentence: str


def domains_ended(seats: Sequence[Seat]) -> list[str]:
    """The domains of which a process has ended, or stood still for so long that it is ended."""
    for seat in seats:
        if seat.process is not None:
            seat.process.end_if_still()
    return list(dict.fromkeys(seat.role.domain for seat in seats if _code(seat) is not None))


def ended_together(seats: Sequence[Seat]) -> list[Ended]:
    """Those of a domain that have ended, and those that have said why they end and go on to it.

    Who ends in good order, or because the ledger is gone, has seen a neighbour's end: the kernel
    closes what a killed process had open before it counts as ended. So while there are only such,
    the neighbour is waited for.
    """
    running = [seat for seat in seats if seat.process is not None]
    until_s = time.monotonic() + AT_FAULT_WITHIN_S
    found: dict[str, Ended] = {}
    while True:
        for seat in running:
            if seat.name not in found and (ended := _ended(seat)) is not None:
                found[seat.name] = ended
        told = list(found.values())
        known = any(each.code and not _saw_it_gone(each) for each in told)
        if known or len(told) == len(running) or time.monotonic() > until_s:
            return told
        time.sleep(_LOOK_S)


def cause_of(ended: list[Ended]) -> tuple[str, str]:
    """(a sentence that names the process at fault, a reason code) of those that ended together.

    Which was the first is not known. But neighbours of one that failed end in good order, a stage
    is more often the reason than who waited for it, and why a ledger cannot be written only `audit`
    knows: the others have seen it gone.
    """
    one = min(ended, key=_guilt)
    told = f"{one.name}: {one.sentence}" if one.sentence else f"{one.name} ended ({_how(one.code)})"
    return told, one.reason or _NO_REASON


def _saw_it_gone(each: Ended) -> bool:
    """Whether it says of the ledger what only `audit` can know."""
    return each.reason == Reason.LEDGER_UNWRITABLE and each.name != "audit"


def _guilt(each: Ended) -> tuple[bool, bool, bool, bool]:
    """The least is at fault."""
    return each.code == 0, not each.of_a_stage, _saw_it_gone(each), not each.sentence


def _code(seat: Seat) -> int | None:
    return seat.process.ended() if seat.process is not None else None


def _ended(seat: Seat) -> Ended | None:
    """None while it runs and has not said why it ends; that is said only once."""
    code = _code(seat)
    words = seat.process.last_words() if seat.process is not None else ("", "")
    if code is None and not any(words):
        return None
    return Ended(seat.name, seat.line is not None, 1 if code is None else code, *words)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
