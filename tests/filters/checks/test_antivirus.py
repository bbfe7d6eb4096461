"""The stage's own part: which answers of a scanner pass, and what becomes of the others."""

import pytest

from filters.checks.antivirus import STAGE, AntivirusParameters, make, make_asking
from schemas.message import Message
from schemas.reasons import Reason
from schemas.scanned import Said, Scanned
from schemas.verdict import Answer, Hold, Pass, Refuse

MESSAGE = Message(b"", b"payload")


def answer(scanned: Scanned, **parameters: object) -> Answer:
    given = AntivirusParameters.model_validate(parameters)
    asked: list[tuple[bytes, int]] = []

    def ask(payload: bytes, answer_ms_max: int) -> Scanned:
        asked.append((payload, answer_ms_max))
        return scanned

    verdict = make_asking(given, {}, ask)(MESSAGE)
    assert asked == [(b"payload", given.answer_ms_max)]
    return verdict


@pytest.mark.parametrize(
    ("scanned", "reason"),
    [
        (Scanned(Said.CLEAN, days=0), None),
        (Scanned(Said.CLEAN, days=7), None),
        (Scanned(Said.CLEAN, days=8), Reason.NOT_SCANNED),
        (Scanned(Said.CLEAN), Reason.NOT_SCANNED),
        (Scanned(Said.NOTHING, "the time is over"), Reason.NOT_SCANNED),
        (Scanned(Said.NOTHING, days=0), Reason.NOT_SCANNED),
        (Scanned(Said.FOUND, "Some.Virus", days=0), Reason.MALWARE),
        (Scanned(Said.FOUND, "Some.Virus", days=900), Reason.MALWARE),
    ],
)
def test_only_a_clear_answer_by_fresh_signatures_passes(
    scanned: Scanned, reason: Reason | None
) -> None:
    verdict = answer(scanned)
    if reason is None:
        assert verdict == Pass()
    else:
        assert isinstance(verdict, Refuse if reason is Reason.MALWARE else Hold)
        assert verdict.reason is reason


def test_the_policy_says_what_becomes_of_the_rest() -> None:
    assert isinstance(answer(Scanned(Said.FOUND, "V"), found="hold"), Hold)
    assert isinstance(answer(Scanned(Said.NOTHING), unanswered="refuse"), Refuse)
    assert answer(Scanned(Said.CLEAN), signature_days_max=0) == Pass()


def test_without_a_scanner_nothing_passes() -> None:
    verdict = make(AntivirusParameters(), {})(MESSAGE)
    assert isinstance(verdict, Hold)
    assert "no scanner is named here" in verdict.sentence
    assert STAGE.make_asking is make_asking
