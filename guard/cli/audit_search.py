"""`guard audit search`: entries by time, flow, sender, stage, verdict, label, person or digest."""

import csv
import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from guard.cli.audit_options import Moment, moment, open_ledgers, site_options
from guard.cli.output import console, errors, print_json, printable, sentences
from guard.report.assessment.plain import for_spreadsheet
from guard.report.index.reading import Found
from guard.report.index.searching import PAGE_MAX, VERDICTS, Question

_COLUMNS = (
    "time_ms", "flow", "side", "entry", "kind", "id", "sequence", "sender", "name", "label",
    "stage", "reason", "sentence",
)  # fmt: skip
_WHY = (
    "stage", "reason", "sentence", "cause", "act", "key", "first", "last", "numbers", "signers",
    "decisions", "who",
)  # fmt: skip


@click.command(
    epilog="Example: guard audit search --site site --verdict refused --reason dirty-word"
)
@site_options
@click.option("--from", "begin_ms", metavar="TIME", type=Moment(), help="UTC, from this time on.")
@click.option("--to", "end_ms", metavar="TIME", type=Moment(), help="UTC, before this time.")
@click.option("--flow", default="", metavar="NAME")
@click.option("--side", default="", type=click.Choice(["", "low", "high"]), show_choices=False,
              metavar="low|high")  # fmt: skip
@click.option("--sender", default="", metavar="NAME")
@click.option("--stage", default="", metavar="NAME", help="The stage that stopped it.")
@click.option("--verdict", default="", metavar="|".join(VERDICTS),
              type=click.Choice(["", *VERDICTS]), show_choices=False)  # fmt: skip
@click.option("--kind", default="", metavar="KIND", help="Of the entry: run, gap, alarm, epoch, …")
@click.option("--reason", default="", metavar="CODE")
@click.option("--label", default="", metavar="TEXT")
@click.option("--person", default="", metavar="NAME", help="Who signed or decided.")
@click.option("--digest", default="", metavar="HEX", help="16 digits of it or more.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, PAGE_MAX),
              help="Entries on a page.")  # fmt: skip
@click.option("--after", default="", metavar="PLACE", help="Where the last page said it ended.")
@click.option("--json", "as_json", is_flag=True, help="One object: entries, and after.")
@click.option("--csv", "as_csv", is_flag=True, help="Lines for a spreadsheet, all pages.")
def search(
    sites: tuple[Path, ...], index: Path | None, limit: int, after: str, *, as_json: bool,
    as_csv: bool, **asked: Any,
) -> None:  # fmt: skip
    """Search the entries of both sides' ledgers, the oldest first.

    The first time, the ledgers are verified and an index is made, which later searches use.
    """
    with sentences():
        known = open_ledgers(sites, index, quiet=as_json or as_csv)
        question = Question(**asked)
        if as_csv:
            writer = csv.writer(sys.stdout)
            writer.writerow(_COLUMNS)
            page, after = known.ask(question, PAGE_MAX, after)
            writer.writerows(map(_cells, page))
            while after:
                page, after = known.ask(question, PAGE_MAX, after)
                writer.writerows(map(_cells, page))
            return
        page, place = known.ask(question, limit, after)
        faults = [each for each in known.ledgers if not each.verification["ok"]]
    if as_json:
        print_json({"entries": [found.told() for found in page], "after": place})
        return
    _print(page)
    for each in faults:
        errors.print(
            f"guard: {each.directory} does not verify: only what is tied to its first entry was"
            " searched", markup=False, soft_wrap=True,
        )  # fmt: skip
    if place:
        console.print(f"more: --after {place}", soft_wrap=True)
    elif not page:
        console.print("nothing was found")


def _print(page: list[Found]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("time", "flow", "side", "entry", "what", "message", "sender", "why"):
        table.add_column(title, overflow="fold")
    for found in page:
        entry = found.told()
        why = " ".join(str(entry[key]) for key in _WHY if entry.get(key))
        cells = (
            moment(entry.get("time_ms")), entry["flow"], entry["side"], entry["entry"],
            entry.get("kind", ""), entry.get("name") or str(entry.get("id", ""))[:12],
            entry.get("sender", ""), why,
        )  # fmt: skip
        table.add_row(*(escape(printable(str(cell))) for cell in cells))
    console.print(table)


def _cells(found: Found) -> list[str]:
    told = found.told()
    return [for_spreadsheet(str(told.get(name, ""))) for name in _COLUMNS]
