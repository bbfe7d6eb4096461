"""A site's own stages: only the very file that the policy pins is run, and it is what it says."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from filters import catalog
from filters.own_stages import installed, installed_names, load_own, stage_in
from filters.policy_check import performs, policy_faults, stage_faults
from guard.edge.making import pack_folder
from guard.edge.site import read_documents
from schemas.errors import Broken, Malformed
from schemas.message import Message, Meta
from schemas.own_stage import OwnStage
from schemas.policy import Policy, read_policy
from schemas.reasons import Reason
from schemas.stage import Kind
from schemas.verdict import Pass, Refuse
from tests.filters.own_stage import SOURCE, install

PACK = pack_folder("text")
META = Meta(id="00" * 16, flow="text", sender="alpha", name="a.txt", accepted_s=1_700_000_000)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that this process looks into."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def pinned(**changed: Any) -> OwnStage:
    told = {"kind": "filter", "side": "source", "version": 3}
    return OwnStage(**{**told, "sha256": installed("shouting").sha256, **changed})


def pinned_as(name: str) -> OwnStage:
    return OwnStage("filter", "source", 3, installed(name).sha256)


def policy_with(own: OwnStage | None, use: str = "shouting", parameters: str = "") -> Policy:
    text = (PACK / "policy.toml").read_text("utf-8")
    pin = ""
    if own is not None:
        pin = "own = {" + ", ".join(
            f"{name} = {value if isinstance(value, int) else repr(value)}"
            for name, value in asdict(own).items()
        ) + "}\n"  # fmt: skip
    line = f'[[source.stage]]\nname = "loud"\nuse = "{use}"\n{parameters}{pin}\n'
    return read_policy(
        text.replace(
            '[[source.stage]]\nname = "words"', line + '[[source.stage]]\nname = "words"', 1
        ).encode()
    )


def test_the_pinned_file_is_loaded_and_decides(packages: Path) -> None:
    install(packages)
    assert installed_names() == ["shouting"]
    own = pinned()
    listed = catalog.entry("shouting", own)
    assert (listed.kind, listed.version) == (Kind.FILTER, 3)
    stage = catalog.load("shouting", own)
    run = stage.make(stage.parameters.model_validate({"words_max": 1}), {})
    assert isinstance(run(Message.make(META, b"an OTAN word")), Pass)
    answer = run(Message.make(META, b"LOUD WORDS"))
    assert isinstance(answer, Refuse)
    assert answer.reason is Reason.RULE_BROKEN


def test_a_file_of_other_bytes_is_not_run(packages: Path, tmp_path: Path) -> None:
    install(packages)
    own = pinned()
    mark = tmp_path / "was-run"
    with (packages / "site_shouting.py").open("a") as file:
        file.write(f"open({str(mark)!r}, 'w')\n")
    with pytest.raises(Broken, match="not the one that the policy pins"):
        load_own("shouting", own)
    assert not mark.exists()


def test_what_is_compiled_already_is_not_taken_for_the_file(packages: Path) -> None:
    install(packages)
    cached = packages / "__pycache__"
    cached.mkdir()
    (cached / "site_shouting.cpython-311.pyc").write_bytes(b"not code")
    assert load_own("shouting", pinned()).name == "shouting"


@pytest.mark.parametrize(
    "changed", [{"version": 4}, {"kind": "normalize"}, {"side": "both"}], ids=str
)
def test_it_is_what_the_policy_says_of_it(packages: Path, changed: dict[str, Any]) -> None:
    install(packages)
    with pytest.raises(Broken, match="is not as the policy lists it"):
        load_own("shouting", pinned(**changed))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import requests\n" + SOURCE, "imports requests, which its digest does not cover"),
        ("def f():\n    from os_helper import x\n" + SOURCE, "imports os_helper"),
        (SOURCE.replace("from pydantic", "from .helper import y\nfrom pydantic"), "imports ."),
        (SOURCE + "raise OSError('no')\n", "cannot be loaded: OSError: no"),
        (SOURCE + "STAGE = 3\n", "is no StageType"),
        (
            SOURCE.replace("make=make,", "make=make, make_asking=make,"),
            "has make_asking or",
        ),
        (SOURCE.replace("make=make,", "make=make, make_bounded=make,"), "or make_bounded"),
        (SOURCE + "raise SystemExit(0)\n", "cannot be loaded: SystemExit: 0"),
        ("# coding: utf-7\n" + SOURCE, "its encoding is utf-7, and not UTF-8"),
        (SOURCE + "(", "cannot be loaded: SyntaxError"),
        ("\0", "cannot be loaded"),
    ],
)
def test_what_cannot_be_a_stage_is_a_sentence(packages: Path, source: str, said: str) -> None:
    install(packages, source)
    with pytest.raises(Broken, match=re.escape(said)):
        stage_in(installed("shouting"))


def test_an_entry_point_leads_to_one_file_and_to_one_alone(packages: Path) -> None:
    with pytest.raises(Broken, match="no distribution here has"):
        installed("shouting")
    install(packages, leads_to="filters.checks.words:STAGE")
    with pytest.raises(Broken, match="a module of one file outside any package"):
        installed("shouting")
    install(packages, distribution="another")
    with pytest.raises(Broken, match="more than one distribution"):
        installed("shouting")


def test_an_entry_point_that_is_none_is_a_sentence(packages: Path) -> None:
    install(packages, leads_to="site-shouting")
    with pytest.raises(Broken, match="is to lead to"):
        installed("shouting")


def test_its_annotations_may_be_read_later(packages: Path) -> None:
    later = SOURCE.replace("from pydantic", "from __future__ import annotations\nfrom pydantic", 1)
    install(packages, later.replace("words_max: int = ", "words_max: Count = ")
            .replace("class Shouting", "Count = int\n\n\nclass Shouting", 1))  # fmt: skip
    stage = load_own("shouting", pinned())
    assert stage.parameters.model_validate({"words_max": 4}).model_dump() == {"words_max": 4}


def test_it_counts_for_nothing_that_a_trust_root_requires(packages: Path) -> None:
    install(packages, name="sender")
    required = policy_with(pinned_as("sender"), use="sender")
    (line,) = [each for each in required.source.stage if each.own] if required.source else []
    assert not performs(line, "sender")


def test_a_package_is_not_one_file(packages: Path) -> None:
    install(packages, leads_to="folded:STAGE")
    (packages / "folded").mkdir()
    (packages / "folded" / "__init__.py").write_text(SOURCE)
    with pytest.raises(Broken, match="is not one file"):
        installed("shouting")


def test_a_policy_names_it_with_its_pin_and_no_other_stage_so(packages: Path) -> None:
    install(packages)
    good = policy_with(pinned(), parameters="parameters = {words_max = 2}\n")
    assert policy_faults(good) == []
    assert stage_faults(good, read_documents(PACK, good)) == []
    assert any("the catalog has no shouting" in f for f in policy_faults(policy_with(None)))
    taken = policy_with(pinned(), use="bounds")
    assert any("is a stage of this project" in f for f in policy_faults(taken))
    with pytest.raises(Broken, match="is a stage of this project"):
        catalog.entry("words", pinned())
    other = policy_with(pinned(sha256="0" * 64))
    assert any("policy pins" in f for f in stage_faults(other, read_documents(PACK, other)))


def test_a_route_is_never_a_sites_own() -> None:
    with pytest.raises(Malformed):
        policy_with(OwnStage("route", "source", 1, "0" * 64))
