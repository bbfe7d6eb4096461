"""What `verify` believes of `receive`, which hears the network: the events of a link, no more."""

import json

import pytest

from guard.core.ledger import canonical
from guard.link.arrivals import ReceiverState
from guard.link.events import Alarm, Event, Gap, SessionOpened
from guard.roles.landing import landing_parts, state_event
from guard.roles.verify import event_for_the_ledger
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.sealed import read_landed

GAP = {"kind": "gap", "time_ms": 1, "reason": "gap", "first": 3, "last": 4}


@pytest.mark.parametrize(
    "event",
    [
        Gap(3, 4), SessionOpened(7), Alarm(Reason.LINK_SILENT, "words"),
    ],
)  # fmt: skip
def test_what_the_link_tells_goes_to_the_ledger_whole(event: Event) -> None:
    _, _, content = read_landed(b"".join(landing_parts(event)))
    assert event_for_the_ledger(content) == json.loads(content)


def test_of_the_links_state_only_the_session_goes_on() -> None:
    state = state_event(ReceiverState(3, ((1, 9),), ()))
    told = event_for_the_ledger(json.dumps(state).encode())
    assert told.keys() == {"kind", "time_ms", "session"}


@pytest.mark.parametrize(
    "untrusted",
    [
        {"kind": "delivering", "time_ms": 1, "id": "a", "sequence": 9, "queues": "new"},
        {"kind": "held", "time_ms": 1},
        {"kind": ["gap"]},
        [GAP],
        GAP | {"first": "3"},
        GAP | {"first": -3},
        GAP | {"first": 5},
        GAP | {"last": True},
        GAP | {"last": 2**63},
        {"kind": "gap", "time_ms": 1},
        {"kind": "witness", "time_ms": 1, "checkpoint": "x"},
        {"kind": "epoch", "time_ms": 1, "epoch": 1, "begins": 1, "key": "", "signature": ""},
    ],
)
def test_what_is_no_event_of_a_link_is_refused(untrusted: object) -> None:
    with pytest.raises(Malformed):
        event_for_the_ledger(json.dumps(untrusted).encode())


@pytest.mark.parametrize("untrusted", [b"", b"\xff", b"[" * 100_000, b"{}", b"1" * 5000])
def test_what_is_no_event_at_all_is_refused(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        event_for_the_ledger(untrusted)


def test_no_event_can_say_which_messages_are_settled() -> None:
    told = event_for_the_ledger(json.dumps(GAP | {"number": 10**18}).encode())
    assert "number" not in told
    assert canonical(told)
