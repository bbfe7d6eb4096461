"""Keepers and cells as confined processes: what goes through a chain with isolation "message"."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.chain import first_frame
from guard.core.journey import May
from guard.core.release import Cleared, Stopped
from guard.edge import landlock
from guard.edge.endings import cause_of, ended_together
from guard.edge.sockets import readable
from schemas.message import Message
from schemas.policy import StageLine
from schemas.reasons import Reason
from tests.guard.core.lane import HEAD_KEY, META, SCOPE
from tests.guard.roles.stage_chain import MIB, Chain

LINES = [
    StageLine(name="bounds", parameters={"bytes_min": 1, "bytes_max": MIB}),
    StageLine(name="event_rebuild", parameters={"content_types": ["application/json"]}),
]
pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


def event(text_bytes: int, count: int = 1) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0", "id": "1", "source": "/a", "type": "a.b",
            "datacontenttype": "application/json", "data": ["x" * text_bytes] * count,
        }
    ).encode()  # fmt: skip


@pytest.fixture(scope="module", params=["message", "pooled"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    running = Chain(request.param, LINES)
    yield running
    running.close()


def test_small_and_large_payloads_go_through_and_are_rebuilt(chain: Chain) -> None:
    for number, count in enumerate((1, 3, 20, 1)):
        judgement = chain.decide(event(10_000, count), number)
        assert isinstance(judgement, Cleared)
        assert len(judgement.message.payload) > 10_000 * count
        assert judgement.message.payload.count(b"x" * 10_000) == count


def test_what_is_refused_is_refused_by_its_stage(chain: Chain) -> None:
    too_large = chain.decide(b" " * MIB, 10)
    assert isinstance(too_large, Stopped)
    broken = chain.decide(b"{}", 11)
    assert isinstance(broken, Stopped)
    assert (broken.stage, broken.reason != Reason.STAGE_FAILED) == ("event_rebuild", True)


def test_metadata_that_is_none_is_stopped(chain: Chain) -> None:
    message = Message(b"{}", event(10))
    frame = first_frame(12, message, SCOPE, HEAD_KEY, bytes.fromhex(f"{12:032x}"))
    chain.outlet.give(frame)
    assert readable(chain.inlet, wait_ms=60_000) == [True]
    taken = chain.inlet.take()
    assert taken is not None
    assert taken[0].stopped


def test_the_key_is_where_no_stage_is_loaded(chain: Chain) -> None:
    if chain.isolation == "message":
        with_key = [seat for seat in chain.seats if May.STAGE_KEY in seat.role.may]
        assert [seat.name for seat in with_key] == ["stage:bounds", "stage:event_rebuild"]
        assert all(seat.kind is None and May.FORK not in seat.role.may for seat in with_key)
    for process in chain.processes():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == (1 if chain.isolation == "pooled" else 0)


def test_a_keeper_whose_cells_are_gone_is_not_named_for_it() -> None:
    running = Chain("message", LINES)
    try:
        cells = next(seat for seat in running.seats if seat.name == "stage:bounds:cells").process
        assert cells is not None
        cells.signal(signal.SIGSTOP)
        running.outlet.give(first_frame(1, Message.make(META, event(10)), SCOPE, HEAD_KEY))
        time.sleep(0.5)  # by then the keeper waits for an answer
        cells.signal(signal.SIGKILL)
        cause = cause_of(ended_together(running.seats))
        assert cause == ("stage:bounds:cells ended (signal 9)", "none")
    finally:
        running.kill()
