"""A sweep as a picture: residual loss against channel loss, both logarithmic.

Takes the cells of a sweep, gives the bytes of an SVG or a PNG. Lines are what is computed, points
what was simulated; the lower part shows the intervals. The same cells give the same SVG, byte for
byte, with the same version of Matplotlib, which is loaded only here (docs/dependencies.md).
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from diode_sim.analysis import block_loss, two_state
from diode_sim.options import Burst
from diode_sim.sweeping import Cell, Code
from schemas.errors import Malformed
from schemas.reasons import Reason

# Okabe and Ito's colours, those that stand out on white: told apart with any colour vision, and by
# their markers and dashes without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.2)), (0, (7, 2, 1.5, 2)), (0, (4, 1)))
SIZE_INCHES = (8.3, 6.2)
PNG_DOTS_PER_INCH = 150
LEAST = 1e-15
_CURVE_POINTS = 41
_STYLE: Any = {
    "svg.hashsalt": "checkvalve", "svg.fonttype": "none", "font.family": ["DejaVu Sans"],
    "font.size": 10.0, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#d9dde2", "grid.linewidth": 0.6,
}  # fmt: skip


def draw(cells: Sequence[Cell], kind: str) -> bytes:
    """The picture, `svg` or `png`. Raises `Malformed(ARGUMENT)` where Matplotlib is missing."""
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Malformed(
            Reason.ARGUMENT,
            "drawing needs Matplotlib: use make plot, or pip install 'checkvalve[plot]'",
        ) from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.0))
        names = list(dict.fromkeys(cell.code for cell in cells))
        for place, name in enumerate(names):
            mine = [cell for cell in cells if cell.code == name]
            _series(above, mine, place)
            _ratios(below, mine, place, 1.0 + 0.03 * (place - (len(names) - 1) / 2.0))
        _dress(above, below, cells)
        out = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=PNG_DOTS_PER_INCH, metadata=metadata)
    return out.getvalue()


def _series(axes: Any, cells: Sequence[Cell], place: int) -> None:
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    losses, computed = _curve(cells)
    axes.plot(
        losses, computed, color=colour, linestyle=DASHES[place % len(DASHES)], linewidth=1.6,
        label=_named(cells[0].code), marker=marker, markevery=[], markersize=6,
    )  # fmt: skip
    for method, face in (("counted", colour), ("sampled", "white")):
        some = [cell for cell in cells if cell.method == method and cell.simulated > 0.0]
        axes.plot(
            [cell.loss for cell in some], [cell.simulated for cell in some], linestyle="none",
            marker=marker, color=colour, markerfacecolor=face, markersize=6.5, markeredgewidth=1.4,
            zorder=3,
        )  # fmt: skip


def _ratios(axes: Any, cells: Sequence[Cell], place: int, shift: float) -> None:
    """Simulated over computed, with the interval: what a scale of many decades cannot show."""
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    for cell in cells:
        if not cell.computed:
            continue
        ratio = cell.simulated / cell.computed
        low, high = cell.low / cell.computed, cell.high / cell.computed
        axes.errorbar(
            [cell.loss * shift], [ratio], yerr=[[max(0.0, ratio - low)], [max(0.0, high - ratio)]],
            fmt=marker, color=colour, markersize=4.5, elinewidth=1.2, capsize=2.5,
            markerfacecolor=colour if cell.method == "counted" else "white",
        )  # fmt: skip


def _curve(cells: Sequence[Cell]) -> tuple[list[float], list[float]]:
    """The computed line, from the lowest to the highest of the cells' losses."""
    code, mean = Code.read(cells[0].code), cells[0].burst_mean
    least, most = min(cell.loss for cell in cells), max(cell.loss for cell in cells)
    losses = np.geomspace(least, most, _CURVE_POINTS).tolist()
    computed = []
    for loss in losses:
        burst = Burst(rate=loss, mean_datagrams=mean) if mean else Burst()
        channel = two_state(0.0 if mean else loss, burst)
        computed.append(block_loss(channel, code.k, code.r, code.interleave))
    return losses, computed


def _dress(axes: Any, ratios: Any, cells: Sequence[Cell]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")  # of both: they share it
    axes.set_yscale("log")
    lowest = min(min(cell.computed, cell.low or cell.computed) for cell in cells)
    axes.set_ylim(max(LEAST, lowest / 3.0), 2.0)
    levels = sorted({cell.loss for cell in cells})
    if len(levels) <= 9:
        axes.set_xticks(levels)
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.yaxis.set_major_locator(LogLocator(base=10, numticks=9))
    mean = cells[0].burst_mean
    bursts = f"in bursts of {mean:g} on average" if mean else "each by itself"
    ratios.axhline(1.0, color="#444444", linewidth=0.9, zorder=1)
    ratios.set_ylabel("simulated /\ncomputed")
    ratios.set_xlabel(f"datagrams lost, {bursts}")
    axes.set_ylabel("blocks lost beyond repair")
    handles, labels = axes.get_legend_handles_labels()
    grey: dict[str, Any] = {
        "color": "#444444",
        "marker": "o",
        "linestyle": "none",
        "markersize": 6.5,
    }
    for method, face, words in (
        ("counted", "#444444", "counted"), ("sampled", "white", "importance sampling")
    ):  # fmt: skip
        if any(cell.method == method for cell in cells):
            handles.append(Line2D([], [], markerfacecolor=face, markeredgewidth=1.4, **grey))
            labels.append(words)
    axes.legend(handles, labels, title="lines: computed (MDS)", frameon=False, loc="lower right",
                handlelength=4.0)  # fmt: skip


def _named(code: str) -> str:
    read = Code.read(code)
    words = f"{read.k} + {read.r}"
    return words + (f", interleave {read.interleave}" if read.interleave > 1 else "")
