"""The page of the bare link: its commands run, in its order, and print what it shows.

Every ```console block of docs/link.md is run over loopback, each host in a folder of its own.
`send$` runs a command to its end, `receive$` starts the receiver, `receive>` looks at what it
printed since its start, `receive^C` ends it. A shown line must stand in the output, in order, as in
`test_quickstart.py`.
"""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_quickstart import BLOCK, PATIENCE_S, PROJECT, Tour, _free_port, shows

PAGE = (PROJECT / "docs" / "link.md").read_text("utf-8")
PROMPT = re.compile(r"(send|receive)(\$ |>|\^C)(.*)")
LISTENS = re.compile(r"\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ")


class Reader(Tour):
    """A reader with a terminal on each host."""

    def host(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def command(self, text: str) -> str:
        there = f"127.0.0.1:{self.port}"
        return text.replace("10.0.0.2:47000", there).replace("--from 10.0.0.1", "--from 127.0.0.1")

    def send(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", self.command(command)], cwd=self.host("send"), env=self.environment(),
            capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stderr + done.stdout

    def receive(self, command: str) -> None:
        key = self.host("receive") / "diode.key"
        if not key.exists():
            shutil.copy(self.host("send") / key.name, key)
        with self.log("receive").open("w") as log:
            self.sides["receive"] = subprocess.Popen(
                self.command(command).split(), cwd=self.host("receive"), env=self.environment(),
                stdout=log, stderr=log, text=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while not self._listens():
            assert time.monotonic() < deadline, self.log("receive").read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        lines = Path("/proc/net/udp").read_text("ascii").splitlines()
        ports = [int(found[1], 16) for found in map(LISTENS.match, lines) if found]
        return self.port in ports


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with_port = Reader(tmp_path, _free_port())
    yield with_port
    with_port.end()


def test_every_command_of_the_page_runs_and_prints_what_it_shows(reader: Reader) -> None:
    ran = 0
    for kind, exits, text in BLOCK.findall(PAGE):
        if kind != "console":
            continue
        first, *shown = text.splitlines()
        prompt = PROMPT.fullmatch(first)
        assert prompt, f"a block that begins with no prompt: {first}"
        host, sign, command = prompt.groups()
        ran += 1
        if host == "send":
            output = reader.send(command)
            assert shows(output, shown), f"{command}\n{output}"
            continue
        if sign == "$ ":
            reader.receive(command)
        elif sign == "^C":
            reader.sides["receive"].send_signal(signal.SIGINT)
            assert reader.sides["receive"].wait(PATIENCE_S) == int(exits or 0)
        reader.await_lines("receive", shown)
    assert ran > 10
    folder = reader.host("receive") / "incoming"
    sent = reader.host("send") / "report"
    for name in ("readme.txt", "maps/north.png"):
        assert (folder / "report" / name).read_bytes() == (sent / name).read_bytes()
    assert (folder / "note.txt").read_bytes() == b"hello\n"
    assert not list((folder / ".checkvalve" / "incoming").iterdir())
