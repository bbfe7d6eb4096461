"""Rules A1 to A7: who may see what, by the classification's set and the values held."""

from dataclasses import replace

import pytest

from schemas.label.access import decide, hold
from schemas.label.clauses import Denied
from schemas.label.model import Category, CategoryKind, Clearance, PolicyId
from schemas.label.validity import validate
from tests.schemas.label.policies import NOW_MS, form, spif

KESTRIA = form("KESTRIA")
KINDS = {tag.name: tag.kind for tag in KESTRIA.spif.tags.values()}


def clearance(classes: str, **tags: str) -> Clearance:
    categories = []
    for name, values in tags.items():
        words = name.replace("_", " ")
        categories.append(Category("", words, KINDS[words], tuple(values.split())))
    return Clearance(KESTRIA.spif.policy, frozenset(classes.split(",")), tuple(categories))


def asked(text: str, who: Clearance, at_ms: int = NOW_MS) -> list[str]:
    """The codes of the steps; the last is "no CODE" if access is denied."""
    try:
        valid = validate(KESTRIA.read(text), KESTRIA.spif, at_ms)
        return [step.rule.value.code for step in decide(valid, hold(who, KESTRIA.spif), at_ms)]
    except Denied as error:
        return [f"no {error.rule.value.code}"]


@pytest.mark.parametrize(
    ("text", "who", "steps"),
    [
        ("SECRET", clearance("SECRET"), ["A1", "A4"]),
        ("RESTRICTED", clearance("SECRET"), ["no A4"]),  # rank alone grants nothing
        ("SECRET", clearance("RESTRICTED,UNCLASSIFIED"), ["no A4"]),
        ("SECRET//ORCHID", clearance("SECRET", Special_Handling="ORCHID"), ["A1", "A4", "A5"]),
        ("SECRET//ORCHID", clearance("SECRET"), ["no A5"]),
        ("SECRET//GRANITE, ORCHID", clearance("SECRET", Special_Handling="ORCHID"), ["no A5"]),
        ("SECRET//REL TO FRA, GBR", clearance("SECRET", Releasable_To="GBR"), ["A1", "A4", "A6"]),
        ("SECRET//REL TO FRA, GBR", clearance("SECRET", Releasable_To="USA"), ["no A6"]),
        ("SECRET//REL TO FRA, GBR", clearance("SECRET"), ["no A6"]),
        ("SECRET//MEDICAL", clearance("SECRET"), ["A1", "A4", "A7"]),
    ],
)  # fmt: skip
def test_access(text: str, who: Clearance, steps: list[str]) -> None:
    assert asked(text, who) == steps


def test_a_clearance_has_dates() -> None:
    who = replace(clearance("SECRET"), from_ms=NOW_MS, to_ms=NOW_MS + 5)
    assert asked("SECRET", who) == ["A1", "A4"]
    assert asked("SECRET", who, NOW_MS - 1) == ["no A2"]
    assert asked("SECRET", who, NOW_MS + 6) == ["no A2"]


def test_a_clearance_of_another_policy_grants_nothing() -> None:
    other = replace(clearance("SECRET"), policy=PolicyId("ALLIANCE", "urn:oid:2.999.7.2"))
    assert asked("SECRET", other) == ["no A1"]
    same_name = replace(other, policy=PolicyId("KESTRIA", "urn:oid:2.999.7.2"))
    assert asked("SECRET", same_name) == ["no A1"]
    valid = validate(KESTRIA.read("SECRET"), KESTRIA.spif, NOW_MS)
    alliance = Clearance(spif("ALLIANCE").policy, frozenset({"SECRET"}))
    with pytest.raises(Denied, match="A1"):
        decide(valid, hold(alliance, spif("ALLIANCE")), NOW_MS)


@pytest.mark.parametrize(
    "who",
    [
        clearance("SECRET,COSMIC"),
        replace(clearance("SECRET"), categories=(
            Category("", "Special Handling", CategoryKind.RESTRICTIVE, ("LILAC",)),)),
        replace(clearance("SECRET"), categories=(
            Category("", "Releasable To", CategoryKind.RESTRICTIVE, ("FRA",)),)),
        replace(clearance("SECRET"), categories=(
            Category("", "Nothing", CategoryKind.PERMISSIVE, ("FRA",)),)),
    ],
)  # fmt: skip
def test_a_clearance_that_the_policy_does_not_know_grants_nothing(who: Clearance) -> None:
    assert asked("SECRET", who) == ["no A3"]
