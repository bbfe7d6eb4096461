"""`guard policy`: check says every fault, explain says what a policy does, sign signs it."""

import json
import shutil
from pathlib import Path

import pytest

from guard.edge.making import PACKS, Made, pack_names
from guard.edge.site import load_site
from schemas.errors import Forged
from tests.guard.cli.conftest import Guard


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The c2 pack's policy in a folder of its own, documents beside it."""
    for name in ("policy.toml", "cot-event.xsd", "words.txt"):
        shutil.copyfile(PACKS / "c2" / name, tmp_path / name)
    return tmp_path / "policy.toml"


def change(policy: Path, old: str, new: str) -> None:
    text = policy.read_text("utf-8")
    assert old in text
    policy.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("pack", pack_names())
def test_a_pack_has_no_faults_and_is_explained(pack: str, guard: Guard) -> None:
    assert guard("policy", "check", "--pack", pack).stdout == f"{pack}: no faults\n"
    shown = guard("policy", "explain", "--pack", pack)
    assert shown.exit_code == 0
    for words in (f"Flow {pack}", "May drop: alpha", "What crosses", "On the destination side"):
        assert words in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_every_fault_is_a_sentence(policy: Path, guard: Guard) -> None:
    change(policy, '[[source.stage]]\nname = "words"\n', "")
    change(policy, "depth_levels_max", "depth_max")
    text = policy.read_text("utf-8").partition("[link]")[0]
    policy.write_text(text + "[link]\nheartbeat_ms = 1500\n")
    result = guard("policy", "check", policy, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not told["ok"]
    assert len(told["faults"]) == 3
    assert "needs a word check, as a stage of its own, after stage relabel" in told["faults"][0]
    assert "xml_recognise has no parameter depth_max; it has: attribute" in told["faults"][1]
    assert "silence_ms must be at least twice heartbeat_ms" in told["faults"][2]
    shown = guard("policy", "check", policy)
    assert shown.stderr.endswith("3 faults\n")


def test_a_document_that_is_not_there_is_named(policy: Path, guard: Guard) -> None:
    (policy.parent / "words.txt").unlink()
    result = guard("policy", "check", policy)
    assert result.exit_code == 1
    assert "document words.txt is neither in" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "format: Field required"),
        (b"\xff", "utf-8"),
        (b"= 1", "Invalid"),
        (b"format = 1\n" * 2, "overwrite"),
        (b"#" * (256 * 1024 + 1), "larger than"),
    ],
)
def test_a_file_that_is_no_policy_is_one_fault(
    policy: Path, guard: Guard, content: bytes, said: str
) -> None:
    policy.write_bytes(content)
    result = guard("policy", "check", policy, "--json")
    (fault,) = json.loads(result.stdout)["faults"]
    assert said in fault
    assert guard("policy", "explain", policy).exit_code == 3


def test_a_policy_with_faults_is_neither_explained_nor_signed(policy: Path, guard: Guard) -> None:
    change(policy, 'name = "cot_build"', 'name = "cot_rebuild"')
    assert "is for the source side" in guard("policy", "explain", policy).stderr
    key = policy.parent / "key"
    guard("policy", "new-key", key)
    result = guard("policy", "sign", policy, "--side", "low", "--key", key)
    assert result.exit_code == 1
    assert not (policy.parent / "policy.sig").exists()


def test_explain_for_machines_has_every_stage_and_digest(site: Made, guard: Guard) -> None:
    told = json.loads(guard("policy", "explain", site.low / "policy.toml", "--json").stdout)
    assert told["source"]["digest"] == load_site(site.low).policy_digest.hex()
    assert told["destination"]["digest"] == ""  # its documents are on the other host
    assert [stage["name"] for stage in told["source"]["stages"]][-2:] == ["words", "route"]
    assert told["source"]["stages"][-1]["kind"] == "route"
    assert len(told["source"]["documents"]["words.txt"]) == 64


def test_a_changed_policy_runs_once_it_is_signed_by_a_trusted_key(
    site: Made, guard: Guard, tmp_path: Path
) -> None:
    policy, key = site.low / "policy.toml", tmp_path / "policy.key"
    change(policy, "depth_levels_max = 10", "depth_levels_max = 9")
    with pytest.raises(Forged, match="not what the policy key signed"):
        load_site(site.low)
    public = guard("policy", "new-key", key).stdout
    assert key.stat().st_mode & 0o777 == 0o400
    result = guard("policy", "sign", policy, "--key", key)
    assert result.exit_code == 0
    assert f"trust/policy.pub must be {public.strip()}" in result.stderr
    (site.low / "trust" / "policy.pub").write_text(public)
    assert guard("policy", "sign", policy, "--key", key).stderr == ""
    assert load_site(site.low).policy_digest.hex() in result.stdout


def test_a_key_is_never_written_over(guard: Guard, tmp_path: Path) -> None:
    guard("policy", "new-key", tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    result = guard("policy", "new-key", tmp_path / "key")
    assert result.exit_code == 3
    assert "exists" in result.stderr
    assert (tmp_path / "key").read_bytes() == before
