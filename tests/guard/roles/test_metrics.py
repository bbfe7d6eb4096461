"""What metrics believes: numbers under known names, and from a stage four numbers of its own."""

import json

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from guard.roles.metrics import Board


def packet(name: str, **counters: object) -> bytes:
    return json.dumps({"name": name, "counters": counters, "latency_us": []}).encode()


def board() -> Board:
    return Board("c2", "low", frozenset({"stage:words", "scanner:av"}))


def told(by: Board) -> dict[str, dict[str, int]]:
    registry = CollectorRegistry()
    registry.register(by)
    generate_latest(registry)
    found: dict[str, dict[str, int]] = json.loads(by.status())
    return found


def test_a_stage_tells_its_numbers() -> None:
    by = board()
    by.note_stage(packet("stage:words", messages=3, busy_ns=900))
    by.note_stage(packet("scanner:av", scanned_clean=2))
    assert told(by) == {
        "stage:words": {"messages": 3, "busy_ns": 900},
        "scanner:av": {"scanned_clean": 2},
    }


@pytest.mark.parametrize(
    "untrusted",
    [
        packet("audit", messages=3),
        packet("stage:other", messages=3),
        packet("stage:words", secret=3),
        packet("stage:words", scanned_clean=3),
        packet("scanner:av", messages=3),
        packet("stage:words", **{"entry|committed||": 3}),
        packet("stage:words", messages=-1),
        packet("stage:words", messages=2**64),
        packet("stage:words", messages=1.5),
        packet("stage:words", messages=True),
        packet("stage:words", messages="3"),
        packet("stage:words", messages=[3]),
        b'{"name":"stage:words","counters":{"messages":Infinity},"latency_us":[]}',
        b'{"name":"stage:words","counters":{"messages":NaN},"latency_us":[]}',
        b'{"name":"\\ud800","counters":{},"latency_us":[]}',
        b'{"name":"stage:words","counters":[["messages",3]],"latency_us":[]}',
        b'{"name":"stage:words","counters":{"messages":3},"latency_us":{"1":1}}',
        b'{"name":["stage:words"],"counters":{},"latency_us":[]}',
        b"[" * 100_000,
        b"",
        b"\xff",
        b"null",
    ],
)
def test_a_stage_that_was_taken_over_says_nothing_else(untrusted: bytes) -> None:
    by = board()
    by.note_stage(untrusted)
    assert not any(told(by).values())


@pytest.mark.parametrize(
    "untrusted",
    [
        packet("stage:words", messages=3),
        packet("send", **{"entry|sent": 3}),
        packet("send", **{"entry|a|b|c|d": 3}),
        packet("se\nnd", sent=3),
        packet("send", **{"a b": 3}),
        b'{"name":"send","counters":{"sent":Infinity},"latency_us":[]}',
        b'{"name":"send","counters":{"sent":3},"latency_us":[Infinity]}',
        b"[" * 100_000,
    ],
)
def test_no_packet_ends_metrics(untrusted: bytes) -> None:
    by = board()
    by.note(untrusted)
    assert not any(told(by).values())


def test_a_stages_latency_is_not_taken() -> None:
    by = board()
    by.note_stage(b'{"name":"stage:words","counters":{"messages":1},"latency_us":[5,5]}')
    by.note(packet("audit", **{"entry|committed||": 1, "entry|refused|words|dirty-word": 2}))
    assert set(told(by)) == {"stage:words", "audit"}
