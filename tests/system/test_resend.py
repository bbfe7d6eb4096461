"""Lost on the link, named in a notice, sent again, delivered: with all processes as they are."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from guard.cli.main import main
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.making import pack_folder
from guard.edge.resend_files import lay_request
from guard.edge.resend_order import read_order
from guard.report.ledger_verifier import verify_ledger
from schemas.entry import Entry, Kind
from schemas.reasons import Reason
from schemas.resend import ResendRequest
from schemas.sequences import RangeSet
from tests.system.test_policy_change import POSTURE, new_policy
from tests.system.test_policy_change import apply as apply_posture
from tests.system.test_sessions import EVENT, Flow, wait

HEARTBEAT = 1


def guard(*words: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*words: object) -> tuple[int, dict[str, Any]]:
    done = guard(*words, "--json")
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Flow]:
    with Flow(open_folder / "site", pack_folder("c2")) as running, running.tap:
        running.start("high", "low")
        yield running


def lose(flow: Flow, count: int) -> None:
    """Drop messages of which nothing but heartbeats comes over the link."""
    before = flow.follow().gaps
    flow.tap.loses = lambda datagram: not datagram[3] & HEARTBEAT
    flow.drop_many(count)
    wait(lambda: flow.follow().gaps == before + count, "the loss was not reported")
    flow.tap.loses = lambda datagram: False


def notice(flow: Demonstration, *operators: int) -> Path:
    """A notice of the open gaps, signed by these of the demonstration's operators."""
    file = flow.folder.parent / "gaps.txt"
    file.unlink(missing_ok=True)
    done = guard("gaps", "c2", "--site", flow.made.high, "--out", file)
    assert done.exit_code == 0, done.stderr
    for number in operators:
        name = f"demonstration-{number}"
        key = flow.folder / f"{name}.key"
        words = ("--approve", file, "--name", name, "--key", key, "--site", flow.made.high)
        signed = guard("gaps", "c2", *words, "--yes")
        assert signed.exit_code == 0, signed.stderr
    return file


def resend(flow: Demonstration, *words: object) -> tuple[int, dict[str, Any]]:
    return answer("resend", "c2", *words, "--site", flow.made.low)


def verified(side: Path) -> list[Entry]:
    found: list[Entry] = []
    report = verify_ledger(
        side / "ledger", side / "trust" / "ledger.pub", see=lambda _, entry: found.append(entry)
    )
    assert report.ok, report.findings
    return found


def test_what_was_lost_comes_by_a_notice_that_two_persons_carry(flow: Flow) -> None:
    flow.drop_many(3)
    flow.settle()
    lose(flow, 5)
    flow.drop_many(2)
    flow.settle()

    file = notice(flow, 1, 2)
    assert "gaps 4-8\n" in file.read_text()
    code, told = resend(flow, "--gap", file)
    assert (code, told["sent"], told["state"], told["refused"]) == (0, 5, "sent", [])
    wait(lambda: len(flow.follow().delivered) == 10, "what was sent again did not arrive")
    account = flow.account
    assert (account.sent, account.gaps, account.late, account.lost) == (10, 0, 5, 0)
    assert account.duplicates == 0
    assert answer("gaps", "c2", "--site", flow.made.high)[1]["gaps"] == []

    code, told = resend(flow, "--gap", file)  # the same notice once more
    assert code == 3
    assert "not newer than the last one that was taken" in told["error"]
    code, told = resend(flow, "1-10")  # by number: the receiver has them all, and drops them
    assert (code, told["sent"]) == (0, 10)
    wait(lambda: flow.counted("messages_repeated") == 10, "they were not dropped")
    code, told = resend(flow, 10, 11)
    assert (code, told.get("sent")) == (1, 1), told
    assert [each["first"] for each in told["refused"]] == [11]
    assert "never sent: the last that was is 10" in told["refused"][0]["sentence"]
    flow.drop_many(1)  # its number is the next one, and nothing of the resends'
    flow.settle()
    account = flow.follow()
    assert (len(account.delivered), flow.delivered(), account.duplicates) == (11, 11, 0)

    flow.stop("low")
    flow.stop("high")
    low, high = verified(flow.made.low), verified(flow.made.high)
    again = [e for e in low if e["kind"] in (Kind.RESEND, Kind.RESENT)]
    assert [(e["kind"], e["resend"], e["count"]) for e in again] == [
        ("resend", 1, 5), ("resent", 1, 5), ("resend", 2, 10), ("resent", 2, 10),
        ("resend", 3, 1), ("resent", 3, 1),
    ]  # fmt: skip
    assert (again[0]["numbers"], again[0]["who"]) == ("4-8", "demonstration-1,demonstration-2")
    assert again[2]["who"] == f"uid {os.geteuid()}"
    told_lost = [(int(e["first"]), int(e["last"])) for e in high if e["kind"] == Kind.GAP]
    assert RangeSet(told_lost).ranges() == ((4, 8),)  # in one part or several
    ledgers = (flow.made.low / "ledger", flow.made.high / "ledger")
    code, told = answer("audit", "reconcile", *ledgers)
    assert (code, told["sent"], told["delivered"], told["gaps"], told["lost"]) == (0, 11, 11, 0, 0)


@pytest.mark.long
def test_over_a_link_that_loses_a_quarter_notices_bring_all_in_the_end(
    open_folder: Path,
) -> None:
    """The simulated link of the demo; what is sent again is lost again, and named again.

    Few messages at a time: of a block with many symbols a quarter is more than it can lose.
    """
    faults = LinkFaults(loss=0.25, seed=7)
    with Demonstration(open_folder / "site", pack_folder("c2"), faults) as flow:
        while not flow.follow().gaps:
            assert len(flow.dropped) < 1000
            for _ in range(25):
                flow.drop(EVENT, "event.cot")
            wait(flow.settled, "not every message came to its place")
        count, lost = len(flow.dropped), flow.account.gaps
        for _ in range(40):
            if not flow.follow().gaps:
                break
            before = flow.account.gaps
            code, told = resend(flow, "--gap", notice(flow, 1, 2))
            assert (code, told["sent"], told["refused"]) == (0, before, [])
            time.sleep(1.1)  # a notice's time is in whole seconds
        wait(lambda: len(flow.follow().delivered) == count, "not all came in the end")
        account = flow.account
        assert (account.gaps, account.late, account.lost) == (0, lost, 0)
        assert account.duplicates == 0


@pytest.mark.long
def test_what_the_running_policy_or_posture_would_not_pass_is_refused(flow: Flow) -> None:
    low = flow.made.low
    lose(flow, 4)
    done = apply_posture(flow, low, POSTURE.format(1) + "stop = true\n", 1)
    assert done.exit_code == 0, done.stderr
    code, told = resend(flow, "1-4")
    assert (code, told["state"], told["sent"]) == (1, "nothing", 0)
    assert told["refused"][0]["sentence"] == "posture: the flow is stopped"
    apply_posture(flow, low, POSTURE.format(2) + 'stop_senders = ["alpha"]\n', 1, 2)
    code, told = resend(flow, "1-4")
    assert (code, told["refused"][0]["sentence"]) == (1, "posture: sender alpha is stopped")
    lay_request(low, ResendRequest(1, (("alpha", "1-4"),)))  # without the command's own look
    wait(lambda: bool(flow.entries("low", Kind.RESENT)), "it was not judged by send")
    judged = flow.entries("low", Kind.RESENT)[0]
    assert (judged["count"], judged["refused"]) == (0, "1-4")
    assert judged["sentence"] == "1: posture: sender alpha is stopped"
    apply_posture(flow, low, POSTURE.format(3), 1, 2)

    first = f'"1:{flow.entries("low", Kind.RUN)[0]["policy_digest"]}"'
    folder, second = new_policy(flow, "low", ("version = 1", "version = 2"))
    new_high, _ = new_policy(
        flow, "high", ("version = 1", "version = 2"), (first, f'{first}, "{second}"')
    )
    for new, side in ((new_high, flow.made.high), (folder, low)):
        assert guard("policy", "install", new, "--site", side).exit_code == 0
    code, told = resend(flow, "1-4")
    assert (code, told["sent"], told["refused"][0]["reason"]) == (1, 0, Reason.MANIFEST_POLICY)
    assert "Its accepted bytes are still kept: --rerun" in told["refused"][0]["sentence"]
    lay_request(low, ResendRequest(2, (("alpha", "1-4"),)))
    wait(lambda: len(flow.entries("low", Kind.RESENT)) == 2, "it was not judged by send")
    judged = flow.entries("low", Kind.RESENT)[1]
    assert (judged["count"], judged["refused"]) == (0, "1-4")
    assert "policy not accepted" in str(judged["sentence"])
    assert flow.follow().gaps == 4

    code, told = resend(flow, "1-4", "--rerun")
    assert (code, told["refused"], len(told["dropped_again"])) == (0, [], 4)
    wait(lambda: len(flow.follow().delivered) == 4, "what was dropped again did not arrive")
    assert (flow.account.sent, flow.account.gaps, flow.account.lost) == (8, 4, 0)


@pytest.mark.long
def test_the_supervisor_believes_no_request(flow: Flow) -> None:
    """What another program than `guard resend` lays is held to the same rules."""
    low = flow.made.low
    lose(flow, 3)
    signed_by_one = notice(flow, 1).read_text()
    approved = notice(flow, 1, 2).read_text()
    requests = {
        "one person": ResendRequest(1, (("alpha", "1-3"),), signed_by_one),
        "changed since": ResendRequest(1, (("alpha", "1-3"),), approved.replace("1-3", "1-2")),
        "not in the notice": ResendRequest(1, (("alpha", "1-4"),), approved),
        "no notice": ResendRequest(1, (("alpha", "1-3"),), "gaps 1-3\n"),
        "too many": ResendRequest(1, (("alpha", "1-1000001"),)),
    }
    for what, request in requests.items():
        (low / "posture" / "resend.json").unlink(missing_ok=True)
        lay_request(low, request)
        wait(lambda: (order := read_order(low)) is not None and bool(order.refused), what)
    (low / "posture" / "resend").write_bytes(b"{}" * 1000)
    wait(lambda: not (low / "posture" / "resend").exists(), "no request at all")
    lay_request(low, ResendRequest(7, (("alpha", "1-3"),)))  # not its turn
    wait(lambda: (order := read_order(low)) is not None and order.number == 7, "it is an order")
    time.sleep(1.0)
    assert not flow.entries("low", Kind.RESEND)
    code, told = resend(flow, "1-3")
    assert (code, told["resend"], told["sent"]) == (0, 1, 3)
    wait(lambda: len(flow.follow().delivered) == 3, "what was sent again did not arrive")


@pytest.mark.long
def test_a_kill_in_the_middle_loses_and_doubles_nothing(flow: Flow) -> None:
    count = 400
    lose(flow, count)
    slow = POSTURE.format(1) + "rate_bit_per_s = 1000000\n"
    assert apply_posture(flow, flow.made.low, slow, 1).exit_code == 0
    code, told = resend(flow, "--gap", notice(flow, 1, 2), "--timeout", "0.5")
    assert (code, told["state"]) == (1, "waiting")
    for again in (1, 2):
        wait(lambda: len(flow.follow().delivered) >= 40 * again, "nothing arrives")  # noqa: B023 - called at once, 2026-11-26
        assert len(flow.account.delivered) < count
        assert not flow.entries("low", Kind.RESENT)
        killed = flow.pids("low")["send"]
        os.kill(killed, signal.SIGKILL)
        wait(lambda: flow.pids("low").get("send", killed) != killed, "it was not started again")  # noqa: B023 - the same, 2026-11-26
    code, told = resend(flow, "5")
    assert code == 3
    assert "resend 1 is under way" in told["error"]
    wait(lambda: bool(flow.entries("low", Kind.RESENT)), "it did not go on")
    wait(lambda: len(flow.follow().delivered) == count, "not all arrived")
    account = flow.follow()
    assert (account.gaps, account.late, account.lost, account.duplicates) == (0, count, 0, 0)
    assert flow.delivered() == count
    told_again = flow.entries("low", Kind.RESEND)
    assert len(told_again) >= 2  # the ledger has each time that it was begun
    assert {entry["resend"] for entry in told_again} == {1}
    flow.stop("low")
    flow.start("low")  # an order that was carried out is not taken up again
    flow.drop_many(1)
    flow.settle()
    assert len(flow.entries("low", Kind.RESEND)) == len(told_again)
