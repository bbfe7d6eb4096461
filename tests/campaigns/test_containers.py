"""A short form of the campaign; the long one is `python -m tests.campaigns.containers`."""

import pytest

from tests.campaigns import containers


def test_no_container_escapes_its_recogniser() -> None:
    lines = list(containers.campaign(0.3, 1, seeds_max=8))
    assert [line.partition(":")[0] for line in lines] == list(containers.targets())


def test_an_escape_is_told_with_its_input() -> None:
    def broken(untrusted: bytes) -> object:
        if untrusted != b"x":
            raise KeyError("escaped")
        return untrusted

    with pytest.raises(AssertionError, match="input: "):
        containers.attack("broken", broken, [b"x"], 1, 0.1)
