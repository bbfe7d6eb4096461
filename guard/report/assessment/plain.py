"""A report as text, as JSON, and as a folder of CSV tables.

Takes an `Assessment`, gives texts. In text and CSV everything that is not printable is escaped, and
a cell that a spreadsheet would take for a formula gets a quote before it.
"""

import csv
import io
import json
from dataclasses import asdict

from guard.report.assessment.nouns import Assessment
from guard.report.assessment.words import Table, cell_text, moment, tables, verdict

FORMAT = "checkvalve report 1"
_COLUMN_CHARACTERS_MAX = 60
_FORMULA_STARTS = ("=", "+", "-", "@")


def as_text(found: Assessment) -> str:
    """For a terminal or a printer; wide cells are cut."""
    lines = [
        "Checkvalve: report of what crossed",
        f"{moment(found.begin_ms)} to {moment(found.end_ms)}",
        f"flows: {', '.join(found.flows) or '-'}",
        f"made {moment(found.made_ms)}",
        "",
        verdict(found),
    ]
    if found.demo:
        lines.append("This is of a demonstration: not for real use.")
    for table in tables(found):
        lines += ["", table.title, "-" * len(table.title)]
        lines += [table.about] * bool(table.about)
        lines += _aligned(table) if table.rows else ["none"]
    return "\n".join(lines) + "\n"


def as_json(found: Assessment) -> str:
    """For machines: everything, with whole digests."""
    told = {"format": FORMAT, "ok": found.ok, "verdict": verdict(found), **asdict(found)}
    return json.dumps(told, indent=1) + "\n"


def as_csv(found: Assessment) -> dict[str, str]:
    """A file a table: name -> content."""
    return {f"{table.name}.csv": _csv(table) for table in tables(found)}


def printable(text: str) -> str:
    """Everything that is not printable escaped: it may come from a sender."""
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}" for character in text
    )


def _aligned(table: Table) -> list[str]:
    rows = [
        tuple(printable(cell_text(cell))[:_COLUMN_CHARACTERS_MAX] for cell in row)
        for row in table.rows
    ]
    widths = [max(map(len, column)) for column in zip(table.heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (table.heads, *rows)
    ]


def _csv(table: Table) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table.heads)
    for row in table.rows:
        writer.writerow([for_spreadsheet(cell) if isinstance(cell, str) else cell for cell in row])
    return file.getvalue()


def for_spreadsheet(cell: str) -> str:
    """A cell of CSV: escaped, with a quote before what a spreadsheet would take for a formula."""
    shown = printable(cell)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) and shown != "-" else shown
