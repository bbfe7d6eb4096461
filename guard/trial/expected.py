"""What a row of a journey's table lets its process do, and what that means for each attempt.

Takes a row and nothing else: not the system calls and folders that `guard.edge.rights` makes of
it, so that a mistake there is a difference here.
"""

from collections.abc import Iterable

from guard.core.journey import May, Role
from schemas.kinds import Kind

STAGE, KEEPER, CELLS = "stage", "keeper", "cells"
ENDS = {  # what the processes of a stage hear and tell
    STAGE: (("inlet",), ("outlet",)),
    KEEPER: (("inlet", "given", "ended"), ("outlet", "asked")),
    CELLS: (("asked",), ("given", "ended")),
}
ASKING = frozenset({"question", "answer"})  # of a stage that asks the virus scanner, besides

_FILE_CALLS = ("getdents64", "statx", "lseek", "look at a path")  # Landlock does not know stat(2)
_WRITE_CALLS = (
    "renameat2", "unlinkat", "mkdirat", "fdatasync", "syncfs", "ftruncate", "fallocate", "pwrite64",
)  # fmt: skip
_MEMFD_CALLS = ("memfd_create", "ftruncate", "pwrite64")


def makes_payloads(role: Role, kind: Kind | None) -> bool:
    """Whether its row lets it put a new payload into a memfd: it feeds, or its stage changes."""
    feeds = May.HEAD_KEY in role.may and "fed" in role.tells
    return feeds or kind in (Kind.NORMALIZE, Kind.TRANSFORM)


def allowed(
    role: Role, kind: Kind | None, attempts: Iterable[str], *, threads: bool
) -> frozenset[str]:
    """Those of the attempts that must be possible; all others must be refused."""
    names = set(_calls(role, kind)) | {"map memory within its bound"}
    if threads:
        names.add("start a thread")
    names |= {f"read {folder}/" for folder in (*role.reads, *role.writes)}
    names |= {f"write {folder}/" for folder in role.writes}
    return frozenset(name for name in attempts if name in names or _in_its_direction(name))


def _in_its_direction(name: str) -> bool:
    """A channel used the way its row says; the attempts against it have a comma in their name."""
    one_way = ("hear ", "tell ", "send by ", "receive by ", "accept a connection")
    return name.startswith(one_way) and "," not in name and " at -1" not in name


def _calls(role: Role, kind: Kind | None) -> Iterable[str]:
    if role.reads or role.writes:
        yield from _FILE_CALLS
    if role.writes:
        yield from _WRITE_CALLS
    if role.reads or "spool" in role.writes:
        yield "inotify_init1"
    if makes_payloads(role, kind):
        yield from _MEMFD_CALLS
    if May.FORK in role.may:
        yield "fork a process"
    if May.ASK_SCANNER in role.may:
        yield from ("connect", "connect to a Unix socket")


def keys(role: Role, stage_names: Iterable[str]) -> frozenset[str]:
    """The names of the secrets that its row gives it."""
    names: set[str] = set()
    for may, name in (
        (May.HEAD_KEY, "head"), (May.STAGE_KEY, "stage"), (May.SEALING_KEY, "seal"),
        (May.LINK_KEY, "link"),
    ):  # fmt: skip
        if may in role.may:
            names.add(name)
    if May.ALL_STAGE_KEYS in role.may:
        names |= set(stage_names)
    return frozenset(names)


def second_keys(role: Role) -> frozenset[str]:
    """Secrets that a row may give besides, where the policy or a rotation has a second one."""
    second = ((May.SEALING_KEY, "seal-mldsa"), (May.LINK_KEY, "link-next"))
    return frozenset(name for may, name in second if may in role.may)


def descriptors(role: Role, links: int, group: str, *, asks: bool) -> frozenset[str]:
    """The names of the channels that its row gives it; `feed` and `ready` are everyone's.

    asks: it runs the code of a stage that asks the virus scanner.
    """
    names = set().union(*ENDS.get(group, (role.hears, role.tells)))
    if asks:
        names |= ASKING
    if role.may & (May.SEND_UDP | May.RECEIVE_UDP):
        names |= {f"udp{at}" for at in range(links)}
    if May.SERVE in role.may:
        names |= {"listener", "stages-feed"}
    return frozenset(names | {"feed", "ready"})
