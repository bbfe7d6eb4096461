"""A stage that leaves work behind: its message is refused, and its process replaced, in any way of
isolation. With real bombs in PDFium, which nothing else ends."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.release import Cleared, Stopped
from guard.edge import landlock
from schemas.policy import StageLine
from schemas.reasons import Reason
from tests.filters.hostile.painting_forge import page
from tests.filters.hostile.pdf_painting import BOMBS
from tests.guard.roles.stage_chain import Chain

LINES = [StageLine(name="pdf_rebuild", parameters={"way": "raster", "dpi": 36})]
GOOD = page(b"BT /F1 60 Tf 100 400 Td (ab) Tj ET")

pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


@pytest.fixture(scope="module", params=["message", "pooled"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    running = Chain(request.param, LINES)
    yield running
    running.close()


def test_what_takes_too_much_is_refused_and_what_follows_is_as_if_it_had_not_been(
    chain: Chain,
) -> None:
    first = chain.decide(GOOD, 1)
    assert isinstance(first, Cleared)
    for number, name in enumerate(("a wave without an end", "saved states", "lines"), 2):
        bomb = chain.decide(BOMBS[name](), number)
        assert isinstance(bomb, Stopped)
        assert (bomb.stage, bomb.reason) == ("pdf_rebuild", Reason.EFFORT_OUT_OF_BOUNDS)
    again = chain.decide(GOOD, 9)
    assert isinstance(again, Cleared)
    assert again.message.payload == first.message.payload


def test_nothing_of_it_runs_on(chain: Chain) -> None:
    assert isinstance(chain.decide(BOMBS["a wave without an end"](), 20), Stopped)
    deadline_s = time.monotonic() + 20
    while any(threads != 1 for threads in threads_of(chain)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert set(threads_of(chain)) == {1}


def threads_of(chain: Chain) -> list[int]:
    """Of every process of the chain, and of those that they started."""
    found = []
    for process in chain.processes():
        for pid in (str(process.pid), *children(process.pid)):
            found.append(len(list(Path(f"/proc/{pid}/task").iterdir())))
    return found


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
