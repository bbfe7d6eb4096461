"""The pack for an assessment: whole, signed, and what becomes of one that was changed."""

import json
import shutil
from pathlib import Path

import pytest

from guard.edge.bill_of_materials import bill_of_materials
from guard.edge.keys import public_of
from tests.guard.cli.conftest import Guard
from tests.guard.sites import high_entries, low_entries, write

SEED = bytes(range(7, 39))
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.guard.core.test_chain" name="test_a_stage_that_fails_holds_the_message"/>
<testcase classname="tests.schemas.test_message" name="test_metadata_is_canonical_json[a]"/>
<testcase classname="tests.schemas.test_message" name="test_metadata_is_canonical_json[b]">
<failure>x</failure></testcase></testsuite></testsuites>"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from guard.cli.main import main

    folder = tmp_path_factory.mktemp("evidence")
    low = low_entries(60)
    write(folder / "site", "low", low)
    write(folder / "site", "high", high_entries(low))
    (folder / "site" / "low" / "policy.toml").write_text("version = 1\n")
    (folder / "me.key").write_text(SEED.hex() + "\n")
    (folder / "me.key").chmod(0o400)
    (folder / "me.pub").write_text(public_of(SEED).hex() + "\n")
    (folder / "junit.xml").write_text(JUNIT)
    words = ["audit", "evidence", "--site", folder / "site", "--index", folder / "index"]
    words += ["--key", folder / "me.key", "--junit", folder / "junit.xml", "--out", folder / "pack"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return folder


def test_a_pack_has_what_an_assessment_asks_for_and_verifies(pack: Path, guard: Guard) -> None:
    there = {path.relative_to(pack / "pack").as_posix() for path in (pack / "pack").rglob("*")}
    assert {
        "manifest.txt", "sbom.cdx.json", "controls.json", "report/report.html",
        "report/report.pdf", "report/assessment-results.json", "sites/c2/low/policy.toml",
        "sites/c2/low/head.txt", "sites/c2/high/trust/ledger.pub",
    } <= there  # fmt: skip
    assert not any("key" in Path(name).suffix for name in there)
    done = guard(
        "audit", "evidence", "verify", pack / "pack", "--public", pack / "me.pub", "--json"
    )
    told = json.loads(done.stdout)
    assert (told["ok"], told["wrong"], done.exit_code) == (True, [], 0)
    assert told["files"] == len([path for path in (pack / "pack").rglob("*") if path.is_file()]) - 1


def test_tests_are_told_by_control_and_the_worst_case_counts(pack: Path) -> None:
    controls = json.loads((pack / "pack" / "controls.json").read_text())
    tests = {name: what for each in controls for name, what in each["tests"].items()}
    chain = "tests/guard/core/test_chain.py::test_a_stage_that_fails_holds_the_message"
    assert tests[chain] == "passed"
    assert tests["tests/schemas/test_message.py::test_metadata_is_canonical_json"] == "failed"
    assert "not run here" in tests.values()


CHANGES = {
    "edited": lambda pack: (pack / "sbom.cdx.json").write_text("{}"),
    "removed": lambda pack: (pack / "controls.json").unlink(),
    "added": lambda pack: (pack / "report" / "more.html").write_text("x"),
    "linked": lambda pack: (
        shutil.move(pack / "sbom.cdx.json", pack.parent / "away"),
        (pack / "sbom.cdx.json").symlink_to(pack.parent / "away"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_was_changed_is_named(
    pack: Path, tmp_path: Path, guard: Guard, change: str
) -> None:
    shutil.copytree(pack / "pack", tmp_path / "pack")
    CHANGES[change](tmp_path / "pack")  # type: ignore[no-untyped-call]  # it changes a folder
    done = guard("audit", "evidence", "verify", tmp_path / "pack", "--public", pack / "me.pub",
                 "--json")  # fmt: skip
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"], len(told["wrong"])) == (1, False, 1)


def test_another_signer_and_a_pack_that_is_there_are_refused(
    pack: Path, tmp_path: Path, guard: Guard
) -> None:
    (tmp_path / "other.pub").write_text(public_of(bytes(32)).hex() + "\n")
    done = guard("audit", "evidence", "verify", pack / "pack", "--public", tmp_path / "other.pub")
    assert done.exit_code == 3
    done = guard("audit", "evidence", "--site", pack / "site", "--key", pack / "me.key", "--out",
                 pack / "pack", "--index", tmp_path / "index")  # fmt: skip
    assert (done.exit_code, "there already" in done.stderr) == (3, True)


def test_the_bill_of_materials_names_what_is_installed() -> None:
    bill = bill_of_materials()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "checkvalve"
    names = {each["name"].lower() for each in bill["components"]}
    assert {"cryptography", "lxml", "pydantic", "cffi"} <= names
    refs = {each["bom-ref"] for each in bill["components"]}
    refs.add(bill["metadata"]["component"]["bom-ref"])
    for line in bill["dependencies"]:
        assert {line["ref"], *line["dependsOn"]} <= refs
    assert bill == bill_of_materials()
