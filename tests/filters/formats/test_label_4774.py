"""STANAG 4774 in XML: what it says, what is refused, and that writing and reading are one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.label_4774 import (
    CLEARANCE_NAMESPACE,
    NAMESPACE,
    Role,
    label_set,
    read_clearance,
    read_label,
    read_role,
    write_clearance,
    write_label,
)
from schemas.errors import Malformed
from schemas.label.model import Clearance, Label, PolicyId, Succession
from schemas.reasons import Reason
from tests.filters.formats.label_cases import VECTORS, clearances, label_of, labels


@pytest.mark.parametrize("case", VECTORS["4774"], ids=lambda case: case["name"])
def test_a_label_says(case: dict[str, Any]) -> None:
    label = read_label(case["given"].encode())
    assert label == label_of(case["label"])
    assert read_label(write_label(label)) == label


@pytest.mark.parametrize("case", VECTORS["4774_refused"], ids=lambda case: case["name"])
def test_what_is_no_label(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as raised:
        read_label(case["given"].encode())
    assert raised.value.reason == case["reason"]


@given(labels, st.sampled_from(Role))
def test_what_is_written_is_read(label: Label, role: Role) -> None:
    written = write_label(label, role)
    assert read_role(written) == (role, label)
    assert write_label(read_role(written)[1], role) == written


@given(clearances)
def test_a_clearance_that_is_written_is_read(clearance: Clearance) -> None:
    assert read_clearance(write_clearance(clearance)) == clearance


@given(st.binary(max_size=300))
def test_any_bytes_are_a_label_or_malformed(untrusted: bytes) -> None:
    for read in (read_label, read_clearance):
        with pytest.raises(Malformed):
            read(untrusted)


@settings(max_examples=400)
@given(labels, st.data())
def test_a_changed_label_is_read_or_malformed(label: Label, data: st.DataObject) -> None:
    written = bytearray(write_label(label))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(written)))
        written[at : at + data.draw(st.integers(0, 8))] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"<", b"&amp;", b"<!---->", b" ", b"\xc2\xa0"])
        )
    try:
        found = read_label(bytes(written))
    except Malformed:
        return
    assert read_label(write_label(found)) == found


def test_what_the_format_cannot_say_is_not_written() -> None:
    policy = PolicyId("P")
    made = Label(policy, "C", created_ms=0)
    for label in (
        Label(policy, "C"),
        Label(policy, "C", created_ms=0, successions=(Succession(1, made), Succession(2, made))),
    ):
        with pytest.raises(Malformed) as raised:
            write_label(label)
        assert raised.value.reason is Reason.LABEL_MALFORMED
    for clearance in (
        Clearance(policy, frozenset({"C"}), holder="desk"),
        Clearance(policy, frozenset({"C"}), to_ms=1),
    ):
        with pytest.raises(Malformed):
            write_clearance(clearance)


def test_labels_of_one_object() -> None:
    first = Label(PolicyId("A"), "C", created_ms=0)
    other = Label(PolicyId("B"), "C", created_ms=0)
    of = label_set([(Role.ALTERNATIVE, other), (Role.METADATA, first), (Role.ORIGINATOR, first)])
    assert (of.originator, of.alternatives) == (first, (other,))
    for wrong in ([], [(Role.ORIGINATOR, first)] * 2, [(Role.ALTERNATIVE, other)]):
        with pytest.raises(Malformed):
            label_set(wrong)
    with pytest.raises(Malformed, match="of the same policy"):
        label_set([(Role.ORIGINATOR, first), (Role.ALTERNATIVE, first)])


CLEARANCE = (
    f'<sclr:ConfidentialityClearance xmlns:sclr="{CLEARANCE_NAMESPACE}" xmlns:slab="{NAMESPACE}">'
    "<slab:PolicyIdentifier>P</slab:PolicyIdentifier><sclr:ClassificationList>"
    "<slab:Classification>A</slab:Classification><slab:Classification>B</slab:Classification>"
    "</sclr:ClassificationList></sclr:ConfidentialityClearance>"
)


def test_a_clearance_says() -> None:
    held = read_clearance(CLEARANCE.encode())
    assert held == Clearance(PolicyId("P"), frozenset({"A", "B"}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ConfidentialityClearance", "Clearance"),
        ("<sclr:ClassificationList>", "<sclr:ClassificationList n='1'>"),
        ("<slab:Classification>A</slab:Classification>", "<slab:Category/>"),
        ("</sclr:ClassificationList>", "</sclr:ClassificationList><slab:Other/>"),
        ("clearance:1:0", "clearance:2:0"),
        (">A<", "><"),
    ],
)
def test_what_is_no_clearance(old: str, new: str) -> None:
    with pytest.raises(Malformed):
        read_clearance(CLEARANCE.replace(old, new).encode())
