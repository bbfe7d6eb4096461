"""`guard audit search`: pages for machines, and cells that no spreadsheet takes for a formula."""

import csv
import io
import json
from pathlib import Path

from tests.guard.cli.conftest import Guard
from tests.guard.sites import low_entries, write


def test_pages_and_csv_give_the_same_entries_and_no_formula(tmp_path: Path, guard: Guard) -> None:
    entries = low_entries(60)
    entries[3] |= {"name": '=HYPERLINK("x")', "sender": "+a"}
    write(tmp_path / "site", "low", entries)
    asked = ("audit", "search", "--site", tmp_path / "site", "--index", tmp_path / "index")
    found, after = [], ""
    while True:
        told = json.loads(guard(*asked, "--limit", 50, "--after", after, "--json").stdout)
        found += told["entries"]
        after = told["after"]
        if not after:
            break
    rows = list(csv.DictReader(io.StringIO(guard(*asked, "--csv").stdout)))
    assert [row["entry"] for row in rows] == [str(entry["entry"]) for entry in found]
    hostile = [row for row in rows if "HYPERLINK" in row["name"]]
    assert [(row["name"][:2], row["sender"]) for row in hostile] == [("'=", "'+a")]


def test_a_place_that_is_none_is_a_sentence(tmp_path: Path, guard: Guard) -> None:
    write(tmp_path / "site", "low", low_entries(5))
    done = guard("audit", "search", "--site", tmp_path / "site", "--index", tmp_path / "index",
                 "--after", "nowhere")  # fmt: skip
    assert (done.exit_code, "no place to go on from" in done.stderr) == (3, True)
