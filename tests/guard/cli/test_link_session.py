"""`guard link session`: two persons set a lost counter, and nobody sets it alone or twice."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from guard.edge import durable_number
from guard.edge.durable import hold_alone
from guard.edge.journal import JournalWriter
from guard.edge.keys import new_secret, public_of, write_secret
from guard.edge.ledger_files import LedgerWriter
from guard.edge.making import Made
from guard.edge.sealing_keys import SealingKeys
from guard.edge.session_counter import COUNTER, counter_state
from guard.edge.site import read_public
from schemas.entry import Entry, Kind
from schemas.sealed import write_landed_event
from tests.guard.cli.conftest import Guard

NEWEST, RECEIVER = 7, 9


def tell(side: Path, *entries: Entry) -> None:
    ledger = LedgerWriter.open(
        side / "ledger", SealingKeys(side / "sealing"), read_public(side / "trust" / "ledger.pub"),
        f"checkvalve/c2/{side.name}",
    )  # fmt: skip
    ledger.append([{"kind": Kind.RUN, "time_ms": 1}, *entries])
    ledger.close()


def session_entry(number: int) -> Entry:
    return {"kind": Kind.SESSION, "time_ms": 1, "session": number}


def land(high: Path, *numbers: int) -> None:
    journal = JournalWriter.open(high / "landed")
    journal.mark(journal.next_number)
    for number in numbers:
        journal.append(write_landed_event(session_entry(number)))
    journal.sync()
    journal.close()


@pytest.fixture
def low(site: Made) -> Path:
    """A low side that had seven sessions and lost its counter."""
    tell(site.low, session_entry(NEWEST))
    (site.low / "cursor" / COUNTER).unlink()
    return site.low


@pytest.fixture
def proposal(low: Path, guard: Guard) -> Path:
    return propose(guard, low)


def propose(guard: Guard, low: Path, *more: object) -> Path:
    out = low.parent / f"reset-{len(list(low.parent.glob('reset-*')))}"
    done = guard("link", "session", "propose", "--site", low, "--receiver", RECEIVER,
                 "--purpose", "a new disk", "--out", out, *more)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return out


def approve(guard: Guard, file: Path, number: int, *more: object) -> Any:
    name = f"demonstration-{number}"
    key = file.parent / f"{name}.key"
    return guard("link", "session", "approve", file, "--name", name, "--key", key, "--yes", *more)


def apply(guard: Guard, file: Path, low: Path) -> Any:
    return guard("link", "session", "apply", file, "--site", low)


def show(guard: Guard, side: Path) -> tuple[int, dict[str, Any]]:
    done = guard("link", "session", "show", "--site", side, "--json")
    return done.exit_code, json.loads(done.stdout)


def test_two_persons_set_it_once(low: Path, guard: Guard, proposal: Path) -> None:
    assert show(guard, low)[0] == 1
    for number in (1, 2):
        assert approve(guard, proposal, number, "--site", low).exit_code == 0
    done = guard("link", "session", "apply", proposal, "--site", low, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["approved"] == ["demonstration-1", "demonstration-2"]
    assert told["session"] > 1_000_000
    code, shown = show(guard, low)
    assert (code, shown["counter"], shown["pending"]) == (0, str(told["session"]), told["session"])
    again = apply(guard, proposal, low)
    assert again.exit_code == 3
    assert f"was missing and is {told['session']}" in again.stderr


def test_an_applied_proposal_does_not_fit_when_the_counter_is_lost_again(
    low: Path, guard: Guard, proposal: Path
) -> None:
    for number in (1, 2):
        approve(guard, proposal, number)
    assert apply(guard, proposal, low).exit_code == 0
    tell(low, session_entry(int(counter_state(low / "cursor")) + 1))  # it was started, and sent
    (low / "cursor" / COUNTER).unlink()
    refused = apply(guard, proposal, low)
    assert refused.exit_code == 3
    assert "the ledger had 2 entries and has 4" in refused.stderr
    assert counter_state(low / "cursor") == "missing"


def test_nobody_and_one_person_alone_are_refused(low: Path, guard: Guard, proposal: Path) -> None:
    assert "so far nobody has" in apply(guard, proposal, low).stderr
    approve(guard, proposal, 1)
    assert "has signed already" in approve(guard, proposal, 1).stderr
    refused = apply(guard, proposal, low)
    assert refused.exit_code == 3
    assert "so far demonstration-1 has" in refused.stderr
    assert counter_state(low / "cursor") == "missing"


def test_a_key_that_is_not_listed_is_refused(low: Path, guard: Guard, proposal: Path) -> None:
    approve(guard, proposal, 1)
    write_secret(low.parent / "eve.key", new_secret())
    for name in ("eve", "demonstration-2"):
        other = proposal.with_name(f"as-{name}")
        shutil.copy(proposal, other)
        signed = guard("link", "session", "approve", other, "--name", name, "--key",
                       low.parent / "eve.key", "--yes")  # fmt: skip
        assert signed.exit_code == 0
        refused = apply(guard, other, low)
        assert refused.exit_code == 3
        assert f"{name} is no operator of this site with that key" in refused.stderr


def test_a_changed_proposal_is_refused(low: Path, guard: Guard, proposal: Path) -> None:
    for number in (1, 2):
        approve(guard, proposal, number)
    proposal.write_text(proposal.read_text().replace("a new disk", "a new host"))
    assert "does not fit the proposal" in apply(guard, proposal, low).stderr


@pytest.mark.parametrize("number", [1, NEWEST, RECEIVER])
def test_a_session_that_was_used_is_not_proposed(low: Path, guard: Guard, number: int) -> None:
    done = guard("link", "session", "propose", "--site", low, "--receiver", RECEIVER,
                 "--purpose", "x", "--session", number, "--out", low.parent / "p")  # fmt: skip
    assert done.exit_code == 3
    assert f"it must be more than {RECEIVER}" in done.stderr
    assert not (low.parent / "p").exists()


def test_the_high_side_holds_it_against_what_its_receiver_has_opened(
    site: Made, low: Path, guard: Guard, proposal: Path
) -> None:
    land(site.high, 3, RECEIVER)
    assert show(guard, site.high)[1]["newest"] == RECEIVER
    assert approve(guard, proposal, 1, "--site", site.high).exit_code == 0
    land(site.high, RECEIVER + 1)
    refused = approve(guard, proposal, 2, "--site", site.high)
    assert refused.exit_code == 3
    assert f"the receiver has opened session {RECEIVER + 1}" in refused.stderr


def test_another_link_key_or_flow_is_refused(low: Path, guard: Guard, proposal: Path) -> None:
    for number in (1, 2):
        approve(guard, proposal, number)
    key = low / "keys" / "link.key"
    key.unlink()
    write_secret(key, new_secret())
    assert "another link key" in apply(guard, proposal, low).stderr


def test_a_side_that_runs_is_left_alone(low: Path, guard: Guard, proposal: Path) -> None:
    for number in (1, 2):
        approve(guard, proposal, number)
    held = hold_alone(low / "run")
    refused = apply(guard, proposal, low)
    os.close(held)
    assert refused.exit_code == 3
    assert "is running: stop it first" in refused.stderr
    assert counter_state(low / "cursor") == "missing"


def test_demonstration_operators_are_for_demonstrations(
    low: Path, guard: Guard, proposal: Path
) -> None:
    operators = low / "trust" / "operators"
    extra = operators / "carol.pub"
    extra.write_bytes((operators / "demonstration-1.pub").read_bytes())
    assert "a key is one person's" in apply(guard, proposal, low).stderr
    extra.unlink()
    settings = low / "site.toml"
    settings.write_text(settings.read_text().replace("demo = true", ""))
    refused = apply(guard, proposal, low)
    assert refused.exit_code == 3  # the authority of guard init is refused as well


def test_a_side_whose_ledger_is_gone_needs_a_new_site(low: Path, guard: Guard) -> None:
    for path in (low / "ledger").iterdir():
        path.unlink()
    done = guard("link", "session", "propose", "--site", low, "--receiver", 0,
                 "--purpose", "x", "--out", low.parent / "p")  # fmt: skip
    assert done.exit_code == 3
    assert "needs a new site" in done.stderr


def test_a_ledger_that_another_key_signed_is_not_proposed_for(low: Path, guard: Guard) -> None:
    (low / "trust" / "ledger.pub").write_text(public_of(new_secret()).hex() + "\n")
    done = guard("link", "session", "propose", "--site", low, "--receiver", 0,
                 "--purpose", "x", "--out", low.parent / "p")  # fmt: skip
    assert done.exit_code == 3
    assert "no known key signed a checkpoint" in done.stderr


@pytest.fixture
def lost(site: Made) -> Made:
    """Both sides had seven sessions, and the low side's counter is there."""
    tell(site.low, session_entry(NEWEST))
    durable_number.put(site.low / "cursor" / COUNTER, NEWEST)
    land(site.high, *range(1, NEWEST + 1))
    tell(site.high, session_entry(NEWEST) | {"number": NEWEST - 1})
    return site


@pytest.mark.parametrize("harm", ["missing", "empty", "damaged", "old"])
def test_the_low_side_does_not_start_without_its_counter(
    lost: Made, guard: Guard, harm: str
) -> None:
    counter = lost.low / "cursor" / COUNTER
    if harm == "missing":
        counter.unlink()
    elif harm == "old":
        durable_number.put(counter, NEWEST - 1)
    else:
        counter.write_bytes(b"" if harm == "empty" else b"damaged")
    before = sorted((lost.low / "ledger").iterdir())
    done = guard("run", "low", "--site", lost.low)
    assert done.exit_code == 3
    assert "guard link session propose --site" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted((lost.low / "ledger").iterdir()) == before


def test_the_high_side_does_not_start_without_what_it_had_landed(lost: Made, guard: Guard) -> None:
    assert show(guard, lost.high)[0] == 0
    shutil.rmtree(lost.high / "landed")
    (lost.high / "landed").mkdir()
    land(lost.high, *range(1, NEWEST))  # an older copy: one session and one record short
    code, told = show(guard, lost.high)
    assert (code, told["newest"]) == (1, NEWEST)
    done = guard("run", "high", "--site", lost.high)
    assert done.exit_code == 3
    assert "is lost or an old copy: it has 6 records and session 6" in done.stderr


def test_a_landed_journal_with_what_is_no_event_is_a_sentence(lost: Made, guard: Guard) -> None:
    journal = JournalWriter.open(lost.high / "landed")
    journal.mark(journal.next_number)
    journal.append((*write_landed_event({})[:1], b"[[["))
    journal.sync()
    journal.close()
    done = guard("run", "high", "--site", lost.high)
    assert (done.exit_code, len(done.stderr.splitlines())) == (3, 1)


def test_a_damaged_note_is_shown_and_applied_over(low: Path, guard: Guard, proposal: Path) -> None:
    (low / "cursor" / "reset").write_bytes(b"not a proposal")
    for number in (1, 2):
        approve(guard, proposal, number)
    assert show(guard, low)[1]["pending"] is None
    assert apply(guard, proposal, low).exit_code == 0
    assert show(guard, low)[0] == 0


def test_fewer_records_than_the_chain_has_settled_is_lost_too(lost: Made, guard: Guard) -> None:
    durable_number.put(lost.high / "attempt" / "settled", NEWEST + 1)
    assert show(guard, lost.high)[0] == 1
