"""clamd's socket: a real clamd, and daemons that do not keep to the protocol."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.edge.checkup_scanner import scanner_findings
from guard.edge.clamd import NoAnswerError, Scan, days_of, read_reply, version
from guard.edge.clock import monotonic_ns
from guard.edge.findings import Finding
from schemas.scanned import Said, Scanned
from tests.support.clamd import CLAMD, MARK, NAME, STREAM_BYTES_MAX, Clamd

LONG_NS, SHORT_NS = 20_000_000_000, 200_000_000
needs_clamd = pytest.mark.skipif(CLAMD is None, reason="needs clamd (Debian: clamav-daemon)")


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    daemon = Clamd(tmp_path_factory.mktemp("clamd"))
    daemon.start()
    yield daemon
    daemon.kill()


def scan(path: Path, payload: bytes, time_ns: int = LONG_NS) -> Scanned:
    made = Scan(str(path), monotonic_ns() + time_ns)
    try:
        for at in range(0, len(payload), 50_000):
            made.give(payload[at : at + 50_000])
        return made.ended()
    except NoAnswerError as error:
        return made.last_words() or Scanned(Said.NOTHING, str(error))
    finally:
        made.close()


@needs_clamd
def test_it_finds_a_signature_wherever_it_stands(clamd: Clamd) -> None:
    assert scan(clamd.socket, b"a good text") == Scanned(Said.CLEAN)
    assert scan(clamd.socket, b"") == Scanned(Said.CLEAN)
    for payload in (MARK, b"x" * 49_990 + MARK, b"x" * 900_000 + MARK):
        found = scan(clamd.socket, payload)
        assert found.said is Said.FOUND
        assert found.words.startswith(NAME)


@needs_clamd
def test_a_stream_that_is_too_long_is_not_scanned_and_the_reason_is_told(clamd: Clamd) -> None:
    said = scan(clamd.socket, bytes(STREAM_BYTES_MAX + 500_000))
    assert said == Scanned(Said.NOTHING, "clamd says INSTREAM size limit exceeded. ERROR")


@needs_clamd
def test_the_check_up_says_who_answers(clamd: Clamd) -> None:
    assert version(str(clamd.socket), monotonic_ns() + LONG_NS).startswith("ClamAV ")
    (found,) = findings(clamd.site_word)
    assert "does not say how old its signatures are" in found.found
    (shut,) = findings(f"unix:{clamd.folder}/nobody")
    assert "does not answer" in shut.found
    assert findings("") == []


@needs_clamd
@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the socket's directory is entered")
def test_the_check_up_tells_of_what_else_the_scanner_process_could_reach(clamd: Clamd) -> None:
    beside = clamd.socket.parent / "beside"
    beside.mkdir()
    first, _ = findings(clamd.site_word)
    assert f"could connect to what is in {beside}" in first.found
    beside.rmdir()
    link = clamd.folder / "link"
    link.symlink_to(clamd.socket)
    (told,) = findings(f"unix:{link}")
    assert "is a link" in told.found


def findings(where: str) -> list[Finding]:
    return list(scanner_findings(where))


def daemon(path: Path, act: Callable[[socket.socket], None]) -> threading.Thread:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen(1)

    def serve() -> None:
        with listening:
            made, _ = listening.accept()
            with made:
                act(made)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def read_all(made: socket.socket) -> bytes:
    content = b""
    while not content.endswith(bytes(4)):
        content += made.recv(65536)
    return content


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"stream: OK", "it ended without a reply"),
        (b"", "it ended without a reply"),
        (b"x" * 10_000, "it replied a book"),
        (b"\xff\x1b[2J ERROR\0", "clamd says \xff\x1b[2J ERROR"),
        (b"stream: OK \0", "clamd says stream: OK "),
        (b"stream: FOUND\0", "clamd says stream: FOUND"),
        (b"1: stream: OK\0", "clamd says 1: stream: OK"),
    ],
)
def test_what_is_no_known_reply_is_no_answer(tmp_path: Path, reply: bytes, words: str) -> None:
    def act(made: socket.socket) -> None:
        read_all(made)
        made.sendall(reply)

    thread = daemon(tmp_path / "s", act)
    assert scan(tmp_path / "s", b"abc") == Scanned(Said.NOTHING, words)
    thread.join()


def test_one_that_never_answers_costs_the_time_that_was_given(tmp_path: Path) -> None:
    done = threading.Event()
    thread = daemon(tmp_path / "s", lambda made: waits(done))
    began_ns = monotonic_ns()
    assert scan(tmp_path / "s", b"abc", SHORT_NS) == Scanned(Said.NOTHING, "the time is over")
    assert scan_of_many(tmp_path / "s", SHORT_NS) == "nobody takes a connection"
    assert monotonic_ns() - began_ns < LONG_NS
    done.set()
    thread.join()


def waits(done: threading.Event) -> None:
    done.wait(20)


def scan_of_many(path: Path, time_ns: int) -> str:
    """Connections until the queue of who does not accept is full."""
    until_ns = monotonic_ns() + time_ns
    made = []
    try:
        for _ in range(50):
            made.append(Scan(str(path), until_ns))
    except NoAnswerError as error:
        return str(error).partition(":")[0]
    finally:
        for each in made:
            each.close()
    return ""


def test_only_two_replies_are_answers() -> None:
    assert read_reply("stream: OK") == Scanned(Said.CLEAN)
    assert read_reply("stream: A.B-1 FOUND") == Scanned(Said.FOUND, "A.B-1")
    for other in ("", "OK", "stream: OKFOUND", "stream: x ERROR", "PONG"):
        assert read_reply(other).said is Said.NOTHING


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ("ClamAV 1.4.3/27800/Mon Oct  6 08:45:20 2025", 1),
        ("ClamAV 1.4.3/27800/Wed Oct  8 08:45:20 2025", 0),  # ahead of our clock: not old
        ("ClamAV 1.4.3/27800/Sat Sep 27 08:45:20 2025", 10),
        ("ClamAV 1.4.3", None),
        ("ClamAV 1.4.3/27800/Mon Oct 36 08:45:20 2025", None),
        ("ClamAV 1.4.3/27800/Mon Okt  6 08:45:20 2025", None),
        ("", None),
    ],
)
def test_the_age_of_signatures(told: str, days: int | None) -> None:
    october_7_2025_s = 1_759_838_400
    assert days_of(told, lambda: october_7_2025_s) == days
