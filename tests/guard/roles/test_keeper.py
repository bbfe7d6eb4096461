"""Keepers and cells as confined processes: what goes through a chain with isolation "message"."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from filters import catalog
from guard.core.chain import first_frame
from guard.core.journey import CHAIN, Journey, May, Role, State
from guard.core.release import Cleared, Expected, Judge, Stopped
from guard.edge import landlock
from guard.edge.endings import cause_of, ended_together
from guard.edge.processes import Process, start
from guard.edge.rights import write_rights
from guard.edge.seats import Seat, seats_of
from guard.edge.sockets import Inlet, Outlet, close_descriptor, feed_pair, one_way_pair, readable
from guard.edge.spec import Spec
from schemas.message import Message
from schemas.policy import StageLimits, StageLine
from schemas.reasons import Reason
from schemas.stage import Kind, Side
from tests.guard.core.lane import HEAD_KEY, META, SCOPE, fed, key_of

MIB = 2**20
LINES = [
    StageLine(name="bounds", parameters={"bytes_min": 1, "bytes_max": MIB}),
    StageLine(name="event_rebuild", parameters={"content_types": ["application/json"]}),
]
ROW = Role(
    CHAIN, "guard.roles.stage:prepare", State.ACCEPTED, State.CLEARED,
    hears=("fed",), tells=("cleared",), may=May.STAGE_KEY | May.FORK,
)  # fmt: skip

pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


def event(text_bytes: int, count: int = 1) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0", "id": "1", "source": "/a", "type": "a.b",
            "datacontenttype": "application/json", "data": ["x" * text_bytes] * count,
        }
    ).encode()  # fmt: skip


@dataclass
class Chain:
    """The chain's processes, and its two ends."""

    isolation: str
    seats: list[Seat] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = seats_of(Journey("test", Side.SOURCE, (ROW,)), LINES, self.isolation)
        feed = feed_pair()
        pairs = {name: one_way_pair() for name in ("fed", "cleared")}
        pairs |= {n: one_way_pair() for s in self.seats for n in s.role.tells if n != "cleared"}
        for at, seat in enumerate(self.seats):
            named = {n: pairs[n][0].fileno() for n in seat.role.hears}
            named |= {n: pairs[n][1].fileno() for n in seat.role.tells}
            ends = zip(sum(seat.ends, ()), (*seat.role.hears, *seat.role.tells), strict=True)
            given = {end: named[name] for end, name in ends} | {"feed": feed[1].fileno()}
            seat.process = start(self.spec(seat, given, at))
        self.outlet = Outlet(os.dup(pairs["fed"][1].fileno()))
        self.inlet = Inlet(os.dup(pairs["cleared"][0].fileno()), MIB)
        for end in (*feed, *(end for pair in pairs.values() for end in pair)):
            end.close()
        for process in self.processes():
            process.await_ready()

    def spec(self, seat: Seat, descriptors: dict[str, int], at: int) -> Spec:
        assert seat.line is not None
        user = 61_500 + at if os.geteuid() == 0 else None
        values = StageLimits().model_dump() | {
            "folder": "/", "stage": seat.line.name, "use": seat.line.catalog_name,
            "parameters": seat.line.parameters, "position": seat.position,
            "payload_bytes_max": MIB, "scope": SCOPE.hex(), "insecure": 0,
            "isolation": self.isolation,
        }  # fmt: skip
        keys = {"stage": key_of(seat.line.name)} if May.STAGE_KEY in seat.role.may else {}
        rights = write_rights(seat.role, seat.kind, MIB, user, user)
        return Spec(seat.name, seat.role.run, "low", descriptors, values, keys, {}, rights)

    def processes(self) -> list[Process]:
        return [seat.process for seat in self.seats if seat.process is not None]

    def decide(self, payload: bytes, number: int) -> Cleared | Stopped:
        meta = replace(META, id=f"{number:032x}")
        message = Message.make(meta, payload)
        self.outlet.give(first_frame(number, message, SCOPE, HEAD_KEY))
        assert readable(self.inlet, wait_ms=60_000) == [True]
        taken = self.inlet.take()
        assert taken is not None
        close_descriptor(taken[1])
        return JUDGE(taken[0], fed(message, number))

    def kill(self) -> None:
        for process in self.processes():
            process.end()
        self.outlet.close()
        self.inlet.close()

    def close(self) -> None:
        self.outlet.close()
        deadline_s = time.monotonic() + 20
        while any(p.ended() is None for p in self.processes()) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        codes = [process.end() for process in self.processes()]
        self.inlet.close()
        assert codes == [0] * len(codes)  # a chain drains and ends from its head


JUDGE = Judge(
    SCOPE, HEAD_KEY,
    [
        Expected("bounds", catalog.entry("bounds").version, Kind.FILTER, key_of("bounds")),
        Expected("event_rebuild", 1, Kind.NORMALIZE, key_of("event_rebuild")),
    ],
)  # fmt: skip


@pytest.fixture(scope="module", params=["message", "pooled"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    running = Chain(request.param)
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
    running = Chain("message")
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
