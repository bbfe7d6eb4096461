"""A site and a running low side for the tests of the command line."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.edge.making import Made, make_site, pack_folder

STARTS_WITHIN_S = 90
LINK = "127.0.0.1:9"  # the discard port: this side sends, nobody listens

Guard = Callable[..., Result]


@pytest.fixture
def guard() -> Guard:
    """Runs the command line in this process; whatever it raises but an exit fails the test."""

    def run(*words: object) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "80"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def site() -> Iterator[Made]:
    """Both sides of the c2 pack, not running, where every user may reach them."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield make_site(Path(name) / "site", pack_folder("c2"), LINK, LINK)


@pytest.fixture(scope="module")
def running_low() -> Iterator[Path]:
    """The folder of a low side that runs, all of its processes confined as for real."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        low = make_site(Path(name) / "site", pack_folder("c2"), LINK, LINK).low
        command = "from guard.cli.main import main; main()"
        supervisor = subprocess.Popen(
            [sys.executable, "-c", command, "run", "low", "--site", low, "--json"],
            stdout=subprocess.PIPE,
        )
        try:
            _await_running(supervisor)
            yield low
        finally:
            supervisor.terminate()
            supervisor.communicate(timeout=STARTS_WITHIN_S)


def _await_running(supervisor: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + STARTS_WITHIN_S
    assert supervisor.stdout is not None
    while time.monotonic() < deadline_s:
        line = supervisor.stdout.readline()
        assert line, "the low side ended before it ran"
        if json.loads(line)["event"] == "running":
            return
    pytest.fail("the low side did not start")
