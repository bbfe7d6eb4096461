"""A whole verification: the tree and its signatures, and whether what the entries say makes sense.

Takes a ledger's place and checkpoints from elsewhere, gives one `Verification`. A long ledger is
read by two processes at once, one for the tree and one for form and sense. May read files.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from guard.report.index.places import Place
from guard.report.ledger_anchor import ANCHOR_NAME
from guard.report.ledger_entries import EntryForm, parse_entries
from guard.report.ledger_findings import Finding, Verification
from guard.report.ledger_policies import policy_findings
from guard.report.ledger_segments import Batch, Segments
from guard.report.ledger_sense import Sense
from guard.report.ledger_verifier import FINDINGS_MAX, Tied, form_finding, verify_ledger

TWO_PROCESSES_BYTES_MIN = 8 * 1024 * 1024

Progress = Callable[[int], None]


def verify_whole(
    place: Place, witnessed: Iterable[bytes], now_ms: int, progress: Progress | None = None,
    two_processes_bytes_min: int = TWO_PROCESSES_BYTES_MIN,
) -> Verification:  # fmt: skip
    """Check a ledger, running or a copy. progress: is told how many bytes have been read;
    two_processes_bytes_min: how long a ledger is that two processes read.

    If the tree or a signature does not hold, the sense of what is said is not judged: nobody
    vouches for it. Raises as `verify_ledger` does.
    """
    if size_bytes(place.ledger) < two_processes_bytes_min:
        sense = Sense(now_ms)
        found = verify_ledger(
            place.ledger, place.key, witnessed=witnessed, progress=progress,
            watch=lambda tied: _judge(sense, tied),
        )  # fmt: skip
        return with_sense(place, found, sense)
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as other:
        judging = other.submit(_read_of, place.ledger, now_ms, size_bytes(place.ledger))
        found = verify_ledger(
            place.ledger, place.key, witnessed=witnessed, form=False, progress=progress
        )
        read = judging.result()
    if found.ok and read.entries < found.entries:  # it runs, and grew between the two
        _judge_batches(islice(_batches(place.ledger), read.batches, None), read, found.entries)
    found.findings = (read.findings + found.findings)[:FINDINGS_MAX]
    return with_sense(place, found, read.sense)


def size_bytes(ledger: Path) -> int:
    """Of a ledger's segments."""
    return sum(path.stat().st_size for path in ledger.glob("*.journal"))


def _judge(sense: Sense, tied: Tied) -> None:
    sense.see_all(tied.first, tied.entries)


def with_sense(place: Place, found: Verification, sense: Sense) -> Verification:
    """What was found of the tree, and, if that holds, of what the entries say; but for `demo`,
    which is a warning and told in any case."""
    found.demo = sense.ran.demo
    if found.ok:
        findings, notes = policy_findings(place.side_folder, sense.ran)
        found.findings += [*sense.findings, *findings]
        found.notes += notes
    else:
        found.notes.append("what the entries say was not judged: nobody vouches for all of them")
    return found


@dataclass(slots=True)
class _Read:
    """What the other process found in so many batches: form and sense."""

    sense: Sense
    form: EntryForm = field(default_factory=EntryForm)
    findings: list[Finding] = field(default_factory=list)
    batches: int = 0
    entries: int = 0


def _read_of(ledger: Path, now_ms: int, bytes_max: int) -> _Read:
    """Without looking at the tree: what is said here counts only if that holds.

    bytes_max: no further than that, so that nothing is read here that is not read there.
    """
    read = _Read(Sense(now_ms))
    _judge_batches(_batches(ledger, bytes_max), read, None)
    return read


def _batches(ledger: Path, bytes_max: int | None = None) -> Iterator[Batch]:
    """In order, those that end within so many bytes of the segments."""
    first = 0
    if (ledger / ANCHOR_NAME).exists():
        try:
            first = int(json.loads((ledger / ANCHOR_NAME).read_bytes())["batch"])
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return  # the tree's process finds that
    segments = Segments(ledger, lambda *_: None, first)
    for batch in segments.batches():
        end = segments.bytes_read + batch.payload_at + len(batch.payload)
        if bytes_max is not None and end > bytes_max:
            return
        yield batch


def _judge_batches(batches: Iterable[Batch], read: _Read, entries_max: int | None) -> None:
    """Their form, and the sense of those that have one. entries_max: of entries before that."""
    for batch in batches:
        body, _, note = batch.payload.partition(b"\n\n")
        lines = body.split(b"\n")
        try:
            size = int(note.split(b"\n", 2)[1])
        except (ValueError, IndexError):
            return  # the tree's process has found that
        if entries_max is not None and size > entries_max:
            return
        read.batches, read.entries = read.batches + 1, size
        place = f"{batch.place}, entries {size - len(lines)} to {size - 1}"
        wrong = form_finding(read.form, place, body, lines)
        if wrong is None:
            read.sense.see_all(size - len(lines), parse_entries(lines))
        elif len(read.findings) < FINDINGS_MAX:
            read.findings.append(Finding(*wrong))
