"""How long an auditor waits: verifying, the index, searching, showing, the report.

    python -m bench.audit [--entries 1000000] [--json]

Writes two ledgers of a made-up flow with about so many entries together, then measures. A busy
machine makes it slower: take the figures on an idle one.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guard.report.assessment.gathering import gather
from guard.report.assessment.page import as_html
from guard.report.index.building import bring_up_to_date
from guard.report.index.places import ledgers_under
from guard.report.index.searching import Index, Question
from guard.report.index.tables import open_index
from guard.report.verifying import verify_whole
from tests.guard.sites import high_entries, low_entries, write

NOW_MS = 2_000_000_000
ENTRIES_A_MESSAGE = 4  # committed, sent, delivering, delivered


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, what came of it)."""
    began_s = time.perf_counter()
    found = what()
    return time.perf_counter() - began_s, found


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="checkvalve-bench-") as top:
        figures = measure(Path(top), given.entries // ENTRIES_A_MESSAGE)
    lines = (f"{name}: {value}" for name, value in figures.items())
    print(json.dumps(figures) if given.json else "\n".join(lines))


def measure(site: Path, messages: int) -> dict[str, float]:
    """All figures, by what they are of and their unit."""
    low = low_entries(messages)
    for side, entries in (("low", low), ("high", high_entries(low))):
        write(site, side, entries, batch=100)
    places = ledgers_under((site,))
    verify_s, found = timed(lambda: [verify_whole(place, [], NOW_MS) for place in places])
    count = sum(each.entries for each in found)
    connection = open_index(site / "index")
    index_s, _ = timed(lambda: bring_up_to_date(connection, places, NOW_MS))
    index = Index(connection)
    search_s, _ = timed(lambda: index.ask(Question(verdict="refused", sender="alpha"), 50))
    show_s, _ = timed(lambda: index.message(str(messages // 2)))
    report_s, page = timed(lambda: as_html(gather(index, None, None, "", NOW_MS)))
    return {
        "entries": count, "messages": messages,
        "verify_entries_per_s": round(count / verify_s), "index_s": round(index_s, 2),
        "search_ms": round(1000 * search_s, 1), "show_ms": round(1000 * show_s, 1),
        "report_s": round(report_s, 2), "html_bytes": len(page),
    }  # fmt: skip


if __name__ == "__main__":
    main()
