"""Epochs and statements against known answers, written here by hand where it matters."""

import importlib.util
import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.core.epochs import Certificate, certificate_of, check_certificate
from guard.core.ledger import Ledger, read_entry
from guard.edge.keys import public_of
from guard.report.ledger_keys import EpochKey, KeyChainError, certificate_in, follow
from guard.report.witness import Seen, witness
from schemas.entry import Entry
from schemas.errors import Broken, Forged, Malformed

FOLDER = Path(__file__).parents[2] / "vectors" / "ledger"
VECTORS = json.loads((FOLDER / "epochs.json").read_text())
ORIGIN = VECTORS["origin"]
SEEDS = [bytes.fromhex(seed) for seed in VECTORS["seeds"]]
ENDS = [batch for batch in VECTORS["batches"] if '"kind":"epoch"' in batch]


def test_the_known_answers_are_what_is_made_today() -> None:
    spec = importlib.util.spec_from_file_location("make_epochs", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.made() == VECTORS


def test_a_reader_follows_the_keys_and_ends_with_the_same_root() -> None:
    reading = Ledger(ORIGIN, public_of(SEEDS[0]))
    for batch in VECTORS["batches"]:
        _, note = reading.replay(batch.encode())
        assert reading.check(note).size == reading.size
    assert (reading.size, reading.root.hex()) == (VECTORS["size"], VECTORS["root"])
    assert reading.epoch == 2
    with pytest.raises(Broken, match="not the one of epoch 2"):
        reading.seal(SEEDS[1])


def test_a_certificate_signs_these_five_lines() -> None:
    entry = json.loads(ENDS[0].split("\n")[0])
    text = f"checkvalve ledger epoch v1\n{ORIGIN}\n1\n{entry['begins']}\n{entry['key']}\n"
    key = Ed25519PrivateKey.from_private_bytes(SEEDS[0]).public_key()
    key.verify(bytes.fromhex(entry["signature"]), text.encode())
    assert entry["key"] == public_of(SEEDS[1]).hex()


def test_every_statement_is_accepted_in_turn_and_the_whole_from_nothing() -> None:
    first = EpochKey(0, bytes.fromhex(VECTORS["public"]))
    seen = Seen(0, sha256(b"").digest(), first)
    for told in VECTORS["statements"]:
        assert seen.size == told["from"]
        found = witness(ORIGIN, seen, bytes.fromhex(told["statement"]))
        assert found is not None
        seen = found[0]
        assert seen.size == told["to"]
    whole = witness(ORIGIN, Seen(0, b"", first), bytes.fromhex(VECTORS["whole"]))
    assert whole is not None
    assert whole[0] == seen
    assert seen.root.hex() == VECTORS["root"]


@pytest.mark.parametrize("name", ["begins", "epoch", "key", "signature", "kind", "time_ms", "more"])
def test_an_epochs_entry_has_just_its_fields(name: str) -> None:
    entry: Entry = json.loads(ENDS[0].split("\n")[0])
    if name == "more":
        entry[name] = 1
    else:
        entry[name] = "x" if isinstance(entry[name], int) else 1
    if name == "kind":
        del entry[name]
    for read, error in ((certificate_of, Malformed), (certificate_in, KeyChainError)):
        with pytest.raises(error):
            read(entry)


def test_both_readers_refuse_another_ledgers_epochs_keys_and_numbers() -> None:
    entry = read_entry(ENDS[0].split("\n")[0].encode())
    first = public_of(SEEDS[0])
    certificate = certificate_of(entry)
    assert check_certificate(ORIGIN, certificate, first) == certificate
    assert follow(ORIGIN, EpochKey(0, first), certificate_in(entry)).epoch == 1
    wrong = [
        ("checkvalve/c2/high", first, certificate), (ORIGIN, public_of(SEEDS[1]), certificate),
        (ORIGIN, first, certificate._replace(begins=6)),
        (ORIGIN, first, certificate._replace(epoch=2)),
        (ORIGIN, first, Certificate(1, certificate.begins, first, certificate.signature)),
    ]  # fmt: skip
    for origin, key, changed in wrong:
        with pytest.raises(Forged):
            check_certificate(origin, changed, key)


def test_an_epoch_out_of_its_place_does_not_replay() -> None:
    reading = Ledger(ORIGIN, public_of(SEEDS[0]))
    thief = Ledger(ORIGIN, public_of(SEEDS[0]))
    thief.seal(SEEDS[0])
    entry = read_entry(ENDS[0].split("\n")[0].encode())
    batch, _ = thief.batch([{"kind": "sent", "time_ms": 1}, entry])
    with pytest.raises(Forged):
        reading.replay(batch)
