"""Stored messages decided again: real confined stages, and a side whose ledger and stores the test
writes as `release` does, honestly or not."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guard.cli.challenging import not_the_chains
from guard.cli.main import main
from guard.core.release import Cleared, summary
from guard.edge.held import HeldStore
from guard.edge.journal import JournalWriter
from guard.edge.making import pack_folder
from guard.edge.site import chain_of
from guard.rehearsal import Lane
from schemas.accepted import write_accepted
from schemas.entry import Entry
from schemas.message import Message, Meta
from schemas.policy import policy_digest, read_policy
from schemas.receipt import Said, message_digest
from schemas.sealed import write_sealed
from schemas.stage import Side
from tests.guard.sites import write

PACK = pack_folder("c2")
GOOD = (PACK / "samples" / "position.cot").read_bytes()
LOOKED_AT = GOOD.replace(b"Two vehicles", b"Two convoys")
DIRTY = (PACK / "samples" / "hostile" / "dirty-word.cot").read_bytes()
WORDS = '[[source.stage]]\nname = "words"\n'
HOLDING = '[[source.stage]]\nname = "caveats"\nuse = "words"\nparameters = {document = "caveats.txt", found = "hold"}\n'  # noqa: E501 - a policy's lines
ENVELOPE_HEAD = b"\x00\x04head"


class Made:
    """A low side under one policy, deciding what it is given with a real chain."""

    def __init__(self, side: Path) -> None:
        self.side = side
        text = (PACK / "policy.toml").read_text("utf-8").replace(WORDS, HOLDING + WORDS, 1)
        text = text.replace('"words.txt"]', '"words.txt", "caveats.txt"]', 1)
        (side / "documents").mkdir(parents=True)
        (side / "documents" / "caveats.txt").write_bytes(b"convoys\n")
        (side / "policy.toml").write_text(text)
        for name in ("held", "accepted", "sealed"):
            (side / name).mkdir()
        self.policy = read_policy(text.encode())
        chain = chain_of(self.policy, "low")
        for name in set(chain.documents) - {"caveats.txt"}:
            shutil.copy(PACK / name, side / "documents")
        documents = {name: (side / "documents" / name).read_bytes() for name in chain.documents}
        self.digest = policy_digest(text.encode(), documents).hex()
        self.lane = Lane(self.policy, chain, Side.SOURCE, documents)
        self.accepted = JournalWriter.open(side / "accepted")
        self.sealed = JournalWriter.open(side / "sealed")
        self.held = HeldStore(side / "held")
        self.entries: list[Entry] = [{"kind": "run", "time_ms": 1000, "side": "low"}]

    def decide(self, payload: bytes, destination: str = "") -> Entry:
        meta = Meta(
            hashlib.md5(b"%d" % len(self.entries)).hexdigest(), "c2", "alpha", "a.cot",
            1_700_000_000, destination=destination,
        )  # fmt: skip
        message = Message.make(meta, payload)
        number = self.accepted.append(write_accepted(message.meta_bytes, b"o", payload)).number
        judgement, output = self.lane.judge(number, message)
        entry: Entry = {
            "time_ms": 1000 + number, "id": meta.id, "number": number, "sender": "alpha",
            "name": "a.cot", "accepted_s": meta.accepted_s, "stage": "", "reason": "",
            "accepted": message_digest(message.meta_bytes, payload).hex(),
            "stages": summary(judgement.receipts), "policy_digest": self.digest,
        }  # fmt: skip
        if isinstance(judgement, Cleared):
            entry |= self._seal(judgement)
        else:
            held = judgement.verdict is Said.HOLD
            gave = output.message if output else None
            entry |= {"kind": "held" if held else "refused", "stage": judgement.stage,
                      "reason": judgement.reason.value}  # fmt: skip
            if held and gave is not None:
                entry["output"] = message_digest(gave.meta_bytes, gave.payload).hex()
            record = {"number": number, "meta": message.meta_bytes.decode()}
            self.held.keep(meta.id, payload, gave.payload if gave else b"", record)
        self.entries.append(entry)
        return entry

    def _seal(self, cleared: Cleared) -> Entry:
        payload, meta = cleared.message.payload, cleared.meta
        envelope = ENVELOPE_HEAD + payload
        place = self.sealed.append(
            write_sealed(self.sealed.next_number + 1, meta.precedence, bytes(32), envelope)
        )
        return {
            "kind": "committed", "sequence": place.number + 1, "sealed": place.number,
            "envelope": hashlib.sha256(envelope).hexdigest(), "type": meta.type,
            "payload": hashlib.sha256(payload).hexdigest(), "payload_bytes": len(payload),
            "label": meta.label, "queues": ",".join(cleared.queues),
        }  # fmt: skip

    def close(self) -> None:
        for journal in (self.accepted, self.sealed):
            journal.sync()
            journal.mark(journal.next_number)
            journal.close()
        self.lane.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    side = tmp_path_factory.mktemp("site") / "low"
    made = Made(side)
    for payload in (GOOD, LOOKED_AT, DIRTY, GOOD):
        made.decide(payload)
    made.decide(GOOD, destination="cot")
    for payload in (GOOD, LOOKED_AT, DIRTY, GOOD, DIRTY):
        made.decide(payload)
    made.close()
    write(side.parent, "low", made.entries)
    return made


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the side; `entries`: with a ledger of these instead, rightly signed by a thief."""

    def copy(entries: list[Entry] | None = None) -> Path:
        site = tmp_path / "copy"
        shutil.copytree(made.side.parent, site)
        if entries is not None:
            shutil.rmtree(site / "low" / "ledger")
            shutil.rmtree(site / "low" / "ledger-keys")
            write(site, "low", entries)
        return site / "low"

    return copy


def challenge(side: Path, *more: str) -> tuple[int, dict[str, Any]]:
    index = side.parent / "index"
    words = ["audit", "challenge", "--site", str(side), "--index", str(index), "--json", *more]
    done = CliRunner().invoke(main, words)
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.stdout)


def test_the_same_decisions_come_out_of_what_is_held_and_accepted(
    copied: Callable[..., Path],
) -> None:
    code, told = challenge(copied())
    assert (code, told["decided"], told["same"], told["different"]) == (0, 10, 10, 0)
    assert told["sources"] == {"held": 5, "accepted": 5}
    assert told["told"] == told["damage"] == []
    assert "privileges" in told["confined_by"]


def test_the_stages_after_the_last_change_are_run_on_the_bytes_that_were_sealed(
    copied: Callable[..., Path],
) -> None:
    side = copied()
    shutil.rmtree(side / "accepted")
    code, told = challenge(side)
    assert (code, told["same"], told["sources"]) == (0, 9, {"held": 5, "sealed": 5})
    (not_rerun,) = told["told"]
    assert not_rerun["answer"] == "cannot be re-run"
    assert "asked for a destination" in not_rerun["why"]


def test_what_is_kept_no_more_is_counted_and_the_newest_come_first(
    copied: Callable[..., Path],
) -> None:
    side = copied()
    shutil.rmtree(side / "sealed")
    code, told = challenge(side, "--limit", "2")
    assert (code, told["same"], told["left"], told["not_kept"]) == (0, 2, 8, 0)
    shutil.rmtree(side / "accepted")
    code, told = challenge(side)
    assert (code, told["same"], told["not_kept"]) == (0, 5, 5)


def test_a_ledger_that_tells_of_other_decisions_is_found_different(
    made: Made, copied: Callable[..., Path]
) -> None:
    lies: dict[int, tuple[Entry, str]] = {
        1: ({"label": "RESTRICTED"}, "label"),
        2: ({"kind": "refused"}, "verdict"),
        3: ({"reason": "label-ceiling"}, "reason"),
        4: ({"queues": "chat"}, "queues"),
        6: ({"payload": "ab" * 32}, "payload"),
        7: ({"output": "ab" * 32}, "output"),
        8: ({"stage": "bounds"}, "stage"),
        9: ({"accepted": "ab" * 32}, "not what was accepted"),
    }
    entries = [dict(entry) for entry in made.entries]
    for at, (changes, _) in lies.items():
        entries[at] |= changes
    code, told = challenge(copied(entries))
    assert (code, told["same"], told["different"]) == (1, 2, 8)
    whys = {each["entry"]: each["why"] for each in told["told"]}
    for at, (_, says) in lies.items():
        assert says in whys[at]


def test_a_stage_that_is_said_to_have_passed_it_is_named(
    made: Made, copied: Callable[..., Path]
) -> None:
    """A thief writes that the dirty word was let through: the chain says otherwise."""
    entries = [dict(entry) for entry in made.entries]
    stages = str(entries[10]["stages"]).splitlines()
    words = stages[-1].split()[0]
    stages[-1] = f"{words} pass"
    passed = {name: entries[1][name] for name in
              ("sequence", "sealed", "envelope", "payload", "payload_bytes", "type", "label",
               "queues")}  # fmt: skip
    passed |= {"sequence": 6, "sealed": 5}
    entries[10] |= {"kind": "committed", "stage": "", "reason": "", "stages": "\n".join(stages),
                   **passed}  # fmt: skip
    code, told = challenge(copied(entries))
    assert code == 1
    (different,) = [each for each in told["told"] if each["entry"] == 10]
    assert f"{words} pass" in different["why"]
    assert f"{words} refuse dirty-word" in different["why"]


def test_stored_bytes_that_were_changed_are_found_different(
    made: Made, copied: Callable[..., Path]
) -> None:
    side = copied()
    held = side / "held" / str(made.entries[2]["id"]) / "input"
    held.write_bytes(held.read_bytes().replace(b"convoys", b"camels!"))
    sealed = min((side / "sealed").glob("*.journal"))
    shutil.rmtree(side / "accepted")
    code, told = challenge(side)
    assert (code, told["different"]) == (1, 1)
    assert (
        "what held/ has is not what was accepted"
        in told["told"][-1]["why"] + told["told"][0]["why"]
    )
    held.write_bytes(held.read_bytes().replace(b"camels!", b"convoys"))
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(content)
    code, told = challenge(side)
    assert code == 1
    assert told["different"] >= 1
    assert any("is not whole" in sentence for sentence in told["damage"])


def test_another_policy_than_decided_is_not_taken_for_it(copied: Callable[..., Path]) -> None:
    side = copied()
    words = side / "documents" / "words.txt"
    words.write_bytes(words.read_bytes() + b"extra\n")
    code, told = challenge(side)
    assert (code, told["same"], told["not_rerun"]) == (0, 0, 10)
    assert {each["why"] for each in told["told"]} == {
        "the policy that it was decided under is not kept here"
    }


def test_a_ledger_that_does_not_verify_is_not_used(copied: Callable[..., Path]) -> None:
    side = copied()
    path = min((side / "ledger").glob("*.journal"))
    path.write_bytes(path.read_bytes().replace(b"dirty-word", b"dirty-wore", 1))
    words = ["audit", "challenge", "--site", str(side), "--index", str(side / "index")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 3
    assert "does not verify" in done.output


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"stage": "release", "reason": "poison"}, "no stage decided"),
        ({"stage": "release", "reason": "posture"}, "posture"),
        ({"stage": "release", "reason": "receipt-forged"}, "receipts did not add up"),
        ({"stage": "release", "reason": "made-up"}, "receipts did not add up"),
        ({"stage": "review", "reason": "review-refused"}, "people refused"),
        ({"stage": "words", "reason": "dirty-word", "decision": "disagreed"}, "disagreed"),
        ({"stage": "words", "reason": "dirty-word"}, ""),
    ],
)
def test_decisions_that_were_not_the_chains_are_told_so(entry: Entry, says: str) -> None:
    why = not_the_chains(entry)
    assert says in why
    assert bool(says) == bool(why)
