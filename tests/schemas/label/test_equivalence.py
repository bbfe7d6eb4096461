"""Rules E1 to E6: the same label in another policy, or a denial."""

import pytest

from schemas.label.clauses import Denied
from schemas.label.equivalence import Equivalence
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from tests.schemas.label.policies import NOW_MS, form, policy

P, R, INFORMS = 'tagType="permissive"', 'tagType="restrictive"', 'tagType="tagType7"'
TARGET = policy(
    '<securityClassification name="X" lacv="1" hierarchy="1"/>'
    '<securityClassification name="Y" lacv="2" hierarchy="2"/>',
    f'<securityCategoryTagSet name="TP" id="2.999.9.2.1"><securityCategoryTag {P}>'
    '<tagCategory name="p1" lacv="1"/><tagCategory name="p2" lacv="2"/>'
    '<tagCategory name="p3" lacv="3"><excludedClass>Y</excludedClass></tagCategory>'
    "</securityCategoryTag></securityCategoryTagSet>"
    f'<securityCategoryTagSet name="TR" id="2.999.9.2.2"><securityCategoryTag {R}>'
    '<tagCategory name="r1" lacv="1"/><tagCategory name="r2" lacv="2"/>'
    "</securityCategoryTag></securityCategoryTagSet>"
    f'<securityCategoryTagSet name="TI" id="2.999.9.2.3"><securityCategoryTag {INFORMS}>'
    '<tagCategory name="i1" lacv="1"/></securityCategoryTag></securityCategoryTagSet>',
    name="TARGET", oid="2.999.9.2",
)  # fmt: skip
TO = '<equivalentSecCategoryTag policyRef="TARGET" '
IMAGES = {
    "p": f'{TO}tagSetId="2.999.9.2.1" {P} lacv="%s" applied="both"/>',
    "r": f'{TO}tagSetId="2.999.9.2.2" {R} lacv="%s" applied="both"/>',
    "i": f'{TO}tagSetId="2.999.9.2.3" {INFORMS} lacv="%s" applied="both"/>',
    "x": f'{TO}tagSetId="2.999.9.2.2" {R} lacv="%s" applied="decrypt"/>',
    "-": f'{TO}applied="both" action="discard"/>%s',
}


def source(
    values: dict[str, str], needs: str = "", always: str = "", more_class: str = ""
) -> bytes:
    """A policy of class A with the tags SP and SR; values: "P a" or "R b" -> images, "p1 r2"."""
    tags = ""
    for kind, attributes, number in (("P", P, 1), ("R", R, 2), ("I", INFORMS, 3)):
        inside = ""
        for at, (name, images) in enumerate(values.items(), 1):
            if name[0] == kind:
                mapped = "".join(IMAGES[image[0]] % image[1:] for image in images.split())
                inside += f'<tagCategory name="{name[2:]}" lacv="{at}">{mapped}</tagCategory>'
        if inside:
            tags += (
                f'<securityCategoryTagSet name="S{kind}" id="2.999.9.1.{number}">'
                f"<securityCategoryTag {attributes}>{inside}"
                "</securityCategoryTag></securityCategoryTagSet>"
            )
    return policy(
        '<securityClassification name="A" lacv="1" hierarchy="1"><equivalentClassification'
        f' policyRef="TARGET" lacv="1" applied="both">{needs}</equivalentClassification>'
        f"{more_class}</securityClassification>",
        tags,
        '<equivalentPolicies><equivalentPolicy name="TARGET" id="2.999.9.2">'
        f"{always}</equivalentPolicy></equivalentPolicies>",
    )


def need(operation: str, *lacvs: str) -> str:
    groups = "".join(
        f'<categoryGroup tagSetRef="T{lacv[0].upper()}" {P if lacv[0] == "p" else R}'
        f' lacv="{lacv[1:]}"/>'
        for lacv in lacvs
    )
    return f'<requiredCategory operation="{operation}">{groups}</requiredCategory>'


def there(document: bytes, text: str) -> str:
    one, other = read_spif(document), read_spif(TARGET)
    try:
        valid = validate(TextForm.of(one).read(text), one, NOW_MS)
        translated = Equivalence.between(one, other).translate(valid, NOW_MS)
    except Denied as error:
        return f"no {error.rule.value.code}"
    assert translated.labels.originator == valid.label
    assert translated.labels.alternatives == (translated.valid.label,)
    return TextForm.of(other).write(translated.valid.label).removeprefix("TARGET ")


def test_e1_the_other_policy_is_listed() -> None:
    kestria, beacon = form("KESTRIA").spif, form("BEACON").spif
    with pytest.raises(Denied, match="E1"):
        Equivalence.between(kestria, beacon)
    valid = validate(form("BEACON").read("GREEN"), beacon, NOW_MS)
    with pytest.raises(Denied, match="E1"):
        Equivalence.between(kestria, form("ALLIANCE").spif).translate(valid, NOW_MS)


def test_e2_exactly_one_classification_applies() -> None:
    another = '<equivalentClassification policyRef="TARGET" lacv="{}" applied="{}"/>'
    assert there(source({}), "A") == "X"
    assert there(source({}, more_class=another.format(2, "decrypt")), "A") == "X"
    for applied in ("both", "encrypt"):
        assert there(source({}, more_class=another.format(2, applied)), "A") == "no E2"
        assert there(source({}, more_class=another.format(9, applied)), "A") == "no E2"
    none = source({}).replace(b'applied="both"', b'applied="decrypt"')
    assert there(none, "A") == "no E2"
    nowhere = source({}).replace(b'policyRef="TARGET" lacv="1"', b'policyRef="TARGET" lacv="7"')
    assert there(nowhere, "A") == "no E2"


@pytest.mark.parametrize(
    ("images", "wanted"),
    [("r1", "X//r1"), ("r1 r2", "X//r1, r2"), ("-", "X"), ("", "no E3"), ("x1", "no E3"),
     ("r9", "no E3"), ("r1 r9", "no E3"), ("r1 -", "no E3"), ("p1", "X//p1"), ("i1", "X//i1")],
)  # fmt: skip
def test_e3_each_value_is_mapped_or_discarded(images: str, wanted: str) -> None:
    assert there(source({"R a": images}), "A//a") == wanted


@pytest.mark.parametrize(
    ("values", "text", "wanted"),
    [
        ({"P a": "p1", "P b": "p2"}, "A//a, b", "X//p1, p2"),
        ({"P a": "p1", "P b": "-"}, "A//a, b", "X//p1"),
        ({"P a": "p1", "P b": "-"}, "A//b", "no E4"),  # nothing left: it would be for everyone
        ({"P a": "i1"}, "A//a", "no E4"),
        ({"P a": "r1", "P b": "p2"}, "A//a, b", "X//p2//r1"),  # narrower, never wider
        ({"P a": "p1 p2", "R b": "p2"}, "A//a//b", "X//p2"),  # two conditions: what they share
        ({"P a": "p1", "R b": "p2"}, "A//a//b", "no E4"),
        ({"R a": "p1", "R b": "p1 p2"}, "A//a, b", "X//p1"),
        ({"I a": "-"}, "A//a", "X"),
        ({"I a": "i1"}, "A//a", "X//i1"),
        ({"I a": "p1", "P b": "p2"}, "A//b//a", "no E4"),
    ],
)
def test_e4_a_condition_is_never_lost_or_widened(
    values: dict[str, str], text: str, wanted: str
) -> None:
    assert there(source(values), text) == wanted


@pytest.mark.parametrize(
    ("needs", "values", "wanted"),
    [
        (need("all", "r1", "r2"), {"R a": "-"}, "X//r1, r2"),
        (need("onlyOne", "r1"), {"R a": "-"}, "X//r1"),
        (need("oneOrMore", "r1", "r2"), {"R a": "r2"}, "X//r2"),
        (need("oneOrMore", "r1", "r2"), {"R a": "-"}, "no E5"),  # which of them is left open
        (need("onlyOne", "r1", "r2"), {"R a": "r1"}, "X//r1"),
        (need("onlyOne", "r1", "r2"), {"R a": "r1 r2"}, "no E5"),
        (need("all", "p1"), {"R a": "p1 p2"}, "X//p1"),
        (need("all", "p1"), {"R a": "p2"}, "no E4"),
        (need("all", "p9"), {"R a": "-"}, "no E5"),
        (need("oneOrMore", "p1", "p2") + need("all", "p3"), {"R a": "p1 p3"}, "no E5"),
    ],
)
def test_e5_what_the_equivalence_requires_is_added(
    needs: str, values: dict[str, str], wanted: str
) -> None:
    assert there(source(values, needs), "A//a") == wanted
    assert there(source(values, always=needs), "A//a") == wanted


def test_e6_the_result_is_valid_over_there() -> None:
    high = source({"R a": "p3"}).replace(
        b'policyRef="TARGET" lacv="1"', b'policyRef="TARGET" lacv="2"'
    )
    assert there(source({"R a": "p3"}), "A//a") == "X//p3"
    assert there(high, "A//a") == "no E6"


@pytest.mark.parametrize(
    ("one", "other", "text", "wanted"),
    [
        ("KESTRIA", "ALLIANCE", "SECRET//REL TO FRA, GBR", "ALLIANCE SECRET//REL TO FRA, GBR"),
        ("KESTRIA", "ALLIANCE", "RESTRICTED//ORCHID//MEDICAL, STAFF",
         "ALLIANCE RESTRICTED//BALTIC//MEDICAL"),
        ("KESTRIA", "ALLIANCE", "TOP SECRET//GRANITE", "no E2"),
        ("KESTRIA", "ALLIANCE", "SECRET//GRANITE", "no E3"),
        ("ALLIANCE", "KESTRIA", "RESTRICTED//REL TO FRA, PARTNERS",
         "KESTRIA RESTRICTED//REL TO FRA"),
        ("ALLIANCE", "KESTRIA", "RESTRICTED//REL TO PARTNERS", "no E4"),
        ("ALLIANCE", "BEACON", "RESTRICTED", "BEACON AMBER//FOR MEMBERS"),
        ("BEACON", "ALLIANCE", "RED//FOR MEMBERS", "ALLIANCE CONFIDENTIAL//COMMUNITY CYBER"),
        ("BEACON", "MERIDIAN", "RED//FOR RESPONDERS",
         "MERIDIAN STRICTLY CONFIDENTIAL//FOR SECURITY TEAM"),
        ("MERIDIAN", "BEACON", "CONFIDENTIAL", "BEACON AMBER//FOR MEMBERS"),
        ("MERIDIAN", "BEACON", "INTERNAL//PROJECT COMET", "no E3"),
    ],
)  # fmt: skip
def test_the_projects_policies(one: str, other: str, text: str, wanted: str) -> None:
    mine, its = form(one), form(other)
    valid = validate(mine.read(text), mine.spif, NOW_MS)
    try:
        found = its.write(
            Equivalence.between(mine.spif, its.spif).translate(valid, NOW_MS).valid.label
        )
    except Denied as error:
        found = f"no {error.rule.value.code}"
    assert found == wanted
