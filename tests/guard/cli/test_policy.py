"""`guard policy`: check says every fault, explain says what a policy does, sign signs it."""

import json
import shutil
from pathlib import Path

import pytest

from guard.edge.making import PACKS, Made, pack_names
from guard.edge.site import load_site, read_site_file
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason
from tests.guard.cli.conftest import Guard


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The c2 pack's policy in a folder of its own, documents beside it."""
    for name in ("policy.toml", "cot-event.xsd", "words.txt", "kestria.spif.xml",
                 "alliance.spif.xml"):  # fmt: skip
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
    result = guard("policy", "check", policy, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not told["ok"]
    assert len(told["faults"]) == 2
    assert "needs a word check, as a stage of its own, after stage map_label" in told["faults"][0]
    assert "xml_recognise has no parameter depth_max; it has: any_namespace" in told["faults"][1]
    shown = guard("policy", "check", policy)
    assert shown.stderr.endswith("2 faults\n")


def test_a_stage_that_would_wait_longer_than_its_limit_is_a_fault(
    policy: Path, guard: Guard
) -> None:
    asking = '[[source.stage]]\nname = "antivirus"\nparameters = { answer_ms_max = 10000 }\n\n'
    words = '[[source.stage]]\nname = "words"\n'
    change(policy, words, asking + words)
    (told,) = json.loads(guard("policy", "check", policy, "--json").stdout)["faults"]
    assert "answer_ms_max is 10000, and the stage's limit message_ms_max is 10000" in told
    change(policy, "answer_ms_max = 10000", "answer_ms_max = 9000")
    assert guard("policy", "check", policy).exit_code == 0


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


def test_a_policy_with_faults_is_neither_explained_nor_signed(
    policy: Path, site: Made, guard: Guard
) -> None:
    change(policy, 'name = "cot_build"', 'name = "cot_rebuild"')
    assert "is for the source side" in guard("policy", "explain", policy).stderr
    root, key = site.low / "trust" / "root", site.low.parent / "author-1.key"
    result = guard("policy", "sign", policy, "--side", "low", "--key", key, "--root", root)
    assert result.exit_code == 1
    assert not (policy.parent / "policy.sig").exists()


def test_explain_for_machines_has_every_stage_and_digest(site: Made, guard: Guard) -> None:
    told = json.loads(guard("policy", "explain", site.low / "policy.toml", "--json").stdout)
    assert told["source"]["digest"] == load_site(site.low).policy_digest.hex()
    assert told["destination"]["digest"] == ""  # its documents are on the other host
    assert [stage["name"] for stage in told["source"]["stages"]][-2:] == ["words", "route"]
    assert told["source"]["stages"][-1]["kind"] == "route"
    assert len(told["source"]["documents"]["words.txt"]) == 64


def test_a_changed_policy_runs_once_two_have_signed_it(
    site: Made, guard: Guard, tmp_path: Path
) -> None:
    policy = site.low / "policy.toml"
    change(policy, "depth_levels_max = 10", "depth_levels_max = 9")
    with pytest.raises(Forged, match="not what the policy keys signed"):
        load_site(site.low)
    stranger = tmp_path / "stranger.key"
    guard("policy", "new-key", stranger)
    assert stranger.stat().st_mode & 0o777 == 0o400
    refused = guard("policy", "sign", policy, "--key", stranger)
    assert refused.exit_code == 3
    assert "is no policy key of the trust root: these are author-1, author-2" in refused.stderr
    first = guard("policy", "sign", policy, "--key", site.low.parent / "author-1.key")
    assert first.exit_code == 0
    assert "2 persons must sign" in first.stderr
    with pytest.raises(Forged, match="so far author-1 has"):
        load_site(site.low)
    again = guard("policy", "sign", policy, "--key", site.low.parent / "author-1.key")
    assert again.exit_code == 3
    assert "author-1 has signed" in again.stderr
    assert json.loads(guard("policy", "verify", site.low, "--json").stdout)["ok"] is False
    second = guard("policy", "sign", policy, "--key", site.low.parent / "author-2.key")
    assert (second.exit_code, second.stderr) == (0, "")
    assert f'"1:{load_site(site.low).policy_digest.hex()}"' in second.stdout
    told = json.loads(guard("policy", "verify", site.low, "--json").stdout)
    assert told["ok"] is told["demo"] is True
    assert told["signers"] == ["author-1", "author-2"]


def test_a_policy_that_leaves_out_what_the_root_requires_is_not_signed_and_does_not_run(
    site: Made, guard: Guard
) -> None:
    root = site.low / "trust" / "root"
    text = root.read_text("utf-8").replace(
        "require up * * source bounds\n",
        "require up * * source bounds\nrequire up * * source cot_x\n",
    )
    draft = site.low.parent / "other-root"
    draft.write_text(text.partition("\n\n")[0] + "\n\n")
    for number in (1, 2):
        key = site.low.parent / f"author-{number}.key"
        assert guard("policy", "root", "sign", draft, "--key", key).exit_code == 0
    checked = guard("policy", "check", site.low / "policy.toml", "--root", draft)
    assert checked.exit_code == 1
    assert "the source chain needs cot_x: the trust root requires it" in checked.stderr
    key = site.low.parent / "author-1.key"
    signed = guard("policy", "sign", site.low / "policy.toml", "--key", key, "--root", draft)
    assert signed.exit_code == 1
    digest = json.loads(guard("policy", "root", "show", draft, "--json").stdout)["digest"]
    shutil.copyfile(draft, root)
    change(site.low / "site.toml", read_site_file(site.low).trust_root, digest)
    with pytest.raises(Malformed) as caught:
        load_site(site.low)
    assert caught.value.reason is Reason.POLICY_MANDATORY


def test_a_key_is_never_written_over(guard: Guard, tmp_path: Path) -> None:
    guard("policy", "new-key", tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    result = guard("policy", "new-key", tmp_path / "key")
    assert result.exit_code == 3
    assert "exists" in result.stderr
    assert (tmp_path / "key").read_bytes() == before


LOW_RATE = """[link]
mtu_bytes = 576
rate_bit_per_s = 9600
manifest = "compact"
compression = "dictionary"
dictionary = "cot.zdict"
"""


@pytest.fixture
def low_rate(policy: Path) -> Path:
    """The same policy for a radio of 9,600 bit/s."""
    text = policy.read_text("utf-8").partition("[link]")[0]
    policy.write_text(text.replace('"words.txt"]', '"words.txt", "cot.zdict"]') + LOW_RATE)
    shutil.copyfile(PACKS / "c2" / "cot.zdict", policy.parent / "cot.zdict")
    return policy


def test_a_low_rate_policy_has_no_faults_and_is_explained(low_rate: Path, guard: Guard) -> None:
    checked = guard("policy", "check", low_rate)
    assert (checked.exit_code, checked.stdout.rpartition(": ")[2]) == (0, "no faults\n")
    shown = " ".join(guard("policy", "explain", low_rate).stdout.split())
    assert "up to 9,600 bit/s in datagrams for an MTU of 576 bytes" in shown
    assert "compressed with zstd and the dictionary cot.zdict" in shown
    assert "A compact signed manifest" in shown
    told = json.loads(guard("policy", "explain", low_rate, "--json").stdout)
    assert told["link"]["bits_per_s"] == 9600
    assert told["link"]["manifest"] == "compact"


def test_the_digest_covers_the_dictionary(low_rate: Path, guard: Guard) -> None:
    before = json.loads(guard("policy", "explain", low_rate, "--json").stdout)
    dictionary = low_rate.parent / "cot.zdict"
    dictionary.write_bytes(dictionary.read_bytes() + b"more")
    after = json.loads(guard("policy", "explain", low_rate, "--json").stdout)
    for side in ("source", "destination"):
        assert before[side]["digest"] != after[side]["digest"]


def test_a_dictionary_that_is_none_is_a_fault(low_rate: Path, guard: Guard) -> None:
    (low_rate.parent / "cot.zdict").write_bytes(bytes.fromhex("37a430ec") + b"no tables" * 9)
    shown = guard("policy", "check", low_rate)
    assert shown.exit_code == 1
    assert "link: the dictionary is no zstd dictionary" in shown.stderr


def test_a_dictionary_that_is_not_there_is_a_fault(low_rate: Path, guard: Guard) -> None:
    (low_rate.parent / "cot.zdict").unlink()
    shown = guard("policy", "check", low_rate)
    assert shown.exit_code == 1
    assert "document cot.zdict is neither in" in shown.stderr


def test_to_sign_runs_none_of_a_sites_own_stage(site: Made, guard: Guard) -> None:
    policy = site.low / "policy.toml"
    words = '[[source.stage]]\nname = "words"\n'
    pin = f'{{kind = "filter", side = "source", version = 1, sha256 = "{"d" * 64}"}}'
    change(policy, words, f'[[source.stage]]\nname = "not_installed_here"\nown = {pin}\n\n{words}')
    assert guard("policy", "check", policy).exit_code == 1  # which would have run it
    done = guard("policy", "sign", policy, "--key", site.low.parent / "author-1.key")
    assert done.exit_code == 0, done.stderr


def test_to_install_runs_none_of_what_nobody_signed(
    site: Made, guard: Guard, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    shutil.copytree(site.low, new, ignore=shutil.ignore_patterns("spool", "*.sock", "ledger"))
    words = '[[source.stage]]\nname = "words"\n'
    pin = f'{{kind = "filter", side = "source", version = 1, sha256 = "{"d" * 64}"}}'
    own = f'[[source.stage]]\nname = "not_installed_here"\nown = {pin}\n\n{words}'
    change(new / "policy.toml", words, own)
    done = guard("policy", "install", new, "--site", site.low)
    assert done.exit_code != 0
    assert "sign" in done.stderr
    assert "not_installed_here" not in done.stderr


def test_a_name_that_one_chain_lets_cross_and_the_other_does_not_take_is_a_fault(
    policy: Path, guard: Guard
) -> None:
    change(policy, '"words.txt"]\n\n# First', '"words.txt"]\nname_crosses = true\n\n# First')
    shown = guard("policy", "check", policy)
    assert shown.exit_code == 1
    assert "the destination takes none" in shown.stderr.replace("\n", " ")
    change(policy, 'extension = "cot"\n', 'extension = "cot"\nname_crosses = true\n')
    assert guard("policy", "check", policy).exit_code == 0
