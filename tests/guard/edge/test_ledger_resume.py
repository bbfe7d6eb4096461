"""A start that goes on from a state that was kept: the same as one that reads the whole ledger."""

import shutil
from pathlib import Path

import pytest

from guard.core.facts import DestinationFacts, SourceFacts
from guard.core.ledger import Checkpoint, Ledger
from guard.core.witnessing import Points
from guard.edge.ledger_files import LedgerWriter
from guard.edge.ledger_resume import Resume, ResumeFile
from schemas.entry import Entry
from schemas.errors import Broken, Malformed
from schemas.reasons import Reason
from tests.guard.ledgers import open_ledger

ORIGIN = "checkvalve/c2/low"
SEED = bytes(range(32))
SEGMENT_BYTES = 3000


def entry(number: int) -> Entry:
    return {"kind": "committed", "time_ms": 1000 + number, "number": number,
            "sequence": number + 5, "sealed": number, "envelope": f"{number:064x}"}  # fmt: skip


class Run:
    """A ledger with all who follow it."""

    def __init__(self, directory: Path, resume: Resume | None = None) -> None:
        self.facts, self.points = SourceFacts(), Points()
        self.writer = open_ledger(
            directory, SEED, ORIGIN, self.facts.see, follower=self, resume=resume,
            segment_bytes_max=SEGMENT_BYTES,
        )  # fmt: skip

    def grown(self, ledger: Ledger, checkpoint: Checkpoint) -> None:
        self.points.grown(ledger, checkpoint)
        if ledger.size % 7 == 0:
            self.points.take(ledger, checkpoint)

    def take_up(self, ledger: Ledger, points: object, checkpoint: Checkpoint) -> None:
        self.points.take_up(points, ledger, checkpoint)  # type: ignore[arg-type]  # as was kept

    def add(self, first: int, end: int) -> None:
        for number in range(first, end):
            self.facts.see(entry(number))
            self.grown(self.writer.ledger, self.writer.append([entry(number)]))
            if number % 20 == 10:
                self.grown(self.writer.ledger, self.writer.ratchet(1000 + number))

    def kept(self) -> Resume:
        return self.writer.resume(self.facts.entry(1), self.points)

    def statements(self) -> list[bytes]:
        return [self.points.next_statement() for _ in range(60)]


@pytest.mark.parametrize("at", [1, 6, 7, 11, 30, 59, 60])
def test_it_ends_where_the_one_that_reads_all_ends(tmp_path: Path, at: int) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, at)
    file = ResumeFile(tmp_path / "resume")
    file.write(run.kept())
    run.add(at, 60)
    run.writer.close()
    kept = ResumeFile(tmp_path / "resume").read()
    whole = Run(tmp_path / "ledger")
    whole.writer.close()
    again = Run(tmp_path / "ledger", kept)
    assert again.facts.entry(0) == whole.facts.entry(0) == run.facts.entry(0)
    assert (again.writer.size, again.writer.root) == (whole.writer.size, whole.writer.root)
    assert again.writer.latest_checkpoint == whole.writer.latest_checkpoint
    assert again.statements() == whole.statements()
    again.add(60, 80)
    again.writer.close()
    assert Run(tmp_path / "ledger").writer.size == again.writer.size


def test_only_what_came_later_is_read(tmp_path: Path) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 50)
    kept = run.kept()
    run.add(50, 60)
    run.writer.close()
    oldest = min((tmp_path / "ledger").glob("*.journal"))
    content = bytearray(oldest.read_bytes())
    content[200] ^= 1
    oldest.write_bytes(content)
    again = Run(tmp_path / "ledger", kept)
    assert again.writer.size == run.writer.size
    again.writer.close()
    with pytest.raises(Malformed):
        Run(tmp_path / "ledger")


def test_a_ledger_that_was_put_back_to_an_earlier_state_does_not_open(tmp_path: Path) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 30)
    run.writer.close()
    shutil.copytree(tmp_path / "ledger", tmp_path / "copy")
    run = Run(tmp_path / "ledger")
    run.add(30, 34)
    kept = run.kept()
    run.writer.close()
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "copy", tmp_path / "ledger")
    with pytest.raises(Broken) as raised:
        Run(tmp_path / "ledger", kept)
    assert raised.value.reason is Reason.LEDGER_CHAIN


def test_points_that_are_not_of_the_ledger_are_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 30)
    kept = run.kept()
    size, epoch, roots = kept.points[1]
    other = [kept.points[0], (size, epoch, "00" * (len(roots) // 2)), *kept.points[2:]]
    run.writer.close()
    with pytest.raises(Malformed):
        Run(tmp_path / "ledger", kept._replace(points=other))


@pytest.mark.parametrize("harm", [b"", b"checkvalve resume 1 ", b"cut", b"bit"])
def test_a_file_that_is_not_whole_is_none(tmp_path: Path, harm: bytes) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 10)
    path = tmp_path / "resume"
    ResumeFile(path).write(run.kept())
    content = path.read_bytes()
    wrong = {b"cut": content[:-1], b"bit": content[:90] + b"!" + content[91:]}.get(harm, harm)
    path.write_bytes(wrong)
    assert ResumeFile(path).read() is None


def test_it_is_due_so_many_entries_after_the_last_one_also_over_starts(tmp_path: Path) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 10)
    file = ResumeFile(tmp_path / "resume", 10)
    assert [file.is_due(size) for size in (9, 10)] == [False, True]
    file.write(run.kept())
    again = ResumeFile(tmp_path / "resume", 10)
    assert again.read() is not None
    size = run.writer.size
    assert [again.is_due(size + more) for more in (0, 9, 10)] == [False, False, True]
    again.forget()
    assert again.is_due(10)


def test_the_destinations_facts_go_on_too() -> None:
    facts = DestinationFacts()
    for number in range(20):
        facts.see({"kind": "delivering", "number": number, "sequence": 2 * number + 1,
                   "id": f"{number}", "queues": "cot"})  # fmt: skip
        facts.see({"kind": "delivered", "count": 1})
    again = DestinationFacts()
    again.see(facts.entry(1))
    assert vars(again.handled) == vars(facts.handled)
    assert again.state() == facts.state()


def test_a_writer_that_has_no_followers_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path / "ledger")
    run.add(0, 10)
    kept = run.kept()
    run.writer.close()
    writer: LedgerWriter = open_ledger(tmp_path / "ledger", SEED, ORIGIN, resume=kept)
    assert writer.size == run.writer.size
