"""A source side that goes back to an older policy is noticed, and late messages are none such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core.source_policies import VERSIONS_MAX, SourcePolicies
from schemas.errors import Forged, Malformed
from schemas.reasons import Reason

# What a source gives: sequence numbers in order, versions that never go down.
HONEST = st.lists(st.integers(1, 5), min_size=1, max_size=40).map(
    lambda versions: list(zip(sorted(versions), range(1, 41), strict=False))
)


@given(HONEST, st.data())
def test_an_honest_source_is_never_suspected_in_whatever_order_its_messages_come(
    sent: list[tuple[int, int]], data: st.DataObject
) -> None:
    seen = SourcePolicies()
    for version, sequence in data.draw(st.permutations(sent)):
        seen.see(version, sequence)
    assert seen.newest == max(version for version, _ in sent)


@given(HONEST, st.integers(1, 4))
def test_a_message_under_an_older_policy_after_a_newer_one_is_refused(
    sent: list[tuple[int, int]], older: int
) -> None:
    seen = SourcePolicies()
    for version, sequence in sent:
        seen.see(version, sequence)
    if older < seen.newest:
        with pytest.raises(Forged) as caught:
            seen.see(older, 1000)
        assert caught.value.reason is Reason.POLICY_ROLLED_BACK


def test_what_was_seen_outlives_a_restart_and_is_written_only_when_it_is_new() -> None:
    seen = SourcePolicies()
    assert [seen.see(1, 5), seen.see(1, 6), seen.see(1, 4), seen.see(2, 9)] == [
        True, False, True, True,
    ]  # fmt: skip
    again = SourcePolicies.read(seen.text())
    assert again.newest == 2
    assert not again.see(1, 8)
    with pytest.raises(Forged):
        again.see(1, 10)


def test_it_remembers_the_newest_versions_only() -> None:
    seen = SourcePolicies()
    for version in range(1, 100):
        seen.see(version, version)
    assert len(seen.text().splitlines()) == VERSIONS_MAX + 1
    assert seen.newest == 99


@pytest.mark.parametrize(
    "untrusted",
    ["", "x\n", "checkvalve source policies 1", "checkvalve source policies 1\n1\n",
     "checkvalve source policies 1\n2 1\n1 1\n", "checkvalve source policies 1\n1 one\n"],
)  # fmt: skip
def test_a_damaged_record_is_no_record(untrusted: str) -> None:
    with pytest.raises(Malformed):
        SourcePolicies.read(untrusted)
