"""A second key of a row is no fault of its process, and no other row's."""

import pytest

from guard.core.journey import Journey, Role
from guard.edge.role_keys import keys_for
from guard.edge.seats import seats_of
from guard.high import HIGH
from guard.low import LOW
from guard.trial import expected

OWN = {name: bytes(32) for name in ("seal", "seal-mldsa", "link", "link-next")}


@pytest.mark.parametrize("journey", [LOW, HIGH], ids=["low", "high"])
def test_every_role_is_handed_what_its_row_says_and_no_more(journey: Journey) -> None:
    for seat in seats_of(journey, [], "pooled"):
        role: Role = seat.role
        given = set(keys_for(seat, OWN, {"head": bytes(32)}))
        assert given - expected.second_keys(role) == expected.keys(role, [])


def test_only_who_seals_or_is_an_end_of_the_link_has_a_second_key() -> None:
    roles = {role.name: expected.second_keys(role) for role in (*LOW.roles, *HIGH.roles)}
    assert {name: keys for name, keys in roles.items() if keys} == {
        "release": {"seal-mldsa"}, "send": {"link-next"}, "receive": {"link-next"},
    }  # fmt: skip
