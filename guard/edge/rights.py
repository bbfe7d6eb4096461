"""From a role's row to its confinement: the only place where rights become system calls.

Takes a `Spec` whose `confinement` the supervisor has written (see `write_rights`), gives the
`Confinement` of `guard.edge.sandbox`.
"""

from collections.abc import Iterable
from pathlib import Path

from guard.core.journey import CHAIN, May, Role
from guard.edge.confinement import Confinement
from guard.edge.seccomp import Calls
from guard.edge.spec import Spec, Value
from schemas.kinds import Kind

MEMORY_BYTES_MAX = 512 * 1024 * 1024
PAYLOAD_COPIES_MAX = 32
FILES_MAX = 1024
FILES_SPARE = 64  # of a stage with a user of its own: the memfds it can fill are bounded by this
_STANDARD_ERROR = 2


def calls_of(role: Role, kind: Kind | None = None, *, threads: bool = False) -> frozenset[Calls]:
    """The groups of system calls that a role's row needs; `kind` for a stage of the chain, and
    whether it starts threads."""
    calls = {Calls.BASE, Calls.THREADS} if threads else {Calls.BASE}
    if role.reads or role.writes:
        calls.add(Calls.READ_FILES)
    if role.writes:
        calls.add(Calls.WRITE_FILES)
    if role.reads or "spool" in role.writes:
        calls.add(Calls.INOTIFY)
    if May.SEND_UDP in role.may:
        calls.add(Calls.UDP_SEND)
    if May.RECEIVE_UDP in role.may:
        calls.add(Calls.UDP_RECEIVE)
    if May.FORK in role.may:
        calls.add(Calls.FORK)
    if May.SERVE in role.may:
        calls.add(Calls.UNIX_LISTEN)
    if May.ASK_SCANNER in role.may:
        calls.add(Calls.UNIX_CONNECT)
    makes_payloads = kind in (Kind.NORMALIZE, Kind.TRANSFORM) or May.HEAD_KEY in role.may
    if makes_payloads and (role.name == CHAIN or "fed" in role.tells):
        calls.add(Calls.MEMFD)
    return frozenset(calls)


def write_rights(
    role: Role, kind: Kind | None, payload_bytes_max: int, user: int | None, group: int | None,
    memory_bytes_max: int = MEMORY_BYTES_MAX, *, root: str = "", threads: bool = False,
) -> dict[str, Value]:  # fmt: skip
    """The rights of one process, for its spec. `user` and `group` are None without root.

    root: the one directory that a role which connects must name something in. threads: whether
    it holds foreign code to bounds, which it does in threads.
    """
    owns_network = bool(role.may & (May.SEND_UDP | May.RECEIVE_UDP | May.SERVE))
    return {
        "calls": sorted(calls_of(role, kind, threads=threads)),
        "reads": list(role.reads),
        "writes": list(role.writes),
        "memory_bytes_max": memory_bytes_max + PAYLOAD_COPIES_MAX * payload_bytes_max,
        "memfd_bytes_max": payload_bytes_max if role.name == CHAIN else None,
        "files_spare": FILES_SPARE if role.name == CHAIN and user is not None else None,
        "user": user,
        "group": group,
        "network_namespace": not owns_network,
        "root": root if May.ASK_SCANNER in role.may else "",
    }


def confinement_of(spec: Spec) -> Confinement:
    """The confinement that a process puts on itself."""
    rights = spec.confinement
    folder = Path(spec.text("folder"))

    def paths(names: object) -> tuple[Path, ...]:
        if not isinstance(names, Iterable):
            raise TypeError("folders are no list")
        return tuple(folder / str(name) for name in names)

    def number(name: str) -> int | None:
        value = rights.get(name)
        return value if isinstance(value, int) else None

    kept = frozenset({*spec.descriptors.values(), _STANDARD_ERROR})
    spare = number("files_spare")
    calls = rights["calls"]
    if not isinstance(calls, list):
        raise TypeError("calls are no list")
    return Confinement(
        read=paths(rights["reads"]),
        write=paths(rights["writes"]),
        calls=frozenset(Calls(name) for name in calls),
        descriptors=kept,
        memory_bytes_max=number("memory_bytes_max") or MEMORY_BYTES_MAX,
        cpu_seconds_max=None,
        files_max=FILES_MAX if spare is None else max(kept) + 1 + spare,
        uid=number("user"),
        gid=number("group"),
        network_namespace=bool(rights["network_namespace"]),
        memfd_bytes_max=number("memfd_bytes_max"),
        root=Path(str(rights["root"])) if rights.get("root") else None,
    )
