"""`diode-sim netns` as its users have it: a command line, for the tests."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
NOBODY = 65_534
_numbers = count(1)


@cache
def lacking() -> str:
    """Why no pair can be made here, in the tool's own words; "" if one can."""
    name = new_name()
    done = Tool(name).command("up")
    if done.returncode == 0:
        Tool(name).command("down")
        return ""
    return done.stderr.strip()


def new_name() -> str:
    """A name that no other test has."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@dataclass(frozen=True)
class Tool:
    """The commands about one pair, by one user."""

    name: str
    python: tuple[str, ...] = (sys.executable,)
    options: dict[str, Any] = field(default_factory=dict)

    def words(self, verb: str, *more: str) -> list[str]:
        """A whole command line."""
        return [*self.python, "-m", "diode_sim", "netns", verb, "--name", self.name, *more]

    def command(self, verb: str, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.words(verb, *more), cwd=ROOT, text=True, capture_output=True, check=False,
            timeout=PATIENCE_S, **self.options,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        told: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return told

    def inside(self, side: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command in an end, by root of the end."""
        return self.command("exec", side, "--", *words)

    def python_inside(self, side: str, program: str) -> str:
        """What a Python program says that runs in an end; fails the test if it fails."""
        done = self.inside(side, self.python[-1], "-c", program)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, verb: str, *more: str) -> "subprocess.Popen[str]":
        """A process of the tool that goes on."""
        return subprocess.Popen(
            self.words(verb, *more), cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **self.options,
        )  # fmt: skip


@contextmanager
def pair(*options: str, tool: Tool | None = None) -> Iterator[Tool]:
    """A pair that is up; down at the end."""
    one = tool or Tool(new_name())
    try:
        made = one.command("up", *options)
        assert made.returncode == 0, made.stderr
        yield one
    finally:
        one.command("down")
        assert left_of(one.name) == []


def left_of(word: str, within_s: float = 10.0) -> list[str]:
    """Command lines of processes that have the word in them, if they do not go away."""
    deadline_s = time.monotonic() + within_s
    while found := [line for line in command_lines() if word in line]:
        if time.monotonic() > deadline_s:
            return found
        time.sleep(0.05)
    return [line for line in Path("/proc/net/unix").read_text().splitlines() if word in line]


def command_lines() -> Iterator[str]:
    """Of every process but this one."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if path.parent.name != str(os.getpid()):
            try:
                yield path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue


@contextmanager
def as_nobody(folder: Path) -> Iterator[Tool]:
    """The tool as an ordinary user, who needs an interpreter that he may run; skips without one."""
    if os.geteuid() != 0:
        yield Tool(new_name())
        return
    candidates = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
    who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    for candidate in filter(shutil.which, candidates):
        folder.chmod(0o755)
        there = folder / "venv"
        made = subprocess.run([candidate, "-m", "venv", "--without-pip", "--clear", there],
                              check=False, capture_output=True)  # fmt: skip
        if made.returncode:
            continue
        paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
        packages = there / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        (packages / "here.pth").write_text("\n".join(paths) + "\n")
        python = str(there / "bin" / "python")
        tried = [python, "-c", "import cryptography, diode_sim.cli"]
        try:
            works = subprocess.run(tried, check=False, capture_output=True, cwd=folder, **who)
        except PermissionError:
            continue
        if works.returncode == 0:
            yield Tool(new_name(), (python,), who)
            return
    pytest.skip("no interpreter that an ordinary user may run")


needs_pair = pytest.mark.skipif(bool(lacking()), reason=lacking() or "a pair can be made here")
