"""Filter `antivirus`: a virus scanner of this side finds nothing in the payload.

Takes any payload, changes nothing. The stage itself reads and opens nothing: it hands the bytes to
the side's `scanner` process, which asks clamd (docs/spec/scanning.md), and answers by what comes
back. No answer in time, no clear answer, or one by signatures that are too old is never a pass:
the policy says whether such a message is held or refused. The verdict tells the signature's name.

Its answer depends on the signatures of the day, so a message is not decided again by it when
stored messages are (`guard audit challenge`).
"""

from typing import Literal

from pydantic import Field

from schemas.message import Message
from schemas.reasons import Reason
from schemas.scanned import Ask, Said, Scanned, nobody
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass, Refuse


class AntivirusParameters(Parameters):
    """What becomes of a message.

    found               in which something is found
    unanswered          that the scanner gives no answer on
    answer_ms_max       how long an answer may take, in milliseconds; less than the stage's limit
    signature_days_max  an answer by older signatures is none (0: they may be of any age)
    """

    found: Literal["refuse", "hold"] = "refuse"
    unanswered: Literal["hold", "refuse"] = "hold"
    answer_ms_max: int = Field(default=8000, ge=50, le=590_000)
    signature_days_max: int = Field(default=7, ge=0, le=3650)


_VERDICTS: dict[str, type[Refuse | Hold]] = {"refuse": Refuse, "hold": Hold}


def make(parameters: AntivirusParameters, _documents: Documents) -> Run:
    """A run where there is no scanner: each message goes the way of the unanswered."""
    return make_asking(parameters, _documents, nobody)


def make_asking(parameters: AntivirusParameters, _documents: Documents, ask: Ask) -> Run:
    """A run that asks."""
    found, unanswered = _VERDICTS[parameters.found], _VERDICTS[parameters.unanswered]

    def run(message: Message) -> Answer:
        scanned = ask(message.payload, parameters.answer_ms_max)
        if scanned.said is Said.FOUND:
            return found(Reason.MALWARE, f"the scanner found {scanned.words}")
        if why := _unanswered(scanned, parameters.signature_days_max):
            return unanswered(Reason.NOT_SCANNED, why)
        return Pass()

    return run


def _unanswered(scanned: Scanned, days_max: int) -> str:
    """Why this is not taken for an answer; "" if it is."""
    if scanned.said is not Said.CLEAN:
        return f"the scanner did not answer: {scanned.words}"
    if not days_max:
        return ""
    if scanned.days is None:
        return "the scanner does not say how old its signatures are"
    if scanned.days > days_max:
        return f"the scanner's signatures are {scanned.days} days old; {days_max} are allowed"
    return ""


STAGE = StageType(
    name="antivirus",
    version=1,
    kind=Kind.FILTER,
    side=Side.BOTH,
    parameters=AntivirusParameters,
    make=make,
    make_asking=make_asking,
    summary="a virus scanner of this side (clamd) finds nothing in the payload",
)
