"""How many bits a second a process of the low side that was taken over gets out beside its work.

`python -m bench.covert.channels [CHANNEL...] [--count N] [--rate PER_S] [--delay-ms D] [--json]`

Each channel is one run of the whole `c2` path (real, confined processes; UDP over loopback). The
bits are random; the receiver knows when messages are due and nothing else. `bits_per_s` of a
timing channel is that of a binary symmetric channel with the error rate found (Shannon 1948), one
of two delays a message: a lower bound, for more delays than two may be told apart.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.covert.hijacked import (
    COUNTER_BYTES,
    COUNTERS,
    FEED_BYTES,
    ID_BYTES,
    LOG_BYTES,
    bits_of,
)
from guard.demonstration import Child, Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.side_status import read_counters
from guard.roles.feed import INTERVAL_NS

SETTLES_WITHIN_S = 120.0
STAGE, ABOVE = "stage:words", "stage:label"


@dataclass(frozen=True, slots=True)
class Order:
    """How long a run is: messages, messages a second (0: as fast as they go), the delay of a 1."""

    count: int
    rate_per_s: float
    delay_ms: float


@dataclass(slots=True)
class Hijacked(Demonstration):
    """A demonstration whose low side is `bench.covert.side`."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start_side(self, side: str) -> Child:
        """The high side is the guard's own."""
        if side == "high":
            return Demonstration.start_side(self, side)
        orders = self.folder.parent / "orders.json"
        orders.write_text(json.dumps(self.orders), "utf-8")
        command = ["-m", "bench.covert.side", str(self.folder / "low"), str(orders)]
        return self._start("the low side, taken over", command)


Result = dict[str, Any]


def measure(channel: str, order: Order) -> Result:
    """One channel: who signals, through what, how fast, how many bits arrive wrong."""
    secret = os.urandom(_secret_bytes(channel, order))
    top = Path(tempfile.mkdtemp(prefix="checkvalve-covert-"))
    top.chmod(0o711)
    try:
        (top / "site").mkdir()
        orders = {
            name: {"channel": how, "secret": secret.hex(), "delay_ms": order.delay_ms}
            for name, how in _WHO[channel].items()
        }
        with Hijacked(
            top / "site", pack_folder("c2"), LinkFaults(direct=True), orders=orders
        ) as run:
            started_s = time.monotonic()
            _drop(run, order)
            _settle(run)
            took_s = time.monotonic() - started_s
            found = _HEARD[channel](run, secret, order, took_s)
        return {"channel": channel, "messages": order.count, "seconds": round(took_s, 2), **found}
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _secret_bytes(channel: str, order: Order) -> int:
    sizes = {"release-id": order.count * ID_BYTES, "stage-log": LOG_BYTES, "stage-feed": FEED_BYTES}
    return sizes.get(channel, (order.count + 7) // 8)


def _drop(run: Hijacked, order: Order) -> None:
    sample = (pack_folder("c2") / "samples" / "chat.cot").read_bytes()
    for number in range(order.count):
        if order.rate_per_s:
            due_s = 0.2 + number / order.rate_per_s
            if not number:
                begun_s = time.monotonic()
            time.sleep(max(0.0, begun_s + due_s - time.monotonic()))
        run.drop(sample, "event.cot")


def _settle(run: Hijacked) -> None:
    deadline_s = time.monotonic() + SETTLES_WITHIN_S
    while not run.settled():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the messages did not settle")
        time.sleep(0.02)


# -- who hears it -----------------------------------------------------------------------------


def _by_arrival(run: Hijacked, secret: bytes, order: Order, _: float) -> Result:
    """When files appear in the output queue, against when they are due."""
    sequence = run.account.delivering
    at = {sequence[path.stem]: path.stat().st_ctime_ns for path in run.delivered_files()}
    arrived_ms = [at[number] / 1e6 for number in sorted(at)]
    late = [ms - number * 1000 / order.rate_per_s for number, ms in enumerate(arrived_ms)]
    return _binary(_against_drift(late), secret, order.rate_per_s)


def _against_drift(late: list[float]) -> list[float]:
    """Each against the least of its neighbours: what all have in common is no signal."""
    around = 8
    return [ms - min(late[max(0, at - around) : at + around + 1]) for at, ms in enumerate(late)]


def _binary(values: list[float], secret: bytes, symbols_per_s: float) -> Result:
    """Told apart at the middle between the low and the high half."""
    ordered = sorted(values)
    quarter = len(ordered) // 4
    edge = (ordered[quarter] + ordered[-quarter - 1]) / 2
    sent = [bit for bit, _ in zip(bits_of(secret), values, strict=False)]
    wrong = sum(bit != (value > edge) for bit, value in zip(sent, values, strict=True))
    share = min(wrong / len(values), 1 - wrong / len(values))
    return {
        "error_rate": round(share, 4),
        "bits_per_s": round(symbols_per_s * (1 - _entropy(share)), 2),
    }


def _entropy(share: float) -> float:
    if share in (0, 1):
        return 0.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def _by_name(run: Hijacked, secret: bytes, order: Order, took_s: float) -> Result:
    """The id that `release` chose is the delivered file's name."""
    named = {path.stem for path in run.delivered_files()}
    chosen = {secret[at : at + ID_BYTES].hex() for at in range(0, len(secret), ID_BYTES)}
    right = len(named & chosen) * ID_BYTES * 8
    return {
        "error_rate": round(1 - right / (len(secret) * 8), 4),
        "bits_per_s": round(right / took_s),
    }


def _by_log(run: Hijacked, secret: bytes, order: Order, took_s: float) -> Result:
    """What the low side's standard error holds."""
    log = (run.folder.parent / f"{run.folder.name}.log").read_text("utf-8", "replace")
    times = log.count(secret.hex())
    return {
        "error_rate": round(1 - times / order.count, 4),
        "bits_per_s": round(times * len(secret) * 8 / took_s),
    }


def _by_metrics(run: Hijacked, secret: bytes, order: Order, took_s: float) -> Result:
    """What the metrics socket answers: the stage's counters, twice a second at most."""
    time.sleep(3 * INTERVAL_NS / 1e9)  # it is told twice a second at most
    told = read_counters(run.made.low).get(STAGE, {})
    parts = [secret[at : at + COUNTER_BYTES] for at in range(0, len(secret), COUNTER_BYTES)]
    heard = [told.get(name) for name in COUNTERS]
    right = sum(int.from_bytes(part, "big") == it for part, it in zip(parts, heard, strict=True))
    return {
        "error_rate": round(1 - right / len(parts), 4),
        "bits_per_s": round(right * COUNTER_BYTES * 8 / (INTERVAL_NS / 1e9)),
    }


def _by_pressure(run: Hijacked, secret: bytes, order: Order, took_s: float) -> Result:
    """When the stage above could give: found by trying every lag, for the hop between has room."""
    log = (run.folder.parent / f"{run.folder.name}.log").read_text("utf-8", "replace")
    at_ns = [int(line.split()[1]) for line in log.splitlines() if line.startswith("pressure ")]
    waits = [(after - before) / 1e6 for before, after in pairwise(at_ns)]
    best: Result = {"error_rate": 0.5, "bits_per_s": 0.0}
    bits = [bit for bit, _ in zip(bits_of(secret), range(order.count), strict=False)]
    for lag in range(len(waits) // 2):
        heard = waits[lag:]
        if len(heard) < order.count // 3:
            break
        edge = order.delay_ms / 2
        sent = bits[1 : len(heard) + 1]
        wrong = sum(b != (w > edge) for b, w in zip(sent, heard, strict=False)) / len(sent)
        if wrong < best["error_rate"]:
            per_s = 1000 / statistics.mean(heard)
            best = {
                "error_rate": round(wrong, 4), "lag_messages": lag,
                "bits_per_s": round(per_s * (1 - _entropy(wrong)), 2),
            }  # fmt: skip
    return best


_WHO: dict[str, dict[str, str]] = {
    "stage-delay": {STAGE: "stage-delay"},
    "release-delay": {"release": "release-delay"},
    "send-delay": {"send": "send-delay"},
    "release-id": {"release": "release-id"},
    "stage-log": {STAGE: "stage-log"},
    "stage-feed": {STAGE: "stage-feed"},
    "backpressure": {STAGE: "pressure-below", ABOVE: "pressure-above"},
}
_HEARD: dict[str, Callable[[Hijacked, bytes, Order, float], Result]] = {
    "stage-delay": _by_arrival,
    "release-delay": _by_arrival,
    "send-delay": _by_arrival,
    "release-id": _by_name,
    "stage-log": _by_log,
    "stage-feed": _by_metrics,
    "backpressure": _by_pressure,
}
CHANNELS = tuple(_WHO)
UNPACED = frozenset({"release-id", "stage-log", "backpressure"})


def main() -> int:
    """Run, print, give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("channels", nargs="*", metavar="CHANNEL", help=" ".join(CHANNELS))
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--delay-ms", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = []
    for channel in given.channels or CHANNELS:
        rate = 0.0 if channel in UNPACED else given.rate
        results.append(measure(channel, Order(given.count, rate, given.delay_ms)))
        if not given.json:
            print(" ".join(f"{name}={value}" for name, value in results[-1].items()), flush=True)
    if given.json:
        print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
