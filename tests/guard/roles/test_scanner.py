"""The scanner's process against a stage that was taken over, and a stage whose scanner is gone."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guard.edge.asking import Asker, asker_of
from guard.edge.forking import EXIT_ALONE
from guard.edge.scanning import SocketFolder
from guard.edge.seats import scanner_folder, seats_of
from guard.edge.sockets import Ear, Mouth, feed_pair, one_way_pair
from guard.edge.spec import Spec
from guard.low import LOW
from guard.roles.scanner import Scanner
from schemas.policy import StageLine
from schemas.scanned import Said, Scanned, nobody, read_answer, write_answer, write_question

NUMBERS = [bytes([at]) * 8 for at in range(8)]
WITHIN_S = 20


class Daemon:
    """Replies to each command, and counts them: `found` where the payload has the word."""

    def __init__(self, path: Path) -> None:
        self.scans = 0
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                made, _ = self._listening.accept()
            except OSError:
                return
            with made:
                self._answer(made)

    def _answer(self, made: socket.socket) -> None:
        came = made.recv(10)
        if came.startswith(b"zVERSION"):
            return  # one that does not know it
        content = b""
        while not content.endswith(bytes(4)):
            part = made.recv(65536)
            if not part:
                return
            content += part
            if b"early" in content:
                made.sendall(b"stream: Early.Word FOUND\0")
                return
        self.scans += 1
        self.goes_on.wait(WITHIN_S)
        made.sendall(b"stream: A.Word FOUND\0" if b"word" in content else b"stream: OK\0")

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@dataclass
class Asked:
    """A scanner at work, and the stage's ends of its channels."""

    question: Mouth
    answer: Ear
    daemon: Daemon
    scanner: Scanner
    thread: threading.Thread

    def scanned(self) -> tuple[bytes, Scanned]:
        assert select.select([self.answer], [], [], WITHIN_S)[0]
        packet = self.answer.hear()
        assert packet
        return read_answer(packet)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    (question, asks), (answers, answer), feed = one_way_pair(), one_way_pair(), feed_pair()
    descriptors = {
        "question-av": question.detach(), "answer-av": answer.detach(), "feed": feed[1].detach(),
    }  # fmt: skip
    spec = Spec("scanner:av", "x:y", "low", descriptors, {"message_ms_max": 5000})
    daemon = Daemon(tmp_path / "s")
    scanner = Scanner(spec, str(tmp_path / "s"))
    thread = threading.Thread(target=scanner.work)
    thread.start()
    made = Asked(Mouth(asks.detach()), Ear(answers.detach()), daemon, scanner, thread)
    yield made
    made.question.close()
    thread.join(WITHIN_S)
    assert not thread.is_alive()  # nobody asks any more
    daemon.close()
    made.answer.close()
    feed[0].close()
    for end in (scanner._ear, scanner._mouth, scanner._feed._mouth):
        end._socket.close()


def ask(asked: Asked, number: bytes, payload: bytes) -> None:
    for packet in write_question(number, payload, 5000):
        asked.question.tell(packet)


def test_each_question_has_its_answer(asked: Asked) -> None:
    for number, payload, scanned in (
        (NUMBERS[1], b"good", Scanned(Said.CLEAN)),
        (NUMBERS[2], b"a word", Scanned(Said.FOUND, "A.Word")),
        (NUMBERS[3], b"x" * 400_000 + b"word", Scanned(Said.FOUND, "A.Word")),
        (NUMBERS[4], b"early" + b"x" * 400_000, Scanned(Said.FOUND, "Early.Word")),
        (NUMBERS[5], b"", Scanned(Said.CLEAN)),
    ):
        ask(asked, number, payload)
        assert asked.scanned() == (number, scanned)


@pytest.mark.parametrize(
    "untrusted", [b"", b"x", bytes(13), b"\xff" * 200, bytes(13 + 128 * 1024 + 1)]
)
def test_what_is_no_question_is_counted_and_hurts_no_other(asked: Asked, untrusted: bytes) -> None:
    first, *_ = write_question(NUMBERS[1], b"x" * 200_000, 5000)
    asked.question.tell(first)  # and never more of it
    asked.question._socket.send(untrusted)
    ask(asked, NUMBERS[2], b"a word")
    assert asked.scanned() == (NUMBERS[2], Scanned(Said.FOUND, "A.Word"))
    assert asked.scanner._feed.counters["malformed_questions"] == 1


def test_questions_of_who_was_ended_are_not_asked(asked: Asked) -> None:
    """Each cell of a stage that was taken over asks much and waits for nothing."""
    packets = [packet for n in NUMBERS[1:7] for packet in write_question(n, b"word", 5000)]
    asked.daemon.goes_on.clear()  # it is busy with the first, of whom nobody had come yet
    ask(asked, NUMBERS[0], b"a word")
    while not asked.daemon.scans:
        assert asked.thread.is_alive()
    for packet in packets:
        asked.question.tell(packet)
    ask(asked, NUMBERS[7], b"the last word")
    asked.daemon.goes_on.set()
    found = Scanned(Said.FOUND, "A.Word")
    assert [asked.scanned(), asked.scanned()] == [(NUMBERS[0], found), (NUMBERS[7], found)]
    assert asked.daemon.scans == 2


def test_a_stage_whose_scanner_is_gone_ends_and_gives_no_verdict() -> None:
    (question, asks), (answers, answer) = one_way_pair(), one_way_pair()
    pid = os.fork()
    if pid == 0:
        question.close()
        answer.close()
        Asker(asks.detach(), answers.detach())(b"payload", 1000)
        os._exit(0)
    for end in (question, asks, answers, answer):
        end.close()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == EXIT_ALONE


def test_answers_of_other_numbers_are_passed_over_and_a_malformed_one_is_none() -> None:
    (question, asks), (answers, answer) = one_way_pair(), one_way_pair()
    mouth, ear = Mouth(answer.detach()), Ear(question.detach())

    def reply() -> None:
        mouth.tell(write_answer(NUMBERS[1], Scanned(Said.CLEAN)))
        packet = ear.hear()
        assert packet
        mouth.tell(write_answer(packet[:8], Scanned(Said.FOUND, "V")))
        assert ear.hear()
        mouth.tell(b"nonsense")

    thread = threading.Thread(target=reply)
    thread.start()
    asker = Asker(asks.detach(), answers.detach())
    assert asker(b"payload", 1000) == Scanned(Said.FOUND, "V")
    assert asker(b"payload", 1000).said is Said.NOTHING
    thread.join()
    for end in (mouth, ear, asker._mouth, asker._ear):
        end._socket.close()
    assert asker_of(Spec("stage:x", "", "low", {}, {})) is nobody


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root a directory is entered")
def test_a_directory_that_is_made_anew_is_noticed_and_one_that_is_gone_is_waited_for(
    tmp_path: Path,
) -> None:
    folder = SocketFolder(f"unix:{tmp_path}/run/s")
    assert folder.root == ""
    (tmp_path / "run").mkdir()
    assert folder.is_another()
    folder.enter()
    assert folder.root == str(tmp_path / "run")
    assert not folder.is_another()
    (tmp_path / "run").rename(tmp_path / "old")
    assert not folder.is_another()
    (tmp_path / "run").mkdir()
    assert folder.is_another()
    (tmp_path / "run").rmdir()
    folder.enter()
    assert (folder.root, folder.is_another()) == ("", False)
    nobody_asks = scanner_folder(seats_of(LOW, [StageLine(name="words")]), f"unix:{tmp_path}/run/s")
    (tmp_path / "run").mkdir()
    assert folder.is_another()
    assert (nobody_asks.root, nobody_asks.is_another()) == ("", False)
    asking = seats_of(LOW, [StageLine(name="words"), StageLine(name="antivirus")])
    assert scanner_folder(asking, f"unix:{tmp_path}/run/s").root == str(tmp_path / "run")
