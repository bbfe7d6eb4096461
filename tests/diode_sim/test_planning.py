"""Plans reach their target, are the cheapest that do, and say what the real sender does."""

import json
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from click.testing import CliRunner

from diode_sim.analysis import block_loss, two_state
from diode_sim.cli import cli
from diode_sim.confirming import CONFIDENCE, confirm
from diode_sim.cores import count_lost_messages
from diode_sim.options import Burst, Options
from diode_sim.planning import Codes, Need, Setting, interleaves, repair_symbols, sizes
from diode_sim.proposal import policy_lines, send_options, wire_bytes_alone
from diode_sim.searching import MARGIN, best_setting, codes_of, message_loss
from guard.cli.link_options import Rate
from guard.link.fec import ReferenceCodec
from guard.link.params import SEAL_TAG_BYTES, SYMBOLS_MAX, LinkParams
from guard.link.records import WHOLE_BYTES
from guard.link.sender import Sender
from schemas.errors import Malformed
from schemas.policy import LinkLine
from schemas.rate import read_rate

FEED = Need(10_000_000, 1500, 0.01, Burst(), 400, 1e-9)
BURSTY = replace(FEED, burst=Burst(rate=0.001, mean_datagrams=8))
NEEDS = [
    FEED,
    BURSTY,
    replace(BURSTY, latency_ms_max=600.0),
    replace(BURSTY, always_busy=True),
    replace(BURSTY, bare=True, target_loss=1e-6),
    replace(BURSTY, clock="datagrams"),
    Need(1_000_000_000, 9000, 0.0005, Burst(), 10**9, 1e-9, bare=True),
    Need(9_600, 576, 0.02, Burst(rate=0.01, mean_datagrams=4), 300, 1e-6),
    Need(2_400, 256, 0.1, Burst(), 5_000, 1e-3),
]


@pytest.mark.parametrize("need", NEEDS)
def test_a_plan_reaches_its_target_and_the_sender_does_what_it_says(need: Need) -> None:
    setting = best_setting(need)
    assert message_loss(need, setting) <= MARGIN * need.target_loss
    params = setting.params(need)
    assert params.block_symbols_max == setting.k
    assert params.repair_symbols(setting.k) == setting.r
    k_all = np.arange(1, setting.k + 1)
    r_max = SYMBOLS_MAX if need.bare else setting.r
    planned = repair_symbols(need, k_all, setting.repair_percent, r_max)
    assert planned.tolist() == [params.repair_symbols(k) for k in k_all.tolist()]
    latency = codes_of(need, setting).latency_ms(
        setting.interleave, setting.repeats, setting.pause_ms
    )
    assert need.latency_ms_max is None or latency[0] <= need.latency_ms_max


@pytest.mark.parametrize("need", NEEDS[:5])
def test_no_cheaper_setting_reaches_the_target(need: Need) -> None:
    """Against settings drawn at random, each put to the question by itself."""
    best = best_setting(need)
    cost = float(codes_of(need, best).wire_a_byte[0]) * (best.repeats + 1)
    chance = np.random.default_rng(3)
    tried = 0
    while tried < 150:
        k, percent = int(chance.integers(1, 80)), int(chance.integers(0, 401))
        r = int(chance.integers(3, 40))
        setting = Setting(
            k, r, percent, int(chance.choice(interleaves(need))), int(chance.integers(0, 4)),
            int(chance.choice([100, 200, 1000])),
        )  # fmt: skip
        params = setting.params(need)
        setting = replace(setting, k=params.block_symbols_max)
        setting = replace(setting, r=params.repair_symbols(setting.k))
        if need.bare and setting.k + setting.r > SYMBOLS_MAX:
            continue
        tried += 1
        codes = codes_of(need, setting)
        late = codes.latency_ms(setting.interleave, setting.repeats, setting.pause_ms)[0]
        if late > (need.latency_ms_max or float("inf")):
            continue
        if message_loss(need, setting) <= MARGIN * need.target_loss:
            assert float(codes.wire_a_byte[0]) * (setting.repeats + 1) >= cost * (1 - 1e-9)


def test_a_message_of_random_loss_is_bounded_by_its_blocks() -> None:
    """Without bursts and repeats the bound is plain: full blocks, and the worst early one."""
    codes = Codes(FEED, (np.array([20]), np.array([4]), np.array([0])))
    once = float(codes.loss(np.array([0]), 1, 0, 100)[0])
    full = sum(_lost(20, 4, i) for i in range(5, 25))
    early = max(
        sum(_lost(k, r, i) for i in range(r + 1, k + r + 1))
        for k in range(1, 21)
        for r in [int(repair_symbols(FEED, np.array([k]), 0, 4)[0])]
    )
    assert once == pytest.approx(full + early, rel=1e-9)


def _lost(k: int, r: int, i: int) -> float:
    return comb(k + r, i) * 0.01**i * 0.99 ** (k + r - i)


def drain(sender: Sender) -> None:
    """Let everything leave, at its pace."""
    now_ns = 0
    while not sender.idle:
        while sender.due(now_ns):
            pass
        now_ns = max(now_ns + 1, sender.wake_ns(now_ns))


@pytest.mark.parametrize("messages", [1, 7, 60, 333])
def test_a_message_touches_no_more_blocks_than_planned(messages: int) -> None:
    """The real sender, everything offered at once."""
    need = replace(FEED, message_bytes=9_000)
    setting = Setting(4, 3, 75)
    params = setting.params(need)
    sender = Sender(params, bytes(32), 1, 7, ReferenceCodec())
    for sequence in range(1, messages + 1):
        sender.offer(sequence, 0, bytes(need.message_bytes))
    drain(sender)
    blocks = sender.counters["blocks"]
    touched = int(codes_of(need, setting).touched[0])
    assert blocks <= messages * (touched - 1) + 1
    if messages == 1:
        whole = sender.counters["wire_bytes"] - sender.counters["heartbeats"] * (128 + 66)
        assert wire_bytes_alone(params, need.message_bytes) == pytest.approx(whole, rel=0.001)


def test_the_wire_bytes_of_messages_that_wait_are_what_the_sender_sends() -> None:
    need = replace(FEED, always_busy=True)
    setting = Setting(20, 4, 20)
    sender = Sender(setting.params(need), bytes(32), 1, 7, ReferenceCodec())
    for sequence in range(1, 2_001):
        sender.offer(sequence, 0, bytes(400))
    drain(sender)
    beats = sender.counters["heartbeats"] * (128 + 66)
    sent = (sender.counters["wire_bytes"] - beats) / (2_000 * 400)
    assert float(codes_of(need, setting).wire_a_byte[0]) == pytest.approx(sent, rel=0.01)


def test_what_is_printed_can_be_pasted() -> None:
    setting = best_setting(BURSTY)
    head, *lines = policy_lines(BURSTY, setting)
    assert head == "[link]"
    line = LinkLine.model_validate({
        name: int(value) for name, value in (one.split(" = ") for one in lines)
    })  # fmt: skip
    assert (line.k_max, line.r_max, line.repair_percent) == (
        setting.k, setting.r, setting.repair_percent,
    )  # fmt: skip
    assert (line.repeats, line.repeat_pause_ms) == (setting.repeats, setting.pause_ms)
    words = send_options(replace(BURSTY, bare=True), setting).split()
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert Rate().convert(told["--rate"], None, None) == BURSTY.rate_bits_per_s
    assert (told["--block"], told["--repair"]) == (str(setting.k), str(setting.repair_percent))
    assert float(told["--repeat-after"]) * 1000 == setting.pause_ms


@pytest.mark.parametrize("need", [FEED, replace(BURSTY, target_loss=1e-6)])
def test_a_plan_is_borne_out_by_simulation(need: Need) -> None:
    confirmed = confirm(need, best_setting(need), 4_000, 400, 2)
    assert confirmed.direct.counted.lost > 10
    assert confirmed.direct.agrees
    assert confirmed.message_high <= need.target_loss


def test_a_plan_that_promises_too_much_is_not_borne_out() -> None:
    """One repair symbol fewer than what reaches the target, and the simulation says so."""
    best = best_setting(FEED)
    worse = replace(best, r=best.r - 1)
    confirmed = confirm(FEED, worse, 4_000, 400, 2)
    assert not confirmed.meets(FEED.target_loss)


def test_the_real_ends_lose_what_is_computed_of_interleaved_blocks() -> None:
    """Whole groups of blocks, one message a block, through sender, channel and receiver."""
    burst = Burst(rate=0.03, mean_datagrams=8)
    params = LinkParams(
        mtu_bytes=256, k_max=12, r_max=4, repair_percent=33, design_loss_ppm=0,
        interleave_blocks=4, rate_bits_per_s=10**9, queue_bytes_max=2**28,
    )  # fmt: skip
    size = 12 * params.symbol_bytes_max - SEAL_TAG_BYTES - WHOLE_BYTES
    options = Options(burst=burst, seed=11)
    counted = count_lost_messages(params, options, size, 4_000, 0, CONFIDENCE)
    computed = block_loss(two_state(0.0, burst), 12, 4, 4)
    apart = block_loss(two_state(0.0, burst), 12, 4, 1)
    assert counted.interval.low <= computed <= counted.interval.high
    assert not counted.interval.low <= apart <= counted.interval.high


def ran(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["plan", *arguments])
    if isinstance(done.exception, Malformed):
        return 2, done.exception.sentence
    return done.exit_code, done.output


def test_the_command_gives_json() -> None:
    code, output = ran(
        "--rate", "10Mbit/s", "--loss", "0.01", "--message-size", "400", "--target-loss", "1e-6",
        "--draws", "2000", "--messages", "200", "--json",
    )  # fmt: skip
    told = json.loads(output)
    assert code == 0
    assert told["meets_target"] is True
    assert told["residual_loss_simulated_max"] <= 1e-6
    assert told["policy"][0] == "[link]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "fast", "--message-size", "1", "--target-loss", "0.1"), "no rate"),
        (("--rate", "1M", "--message-size", "1", "--target-loss", "0"), "target"),
        (("--rate", "1M", "--message-size", "1", "--target-loss", "1e-16"), "target"),
        (("--rate", "1M", "--message-size", "1", "--target-loss", "0.1", "--burst", "x"), "burst"),
        (("--rate", "10", "--message-size", "1", "--target-loss", "0.1"), "rate"),
        (("--rate", "1M", "--mtu", "300", "--message-size", "1", "--target-loss", "0.1"), "mtu"),
        (
            ("--rate", "9600", "--message-size", "9000", "--target-loss", "1e-9", "--loss", "0.3",
             "--latency-ms-max", "1"),
            "ask for less",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused_in_a_sentence(
    arguments: tuple[str, ...], words: str
) -> None:
    code, output = ran(*arguments)
    assert code == 2
    assert words in output


def test_rates_are_read_by_the_parser_of_the_link() -> None:
    for text in ("9600", "2.4kbit/s", "10Mbit/s", "1Gbit/s"):
        assert read_rate(text) == Rate().convert(text, None, None)


def test_full_symbols_are_those_of_the_link() -> None:
    assert sizes(FEED) == (1440, 1472 + 28 + 38)


class Zeros:
    """A file of so many zero bytes; a pipe does not know how many."""

    ready = True

    def __init__(self, size: int, *, known: bool) -> None:
        self._size = size
        self.total_bytes: int | None = size if known else None

    def read_into(self, offset: int, out: memoryview) -> int:
        return min(len(out), self._size - offset)


@pytest.mark.parametrize(
    ("sizes", "known", "groups"),
    [
        ([1_000] * 30, True, {1}),  # files shorter than a block
        ([100_000], False, {1}),  # a pipe
        ([100_000] * 2, True, {4, 3, 2, 1}),  # each file's end: fewer
    ],
)
def test_files_are_interleaved_within_one_file_only(
    sizes: list[int], known: bool, groups: set[int]
) -> None:
    """As the plan for `--for link` counts, and docs/link.md says."""
    setting = Setting(4, 3, 75, interleave=4)
    need = replace(FEED, rate_bits_per_s=10**9, bare=True)
    sender = Sender(setting.params(need), bytes(32), 1, 7, ReferenceCodec())
    for sequence, size in enumerate(sizes, 1):
        sender.offer_stream(sequence, 0, Zeros(size, known=known))
    found, before, now_ns = set(), 0, 0
    while not sender.idle:
        while sender.due(now_ns) or sender.counters["blocks"] > before:
            found.add(sender.counters["blocks"] - before)
            before = sender.counters["blocks"]
        now_ns = max(now_ns + 1, sender.wake_ns(now_ns))
    assert found - {0} <= groups
    assert max(found) == max(groups)
