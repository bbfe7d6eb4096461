import pytest

from guard.edge.telling import Ended, cause_of
from schemas.reasons import Reason

SAW = Ended("ingest", False, 70, Reason.LEDGER_UNWRITABLE, "the tail ended before it began")
AUDIT = Ended("audit", False, 70, Reason.KEY_MISSING, "the key cannot be read")
FULL = Ended("audit", False, 70, Reason.LEDGER_UNWRITABLE, "no space left")
STAGE = Ended("stage:words", True, -9, "", "")
CALM = Ended("stage:label", True, 0, "", "")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ([SAW, AUDIT], ("audit: the key cannot be read", Reason.KEY_MISSING)),
        ([SAW, FULL], ("audit: no space left", Reason.LEDGER_UNWRITABLE)),
        ([CALM, SAW, AUDIT], ("audit: the key cannot be read", Reason.KEY_MISSING)),
        ([SAW, STAGE], ("stage:words ended (signal 9)", "none")),
        ([CALM, SAW], ("ingest: the tail ended before it began", Reason.LEDGER_UNWRITABLE)),
    ],
)
def test_the_process_at_fault_is_named_and_not_who_saw_it_end(
    ended: list[Ended], told: tuple[str, str]
) -> None:
    assert cause_of(ended) == told
    assert cause_of(ended[::-1]) == told
