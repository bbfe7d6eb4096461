"""The two readers of STANAG 4774 labels: apart in code, the same in what they say."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.label_4774 import Role, read_role, write_label
from filters.twins.label_4774_twin import Said, read
from schemas.errors import Malformed
from schemas.label.model import Label
from tests.filters.formats.label_cases import VECTORS, labels

ROLES = {
    Role.ORIGINATOR: "originator", Role.ALTERNATIVE: "alternative", Role.METADATA: "metadata",
}  # fmt: skip


def as_said(label: Label, role: str) -> Said:
    after = label.successions
    assert label.created_ms is not None
    return Said(
        role,
        (label.policy.name, label.policy.uri),
        label.classification,
        label.privacy_mark,
        frozenset(
            (category.tag_set, category.tag, category.kind.value, value)
            for category in label.categories
            for value in category.values
        ),
        (label.originator.id_type, label.originator.value) if label.originator else None,
        label.created_ms,
        label.review_ms,
        (after[0].at_ms, as_said(after[0].label, "successor")) if after else None,
    )


def both(document: bytes) -> tuple[Said | None, Said | None]:
    """What each says, None for what it refuses."""
    try:
        role, label = read_role(document)
        first = as_said(label, ROLES[role])
    except Malformed:
        first = None
    try:
        second = read(document)
    except Malformed:
        second = None
    return first, second


@pytest.mark.parametrize("case", VECTORS["4774"], ids=lambda case: case["name"])
def test_both_read_the_vectors(case: dict[str, Any]) -> None:
    first, second = both(case["given"].encode())
    assert first is not None
    assert first == second


@pytest.mark.parametrize("case", VECTORS["4774_refused"], ids=lambda case: case["name"])
def test_both_refuse_the_same(case: dict[str, Any]) -> None:
    document = case["given"].encode()
    if case["name"] == "a label of metadata":
        assert read(document).role == "metadata"
        return
    assert both(document) == (None, None)


@given(labels, st.sampled_from(Role))
def test_both_read_what_is_written(label: Label, role: Role) -> None:
    first, second = both(write_label(label, role))
    assert first is not None
    assert first == second


@settings(max_examples=400)
@given(labels, st.data())
def test_both_say_the_same_of_a_changed_label(label: Label, data: st.DataObject) -> None:
    written = bytearray(write_label(label))
    pieces = [b"<", b">", b"&amp;", b" ", b"\n", b"\xc2\xa0", b"\xe2\x80\xa8", b"'", b'"', b"Z",
              b"\r", b"&#13;", b"&#x85;", b"xmlns=''", b"T24", b"e\xcc\x81"]  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(written)))
        new = data.draw(st.sampled_from(pieces) | st.binary(max_size=3))
        written[at : at + data.draw(st.integers(0, 3))] = new
    first, second = both(bytes(written))
    assert first == second, bytes(written)


@given(st.binary(max_size=200))
def test_any_bytes_are_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        read(untrusted)
