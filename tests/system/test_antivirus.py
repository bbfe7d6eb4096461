"""A real clamd beside a running flow: what it finds stops, what it does not answer is held."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.cli.main import main
from guard.demonstration import Demonstration, LinkFaults
from guard.edge.journal_recovery import read_mark_file
from guard.edge.ledger_files import entries_of
from guard.edge.making import make_site
from guard.edge.policy_install import NEXT, next_site
from guard.edge.policy_memory import PolicyMemory
from guard.edge.site import load_site
from schemas.entry import Entry, Kind
from schemas.errors import Malformed
from tests.support.asking import Scanned, asking_pack
from tests.support.clamd import CLAMD, MARK, NAME, Clamd
from tests.system.test_policy_change import wait_for
from tests.system.test_restart import restarts

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CLAMD is None, reason="needs clamd (Debian: clamav-daemon)"),
]


@pytest.fixture
def clamd(open_folder: Path) -> Iterator[Clamd]:
    (open_folder / "clamd").mkdir()
    daemon = Clamd(open_folder / "clamd")
    daemon.start()
    yield daemon
    daemon.kill()


@pytest.fixture(params=["pooled", "message"])
def flow(open_folder: Path, clamd: Clamd, request: pytest.FixtureRequest) -> Iterator[Scanned]:
    assert clamd.socket.exists()
    pack = asking_pack(open_folder, request.param)
    with Scanned(open_folder / "site", pack, LinkFaults(direct=True)) as made:
        yield made


def stopped(flow: Demonstration) -> list[Entry]:
    entries = [entry for _, entry in entries_of(flow.made.low / "ledger")]
    return [each for each in entries if each["kind"] in (Kind.REFUSED, Kind.HELD)]


def test_what_it_finds_is_refused_and_what_it_does_not_answer_is_held(
    flow: Scanned, clamd: Clamd
) -> None:
    large = b"a line of it\n" * 8000 + MARK + b"\n"
    for at, payload in enumerate((b"good\n", MARK + b"\n", large, b"good too\n")):
        flow.drop(payload, f"{at}.txt")
    wait_for(flow.settled)
    assert sorted(path.read_bytes() for path in flow.delivered_files()) == [
        b"good\n",
        b"good too\n",
    ]
    assert [each["stage"] for each in stopped(flow)] == ["antivirus"] * 2
    for each in stopped(flow):
        assert each["reason"] == "malware"
        assert NAME in str(each["sentence"])

    clamd.kill()
    flow.drop(b"nobody looks\n", "later.txt")
    wait_for(flow.settled)
    last = stopped(flow)[-1]
    assert (last["kind"], last["reason"]) == (Kind.HELD, "not-scanned")
    assert "nobody takes a connection" in str(last["sentence"])

    before = flow.pids("low")
    flow.drop(b"waits for it\n", "again.txt")  # within its time the scanner is there again
    clamd.start()
    wait_for(flow.settled)
    assert b"waits for it\n" in [path.read_bytes() for path in flow.delivered_files()]
    assert flow.pids("low") == before  # nothing had to be started again


def test_a_stage_has_no_way_to_the_scanner_but_its_questions(flow: Scanned, clamd: Clamd) -> None:
    """Only the scanner's process may connect, and it sees nothing but the socket's folder."""
    assert clamd.socket.exists()
    status = json.loads((flow.made.low / "run" / "status.json").read_text())
    layers = {
        each["name"]: {name: sentence for name, _, sentence in each["layers"]}
        for each in status["processes"]
    }
    asking = [name for name, each in layers.items() if "unix-connect" in each["seccomp"]]
    assert asking == ["scanner:antivirus", "scanner:antivirus_again"]
    for name in asking:
        assert str(clamd.socket.parent) in layers[name]["empty root"]


def test_a_lane_outlives_what_happens_to_its_scanner(flow: Scanned, clamd: Clamd) -> None:
    """Killed with a message on its way, its directory made anew: each is decided once, and well."""
    before, _ = restarts(flow)
    clamd.kill()
    flow.drop(b"asked about in vain\n", "a.txt")
    wait_for(lambda: bool(read_mark_file(flow.made.low / "accepted")))
    os.kill(flow.pids("low")["scanner:antivirus"], signal.SIGKILL)
    wait_for(lambda: restarts(flow)[0] > before and restarts(flow)[1] == "running")
    before, _ = restarts(flow)
    clamd.folder.joinpath("run").rename(clamd.folder / "old")
    clamd.folder.joinpath("run").mkdir(mode=0o755)
    clamd.start()
    wait_for(lambda: restarts(flow)[0] > before and restarts(flow)[1] == "running")
    flow.drop(b"good\n", "b.txt")
    flow.drop(MARK + b"\n", "c.txt")
    wait_for(flow.settled)
    assert [each["reason"] for each in stopped(flow)][-1:] == ["malware"]
    assert b"good\n" in [path.read_bytes() for path in flow.delivered_files()]
    assert (flow.account.duplicates, flow.account.lost) == (0, 0)


def test_stored_messages_are_decided_again_without_it(flow: Scanned, clamd: Clamd) -> None:
    for at, payload in enumerate((b"good\n", MARK + b"\n")):
        flow.drop(payload, f"{at}.txt")
    wait_for(flow.settled)
    clamd.kill()
    flow.end()
    where = ["--site", str(flow.made.low), "--index", str(flow.folder.parent / "index")]
    done = CliRunner().invoke(main, ["audit", "challenge", *where, "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["same"], told["different"]) == (0, 1, 0), done.output
    (left,) = told["told"]
    assert "the virus scanner stopped it" in left["why"]


def test_a_policy_that_asks_needs_a_scanner_and_try_is_told_where(
    open_folder: Path, clamd: Clamd
) -> None:
    pack = asking_pack(open_folder)
    made = make_site(open_folder / "site", pack, "127.0.0.1:9", "127.0.0.1:9")
    with pytest.raises(Malformed, match="asks a virus scanner, and this side has none"):
        load_site(made.low)
    file = made.low / "site.toml"
    file.write_text(f'{file.read_text()}antivirus = "{clamd.site_word}"\n')
    asking = load_site(made.low)
    started_without = replace(asking, file=asking.file.model_copy(update={"antivirus": ""}))
    shutil.copytree(made.low, made.low / NEXT, ignore=shutil.ignore_patterns(NEXT))
    assert next_site(asking, PolicyMemory()).file.antivirus == clamd.site_word
    with pytest.raises(Malformed, match="start the side with it"):
        next_site(started_without, PolicyMemory())
    bad = open_folder / "bad.txt"
    bad.write_bytes(MARK + b"\n")
    for where, reason in (([], "not-scanned"), (["--antivirus", clamd.site_word], "malware")):
        words = ["try", "--policy", str(pack / "policy.toml"), "--json", *where, str(bad)]
        done = CliRunner().invoke(main, words)
        assert json.loads(done.stdout)["reason"] == reason, done.output
    done = CliRunner().invoke(main, ["try", "--pack", "text", "--antivirus", "x", str(bad)])
    assert (done.exit_code, "unix:PATH" in done.output) == (2, True)
