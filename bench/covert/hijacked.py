"""A process of the low side that was taken over: it does its work, and signals beside it.

`python -I -m bench.covert.hijacked DESCRIPTOR`, started in the place of `guard.process`. What the
orders hold under `covert` says how: which channel, and the bits in hexadecimal. It signals from
inside the same sandbox: what the sandbox stops, it cannot do.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import guard.process
from guard.edge import sockets
from guard.edge.clock import monotonic_ns
from guard.roles import feed

ID_BYTES = 16
LOG_BYTES = 4096
COUNTERS = ("messages", "busy_ns", "malformed_frames", "cells_failed")  # all that a stage may tell
COUNTER_BYTES = 7  # of the 63 bits that a number may have
FEED_BYTES = len(COUNTERS) * COUNTER_BYTES


def bits_of(secret: bytes) -> Iterator[int]:
    """The bits, first byte's highest first, and from the beginning again."""
    while True:
        for byte in secret:
            yield from ((byte >> at) & 1 for at in range(7, -1, -1))


def main(argv: list[str]) -> int:
    """Do what `guard.process` does, with the channel laid into it."""
    size = os.fstat(int(argv[1])).st_size
    orders = json.loads(os.pread(int(argv[1]), size, 0))["values"]
    if told := orders.get("covert"):
        _CHANNELS[told["channel"]](bytes.fromhex(told["secret"]), told)
    return guard.process.main(argv)


def _take_over(owner: object, name: str, other: Callable[..., Any]) -> None:
    setattr(owner, name, other)


def _wait(secret: bytes, delay_ms: float) -> Callable[[], None]:
    bits = bits_of(secret)

    def wait() -> None:
        if next(bits):
            time.sleep(delay_ms / 1000)

    return wait


def _delay_stage(secret: bytes, told: dict[str, Any]) -> None:
    """A stage gives each message at once, or a little later."""
    wait, give = _wait(secret, told["delay_ms"]), sockets.Outlet.give

    def later(self: sockets.Outlet, *frame: Any) -> None:
        wait()
        give(self, *frame)

    _take_over(sockets.Outlet, "give", later)


def _delay_release(secret: bytes, told: dict[str, Any]) -> None:
    from guard.roles.release import Release

    wait, commit = _wait(secret, told["delay_ms"]), Release._commit

    def later(self: Release, *cleared: Any) -> Any:
        wait()
        return commit(self, *cleared)

    _take_over(Release, "_commit", later)


def _delay_send(secret: bytes, told: dict[str, Any]) -> None:
    from guard.roles.send import Send

    wait, send = _wait(secret, told["delay_ms"]), Send._send

    def later(self: Send, burst: Any) -> bool:
        if not burst.heartbeat:
            wait()
        return send(self, burst)

    _take_over(Send, "_send", later)


def _id_release(secret: bytes, _: dict[str, Any]) -> None:
    """`release` signs the manifest: its id says what it likes."""
    from guard.roles import release

    made, ids = vars(release)["Manifest"], [secret[at : at + ID_BYTES] for at in _steps(secret)]
    chosen = iter(ids)

    def with_id(**fields: Any) -> Any:
        return made(**fields | {"id": next(chosen, os.urandom(ID_BYTES))})

    _take_over(release, "Manifest", with_id)


def _steps(secret: bytes) -> range:
    return range(0, len(secret), ID_BYTES)


def _log_stage(secret: bytes, told: dict[str, Any]) -> None:
    """Standard error is open to every process: what reads the log hears it."""
    text, give = f"{secret.hex()}\n".encode(), sockets.Outlet.give

    def also(self: sockets.Outlet, *frame: Any) -> None:
        os.write(2, text)
        give(self, *frame)

    _take_over(sockets.Outlet, "give", also)


def _feed_stage(secret: bytes, told: dict[str, Any]) -> None:
    """The metrics feed: of a stage four numbers are taken, and they say what they like."""
    tell = feed.Feed.tell
    parts = [secret[at : at + COUNTER_BYTES] for at in range(0, len(secret), COUNTER_BYTES)]
    hidden = {name: int.from_bytes(part, "big") for name, part in zip(COUNTERS, parts, strict=True)}

    def instead(self: feed.Feed) -> None:
        true = dict(self.counters)
        self.counters.update(hidden)
        tell(self)
        self.counters.clear()
        self.counters.update(true)

    _take_over(feed.Feed, "tell", instead)


def _pressure_below(secret: bytes, told: dict[str, Any]) -> None:
    """A stage takes the next message at once, or a little later: the one before it feels it."""
    wait, take = _wait(secret, told["delay_ms"]), sockets.Inlet.take

    def later(self: sockets.Inlet, **how: Any) -> Any:
        taken = take(self, **how)
        wait()
        return taken

    _take_over(sockets.Inlet, "take", later)


def _pressure_above(_: bytes, told: dict[str, Any]) -> None:
    """Writes down when each message could be given; the log shows what this stage knows."""
    give = sockets.Outlet.give

    def timed(self: sockets.Outlet, *frame: Any) -> None:
        give(self, *frame)
        os.write(2, f"pressure {monotonic_ns()}\n".encode())

    _take_over(sockets.Outlet, "give", timed)


_CHANNELS: dict[str, Callable[[bytes, dict[str, Any]], None]] = {
    "stage-delay": _delay_stage,
    "release-delay": _delay_release,
    "send-delay": _delay_send,
    "release-id": _id_release,
    "stage-log": _log_stage,
    "stage-feed": _feed_stage,
    "pressure-below": _pressure_below,
    "pressure-above": _pressure_above,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv))
