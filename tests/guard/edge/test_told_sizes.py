"""Which checkpoints were told: what is on disk before anybody hears of them."""

from pathlib import Path

import pytest

from guard.edge.told_sizes import ToldSizes
from tests.guard.edge.power import cut_before

SIZES = (5, 9, 70)
CALLS_MAX = 30


def test_a_power_cut_takes_none_that_was_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in range(CALLS_MAX):
        folder, done = tmp_path / str(call), []
        folder.mkdir()
        try:
            with cut_before(call, monkeypatch, folder, lose=True):
                told = ToldSizes(folder / "told", 100)
                for size in SIZES:
                    told.add(size)
                    done.append(size)
        except AssertionError:
            assert done == list(SIZES)
            break
        assert ToldSizes(folder / "told", 100).sizes[: len(done)] == done
    assert 5 < call < CALLS_MAX - 1


def test_the_newest_stay_and_a_torn_number_is_none(tmp_path: Path) -> None:
    path = tmp_path / "told"
    told = ToldSizes(path, 3)
    for size in range(1, 8):
        told.add(size)
    assert ToldSizes(path, 3).sizes == [5, 6, 7]
    with path.open("ab") as file:
        file.write(b"\0\0\0")
    assert ToldSizes(path, 3).sizes == [5, 6, 7]
    assert path.stat().st_size == 3 * 8
