"""Rules D1 to D5: one label for several, and whether one dominates another."""

from dataclasses import replace

import pytest

from schemas.label.clauses import Denied
from schemas.label.dominance import check_dominates, dominate, roll_up
from schemas.label.model import Originator
from tests.schemas.label.policies import NOW_MS, form, spif

KESTRIA = form("KESTRIA")


def joined(*texts: str) -> str:
    try:
        label = dominate([KESTRIA.read(text) for text in texts], KESTRIA.spif)
    except Denied as error:
        return f"no {error.rule.value.code}"
    return KESTRIA.write(label).removeprefix("KESTRIA ")


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (("SECRET", "RESTRICTED"), "SECRET"),
        (("RESTRICTED//ORCHID", "SECRET//GRANITE"), "SECRET//GRANITE, ORCHID"),
        (("SECRET//REL TO FRA, GBR", "RESTRICTED//REL TO GBR, USA"), "SECRET//REL TO GBR"),
        (("SECRET//REL TO FRA", "RESTRICTED"), "SECRET//REL TO FRA"),
        (("SECRET//REL TO FRA", "RESTRICTED//REL TO USA"), "no D4"),
        (("SECRET//REL TO FRA, GBR", "SECRET//REL TO GBR, USA", "SECRET//REL TO USA"), "no D4"),
        (("SECRET//MEDICAL", "SECRET//STAFF"), "SECRET//MEDICAL, STAFF"),
    ],
)
def test_joining(texts: tuple[str, ...], wanted: str) -> None:
    assert joined(*texts) == wanted
    assert joined(*reversed(texts)) == wanted


def test_labels_of_two_policies_do_not_join() -> None:
    other = form("ALLIANCE").read("SECRET")
    with pytest.raises(Denied, match="V1"):
        dominate([KESTRIA.read("SECRET"), other], KESTRIA.spif)
    with pytest.raises(Denied, match="D1"):
        dominate([], KESTRIA.spif)


def test_validity_is_asked_once_at_the_end() -> None:
    eyes, released = KESTRIA.read("SECRET//KESTRIA EYES ONLY"), KESTRIA.read("SECRET//REL TO FRA")
    assert joined("SECRET//KESTRIA EYES ONLY", "SECRET//REL TO FRA").startswith("SECRET//KESTRIA")
    with pytest.raises(Denied, match="V12"):
        roll_up([eyes, released], KESTRIA.spif, NOW_MS)
    assert roll_up([eyes, eyes], KESTRIA.spif, NOW_MS).label == eyes
    low, orchid = KESTRIA.read("UNCLASSIFIED"), KESTRIA.read("RESTRICTED//ORCHID")
    assert roll_up([low, orchid], KESTRIA.spif, NOW_MS).label == orchid


def test_what_is_no_part_of_the_decision_is_kept_where_all_agree() -> None:
    one = replace(
        KESTRIA.read("SECRET"), created_ms=5, review_ms=90, privacy_mark="IN CONFIDENCE",
        originator=Originator("rfc822Name", "a@b.example"),
    )  # fmt: skip
    assert dominate([one, one], KESTRIA.spif) == one
    other = replace(one, created_ms=7, review_ms=80, privacy_mark="PERSONAL DATA", originator=None)
    both = dominate([one, other], KESTRIA.spif)
    assert (both.created_ms, both.review_ms) == (7, 80)
    assert (both.privacy_mark, both.originator) == ("", None)


@pytest.mark.parametrize(
    ("whole", "part", "code"),
    [
        ("SECRET", "SECRET", ""),
        ("SECRET//REL TO FRA", "RESTRICTED//REL TO FRA, GBR", ""),
        ("SECRET//ORCHID", "SECRET", ""),
        ("RESTRICTED", "SECRET", "D2"),
        ("SECRET", "SECRET//ORCHID", "D3"),
        ("SECRET", "SECRET//REL TO FRA", "D4"),
        ("SECRET//REL TO FRA, USA", "SECRET//REL TO FRA", "D4"),
        ("SECRET//MEDICAL", "SECRET//STAFF", ""),
    ],
)
def test_the_whole_dominates_a_part(whole: str, part: str, code: str) -> None:
    found = ""
    try:
        check_dominates(KESTRIA.read(whole), KESTRIA.read(part), spif("KESTRIA"))
    except Denied as error:
        found = error.rule.value.code
    assert found == code
