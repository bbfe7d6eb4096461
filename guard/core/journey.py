"""The nouns of the two journeys, `guard/low.py` and `guard/high.py`: states, rights, roles.

A `Role` is one row of a journey's table: who runs, what state of a message it takes and gives, on
which channels it hears and tells, which folders it reads and writes, and what else it may. What a
row does not list, its process cannot do: the supervisor gives it no such descriptor, and
`guard.edge.sandbox` forbids the rest.
"""

from dataclasses import dataclass
from enum import Enum, Flag, auto

from schemas.kinds import Side


class State(Enum):
    """Where a message is (docs/architecture.md, "Where a message is")."""

    NONE = "none"
    DROPPED = "dropped"
    ACCEPTED = "accepted"
    CLEARED = "cleared"
    COMMITTED = "committed"
    SENT = "sent"
    LANDED = "landed"
    VERIFIED = "verified"
    DELIVERED = "delivered"


class May(Flag):
    """The rights of a role beside its channels and folders."""

    NOTHING = 0
    HEAD_KEY = auto()  # authenticates the first receipt
    STAGE_KEY = auto()  # authenticates its own receipts
    ALL_STAGE_KEYS = auto()  # checks every receipt
    SEALING_KEY = auto()  # signs manifests
    LINK_KEY = auto()  # derives session keys
    SEND_UDP = auto()
    RECEIVE_UDP = auto()
    COLLECTOR = auto()  # sends to the collector's socket, if the site names one
    ASK_SCANNER = auto()  # connects to the virus scanner's socket, if the site names one
    SERVE = auto()  # accepts connections on the metrics socket
    FORK = auto()  # starts children of its own, one at a time, that may do less than it


@dataclass(frozen=True, slots=True)
class Role:
    """One row: see the module's docstring. `run` is "module:function", the one jump to the code.

    domain is the failure domain: when a process ends, all of its domain are ended and started
    again together, and nobody else is.
    """

    name: str
    run: str
    takes: State
    gives: State
    hears: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    may: May = May.NOTHING
    domain: str = "lane"


CHAIN = "chain"
"""The name of the row that stands for the policy's stages, one process each."""


SCANNER = Role(
    "scanner", "guard.roles.scanner:prepare", State.NONE, State.NONE, may=May.ASK_SCANNER
)
"""On either side the row that stands for the virus scanner's askers, one a stage that asks."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One side's table. `folders` are made by `guard init`."""

    name: str
    side: Side
    roles: tuple[Role, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that a role reads or writes, sorted."""
        return tuple(sorted({f for role in self.roles for f in (*role.reads, *role.writes)}))

    @property
    def domains(self) -> tuple[str, ...]:
        """The failure domains, in the order of their first role."""
        return tuple(dict.fromkeys(role.domain for role in self.roles))
