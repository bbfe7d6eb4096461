"""Letting old entries go: what stays verifies, goes on, and knows what it must know."""

import shutil
from pathlib import Path

import pytest

from guard.core.facts import DestinationFacts, SourceFacts
from guard.core.ledger import Ledger
from guard.core.witnessing import Points
from guard.edge.durable import hold_alone
from guard.edge.ledger_files import ANCHOR_NAME, LedgerWriter, entries_of
from guard.edge.ledger_pruning import prune_ledger
from guard.edge.link_memory import ledger_memory
from guard.edge.making import make_site, pack_folder
from guard.edge.policy_memory import policy_memory
from guard.edge.sealing_keys import SealingKeys
from guard.edge.site import read_public
from guard.report.ledger_verifier import Verification, verify_ledger
from schemas.entry import Entry
from schemas.errors import Broken, Forged, Malformed
from schemas.reasons import Reason

ENTRIES = 60


def opened(side: Path, see: object = None, **named: object) -> LedgerWriter:
    return LedgerWriter.open(
        side / "ledger", SealingKeys(side / "sealing"), read_public(side / "trust" / "ledger.pub"),
        f"checkvalve/c2/{side.name}", see, **named,  # type: ignore[arg-type]  # as it is given
    )  # fmt: skip


def entry(number: int) -> Entry:
    if number == 0:
        return {"kind": "session", "time_ms": 1000, "session": 7}
    return {"kind": "committed", "time_ms": 1000 + number, "number": number,
            "sequence": number + 5, "sealed": number, "envelope": f"{number:064x}"}  # fmt: skip


@pytest.fixture
def low(tmp_path: Path) -> Path:
    """A side with a ledger of several segments and epochs."""
    low = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    writer = opened(low, segment_bytes_max=3000)
    for number in range(ENTRIES):
        writer.append([entry(number)])
        if number % 20 == 10:
            writer.ratchet(1000 + number)
    (tmp_path / "newest").write_bytes(writer.latest_checkpoint)
    writer.close()
    return low


def verified(low: Path, *witnessed: bytes) -> Verification:
    return verify_ledger(low / "ledger", low / "trust" / "ledger.pub", witnessed=witnessed)


def test_what_stays_verifies_and_goes_on_with_what_was_known(low: Path, tmp_path: Path) -> None:
    newest = (tmp_path / "newest").read_bytes()
    before = SourceFacts()
    opened(low, before.see).close()
    size = verified(low).entries
    pruned = prune_ledger(low, size, 0)
    assert 20 < pruned.entries < size
    assert pruned.segments >= 3
    found = verified(low, newest)
    assert found.ok
    assert (found.pruned, found.entries, found.anchored) == (pruned.entries, size + 1, size)
    assert "nothing is provable here" in found.notes[0]
    assert next(entries_of(low / "ledger"))[0] == pruned.entries
    after, points = SourceFacts(), Points()
    writer = opened(low, after.see, follower=points)
    assert after.entry(0) == before.entry(0)
    points.grown(writer.ledger, writer.append([entry(99)]))
    points.grown(writer.ledger, writer.ratchet(5000))
    points.take(writer.ledger, writer.latest_checkpoint)
    assert points.next_statement()
    writer.close()
    assert verified(low, newest).ok
    memory = ledger_memory(low)
    assert memory.newest == 7
    assert memory.head(low, "checkvalve/c2/low")[0] == size + 3
    again = prune_ledger(low, 0, 0)
    assert again.segments == 0


def test_policies_roots_and_postures_that_ran_are_known_when_their_entries_are_gone(
    tmp_path: Path,
) -> None:
    low = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    writer = opened(low, segment_bytes_max=3000)
    run: Entry = {"kind": "run", "time_ms": 1, "policy_version": 9, "policy_digest": "a" * 64,
                  "trust_root_version": 3, "trust_root": "b" * 64}  # fmt: skip
    posture: Entry = {"kind": "posture", "time_ms": 2, "version": 4, "text": 'a "posture"\n'}
    for each in (run, posture, *(entry(number) for number in range(ENTRIES))):
        writer.append([each])
    writer.close()
    known = policy_memory(low)
    assert (known.version, known.root_version, known.posture) == (9, 3, 'a "posture"\n')
    for _ in range(2):  # the entry that says it may be let go later, too
        assert prune_ledger(low, verified(low).entries, 0).segments > 0
        kinds = {found["kind"] for _, found in entries_of(low / "ledger")}
        assert not kinds & {"run", "posture"}
        assert policy_memory(low) == known
        writer = opened(low, segment_bytes_max=3000)
        for number in range(ENTRIES, 2 * ENTRIES):
            writer.append([entry(number)])
        writer.close()


def test_only_what_is_covered_and_old_enough_goes(low: Path) -> None:
    size = verified(low).entries
    for anchored, days in ((0, 0), (3, 0), (size, 36_500)):
        assert prune_ledger(low, anchored, days).segments == 0
    some = prune_ledger(low, size // 2, 0)
    assert 0 < some.entries <= size // 2
    more = prune_ledger(low, size, 0)
    assert more.entries > some.entries
    assert verified(low).ok


def test_a_running_side_is_left_alone(low: Path) -> None:
    hold_alone(low / "run")
    with pytest.raises(Broken, match="stop it first"):
        prune_ledger(low, 1000, 0)


def test_a_stop_between_the_anchor_and_the_removal_is_made_good_at_the_next_start(
    low: Path, tmp_path: Path
) -> None:
    shutil.copytree(low / "ledger", tmp_path / "old")
    pruned = prune_ledger(low, verified(low).entries, 0)
    for path in (tmp_path / "old").glob("*.journal"):
        if not (low / "ledger" / path.name).exists():
            shutil.copy(path, low / "ledger" / path.name)
    opened(low).close()
    found = verified(low)
    assert found.ok
    assert found.pruned == pruned.entries


@pytest.mark.parametrize("field", ["checkpoint", "link", "subtrees", "epochs", "batch"])
def test_a_changed_anchor_is_noticed(low: Path, field: str) -> None:
    prune_ledger(low, verified(low).entries, 0)
    path = low / "ledger" / ANCHOR_NAME
    text = path.read_text()
    at = text.index(f'"{field}"') + len(field) + (30 if field != "batch" else 4)
    path.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :])
    assert {each.reason for each in verified(low).findings} & {
        Reason.LEDGER_SIGNATURE, Reason.LEDGER_TREE, Reason.LEDGER_CHAIN,
    }  # fmt: skip
    with pytest.raises((Broken, Forged, Malformed)):
        opened(low)


def test_the_destinations_facts_are_written_and_read_again() -> None:
    facts = DestinationFacts()
    for each in (
        {"kind": "session", "time_ms": 1, "session": 3},
        {
            "kind": "delivering",
            "time_ms": 1,
            "number": 4,
            "sequence": 9,
            "id": "ab",
            "queues": "x,y",
        },
        {"kind": "held", "time_ms": 1, "number": 5, "sequence": 12, "id": "cd"},
    ):
        facts.see(each)  # type: ignore[arg-type]  # texts and integers
    again = DestinationFacts()
    again.see(facts.entry(7))
    assert again.state() == facts.state()
    assert (again.settled, again.session) == (6, 3)


def test_an_anchor_of_another_key_is_refused(low: Path) -> None:
    prune_ledger(low, verified(low).entries, 0)
    other = Ledger("checkvalve/c2/low", bytes(32))
    assert other.size == 0
    (low / "trust" / "ledger.pub").write_text("11" * 32)
    with pytest.raises((Broken, Forged, ValueError)):
        opened(low)


def test_an_entry_that_lacks_a_field_hides_none_after_it(tmp_path: Path) -> None:
    low = make_site(tmp_path / "site", pack_folder("c2"), "127.0.0.1:1", "127.0.0.1:2").low
    writer = opened(low)
    writer.append([{"kind": "run", "time_ms": 1000}, {"kind": "facts", "time_ms": 1000}])
    writer.append([{"kind": "run", "time_ms": 1001, "policy_version": 7, "policy_digest": "aa"}])
    writer.close()
    assert policy_memory(low).version == 7
