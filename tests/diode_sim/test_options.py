"""One record, from the command line or from TOML; anything else is one sentence."""

import pytest

from diode_sim.options import Burst, Options, make_options, read_options
from schemas.errors import Malformed
from schemas.reasons import Reason


def test_a_scenario_file_says_the_same_as_the_command_line() -> None:
    text = b"[link]\nloss = 0.03\nseed = 7\nburst = { rate = 0.005, mean_datagrams = 64 }\n"
    assert read_options(text) == Options(loss=0.03, seed=7, burst=Burst.read("0.005:64"))


@pytest.mark.parametrize(
    "untrusted",
    [
        {"loss": 1.5},
        {"loss": -0.1},
        {"loss": float("nan")},
        {"burst": {"rate": 0.95}},
        {"burst": {"mean_datagrams": 0}},
        {"delay_ms": 1e9},
        {"seed": -1},
        {"unknown": 1},
    ],
)
def test_values_out_of_bounds_are_refused(untrusted: dict[str, object]) -> None:
    with pytest.raises(Malformed) as caught:
        make_options(untrusted)
    assert caught.value.reason is Reason.ARGUMENT
    assert next(iter(untrusted)) in caught.value.sentence


@pytest.mark.parametrize(
    "text", [b"", b"[link", b"\xff", b"[other]\n", b"link = 1", b"#" * 70_000, b"[link]\nloss = 2"]
)
def test_a_file_that_is_no_scenario_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_options(text)


@pytest.mark.parametrize("text", ["", "0.1", "0.1:", ":3", "0.1:0", "nan:3", "2:3", "a:b"])
def test_a_burst_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Burst.read(text)
