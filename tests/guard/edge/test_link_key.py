"""A link key's counters: no two senders ever have the same session."""

import os
from pathlib import Path

import pytest

from guard.edge.durable_number import DurableNumber, put
from guard.edge.link_key import LinkKey
from schemas.errors import Broken


@pytest.fixture
def key(tmp_path: Path) -> LinkKey:
    made = LinkKey(tmp_path / "k")
    made.make_counters()
    return made


def test_sessions_and_sequences_go_up(key: LinkKey) -> None:
    first = key.take(3)
    first.close()
    second = key.take(1)
    second.close()
    assert (first.session, first.first_sequence) == (1, 1)
    assert (second.session, second.first_sequence) == (2, 4)


def test_a_second_sender_is_refused_until_the_first_has_ended(key: LinkKey) -> None:
    first = key.take(1)
    with pytest.raises(Broken, match="another sender"):
        key.take(1)
    first.close()
    second = key.take(1)
    second.close()
    assert second.session == 2  # the refused one took nothing


@pytest.mark.parametrize("name", ["k.session", "k.sequence"])
def test_a_lost_or_used_up_counter_is_no_beginning(key: LinkKey, name: str) -> None:
    path = key.path.with_name(name)
    put(path, 2**62)
    with pytest.raises(Broken, match="used up"):
        key.take(1)
    path.unlink()
    with pytest.raises(Broken, match="missing"):
        key.take(1)


def test_taking_leaves_no_descriptor_open(key: LinkKey) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        key.take(1).close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
    number = DurableNumber(key.path.with_name("k.session"))
    assert number.value == 5
    number.close()
