"""`guard doctor`: look at the host and a site, and say what mends what is wrong."""

from collections import Counter
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from guard.cli.doctor_sandbox import try_sandbox
from guard.cli.output import (
    EXIT_NO,
    EXIT_USAGE,
    console,
    fail,
    print_json,
    printable,
    sentences,
)
from guard.edge.checkup import check_up
from guard.edge.findings import Finding, Grade

_COLORS = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}


@click.command(epilog="Example: guard doctor --site /srv/checkvalve/low")
@click.option(
    "--site", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Look at this side's folder too.",
)  # fmt: skip
@click.option("--sandbox", is_flag=True, help="Start every process of both sides in a throw-away"
              " site, and let each try to break out.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object: see docs/cli.md.")
def doctor(folder: Path | None, sandbox: bool, as_json: bool) -> None:
    """Check this host, and a site on it: ok, warn or fail, what was found, and what mends it.

    Warnings run, with less: slower, or with fewer layers. Exits 1 if a check fails.
    """
    if sandbox:
        if folder is not None:
            fail("--sandbox makes a site of its own: leave out --site", EXIT_USAGE)
        try_sandbox(as_json)
        return
    with sentences():
        findings = list(check_up(folder.absolute() if folder is not None else None))
    counts = Counter(finding.grade for finding in findings)
    if as_json:
        print_json({
            "ok": not counts[Grade.FAIL],
            "counts": {grade.value: counts[grade] for grade in Grade},
            "checks": [_as_json(finding) for finding in findings],
        })  # fmt: skip
    else:
        _show(findings)
        told = f"{counts[Grade.OK]} ok, {counts[Grade.WARN]} warnings, {counts[Grade.FAIL]} failed"
        console.print(told)
    if counts[Grade.FAIL]:
        raise SystemExit(EXIT_NO)


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "grade": finding.grade.value,
        "found": printable(finding.found),
        "mend": printable(finding.mend),
    }


def _show(findings: list[Finding]) -> None:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        color = _COLORS[finding.grade]
        grade = f"[{color}]{finding.grade.value:<4}[/]"
        found = escape(printable(finding.found))
        if finding.mend:
            found += f"\n[bold]mend:[/] {escape(printable(finding.mend))}"
        table.add_row(grade, escape(finding.name), found)
    console.print(table)
