"""Rules M1 to M5: labels as people read them, where and in which language the policy says."""

import pytest

from schemas.label.marking import PLACES, marking
from schemas.label.spif import MarkingCode
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from tests.schemas.label.policies import NOW_MS, document, form, policy


def marked(form_of: TextForm, text: str, place: MarkingCode, language: str = "") -> str:
    return marking(validate(form_of.read(text), form_of.spif, NOW_MS), place, language)


@pytest.mark.parametrize(
    ("name", "text", "place", "language", "wanted"),
    [
        ("KESTRIA", "SECRET//REL TO FRA, GBR", MarkingCode.PORTION, "", "(KS//REL TO FRA, GBR)"),
        ("KESTRIA", "SECRET//ORCHID, GRANITE", MarkingCode.PAGE_TOP, "",
         "KESTRIA SECRET//GRANITE/ORCHID"),
        ("KESTRIA", "UNCLASSIFIED", MarkingCode.PAGE_BOTTOM, "fr", "KESTRIA NON CLASSIFIÉ"),
        ("KESTRIA", "UNCLASSIFIED", MarkingCode.PAGE_BOTTOM, "de", "KESTRIA UNCLASSIFIED"),
        ("ALLIANCE", "RESTRICTED", MarkingCode.PORTION, "", "(AR)"),
        ("BEACON", "AMBER//FOR MEMBERS//INCIDENT", MarkingCode.SUBJECT, "",
         "BEACON: AMBER FOR MEMBERS INCIDENT"),
        ("MERIDIAN", "INTERNAL//KEEP ONE YEAR", MarkingCode.PORTION, "",
         "[INTERNAL - KEEP ONE YEAR]"),
        ("MERIDIAN", "PUBLIC", MarkingCode.DOCUMENT_START, "", "PUBLIC"),
    ],
)  # fmt: skip
def test_the_projects_policies(
    name: str, text: str, place: MarkingCode, language: str, wanted: str
) -> None:
    assert marked(form(name), text, place, language) == wanted


def one_class(marks: str, tag: str = "", rest: str = "") -> TextForm:
    classes = (
        f'<securityClassification name="A" lacv="1" hierarchy="1">{marks}</securityClassification>'
    )
    tags = (
        '<securityCategoryTagSet name="T" id="2.999.9.1.1"><securityCategoryTag'
        f' tagType="restrictive">{tag}</securityCategoryTag></securityCategoryTagSet>'
    )
    return TextForm.of(read_spif(policy(classes, tags if tag else "", rest)))


def test_a_phrase_for_the_place_comes_before_one_for_every_place() -> None:
    it = one_class(
        '<markingData phrase="everywhere"/>'
        '<markingData phrase="page"><code>pageTopBottom</code></markingData>'
        '<markingData phrase="subject" xml:lang="fr"><code>subject</code></markingData>'
    )
    assert marked(it, "A", MarkingCode.PAGE_TOP) == "P page"
    assert marked(it, "A", MarkingCode.PAGE_BOTTOM, "fr") == "P page"
    assert marked(it, "A", MarkingCode.SUBJECT) == "P everywhere"
    assert marked(it, "A", MarkingCode.SUBJECT, "fr") == "P subject"


def test_a_place_may_stay_without_a_name() -> None:
    for code in ("noNameDisplay", "noMarkingDisplay"):
        it = one_class(
            f'<markingData phrase="x"><code>pageTop</code><code>{code}</code></markingData>'
        )
        assert marked(it, "A", MarkingCode.PAGE_TOP) == "P"
        assert marked(it, "A", MarkingCode.PAGE_BOTTOM) == "P A"


def test_a_value_may_stand_for_the_classification() -> None:
    value = (
        '<tagCategory name="v" lacv="1"><markingData phrase="V ONLY">'
        "<code>suppressClassName</code></markingData></tagCategory>"
    )
    assert marked(one_class("", value), "A//v", MarkingCode.PAGE_TOP) == "P V ONLY"
    assert marked(one_class("", value), "A", MarkingCode.PAGE_TOP) == "P A"


def test_a_policy_may_go_by_another_name() -> None:
    rest = (
        '<markingData phrase="Policy"><code>replacePolicy</code></markingData>'
        '<markingQualifier markingCode="waterMark"><qualifier markingQualifier="*"'
        ' qualifierCode="prefix"/><qualifier markingQualifier="!" qualifierCode="suffix"/>'
        "</markingQualifier>"
    )
    assert marked(one_class("", rest=rest), "A", MarkingCode.WATER_MARK) == "*Policy A!"
    assert marked(one_class("", rest=rest), "A", MarkingCode.SUBJECT) == "Policy A"


def test_every_label_has_a_marking_at_every_place() -> None:
    kestria = TextForm.of(read_spif(document("KESTRIA")))
    for place in PLACES:
        for language in ("", "fr", "x-none"):
            assert "SECRET" in marked(kestria, "SECRET", place, language) or (
                place is MarkingCode.PORTION
            )
