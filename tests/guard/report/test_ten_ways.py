"""Ten ways of tampering with a ledger: each is one finding, the right one, where it happened."""

import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from guard.edge.keys import public_of
from guard.report import verifying
from guard.report.index.places import Place
from guard.report.ledger_findings import Verification
from guard.report.verifying import verify_whole
from schemas.entry import Entry
from schemas.reasons import Reason
from tests.guard.ledgers import open_ledger, sealed
from tests.guard.report.test_ledger_verifier import batches_of, rewrite, segments

SEED, OTHER_SEED = bytes(range(32)), bytes(range(9, 41))
ORIGIN = "checkvalve/c2/low"
NOW_MS = 10**6
BATCHES = 12


def entries(batch: int) -> list[Entry]:
    if batch == 0:
        return [{"kind": "run", "time_ms": 1000, "side": "low", "policy_version": 1}]
    return [
        {
            "kind": "committed",
            "time_ms": 1000 + n,
            "sequence": n,
            "sealed": n - 1,
            "id": f"{n:032x}",
        }
        for n in range(3 * batch - 2, 3 * batch + 1)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "key.pub").write_text(public_of(SEED).hex() + "\n")
    writer = open_ledger(folder / "ledger", SEED, ORIGIN, segment_bytes_max=1500)
    for batch in range(BATCHES):
        (folder / f"checkpoint-{batch}").write_bytes(writer.append(entries(batch)))
    writer.close()
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def verify(folder: Path, *kept: bytes) -> Verification:
    """As a short ledger is read, and as a long one, by two processes: they find the same."""
    place = Place(folder / "ledger", folder / "key.pub")
    one, two = (
        verify_whole(place, kept, NOW_MS, two_processes_bytes_min=bound) for bound in (10**9, 0)
    )
    assert (one.findings, one.notes) == (two.findings, two.notes)
    assert (one.ok, one.entries, one.root) == (two.ok, two.entries, two.root)
    return one


def edit(ledger: Path, batches: list[bytes]) -> None:
    batches[5] = batches[5].replace(b"committed", b"commuted!", 1)
    rewrite(ledger, batches)


def delete(ledger: Path, batches: list[bytes]) -> None:
    batches[5] = batches[5].split(b"\n", 1)[1]
    rewrite(ledger, batches)


def reorder(ledger: Path, batches: list[bytes]) -> None:
    first, second, rest = batches[5].split(b"\n", 2)
    batches[5] = b"\n".join([second, first, rest])
    rewrite(ledger, batches)


def truncate(ledger: Path, batches: list[bytes]) -> None:
    rewrite(ledger, batches[:9])


def fork(ledger: Path, batches: list[bytes]) -> None:
    """Written anew from batch 5 on, with the key: flawless in itself."""
    made = sealed(ORIGIN, SEED)
    for batch in batches[:5]:
        made.replay(batch)
    anew = []
    for number in range(5, BATCHES):
        changed = [entry | {"id": "e" * 32} for entry in entries(number)]
        anew.append(made.batch(changed)[0])
    rewrite(ledger, [*batches[:5], *anew])


def roll_back(ledger: Path, batches: list[bytes]) -> None:
    """An older copy, on which a run went on with the key."""
    made = sealed(ORIGIN, SEED)
    for batch in batches[:7]:
        made.replay(batch)
    again: Entry = {"kind": "run", "time_ms": 1500, "side": "low", "policy_version": 1}
    rewrite(ledger, [*batches[:7], made.batch([again])[0]])


def swap_segments(ledger: Path, batches: list[bytes]) -> None:
    one, two = segments(ledger)[1:3]
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def forge_a_checkpoint(ledger: Path, batches: list[bytes]) -> None:
    made = sealed(ORIGIN, OTHER_SEED)
    for batch in batches[:5]:
        made.replay(batch)
    made.seal(OTHER_SEED)
    batches[5] = made.batch(entries(5))[0]
    rewrite(ledger, batches)


def replay_an_old_checkpoint(ledger: Path, batches: list[bytes]) -> None:
    body, _, _ = batches[5].partition(b"\n\n")
    _, _, old = batches[4].partition(b"\n\n")
    batches[5] = body + b"\n\n" + old
    rewrite(ledger, batches)


WAYS: dict[Callable[[Path, list[bytes]], None], tuple[Reason, str]] = {
    edit: (Reason.LEDGER_TREE, "batch 5 "),
    delete: (Reason.LEDGER_CHAIN, "batch 5 "),
    reorder: (Reason.LEDGER_TREE, "batch 5 "),
    truncate: (Reason.LEDGER_CHAIN, "the witnessed checkpoint of 34 entries"),
    fork: (Reason.LEDGER_TREE, "the witnessed checkpoint of 34 entries"),
    roll_back: (Reason.LEDGER_CHAIN, "the witnessed checkpoint of 34 entries"),
    swap_segments: (Reason.LEDGER_CHAIN, ".journal"),
    forge_a_checkpoint: (Reason.LEDGER_SIGNATURE, "batch 5 "),
    replay_an_old_checkpoint: (Reason.LEDGER_CHAIN, "batch 5 "),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_is_one_finding_and_the_right_one(
    folder: Path, way: Callable[[Path, list[bytes]], None]
) -> None:
    kept = (folder / f"checkpoint-{BATCHES - 1}").read_bytes()
    assert verify(folder, kept).findings == []
    way(folder / "ledger", batches_of(folder / "ledger"))
    told = [(each.reason, each.place) for each in verify(folder, kept).findings]
    reason, place = WAYS[way]
    assert [each for each, _ in told] == [reason]
    assert place in told[0][1]


def test_a_tail_that_was_dropped_shows_against_a_checkpoint_from_outside_and_else_is_noted(
    folder: Path,
) -> None:
    truncate(folder / "ledger", batches_of(folder / "ledger"))
    alone = verify(folder)
    assert alone.findings == []
    assert any("tail unanchored" in note for note in alone.notes)
    (found,) = verify(folder, (folder / "checkpoint-11").read_bytes()).findings
    assert (found.reason, "its end was cut off" in found.consequence) == (Reason.LEDGER_CHAIN, True)


@pytest.mark.parametrize(
    "line",
    [b'{"kind": "committed"}', b"[]", b"[" * 100_000, b"3", b"\xff", b'{"kind":"epoch"', b""],
    ids=["other spelling", "list", "deep", "number", "no text", "cut epoch", "empty"],
)
def test_what_is_no_entry_is_a_finding_at_its_batch_and_its_sense_is_not_judged(
    folder: Path, line: bytes
) -> None:
    batches = batches_of(folder / "ledger")
    batches[5] = line + b"\n" + batches[5].split(b"\n", 1)[1]
    rewrite(folder / "ledger", batches)
    found = verify(folder)
    reasons = {each.reason for each in found.findings}
    assert reasons >= {Reason.RECORD_MALFORMED, Reason.LEDGER_TREE}
    assert all("batch 5 " in each.place for each in found.findings)
    assert any("was not judged" in note for note in found.notes)


def test_what_a_running_ledger_gained_between_its_two_readers_is_judged_too(folder: Path) -> None:
    ledger = folder / "ledger"
    half = verifying.size_bytes(ledger) // 2
    read = verifying._read_of(ledger, NOW_MS, half)
    whole = verifying._read_of(ledger, NOW_MS, 2 * half + 1)
    assert 0 < read.entries < whole.entries
    rest = islice(verifying._batches(ledger), read.batches, None)
    verifying._judge_batches(rest, read, whole.entries)
    assert (read.entries, read.batches) == (whole.entries, whole.batches)
