"""What is past its time goes, and nothing else: no link is followed, no folder left in part."""

import os
from pathlib import Path

import pytest

from guard.core.retention import DAY_S
from guard.edge.clock import now_s
from guard.edge.held import HeldStore
from guard.edge.sweeping import LOOKED_AT_ONCE_MAX, NAMES_AT_ONCE_MAX, Sweeper, removed

S_NS = 10**9
LATER_S = 3 * DAY_S


def swept(sweeper: Sweeper, at_s: int, from_ns: int = 10 * S_NS) -> list[str]:
    """All that goes at this time."""
    gone: list[str] = []
    while sweeper.due(from_ns):
        names = sweeper.old(at_s)
        sweeper.remove(names)
        gone += names
        from_ns += 1
    return sorted(gone)


def test_held_messages_go_whole_and_the_young_stay(tmp_path: Path) -> None:
    held = HeldStore(tmp_path)
    for ident in ("aa", "bb"):
        held.keep(ident, b"accepted", b"output", {"reason": "poison"})
    os.utime(tmp_path / "aa", (now_s() - 2 * DAY_S, now_s() - 2 * DAY_S))
    (tmp_path / ".cc.tmp").mkdir()
    (tmp_path / ".dd.gone").mkdir()  # a crash left it, with a part
    (tmp_path / ".dd.gone" / "input").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"no message")
    sweeper = Sweeper(tmp_path, 1, 0, folders=True)
    assert swept(sweeper, now_s()) == ["aa"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cc.tmp", "bb", "file"]
    assert sorted(path.name for path in (tmp_path / "bb").iterdir()) == [
        "input", "output", "record.json",
    ]  # fmt: skip


def test_a_sender_cannot_make_a_refused_drop_old_or_lead_out_of_the_folder(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "refused"
    precious.mkdir()
    folder.mkdir()
    (precious / "journal").write_bytes(b"of ours")
    (folder / "aa").write_bytes(b"refused")
    os.utime(folder / "aa", (1, 1))
    os.symlink(precious, folder / "bb")
    os.mkfifo(folder / "cc")
    (folder / "dd").mkdir()
    assert swept(Sweeper(folder, 1, 0), now_s()) == []
    assert swept(Sweeper(folder, 1, 0), now_s() + LATER_S) == ["aa", "bb", "cc"]
    assert (precious / "journal").read_bytes() == b"of ours"
    assert [path.name for path in folder.iterdir()] == ["dd"]
    os.symlink(precious, folder / "ee")
    assert swept(Sweeper(folder, 1, 0, folders=True), now_s() + LATER_S) == ["dd"]
    assert (precious / "journal").exists()


def test_many_go_some_at_a_time_and_then_it_is_over(tmp_path: Path) -> None:
    count = LOOKED_AT_ONCE_MAX + NAMES_AT_ONCE_MAX + 7
    for number in range(count):
        (tmp_path / f"{number:05d}.json").write_bytes(b"{}")
    sweeper = Sweeper(tmp_path, 1, 0)
    assert not sweeper.due(0)
    assert sweeper.due(10 * S_NS)
    assert len(sweeper.old(now_s() + LATER_S)) == NAMES_AT_ONCE_MAX
    assert len(swept(sweeper, now_s() + LATER_S)) == count - NAMES_AT_ONCE_MAX
    assert not sweeper.due(20 * S_NS)
    assert sweeper.due(1000 * S_NS)


@pytest.mark.parametrize("days", [0])
def test_without_a_time_nothing_is_ever_due(tmp_path: Path, days: int) -> None:
    assert not Sweeper(tmp_path, days, 0).due(10**18)


def test_the_entry_has_every_name() -> None:
    entry = removed("held", ["aa", "bb"])
    assert (entry["kind"], entry["what"], entry["count"], entry["names"]) == (
        "removed", "held", 2, "aa,bb",
    )  # fmt: skip
