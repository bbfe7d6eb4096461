"""The processes of a chain's stages, each confined as on a site, and both ends of the chain."""

import os
import time
from dataclasses import dataclass, field, replace

from filters import catalog
from guard.core.chain import first_frame
from guard.core.journey import CHAIN, Journey, May, Role, State
from guard.core.release import Cleared, Expected, Judge, Stopped
from guard.edge.processes import Process, start
from guard.edge.rights import write_rights
from guard.edge.seats import Seat, seats_of
from guard.edge.sockets import Inlet, Outlet, close_descriptor, feed_pair, one_way_pair, readable
from guard.edge.spec import Spec
from schemas.message import Message
from schemas.policy import StageLimits, StageLine
from schemas.stage import Side
from tests.guard.core.lane import HEAD_KEY, META, SCOPE, fed, key_of

MIB = 2**20
ROW = Role(
    CHAIN, "guard.roles.stage:prepare", State.ACCEPTED, State.CLEARED,
    hears=("fed",), tells=("cleared",), may=May.STAGE_KEY | May.FORK,
)  # fmt: skip


@dataclass
class Chain:
    """Started when it is made; `close` lets it drain, `kill` does not."""

    isolation: str
    lines: list[StageLine]
    seats: list[Seat] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = seats_of(Journey("test", Side.SOURCE, (ROW,)), self.lines, self.isolation)
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
        rights = write_rights(seat.role, seat.kind, MIB, user, user, threads=seat.threads)
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
        return self.judge()(taken[0], fed(message, number))

    def judge(self) -> Judge:
        """Who says what the receipts are worth."""
        expected = []
        for line in self.lines:
            listed = catalog.entry(line.catalog_name)
            expected.append(Expected(line.name, listed.version, listed.kind, key_of(line.name)))
        return Judge(SCOPE, HEAD_KEY, expected)

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
