"""Ledger entries and checkpoints as syslog messages (RFC 5424), for a collector; and back.

Takes lines of a ledger, gives messages; takes a collector's file, gives the checkpoints in it.
Pure. Follows docs/spec/ledger.md §10.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

from guard.core.ledger import Checkpoint, read_entry

_PRIORITY = 13 * 8 + 5  # log audit, notice
_ALARM_PRIORITY = 13 * 8 + 4  # log audit, warning
_ENTERPRISE = 32473  # RFC 5612: for examples; a collector tells ours by the name
_ALARM = b'"kind":"alarm"'


def entry_message(origin: str, number: int, line: bytes) -> bytes:
    """Entry `number` of the ledger `origin`, its line as it stands there. Without a line feed."""
    time_ms = read_entry(line).get("time_ms", 0)
    priority = _ALARM_PRIORITY if _ALARM in line else _PRIORITY
    return _message(priority, _time(time_ms), "entry", origin, number, line)


def checkpoint_message(origin: str, size: int, time_ms: int, checkpoint: Checkpoint) -> bytes:
    """The checkpoint over the first `size` entries, in base64: it has lines of its own."""
    return _message(_PRIORITY, _time(time_ms), "checkpoint", origin, size, b64encode(checkpoint))


def checkpoints_in(untrusted: bytes) -> Iterator[bytes]:
    """The checkpoints in a collector's file. Lines that are none are passed over."""
    wanted = f" checkpoint [ledger@{_ENTERPRISE} ".encode()
    for line in untrusted.split(b"\n"):
        _, found, rest = line.partition(wanted)
        if found:
            try:
                yield b64decode(rest.rpartition(b" ")[2], validate=True)
            except ValueError:
                continue


def _message(priority: int, time: str, kind: str, origin: str, number: int, text: bytes) -> bytes:
    data = f'[ledger@{_ENTERPRISE} origin="{origin}" number="{number}"]'
    return f"<{priority}>1 {time} - checkvalve - {kind} {data} ".encode() + text


def _time(time_ms: int | str) -> str:
    try:
        moment = datetime.fromtimestamp(int(time_ms) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return "-"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
