"""IC-ISM: attributes, marks and documents; the real sample and vocabularies where they are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from filters.formats.ism_marks import banner_mark, portion_mark, read_banner, read_portion
from filters.formats.ism_rollup import check_rolls_up, policy_of
from filters.formats.label_ism import (
    NAMESPACE,
    POLICY,
    attributes_of,
    label_from,
    read_document,
)
from schemas.errors import Malformed
from schemas.label.dominance import dominate
from schemas.label.model import Label, PolicyId
from schemas.reasons import Reason
from tests.filters.formats.label_cases import VECTORS, label_of

Q = f"{{{NAMESPACE}}}"


@pytest.mark.parametrize("case", VECTORS["ism"], ids=lambda case: case["name"])
def test_attributes_and_marks_say(case: dict[str, Any]) -> None:
    label = label_of(case["label"])
    assert label_from(case["given"]) == label
    assert label_from(attributes_of(label)) == label
    assert (portion_mark(label), banner_mark(label)) == (case["portion"], case["banner"])
    assert read_portion(case["portion"][1:-1]) == read_banner(case["banner"]) == label


@pytest.mark.parametrize("case", VECTORS["ism_refused"], ids=lambda case: case["name"])
def test_attributes_that_contradict(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as raised:
        label_from(case["given"])
    assert raised.value.reason is Reason.LABEL_MALFORMED


@pytest.mark.parametrize("mark", VECTORS["marks_refused"])
def test_what_is_no_mark(mark: str) -> None:
    for read in (read_portion, read_banner):
        if mark == "SECRET//NOFORN//" or read is read_portion:
            with pytest.raises(Malformed):
                read(mark)


@given(st.text(max_size=40) | st.text("STUCR/NFEL O,GBAJ()-", max_size=40))
def test_any_text_is_a_mark_or_malformed(untrusted: str) -> None:
    for read, write in ((read_portion, portion_mark), (read_banner, banner_mark)):
        try:
            label = read(untrusted)
        except Malformed:
            continue
        assert read(write(label).strip("()")) == label


@given(st.dictionaries(
    st.sampled_from(["atomicEnergyMarkings", "nonICmarkings", "SARIdentifier", "FGIsourceOpen",
                     "SCIcontrols", "disseminationControls", "nonUSControls", "ownerProducer"]),
    st.lists(st.text("ABRDX1-_", min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join),
))  # fmt: skip
def test_any_words_are_marked_or_malformed(words_: dict[str, str]) -> None:
    try:
        label = label_from({"classification": "S", "ownerProducer": "USA", **words_})
        marks = portion_mark(label), banner_mark(label)
    except Malformed:
        return
    assert all(marks)


NATIONS = ("AUS", "DEU", "FRA", "GBR", "NATO")
words = st.sets(st.sampled_from(["SI", "TK", "HCS"]), max_size=2)


@st.composite
def ism_labels(draw: st.DrawFn) -> Label:
    given_ = {"classification": draw(st.sampled_from(["U", "C", "S", "TS"]))}
    given_["ownerProducer"] = "USA"
    controls = sorted(draw(st.sets(st.sampled_from(["FOUO", "OC", "RS"]), max_size=2)))
    if draw(st.booleans()):
        nations = sorted(draw(st.sets(st.sampled_from(NATIONS), min_size=1)))
        given_["releasableTo"] = " ".join(["USA", *nations])
        controls.append("REL")
    elif draw(st.booleans()):
        controls.append("NF")
    for name, value in (("SCIcontrols", sorted(draw(words))), ("disseminationControls", controls)):
        if value:
            given_[name] = " ".join(value)
    return label_from(given_)


@given(ism_labels())
def test_marks_and_attributes_say_the_same(label: Label) -> None:
    assert label_from(attributes_of(label)) == label
    assert read_portion(portion_mark(label)[1:-1]) == label
    assert read_banner(banner_mark(label)) == label


@given(st.lists(ism_labels(), min_size=1, max_size=5))
def test_the_label_that_dominates_all_rolls_up(parts: list[Label]) -> None:
    try:
        banner = dominate(parts, policy_of(parts))
    except Malformed:
        return  # they share nobody to release to
    assert check_rolls_up(banner, parts) == banner


@given(ism_labels(), ism_labels())
def test_a_banner_is_never_released_more_widely_than_a_portion(over: Label, under: Label) -> None:
    try:
        check_rolls_up(over, [under])
    except Malformed:
        return
    nations = {label: _released(label) for label in (over, under)}
    allowed = nations[under]
    assert allowed is None or (nations[over] or {"anyone"}) <= allowed


def _released(label: Label) -> set[str] | None:
    found = [set(it.values) for it in label.categories if it.tag == "releasableTo"]
    return found[0] if found else None


def mark(text: str) -> Label:
    return read_portion(text)


@pytest.mark.parametrize(
    ("banner", "portions"),
    [
        ("SECRET//NOFORN", ["U", "S//NF", "C", "S//REL TO USA, GBR"]),
        ("SECRET//REL TO USA, GBR", ["U", "S//REL TO USA, GBR", "C//REL TO USA, FRA, GBR"]),
        ("SECRET", ["U//FOUO", "S"]),
        ("TOP SECRET//SI/TK//NOFORN", ["TS//SI//NF", "S//TK//NF"]),
        ("SECRET//FGI GBR//REL TO USA, GBR", ["U", "S//FGI GBR//REL TO USA, GBR"]),
    ],
)
def test_banners_that_roll_up(banner: str, portions: list[str]) -> None:
    whole = read_banner(banner)
    assert check_rolls_up(whole, [mark(portion) for portion in portions]) == whole


@pytest.mark.parametrize(
    ("banner", "portion"),
    [
        ("CONFIDENTIAL//NOFORN", "S//NF"),
        ("SECRET", "S//NF"),
        ("SECRET//REL TO USA, GBR", "S//NF"),
        ("SECRET//REL TO USA, FRA, GBR", "S//REL TO USA, GBR"),
        ("SECRET//REL TO USA, GBR", "S"),
        ("SECRET//SI//NOFORN", "S//TK//NF"),
        ("UNCLASSIFIED", "U//FOUO"),
        ("SECRET//NOFORN", "//NS"),
        ("SECRET//NOFORN", "S//DISPLAY ONLY AFG"),
    ],
)
def test_banners_that_do_not(banner: str, portion: str) -> None:
    with pytest.raises(Malformed):
        check_rolls_up(read_banner(banner), [mark(portion)])


ROOT = f'<r xmlns:ism="{NAMESPACE}" ism:resourceElement="true" ism:DESVersion="10"'
ROOT += ' ism:createDate="2026-09-26" ism:classification="S" ism:ownerProducer="USA">'
PART = '<p ism:classification="C" ism:ownerProducer="USA">x</p>'


def test_a_document_says_its_banner_and_portions() -> None:
    left_out = PART.replace("<p", '<q ism:excludeFromRollup="true"').replace("</p", "</q")
    found = read_document(f"{ROOT}{PART}<s>{PART}</s>{left_out}</r>".encode())
    assert (found.banner.classification, found.banner.created_ms) == ("S", 1_790_380_800_000)
    assert [portion.classification for portion in found.portions] == ["C", "C"]
    assert [portion.classification for portion in found.excluded] == ["C"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (' ism:resourceElement="true"', "", Reason.LABEL_MISSING),
        (' ism:classification="S" ism:ownerProducer="USA"', "", Reason.LABEL_MISSING),
        (' ism:ownerProducer="USA">', ">", Reason.LABEL_MALFORMED),
        ('"true"', '"TRUE"', Reason.LABEL_MALFORMED),
        ("<p ", '<p ism:resourceElement="true" ', Reason.LABEL_MALFORMED),
        ("<p ", '<p ism:SCIControls="SI" ', Reason.LABEL_MALFORMED),
        ("<p ", f'<p xmlns:v2="{NAMESPACE}:v2" v2:classification="TS" ', Reason.LABEL_MALFORMED),
        ("2026-09-26", "2026-09-31", Reason.LABEL_MALFORMED),
        ('ism:createDate="2026-09-26"', 'ism:excludeFromRollup="true"', Reason.LABEL_MISSING),
        ("<p ", "<!-- --><p ", Reason.XML_DOCTYPE),
    ],
)
def test_documents_that_are_not_labelled(old: str, new: str, reason: Reason) -> None:
    text = f"{ROOT}{PART}</r>"
    assert old in text
    with pytest.raises(Malformed) as raised:
        read_document(text.replace(old, new, 1).encode())
    assert raised.value.reason is reason


def test_labels_of_other_policies_have_no_attributes() -> None:
    label = label_from({"classification": "U", "ownerProducer": "USA"})
    for wrong in (
        replace(label, policy=PolicyId("NATO")),
        replace(label, privacy_mark="CLEAR"),
        replace(label, review_ms=0),
        replace(label, created_ms=1),
        replace(label, categories=()),
    ):
        with pytest.raises(Malformed):
            attributes_of(wrong)
    assert label.policy == POLICY


# -- real vocabularies and tests of the standard, where they are -------------------------------


def test_the_sample_is_read_and_rolls_up(shared: Path) -> None:
    folder = shared / "labels" / "ism-v10"
    found = read_document((folder / "sample-SuperHero-ism.xml").read_bytes())
    assert found.banner.classification == "U"
    assert len(found.portions) == 1
    assert check_rolls_up(found.banner, found.portions) == found.banner


def test_every_mark_of_the_standards_own_tests(shared: Path) -> None:
    path = shared / "labels" / "ism-v10" / "Test" / "testConfig.xml"
    tests = etree.parse(path).getroot().findall("test")
    assert len(tests) > 50
    unread = 0
    for test in tests:
        given_ = {
            name.removeprefix(Q): value for name, value in test.find("sampleAttributes").items()
        }
        label = label_from(given_)
        assert label_from(attributes_of(label)) == label
        visible = replace(
            label,
            categories=tuple(it for it in label.categories if it.tag in _MARKED),
        )
        for name, write, read in (
            ("portion", portion_mark, read_portion),
            ("banner", banner_mark, read_banner),
        ):
            for expected in (it.text.strip() for it in test.findall(name)):
                assert _loosely(write(label)) == _loosely(expected)
                try:
                    assert read(expected.removeprefix("(").removesuffix(")")) == visible
                except Malformed:
                    unread += 1
    assert unread == 10  # five labels with names of programs that hold blanks, in both forms


_MARKED = frozenset({
    "ownerProducer", "disseminationControls", "displayOnlyTo", "releasableTo", "nonICmarkings",
    "nonUSControls", "atomicEnergyMarkings", "SCIcontrols", "SARIdentifier", "FGIsourceOpen",
    "FGIsourceProtected",
})  # fmt: skip


def _loosely(mark_: str) -> list[list[str]]:
    """A mark without the order of names in a part: ours is the alphabet's."""
    return [sorted(part.split("/")) for part in mark_.strip("()").split("//")]


@pytest.mark.parametrize(
    ("file", "attribute"),
    [
        ("CVEnumISMDissem.xml", "disseminationControls"),
        ("CVEnumISMRelTo.xml", "releasableTo"),
        ("CVEnumISMNonIC.xml", "nonICmarkings"),
        ("CVEnumISMSCIControls.xml", "SCIcontrols"),
        ("CVEnumISMFGIOpen.xml", "FGIsourceOpen"),
        ("CVEnumISMAtomicEnergyMarkings.xml", "atomicEnergyMarkings"),
        ("CVEnumISMNonUSControls.xml", "nonUSControls"),
        ("CVEnumISMOwnerProducer.xml", "ownerProducer"),
    ],
)
def test_every_word_of_the_vocabularies_is_read(shared: Path, file: str, attribute: str) -> None:
    path = shared / "labels" / "ism-v10" / "CVE" / "ISM" / file
    words_ = [it.text for it in etree.parse(path).iter("{urn:us:gov:ic:cve}Value")]
    plain = [word for word in words_ if "[" not in word and "(" not in word]
    assert len(plain) > 2
    for word in plain:
        given_ = {"classification": "S", "ownerProducer": "USA", attribute: word}
        if word in ("REL", "EYES"):
            given_["releasableTo"] = "USA GBR"
        elif word == "DISPLAYONLY":
            given_["displayOnlyTo"] = "GBR"
        elif attribute == "releasableTo":
            given_ |= {"releasableTo": f"USA {word}", "disseminationControls": "REL"}
        if word == "USA" and attribute == "releasableTo":
            continue
        label = label_from(given_)
        assert attributes_of(label)[attribute].split()[-1] == word
