"""`lint`: what is wrong with a policy, found in policies that have just that wrong."""

import pytest

from schemas.label.lint import FAULT, lint
from schemas.label.spif_reader import read_spif
from tests.schemas.label.policies import NAMES, policy, spif

RESTRICTIVE = 'tagType="restrictive"'
OTHER = policy(
    '<securityClassification name="X" lacv="1" hierarchy="1">{}</securityClassification>'
    '<securityClassification name="Y" lacv="2" hierarchy="2">{}</securityClassification>',
    rest='<equivalentPolicies><equivalentPolicy name="P" id="2.999.9.1"/></equivalentPolicies>',
    name="OTHER", oid="2.999.9.2",
).decode()  # fmt: skip
LISTED = '<equivalentPolicies><equivalentPolicy name="OTHER" id="2.999.9.2"/></equivalentPolicies>'


def equivalent(lacv: int, policy_name: str = "OTHER") -> str:
    return f'<equivalentClassification policyRef="{policy_name}" lacv="{lacv}" applied="both"/>'


def classes(*insides: str) -> str:
    return "".join(
        f'<securityClassification name="{name}" lacv="{at}" hierarchy="{at}">{inside}'
        "</securityClassification>"
        for at, (name, inside) in enumerate(zip("ABC", insides, strict=False), 1)
    )


def tag(*values: tuple[str, str], bounds: str = "") -> str:
    inside = "".join(
        f'<tagCategory name="{name}" lacv="{at}">{rules}</tagCategory>'
        for at, (name, rules) in enumerate(values, 1)
    )
    return (
        f'<securityCategoryTagSet name="T" id="2.999.9.1.1"><securityCategoryTag {RESTRICTIVE}'
        f"{bounds}>{inside}</securityCategoryTag></securityCategoryTagSet>"
    )


def reference(lacv: int) -> str:
    return f'tagSetRef="T" {RESTRICTIVE} lacv="{lacv}"'


def needs(*lacvs: int, operation: str = "all") -> str:
    groups = "".join(f"<categoryGroup {reference(lacv)}/>" for lacv in lacvs)
    return f'<requiredCategory operation="{operation}">{groups}</requiredCategory>'


def excludes(lacv: int) -> str:
    return f"<excludedCategory {reference(lacv)}/>"


def codes(document: bytes, *others: bytes) -> set[str]:
    return {one.code for one in lint(read_spif(document), [read_spif(it) for it in others])}


def faults(document: bytes, *others: bytes) -> list[str]:
    found = lint(read_spif(document), [read_spif(it) for it in others])
    return [one.sentence for one in found if one.severity == FAULT]


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        (policy(classes(""), tag(("v", "<excludedClass>A</excludedClass>"))),
         ["no valid label can have v of T"]),
        (policy(classes(""), tag(("v", needs(2)), ("w", excludes(1)))),
         ["no valid label can have v of T"]),
        (policy(classes(""), tag(("v", needs(1, 2, operation="onlyOne") + needs(2)), ("w", ""))),
         ["no valid label can have v of T"]),
        (policy(classes(""), tag(("v", needs(2)), ("w", ""), bounds=' singleSelection="true"')),
         ["no valid label can have v of T"]),
        (policy(classes(needs(1), ""), tag(("v", "<excludedClass>A</excludedClass>"))),
         ["no valid label can be A"]),
        (policy(classes("", ""), tag(("v", "<excludedClass>A</excludedClass>"), ("w", needs(1)))),
         []),
        (policy(classes(needs(1, 2, operation="oneOrMore")), tag(("v", ""), ("w", excludes(1)))),
         []),
    ],
)  # fmt: skip
def test_what_no_valid_label_can_have(document: bytes, sentences: list[str]) -> None:
    assert faults(document) == sentences


def test_values_that_require_each_other() -> None:
    document = policy(
        classes(""), tag(("v", needs(2)), ("w", needs(3)), ("x", needs(1)), ("y", ""))
    )
    (found,) = [one for one in lint(read_spif(document)) if one.code == "requires-itself"]
    assert found.sentence == "v, w, x require each other"
    assert "requires-itself" not in codes(policy(classes(""), tag(("v", needs(2)), ("w", ""))))


def test_markings_that_collide() -> None:
    same = '<markingData phrase="SAME"/>'
    assert faults(policy(classes(same, same)))[0] == "A and B are both marked SAME (portionMarking)"
    french = '<markingData phrase="SAME" xml:lang="fr"><code>subject</code></markingData>'
    assert faults(policy(classes(french, french))) == [
        "A and B are both marked SAME (subject in fr)"
    ]
    assert any("A and A of T" in it for it in faults(policy(classes(""), tag(("A", "")))))
    one, other = same.replace("SAME", "ONE"), same.replace("SAME", "OTHER")
    assert faults(policy(classes(one, other))) == []


def test_labels_without_a_text_form() -> None:
    document = policy(classes("").replace('"A"', '"A, B"'))
    assert codes(document) == {"no-text-form"}


def test_classes_without_a_mapping_or_with_two() -> None:
    none = policy(classes(equivalent(1), ""), rest=LISTED)
    other = OTHER.format("", "").encode()
    assert codes(none, other) == {"class-unmapped"}
    assert faults(none, other) == []
    two = policy(classes(equivalent(1) + equivalent(2)), rest=LISTED)
    assert "class-ambiguous" in codes(two, other)
    nowhere = policy(classes(equivalent(7)), rest=LISTED)
    assert "mapped-nowhere" in codes(nowhere, other)
    assert codes(policy(classes(equivalent(1)), rest=LISTED)) == {"not-checked"}


def test_a_mapping_that_lowers() -> None:
    other = OTHER.format("", "").encode()
    upside_down = policy(classes(equivalent(2), equivalent(1)), rest=LISTED)
    assert faults(upside_down, other) == ["B is above A, but X is below Y in OTHER"]
    flat = policy(classes(equivalent(1), equivalent(1)), rest=LISTED)
    assert faults(flat, other) == []
    back = OTHER.format(equivalent(1, "P"), equivalent(2, "P")).encode()
    assert faults(flat, back) == ["B comes back from OTHER as A", "B comes round by OTHER as A"]


def test_a_mapping_that_goes_round_and_ends_elsewhere() -> None:
    back = OTHER.format(equivalent(2, "P"), equivalent(2, "P")).encode()
    rising = policy(classes(equivalent(1), equivalent(2)), rest=LISTED)
    (found,) = lint(read_spif(rising), [read_spif(back)])
    assert (found.code, found.sentence) == ("mapping-cycle", "A comes round by OTHER as B")


def test_values_that_weigh_less_elsewhere() -> None:
    gone = '<equivalentSecCategoryTag policyRef="OTHER" applied="both" action="discard"/>'
    document = policy(classes(equivalent(1)), tag(("v", gone), ("w", "")), LISTED)
    found = {one.code: one.sentence for one in lint(read_spif(document))}
    assert found["value-weakened"] == "v of T is discarded in OTHER"
    assert found["value-unmapped"] == "of T, nothing in OTHER: w"


def test_the_projects_policies_have_no_fault() -> None:
    every = [spif(name) for name in NAMES]
    for one in every:
        found = lint(one, [other for other in every if other is not one])
        assert [it.sentence for it in found if it.severity == FAULT] == []
        assert found, "each has something worth a look"
