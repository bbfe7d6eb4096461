"""`guard status`: a side that runs, one that does not, and what its metrics role says."""

import fcntl
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from guard.edge.making import PACKS, Made
from guard.edge.side_status import side_status
from guard.edge.sockets import feed_pair
from guard.edge.spec import Spec
from guard.roles import metrics
from tests.guard.cli.conftest import Guard

GOOD = PACKS / "c2" / "samples" / "position.cot"


def test_a_side_that_never_ran_says_how_to_start_it(site: Made, guard: Guard) -> None:
    result = guard("status", "--site", site.high)
    assert result.exit_code == 1
    assert "The high side was never started" in result.stdout
    assert f"guard run high --site {site.high}" in result.stdout


def test_what_waits_is_counted_without_a_running_side(site: Made, guard: Guard) -> None:
    guard("submit", "--site", site.low, "--label", "RESTRICTED", GOOD, GOOD)
    (site.low / "held" / "0123").mkdir()
    (site.high / "queue" / "new" / "0123.cot").write_bytes(b"x")
    (site.high / "queue" / "new" / "0123.meta.json").write_bytes(b"{}")
    low = json.loads(guard("status", "--site", site.low, "--json").stdout)
    high = json.loads(guard("status", "--site", site.high, "--json").stdout)
    assert low["queues"] == {"drop/alpha": 2, "held": 1}
    assert high["queues"] == {"queue/gaps": 0, "queue/new": 1, "held": 0}


def test_a_side_whose_supervisor_is_gone_has_died(site: Made, guard: Guard) -> None:
    told = {"state": "running", "side": "low", "pid": os.getpid(), "restarts": 0, "cause": "start",
            "processes": []}  # fmt: skip
    (site.low / "run" / "status.json").write_text(json.dumps(told))  # alive, but holds no lock
    result = guard("status", "--site", site.low)
    assert result.exit_code == 1
    assert "has died" in result.stdout


@pytest.mark.parametrize("content", ["", "[1]", '{"state": 1', "\x00"])
def test_a_status_file_that_is_none_is_one_sentence(site: Made, guard: Guard, content: str) -> None:
    (site.low / "run" / "status.json").write_text(content)
    result = guard("status", "--site", site.low)
    assert result.exit_code == 3
    assert "is not what guard run writes" in result.stderr


def test_a_running_side_shows_its_processes(running_low: Path, guard: Guard) -> None:
    result = guard("status", "--site", running_low, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["side"], told["state"], told["runs"]) == ("low", "running", True)
    names = [process["name"] for process in told["processes"]]
    assert names[0] == "ingest"
    assert {"stage:words", "release", "send", "audit", "metrics"} <= set(names)
    for process in told["processes"]:
        assert process["alive"]
        assert process["layers"]["seccomp"] == "on"
        assert (os.geteuid() == 0) == (process["user"] != str(os.geteuid()))
    shown = guard("status", "--site", running_low).stdout
    assert "The low side is running" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_running_side_counts_what_it_decided(running_low: Path, guard: Guard) -> None:
    assert guard("submit", "--site", running_low, "--wait", GOOD).exit_code == 0
    for _ in range(50):
        told = json.loads(guard("status", "--site", running_low, "--json").stdout)
        if told["outcomes"].get("committed"):
            break
        threading.Event().wait(0.1)
    assert told["metrics"] == ""
    assert told["outcomes"]["committed"] >= 1
    assert told["ledger_entries"] >= 2
    assert "datagrams" in told["link"]


def test_what_the_metrics_role_counts_is_sorted_and_summed(site: Made) -> None:
    feed, mouth = feed_pair()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(site.low / "run" / "metrics.sock"))
    listener.listen()
    own = {"feed": feed.detach(), "listener": listener.detach()}
    work = metrics.prepare(Spec("metrics", "", "low", own, {"flow": "c2"}))
    threading.Thread(target=work, daemon=True).start()
    counters = {
        "ledger_size": 9, "entry|committed||": 4, "entry|refused|words|dirty-word": 1,
        "entry|refused|label|label-missing": 2, "entry|strange|x": 1,
    }  # fmt: skip
    packets = [("audit", counters), ("send", {"datagrams": 7})]
    for name, values in packets:
        packet = {"name": name, "counters": values, "latency_us": []}
        mouth.send(json.dumps(packet).encode())
    mouth.close()
    run = os.open(site.low / "run", os.O_RDONLY)
    try:
        _hold_as_supervisor(site.low, run)
        found = side_status(site.low)
    finally:
        os.close(run)
    assert found.metrics == ""
    assert (found.outcomes["committed"], found.outcomes["refused"]) == (4, 3)
    assert list(found.refusals.items()) == [("label: label-missing", 2), ("words: dirty-word", 1)]
    assert found.link == {"datagrams": 7}
    assert found.ledger_entries == 9


def _hold_as_supervisor(low: Path, run: int) -> None:
    """What `guard run` leaves for `guard status`: the lock, and the status file."""
    fcntl.flock(run, fcntl.LOCK_EX)
    told = {"state": "running", "side": "low", "pid": os.getpid(), "processes": []}
    (low / "run" / "status.json").write_text(json.dumps(told))
