"""The pictures of a report: SVG by matplotlib, the same bytes for the same figures.

Takes an `Assessment`, gives SVG texts by name. Every picture stands beside a table of its figures.
"""

import io
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from guard.report.assessment.nouns import Assessment, Count

PASSED, REFUSED, HELD = "#2c6e49", "#b23a48", "#d9a441"  # apart for the colour-blind too
_BARS_MAX = 12
_NAME_CHARACTERS_MAX = 28


def charts(found: Assessment) -> dict[str, str]:
    """traffic, and refusals where there are any."""
    made = {"traffic": _traffic(found)}
    if found.refused_by_reason:
        made["refusals"] = _bars(found.refused_by_reason)
    return made


def _traffic(found: Assessment) -> str:
    figure, axes = _figure(3.0)
    times: list[Any] = [datetime.fromtimestamp(b.begin_ms / 1000, UTC) for b in found.traffic]
    stack = [
        [bucket.passed for bucket in found.traffic], [bucket.refused for bucket in found.traffic],
        [bucket.held for bucket in found.traffic],
    ]  # fmt: skip
    axes.stackplot(times, stack, labels=("passed", "refused", "held"),
                   colors=(PASSED, REFUSED, HELD), step="post")  # fmt: skip
    axes.set_ylabel("messages")
    axes.set_xlabel("time (UTC)")
    axes.legend(loc="upper right", frameon=False, ncols=3)
    axes.margins(x=0)
    figure.autofmt_xdate(rotation=0, ha="center")
    return _svg(figure)


def _bars(counts: list[Count]) -> str:
    shown = counts[:_BARS_MAX][::-1]
    figure, axes = _figure(0.8 + 0.28 * len(shown))
    names = [f"{each.flow}: {each.what}"[:_NAME_CHARACTERS_MAX] for each in shown]
    positions = list(range(len(shown)))
    bars = axes.barh(positions, [each.count for each in shown], color=REFUSED)
    axes.set_yticks(positions, [_plain(name) for name in names])
    axes.bar_label(bars, padding=3)
    axes.set_xlabel("messages refused")
    axes.margins(x=0.12)
    return _svg(figure)


def _figure(height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    with mpl.rc_context({"svg.hashsalt": "checkvalve", "svg.fonttype": "path"}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _plain(name: str) -> str:
    """matplotlib takes a text between dollar signs for a formula."""
    return "".join(c if c.isprintable() else "?" for c in name).replace("$", r"\$")
