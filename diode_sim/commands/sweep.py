"""`diode-sim sweep`: residual loss against channel loss, for a set of codes.

Takes codes and levels, gives JSON or CSV, and progress on a terminal. May start worker processes.
"""

import csv
import io
import json
import sys

import click

from diode_sim.commands.telling import seed_of
from diode_sim.sweeping import Cell, Code, jobs_of, sweep
from schemas.errors import Malformed
from schemas.reasons import Reason

EXIT_NO = 1
CODES = ("10+3", "20+5x4", "40+4x8", "80+8x32", "200+20x16")
LOSSES = "0.005,0.01,0.02,0.05,0.1"


@click.command("sweep")
@click.option(
    "--code",
    "codes",
    multiple=True,
    default=CODES,
    show_default=True,
    help="K+R or K+RxD; once for each",
)
@click.option(
    "--losses",
    default=LOSSES,
    show_default=True,
    help="levels of channel loss, with commas between",
)
@click.option(
    "--burst-mean",
    type=click.FloatRange(1.0, 1e6),
    help="all losses in bursts of this mean length  [default: each by itself]",
)
@click.option(
    "--blocks",
    type=click.IntRange(100, 1_000_000_000),
    default=200_000,
    show_default=True,
    help="blocks of a cell that is counted",
)
@click.option(
    "--draws",
    type=click.IntRange(1_000, 10_000_000),
    default=20_000,
    show_default=True,
    help="weighted walks of a cell that is too rare for that",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 0.999999),
    default=0.999,
    show_default=True,
    help="of each cell's interval",
)
@click.option("--seed", default="1", show_default=True, help="hexadecimal")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="processes")
@click.option("--csv", "as_csv", is_flag=True, help="CSV instead of JSON")
def sweep_command(
    codes: tuple[str, ...], losses: str, burst_mean: float | None, blocks: int, draws: int,
    confidence: float, seed: str, jobs: int, as_csv: bool,
) -> None:  # fmt: skip
    """Compute and simulate the loss of blocks for codes at levels of channel loss.

    Ends with 1 if a computed loss lies outside the simulated interval: one cell in a thousand
    does by chance, at the confidence that is set without the option.

    Example: diode-sim sweep --code 80+8 --code 80+8x32 --losses 0.001,0.01 --burst-mean 8
    """
    wanted = jobs_of(
        [Code.read(code) for code in codes], _levels(losses), burst_mean or 0.0, blocks, draws,
        confidence, seed_of(seed),
    )  # fmt: skip
    cells: list[Cell] = []
    with click.progressbar(
        sweep(wanted, jobs),
        length=len(wanted),
        label="cells",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as done:
        cells += done
    click.echo(_csv(cells) if as_csv else _json(cells, confidence, seed), nl=False)
    if not all(cell.agrees for cell in cells):
        sys.exit(EXIT_NO)


def _levels(untrusted_text: str) -> list[float]:
    try:
        return [float(part) for part in untrusted_text.split(",")]
    except ValueError as error:
        raise Malformed(
            Reason.ARGUMENT, f"{untrusted_text!r} is no list of losses: write 0.001,0.01,0.1"
        ) from error


def _json(cells: list[Cell], confidence: float, seed: str) -> str:
    lines = ",\n  ".join(json.dumps(cell.as_dict()) for cell in cells)
    head = f'"seed": {json.dumps(seed)}, "confidence": {confidence}'
    return f'{{{head}, "cells": [\n  {lines}\n]}}\n'


def _csv(cells: list[Cell]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cells[0].as_dict()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(cell.as_dict() for cell in cells)
    return text.getvalue()
