"""The processes of a side: the journey's table with the policy's stages put into it."""

from dataclasses import dataclass, field, replace

from filters import catalog
from guard.core.journey import CHAIN, Journey, Role
from guard.edge.processes import Process
from schemas.policy import StageLine
from schemas.stage import Kind


@dataclass(slots=True)
class Seat:
    """One process of a side: its role's row and, for a stage of the chain, the policy's line."""

    name: str
    role: Role
    line: StageLine | None = None
    position: int = 0
    kind: Kind | None = None
    process: Process | None = field(default=None)


def seats_of(journey: Journey, lines: list[StageLine]) -> list[Seat]:
    """The table's rows as processes: the chain's row becomes one a stage, linked hop by hop."""
    seats: list[Seat] = []
    for role in journey.roles:
        if role.name != CHAIN:
            seats.append(Seat(role.name, role))
            continue
        hops = [role.hears[0], *(f"hop-{n}" for n in range(1, len(lines))), role.tells[0]]
        for position, line in enumerate(lines, start=1):
            link = replace(role, hears=(hops[position - 1],), tells=(hops[position],))
            kind = catalog.entry(line.catalog_name).kind
            seats.append(Seat(f"stage:{line.name}", link, line, position, kind))
    return seats
