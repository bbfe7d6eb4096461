"""Values sealed on one side, delivered as tokens, revealed where the ledger hears of it first."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.demonstration import Demonstration, LinkFaults
from guard.edge.ledger_files import entries_of
from schemas.entry import Entry, Kind
from tests.guard.edge.test_token_keys import guard, sealing_pack
from tests.system.test_policy_change import wait_for

pytestmark = pytest.mark.long


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Demonstration]:
    pack = sealing_pack(open_folder)
    faults = LinkFaults(direct=True)
    with Demonstration(open_folder / "site", pack, faults, insecure=False) as made:
        yield made


def reveals(low: Path) -> list[Entry]:
    found = [entry for _, entry in entries_of(low / "ledger") if entry["kind"] == Kind.KEY]
    return [entry for entry in found if entry["act"] == "revealed"]


def delivered(flow: Demonstration) -> list[Path]:
    return sorted(flow.delivered_files())


def test_a_value_crosses_as_a_token_and_is_revealed_on_the_low_side(flow: Demonstration) -> None:
    low = flow.made.low
    flow.drop(b'{"name": "Doe, Jane", "number": 4711}', "a.json")
    wait_for(lambda: bool(delivered(flow)))
    text = delivered(flow)[0].read_text()
    assert "Doe" not in text
    assert "4711" not in text
    found = json.loads(text)
    key = low / "keys" / "token-1.key"
    where = ("--site", low, "--key", key)
    done = guard("token", "reveal", found["name"], *where, "--reason", "asked by the ward")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Doe, Jane\n"
    done = guard("token", "reveal", found["number"], *where, "--json")
    assert json.loads(done.stdout) == {"value": 4711, "join": "patient", "key": "1"}
    assert [str(entry["detail"])[65:] for entry in reveals(low)] == ["asked by the ward", ""]
    flow.drop(b'{"name": "Roe", "number": 4711}', "b.json")
    wait_for(lambda: len(delivered(flow)) == 2)
    numbers = {json.loads(path.read_text())["number"] for path in delivered(flow)}
    assert numbers == {found["number"]}
