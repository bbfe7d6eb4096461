"""A short form of the campaign; the long one is `python -m tests.campaigns.datagrams`."""

import pytest

from tests.campaigns import datagrams
from tests.campaigns.world import WORLDS


@pytest.mark.parametrize("seed", [2, 3])
def test_hostile_datagrams_are_counted_and_cost_nothing(seed: int) -> None:
    lines = datagrams.campaign(25_000, seed)
    assert [line.partition(":")[0] for line in lines] == list(WORLDS)


def test_a_failure_prints_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datagrams, "ENTRIES_MAX", 1)
    with pytest.raises(AssertionError, match="entries in its collections"):
        datagrams.main(["--count", "50", "--seed", "9"])
    assert capsys.readouterr().err == (
        "again: python -m tests.campaigns.datagrams --count 50 --seed 9\n"
    )
