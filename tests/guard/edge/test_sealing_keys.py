"""The sealing key's ratchet: no key of an epoch that has ended is left, whatever happens."""

import os
import shutil
from pathlib import Path

import pytest

from guard.edge import durable
from guard.edge.keys import public_of
from guard.edge.ledger_files import LedgerWriter
from guard.edge.sealing_keys import SealingKeys
from guard.report.ledger_verifier import verify_ledger
from schemas.errors import Broken, Forged
from tests.guard.edge.power import cut_before
from tests.guard.ledgers import keys_of, open_ledger

SEED = bytes(range(32))
ORIGIN = "checkvalve/c2/low"


def entry(number: int) -> dict[str, int | str]:
    return {"kind": "committed", "time_ms": 1000 + number, "number": number}


def opened(directory: Path) -> LedgerWriter:
    return open_ledger(directory, SEED, ORIGIN)


def seeds(directory: Path) -> list[str]:
    return sorted(path.name for path in keys_of(directory).iterdir())


def verified(directory: Path) -> bool:
    key = directory.with_suffix(".pub")
    key.write_text(public_of(SEED).hex())
    return verify_ledger(directory, key).ok


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two epochs have ended; the third has entries."""
    writer = opened(tmp_path / "ledger")
    for epoch in range(3):
        writer.append([entry(10 * epoch), entry(10 * epoch + 1)])
        if epoch < 2:
            writer.ratchet(2000 + epoch)
    writer.close()
    return tmp_path / "ledger"


def test_each_epoch_has_a_key_of_its_own_and_the_one_before_is_gone(ledger: Path) -> None:
    assert seeds(ledger) == ["0000000002.key"]
    assert verified(ledger)
    writer = opened(ledger)
    assert (writer.ledger.epoch, writer.ledger.epoch_ms, writer.ledger.begins) == (2, 2001, 6)
    writer.append([entry(50)])
    writer.ratchet(3000)
    assert seeds(ledger) == ["0000000003.key"]
    writer.close()
    assert verified(ledger)


def test_a_key_is_overwritten_where_it_stood_before_its_name_goes(tmp_path: Path) -> None:
    path = tmp_path / "0000000000.key"
    keys = SealingKeys(tmp_path)
    keys.make(0)
    (tmp_path / "link").hardlink_to(path)
    keys.keep_only(1)
    assert not path.exists()
    assert set((tmp_path / "link").read_bytes()) == {0}


@pytest.mark.parametrize("lose", [True, False], ids=["unsynced is lost", "all is kept"])
def test_a_power_cut_between_any_two_calls_of_the_ratchet(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: bool
) -> None:
    """After it the ledger opens with exactly the key of its last epoch, and goes on."""
    ended, cuts = set[int](), 0
    for call in range(60):  # more than it makes
        copy = tmp_path / "cut" / "ledger"
        shutil.copytree(ledger, copy)
        shutil.copytree(keys_of(ledger), keys_of(copy))
        writer = opened(copy)
        try:
            with cut_before(call, monkeypatch, copy, keys_of(copy), lose=lose):
                writer.ratchet(3000)
        except AssertionError:
            shutil.rmtree(tmp_path / "cut")
            break
        cuts += 1
        os.close(writer._journal._held)  # as the end of its process would
        again = opened(copy)
        epoch = again.ledger.epoch
        ended.add(epoch)
        assert seeds(copy) == [f"{epoch:010d}.key"]
        again.append([entry(60)])
        again.ratchet(4000)
        again.append([entry(61)])
        again.close()
        assert verified(copy)
        shutil.rmtree(tmp_path / "cut")
    assert ended == {2, 3}
    assert cuts > 15


def test_a_key_that_no_entry_certified_is_not_used(ledger: Path) -> None:
    SealingKeys(keys_of(ledger)).make(3, bytes(32))
    writer = opened(ledger)
    writer.ratchet(3000)
    assert SealingKeys(keys_of(ledger)).read(3) != bytes(32)
    writer.close()


def test_a_ledger_cut_back_into_an_earlier_epoch_finds_no_key(ledger: Path) -> None:
    """The current key is in hand: it is not the one that the shorter ledger needs."""
    segment = max(ledger.glob("*.journal"))
    whole = segment.read_bytes()
    at = whole.index(b'"epoch":2')
    cut = whole.rindex(b"CVJR", 0, at)
    segment.write_bytes(whole[:cut])
    (ledger / "mark").unlink()
    assert verified(ledger)  # a beginning of it, signed when it was made
    with pytest.raises(Broken, match=r"0000000001\.key cannot be read"):
        opened(ledger)


def test_a_key_put_in_the_place_of_an_earlier_one_does_not_open_it(ledger: Path) -> None:
    folder = keys_of(ledger)
    seed = SealingKeys(folder).read(2)
    durable.erase(folder / "0000000002.key")
    for epoch in range(4):
        SealingKeys(folder).make(epoch, bytes(32) if epoch == 2 else seed)
    with pytest.raises((Broken, Forged)):
        opened(ledger)
