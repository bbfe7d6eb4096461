"""`guard label`: what people are told of a label, and the exit codes that machines go by."""

import json
from pathlib import Path
from typing import Any

import pytest

from guard.cli.label_inputs import DOCUMENTS
from tests.guard.cli.conftest import Guard

CLEARANCES = DOCUMENTS / "clearances"


def answered(guard: Guard, code: int, *words: object) -> dict[str, Any]:
    done = guard("label", *words, "--json")
    assert done.exit_code == code, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_show_says_what_a_label_says(guard: Guard) -> None:
    done = guard("label", "show", "secret//rel to gbr, fra", "--policy", "kestria")
    assert done.exit_code == 0
    for words in ("KESTRIA SECRET//REL TO FRA, GBR", "SECRET, rank 30", "Releasable To: FRA, GBR",
                  "a reader must hold at least one of them", "(KS//REL TO FRA, GBR)",
                  "valid           yes"):  # fmt: skip
        assert words in done.stdout
    told = answered(guard, 0, "show", "AMBER", "--policy", "beacon")
    assert (told["label"], told["valid"], told["rule"]) == ("BEACON AMBER", False, "V11")
    assert told["markings"]["pageTop"][""] == "BEACON: AMBER"
    assert set(told) == {
        "label", "policy", "classification", "hierarchy", "categories", "markings", "valid",
        "rule", "sentence",
    }  # fmt: skip


def test_check_exits_by_validity(guard: Guard) -> None:
    good = guard("label", "check", "RED//FOR MEMBERS", "--policy", "beacon")
    assert (good.exit_code, good.stdout) == (0, "BEACON RED//FOR MEMBERS: valid\n")
    bad = answered(guard, 1, "check", "RED", "--policy", "beacon")
    assert (bad["valid"], bad["rule"]) == (False, "V11")
    assert "[V11, XML-SPIF 2.1 requiredCategory]" in bad["sentence"]
    none = answered(guard, 1, "check", "PURPLE\x1b[2J", "--policy", "beacon")
    assert "\x1b" not in none["label"]
    assert guard("label", "check", "PURPLE", "--policy", "beacon").exit_code == 1


def test_check_asks_about_a_time(guard: Guard) -> None:
    words = ("check", "SECRET//EXERCISE", "--policy", "kestria", "--at")
    assert answered(guard, 0, *words, "2028-01-01T00:00:00Z")["valid"]
    assert answered(guard, 1, *words, "2031-01-01T00:00:00Z")["rule"] == "V7"
    assert guard("label", *words, "tomorrow").exit_code == 2


def test_decide_goes_step_by_step(guard: Guard) -> None:
    officer = CLEARANCES / "kestria-liaison.toml"
    told = answered(guard, 0, "decide", "SECRET//ORCHID", "--policy", "kestria",
                    "--clearance", officer)  # fmt: skip
    assert (told["granted"], told["holder"]) == (True, "liaison officer")
    assert [step["rule"] for step in told["steps"]] == ["V1", "A1", "A4", "A5"]
    assert all(step["met"] and step["source"] for step in told["steps"])
    told = answered(guard, 1, "decide", "SECRET//GRANITE", "--policy", "kestria",
                    "--clearance", officer)  # fmt: skip
    assert (told["granted"], told["rule"], told["steps"][-1]["met"]) == (False, "A5", False)
    shown = guard("label", "decide", "TOP SECRET//ORCHID", "--policy", "kestria",
                  "--clearance", officer)  # fmt: skip
    assert shown.exit_code == 1
    assert "no   A4" in shown.stdout
    assert "liaison officer may not see TOP SECRET//ORCHID" in shown.stdout


def test_decide_crosses_from_one_policy_to_another(guard: Guard) -> None:
    planner = CLEARANCES / "alliance-planner.toml"
    words = ("--policy", "kestria", "--clearance", planner, "--clearance-policy", "alliance",
             "--at", "2027-01-01T00:00:00Z")  # fmt: skip
    told = answered(guard, 0, "decide", "SECRET//ORCHID//REL TO GBR", *words)
    assert [step["rule"] for step in told["steps"]] == ["V1", "E2", "A1", "A4", "A5", "A6"]
    assert "ALLIANCE SECRET//BALTIC//REL TO GBR" in told["steps"][1]["sentence"]
    assert answered(guard, 1, "decide", "SECRET//GRANITE", *words)["rule"] == "E3"
    alone = answered(guard, 1, "decide", "SECRET", "--policy", "kestria", "--clearance", planner)
    assert alone["rule"] == "A1"
    late = (*words[:-1], "2030-01-01T00:00:00Z")
    assert answered(guard, 1, "decide", "SECRET", *late)["rule"] == "A2"


def test_map_says_what_a_label_is_elsewhere(guard: Guard) -> None:
    done = guard("label", "map", "RESTRICTED", "--policy", "alliance", "--to", "beacon")
    assert (done.exit_code, done.stdout) == (0, "BEACON AMBER//FOR MEMBERS\n")
    told = answered(guard, 0, "map", "secret", "--policy", "kestria", "--to", "alliance")
    assert told["set"] == "KESTRIA SECRET || ALLIANCE SECRET"
    told = answered(guard, 1, "map", "TOP SECRET//ORCHID", "--policy", "kestria", "--to",
                    "alliance")  # fmt: skip
    assert (told["mapped"], told["rule"]) == ("", "E2")
    assert (
        answered(guard, 1, "map", "GREEN", "--policy", "beacon", "--to", "kestria")["rule"] == "E1"
    )


def test_convert_writes_the_one_spelling(guard: Guard, tmp_path: Path) -> None:
    done = guard("label", "convert", " secret // rel to gbr ,fra", "--policy", "kestria")
    assert (done.exit_code, done.stdout) == (0, "KESTRIA SECRET//REL TO FRA, GBR\n")
    file = tmp_path / "label.txt"
    words = ("convert", "SECRET", "--policy", "kestria", "--file", file)
    assert guard("label", *words).exit_code == 0
    assert file.read_text() == "KESTRIA SECRET\n"
    assert guard("label", *words).exit_code == 3  # it is there already
    assert answered(guard, 1, "convert", "OFFICIAL", "--policy", "kestria")["content"] == ""


def test_lint_finds_faults_and_notices(guard: Guard, tmp_path: Path) -> None:
    told = answered(guard, 0, "lint-spif", "kestria", "--beside", "alliance")
    assert (told["policy"], told["faults"]) == ("KESTRIA", 0)
    assert {one["code"] for one in told["findings"]} >= {"class-unmapped", "value-unmapped"}
    wrong = tmp_path / "wrong.xml"
    text = (DOCUMENTS / "beacon.spif.xml").read_text("utf-8")
    wrong.write_text(text.replace("<excludedClass>RED</excludedClass>", "").replace(
        'name="GREEN" lacv="2" hierarchy="1" color="green">',
        'name="GREEN" lacv="2" hierarchy="1" color="green"><markingData phrase="RED"/>',
    ))  # fmt: skip
    done = guard("label", "lint-spif", wrong)
    assert done.exit_code == 1
    assert "fault   marking-collision GREEN and RED are both marked RED" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("BEACON: ")


@pytest.mark.parametrize("command", ["show", "check", "lint-spif"])
def test_a_policy_that_is_none_is_a_sentence(command: str, guard: Guard, tmp_path: Path) -> None:
    words = ["X"] if command != "lint-spif" else []
    option = ["--policy"] if words else []
    done = guard("label", command, *words, *option, "nowhere")
    assert done.exit_code == 3
    assert "alliance, beacon, kestria, meridian" in " ".join(done.stderr.split())
    file = tmp_path / "policy.xml"
    file.write_bytes(b"<!DOCTYPE x>")
    done = guard("label", command, *words, *option, file)
    assert done.exit_code == 3
    assert "a declaration" in done.stderr
