"""What several flows between several domains do together: leaks, cycles, and what they share.

Takes a trust root's domains and flows, gives findings as values. Pure; docs/spec/topology.md.

What may be known in a domain may be carried on by every flow that starts there. So a chain of flows
carries from its first domain to its last; one that ends in a lower domain leaks, unless a release
flow is on the way: there people and the policy decide.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.trust_root import Direction, Domain, TrustRoot


class FlowLine(NamedTuple):
    """A flow: its name and ends, and whether the root lists it as a release."""

    name: str
    source: str
    destination: str
    release: bool = False


class SideUse(NamedTuple):
    """What one side of a flow uses. Each a set of names, two sides share what is in both.

    side      "low", "high", or "" for a policy alone
    hosts     addresses, names or folders that tell the host
    users     user ids that its processes have
    keys      names of link, seal and ledger keys, never the keys
    ledgers   its ledger
    policies  its policy, by the name of its flow
    """

    flow: FlowLine
    side: str
    hosts: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    ledgers: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()


class Shared(NamedTuple):
    """Two sides of opposite flows that use the same."""

    one: SideUse
    other: SideUse
    what: str
    names: tuple[str, ...]


Path = tuple[FlowLine, ...]


def leaks(domains: Mapping[str, Domain], flows: Sequence[FlowLine]) -> list[Path]:
    """A shortest chain, without a release, from each domain to each that is lower than it."""
    found = []
    for name, domain in sorted(domains.items()):
        for reached, path in sorted(_reached(name, flows).items()):
            lower = domains[reached]
            if domain.at_least(lower) and not lower.at_least(domain):
                found.append(path)
    return found


def cycles(flows: Sequence[FlowLine]) -> list[Path]:
    """A shortest way round through each flow that is on one; each way once. Releases count too."""
    found: dict[frozenset[FlowLine], Path] = {}
    for flow in sorted(flows):
        back = {flow.source: ()} if flow.source == flow.destination else {}
        ways: Mapping[str, Path] = back or _reached(flow.destination, flows, releases=True)
        if flow.source in ways:
            path = (flow, *ways[flow.source])
            found.setdefault(frozenset(path), path)
    return list(found.values())


def _reached(start: str, flows: Sequence[FlowLine], *, releases: bool = False) -> dict[str, Path]:
    """Domain -> a shortest chain of flows there from the start, which is not in it unless one
    leads back."""
    ways: dict[str, Path] = {}
    waiting: deque[tuple[str, Path]] = deque([(start, ())])
    while waiting:
        here, path = waiting.popleft()
        for flow in sorted(flows):
            if flow.source == here and flow.destination not in ways:
                if flow.release and not releases:
                    continue
                ways[flow.destination] = (*path, flow)
                waiting.append((flow.destination, ways[flow.destination]))
    return ways


def are_opposite(root: TrustRoot, one: FlowLine, other: FlowLine) -> bool:
    """Whether one goes up and the other down, or each is the way back of the other."""
    if (one.source, one.destination) == (other.destination, other.source):
        return one.source != one.destination
    both = {root.direction(flow.source, flow.destination) for flow in (one, other)}
    return both == {Direction.UP, Direction.DOWN}


def shared(root: TrustRoot, sides: Sequence[SideUse]) -> Iterator[Shared]:
    """What sides of opposite flows have in common, and may not."""
    for at, one in enumerate(sides):
        for other in sides[at + 1 :]:
            if not are_opposite(root, one.flow, other.flow):
                continue
            same_host = one.hosts & other.hosts
            for what in ("hosts", "users", "keys", "ledgers", "policies"):
                names = getattr(one, what) & getattr(other, what)
                if what == "users" and not same_host:
                    continue  # a number on one host says nothing on another
                if names:
                    yield Shared(one, other, _ONE[what], tuple(sorted(names)))


_ONE = {
    "hosts": "host", "users": "user", "keys": "key", "ledgers": "ledger", "policies": "policy",
}  # fmt: skip


def unlisted(root: TrustRoot, flows: Sequence[FlowLine]) -> list[FlowLine]:
    """Flows that go down or across and are no release of the root."""
    low = (Direction.DOWN, Direction.ACROSS)
    return [
        flow
        for flow in sorted(flows)
        if not flow.release and root.direction(flow.source, flow.destination) in low
    ]


def in_words(path: Path) -> str:
    """ "LOW -c2-> HIGH -reports-> LOW"."""
    arrows = [f"{flow.source} -{flow.name}->" for flow in path]
    return " ".join([*arrows, path[-1].destination])
