"""The worked examples of docs/planning.md: run as shown, they print what is shown."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from diode_sim.cli import cli
from diode_sim.options import Burst
from diode_sim.planning import Need
from diode_sim.searching import best_setting, codes_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "planning.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```console\n\$ diode-sim (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_an_example_prints_what_it_shows_and_meets_its_target(command: str, shown: str) -> None:
    """Word by word; numbers may differ in the last digit, which processors round in their ways."""
    done = CliRunner().invoke(cli, command.split())
    assert done.exit_code == 0, done.output
    assert NUMBER.sub("#", done.output) == NUMBER.sub("#", shown)
    assert numbers(done.output) == pytest.approx(numbers(shown), rel=0.02)
    assert "  meets the target of " in shown


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


def test_what_the_text_says_beside_them_is_so() -> None:
    files = Need(10**9, 9000, 0.001, Burst(), 10**9, 1e-9)
    by_policy = codes_of(files, best_setting(files))
    assert f"{100 * (float(by_policy.wire_a_byte[0]) - 1):.1f} % overhead" in PAGE
    bursts = Burst(rate=0.00001, mean_datagrams=20)
    assert best_setting(Need(10**9, 9000, 0.001, bursts, 10**9, 1e-9, bare=True)).repeats == 2
    fades = Burst(rate=0.001, mean_datagrams=8)
    busy = best_setting(Need(10**7, 1500, 0.01, fades, 400, 1e-9, always_busy=True))
    assert f"{busy.k} + {busy.r} symbols, {busy.interleave} blocks in turn" in PAGE
    radio = Burst(rate=0.01, mean_datagrams=4)
    assert best_setting(Need(9600, 576, 0.02, radio, 300, 1e-3)).repeats == 1
