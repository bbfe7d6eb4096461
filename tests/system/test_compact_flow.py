"""A whole flow under a compact manifest and a dictionary: real processes, ledgers, restarts."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.cli.main import main
from guard.demonstration import Demonstration
from guard.edge.making import PACKS
from schemas.entry import Entry, Kind

LINK = """
manifest = "compact"
compression = "dictionary"
dictionary = "cot.zdict"
"""
MESSAGES = 60
WITHIN_S = 60.0


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    pack = open_folder / "pack"
    shutil.copytree(PACKS / "c2", pack)
    policy = pack / "policy.toml"
    text = policy.read_text("utf-8").replace('"words.txt"]', '"words.txt", "cot.zdict"]')
    policy.write_text(text + LINK)
    (open_folder / "site").mkdir()
    with Demonstration(open_folder / "site", pack) as running:
        yield running


def await_settled(flow: Demonstration) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not flow.settled():
        assert time.monotonic() < deadline_s, flow.account
        time.sleep(0.05)


def drop(flow: Demonstration, count: int) -> None:
    samples = [path.read_bytes() for path in sorted((PACKS / "c2" / "samples").glob("*.cot"))]
    for number in range(count):
        flow.drop(samples[number % len(samples)], "event.cot")


def test_what_is_dropped_is_delivered_also_when_an_end_of_the_link_is_killed(
    flow: Demonstration,
) -> None:
    drop(flow, MESSAGES)
    os.kill(flow.pids("low")["send"], signal.SIGKILL)
    await_settled(flow)
    os.kill(flow.pids("high")["verify"], signal.SIGKILL)
    drop(flow, MESSAGES)
    await_settled(flow)
    account = flow.account
    assert len(account.delivered) == 2 * MESSAGES
    assert (account.duplicates, account.lost, account.held_high) == (0, 0, set())
    assert len(flow.latencies_ms()) == 2 * MESSAGES


def test_the_two_ids_of_a_message_are_joined_by_the_envelopes_digest(flow: Demonstration) -> None:
    drop(flow, 3)
    committed: list[Entry] = []
    deadline_s = time.monotonic() + WITHIN_S
    while len(committed) < 3:
        assert time.monotonic() < deadline_s
        committed += [entry for entry in flow.low_entries() if entry["kind"] == Kind.COMMITTED]
    await_settled(flow)
    entry = committed[1]
    crossed = str(entry["envelope"])[:32]
    assert flow.account.delivering[crossed] == entry["sequence"]
    flow.end()
    for which in (str(entry["id"]), crossed, crossed[:9], str(entry["sequence"])):
        told = shown(flow.folder, which)
        assert [each["side"] for each in told] == ["low", "high"], which
        assert {each["sequence"] for each in told} == {entry["sequence"]}


def shown(site: Path, which: str) -> list[dict[str, int | str]]:
    result = CliRunner().invoke(main, ["audit", "show", "--site", str(site), "--json", which])
    assert result.exit_code == 0, result.output
    told: list[dict[str, int | str]] = json.loads(result.stdout)
    return told
