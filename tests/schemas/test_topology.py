"""Chains of flows on random graphs, held against trying every chain one by one."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.topology import (
    FlowLine,
    SideUse,
    are_opposite,
    cycles,
    in_words,
    leaks,
    shared,
    unlisted,
)
from schemas.trust_root import Domain, TrustRoot

NAMES = ("A", "B", "C", "D", "E")
LEVELS = ("LOW", "MIDDLE", "TOP")


@st.composite
def roots(draw: st.DrawFn) -> TrustRoot:
    domains = {}
    for name in NAMES:
        level = draw(st.integers(0, 2))
        categories = draw(st.frozensets(st.sampled_from(["X", "Y"])))
        domains[name] = Domain(name, LEVELS[level], level, categories)
    return TrustRoot(1, {}, 2, domains, LEVELS)


FLOWS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 4)), max_size=9
).map(
    lambda ends: [
        FlowLine(f"f{at}", one, other, rest == 0) for at, (one, other, rest) in enumerate(ends)
    ]
)  # fmt: skip


def chains(flows: Sequence[FlowLine], *, releases: bool) -> Iterator[tuple[FlowLine, ...]]:
    """Every chain that uses no flow twice."""

    def longer(chain: tuple[FlowLine, ...]) -> Iterator[tuple[FlowLine, ...]]:
        yield chain
        for flow in flows:
            fits = flow.source == chain[-1].destination and flow not in chain
            if fits and (releases or not flow.release):
                yield from longer((*chain, flow))

    for flow in flows:
        if releases or not flow.release:
            yield from longer((flow,))


def lower(root: TrustRoot, one: str, other: str) -> bool:
    up, down = root.domains[one], root.domains[other]
    return up.at_least(down) and not down.at_least(up)


@given(roots(), FLOWS)
def test_leaks_are_exactly_the_pairs_that_some_chain_without_a_release_joins_downwards(
    root: TrustRoot, flows: list[FlowLine]
) -> None:
    ends = {(c[0].source, c[-1].destination) for c in chains(flows, releases=False)}
    brute = {(one, other) for one, other in ends if lower(root, one, other)}
    found = leaks(root.domains, flows)
    assert {(path[0].source, path[-1].destination) for path in found} == brute
    assert len(found) == len(brute)
    for path in found:
        assert not any(flow.release for flow in path)
        assert all(a.destination == b.source for a, b in pairwise(path))


@given(FLOWS)
def test_a_flow_is_on_a_cycle_that_is_told_if_some_chain_leads_back(flows: list[FlowLine]) -> None:
    round_trips = [c for c in chains(flows, releases=True) if c[-1].destination == c[0].source]
    on_one = {flow for chain in round_trips for flow in chain}
    found = cycles(flows)
    assert {flow for path in found for flow in path} == on_one
    assert len({frozenset(path) for path in found}) == len(found)
    for path in found:
        assert path[-1].destination == path[0].source
        assert all(a.destination == b.source for a, b in pairwise(path))


@given(roots(), FLOWS)
def test_with_no_flow_down_or_across_but_releases_nothing_leaks(
    root: TrustRoot, flows: list[FlowLine]
) -> None:
    listed = [flow for flow in flows if flow not in unlisted(root, flows)]
    assert leaks(root.domains, listed) == []


@given(roots(), FLOWS)
def test_opposite_is_the_same_either_way_round(root: TrustRoot, flows: list[FlowLine]) -> None:
    for one in flows:
        assert not are_opposite(root, one, one)
        for other in flows:
            assert are_opposite(root, one, other) == are_opposite(root, other, one)


def plain(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_only_sides_of_opposite_flows_may_not_share_and_users_only_count_on_one_host() -> None:
    domains = {"LOW": Domain("LOW", "LOW", 0), "TOP": Domain("TOP", "TOP", 2)}
    root = TrustRoot(1, {}, 2, domains, LEVELS)
    up, down = FlowLine("up", "LOW", "TOP"), FlowLine("down", "TOP", "LOW", release=True)
    another = FlowLine("another", "LOW", "TOP")
    one = SideUse(up, "high", plain("h1"), plain("61000"), plain("k1"), plain("l1"), plain("up"))
    same = SideUse(down, "low", plain("h1"), plain("61000"), plain("k1"), plain("l1"), plain("up"))
    apart = SideUse(down, "low", plain("h2"), plain("61000"), plain("k2"), plain("l2"), plain("d"))
    beside = SideUse(another, "high", *one[2:])
    assert [it.what for it in shared(root, [one, same])] == [
        "host", "user", "key", "ledger", "policy",
    ]  # fmt: skip
    assert list(shared(root, [one, apart])) == []
    assert list(shared(root, [one, beside])) == []
    assert in_words((up, down)) == "LOW -up-> TOP -down-> LOW"
