"""The tutorial's commands run, in its order, and print what it shows.

Every ```console block of docs/quickstart.md is run on a throw-away site. `$` runs a command,
`low$` and `high$` start a side that stays up, `low>` looks at what it printed, `low^C` stops it.
A shown line must stand in the output, in order; numbers and digests may differ, `…` stands for
anything. Blocks of another kind prepare the checkout: what runs this test has done that.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.netns_tool import lacking

PROJECT = Path(__file__).resolve().parents[2]
TUTORIAL = (PROJECT / "docs" / "quickstart.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\S+)(?: exits-(\d))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"(low|high)?(\$ |>|\^C)(.*)")
PREPARES = "make demo\n. .venv/bin/activate\n"
FOLDER = "/tmp/tour"
LOOKS = ("guard status", "ls ", "cat ", "curl ")
LOOKS_AGAIN_S = 5
PATIENCE_S = 60


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Tour:
    """A reader with three terminals."""

    folder: Path
    port: int
    sides: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def command(self, text: str) -> str:
        """The reader's command, in this test's folder and on its port."""
        text = text.replace(FOLDER, str(self.folder))
        return text.replace("guard init site", f"guard init site --link-port {self.port}")

    def environment(self) -> dict[str, str]:
        beside = str(Path(sys.executable).parent)
        return os.environ | {"PATH": f"{beside}:{os.environ['PATH']}", "COLUMNS": "100"}

    def run(self, command: str, exits: int) -> str:
        at = PROJECT if command.startswith("mkdir") else self.folder
        done = subprocess.run(
            ["bash", "-c", self.command(command)], cwd=at, env=self.environment(),
            capture_output=True, text=True, timeout=3 * PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == exits, f"{command}\n{done.stdout}{done.stderr}"
        return done.stderr + done.stdout

    def look(self, command: str, exits: int, shown: list[str]) -> None:
        """Run it; what only looks is repeated for a while, as a reader would."""
        deadline = time.monotonic() + (LOOKS_AGAIN_S if command.startswith(LOOKS) else 0)
        while not shows(output := self.run(command, exits), shown):
            assert time.monotonic() < deadline, f"{command}\n{output}"
            time.sleep(0.2)

    def start(self, side: str, command: str) -> None:
        with self.log(side).open("w") as log:
            self.sides[side] = subprocess.Popen(
                command.split(), cwd=self.folder, env=self.environment(), stdout=log, stderr=log,
                text=True,
            )  # fmt: skip

    def log(self, side: str) -> Path:
        return self.folder / f"{side}.log"

    def await_lines(self, side: str, shown: list[str]) -> None:
        """A terminal shows its lines sooner or later."""
        deadline = time.monotonic() + PATIENCE_S
        while not shows(self.log(side).read_text(), shown):
            assert time.monotonic() < deadline, f"{side}:\n{self.log(side).read_text()}"
            time.sleep(0.05)

    def end(self) -> None:
        for process in self.sides.values():
            process.send_signal(signal.SIGTERM)
        for process in self.sides.values():
            process.wait(PATIENCE_S)


def pattern_of(line: str) -> str:
    """A shown line as a pattern: numbers and digests may differ, `…` is anything."""
    parts = []
    for word in re.split(r"(…|[0-9a-f]{32,}|[0-9][0-9,.:]*|\s+)", line.strip()):
        if word == "…":
            parts.append(".*")
        elif re.fullmatch(r"[0-9a-f]{32,}", word):
            parts.append("[0-9a-f]+")
        elif word[:1].isdigit():
            parts.append("[0-9,.:]+")
        elif word.isspace():
            parts.append(r"\s+")
        else:
            parts.append(re.escape(word))
    return "".join(parts)


def shows(output: str, shown: list[str]) -> bool:
    """Whether the shown lines stand in the output, in their order."""
    lines = iter([line.strip() for line in output.splitlines()])
    wanted = [pattern_of(line) for line in shown if line.strip() not in ("", "…")]
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in wanted)


def blocks() -> Iterator[tuple[int, str, list[str]]]:
    """(exit code, prompt line, lines shown after it) of each block."""
    for kind, exits, text in BLOCK.findall(TUTORIAL):
        if kind != "console":
            assert text == PREPARES, "a block that this test does not know how to run"
            continue
        first, *shown = text.splitlines()
        yield int(exits or 0), first, shown


@pytest.fixture
def tour() -> Iterator[Tour]:
    folder = Path(tempfile.mkdtemp(prefix="checkvalve-tour-"))
    folder.chmod(0o755)  # as root each role has a user of its own, and must pass through it
    reader = Tour(folder, _free_port())
    yield reader
    reader.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_every_command_of_the_tutorial_runs_and_prints_what_it_shows(tour: Tour) -> None:
    for exits, line, shown in blocks():
        prompt = PROMPT.fullmatch(line)
        assert prompt, f"a block that begins with no prompt: {line}"
        side, sign, command = prompt.groups()
        if "--netns" in command and lacking():
            continue  # that the host lacks something is told by the tests of netns, with its reason
        shown = [tour.command(each) for each in shown]
        if side is None:
            tour.look(command, exits, shown)
            continue
        if sign == "$ ":
            tour.start(side, command)
        elif sign == "^C":
            tour.sides[side].send_signal(signal.SIGINT)
            assert tour.sides[side].wait(PATIENCE_S) == 0
        tour.await_lines(side, shown)
