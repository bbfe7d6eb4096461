"""Which processes a side has: the rows of its journey, and the chain's row once a stage.

Takes a journey's table and the policy's lines, gives a `Seat` for each process. Starts nothing.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from filters import catalog
from guard.core.journey import CHAIN, Journey, May, Role
from guard.edge.processes import Process
from schemas.kinds import Kind
from schemas.policy import StageLine


@dataclass(slots=True)
class Seat:
    """One process of a side: its role's row and, for a stage of the chain, the policy's line.

    ends  what such a process calls the channels it hears and tells
    """

    name: str
    role: Role
    line: StageLine | None = None
    position: int = 0
    kind: Kind | None = None
    process: Process | None = field(default=None)
    ends: tuple[tuple[str, ...], tuple[str, ...]] = (("inlet",), ("outlet",))


def seats_of(journey: Journey, lines: list[StageLine], isolation: str = "pooled") -> list[Seat]:
    """The table's rows as processes: the chain's row becomes one a stage, linked hop by hop; two
    a stage with isolation "message", the one with the key and the one with the code."""
    seats: list[Seat] = []
    for role in journey.roles:
        if role.name != CHAIN:
            seats.append(Seat(role.name, role))
            continue
        hops = [role.hears[0], *(f"hop-{n}" for n in range(1, len(lines))), role.tells[0]]
        for position, line in enumerate(lines, start=1):
            link = replace(role, hears=(hops[position - 1],), tells=(hops[position],))
            kind = catalog.entry(line.catalog_name, line.own_stage).kind
            if isolation == "message":
                seats += _keeper_and_cells(link, line, position, kind)
            else:
                seats.append(Seat(f"stage:{line.name}", link, line, position, kind))
    return seats


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


def told_of(line: StageLine) -> list[Any]:
    """What a tail must know of a stage: name, catalog name, what the policy says of a site's own
    or None, and the queues of a route's rules."""
    told: list[Any] = [line.name, line.catalog_name, line.pin]
    if catalog.entry(line.catalog_name, line.own_stage).kind is Kind.ROUTE:
        rules = [rule for rule in line.parameters.get("rules", []) if isinstance(rule, dict)]
        told.append(sorted({str(queue) for rule in rules for queue in rule.get("queues", [])}))
    return told
