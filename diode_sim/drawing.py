"""Scenarios drawn from a seed, for runs that look where nobody thought of looking.

Takes a seed, gives a scenario's tables as its file would have them. Pure. How long a scenario lasts
follows from its rate, so that one costs about as much as another: a slow link is watched for hours,
a fast one for seconds.
"""

from typing import Any

from diode_sim.chance import Chance, stream

Tables = dict[str, Any]

_RATES = (2_400, 9_600, 9_600, 64_000, 256_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_MTUS = {2_400: (256, 576), 9_600: (256, 576, 1500), 64_000: (576, 1500)}
_SHARES = (0.001, 0.01, 0.03, 0.1, 0.3)
_HEARTBEATS_MAX = 600
_MESSAGES_MAX = 80
_BYTES_MAX = 200_000


def draw_tables(seed: int) -> Tables:
    """The tables of the scenario of this seed."""
    chance = Chance(stream(seed, "scenario"))
    code = _code(chance)
    heartbeat_ms = _heartbeat_ms(code)
    duration_ms = heartbeat_ms * chance.between(60, _HEARTBEATS_MAX)
    duration_ms = min(max(duration_ms, code["silence_ms"] * 3), 48 * 3_600_000)
    links = chance.choice((1, 1, 1, 1, 2, 3))
    traffic = _traffic(chance, code, duration_ms)
    return {
        "about": "drawn from a seed",
        "links": [_link(chance, code, duration_ms) for _ in range(links)],
        "traffic": traffic,
        "code": code,
        "end": _end(chance, duration_ms),
    }


def _code(chance: Chance) -> Tables:
    rate = chance.choice(_RATES)
    tag = chance.below(4) > 0
    heartbeat_ms = chance.choice((100, 1_000, 5_000, 60_000))
    interleave = chance.choice((1, 1, 1, 2, 8))
    code: Tables = {
        "rate_bits_per_s": rate,
        "mtu_bytes": chance.choice(_MTUS.get(rate, (576, 1500, 1500, 9000))),
        "k_max": chance.choice((1, 4, 20, 80, 200)),
        "r_max": chance.choice((3, 3, 8, 24, 54)),
        "repair_percent": chance.choice((0, 10, 10, 50, 100)),
        "design_loss_ppm": chance.choice((0, 30_000, 30_000, 100_000)),
        "interleave_blocks": interleave,
        "heartbeat_ms": heartbeat_ms,
        "silence_ms": heartbeat_ms * chance.choice((2, 5, 5, 10)),
        "give_up_ms": chance.choice((1, 20, 100, 1_000, 5_000)),
        "window_blocks": max(2 * interleave, chance.choice((4, 16, 64, 256))),
        "queue_bytes_max": 2**22,
        "envelope_bytes_max": 2**20,
        "tag": tag,
        "repeats": chance.choice((0, 0, 0, 1, 3)),
        "repeat_pause_ms": chance.choice((50, 2_000, 60_000)),
        "compression": chance.choice(("off", "off", "lz4", "zstd")),
        "mode": chance.choice(("striped", "copies")),
    }
    block_bytes = (code["k_max"] + code["r_max"]) * code["mtu_bytes"]
    blocks = max(4, interleave + 2, chance.choice((4, 8, 64)))
    code["window_bytes_max"] = max(2**20, blocks * block_bytes)
    return code


def _heartbeat_ms(code: Tables) -> int:
    """About what the interval is once the rate has stretched it."""
    return int(max(code["heartbeat_ms"], 40_000_000 // code["rate_bits_per_s"]))


def _traffic(chance: Chance, code: Tables, duration_ms: int) -> Tables:
    """Some of a link's capacity, or much more than it has."""
    most = max(1, min(_BYTES_MAX, code["rate_bits_per_s"] * duration_ms // 8000 // 2))
    messages = chance.between(1, _MESSAGES_MAX)
    size = max(20, min(most // messages, chance.choice((60, 400, 4_000, 40_000))))
    at_once = chance.choice((1, 1, 1, messages, 1 + messages // 4))
    busy_ms = duration_ms * chance.between(10, 90) // 100
    return {
        "messages": messages,
        "every_ms": max(1, busy_ms * at_once // messages),
        "at_once": at_once,
        "bytes_min": chance.choice((0, 20, size)),
        "bytes_max": size,
        "precedences": [chance.below(5) for _ in range(chance.between(1, 4))],
        "streams": chance.choice((0.0, 0.0, 0.2, 1.0)),
        "text": chance.below(2) == 0,
        "checkpoint_bytes": chance.choice((0, 150, 600)),
        "checkpoint_every_ms": max(1, duration_ms // chance.between(1, 50)),
    }


def _link(chance: Chance, code: Tables, duration_ms: int) -> Tables:
    """Each kind of trouble is there as often as not there, and more often alone than together."""
    share = chance.choice((0.1, 0.2, 0.5))
    link: Tables = {}
    rare = _SHARES
    if chance.happens(0.5):
        link["loss"] = chance.choice(rare)
    if chance.happens(share):
        mean = float(chance.choice((2, 8, 64, 500)))
        link["burst"] = {"rate": chance.choice(rare[:4]), "mean_datagrams": mean}
    if chance.happens(share):
        link["reorder"] = chance.choice(rare)
        link["reorder_span_datagrams"] = chance.choice((1, 4, 16, 500))
        link["linger_ms"] = chance.choice((5, 100, 5_000))
    for name in ("duplicate", "corrupt", "truncate"):
        if chance.happens(share):
            link[name] = chance.choice(rare)
    if chance.happens(share):
        link["delay_ms"] = float(chance.choice((1, 300, 3_000)))
    if chance.happens(share):
        link["jitter_ms"] = float(chance.choice((1, 50, 2_000)))
    link.update(_by_time(chance, share, code, duration_ms))
    return link


def _by_time(chance: Chance, share: float, code: Tables, duration_ms: int) -> Tables:
    link: Tables = {}
    if chance.happens(share):
        start_ms = chance.below(duration_ms)
        link["windows"] = [
            {"start_ms": start_ms, "length_ms": 1 + chance.below(1 + duration_ms // 10)}
        ]
    if chance.happens(share / 2):
        every_ms = 2 + chance.below(max(2, duration_ms // 5))
        length_ms = 1 + chance.below(every_ms // 2)
        link["outages"] = {"every_ms": every_ms, "length_ms": length_ms, "at_random": True}
    if chance.happens(share / 2):
        up_ms = 1 + chance.below(max(1, duration_ms // 10))
        link["flap"] = {"up_ms": max(1, up_ms, duration_ms // 1000), "down_ms": 1 + up_ms // 10}
    if chance.happens(share / 5):
        repeat_ms = chance.choice((0, max(100, duration_ms // 500)))
        link["stuck"] = {"from_ms": duration_ms // 2, "repeat_ms": repeat_ms}
    if chance.happens(share):
        link["rate_bits_per_s"] = (
            code["rate_bits_per_s"] * chance.choice((70, 100, 101, 200)) // 100
        )
        link["queue_bytes"] = chance.choice((2_000, 20_000, 1_000_000))
    return link


def _end(chance: Chance, duration_ms: int) -> Tables:
    end: Tables = {"duration_ms": duration_ms}
    if chance.happens(0.1):
        end["receiver_from_ms"] = chance.below(duration_ms // 2)
    if chance.happens(0.1):
        end["sender_from_ms"] = chance.below(duration_ms // 2)
    for who in ("sender", "receiver"):
        if chance.happens(0.3):
            end[f"{who}_restarts"] = [
                _restart(chance, duration_ms, who) for _ in range(chance.between(1, 4))
            ]
    return end


def _restart(chance: Chance, duration_ms: int, who: str) -> Tables:
    restart: Tables = {
        "at_ms": chance.below(duration_ms),
        "down_ms": chance.choice((0, 10, 1_000, 1 + duration_ms // 20)),
    }
    if who == "receiver":
        restart["keep_socket"] = chance.below(2) == 0
        restart["before_sync"] = chance.below(2) == 0
    return restart
