"""A short form of the campaign; the long one is `python -m tests.campaigns.datagrams`."""

import pytest

from tests.campaigns import datagrams
from tests.campaigns.world import FAST, WORLDS, World


@pytest.mark.parametrize("seed", [2, 3])
def test_hostile_datagrams_are_counted_and_cost_nothing(seed: int) -> None:
    lines = datagrams.campaign(25_000, seed)
    assert [line.partition(":")[0] for line in lines] == list(WORLDS)


class Miscounting(World):
    """Expects of the receiver what is not so."""

    def judged(self, datagram: bytes) -> bytes:
        self.expected["copies"] += 1
        return super().judged(datagram)


def test_a_failure_prints_the_command_that_repeats_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        datagrams.main(
            ["--count", "50", "--seed", "9"], {"wrong": lambda chance: Miscounting(chance, FAST)}
        )
    assert capsys.readouterr().err == (
        "again: python -m tests.campaigns.datagrams --count 50 --seed 9\n"
    )
