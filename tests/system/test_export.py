"""The way of the ledger to a collector, with real processes: a slow, a dead, a new collector."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.core.syslog import checkpoints_in
from guard.edge.ledger_files import entries_of
from guard.edge.making import pack_folder
from guard.edge.side_status import read_counters
from guard.report.ledger_verifier import verify_ledger
from tests.system.test_sessions import Flow, wait


class Exporting(Flow):
    """A flow whose low side has a collector."""

    def to(self, where: str) -> None:
        with (self.made.low / "site.toml").open("a") as file:
            file.write(f'export = "{where}"\n')

    def lines(self) -> list[bytes]:
        log = self.made.low / "export" / "ledger.log"
        return log.read_bytes().splitlines() if log.exists() else []

    def size(self) -> int:
        return sum(1 for _ in entries_of(self.made.low / "ledger"))

    def export_counter(self, name: str) -> int:
        return read_counters(self.made.low).get("export", {}).get(name, 0)


@pytest.fixture
def flow(open_folder: Path) -> Iterator[Exporting]:
    with Exporting(open_folder / "site", pack_folder("c2")) as running, running.tap:
        yield running


def numbers(lines: list[bytes]) -> list[int]:
    entries = [line for line in lines if b" entry [ledger@" in line]
    return [int(line.split(b'number="')[1].split(b'"')[0]) for line in entries]


def test_a_file_has_every_entry_and_a_killed_or_stopped_export_stops_nothing(
    flow: Exporting,
) -> None:
    flow.to("file")
    flow.start("high", "low")
    flow.drop_many(10)
    flow.settle()
    os.kill(flow.pids("low")["export"], signal.SIGKILL)
    flow.drop_many(10)
    flow.settle()
    wait(lambda: "export" in flow.pids("low"), "export was not started again")
    stopped = flow.pids("low")["export"]
    os.kill(stopped, signal.SIGSTOP)
    flow.drop_many(10)
    flow.settle()
    behind = flow.size()
    assert len(set(numbers(flow.lines()))) < behind
    os.kill(stopped, signal.SIGCONT)
    wait(lambda: set(numbers(flow.lines())) >= set(range(behind)), "it did not catch up")
    flow.stop("low")
    assert set(numbers(flow.lines())) == set(range(flow.size()))
    low, content = flow.made.low, (flow.made.low / "export" / "ledger.log").read_bytes()
    heard = list(checkpoints_in(content))
    found = verify_ledger(low / "ledger", low / "trust" / "ledger.pub", witnessed=heard)
    assert found.ok
    assert found.anchored == found.entries == flow.size()


def test_a_syslog_daemon_that_is_slow_or_dies_is_caught_up_with(
    flow: Exporting, open_folder: Path
) -> None:
    path = open_folder / "log.sock"

    def daemon() -> socket.socket:
        path.unlink(missing_ok=True)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind(str(path))
        path.chmod(0o666)
        made.settimeout(0.2)
        return made

    def hear(listening: socket.socket) -> bool:
        """All that is there; whether every entry of the ledger has come by now."""
        try:
            while True:
                heard.append(listening.recv(1 << 20))
        except TimeoutError:
            return set(numbers(heard)) >= set(range(flow.size()))

    heard: list[bytes] = []
    listening = daemon()
    flow.to(f"unix:{path}")
    flow.start("high", "low")
    flow.drop_many(40)  # more than the socket's queue holds, and nobody reads
    flow.settle()
    wait(lambda: hear(listening), "it did not catch up with a slow daemon")
    assert heard[0].startswith(b"<109>1 20")
    listening.close()
    flow.drop_many(5)
    flow.settle()
    listening = daemon()
    wait(lambda: hear(listening), "a new daemon was not found")
    listening.close()
