"""The page of metrics names every kind of entry that is counted, and every counter of the link."""

import re
from pathlib import Path

from guard.link.arrivals import ReceiverState
from guard.link.receiver import Receiver
from guard.link.sender import Sender
from schemas.entry import Kind
from tests.guard.link.pair import CODEC, FLOW, KEY, SMALL

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text("utf-8")
UNCOUNTED = {Kind.FACTS, Kind.EPOCH}  # written by the ledger's own steps


def named(heading: str, begin: str = "| ") -> set[str]:
    """What the rows of a section that begin so name, before what they say of it."""
    section = re.split(r"^#+ ", PAGE.partition(f"\n### {heading}\n")[2], flags=re.MULTILINE)[0]
    cells = (row.split(" | ")[:-1] for row in section.splitlines() if row.startswith(begin))
    return set(re.findall(r"`([^`]+)`", " ".join(cell for row in cells for cell in row)))


def test_every_kind_that_is_counted_is_on_the_page() -> None:
    assert set(Kind) - UNCOUNTED - named("Kinds of decisions") == set()


def test_every_counter_of_the_link_is_on_the_page() -> None:
    receiver = Receiver(SMALL, KEY, FLOW, CODEC, ReceiverState())
    sender = Sender(SMALL, KEY, 1, FLOW, CODEC)
    assert receiver.counters.keys() - named("Events", "| `receive` ") == set()
    assert sender.counters.keys() - named("Events", "| `send` ") == set()
