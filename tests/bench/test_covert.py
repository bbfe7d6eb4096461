"""The programs that measure covert channels: bits that were sent are the bits that are counted."""

import pytest

from bench.covert.channels import CHANNELS, UNPACED, Order, _binary, measure
from bench.covert.hijacked import bits_of
from guard.edge import landlock

SLOW = Order(count=24, rate_per_s=4, delay_ms=150)
STORED = ("release-id", "stage-log", "stage-feed")

_NEEDS = pytest.mark.skipif(
    landlock.abi() < landlock.ABI_RENAME_BETWEEN_DIRECTORIES,
    reason="this kernel has no Landlock, or one that denies renames between directories",
)
pytestmark = [_NEEDS, pytest.mark.long]


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_program_measures_what_it_says(channel: str) -> None:
    order = Order(200, 0.0, 20.0) if channel in UNPACED else SLOW
    told = measure(channel, order)
    assert told["messages"] == order.count
    assert 0 <= told["error_rate"] <= 0.5
    if channel in STORED:
        assert told["error_rate"] == 0.0
        assert told["bits_per_s"] > 100
    elif channel not in UNPACED:
        assert told["bits_per_s"] <= order.rate_per_s


def test_a_channel_without_noise_has_a_bit_a_symbol_and_one_without_a_signal_none() -> None:
    secret = b"\x5a\xc3\x0f\x99"
    bits = [bit for bit, _ in zip(bits_of(secret), range(32), strict=False)]
    clean = _binary([float(bit) for bit in bits], secret, 10.0)
    assert clean == {"error_rate": 0.0, "bits_per_s": 10.0}
    other = [float(number % 2) for number in range(32)]
    assert _binary(other, secret, 10.0)["bits_per_s"] < 2
