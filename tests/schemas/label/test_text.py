"""Rules T1 to T5: labels in short text form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm, read_set
from tests.schemas.label.policies import NAMES, form, policy

KESTRIA = form("KESTRIA")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("KESTRIA SECRET", "KESTRIA SECRET"),
        ("secret", "KESTRIA SECRET"),
        ("Top  Secret // granite,ORCHID//REL TO gbr ,fra",
         "KESTRIA TOP SECRET//GRANITE, ORCHID//REL TO FRA, GBR"),
        ("SECRET//MEDICAL//REL TO FRA", "KESTRIA SECRET//REL TO FRA//MEDICAL"),
        ("SECRET//ORCHID//GRANITE", "KESTRIA SECRET//GRANITE, ORCHID"),
        ("SECRET//ORCHID, MEDICAL", "KESTRIA SECRET//ORCHID//MEDICAL"),
        ("SECRET//KESTRIA EYES ONLY", "KESTRIA SECRET//KESTRIA EYES ONLY"),
    ],
)  # fmt: skip
def test_a_label_is_read_and_written_in_its_one_spelling(text: str, wanted: str) -> None:
    label = KESTRIA.read(text)
    assert KESTRIA.write(label) == wanted
    assert KESTRIA.read(wanted, policy_named=True) == label


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "label-malformed"), ("//", "label-malformed"), ("SECRET//", "label-malformed"),
        ("SECRET////ORCHID", "label-malformed"), ("SECRET//ORCHID//ORCHID", "label-malformed"),
        ("SECRET//ORCHID, ORCHID", "label-malformed"), ("SECRET\n", "label-malformed"),
        ("SECRET" + "//ORCHID" * 200, "label-malformed"), ("COSMIC", "label-unknown"),
        ("SECRET//LILAC", "label-unknown"), ("SECRET//REL TO", "label-unknown"),
        ("SECRET//REL TO FRA,,GBR", "label-unknown"), ("SECRET//REL TO FRA GBR", "label-unknown"),
        ("SECRET//FRA", "label-unknown"), ("SECRET//REL TO ORCHID", "label-unknown"),
        ("ALLIANCE SECRET", "label-unknown"), ("SECRET; DROP", "label-unknown"),
        ("SECRET/ORCHID", "label-unknown"), ("SECRЕT", "label-unknown"),
        ("SECRET || ALLIANCE SECRET", "label-unknown"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        KESTRIA.read(text)
    assert caught.value.reason == reason


def test_the_policys_name_may_be_required() -> None:
    with pytest.raises(Malformed, match="V3"):
        KESTRIA.read("SECRET", policy_named=True)
    assert KESTRIA.read("Kestria Secret", policy_named=True) == KESTRIA.read("SECRET")


def test_a_set_has_the_originators_label_first() -> None:
    forms = [form(name) for name in NAMES]
    found = read_set("KESTRIA SECRET//ORCHID || ALLIANCE SECRET//BALTIC", forms)
    assert [one.spif.policy.name for one, _ in found] == ["KESTRIA", "ALLIANCE"]
    assert [label.classification for _, label in found] == ["SECRET", "SECRET"]
    for wrong in (
        "SECRET || ALLIANCE SECRET", "KESTRIA SECRET || KESTRIA SECRET", "||", "KESTRIA SECRET ||",
        "NOWHERE SECRET", "KESTRIA SECRET" + " " * 1024,
    ):  # fmt: skip
        with pytest.raises(Malformed):
            read_set(wrong, forms)


@pytest.mark.parametrize(
    ("classes", "values", "words"),
    [
        (("P A", "A"), (("v", "w"), ("x",)), "read alike"),
        (("A//B",), (("v",), ("x",)), "stands between names"),
        (("A",), (("v,w",), ("x",)), "stands between names"),
        (("A",), (("v",), ("V",)), "two values read"),
        (("A",), (("REL v",), ("x",)), "begins like the prefix"),
    ],
)
def test_a_policy_whose_labels_could_be_read_in_two_ways_has_no_text_form(
    classes: tuple[str, ...], values: tuple[tuple[str, ...], ...], words: str
) -> None:
    tags = "".join(
        f'<securityCategoryTagSet name="T{at}" id="2.999.9.1.{at}"><securityCategoryTag'
        f' tagType="restrictive">'
        + "".join(f'<tagCategory name="{name}" lacv="{it}"/>' for it, name in enumerate(names))
        + "</securityCategoryTag></securityCategoryTagSet>"
        for at, names in enumerate(values)
    )
    prefixed = tags + (
        '<securityCategoryTagSet name="T9" id="2.999.9.1.9"><securityCategoryTag'
        ' tagType="permissive"><tagCategory name="y" lacv="1"/><markingQualifier><qualifier'
        ' markingQualifier="REL " qualifierCode="prefix"/></markingQualifier>'
        "</securityCategoryTag></securityCategoryTagSet>"
    )
    classed = "".join(
        f'<securityClassification name="{name}" lacv="{at}" hierarchy="{at}"/>'
        for at, name in enumerate(classes)
    )
    with pytest.raises(Malformed, match=words):
        TextForm.of(read_spif(policy(classed, prefixed)))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.sampled_from(["KESTRIA", "SECRET", "//", "/", " ", ",", "REL TO", "FRA", "ORCHID", "||",
                         "é", "\x00", "MEDICAL"]),
        max_size=12,
    ).map("".join) | st.text(max_size=60)
)  # fmt: skip
def test_any_text_is_a_label_or_malformed(text: str) -> None:
    try:
        label = KESTRIA.read(text)
    except Malformed:
        return
    assert KESTRIA.read(KESTRIA.write(label)) == label
