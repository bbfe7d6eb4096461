"""A supervisor whose policy or keys change; its processes only say that they are ready."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guard.edge.making import make_site, pack_folder
from guard.edge.policy_files import read_policy_file, sign_policy
from guard.edge.policy_install import NEXT, lay
from guard.edge.policy_memory import PolicyMemory
from guard.edge.site import Site, load_site
from guard.high import HIGH
from guard.trial.trial import Trying

WITHIN_S = 90
NO_STARTER = 2  # the version under which `deliver` does not start
PROGRAM = f"""
import json, os, select, sys, time
from guard.edge.spec import Spec

spec = Spec.read(int(sys.argv[1]))
if spec.name == "deliver" and spec.values["policy_version"] == {NO_STARTER}:
    sys.exit(1)
with open(f"{{spec.values['folder']}}/../{{spec.name}}.told", "a") as told:
    told.write(str(spec.values["ended_by_us"]))
ready = {{"name": spec.name, "layers": []}}
os.write(spec.descriptors["ready"], json.dumps(ready).encode())
neighbours = select.poll()
own = ("ready", "feed", "stages-feed", "listener")
for name, number in spec.descriptors.items():
    if name not in own and not name.startswith("udp"):
        neighbours.register(number, 0)  # their end ends this one
neighbours.poll(600_000)
"""


class Running:
    """A high side."""

    def __init__(self, folder: Path) -> None:
        made = make_site(folder / "site", pack_folder("c2"), "127.0.0.1:9", "127.0.0.1:0")
        self.site: Site = load_site(made.high)
        self.authors = [made.high.parent / f"author-{number}.key" for number in (1, 2)]
        program = folder / "program.py"
        program.write_text(PROGRAM)
        self.told: list[dict[str, Any]] = []
        self.supervisor = Trying(self.site, HIGH, self.told.append, PolicyMemory(), insecure=True)
        self.supervisor.program = str(program)
        self._thread = threading.Thread(target=self.supervisor.run, daemon=True)
        self._thread.start()

    def install(self, version: int) -> None:
        lay(load_site(self.site.folder), self.signed(version), PolicyMemory())
        self.supervisor.look()

    def signed(self, version: int) -> Path:
        """The policy in this version, signed by the quorum."""
        folder = self.site.folder.parent / f"new-{version}"
        shutil.copytree(self.site.folder / "documents", folder / "documents")
        text = (self.site.folder / "policy.toml").read_text("utf-8")
        head, _, rest = text.partition("version = ")
        (folder / "policy.toml").write_text(f"{head}version = {version}{rest[1:]}")
        sign_policy(read_policy_file(folder / "policy.toml"), "high", self.authors, self.site.root)
        return folder

    def await_ended_by_us(self, wanted: str) -> None:
        """What each start of `verify` was told of the end before: a digit a start."""
        deadline_s = time.monotonic() + WITHIN_S
        while (self.site.folder.parent / "verify.told").read_text() != wanted:
            assert time.monotonic() < deadline_s, self.told
            time.sleep(0.05)

    def await_told(self, event: str, cause: str) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while not any(it["event"] == event and cause in it["cause"] for it in self.told):
            assert time.monotonic() < deadline_s, self.told
            time.sleep(0.05)

    def end(self) -> None:
        self.supervisor.stop()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        self.supervisor._close()


@pytest.fixture
def running(open_folder: Path) -> Iterator[Running]:
    made = Running(open_folder)
    yield made
    made.end()


def test_a_policy_under_which_the_lane_does_not_start_is_followed_by_one_that_does(
    running: Running,
) -> None:
    running.await_told("running", "start")
    running.install(NO_STARTER)
    running.await_told("failed", "deliver ended before it was ready")
    running.install(NO_STARTER + 1)
    running.await_told("running", f"policy version {NO_STARTER + 1}")
    assert load_site(running.site.folder).policy.version == NO_STARTER + 1


def test_a_policy_that_comes_while_no_key_holds_waits_for_one(running: Running) -> None:
    certificates = running.site.folder / "trust" / "source.pem"
    elsewhere = running.site.folder.with_name("elsewhere")
    shutil.copytree(running.site.folder, elsewhere, ignore=shutil.ignore_patterns("*.sock"))
    new = running.signed(3)
    away = certificates.rename(certificates.with_suffix(".away"))
    running.await_told("keys-refused", "source.pem")
    lay(load_site(elsewhere), new, PolicyMemory())
    (elsewhere / NEXT).rename(running.site.folder / NEXT)
    running.supervisor.look()
    time.sleep(3)  # so that it has looked more than once
    assert (running.site.folder / NEXT).is_dir()
    away.rename(certificates)
    running.await_told("policy", "policy version 3")
    assert not any(it["event"] == "policy-refused" for it in running.told)


def test_the_head_is_told_which_ends_of_a_lane_were_the_supervisors_own(running: Running) -> None:
    running.await_told("running", "start")
    certificates = running.site.folder / "trust" / "source.pem"
    away = certificates.rename(certificates.with_suffix(".away"))
    running.await_told("keys-refused", "source.pem")
    running.await_told("failed", "source.pem")  # and that no start came about does not count
    away.rename(certificates)
    running.await_ended_by_us("01")
    running.await_told("running", "source.pem")
    status = json.loads((running.site.folder / "run" / "status.json").read_text())
    pids = {each["name"]: each["pid"] for each in status["processes"]}
    os.kill(pids["deliver"], signal.SIGKILL)
    running.await_ended_by_us("010")
