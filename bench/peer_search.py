"""The best pace at which a tool loses nothing on this machine.

Upward from the tool's first pace, times 1.3 a step, until a run is not intact or three steps bring
nothing; downward if the first one already loses; then, where a tool can, as fast as it sends. Of
those that were intact, one with the best goodput is tried again, on the file to be measured, and
taken if it is intact each time; else the next one. Goodputs within 5 % count as equal, and of equal
ones the slowest pace is tried first: a faster pace that brings nothing only risks losses.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.peer_run import Peer, Run

STEP = 1.3
STEPS_MAX = 12
IDLE_STEPS = 3
CONFIRMING_RUNS = 3
CANDIDATES_MAX = 5
EQUAL = 0.95


@dataclass(frozen=True)
class Found:
    """A pace in Mbit/s on the wire (0: unpaced), whether it was confirmed, and what was tried."""

    pace_mbit: int
    confirmed: bool
    tried: list[tuple[int, float]]


def search(peer: Peer, trial: Callable[[int], Run], final: Callable[[int], Run]) -> Found | None:
    """The best pace: `trial` runs a short file, `final` the one to be measured. None if none is."""
    tried = [*_upward(peer, trial)]
    if not any(goodput for _, goodput in tried):
        tried += _downward(peer, trial)
    if peer.unpaced:
        tried.append((0, trial(0).goodput_mb_s))
    left = [found for found in tried if found[1]]
    for _ in range(CANDIDATES_MAX):
        if not left:
            break
        pace_mbit = best_of(left)
        if all(final(pace_mbit).intact for _ in range(CONFIRMING_RUNS)):
            return Found(pace_mbit, True, tried)
        left = [found for found in left if found[0] != pace_mbit]
    paces = [pace_mbit for pace_mbit, goodput in tried if goodput]
    return Found(min(paces, key=_speed), False, tried) if paces else None


def best_of(found: list[tuple[int, float]]) -> int:
    """The slowest pace whose goodput equals the best."""
    best = max(goodput for _, goodput in found)
    return min((pace for pace, goodput in found if goodput >= EQUAL * best), key=_speed)


def _speed(pace_mbit: int) -> float:
    return pace_mbit or float("inf")


def _upward(peer: Peer, trial: Callable[[int], Run]) -> Iterator[tuple[int, float]]:
    pace_mbit, best, idle = peer.first_mbit, 0.0, 0
    for _ in range(STEPS_MAX):
        goodput = trial(pace_mbit).goodput_mb_s
        yield pace_mbit, goodput
        idle = 0 if goodput > best else idle + 1
        best = max(best, goodput)
        if not goodput or idle == IDLE_STEPS or pace_mbit == peer.last_mbit:
            return
        pace_mbit = min(peer.last_mbit, int(pace_mbit * STEP))


def _downward(peer: Peer, trial: Callable[[int], Run]) -> Iterator[tuple[int, float]]:
    pace_mbit = peer.first_mbit
    for _ in range(STEPS_MAX):
        pace_mbit = max(1, int(pace_mbit / STEP))
        goodput = trial(pace_mbit).goodput_mb_s
        yield pace_mbit, goodput
        if goodput:
            return
