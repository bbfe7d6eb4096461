"""A short form of the campaign; the long one is `python -m tests.campaigns.visual_fuzz`."""

from pathlib import Path

import pytest

from schemas.errors import Malformed
from schemas.reasons import Reason
from tests.campaigns.visual_fuzz import Fuzz, fuzzers

NAMES = ("bmp", "gif", "jpeg", "png", "tiff", "webp", "pdf", "painting", "models")


@pytest.mark.parametrize("name", NAMES)
def test_a_mutant_gets_an_answer_or_is_malformed(name: str) -> None:
    line = fuzzers([name], seed=2)[0].for_seconds(1.0)
    assert line.startswith(f"{name}: ")


def test_a_failure_is_kept_and_prints_the_command_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fragile(payload: bytes) -> None:
        if len(payload) % 2:
            raise IndexError
        raise Malformed(Reason.SYNTAX, "even")

    monkeypatch.chdir(tmp_path)
    with pytest.raises(IndexError):
        Fuzz("png", fragile, [b"abcd"], seed=1).for_seconds(5.0)
    kept = next(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said == f"again: python -m tests.campaigns.visual_fuzz png --file {kept.name}\n"
