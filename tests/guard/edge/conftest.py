"""For the tests of this folder: act in a real child, as root or as nobody; run in two kernels."""

import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guard.edge.sandbox import Calls, Confinement
from guard.edge.system_calls import call
from tests.contracts import shared
from tests.contracts.simulated import TOP

NOBODY = 65534
ROOT = os.geteuid() == 0
MIB = 2**20
_PR_SET_DUMPABLE = 4


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Some files are collected a second time, to run in the simulated kernel."""
    return shared.collect(file_path, parent)


@pytest.fixture(autouse=True)
def _in_its_kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of a simulated module is a process of a simulated host while it runs."""
    world = shared.world_of(request.node)
    if world is None:
        yield
        return
    with world.process(world.host()):
        yield


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An empty directory of the kernel that the test runs in."""
    world = shared.world_of(request.node)
    if world is None:
        return tmp_path
    simulated: Path = world.load("pathlib").Path(TOP)
    return simulated


@pytest.fixture(params=["root", "nobody"] if ROOT else ["this user"])
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that every user may reach: pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def rights() -> Callable[..., Confinement]:
    """Makes a role's confinement: these descriptors, and what a test names beside them."""

    def make(*descriptors: int, calls: tuple[Calls, ...] = (), **changes: object) -> Confinement:
        kept = frozenset({2, *descriptors})
        groups = frozenset({Calls.BASE, *calls})
        plain = Confinement((), (), groups, kept, 256 * MIB, None, 1024, None, None, True)
        if os.geteuid() == 0:
            plain = replace(plain, uid=NOBODY, gid=NOBODY)
        return replace(plain, **changes)  # type: ignore[arg-type]  # a test names the fields

    return make


@pytest.fixture
def in_child() -> Callable[..., str]:
    """Gives what an act gives in a forked process; its argument is a descriptor it must keep."""

    def run(act: Callable[[int], str], user: str = "this user") -> str:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _act(act, user, writer)
        os.close(writer)
        with open(reader, "rb") as pipe:
            said = pipe.read().decode()
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
        assert said.startswith("ok "), said
        return said[3:]

    return run


def _act(act: Callable[[int], str], user: str, writer: int) -> None:
    try:
        if user == "nobody":
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
        os.write(writer, b"ok " + act(writer).encode())
    except BaseException:
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(0)


@pytest.fixture
def working() -> Callable[[dict[str, Callable[[], object]]], str]:
    """Gives the names of the attempts that were not refused."""

    def attempt(attempts: dict[str, Callable[[], object]]) -> str:
        worked = []
        for name, act in attempts.items():
            try:
                act()
            except (OSError, RuntimeError, ValueError):
                continue
            worked.append(name)
        return " ".join(worked)

    return attempt
