"""A new policy laid beside the old one: by one at a time, whole or gone, nothing else with it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from guard.edge.making import make_site, pack_folder
from guard.edge.policy_files import read_policy_file, sign_policy
from guard.edge.policy_install import (
    KEPT,
    NEXT,
    alone,
    check_next,
    discard,
    finish,
    is_laid,
    kept_policy,
    lay,
    next_site,
)
from guard.edge.policy_memory import PolicyMemory
from guard.edge.site import Site, load_site
from schemas.errors import Broken, Forged
from schemas.reasons import Reason

NOTHING = PolicyMemory()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2")
    return load_site(made.low)


@pytest.fixture
def newer(site: Site, tmp_path: Path) -> Path:
    """Version 2 of its policy, signed by both authors."""
    folder = tmp_path / "new"
    shutil.copytree(site.folder / "documents", folder / "documents")
    text = (site.folder / "policy.toml").read_text("utf-8")
    (folder / "policy.toml").write_text(text.replace("version = 1", "version = 2", 1))
    keys = [site.folder.parent / f"author-{number}.key" for number in (1, 2)]
    sign_policy(read_policy_file(folder / "policy.toml"), "low", keys, site.root)
    return folder


def test_one_lays_or_takes_up_at_a_time(site: Site, newer: Path) -> None:
    with alone(site.folder) as held:
        assert held
        with alone(site.folder) as again:
            assert not again
        with pytest.raises(Broken, match="is being taken up"):
            lay(site, newer, NOTHING)
        assert not is_laid(site.folder)
    lay(site, newer, NOTHING)
    with alone(site.folder), pytest.raises(Broken, match="is being taken up"):
        finish(site.folder)
    finish(site.folder)
    assert load_site(site.folder).policy.version == 2
    assert not is_laid(site.folder)


def test_what_a_crash_leaves_of_a_policy_that_was_taken_up_stops_no_start(
    site: Site, newer: Path
) -> None:
    lay(site, newer, NOTHING)
    gone = site.folder / f"{NEXT}.gone"
    shutil.copytree(site.folder / NEXT, gone)
    (gone / "policy.toml").unlink()
    finish(site.folder)
    assert load_site(site.folder).policy.version == 2
    lay(load_site(site.folder), newer, NOTHING)
    discard(site.folder)
    assert not list(site.folder.glob(f"{NEXT}*"))


def test_a_change_of_policy_changes_nothing_else_of_what_runs(site: Site, newer: Path) -> None:
    lay(site, newer, NOTHING)
    running = replace(site, software="ab" * 32)
    with (site.folder / "site.toml").open("a") as file:
        file.write('more_links = ["127.0.0.1:3"]\n')
    found = next_site(running, NOTHING)
    assert (found.policy.version, found.software) == (2, "ab" * 32)
    assert found.file == site.file


def test_an_older_root_than_the_running_one_is_refused_with_whatever_policy(
    site: Site, newer: Path
) -> None:
    found = load_site(site.folder, policy_folder=newer)
    running = replace(site, root=replace(site.root, version=2, previous="0" * 64))
    with pytest.raises(Forged, match="the trust root is version 1, and this side has") as caught:
        check_next(running, found, NOTHING)
    assert caught.value.reason is Reason.POLICY_ROLLED_BACK


def test_the_receiver_is_started_anew_when_the_links_key_is_another(site: Site) -> None:
    assert site.same_link(site)
    assert not site.same_link(replace(site, keys=site.keys | {"link": bytes(32)}))


def test_the_policy_that_ran_before_is_kept_whole(site: Site, newer: Path) -> None:
    before = {path.name: path.read_bytes() for path in site.folder.glob("documents/*")}
    policy, signature = (
        (site.folder / name).read_bytes() for name in ("policy.toml", "policy.sig")
    )
    lay(site, newer, NOTHING)
    finish(site.folder)
    kept = kept_policy(site.folder, 1)
    assert (kept / "policy.toml").read_bytes() == policy
    assert (kept / "policy.sig").read_bytes() == signature
    assert {path.name: path.read_bytes() for path in kept.glob("documents/*")} == before
    assert load_site(site.folder, policy_folder=kept).policy_digest == site.policy_digest
    lay(load_site(site.folder), newer, NOTHING)
    finish(site.folder)  # the same once more, as after a crash
    kept_ones = sorted(path.name for path in (site.folder / KEPT).iterdir())
    assert kept_ones == ["0000000001", "0000000002"]


def test_a_policy_that_cannot_be_read_is_not_kept_and_stops_nothing(
    site: Site, newer: Path
) -> None:
    lay(site, newer, NOTHING)
    (site.folder / "policy.toml").write_text("half of it")
    finish(site.folder)
    assert load_site(site.folder).policy.version == 2
    assert not (site.folder / KEPT).exists()
