"""A plan as people and programs read it: costs, the lines to paste, what was simulated.

Takes a `Need`, the `Setting` found and its `Confirmation`, gives a table for JSON or text of 80
columns. Pure.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from diode_sim.confirming import CONFIDENCE, BlockCheck, Confirmation
from diode_sim.planning import Need, Setting, refuse, sizes
from diode_sim.searching import codes_of, message_loss
from guard.link.params import LinkParams
from guard.link.records import PART_BYTES, WHOLE_BYTES
from schemas.policy import LinkLine

_HEAD = 11


def as_table(need: Need, setting: Setting, confirmed: Confirmation, seed: int) -> dict[str, Any]:
    """Everything, with names that carry their units."""
    codes = codes_of(need, setting)
    wire = float(codes.wire_a_byte[0]) * (setting.repeats + 1)
    params = setting.params(need)
    group_ms = float(codes.block_ms[0]) * setting.interleave
    last_ms = codes.latency_ms(setting.interleave, setting.repeats, setting.pause_ms)
    alone = wire_bytes_alone(params, need.message_bytes) * (setting.repeats + 1)
    direct = confirmed.direct
    return {
        "k": setting.k, "r": setting.r, "repair_percent": setting.repair_percent,
        "interleave": setting.interleave, "repeats": setting.repeats,
        "repeat_pause_ms": setting.pause_ms if setting.repeats else None,
        "overhead_percent": round(100 * (wire - 1), 1),
        "repair_overhead_percent": round(100 * setting.r / setting.k, 1),
        "goodput_bits_per_s": round(need.rate_bits_per_s / wire),
        "overhead_alone_percent": round(100 * (alone / need.message_bytes - 1), 1),
        "latency_group_ms": _round(group_ms),
        "latency_last_repeat_ms": _round(float(last_ms[0])),
        "residual_loss_computed_max": message_loss(need, setting),
        "residual_loss_simulated_max": confirmed.message_high,
        "confidence": CONFIDENCE,
        "target_loss": need.target_loss,
        "meets_target": confirmed.meets(need.target_loss),
        "seed": seed,
        "blocks": [_block(check) for check in confirmed.blocks],
        "direct": {
            "what": direct.what, "loss_factor": direct.factor, "loss": _round(direct.loss),
            "burst_rate": _round(direct.burst_rate), "messages": direct.counted.messages,
            "lost": direct.counted.lost, "computed_loss": direct.computed,
            "interval": list(direct.counted.interval), "agrees": direct.agrees,
        },
        "policy": None if need.bare else policy_lines(need, setting),
        "options": send_options(need, setting) if need.bare else None,
    }  # fmt: skip


def as_text(need: Need, setting: Setting, confirmed: Confirmation, seed: int) -> Iterator[str]:
    """The same for people."""
    told = as_table(need, setting, confirmed, seed)
    repeats = "no repeats"
    if setting.repeats:
        repeats = "1 repeat" if setting.repeats == 1 else f"{setting.repeats} repeats, each"
        repeats += f" {setting.pause_ms:,} ms after the last send"
    yield _line("code", f"k {setting.k}, r {setting.r}, interleave {setting.interleave}, {repeats}")
    yield _line(
        "overhead",
        f"{told['overhead_percent']:,.1f} % of the messages' bytes (repair symbols"
        f" {told['repair_overhead_percent']:.1f} % of a block)",
    )
    yield _line("", f"{told['overhead_alone_percent']:,.1f} % for a message alone on the link")
    yield _line("goodput", f"{_rate(told['goodput_bits_per_s'])} of {_rate(need.rate_bits_per_s)}")
    latency = f"{told['latency_group_ms']:,g} ms for a whole group on the wire"
    yield _line("latency", latency)
    if setting.repeats:
        last = f"{told['latency_last_repeat_ms']:,g} ms until the last repeat has come"
        yield _line("", last)
    yield _line("loss", f"of a message, computed: at most {message_loss(need, setting):.2e}")
    yield ""
    yield from ([*policy_lines(need, setting)] if not need.bare else [send_options(need, setting)])
    yield ""
    yield from _simulated(confirmed, seed)
    verdict = "meets" if confirmed.meets(need.target_loss) else "DOES NOT MEET"
    yield _line(
        "simulated",
        f"a message is lost with at most {confirmed.message_high:.2e}, {CONFIDENCE:.1%} sure:",
    )
    yield _line("", f"{verdict} the target of {need.target_loss:g}")


def _simulated(confirmed: Confirmation, seed: int) -> Iterator[str]:
    draws = confirmed.blocks[0].simulated.draws
    yield _line(
        "sampled",
        f"the channel as asked for, {draws:,} weighted walks a kind of block, seed {seed}:",
    )
    for check in confirmed.blocks:
        low, high = check.simulated.interval
        yield _line("", f"{check.blocks:,} x {check.what} ({check.k} + {check.case.r}):")
        yield _line("", f"  lost {low:.2e} to {high:.2e}, computed {check.computed:.2e}")
    direct = confirmed.direct
    low, high = direct.counted.interval
    yield _line("counted", f"the real sender and receiver, {direct.factor:g} times the loss:")
    yield _line(
        "",
        f"  {direct.counted.lost:,} of {direct.counted.messages:,} lost of the last kind:"
        f" {low:.3f} to {high:.3f},",
    )
    agrees = "agrees" if direct.agrees else "DOES NOT AGREE"
    yield _line("", f"  computed {direct.computed:.3f}: {agrees}")


def policy_lines(need: Need, setting: Setting) -> list[str]:
    """The `[link]` table of a policy, with what the plan depends on. Raises `Malformed`."""
    rate = need.rate_bits_per_s
    whole = rate % 1_000_000 == 0
    values = {
        "mtu_bytes": need.mtu_bytes, "k_max": setting.k, "r_max": setting.r,
        "repair_percent": setting.repair_percent, "interleave_blocks": setting.interleave,
        "rate_mbit_per_s" if whole else "rate_bit_per_s": rate // 1_000_000 if whole else rate,
    }  # fmt: skip
    if setting.repeats:
        values |= {"repeats": setting.repeats, "repeat_pause_ms": setting.pause_ms}
    try:
        LinkLine.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        refuse(f"a policy's {place}: {first['msg']}")
    return ["[link]", *(f"{name} = {value}" for name, value in values.items())]


def send_options(need: Need, setting: Setting) -> str:
    """The options of `guard link send`."""
    options = (
        f"--rate {_rate(need.rate_bits_per_s).replace(' ', '')} --mtu {need.mtu_bytes}"
        f" --block {setting.k} --repair {setting.repair_percent}"
    )
    if setting.interleave > 1:
        options += f" --interleave {setting.interleave}"
    if setting.repeats:
        options += f" --repeats {setting.repeats} --repeat-after {setting.pause_ms / 1000:g}"
    return options


def wire_bytes_alone(params: LinkParams, message_bytes: int) -> int:
    """What a message takes on the wire that meets an idle link, sent once."""
    room = params.block_bytes_max
    whole = message_bytes + WHOLE_BYTES <= room
    full, rest = (0, message_bytes) if whole else divmod(message_bytes, room - PART_BYTES)
    header = params.datagram_bytes_max - params.symbol_bytes_max
    k, r, symbol_bytes = params.shape(room)
    wire = full * (k + r) * params.wire_bytes(symbol_bytes + header)
    if rest:
        k, r, symbol_bytes = params.shape(rest + (WHOLE_BYTES if whole else PART_BYTES))
        wire += (k + r) * params.wire_bytes(symbol_bytes + header)
    return wire


def check_sizes(need: Need) -> None:
    """Raises `Malformed` for a rate or an MTU that the link, or a policy, has not."""
    sizes(need)
    if not need.bare:
        policy_lines(need, Setting(1, 3, 0))


def _block(check: BlockCheck) -> dict[str, Any]:
    case = check.case
    return {
        "what": check.what, "blocks_max": check.blocks, "k": check.k, "r": case.r,
        "datagrams_apart": case.apart, "sends": case.sends, "datagrams_between": case.between,
        "computed_loss": check.computed, "simulated_loss": check.simulated.mean,
        "interval": list(check.simulated.interval), "draws": check.simulated.draws,
    }  # fmt: skip


def _line(head: str, words: str) -> str:
    return f"{head:<{_HEAD}}{words}"


def _rate(bits_per_s: int) -> str:
    for factor, unit in ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s")):
        if bits_per_s >= factor:
            return f"{bits_per_s / factor:.4g} {unit}"
    return f"{bits_per_s} bit/s"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
