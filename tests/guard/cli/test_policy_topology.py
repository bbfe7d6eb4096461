"""`guard policy topology` and the start of a side beside an opposite flow, with sites on disk."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from guard.edge.authors import Authors, demonstration_root
from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.making import PACKS, Made, make_site
from guard.edge.trust import read_signed_root
from schemas.policy import read_policy
from tests.guard.cli.conftest import LINK, Guard

EVENTS = PACKS / "events"


@pytest.fixture
def root(tmp_path: Path, guard: Guard) -> Path:
    """A root of LOW, HIGH and OTHER (as high, of a category), with a release from HIGH to LOW."""
    keys = {}
    for name in ("alice", "bob"):
        seed = new_secret()
        write_secret(tmp_path / f"{name}.key", seed)
        keys[name] = public_of(seed).hex()
    draft = tmp_path / "root.toml"
    draft.write_text(f"""
classifications = ["UNCLASSIFIED", "SECRET"]
policy_keys = {{ alice = "{keys["alice"]}", bob = "{keys["bob"]}" }}
release = [{{ flow = "reports", source = "HIGH", destination = "LOW" }}]
[domains.LOW]
classification = "UNCLASSIFIED"
[domains.HIGH]
classification = "SECRET"
[domains.OTHER]
classification = "SECRET"
categories = ["CRYPTO"]
[domains.ASIDE]
classification = "UNCLASSIFIED"
categories = ["CRYPTO"]
""")
    assert guard("policy", "root", "new", draft, "--out", tmp_path / "root").exit_code == 0
    for name in keys:
        guard("policy", "root", "sign", tmp_path / "root", "--key", tmp_path / f"{name}.key")
    return tmp_path / "root"


def policy(folder: Path, flow: str, source: str, destination: str) -> Path:
    text = (PACKS / "c2" / "policy.toml").read_text("utf-8")
    for name, value in (
        ("flow", flow), ("source_domain", source), ("destination_domain", destination),
    ):  # fmt: skip
        text = re.sub(rf'^{name} = ".*"$', f'{name} = "{value}"', text, flags=re.MULTILINE)
    path = folder / f"{flow}.toml"
    path.write_text(text)
    return path


def test_up_flows_and_a_listed_release_are_well_and_drawn(
    tmp_path: Path, root: Path, guard: Guard
) -> None:
    files = [
        policy(tmp_path, "up", "LOW", "HIGH"),
        policy(tmp_path, "reports", "HIGH", "LOW"),
        policy(tmp_path, "more", "HIGH", "OTHER"),
    ]
    svg = tmp_path / "flows.svg"
    done = guard("policy", "topology", *files, "--root", root, "--svg", svg)
    assert done.exit_code == 0, done.stderr
    assert "reports: HIGH to LOW, down, a release" in done.stdout
    assert "a way round: HIGH -reports-> LOW -up-> HIGH (through a release)" in done.stdout
    assert "No chain of flows carries anything" in done.stdout
    drawn = ElementTree.fromstring(svg.read_text("utf-8"))
    texts = {"".join(it.itertext()) for it in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"LOW", "HIGH", "OTHER", "ASIDE", "up", "reports", "more", "SECRET (CRYPTO)"} <= texts


def test_a_chain_that_leads_down_through_another_domain_is_named(
    tmp_path: Path, root: Path, guard: Guard
) -> None:
    files = [
        policy(tmp_path, "one", "HIGH", "ASIDE"),
        policy(tmp_path, "two", "ASIDE", "LOW"),
    ]
    done = guard("policy", "topology", *files, "--root", root)
    assert done.exit_code == 1
    assert "HIGH is carried to LOW, which is lower, without a release:" in done.stderr
    assert "HIGH -one-> ASIDE -two-> LOW" in done.stderr
    told = json.loads(guard("policy", "topology", *files, "--root", root, "--json").stdout)
    assert ["one", "two"] in told["leaks"]
    assert {flow["name"]: flow["direction"] for flow in told["flows"]} == {
        "one": "across", "two": "down",
    }  # fmt: skip


def test_a_release_by_another_name_is_none(tmp_path: Path, root: Path, guard: Guard) -> None:
    done = guard("policy", "topology", policy(tmp_path, "other", "HIGH", "LOW"), "--root", root)
    assert done.exit_code == 1
    assert "the trust root lists no such release" in done.stderr
    checked = guard("policy", "check", policy(tmp_path, "other", "HIGH", "LOW"), "--root", root)
    assert "lists no such release" in checked.stderr


def test_two_flows_of_one_name_are_refused(tmp_path: Path, root: Path, guard: Guard) -> None:
    (tmp_path / "again").mkdir()
    files = [
        policy(tmp_path, "up", "LOW", "HIGH"),
        policy(tmp_path / "again", "up", "LOW", "OTHER"),
    ]
    assert guard("policy", "topology", *files, "--root", root).exit_code == 1


def test_opposite_sides_that_share_host_keys_and_ledger_are_refused(
    site: Made, tmp_path: Path, root: Path, guard: Guard
) -> None:
    back = site.low.parent / "back"
    shutil.copytree(site.low, back)
    text = (back / "policy.toml").read_text("utf-8").replace('flow = "c2"', 'flow = "back"')
    text = text.replace('"LOW"', '"X"').replace('"HIGH"', '"LOW"').replace('"X"', '"HIGH"')
    (back / "policy.toml").write_text(text)
    for folder in (site.low, back):
        (folder / "site.toml").write_text((folder / "site.toml").read_text() + 'host = "guard-1"\n')
    done = guard("policy", "topology", site.low, back, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [it["what"] for it in told["shared"]] == ["host", "user", "key"]
    assert {name.split()[0] for name in told["shared"][2]["names"]} == {"ledger", "link", "seal"}
    refused = guard("run", "low", "--site", site.low)
    assert refused.exit_code == 3
    assert "is a site of the flow back, which goes the other way" in refused.stderr
    doctor = json.loads(guard("doctor", "--json", "--site", site.low).stdout)
    assert {c["name"]: c["grade"] for c in doctor["checks"]}["opposite flows"] == "fail"


def test_a_site_of_ones_own_people_is_made_signed_and_loads_but_for_its_certificate(
    tmp_path: Path, root: Path, guard: Guard
) -> None:
    made = guard("init", tmp_path / "site", "--root", root)
    assert made.exit_code == 0, made.stderr
    assert "demo = true" not in (tmp_path / "site/low/site.toml").read_text()
    assert not list((tmp_path / "site").glob("*.key"))
    low = tmp_path / "site" / "low"
    for name in ("alice", "bob"):
        signed = guard("policy", "sign", low / "policy.toml", "--key", tmp_path / f"{name}.key")
        assert signed.exit_code == 0, signed.stderr
    assert guard("policy", "verify", low).exit_code == 0
    refused = guard("run", "low", "--site", low)
    assert refused.exit_code == 3
    assert "authority.pem cannot be read" in refused.stderr


def test_init_without_a_root_makes_nothing_and_says_how(tmp_path: Path, guard: Guard) -> None:
    told = guard("init", tmp_path / "site")
    assert told.exit_code == 2
    assert "guard policy root new root.toml --out root" in told.stdout
    assert not (tmp_path / "site").exists()


def test_init_takes_no_root_of_a_demonstration(tmp_path: Path, site: Made, guard: Guard) -> None:
    told = guard("init", tmp_path / "site", "--root", site.low / "trust" / "root")
    assert told.exit_code == 3
    assert "is for demonstration" in told.stderr
    both = guard("init", tmp_path / "site", "--demo", "--root", site.low / "trust" / "root")
    assert both.exit_code == 2


def test_the_next_root_is_made_signed_by_both_quorums_and_believed(
    tmp_path: Path, root: Path, guard: Guard
) -> None:
    draft = tmp_path / "root.toml"
    seed = new_secret()
    write_secret(tmp_path / "carol.key", seed)
    text = draft.read_text().replace("bob = ", f'carol = "{public_of(seed).hex()}", bobs = ', 1)
    draft.write_text(re.sub(r', bobs = "[0-9a-f]+"', "", text))
    following = tmp_path / "root.2"
    made = guard("policy", "root", "new", draft, "--out", following, "--after", root)
    assert made.exit_code == 0, made.stderr
    for name in ("alice", "carol"):
        guard("policy", "root", "sign", following, "--key", tmp_path / f"{name}.key",
              "--after", root)  # fmt: skip
    lacking = guard("policy", "root", "show", following, "--after", root)
    assert lacking.exit_code == 1
    assert "with keys of version 1" in lacking.stdout
    guard("policy", "root", "sign", following, "--key", tmp_path / "bob.key", "--after", root)
    assert guard("policy", "root", "show", following, "--after", root).exit_code == 0
    stranger = guard("policy", "root", "sign", following, "--key", tmp_path / "bob.key")
    assert stranger.exit_code == 3
    assert read_signed_root(following).root.version == 2


def test_the_demonstrations_root_names_who_signs(tmp_path: Path) -> None:
    found = read_policy((EVENTS / "policy.toml").read_bytes())
    authors = Authors.demonstration(found)
    publics = {name: public_of(seed) for name, seed in authors.seeds.items()}
    assert authors.signed.root == demonstration_root(found, publics)
    assert authors.signed.check().demo
    made = make_site(tmp_path / "site", EVENTS, LINK, LINK)
    assert read_signed_root(made.low / "trust" / "root").root.demo
