"""A short form of the campaign; the long one: `python -m tests.campaigns.filters --minutes 20`."""

from pathlib import Path

import pytest

from tests.campaigns import filters
from tests.filters.conftest import Outcome
from tests.filters.hostile.cases import formats
from tests.filters.hostile.chains import Pack

NAMES = sorted({pack for given in formats() for pack in given.packs})


@pytest.mark.parametrize("name", NAMES)
def test_mutated_samples_get_an_answer_and_what_passes_does_not_change(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = filters.campaign(name, 5, lambda count: count >= 150)
    assert line.startswith(f"{name}: 150 samples")


class Failing(Pack):
    """A pack whose chain fails on everything."""

    def __call__(self, payload: bytes, media_type: str = "", label: str = "") -> Outcome:
        raise KeyError("no answer")


def test_an_exception_is_what_the_campaign_finds() -> None:
    assert (
        filters.wrong(Failing("text"), b"x", filters.Lines(), is_xml=False)
        == "KeyError: 'no answer'"
    )


def test_a_line_that_none_had_reached_is_new_once() -> None:
    lines, pack = filters.Lines(), Pack("text")
    lines(lambda: pack(b"one\n"))
    assert lines.new > 0
    lines(lambda: pack(b"one\n"))
    assert lines.new == 0
