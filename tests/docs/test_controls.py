"""The page of controls: up to date, its tests exist, its controls are the published ones."""

import ast
import json
import runpy
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CONTENT: dict[str, Any] = tomllib.loads((DOCS / "controls.toml").read_text("utf-8"))
CONTROLS: list[dict[str, Any]] = CONTENT["control"]
CHECKS: list[dict[str, Any]] = CONTENT["check"]
STATES = {"satisfied", "partly", "not", "not applicable"}
CATALOGUES = ROOT.parent / "shared" / "data"
ONLY_OTHERS = {"AC-4(7)", "AC-4(20)", "SC-3(1)", "SC-49", "SC-51", "SI-7(9)"}
ASKS_FOR_MORE = (
    "SRG-NET-000326-ALG-000076", "SRG-NET-000032-ALG-000082", "SRG-NET-000318-ALG-000014",
    "SRG-NET-000318-ALG-000151", "SRG-NET-000510-ALG-000040", "SRG-NET-000510-ALG-000111",
    "SRG-NET-000510-ALG-000025", "ism-0643", "ism-0645", "ism-1157", "ism-1158", "ism-1293",
)  # fmt: skip
FILES = {"controls.json", "alg_srg.json", "ism_gateways.json"}


def test_the_page_is_made_from_the_file_as_it_is() -> None:
    made = runpy.run_path(str(DOCS / "controls.py"))["page"](CONTENT)
    assert made == (DOCS / "controls.md").read_text("utf-8"), "again: python docs/controls.py"


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_test_that_a_control_names_exists() -> None:
    named = {test for each in CONTROLS for test in each.get("tests", [])}
    absent = []
    for test in sorted(named):
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or name not in functions_of(ROOT / file):
            absent.append(test)
    assert absent == []
    assert len(named) > 50


def test_a_state_says_what_it_must() -> None:
    for each in CONTROLS:
        assert each["state"] in STATES, each["id"]
        if each["state"] == "satisfied":
            assert each["by"], each["id"]
            assert each["tests"], each["id"]
            assert "lacks" not in each, each["id"]
        else:
            assert each["lacks"], each["id"]
        assert (each["state"] == "partly") == bool(each["by"] and each.get("lacks")), each["id"]


def test_a_checks_own_state_is_no_better_than_the_controls_and_says_why() -> None:
    states = {each["id"]: each["state"] for each in CONTROLS}
    worse = {"satisfied": {"partly", "not"}, "partly": {"not"}}
    for each in CHECKS:
        assert each.keys() <= {"id", "title", "shown_by", "state", "lacks"}, each["id"]
        assert ("state" in each) == bool(each.get("lacks")), each["id"]
        if "state" in each:
            assert each["state"] in worse[states[each["shown_by"]]], each["id"]


def test_a_check_that_asks_for_what_is_not_given_is_not_shown_as_given() -> None:
    states = {each["id"]: each["state"] for each in CONTROLS}
    shown = {each["id"]: each.get("state", states[each["shown_by"]]) for each in CHECKS}
    assert {name: shown[name] for name in ASKS_FOR_MORE} == dict.fromkeys(ASKS_FOR_MORE, "not")


def test_what_only_hardware_or_an_organisation_gives_is_not_claimed() -> None:
    states = {each["id"]: each["state"] for each in CONTROLS}
    assert {states[name] for name in ONLY_OTHERS} <= {"partly", "not"}


def test_nothing_stands_twice_and_every_check_leads_to_a_control() -> None:
    elsewhere = [name for group in CONTENT["elsewhere"] for name in group["ids"]]
    names = [each["id"] for each in (*CONTROLS, *CHECKS)] + elsewhere
    assert sorted(names) == sorted(set(names))
    assert {each["shown_by"] for each in CHECKS} <= {each["id"] for each in CONTROLS}


@pytest.mark.skipif(
    not all((CATALOGUES / name).is_file() for name in FILES),
    reason="the published catalogues are not beside this tree (../shared/data)",
)
def test_all_published_controls_are_answered_under_their_own_ids_and_titles() -> None:
    def read(name: str) -> Any:
        return json.loads((CATALOGUES / name).read_text("utf-8"))

    published = {each["id"]: each["title"] for each in read("controls.json")["controls"]}
    checks = {each["srg"] for each in read("alg_srg.json")["rules"]}
    checks |= {each["id"] for each in read("ism_gateways.json")}
    assert {each["id"]: each["title"] for each in CONTROLS}.items() <= published.items()
    assert {each["id"] for each in CHECKS} <= checks
    answered = {name for group in CONTENT["elsewhere"] for name in group["ids"]}
    answered |= {each["id"] for each in (*CONTROLS, *CHECKS)}
    assert answered == published.keys() | checks
