"""Rules V1 to V14 of docs/spec/labels.md, each with a label that is valid and one that is not."""

from dataclasses import replace

import pytest

from schemas.label.clauses import Denied
from schemas.label.model import Category, CategoryKind, Label, PolicyId, Succession
from schemas.label.spif_reader import read_spif
from schemas.label.validity import SKEW_MS_MAX, standing, validate
from tests.schemas.label.policies import FUTURE, NOW_MS, PAST, form, policy, spif

ID = PolicyId("P", "urn:oid:2.999.9.1")
RESTRICTIVE = 'tagType="enumerated" enumType="restrictive"'
CLASSES = (
    '<securityClassification name="LOW" lacv="1" hierarchy="1"/>'
    '<securityClassification name="HIGH" lacv="2" hierarchy="2"/>'
)


def tag(
    values: str, attributes: str = RESTRICTIVE, name: str = "T", oid: str = "2.999.9.1.1"
) -> str:
    return (
        f'<securityCategoryTagSet name="{name}" id="{oid}"><securityCategoryTag {attributes}>'
        f"{values}</securityCategoryTag></securityCategoryTagSet>"
    )


def value(name: str, lacv: int, inside: str = "", more: str = "") -> str:
    return f'<tagCategory name="{name}" lacv="{lacv}"{more}>{inside}</tagCategory>'


def label(classification: str = "LOW", *values: str) -> Label:
    kinds = CategoryKind.RESTRICTIVE
    categories = (Category("urn:oid:2.999.9.1.1", "T", kinds, values),) if values else ()
    return Label(ID, classification, categories)


def rule_of(one: Label, document: bytes, at_ms: int = NOW_MS) -> str:
    """The code of the rule that says no; "" if the label is valid."""
    try:
        validate(one, read_spif(document), at_ms)
    except Denied as error:
        return error.rule.value.code
    return ""


def test_a_denial_names_its_rule_its_source_and_a_reason() -> None:
    with pytest.raises(Denied) as caught:
        validate(label("MIDDLE"), read_spif(policy(CLASSES)), NOW_MS)
    rule = caught.value.rule.value
    assert f"[{rule.code}, {rule.source}]" in caught.value.sentence
    assert caught.value.reason == rule.reason == "label-unknown"


def test_v1_the_label_names_this_policy_by_name_and_by_identifier() -> None:
    document = policy(CLASSES)
    assert rule_of(label(), document) == ""
    assert rule_of(replace(label(), policy=PolicyId("P")), document) == ""
    for other in (PolicyId("Q", ID.uri), PolicyId("P", "urn:oid:2.999.9.2"), PolicyId("Q")):
        assert rule_of(replace(label(), policy=other), document) == "V1"


@pytest.mark.parametrize(
    ("window", "code"),
    [("", ""), (f'notBefore="{PAST}"', ""), (f'notBefore="{FUTURE}"', "V2"),
     (f'notAfter="{FUTURE}"', ""), (f'notAfter="{PAST}"', "V2")],
)  # fmt: skip
def test_v2_the_policy_is_in_force(window: str, code: str) -> None:
    assert rule_of(label(), policy(CLASSES, attributes=window)) == code


def test_v3_the_policy_knows_the_classification_by_its_exact_name() -> None:
    for name in ("MIDDLE", "low", "LOW."):
        assert rule_of(label(name), policy(CLASSES)) == "V3"


def test_v4_what_is_obsolete_is_refused_unless_old_labels_are_asked_for() -> None:
    classes = CLASSES.replace('hierarchy="1"', 'hierarchy="1" obsolete="true"')
    document = policy(classes, tag(value("A", 1) + value("B", 2, more=' obsolete="1"')))
    assert rule_of(label("LOW"), document) == "V4"
    assert rule_of(label("HIGH", "B"), document) == "V4"
    assert rule_of(label("HIGH", "A"), document) == ""
    old = validate(label("LOW", "B"), read_spif(document), NOW_MS, obsolete_ok=True)
    assert old.classification.name == "LOW"


def test_v5_each_tag_is_known_and_of_its_kind() -> None:
    document = policy(CLASSES, tag(value("A", 1)))
    there = label("LOW", "A")
    assert rule_of(there, document) == ""
    wrong = (
        Category("urn:oid:2.999.9.1.2", "T", CategoryKind.RESTRICTIVE, ("A",)),
        Category("urn:oid:2.999.9.1.1", "U", CategoryKind.RESTRICTIVE, ("A",)),
        Category("urn:oid:2.999.9.1.1", "T", CategoryKind.PERMISSIVE, ("A",)),
        Category("urn:oid:2.999.9.1.1", "T", CategoryKind.INFORMATIVE, ("A",)),
    )
    for category in wrong:
        assert rule_of(replace(there, categories=(category,)), document) == "V5"
    by_name = Category("", "T", CategoryKind.RESTRICTIVE, ("A",))
    assert rule_of(replace(there, categories=(by_name,)), document) == ""
    twice = (*there.categories, by_name)
    assert rule_of(replace(there, categories=twice), document) == "V5"


def test_v6_each_value_is_known() -> None:
    assert rule_of(label("LOW", "A", "B"), policy(CLASSES, tag(value("A", 1)))) == "V6"


@pytest.mark.parametrize(
    ("window", "code"),
    [(f' notBefore="{PAST}"', ""), (f' notBefore="{FUTURE}"', "V7"),
     (f' notAfter="{FUTURE}"', ""), (f' notAfter="{PAST}"', "V7"),
     (f' notBefore="{PAST}" notAfter="{FUTURE}"', "")],
)  # fmt: skip
def test_v7_a_value_is_within_its_dates(window: str, code: str) -> None:
    assert rule_of(label("LOW", "A"), policy(CLASSES, tag(value("A", 1, more=window)))) == code


@pytest.mark.parametrize(
    ("bounds", "count", "code"),
    [('singleSelection="true"', 1, ""), ('singleSelection="true"', 2, "V8"),
     ('singleSelection="true" maxSelection="3"', 2, "V8"),
     ('maxSelection="2"', 2, ""), ('maxSelection="2"', 3, "V8"),
     ('minSelection="2"', 2, ""), ('minSelection="2"', 1, "V8"), ('minSelection="1"', 0, "V8"),
     ('minSelection="unbounded" maxSelection="unbounded"', 3, ""), ('maxSelection="0"', 1, "V8")],
)  # fmt: skip
def test_v8_a_tag_has_as_many_values_as_it_may(bounds: str, count: int, code: str) -> None:
    values = "".join(value(name, at) for at, name in enumerate("ABC"))
    document = policy(CLASSES, tag(values, f"{RESTRICTIVE} {bounds}"))
    assert rule_of(label("LOW", *"ABC"[:count]), document) == code


def test_v9_a_value_has_the_classification_it_requires() -> None:
    document = policy(CLASSES, tag(value("A", 1, more=' requiredClass="HIGH"')))
    assert rule_of(label("HIGH", "A"), document) == ""
    assert rule_of(label("LOW", "A"), document) == "V9"


def test_v10_a_value_excludes_classifications() -> None:
    document = policy(CLASSES, tag(value("A", 1, "<excludedClass>LOW</excludedClass>")))
    assert rule_of(label("HIGH", "A"), document) == ""
    assert rule_of(label("LOW", "A"), document) == "V10"


@pytest.mark.parametrize(
    ("operation", "valid"),
    [("onlyOne", {"B", "C", "BD", "CD"}), ("oneOrMore", {"B", "C", "BC", "BD", "CD", "BCD"}),
     ("all", {"BC", "BCD"})],
)  # fmt: skip
def test_v11_what_is_required_is_there(operation: str, valid: set[str]) -> None:
    group = f'<categoryGroup tagSetRef="T" {RESTRICTIVE} lacv="{{}}"/>'
    required = (
        f'<requiredCategory operation="{operation}">{group.format(2)}{group.format(3)}'
        "</requiredCategory>"
    )
    values = value("A", 1, required) + "".join(value(it, at) for at, it in ((2, "B"), (3, "C")))
    by_value = policy(CLASSES, tag(values + value("D", 4)))
    plain = "".join(value(name, at) for at, name in enumerate("ABCD", 1))
    by_class = policy(CLASSES.replace('"1"/>', f'"1">{required}</securityClassification>'),
                      tag(plain))  # fmt: skip
    for others in ("", "B", "C", "D", "BC", "BD", "CD", "BCD"):
        wanted = "" if others in valid else "V11"
        assert rule_of(label("LOW", "A", *others), by_value) == wanted
        assert rule_of(label("LOW", *others), by_value) == ""
        assert rule_of(label("LOW", "A", *others), by_class) == wanted


def test_v11_a_group_may_be_a_whole_tag_set() -> None:
    required = (
        '<requiredCategory operation="all">'
        f'<categoryGroup tagSetRef="T" {RESTRICTIVE} all="true"/></requiredCategory>'
    )
    classes = CLASSES.replace('"1"/>', f'"1">{required}</securityClassification>')
    document = policy(classes, tag(value("A", 1) + value("B", 2)))
    assert rule_of(label("LOW"), document) == "V11"
    assert rule_of(label("LOW", "B"), document) == ""


def test_v12_a_value_excludes_others() -> None:
    one = f'<excludedCategory tagSetRef="T" {RESTRICTIVE} lacv="2"/>'
    document = policy(CLASSES, tag(value("A", 1, one) + value("B", 2) + value("C", 3)))
    assert rule_of(label("LOW", "A", "C"), document) == ""
    assert rule_of(label("LOW", "B", "C"), document) == ""
    assert rule_of(label("LOW", "A", "B"), document) == "V12"
    every = value("A", 1, '<excludedCategory tagSetRef="U" tagType="permissive" all="true"/>')
    other = tag(value("X", 1), 'tagType="permissive"', "U", "2.999.9.1.2")
    there = Category("", "U", CategoryKind.PERMISSIVE, ("X",))
    both = replace(label("LOW", "A"), categories=(*label("LOW", "A").categories, there))
    assert rule_of(both, policy(CLASSES, tag(every) + other)) == "V12"


def test_v13_a_label_from_the_future_is_refused() -> None:
    made = replace(label(), created_ms=NOW_MS + SKEW_MS_MAX)
    assert rule_of(made, policy(CLASSES)) == ""
    assert rule_of(made, policy(CLASSES), NOW_MS - 1) == "V13"


def test_v14_a_privacy_mark_is_one_of_those_listed() -> None:
    marked = replace(label(), privacy_mark="IN CONFIDENCE")
    assert rule_of(marked, policy(CLASSES)) == ""
    listing = (
        '<privacyMarks><privacyMark name="PERSONAL"/>'
        '<privacyMark name="IN CONFIDENCE" obsolete="true"/></privacyMarks>'
    )
    assert rule_of(marked, policy(CLASSES, rest=listing)) == "V14"
    personal = replace(marked, privacy_mark="PERSONAL")
    assert rule_of(personal, policy(CLASSES, rest=listing)) == ""


def test_the_successor_stands_from_its_time_on() -> None:
    later = Label(ID, "LOW")
    first = replace(label("HIGH"), successions=(Succession(NOW_MS, later),))
    assert standing(first, NOW_MS - 1) is first
    assert standing(first, NOW_MS) is later
    document = read_spif(policy(CLASSES))
    assert validate(first, document, NOW_MS).label == later
    assert validate(first, document, NOW_MS - 1).classification.name == "HIGH"


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("KESTRIA", "SECRET//ORCHID//REL TO FRA, KST//MEDICAL", ""),
        ("KESTRIA", "OFFICIAL", "V4"),
        ("KESTRIA", "SECRET//HEATHER", "V4"),
        ("KESTRIA", "TOP SECRET", "V11"),
        ("KESTRIA", "TOP SECRET//KESTRIA EYES ONLY", ""),
        ("KESTRIA", "SECRET//KESTRIA EYES ONLY//REL TO FRA", "V12"),
        ("KESTRIA", "UNCLASSIFIED//ORCHID", "V10"),
        ("ALLIANCE", "TOP SECRET//BALTIC, POLARIS", ""),
        ("ALLIANCE", "TOP SECRET//POLARIS", "V11"),
        ("ALLIANCE", "SECRET//BALTIC, POLARIS", "V9"),
        ("BEACON", "RED//FOR MEMBERS", ""),
        ("BEACON", "RED//FOR MEMBERS, RESPONDERS", "V11"),
        ("BEACON", "GREEN//INCIDENT, MALWARE, VULNERABILITY", "V8"),
        ("MERIDIAN", "INTERNAL//PROJECT AURORA, COMET", ""),
        ("MERIDIAN", "INTERNAL//PROJECT AURORA, BOREAS", "V12"),
        ("MERIDIAN", "INTERNAL//KEEP ONE YEAR, SEVEN YEARS", "V8"),
    ],
)
def test_labels_of_the_projects_policies(name: str, text: str, code: str) -> None:
    found = ""
    try:
        validate(form(name).read(text), spif(name), NOW_MS)
    except Denied as error:
        found = error.rule.value.code
    assert found == code
