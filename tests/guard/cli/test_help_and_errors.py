"""What holds for every command: help with an example, errors in one sentence, no traceback."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from guard.cli.doctor import doctor
from guard.cli.held import held
from guard.cli.init import init
from guard.cli.link import link
from guard.cli.link_session import session
from guard.cli.policy import policy
from guard.cli.run import run
from guard.cli.status import status
from guard.cli.submit import submit
from guard.edge.making import Made
from tests.guard.cli.conftest import Guard

COMMANDS: dict[str, click.Command] = {
    "init": init, "run": run, "submit": submit, "status": status, "doctor": doctor,
    "policy": policy, **{f"policy {name}": each for name, each in policy.commands.items()},
    "held": held, **{f"held {name}": each for name, each in held.commands.items()},
    "link": link, "link session": session,
    **{f"link session {name}": each for name, each in session.commands.items()},
}  # fmt: skip
NO = "/nonexistent"
BAD = [
    ["submit", "--site", NO, "x"],
    ["submit", "--site", "LOW", "--timeout", "-1", "x"],
    ["submit", "--site", "LOW", "--precedence", "LOUD", "x"],
    ["submit", "--site", "FILE", "x"],
    ["submit", "--site", "LOW", "--wait", "--sender", "\x1b[2J", "x"],
    ["status", "--site", NO],
    ["status", "--site", "TOP"],
    ["status", "--site", "FILE"],
    ["status"],
    ["policy"],
    ["policy", "check"],
    ["policy", "check", NO],
    ["policy", "check", "FILE", "--pack", "c2"],
    ["policy", "check", "--pack", "../../tests"],
    ["policy", "check", "/dev/zero"],
    ["policy", "check", "TOP"],
    ["policy", "explain", "--pack", "nothing"],
    ["policy", "explain", "FILE"],
    ["policy", "sign", "FILE", "--key", "FILE"],
    ["policy", "sign", "LOW", "--key", "FILE"],
    ["policy", "sign", "LOW", "--key", NO],
    ["policy", "sign", "LOW", "--key", "LOW/keys/seal.key", "--side", "high"],
    ["policy", "new-key", f"{NO}/key"],
    ["held", "list", "--site", NO],
    ["held", "list", "--site", "TOP"],
    ["held", "show", "x", "--site", "LOW"],
    ["held", "release", "x", "--site", "LOW"],
    ["held", "refuse", "x", "--site", "LOW", "--key", NO],
    ["held", "put", "FILE", "--site", "LOW"],
    ["held", "put", NO, "--site", "LOW"],
    ["doctor", "--site", NO],
    ["doctor", "--site", "TOP"],
    ["link", "session", "show", "--site", NO],
    ["link", "session", "show", "--site", "TOP"],
    [
        "link",
        "session",
        "propose",
        "--site",
        "LOW",
        "--receiver",
        "-1",
        "--purpose",
        "x",
        "--out",
        "TOP/p",
    ],
    [
        "link",
        "session",
        "propose",
        "--site",
        "HIGH",
        "--receiver",
        "1",
        "--purpose",
        "x",
        "--out",
        "TOP/p",
    ],
    [
        "link",
        "session",
        "propose",
        "--site",
        "LOW",
        "--receiver",
        "1",
        "--purpose",
        "\x1b[2J",
        "--out",
        "TOP/p",
    ],
    ["link", "session", "approve", "FILE", "--name", "a", "--key", "FILE", "--yes"],
    ["link", "session", "approve", "/dev/zero", "--name", "a", "--key", "FILE", "--yes"],
    ["link", "session", "apply", "FILE", "--site", "LOW"],
    ["link", "session", "apply", NO, "--site", "LOW"],
    ["run", "low", "--site", "HIGH"],
    ["run", "low", "--site", NO],
    ["init", "LOW"],
    ["init", f"{NO}/site", "--pack", "[red]none"],
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, guard: Guard) -> None:
    result = guard(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: guard {name}" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("words", BAD, ids=lambda words: " ".join(map(repr, words)))
def test_bad_input_is_a_sentence_and_an_exit_code(
    words: list[str], site: Made, guard: Guard, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"\x00\xff not toml [")
    places = {"LOW": site.low, "HIGH": site.high, "TOP": site.low.parent, "FILE": tmp_path / "file"}
    given = list(words)
    for name, place in places.items():
        given = [word.replace(name, str(place)) for word in given]
    result = guard(*given)
    assert result.exit_code in (1, 2, 3)
    said = result.stderr.strip()
    assert said
    assert "Traceback" not in said
    assert "\x1b" not in said
    if result.exit_code == 3:
        assert said.startswith("guard: ")
        assert len(said.splitlines()) == 1


def test_the_program_itself_ends_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from guard.cli.main import main; main()"]
    done = subprocess.run(
        [*command, "status", "--site", str(tmp_path)], capture_output=True, check=False, text=True
    )
    assert done.returncode == 3
    assert done.stderr.startswith("guard: ")
    assert len(done.stderr.splitlines()) == 1
