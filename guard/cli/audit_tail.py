"""`guard audit tail`: what a running side decides, as it decides it."""

import json
import select
import sys
from pathlib import Path

import click
from rich.markup import escape

from guard.cli.audit_options import moment
from guard.cli.output import console, printable, sentences, stoppable
from guard.edge.ledger_files import LedgerReader
from guard.report.index.places import ledgers_under
from schemas.entry import Entry

_LINES_MAX = 10_000
_WAIT_S = 1.0


@click.command(epilog="Example: guard audit tail site/low")
@click.argument("folder", metavar="SIDE|LEDGER",
                type=click.Path(path_type=Path, file_okay=False, exists=True))  # fmt: skip
@click.option("--lines", default=10, show_default=True, type=click.IntRange(0, _LINES_MAX),
              help="How many of the newest entries to begin with.")  # fmt: skip
@click.option("--kind", default="", metavar="KIND", help="Only entries of this kind.")
@click.option("--once", is_flag=True, help="Do not wait for more.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def tail(folder: Path, lines: int, kind: str, once: bool, as_json: bool) -> None:
    """Follow a side's ledger while it is written. Ends with Ctrl-C.

    Each record is checked as it is read; the tree and its signatures are not: that is what
    `guard audit verify` is for.
    """
    with sentences(), stoppable():
        (place, *_) = ledgers_under((folder,))
        reader = LedgerReader(place.ledger)
        try:
            entries = [entry for entry in reader.take() if kind in ("", entry["kind"])]
            for entry in entries[len(entries) - lines :] if lines else []:
                _tell(entry, as_json=as_json)
            while not once:
                select.select([reader], [], [], _WAIT_S)
                for entry in reader.take():
                    if kind in ("", entry["kind"]):
                        _tell(entry, as_json=as_json)
        except KeyboardInterrupt:
            pass
        finally:
            reader.close()


def _tell(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(entry, sort_keys=True))
        sys.stdout.flush()
        return
    parts = [str(entry[key]) for key in ("sequence", "name", "stage", "reason", "sentence")
             if entry.get(key)]  # fmt: skip
    what = escape(printable(" ".join(parts)))
    console.print(f"{moment(entry.get('time_ms'))}  [bold]{entry['kind']:<13}[/] {what}",
                  soft_wrap=True)  # fmt: skip
