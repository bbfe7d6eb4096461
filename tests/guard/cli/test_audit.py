"""`guard audit verify` with checkpoints from elsewhere, and `guard audit prune`, on ledgers."""

import json
from pathlib import Path

import pytest

from guard.core.syslog import checkpoint_message, entry_message
from guard.edge.making import make_site, pack_folder
from guard.edge.segments import walk
from guard.roles.export import messages_of
from tests.guard.cli.conftest import Guard
from tests.guard.edge.test_ledger_pruning import entry, opened

ORIGIN = "checkvalve/c2/low"


@pytest.fixture
def low(tmp_path: Path) -> Path:
    low = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    writer = opened(low, segment_bytes_max=3000)
    writer.append([{"kind": "run", "time_ms": 999, "side": "low"}])
    for number in range(40):
        note = writer.append([entry(number)])
        if number == 20:
            writer.ratchet(2000)
            (tmp_path / "kept").write_bytes(note)
    writer.close()
    return low


@pytest.mark.parametrize("turn", range(8))
def test_a_demonstrations_ledger_is_said_to_be_one(tmp_path: Path, guard: Guard, turn: int) -> None:
    """Whatever bytes the salt of its first segment has: each turn has another."""
    low = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    writer = opened(low, segment_bytes_max=3000)
    writer.append([{"kind": "run", "time_ms": 999, "side": "low", "demo": turn % 2}])
    writer.append([{"kind": "alarm", "time_ms": 999, "detail": '"demo":1,'}])
    writer.close()
    assert told(guard, low / "ledger")["demo"] is bool(turn % 2)


def collected(low: Path, target: Path) -> Path:
    batches = [found.payload for found in walk(low / "ledger")]
    target.write_bytes(b"\n".join(messages_of(ORIGIN, batches)) + b"\n<109>1 - half a li")
    return target


def told(guard: Guard, *arguments: object) -> dict[str, object]:
    done = guard("audit", "verify", *arguments, "--json")
    (found,) = json.loads(done.stdout)
    assert done.exit_code == (0 if found["ok"] else 1)
    return dict(found)


def test_a_kept_checkpoint_or_a_collectors_file_anchors_the_ledger(
    low: Path, tmp_path: Path, guard: Guard
) -> None:
    alone = told(guard, low / "ledger")
    assert (alone["ok"], alone["anchored"], alone["epoch"]) == (True, 0, 1)
    assert "tail unanchored" in str(alone["notes"])
    assert told(guard, low / "ledger", "--checkpoint", tmp_path / "kept")["anchored"] == 22
    log = collected(low, tmp_path / "log")
    whole = told(guard, low / "ledger", "--checkpoint", log)
    assert (whole["anchored"], whole["notes"]) == (42, [])


def test_a_cut_is_found_by_the_collectors_file(low: Path, tmp_path: Path, guard: Guard) -> None:
    log = collected(low, tmp_path / "log")
    max((low / "ledger").glob("*.journal")).unlink()
    (low / "ledger" / "mark").unlink()
    assert told(guard, low / "ledger")["ok"]
    cut = told(guard, low / "ledger", "--checkpoint", log)
    assert not cut["ok"]
    assert "its end was cut off" in str(cut["findings"])


def test_prune_lets_go_what_is_covered_and_says_what(
    low: Path, tmp_path: Path, guard: Guard
) -> None:
    done = guard("audit", "prune", low, "--older-than", 1)
    assert done.exit_code == 0
    assert "nothing was let go" in done.stdout
    log = collected(low, tmp_path / "log")
    done = guard("audit", "prune", low, "--older-than", 1, "--checkpoint", log)
    assert done.exit_code == 0
    assert "segments let go" in done.stdout
    after = told(guard, low / "ledger", "--checkpoint", log)
    assert after["ok"]
    assert int(str(after["pruned"])) > 20
    (low / "ledger" / "anchor").write_text("{}")
    done = guard("audit", "prune", low, "--older-than", 1, "--checkpoint", log)
    assert done.exit_code == 3
    assert "does not verify" in done.stderr


def test_messages_are_of_rfc_5424() -> None:
    line = b'{"kind":"alarm","time_ms":1795432000950}'
    assert entry_message(ORIGIN, 7, line) == (
        b"<108>1 2026-11-23T11:06:40.950Z - checkvalve - entry "
        b'[ledger@32473 origin="checkvalve/c2/low" number="7"] ' + line
    )
    assert checkpoint_message(ORIGIN, 8, 10**30, b"note") == (  # type: ignore[arg-type]  # bytes do
        b"<109>1 - - checkvalve - checkpoint "
        b'[ledger@32473 origin="checkvalve/c2/low" number="8"] bm90ZQ=='
    )
