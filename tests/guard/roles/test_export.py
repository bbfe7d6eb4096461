"""What `export` hands to a collector, and where it goes on; the real role, not confined."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.edge.collector import FileCollector, SyslogCollector, open_syslog
from guard.edge.durable_number import read_number
from guard.edge.ledger_files import LedgerWriter
from guard.edge.sockets import feed_pair
from guard.edge.spec import Spec, Value
from guard.roles.export import Export
from tests.guard.ledgers import open_ledger

ORIGIN = "checkvalve/c2/low"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "export").mkdir()
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def ledger(folder: Path, count: int) -> LedgerWriter:
    writer = open_ledger(folder / "ledger", bytes(32), ORIGIN, segment_bytes_max=2000)
    for number in range(writer.size, writer.size + count):
        writer.append([{"kind": "sent", "time_ms": number, "count": 1, "last": number}])
    return writer


def run(folder: Path) -> list[bytes]:
    """Until it has nothing left to do; gives the lines of the collector's file."""
    reading, writing = feed_pair()
    values: dict[str, Value] = {"folder": str(folder), "origin": ORIGIN, "export": "file"}
    spec = Spec("export", "x:y", "low", {"feed": writing.detach()}, values, {}, {}, {})
    role = Export(spec)
    role._stop()
    role._stopping_ns += 60_000_000_000
    role.work()
    reading.close()
    role._feed._mouth.close()
    log = folder / "export" / "ledger.log"
    return log.read_bytes().splitlines() if log.exists() else []


def test_it_goes_on_where_the_collector_was(folder: Path) -> None:
    ledger(folder, 100).close()
    lines = run(folder)
    assert [b" entry " in line for line in lines].count(True) == 100
    assert read_number(folder / "export" / "cursor") == 100
    ledger(folder, 5).close()
    more = run(folder)
    assert more[: len(lines)] == lines
    assert [line.split(b'number="')[1].split(b'"')[0] for line in more[len(lines) :]] == [
        b"100", b"101", b"102", b"103", b"104", b"105",
    ]  # fmt: skip
    assert run(folder) == more


def test_a_ledger_that_begins_later_or_was_cut_is_told_and_gone_on_with(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger(folder, 10).close()
    run(folder)
    ledger(folder, 60).close()
    for path in sorted((folder / "ledger").glob("*.journal"))[:-1]:
        path.unlink()
    lines = run(folder)
    assert b'"last":69' in lines[-2]
    assert "were let go before they were told" in capfd.readouterr().err
    for path in (folder / "ledger").iterdir():
        path.unlink()
    ledger(folder, 3).close()
    assert run(folder) == lines
    assert "it was cut" in capfd.readouterr().err
    ledger(folder, 80).close()  # longer than it was before: nothing of it is passed over
    more = run(folder)
    assert [line for line in more[len(lines) :] if b'"last":3,' in line]
    assert [line for line in more[len(lines) :] if b'"last":82,' in line]
    assert "it was cut" not in capfd.readouterr().err


def test_a_full_disk_is_told_and_what_was_cut_comes_again(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this host has no /dev/full")
    full = FileCollector.__new__(FileCollector)
    full._descriptor = os.open("/dev/full", os.O_WRONLY)
    assert not full.give([b"a message"], 10)
    os.close(full._descriptor)


def test_a_slow_daemon_takes_each_message_once(folder: Path) -> None:
    path = folder / "log"
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(path))
    made = open_syslog(f"unix:{path}")
    assert made is not None
    collector = SyslogCollector(made.detach())
    messages = [f"<109>1 - - - - - [x] {at}".encode() for at in range(3000)]
    heard: list[bytes] = []

    def hear() -> None:
        time.sleep(0.3)
        while len(heard) < len(messages):
            heard.append(daemon.recv(1 << 20))

    hearing = threading.Thread(target=hear)
    assert not collector.give(messages, 20)  # its queue is full
    hearing.start()
    while not collector.give(messages, 1000):
        pass
    hearing.join()
    assert heard == messages
    daemon.close()
    with pytest.raises(ConnectionError):
        collector.give([b"x"], 10)
    collector.close()


def test_what_is_too_long_for_a_daemon_is_told_by_its_hash(folder: Path) -> None:
    path = folder / "log"
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(path))
    made = open_syslog(f"unix:{path}")
    assert made is not None
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    collector = SyslogCollector(made.detach())
    assert collector.give([b"<109>1 - - - - - [x] " + bytes(100_000), b"[x] after"], 1000)
    assert daemon.recv(1 << 20).startswith(
        b"<109>1 - - - - - [x] too long for this socket: sha256 "
    )
    assert daemon.recv(1 << 20) == b"[x] after"
    assert collector.too_long == 1
    collector.close()
    daemon.close()


def test_nobody_there_is_no_socket(folder: Path) -> None:
    assert open_syslog(f"unix:{folder / 'nobody'}") is None
    assert open_syslog("file") is None
