"""What a process of the bare link tells its supervisor, looked at as from outside.

Takes a packet, gives a fact, or `Malformed`: the process parses what the other side sent, and may
be owned. A fact has the fields of its kind, of their types and within their bounds, and no other.
Pure. Follows docs/spec/link-files.md.
"""

import json
from collections.abc import Callable
from typing import Any

from schemas.errors import Malformed
from schemas.reasons import Reason

Fact = dict[str, Any]
"""What a process told: `what` and more, see the table."""

SENTENCE_CHARACTERS_MAX = 1000
COUNTERS_MAX = 200
LISTED_MAX = 65_536
NUMBER_BITS_MAX = 64  # ranges of 2^62 bytes are told, and their sums

_Check = Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << NUMBER_BITS_MAX


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= SENTENCE_CHARACTERS_MAX


def _is_numbers(value: Any) -> bool:
    return type(value) is list and len(value) <= LISTED_MAX and all(map(_is_number, value))


def _is_ranges(value: Any) -> bool:
    return (
        type(value) is list
        and len(value) <= LISTED_MAX
        and all(_is_numbers(one) and len(one) == 2 and one[0] <= one[1] for one in value)
    )


def _is_counters(value: Any) -> bool:
    return (
        type(value) is dict
        and len(value) <= COUNTERS_MAX
        and all(_is_text(name) and _is_number(count) for name, count in value.items())
    )


_OF_RECEIVER: dict[str, dict[str, _Check]] = {
    "open": {"session": _is_number},
    "complete": {"sequences": _is_numbers},
    "progress": {"counters": _is_counters},
    "landed": {
        "sequence": _is_number, "total": _is_number, "late": _is_flag, "time_ns": _is_number,
        "cpu_ns": _is_number,
    },
    "refused": {"sequence": _is_number, "sentence": _is_text},
    "gap": {"first": _is_number, "last": _is_number},
    "stream-gap": {
        "sequence": _is_number, "total": _is_number, "missing": _is_ranges, "ranges": _is_number,
        "missing_bytes": _is_number,
    },
    "session": {"session": _is_number},
    "alarm": {"reason": _is_text, "sentence": _is_text},
    "silent": {},
    "link-dead": {"link": _is_number},
    "link-back": {"link": _is_number},
    "message": {"sequence": _is_number},
}  # fmt: skip
_OF_SENDER: dict[str, dict[str, _Check]] = {
    "progress": {"counters": _is_counters, "failed": _is_numbers},
    "given-up": {"counters": _is_counters, "sequence": _is_number, "sentence": _is_text},
    "changed": {"counters": _is_counters, "sequence": _is_number},
    "down": {"counters": _is_counters, "sentence": _is_text},
    "sent": {
        "counters": _is_counters, "started_ns": _is_number, "sent_ns": _is_number,
        "cpu_ns": _is_number, "stopped": _is_flag,
    },
}  # fmt: skip


def read_receiver(untrusted: bytes) -> Fact:
    """A fact of the receiver. Raises `Malformed`."""
    fact = _read(untrusted, _OF_RECEIVER)
    if fact["what"] == "gap" and fact["first"] > fact["last"]:
        raise _malformed()
    return fact


def read_sender(untrusted: bytes) -> Fact:
    """A fact of the sender. Raises `Malformed`."""
    return _read(untrusted, _OF_SENDER)


def _read(untrusted: bytes, table: dict[str, dict[str, _Check]]) -> Fact:
    try:
        value = json.loads(untrusted)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    what = value.get("what") if type(value) is dict else None
    fields = table.get(what) if type(what) is str else None
    if fields is None or value.keys() != fields.keys() | {"what"}:
        raise _malformed()
    if not all(check(value[name]) for name, check in fields.items()):
        raise _malformed()
    fact: Fact = value
    return fact


def _malformed() -> Malformed:
    return Malformed(Reason.FRAME_MALFORMED, "a process told something that is none of its facts")
