"""A scenario file is read into one closed record, or refused in a sentence that names the place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diode_sim.drawing import draw_tables
from diode_sim.options import Options, read_options
from diode_sim.running import FOLDER, runner_of, shipped, tables_of
from diode_sim.scenario import GUARD_TABLE, make_scenario, read_scenario
from guard.link.params import LinkParams
from schemas.errors import Malformed
from schemas.reasons import Reason

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "scenario.md"


def test_every_shipped_scenario_is_one_and_says_what_it_is_about() -> None:
    assert len(shipped()) >= 20
    for name in shipped():
        if GUARD_TABLE in tables_of(name, 0):
            assert tables_of(name, 0)["about"]
            continue
        scenario = read_scenario((FOLDER / f"{name}.toml").read_bytes())
        assert scenario.about
        assert scenario.end.duration_ms > scenario.traffic.every_ms


def test_the_defaults_are_a_link_that_does_nothing() -> None:
    scenario = read_scenario(b"[link]\n")
    assert scenario.cables == (Options(),)
    assert isinstance(scenario.code.params(), LinkParams)


def test_a_proxy_takes_the_link_of_the_same_file() -> None:
    text = (FOLDER / "slow-radio.toml").read_bytes()
    assert read_options(text) == read_scenario(text).link


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "[link]"),
        ("[link]\n[[links]]\n", "[link]"),
        ("[link]\nloss = 2", "link.loss"),
        ("[link]\nwindows = [{start_ms = 1}]", "link.windows.0.length_ms"),
        ("[link]\noutages = {every_ms = 5, length_ms = 5}", "link.outages"),
        ("[link]\nflap = {up_ms = 0, down_ms = 5}", "link.flap.up_ms"),
        ("[link]\nstuck = {from_ms = -1}", "link.stuck.from_ms"),
        ("[link]\njitter_ms = inf", "link.jitter_ms"),
        ("[link]\nflap = {up_ms=1,down_ms=1}\n[end]\nduration_ms = 9_000_000", "link: flap"),
        ("[link]\nstuck = {from_ms=1,repeat_ms=1}\n[end]\nduration_ms = 9_000_000", "link: flap"),
        ("[link]\n[traffic]\nmessages = 10_000_000", "traffic.messages"),
        ("[link]\n[traffic]\nbytes_min = 9\nbytes_max = 8", "traffic"),
        ("[link]\n[traffic]\nprecedences = []", "traffic.precedences"),
        ("[link]\n[traffic]\nprecedences = [5]", "traffic.precedences.0"),
        ("[link]\n[traffic]\nbytes_max = 2000\n[code]\nenvelope_bytes_max = 1000", "traffic"),
        ("[link]\n[code]\nk_max = 0", "code: k_max"),
        ("[link]\n[code]\nk_max = 253", "code: k_max"),
        ("[link]\n[code]\nrate_bits_per_s = 999", "code: rate_bits_per_s"),
        ("[link]\n[code]\ncompression = 'rar'", "code.compression"),
        ("[link]\n[code]\nmode = 'both'", "code.mode"),
        ("[link]\n[end]\nduration_ms = 0", "end.duration_ms"),
        ("[link]\n[end]\nsender_restarts = [{down_ms = 1}]", "end.sender_restarts.0.at_ms"),
        ("[link]\n[nonsense]\n", "nonsense"),
        ("[link", "TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_scenario(text.encode())
    assert caught.value.reason is Reason.ARGUMENT
    assert place in caught.value.sentence


@given(st.binary(max_size=300))
def test_any_bytes_are_a_scenario_or_malformed(untrusted: bytes) -> None:
    with pytest.raises(Malformed):
        read_scenario(b"[code]\n" + untrusted)


@given(st.integers(0, 2**64 - 1))
def test_every_seed_draws_a_scenario_and_always_the_same(seed: int) -> None:
    scenario = make_scenario(draw_tables(seed))
    assert scenario == make_scenario(tables_of("random", seed))
    assert scenario.traffic.messages * scenario.traffic.bytes_max <= 2**20


def test_a_scenario_of_the_whole_guard_goes_elsewhere() -> None:
    with pytest.raises(Malformed, match="guard"):
        read_scenario(b"[link]\n[guard]\n")
    assert runner_of({"link": {}}) is not None


def test_the_page_names_every_field() -> None:
    page = PAGE.read_text("utf-8")
    scenario = read_scenario(b"[link]\nflap = {up_ms=1,down_ms=1}\nstuck = {from_ms=1}")
    tables = (Options(), scenario.traffic, scenario.code, scenario.end)
    missing = [
        name for table in tables for name in type(table).model_fields if f"`{name}`" not in page
    ]
    assert missing == []
