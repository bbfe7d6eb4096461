"""Which processes a side has: the rows of its journey, and the chain's row once a stage.

Takes a journey's table and the policy's lines, gives a `Seat` for each process. Starts nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from filters import catalog
from filters.policy_check import asks
from guard.core.journey import CHAIN, Journey, May, Role
from guard.edge.processes import Process
from guard.edge.scanning import ANSWER, QUESTION, SocketFolder
from guard.edge.spec import Value
from schemas.kinds import Kind
from schemas.policy import Chain, StageLine


@dataclass(slots=True)
class Seat:
    """One process of a side: its role's row and, for a stage of the chain, the policy's line.

    ends      what such a process calls the channels it hears and tells
    asks_for  of a process that asks the scanner: the line of the stage that it does so for
    threads   whether it runs the code of a stage that has foreign code held to bounds
    """

    name: str
    role: Role
    line: StageLine | None = None
    position: int = 0
    kind: Kind | None = None
    process: Process | None = field(default=None)
    ends: tuple[tuple[str, ...], tuple[str, ...]] = (("inlet",), ("outlet",))
    asks_for: StageLine | None = None
    threads: bool = False

    def named(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """The descriptors, by what the process calls them: a stage does not know its neighbours."""
        if self.line is None:
            return dict(numbers)
        rows, ends = self.role.hears + self.role.tells, self.ends[0] + self.ends[1]
        return {end: numbers[name] for end, name in zip(ends, rows, strict=True)}

    @property
    def reads_content(self) -> bool:
        """Whether what senders wrote goes through it: then little of what it counts is believed."""
        return self.line is not None or May.ASK_SCANNER in self.role.may


def seats_of(journey: Journey, lines: list[StageLine], isolation: str = "pooled") -> list[Seat]:
    """The table's rows as processes: the chain's row becomes one a stage, linked hop by hop; two
    a stage with isolation "message", the one with the key and the one with the code."""
    asking = {line.name: line for line in lines if asks(line)}
    seats: list[Seat] = []
    for role in journey.roles:
        if May.ASK_SCANNER in role.may:
            seats += [_asked_by(role, line) for line in asking.values()]
            continue
        if role.name != CHAIN:
            seats.append(Seat(role.name, role))
            continue
        hops = [role.hears[0], *(f"hop-{n}" for n in range(1, len(lines))), role.tells[0]]
        for position, line in enumerate(lines, start=1):
            link = replace(role, hears=(hops[position - 1],), tells=(hops[position],))
            listed = catalog.entry(line.catalog_name, line.own_stage)
            if isolation == "message":
                made = _keeper_and_cells(link, line, position, listed.kind)
            else:
                made = [Seat(f"stage:{line.name}", link, line, position, listed.kind)]
            made[-1].threads = listed.bounds
            seats += [*made[:-1], _with_scanner(made[-1])] if line.name in asking else made
    return seats


def scanner_folder(seats: Iterable[Seat], where: str) -> SocketFolder:
    """The directory of the scanner's socket, where any of these asks it. where: of site.toml."""
    asked = any(May.ASK_SCANNER in seat.role.may for seat in seats)
    return SocketFolder(where if asked else "")


def _with_scanner(seat: Seat) -> Seat:
    """The process that has the stage's code, with a channel to the scanner and one from it."""
    name = seat.line.name if seat.line else ""
    hears, tells = (ANSWER,), (QUESTION,)
    role = replace(
        seat.role,
        hears=(*seat.role.hears, f"{ANSWER}-{name}"),
        tells=(*seat.role.tells, f"{QUESTION}-{name}"),
    )
    return replace(seat, role=role, ends=(seat.ends[0] + hears, seat.ends[1] + tells))


def _asked_by(role: Role, line: StageLine) -> Seat:
    """The process that asks the scanner for one stage: a slow answer to it delays no other."""
    hears, tells = (f"{QUESTION}-{line.name}",), (f"{ANSWER}-{line.name}",)
    row = replace(role, hears=hears, tells=tells)
    return Seat(f"{role.name}:{line.name}", row, asks_for=line)


def _keeper_and_cells(link: Role, line: StageLine, position: int, kind: Kind) -> list[Seat]:
    name = f"stage:{line.name}"  # the prefix puts both in groups of their own
    asked, given, ended = (f"{what}-{line.name}" for what in ("asked", "given", "ended"))
    keeper = replace(
        link, run="guard.roles.keeper:prepare", may=May.STAGE_KEY,
        hears=(*link.hears, given, ended), tells=(*link.tells, asked),
    )  # fmt: skip
    cells = replace(
        link, run="guard.roles.cells:prepare", may=May.FORK, hears=(asked,), tells=(given, ended)
    )
    keeps = (("inlet", "given", "ended"), ("outlet", "asked"))
    return [
        Seat(name, keeper, line, position, ends=keeps),
        Seat(f"{name}:cells", cells, line, position, kind, ends=(("asked",), ("given", "ended"))),
    ]


def stage_values(seat: Seat, chain: Chain) -> dict[str, Value]:
    """What the process of a stage is told besides, and of its limits who asks for it; else {}."""
    if seat.asks_for is not None:
        return (seat.asks_for.limits or chain.limits).model_dump()
    if seat.line is None:
        return {}
    limits = seat.line.limits or chain.limits
    return limits.model_dump() | {
        "isolation": chain.isolation,
        "stage": seat.line.name,
        "use": seat.line.catalog_name,
        "own": seat.line.pin,
        "parameters": seat.line.parameters,
        "position": seat.position,
    }


def told_of(line: StageLine) -> list[Any]:
    """What a tail must know of a stage: name, catalog name, what the policy says of a site's own
    or None, and the queues of a route's rules."""
    told: list[Any] = [line.name, line.catalog_name, line.pin]
    if catalog.entry(line.catalog_name, line.own_stage).kind is Kind.ROUTE:
        rules = [rule for rule in line.parameters.get("rules", []) if isinstance(rule, dict)]
        told.append(sorted({str(queue) for rule in rules for queue in rule.get("queues", [])}))
    return told
