"""`guard gaps` and `guard resend` on sites that do not run: what is taken, and what is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from guard.cli.run import _teller
from guard.core.gap_notice import GapNotice, check_bounds
from guard.core.sealing import seal
from guard.edge.clock import now_s
from guard.edge.journal import JournalWriter
from guard.edge.key_changes import Changing
from guard.edge.keys import signer
from guard.edge.making import Made
from guard.edge.posture_files import write_orders
from guard.edge.resend_order import read_order
from guard.edge.resend_plan import _keep_what_fits, _Refusals
from guard.edge.seal_key import read_seal_key
from guard.edge.session_reset import link_key_of
from guard.edge.site import load_site
from schemas.accepted import write_accepted
from schemas.entry import Entry, Kind
from schemas.manifest import Manifest
from schemas.message import Meta
from schemas.orders import Orders
from schemas.reasons import Reason
from schemas.sealed import write_landed, write_landed_event, write_sealed
from schemas.sequences import RangeSet
from tests.guard.cli.conftest import Guard
from tests.guard.cli.test_link_session import tell

SENT = 6
PAYLOAD = b"what was sealed"


def accepted_meta(number: int) -> Meta:
    return Meta(
        id=f"{number:032x}", flow="c2", sender="alpha", name=f"{number}.cot", accepted_s=1,
        type="text/xml", label="UNCLASSIFIED", precedence=1,
    )  # fmt: skip


@pytest.fixture
def low(site: Made) -> Path:
    """A low side that sealed seven messages and sent six; the first under another policy."""
    found = load_site(site.low)
    sign = signer(read_seal_key(site.low / "keys" / "seal.key").ed25519)
    accepted, sealed = (JournalWriter.open(site.low / name) for name in ("accepted", "sealed"))
    entries: list[Entry] = []
    for sequence in range(1, SENT + 2):
        digest = found.policy_digest if sequence > 1 else bytes(32)
        manifest = Manifest(
            "c2", "LOW", "HIGH", sequence, sequence.to_bytes(16, "big"), bytes(32), len(PAYLOAD),
            "text/xml", "UNCLASSIFIED", 0, "", 1, 2, digest, bytes(32), 0,
            bytes(32),
        )  # fmt: skip
        envelope = seal(manifest, PAYLOAD, sign)
        sealed.append(write_sealed(sequence, manifest.precedence, digest, envelope))
        meta = accepted_meta(sequence)
        accepted.append(write_accepted(meta.write(), b"origin", PAYLOAD))
        entries.append({
            "kind": Kind.COMMITTED, "time_ms": 1, "id": meta.id, "number": sequence - 1,
            "sender": "alpha", "name": meta.name, "sequence": sequence, "sealed": sequence - 1,
            "envelope": hashlib.sha256(envelope).hexdigest(),
            "payload_bytes": len(PAYLOAD), "type": "text/xml", "label": "UNCLASSIFIED",
            "policy_digest": digest.hex(),
        })  # fmt: skip
    for journal in (accepted, sealed):
        journal.sync()
        journal.mark(journal.next_number)
        journal.close()
    tell(site.low, *entries, {"kind": Kind.SENT, "time_ms": 2, "count": SENT, "last": SENT})
    write_orders(site.low, None)
    return site.low


@pytest.fixture
def high(site: Made) -> Path:
    """A high side that landed three of six and was told that three were lost; one came since."""
    journal = JournalWriter.open(site.high / "landed")
    gap: Entry = {"kind": Kind.GAP, "time_ms": 1, "reason": Reason.GAP, "first": 2, "last": 4}
    for sequence in (1, 5, 6):
        journal.append(write_landed(sequence, 0, b"an envelope"))
    journal.append(write_landed_event(gap))
    journal.append(write_landed(3, 0, b"an envelope"))
    journal.sync()
    journal.close()
    return site.high


def answer(guard: Guard, *words: object) -> tuple[int, dict[str, Any]]:
    done = guard(*words, "--json")
    return done.exit_code, json.loads(done.stdout)


def approve(guard: Guard, site: Made, file: Path, number: int, *more: object) -> int:
    name = f"demonstration-{number}"
    key = site.low.parent / f"{name}.key"
    words = ("gaps", "c2", "--approve", file, "--name", name, "--key", key, "--yes", *more)
    return guard(*words).exit_code


def notice(low: Path, file: Path, *gaps: tuple[int, int], time_s: int = 0) -> Path:
    made = GapNotice("c2", link_key_of(load_site(low)), time_s or now_s(), gaps)
    file.write_bytes(made.note().write())
    return file


def test_a_stopped_side_takes_a_notice_at_its_next_start(
    site: Made, low: Path, high: Path, guard: Guard, tmp_path: Path
) -> None:
    code, told = answer(guard, "gaps", "c2", "--site", high)
    assert (code, told["gaps"], told["numbers"]) == (0, [[2, 2], [4, 4]], 2)
    file = tmp_path / "gaps.txt"
    assert guard("gaps", "c2", "--site", high, "--out", file).exit_code == 0
    assert guard("gaps", "c2", "--site", high, "--out", file).exit_code == 3  # it is there
    assert approve(guard, site, file, 1, "--site", high) == 0
    assert approve(guard, site, file, 1) == 3  # the same person
    code, told = answer(guard, "resend", "c2", "--gap", file, "--site", low)
    assert (code, "2 persons must sign" in told["error"]) == (3, True)
    assert approve(guard, site, file, 2, "--site", high) == 0
    code, told = answer(guard, "resend", "c2", "--gap", file, "--site", low)
    assert (code, told["state"], told["asked"], told["refused"]) == (0, "laid", 2, [])
    assert b'[["alpha", "2,4"]]' in (low / "posture" / "resend").read_bytes()
    code, told = answer(guard, "resend", "c2", "--gap", file, "--site", low)
    assert (code, "waits to be taken up" in told["error"]) == (3, True)
    assert read_order(low) is None


def test_what_is_not_missing_is_not_signed(site: Made, low: Path, high: Path, guard: Guard,
                                           tmp_path: Path) -> None:  # fmt: skip
    file = notice(low, tmp_path / "gaps.txt", (2, 3))
    assert approve(guard, site, file, 1, "--site", high) == 3
    assert approve(guard, site, notice(low, file, (2, 2)), 1, "--site", high) == 0
    assert approve(guard, site, file, 2, "--site", low) == 3  # the low side knows of no gaps
    assert guard("gaps", "events", "--approve", file, "--name", "x", "--key", file).exit_code == 3


def test_a_notice_names_the_link_key_that_the_low_side_has_changed_to(
    site: Made, low: Path, high: Path, guard: Guard, tmp_path: Path
) -> None:
    """The old key is still on the high side: guard keys destroy link-old comes later."""
    key = Changing(low, "test").new_link()
    Changing(high, "test").rotate_link(key)
    before = link_key_of(load_site(low))
    assert link_key_of(load_site(high)) == before
    Changing(low, "test").rotate_link(key)
    journal = JournalWriter.open(high / "landed")
    journal.mark(journal.next_number)
    begun: Entry = {"kind": Kind.SESSION, "time_ms": 2, "session": key.first_session}
    journal.append(write_landed_event(begun))
    journal.sync()
    journal.close()
    file = tmp_path / "gaps.txt"
    assert guard("gaps", "c2", "--site", high, "--out", file).exit_code == 0
    assert before not in file.read_text()
    for number in (1, 2):
        assert approve(guard, site, file, number, "--site", high) == 0
    code, told = answer(guard, "resend", "c2", "--gap", file, "--site", low)
    assert (code, told["state"], told["refused"]) == (0, "laid", [])


@pytest.mark.parametrize("why", ["ahead", "forged", "other flow", "not canonical", "too large"])
def test_a_notice_that_is_not_to_be_taken(
    site: Made, low: Path, guard: Guard, tmp_path: Path, why: str
) -> None:
    file = notice(low, tmp_path / "gaps.txt", (2, 2))
    if why == "ahead":
        notice(low, file, (2, 2), time_s=now_s() + 90_000)
    if why == "other flow":
        file.write_bytes(GapNotice("events", "0" * 32, now_s(), ((2, 2),)).note().write())
    for number in (1, 2):
        if why != "other flow":
            assert approve(guard, site, file, number) == 0
    text = file.read_text()
    if why == "forged":
        file.write_text(text.replace("gaps 2", "gaps 3"))
    if why == "not canonical":
        file.write_text(text.replace("gaps 2\n", "gaps 02\n"))
    if why == "too large":
        file.write_text(text.replace("gaps 2\n", "gaps 2-1000002\n"))
    code, told = answer(guard, "resend", "c2", "--gap", file, "--site", low)
    assert code == 3, told
    assert not (low / "posture" / "resend").exists()


def test_each_number_that_may_not_go_again_is_named_with_its_reason(
    low: Path, guard: Guard
) -> None:
    code, told = answer(guard, "resend", "c2", "1-9", "--site", low)
    assert (code, told["state"], told["asked"]) == (1, "laid", 9)
    reasons = [(each["first"], each["last"], each["reason"]) for each in told["refused"]]
    assert reasons == [(1, 1, "manifest-policy"), (7, 9, "resend")]
    assert "--rerun drops them once more" in told["refused"][0]["sentence"]
    assert b'"2-6"' in (low / "posture" / "resend").read_bytes()


def test_what_was_sealed_under_another_policy_is_dropped_once_more(low: Path, guard: Guard) -> None:
    code, told = answer(guard, "resend", "c2", "1", "--site", low, "--rerun")
    assert (code, told["state"], told["refused"]) == (0, "nothing", [])
    assert told["dropped_again"] == [{"sequence": 1, "name": "1.cot"}]
    drop = low / "spool" / "drop" / "alpha"
    assert (drop / "1.cot").read_bytes() == PAYLOAD
    claim = json.loads((drop / "1.cot.meta.json").read_bytes())
    assert claim == {"label": "UNCLASSIFIED", "type": "text/xml", "precedence": "PRIORITY"}
    for path in (low / "accepted").glob("*.journal"):
        path.unlink()
    code, told = answer(guard, "resend", "c2", "1", "--site", low)
    assert "Its accepted bytes are no longer kept" in told["refused"][0]["sentence"]
    code, told = answer(guard, "resend", "c2", "1", "--site", low, "--rerun")
    assert (code, told["dropped_again"]) == (1, [])
    assert "have its sender drop it again" in told["refused"][0]["sentence"]


def test_what_is_no_longer_kept_and_what_was_changed_are_refused(low: Path, guard: Guard) -> None:
    (segment,) = (low / "sealed").glob("*.journal")
    kept = segment.read_bytes()
    segment.unlink()
    code, told = answer(guard, "resend", "c2", "2", "--site", low)
    assert (code, "no longer kept" in told["refused"][0]["sentence"]) == (1, True)
    segment.write_bytes(kept)
    tell(low, {"kind": Kind.COMMITTED, "time_ms": 1, "id": "0" * 32, "number": 1, "sender": "alpha",
               "sequence": 2, "sealed": 1, "envelope": "0" * 64, "payload_bytes": 1, "type": "",
               "label": "", "policy_digest": load_site(low).policy_digest.hex()})  # fmt: skip
    code, told = answer(guard, "resend", "c2", "2", "--site", low)
    assert (code, "not what the ledger has" in told["refused"][0]["sentence"]) == (1, True)


def test_what_passes_in_more_parts_than_an_order_has_goes_as_far_as_it_fits() -> None:
    parts = {"alpha": RangeSet((at, at) for at in range(1, 200, 4)),
             "bravo": RangeSet((at, at) for at in range(3, 200, 4))}  # fmt: skip
    refusals = _Refusals()
    _keep_what_fits(parts, refusals)
    passing = RangeSet(sorted(each for its in parts.values() for each in its.ranges()))
    check_bounds(passing.ranges())
    assert (passing.count, passing.last) == (64, 127)
    assert [(each.first, each.last) for each in refusals.all()][:2] == [(129, 129), (131, 131)]
    assert passing.count + len(refusals.all()) == 100


def test_a_flow_that_a_posture_stops_is_not_sent_again(low: Path, guard: Guard) -> None:
    (low / "posture" / "orders.json").write_bytes(Orders(version=1, stop=True).write())
    code, told = answer(guard, "resend", "c2", "2-6", "--site", low)
    assert (code, told["state"]) == (1, "nothing")
    assert told["refused"][0]["sentence"] == "posture: the flow is stopped"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2), (("0",), 2), (("3-2",), 2), (("x",), 2), (("1", "--gap", "f"), 2),
        (("1-1000001",), 3), (tuple(str(2 * n + 1) for n in range(65)), 3),
        (("--gap", "none"), 3),
    ],
)  # fmt: skip
def test_numbers_that_are_none_or_too_many(
    low: Path, guard: Guard, words: tuple[str, ...], code: int
) -> None:
    assert guard("resend", "c2", *words, "--site", low).exit_code == code


def test_the_side_and_the_flow_must_be_those_that_are_meant(
    low: Path, high: Path, guard: Guard
) -> None:
    assert guard("resend", "c2", "2", "--site", high).exit_code == 3
    assert guard("resend", "events", "2", "--site", low).exit_code == 3
    assert guard("gaps", "c2", "--site", low).exit_code == 3
    assert guard("gaps", "events", "--site", high).exit_code == 3
    assert guard("gaps", "c2").exit_code == 2


@pytest.mark.parametrize("event", ["resend", "resend-refused"])
def test_a_side_in_a_terminal_says_what_was_asked_of_it(
    event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _teller("low", as_json=False)({"event": event, "cause": "resend 3, asked for by uid 0"})
    assert "resend 3, asked for by uid 0" in capsys.readouterr().err
