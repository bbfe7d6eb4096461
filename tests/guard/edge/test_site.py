"""Sites on disk: what `guard init` makes may start, and nothing that was changed since."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.edge.making import make_site, pack_folder, pack_names, remove_site
from guard.edge.site import flow_number, load_site, read_documents
from schemas.errors import CheckvalveError, Malformed
from schemas.policy import read_policy
from schemas.reasons import Reason

SIDES = pytest.mark.parametrize("side", ["low", "high"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites") / "c2"
    make_site(folder, pack_folder("c2"), "127.0.0.1:9700", "127.0.0.1:9701")
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "site"))


@pytest.mark.parametrize("pack", pack_names())
def test_both_sides_of_every_pack_may_start(tmp_path: Path, pack: str) -> None:
    told = make_site(tmp_path / "s", pack_folder(pack), "127.0.0.1:1", "[::1]:2")
    low, high = load_site(told.low), load_site(told.high)
    assert low.policy.flow == high.policy.flow == told.policy.flow
    assert high.policy.destination is not None
    assert high.policy.destination.accepts == [f"1:{low.policy_digest.hex()}"]
    assert low.root == high.root
    assert low.signers == high.signers == ("author-1", "author-2")
    assert low.seal_public == high.seal_public
    assert low.keys["link"] == high.keys["link"]
    assert low.ledger_public != high.ledger_public
    assert high.source_ledger == f"0 {low.ledger_public.hex()}"
    remove_site(tmp_path / "s")
    assert not (tmp_path / "s").exists()


@SIDES
def test_secrets_are_readable_by_their_owner_only(made: Path, side: str) -> None:
    keys = list((made / side / "keys").iterdir())
    assert {key.name for key in keys} >= {"link.key"}
    assert all(key.stat().st_mode & 0o777 == 0o400 for key in keys)
    assert (made / side / "keys").stat().st_mode & 0o777 == 0o700
    sealing = made / side / "sealing"
    assert sealing.stat().st_mode & 0o777 == 0o700
    assert [key.stat().st_mode & 0o777 for key in sealing.iterdir()] == [0o600]


def test_the_destination_side_has_no_key_that_seals(made: Path) -> None:
    seal = (made / "low/keys/seal.key").read_text()
    everything = [path for path in (made / "high").rglob("*") if path.is_file()]
    assert all(seal.strip() not in path.read_text("latin-1") for path in everything)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Malformed, match="not empty"):
        make_site(tmp_path, pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_pack_that_is_none_is_answered_with_those_there_are() -> None:
    with pytest.raises(Malformed, match=r"c2, .*events"):
        pack_folder("nothing")


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rewrite(path: Path, text: str) -> None:
    path.chmod(0o600)
    path.write_text(text)


Change = Callable[[Path], object]
CHANGES: dict[str, tuple[Change, Reason]] = {
    "a comment in the policy": (
        lambda s: append(s / "policy.toml", "# more\n"), Reason.POLICY_UNSIGNED),
    "another number": (
        lambda s: rewrite(s / "policy.toml", "version = 9\n"
                          + (s / "policy.toml").read_text().replace("version = 1\n", "", 1)),
        Reason.POLICY_UNSIGNED),
    "a word less": (
        lambda s: rewrite(s / "documents/words.txt", "word\n"), Reason.POLICY_UNSIGNED),
    "no signature": (lambda s: (s / "policy.sig").unlink(), Reason.POLICY_UNSIGNED),
    "a signature that is none": (
        lambda s: rewrite(s / "policy.sig", "zz"), Reason.POLICY_UNSIGNED),
    "one signature only": (
        lambda s: rewrite(s / "policy.sig", "".join(
            (s / "policy.sig").read_text().splitlines(keepends=True)[:-1])),
        Reason.POLICY_UNSIGNED),
    "one signature twice": (
        lambda s: append(s / "policy.sig", (s / "policy.sig").read_text().splitlines(
            keepends=True)[-1]), Reason.POLICY_UNSIGNED),
    "half a trust root": (
        lambda s: rewrite(s / "trust/root", (s / "trust/root").read_text()[:99]),
        Reason.ROOT_MALFORMED),
    "no trust root": (lambda s: (s / "trust/root").unlink(), Reason.ROOT_MALFORMED),
    "a demonstration's root at a real site": (
        lambda s: rewrite(s / "site.toml", (s / "site.toml").read_text().replace(
            "demo = true\n", "")), Reason.ROOT_UNTRUSTED),
    "another digest of the root": (
        lambda s: rewrite(s / "site.toml", re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64,
                          (s / "site.toml").read_text())), Reason.ROOT_UNTRUSTED),
    "no digest of the root": (
        lambda s: rewrite(s / "site.toml", re.sub("trust_root.*\n", "",
                          (s / "site.toml").read_text())), Reason.SITE_MALFORMED),
    "a document missing": (
        lambda s: (s / "documents/words.txt").unlink(), Reason.SITE_MALFORMED),
    "no link key": (lambda s: (s / "keys/link.key").unlink(), Reason.KEY_MISSING),
    "half a link key": (lambda s: rewrite(s / "keys/link.key", "0011"), Reason.KEY_MISSING),
    "no site file": (lambda s: (s / "site.toml").unlink(), Reason.SITE_MALFORMED),
    "an unknown line in the site file": (
        lambda s: append(s / "site.toml", "free = true\n"), Reason.SITE_MALFORMED),
    "a site file that nests": (
        lambda s: rewrite(s / "site.toml", "a = " + "[" * 9000), Reason.SITE_MALFORMED),
    "a policy that is none": (
        lambda s: rewrite(s / "policy.toml", "format = 1\n"), Reason.POLICY_MALFORMED),
}  # fmt: skip


@SIDES
@pytest.mark.parametrize("what", CHANGES)
def test_a_side_that_was_changed_does_not_start(site: Path, side: str, what: str) -> None:
    change, reason = CHANGES[what]
    change(site / side)
    with pytest.raises(CheckvalveError) as caught:
        load_site(site / side)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["policy.toml", "policy.sig"])
def test_one_sides_policy_does_not_do_for_the_other(site: Path, name: str) -> None:
    shutil.copy(site / "low" / name, site / "high" / name)
    with pytest.raises(CheckvalveError) as caught:
        load_site(site / "high")
    assert caught.value.reason == Reason.POLICY_UNSIGNED


def test_a_side_without_its_chain_does_not_start(site: Path) -> None:
    text = (site / "high/policy.toml").read_text()
    rewrite(site / "high/policy.toml", text.partition("[destination]")[0])
    with pytest.raises(Malformed) as caught:
        load_site(site / "high")
    assert caught.value.reason == Reason.POLICY_MALFORMED


def test_documents_are_found_beside_a_packs_policy_too(made: Path) -> None:
    policy = read_policy((pack_folder("c2") / "policy.toml").read_bytes())
    beside = read_documents(pack_folder("c2"), policy)
    assert beside["words.txt"] == (made / "low/documents/words.txt").read_bytes()


def test_flows_have_numbers_of_their_own() -> None:
    assert len({flow_number(f"flow-{n}") for n in range(1000)}) == 1000
