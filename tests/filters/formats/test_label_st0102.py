"""MISB ST 0102: what a set says, what is refused, and codes of nations that do not mix."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.label_st0102 import (
    CLASSIFICATIONS,
    POLICY,
    UNIVERSAL_LABEL,
    read_set,
    write_set,
)
from schemas.errors import Malformed
from schemas.label.model import Category, CategoryKind, Label, PolicyId
from schemas.reasons import Reason
from tests.filters.formats.label_cases import VECTORS, label_of


@pytest.mark.parametrize("case", VECTORS["st0102"], ids=lambda case: case["name"])
def test_a_set_says(case: dict[str, Any]) -> None:
    given_ = bytes.fromhex(case["given"])
    label = read_set(given_)
    assert label == label_of(case["label"])
    assert read_set(write_set(label)) == label
    if not given_.startswith(UNIVERSAL_LABEL):
        assert write_set(label, universal_label=False) == given_


@pytest.mark.parametrize("case", VECTORS["st0102_refused"], ids=lambda case: case["name"])
def test_what_is_no_set(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as raised:
        read_set(bytes.fromhex(case["given"]))
    assert raised.value.reason is Reason.LABEL_MALFORMED


@given(st.binary(max_size=120))
def test_any_bytes_are_a_set_or_malformed(untrusted: bytes) -> None:
    for given_ in (untrusted, UNIVERSAL_LABEL + bytes([len(untrusted) & 0x7F]) + untrusted):
        with pytest.raises(Malformed):
            read_set(given_)


METHODS = ("ISO 3166 two letter", "FIPS 10-4 two letter", "GENC three letter", "GENC mixed")
codes = st.lists(st.text("ABCXYZ", min_size=2, max_size=3), min_size=1, max_size=4, unique=True)
texts = st.text("ABC xyz.,()", min_size=1, max_size=20).map(lambda t: " ".join(t.split())).filter(
    bool
)  # fmt: skip


@st.composite
def sets(draw: st.DrawFn) -> Label:
    method = draw(st.sampled_from(METHODS))
    shown = draw(st.sampled_from(METHODS[:3]))
    categories = [
        Category("", f"Classifying Country ({method})", CategoryKind.INFORMATIVE,
                 (draw(codes)[0],)),
        Category("", f"Object Country ({shown})", CategoryKind.INFORMATIVE, tuple(draw(codes))),
        Category("", "Version", CategoryKind.INFORMATIVE, (str(draw(st.integers(6, 999))),)),
    ]  # fmt: skip
    if draw(st.booleans()):
        released = Category(
            "", f"Releasing Instructions ({method})", CategoryKind.PERMISSIVE, tuple(draw(codes))
        )
        categories.append(released)
    if draw(st.booleans()):
        names = tuple(draw(st.lists(st.text("ABC ", min_size=1, max_size=8)
                                    .map(lambda t: " ".join(t.split())).filter(bool),
                                    min_size=1, max_size=3, unique=True)))  # fmt: skip
        categories.append(Category("", "SCI/SHI", CategoryKind.RESTRICTIVE, names))
    if draw(st.booleans()):
        categories.append(Category("", "Caveats", CategoryKind.RESTRICTIVE, (draw(texts),)))
    if draw(st.booleans()):
        categories.append(Category("", "Derived From", CategoryKind.INFORMATIVE, (draw(texts),)))
    return Label(POLICY, draw(st.sampled_from(CLASSIFICATIONS)), tuple(categories))


@given(sets(), st.booleans())
def test_what_is_written_is_read(label: Label, universal_label: bool) -> None:
    assert read_set(write_set(label, universal_label=universal_label)) == label


@settings(max_examples=300)
@given(sets(), st.data())
def test_a_changed_set_is_read_or_malformed(label: Label, data: st.DataObject) -> None:
    written = bytearray(write_set(label))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(written)))
        written[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = read_set(bytes(written))
    except Malformed:
        return
    assert read_set(write_set(found)) == found


def test_one_code_by_two_methods_is_two_tags() -> None:
    iso, fips = (
        bytes.fromhex("010104" + f"0201{code:02x}" + "03042f2f4153" + "06024153" + "0c0101"
                      "0d0400410053" "1602000c")
        for code in (1, 3)
    )  # fmt: skip
    tags = [{it.tag for it in read_set(given_).categories if it.kind is CategoryKind.PERMISSIVE}
            for given_ in (iso, fips)]  # fmt: skip
    assert tags[0].isdisjoint(tags[1])


def test_what_the_format_cannot_say_is_not_written() -> None:
    label = label_of(VECTORS["st0102"][0]["label"])
    odd = Category("", "Mood", CategoryKind.INFORMATIVE, ("GOOD",))
    for wrong in (
        replace(label, policy=PolicyId("NATO")),
        replace(label, classification="COSMIC"),
        replace(label, created_ms=0),
        replace(label, privacy_mark="CLEAR"),
        replace(label, categories=(*label.categories, odd)),
        replace(label, categories=label.categories[1:]),
        replace(label, categories=(
            *label.categories, Category("", "Caveats", CategoryKind.RESTRICTIVE, ("É",)))),
        replace(label, categories=(
            *label.categories, Category("", "Caveats", CategoryKind.PERMISSIVE, ("X",)))),
    ):  # fmt: skip
        with pytest.raises(Malformed):
            write_set(wrong)
