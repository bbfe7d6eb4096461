"""Handing folders over as root: what was left there cannot make us give away something else."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.journey import Role, State
from guard.edge.ownership import HandedOver, User, hand_over, users_of

USER = User(61_003, 61_000)
SPOOL = Role("ingest", "x:y", State.DROPPED, State.ACCEPTED, writes=("spool",))
REPLIES = Role("reply", "x:y", State.NONE, State.NONE, writes=("replies",))
LEDGER = Role("audit", "x:y", State.NONE, State.NONE, writes=("ledger",))
LEVELS = 1100  # more than Python recurses, and than a process may have descriptors
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def owner(path: Path) -> tuple[int, int, int]:
    status = os.lstat(path)
    return status.st_uid, status.st_gid, status.st_mode & 0o7777


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = ("spool/drop/alpha", "spool/claimed/alpha", "spool/refused/alpha", "ledger/old")
    for name in made:
        (tmp_path / "site" / name).mkdir(parents=True)
    (tmp_path / "site/ledger/old/segment").write_bytes(b"x")
    (tmp_path / "precious").mkdir(mode=0o700)
    (tmp_path / "precious/shadow").write_text("secret")
    (tmp_path / "precious/shadow").chmod(0o600)
    return tmp_path / "site"


@as_root
def test_a_role_owns_what_it_writes(site: Path) -> None:
    hand_over(site, LEDGER, USER)
    assert owner(site / "ledger") == (61_003, 61_000, 0o2750)
    assert owner(site / "ledger/old") == (61_003, 61_000, 0o2750)
    assert owner(site / "ledger/old/segment")[:2] == (61_003, 61_000)


@as_root
def test_a_drop_directory_stays_its_senders_and_what_is_in_it_too(site: Path) -> None:
    drop = site / "spool/drop/alpha"
    (drop / "folder/deeper").mkdir(parents=True)
    (drop / "folder/deeper/file").write_bytes(b"x")
    (drop / "file").write_bytes(b"x")
    for path in (drop, *drop.rglob("*")):
        os.chown(path, 2000, 2000)
    before = {path: owner(path) for path in drop.rglob("*")}
    hand_over(site, SPOOL, USER)
    assert owner(drop) == (2000, 61_000, 0o2770)
    assert {path: owner(path) for path in drop.rglob("*")} == before


@as_root
@pytest.mark.parametrize("place", ["spool/drop", "spool/refused", "spool/refused/alpha", "spool"])
@pytest.mark.parametrize("target", ["precious", "precious/shadow"])
def test_a_link_gives_nothing_away(site: Path, place: str, target: str) -> None:
    precious = site.parent / target
    before = owner(precious)
    (site / place / "link").symlink_to(precious)
    hand_over(site, SPOOL, USER)
    assert owner(precious) == before
    assert owner(site.parent / "precious/shadow") == (0, 0, 0o600)


@as_root
def test_a_role_that_replaced_its_drop_by_a_link_gains_nothing(site: Path) -> None:
    (site / "spool/drop/alpha").rmdir()
    (site / "spool/drop").rmdir()
    (site / "spool/drop").symlink_to(site.parent / "precious")
    hand_over(site, SPOOL, USER)
    assert owner(site.parent / "precious") == (0, 0, 0o700)
    assert owner(site.parent / "precious/shadow") == (0, 0, 0o600)


@as_root
def test_a_sender_called_drop_is_a_sender_like_others(site: Path) -> None:
    (site / "replies/drop").mkdir(parents=True)
    (site / "replies/drop/a.json").write_bytes(b"{}")
    hand_over(site, REPLIES, USER)
    assert owner(site / "replies/drop") == (61_003, 61_000, 0o2750)
    assert owner(site / "replies/drop/a.json")[:2] == (61_003, 61_000)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """What a sender may make: folders in folders, with a link and a file in the first."""
    top = tmp_path / "deep"
    subprocess.run(["mkdir", "-p", f"{top}/{'a/' * LEVELS}"], check=True)
    (top / "link").symlink_to(tmp_path / "precious")
    (top / "file").write_bytes(b"x")
    for path in (top, top / "a", top / "a/a", top / "link", top / "file"):
        os.chown(path, 2000, 2000, follow_symlinks=False)
    yield top
    subprocess.run(["rm", "-rf", top, tmp_path / "site"], check=True)  # pytest's own recurses


def inside(top: Path) -> dict[str, tuple[int, int, int]]:
    return {name: owner(top / name) for name in ("a", "a/a", "link", "file")}


@as_root
def test_what_was_refused_stays_as_its_sender_made_it_however_deep(site: Path, deep: Path) -> None:
    before = inside(deep) | {"": owner(deep)}
    kept = deep.rename(site / "spool/refused/alpha/deep")
    hand_over(site, SPOOL, USER)
    assert inside(kept) | {"": owner(kept)} == before
    assert owner(site.parent / "precious") == (0, 0, 0o700)
    assert owner(kept.parent) == (61_003, 61_000, 0o2750)


@as_root
def test_what_was_claimed_can_be_moved_on_and_nothing_in_it_is_touched(
    site: Path, deep: Path
) -> None:
    before = inside(deep)
    claimed = deep.rename(site / "spool/claimed/alpha/deep")
    claimed.chmod(0o700)  # its sender has closed it meanwhile
    hand_over(site, SPOOL, USER)
    assert owner(claimed) == (61_003, 61_000, 0o2750)
    assert inside(claimed) == before
    assert owner(site.parent / "precious") == (0, 0, 0o700)


@as_root
@pytest.mark.parametrize("place", ["spool/claimed/alpha", "spool/refused/alpha"])
def test_another_name_of_a_file_gives_it_not_away(site: Path, place: str) -> None:
    shadow = site.parent / "precious/shadow"
    os.link(shadow, site / place / "hard")  # where the host lets senders link what is not theirs
    hand_over(site, SPOOL, USER)
    assert owner(shadow) == (0, 0, 0o600)


@as_root
def test_a_role_that_makes_folders_without_end_keeps_no_lane_from_starting(
    site: Path, deep: Path
) -> None:
    (site / "replies").mkdir()
    made = deep.rename(site / "replies/deep")
    hand_over(site, REPLIES, USER)
    assert owner(made / "a/a") == (61_003, 61_000, 0o2750)
    assert owner(made / "a/a/a/a/a/a")[0] == 0


@as_root
def test_folders_are_given_once_and_drop_directories_each_time(site: Path) -> None:
    handed = HandedOver(site)
    handed.ensure("ingest", SPOOL, USER)
    (site / "spool/drop/alpha").rename(site / "spool/drop/before")
    (site / "spool/drop/alpha").mkdir(mode=0o700)
    os.chown(site / "spool/drop/alpha", 2000, 2000)
    (site / "spool/refused").chmod(0o700)
    handed.ensure("ingest", SPOOL, USER)
    assert owner(site / "spool/drop/alpha") == (2000, 61_000, 0o2770)
    assert owner(site / "spool/refused")[2] == 0o700
    handed.doubt()
    handed.ensure("ingest", SPOOL, USER)
    assert owner(site / "spool/refused")[2] == 0o2750


def test_without_a_user_nothing_changes(site: Path) -> None:
    before = {path: owner(path) for path in site.rglob("*")}
    hand_over(site, LEDGER, None)
    assert {path: owner(path) for path in site.rglob("*")} == before


@as_root
def test_every_process_has_its_own_user_and_a_stage_its_own_group() -> None:
    users = users_of(["ingest", "stage:words", "release"], 61_000)
    assert len({user.uid for user in users.values()}) == 3
    assert users["ingest"].gid == users["release"].gid == 61_000
    assert users["stage:words"].gid == users["stage:words"].uid
    assert users_of(["ingest"], 0) == {}
