"""The commands as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def typed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`diode-sim` with these arguments, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "diode_sim", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_run_says_what_became_of_what_was_offered(tmp_path: Path) -> None:
    done = typed(tmp_path, "run", "clean", "--seed", "7f3a")
    assert done.returncode == 0
    assert "1 of 1 seeds kept every promise; 60 offered, 60 landed, 0 gaps" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_many_seeds_on_two_processes_a_json_line_each(tmp_path: Path) -> None:
    done = typed(tmp_path, "run", "loss", "--seed", "f", "--seeds", "3", "--jobs", "2", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["seed"] for line in lines) == ["10", "11", "f"]
    assert len({line["trace"] for line in lines}) == 3
    assert all(line["offered"] == line["landed"] + line["gaps"] for line in lines)


def test_a_trace_is_written_and_its_digest_told(tmp_path: Path) -> None:
    done = typed(tmp_path, "run", "clean", "--trace", "here", "--json")
    told = json.loads(done.stdout)
    text = (tmp_path / "here").read_bytes()
    assert told["seed"] == "0"
    assert text.count(b"\n") > 100
    again = json.loads(typed(tmp_path, "run", "clean", "--json").stdout)
    assert again["trace"] == told["trace"]


def test_a_file_is_a_scenario_and_has_a_seed_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[link]\nloss = 0.1\nseed = 31\n[traffic]\nmessages = 5\n")
    told = json.loads(typed(tmp_path, "run", "mine.toml", "--json").stdout)
    assert (told["seed"], told["offered"]) == ("1f", 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nonsense"], "none of: burst, clean"),
        (["run", "random"], "give one"),
        (["run", "clean", "--seed", "xyz"], "hexadecimal"),
        (["run", "clean", "--seed", "1" * 17], "hexadecimal"),
        (["run", "clean", "--seeds", "2", "--trace", "x"], "one seed"),
        (["run", "clean", "--seed", "f" * 16, "--seeds", "2"], "not so many seeds"),
        (["soak", "--seed", "-1"], "hexadecimal"),
    ],
)
def test_a_wrong_argument_is_one_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = typed(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scenario_that_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[link]\nloss = 3\n")
    done = typed(tmp_path, "run", "wrong.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("diode-sim: link.loss: ")


def test_the_scenarios_are_listed(tmp_path: Path) -> None:
    done = typed(tmp_path, "scenarios")
    assert "slow-radio" in done.stdout
    assert "9600 bit/s" in done.stdout


def test_a_soak_ends_when_it_has_enough_and_says_how_its_time_was_spread(tmp_path: Path) -> None:
    done = typed(tmp_path, "soak", "--link-seconds", "1", "--seed", "3", "--jobs", "1", "--json")
    told = json.loads(done.stdout)
    assert told["failures"] == 0
    assert told["scenarios"] == 1
    assert sum(told["by_rate"].values()) == told["link_seconds"] > 0
