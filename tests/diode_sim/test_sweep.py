"""Sweeps: five codes at five losses lie where the MDS bound says; pictures follow from data."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from diode_sim.cli import cli
from diode_sim.commands.plot import read_cells
from diode_sim.commands.sweep import CODES, LOSSES
from diode_sim.plotting import draw
from diode_sim.sweeping import Cell, Code, do, jobs_of, sweep
from schemas.errors import Malformed

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SVG_NAMES = ("residual-loss", "residual-loss-bursts")
FIVE = [Code.read(code) for code in CODES]
FIVE_LOSSES = [float(loss) for loss in LOSSES.split(",")]
FIVE_BURSTY = [Code.read(code) for code in ("10+3", "10+3x4", "40+4x8", "40+8x16", "80+8x32")]


@pytest.mark.parametrize(("codes", "burst_mean"), [(FIVE, 0.0), (FIVE_BURSTY, 6.0)])
def test_five_settings_at_five_losses_lie_within_their_intervals(
    codes: list[Code], burst_mean: float
) -> None:
    """The large one is `diode-sim sweep --blocks 10000000`; this one takes seconds.

    25 intervals, each of 99.9 %: all of them hold the truth in 97.5 % of the seeds.
    """
    jobs = jobs_of(codes, FIVE_LOSSES, burst_mean, 8_000, 2_000, 0.999, 4)
    cells = list(sweep(jobs, 1))
    assert [cell for cell in cells if not cell.agrees] == []
    methods = Counter(cell.method for cell in cells)
    assert methods["counted"] >= 5
    assert methods["sampled"] >= 5
    for cell in cells:
        if cell.method == "sampled":
            assert cell.high < 1.2 * cell.computed


def test_a_wrong_bound_does_not_lie_within_them() -> None:
    """The intervals are narrow enough to tell one repair symbol more or fewer."""
    for job in jobs_of(FIVE, [0.01, 0.05], 0.0, 20_000, 2_000, 0.999, 4):
        cell = do(job)
        for r in (job.code.r - 1, job.code.r + 1):
            other = do(jobs_of(
                [Code(job.code.k, r, job.code.interleave)], [job.loss], 0.0, 100, 1_000, 0.999, 4
            )[0])  # fmt: skip
            assert not cell.low <= other.computed <= cell.high


def test_a_cell_is_the_same_in_any_company_and_order() -> None:
    alone = [do(job) for job in jobs_of(FIVE[:2], [0.05, 0.1], 0.0, 2_000, 1_000, 0.999, 7)]
    together = list(sweep(jobs_of(FIVE[:2], [0.05, 0.1], 0.0, 2_000, 1_000, 0.999, 7), 2))
    assert alone == together


@pytest.mark.parametrize(
    "text", ["80", "80+", "+8", "80+8x", "80+8x65", "0+3", "250+6", "8e1+8", "80+8x0", "²+3"]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    if text == "80+8x":
        assert Code.read(text) == Code(80, 8)
        return
    with pytest.raises(Malformed):
        Code.read(text)


def test_the_command_gives_json_and_csv_of_the_same() -> None:
    arguments = ["sweep", "--code", "10+3", "--losses", "0.05,0.1", "--blocks", "2000"]
    as_json = CliRunner().invoke(cli, arguments)
    as_csv = CliRunner().invoke(cli, [*arguments, "--csv"])
    assert as_json.exit_code == as_csv.exit_code == 0
    cells = json.loads(as_json.stdout)["cells"]
    head, *rows = as_csv.stdout.splitlines()
    assert [dict(zip(head.split(","), row.split(","), strict=True)) for row in rows] == [
        {name: str(value) for name, value in cell.items()} for cell in cells
    ]


@pytest.mark.parametrize("name", SVG_NAMES)
def test_a_picture_of_the_docs_is_drawn_from_its_data(name: str) -> None:
    """Line by line, so that a failure shows what differs. Another Matplotlib draws another one."""
    cells = read_cells((PICTURES / f"{name}.json").read_bytes())
    drawn = draw(cells, "svg").decode()
    committed = (PICTURES / f"{name}.svg").read_text("utf-8")
    again = f"diode-sim plot docs/pictures/{name}.json --out docs/pictures/{name}.svg"
    assert drawn.splitlines() == committed.splitlines(), f"again: {again}"
    assert not re.search(r"<dc:date>", drawn)


@pytest.mark.parametrize("name", SVG_NAMES)
def test_the_pictures_data_is_what_the_command_gives(name: str) -> None:
    """Those cells of the picture that take little time, done again by the command in the docs."""
    cells = read_cells((PICTURES / f"{name}.json").read_bytes())
    assert all(cell.agrees for cell in cells)
    page = (PICTURES.parent / "planning.md").read_text("utf-8")
    command = re.search(rf"^diode-sim sweep(.*) > docs/pictures/{name}\.json$", page, re.M)
    assert command is not None
    codes = re.findall(r"--code (\S+)", command[1]) or list(CODES)
    losses = re.search(r"--losses (\S+)", command[1])
    mean = re.search(r"--burst-mean (\S+)", command[1])
    levels = [float(loss) for loss in (losses[1] if losses else LOSSES).split(",")]
    jobs = jobs_of(
        [Code.read(code) for code in codes], levels, float(mean[1]) if mean else 0.0,
        200_000, 20_000, 0.999, 1,
    )  # fmt: skip
    assert len(jobs) == len(cells)
    quick = [
        at for at, job in enumerate(jobs) if cells[at].method == "sampled" and job.code.k <= 40
    ]
    assert len(quick) >= 3
    for at in quick[:4]:
        assert same(do(jobs[at]), cells[at])
    counted = next(at for at, cell in enumerate(cells) if cell.method == "counted")
    assert same(do(jobs[counted]), cells[counted])


def same(cell: Cell, other: Cell) -> bool:
    """Equal but for the last digits, which a processor may round in its own way."""
    one, two = cell.as_dict(), other.as_dict()
    return all(
        one[name] == pytest.approx(two[name], rel=1e-6) if isinstance(two[name], float) else
        one[name] == two[name] for name in two
    )  # fmt: skip


@pytest.mark.parametrize(
    "untrusted",
    [b"", b"{}", b"[]", b'{"cells": []}', b'{"cells": [{}]}', b'{"cells": [1]}', b"\xff",
     b'{"cells": [{"code": "10+3", "loss": "x"}]}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_sweep_is_refused(untrusted: bytes) -> None:
    with pytest.raises(Malformed, match=r"diode-sim sweep|a picture has cells"):
        read_cells(untrusted)


def test_without_matplotlib_plot_says_what_to_do() -> None:
    """A host that only runs the product does not have it."""
    lacking = "import sys; sys.modules['matplotlib'] = None; from diode_sim.cli import main; main()"
    data = str(PICTURES / "residual-loss.json")
    done = subprocess.run(
        [sys.executable, "-c", lacking, "plot", data, "--out", "never-written.svg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "drawing needs Matplotlib" in done.stderr


def test_plot_writes_both_kinds(tmp_path: Path) -> None:
    out = [str(tmp_path / "a.svg"), str(tmp_path / "a.png")]
    data = str(PICTURES / "residual-loss.json")
    done = CliRunner().invoke(cli, ["plot", data, "--out", out[0], "--out", out[1]])
    assert done.exit_code == 0
    assert Path(out[0]).read_bytes().startswith(b"<?xml")
    assert Path(out[1]).read_bytes().startswith(b"\x89PNG")
    wrong = CliRunner().invoke(cli, ["plot", data, "--out", str(tmp_path / "a.pdf")])
    assert isinstance(wrong.exception, Malformed)
