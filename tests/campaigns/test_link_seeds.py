"""A short form of the campaign; the long one is `python -m tests.campaigns.link_seeds`."""

import pytest

from tests.campaigns import link_seeds


def test_every_scenario_has_its_turn(capsys: pytest.CaptureFixture[str]) -> None:
    count = len(link_seeds.links()) + 1
    assert {job.scenario for job in link_seeds.jobs(count, 1)} == {*link_seeds.links(), "random"}
    assert link_seeds.main(["--seeds", str(count), "--seed", "77", "--jobs", "1"]) == 0
    assert f"{count} of {count} seeds kept every promise" in capsys.readouterr().out
