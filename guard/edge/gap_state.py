"""The gaps that a high side has open: what was reported lost, has not come since, and still may.

Takes a high side's folder, running or stopped; gives ranges. Reads the landed journal only, as
`receive` does at its start. Follows docs/spec/link.md §8 and §10.
"""

import json
from pathlib import Path

from guard.edge.segments import walk
from guard.link.arrivals import RANGES_MAX
from schemas.entry import Kind
from schemas.errors import Malformed
from schemas.reasons import Reason
from schemas.sealed import Landed, read_landed
from schemas.sequences import Range, RangeSet

_TRIES = 5


def open_gaps(folder: Path) -> tuple[Range, ...]:
    """Ascending. Raises `Malformed` for a damaged journal, `OSError`."""
    for _ in range(_TRIES):
        try:
            return _open_gaps(folder / "landed")
        except FileNotFoundError:
            continue  # an old segment was dropped meanwhile
    return _open_gaps(folder / "landed")


def _open_gaps(directory: Path) -> tuple[Range, ...]:
    landed, gaps = RangeSet(), RangeSet()
    for found in walk(directory):
        kind, sequence, content = read_landed(found.payload)
        if kind is Landed.ENVELOPE:
            landed.add(sequence)
        else:
            landed, gaps = _after(content, landed, gaps)
        while len(landed) > RANGES_MAX:
            landed.close_lowest_hole()  # too old to come: link §8 (3)
    for first, last in landed.ranges():
        gaps.remove(first, last)
    return gaps.ranges()


def _after(untrusted_event: bytes, landed: RangeSet, gaps: RangeSet) -> tuple[RangeSet, RangeSet]:
    """What the receiver wrote down there. It hears the network: its words are not believed."""
    try:
        event = json.loads(untrusted_event)
        if event["kind"] == Kind.GAP:
            gaps.add(int(event["first"]), int(event["last"]))
        if event["kind"] == Kind.LINK_STATE:
            landed = RangeSet((int(a), int(b)) for a, b in json.loads(event["landed"]))
            gaps = RangeSet((int(a), int(b)) for a, b in json.loads(event["gaps"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(
            Reason.RECORD_MALFORMED, "a record of the landed journal is no event of a link"
        ) from error
    return landed, gaps
