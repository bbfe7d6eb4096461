"""A process's orders: whole through a descriptor, and nowhere else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.edge.spec import Spec

TEXTS = st.text(max_size=20)
VALUES = st.none() | st.integers() | TEXTS | st.lists(TEXTS, max_size=3)
SPECS = st.builds(
    Spec, TEXTS, TEXTS, st.sampled_from(["low", "high"]),
    st.dictionaries(TEXTS, st.integers(0, 1000), max_size=4),
    st.dictionaries(TEXTS, VALUES, max_size=4),
    st.dictionaries(TEXTS, st.binary(max_size=40), max_size=3),
    st.dictionaries(TEXTS, st.binary(max_size=300), max_size=3),
)  # fmt: skip


@given(SPECS)
def test_orders_come_back(spec: Spec) -> None:
    assert Spec.read(spec.write()) == spec


def test_the_descriptor_is_closed_once_read_and_its_content_is_gone() -> None:
    descriptor = Spec("send", "x:y", "low", {}, {}, {"link": b"secret"}).write()
    assert os.get_inheritable(descriptor)
    Spec.read(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_value_of_another_kind_is_our_mistake() -> None:
    spec = Spec("send", "x:y", "low", {}, {"number": 1, "text": "a"})
    assert (spec.number("number"), spec.text("text")) == (1, "a")
    for ask, name in ((spec.number, "text"), (spec.text, "number")):
        with pytest.raises(TypeError):
            ask(name)
    with pytest.raises(KeyError):
        spec.text("other")
