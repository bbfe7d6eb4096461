"""`diode-sim plot`: the picture of a sweep.

Takes a file that `diode-sim sweep` wrote (JSON), gives pictures by the endings of their names. May
read the one and write the others.
"""

import json
from pathlib import Path
from typing import Any

import click

from diode_sim.plotting import draw
from diode_sim.sweeping import CELLS_MAX, Cell
from schemas.errors import Malformed
from schemas.reasons import Reason

FILE_BYTES_MAX = 16 * 2**20
KINDS = {".svg": "svg", ".png": "png"}


@click.command()
@click.argument("sweep", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    "outs",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="NAME.svg or NAME.png; once for each",
)
def plot(sweep: Path, outs: tuple[Path, ...]) -> None:
    """Draw residual loss against channel loss: what was computed, and what was simulated.

    The same file gives the same SVG, byte for byte.

    Example: diode-sim sweep > sweep.json; diode-sim plot sweep.json --out sweep.svg
    """
    for out in outs:
        if out.suffix not in KINDS:
            raise Malformed(Reason.ARGUMENT, f"{out}: a picture's name ends in .svg or .png")
    if sweep.stat().st_size > FILE_BYTES_MAX:
        raise Malformed(Reason.ARGUMENT, f"{sweep} is larger than 16 MiB")
    cells = read_cells(sweep.read_bytes())
    for out in outs:
        try:
            out.write_bytes(draw(cells, KINDS[out.suffix]))
        except OSError as error:
            raise Malformed(Reason.ARGUMENT, f"{out}: {error.strerror}") from error
        click.echo(str(out))


def read_cells(untrusted_bytes: bytes) -> list[Cell]:
    """The cells of a sweep's JSON. Raises `Malformed(ARGUMENT)`."""
    try:
        untrusted = json.loads(untrusted_bytes)["cells"]
        cells = [_cell(one) for one in untrusted]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(Reason.ARGUMENT, "this is no file of diode-sim sweep (JSON)") from error
    if not 1 <= len(cells) <= CELLS_MAX or len({cell.burst_mean for cell in cells}) != 1:
        raise Malformed(Reason.ARGUMENT, "a picture has cells, all of one kind of loss")
    return cells


def _cell(untrusted: dict[str, Any]) -> Cell:
    fields = dict(untrusted)
    fields.pop("agrees", None)
    cell = Cell(**fields)
    numbers = (cell.loss, cell.burst_mean, cell.computed, cell.simulated, cell.low, cell.high)
    if not all(0.0 <= float(number) <= 1e6 for number in numbers):
        raise ValueError("a number of a cell is out of bounds")
    if not 0.0 < cell.loss < 1.0:
        raise ValueError("a loss is out of bounds")
    return cell
