"""Draws docs/pictures/diode.svg: the pair of `diode-sim netns`, with the names that it really has.

Takes addresses and interface names from `diode_sim.netns`, gives one SVG file. Run it after a
change there: `python docs/pictures/draw_diode.py`. tests/docs/test_pictures.py holds that it was.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from diode_sim.netns.cable import diode_rules
from diode_sim.netns.side import HOSTS, INTERFACE

PICTURE = Path(__file__).with_name("diode.svg")
WIDTH, HEIGHT = 1080, 392
TOP, BOX_HEIGHT = 92, 150
WAY_Y, BACK_Y = TOP + 58, TOP + 112
ENDS = {"low": 40, "high": 800}
END_WIDTH, MIDDLE, MIDDLE_WIDTH = 240, 400, 280
FILLS = {"low": "#dbe9f6", "high": "#e3f1dd", "diode": "#fde5cf"}


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of words; x is where the anchor is."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, kind: str, fill: str) -> str:
    """A box with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" class="{kind}"'
        f' fill="{fill}"/>'
    )


def arrow(x: float, y: float, to_x: float, kind: str) -> str:
    """A level line with a tip at its end."""
    return (
        f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{y:g}" class="{kind}"'
        f' marker-end="url(#{kind}-tip)"/>'
    )


def ends() -> Iterator[str]:
    """Both ends: a user, network, process and mount namespace each."""
    for name, left in ENDS.items():
        yield rectangle(left - 16, TOP - 46, END_WIDTH + 32, BOX_HEIGHT + 84, "outer", "#f8fafc")
        yield text(left + END_WIDTH / 2, TOP - 24, f"{name} end", "name")
        yield text(left + END_WIDTH / 2, TOP - 8, "a user namespace of its own", "small")
        yield rectangle(left, TOP, END_WIDTH, BOX_HEIGHT, "box", FILLS[name])
        yield text(left + END_WIDTH / 2, TOP + 22, INTERFACE, "name")
        runs = "what sends" if name == "low" else "what receives"
        yield text(left + END_WIDTH / 2, TOP + 88, runs, "small")
        yield text(left + END_WIDTH / 2, TOP + BOX_HEIGHT - 12, " · ".join(HOSTS[name].values()))
        yield text(left + END_WIDTH / 2, TOP + BOX_HEIGHT + 22,
                   "root here has no right over the diode", "small")  # fmt: skip


def middle() -> Iterator[str]:
    """The diode: two interfaces, and rules."""
    for rule in ('fwd to "high"', "chain from_high", "chain to_low"):
        if rule not in diode_rules(fwd=True):
            raise SystemExit(f"the picture shows a rule that is not there: {rule}")
    centre = MIDDLE + MIDDLE_WIDTH / 2
    yield rectangle(MIDDLE, TOP - 46, MIDDLE_WIDTH, BOX_HEIGHT + 84, "box", FILLS["diode"])
    yield text(centre, TOP - 24, "diode: a third network namespace", "name")
    yield text(centre, TOP - 8, "of the user namespace above both ends", "small")
    yield text(MIDDLE + 12, TOP + 22, "low", "name", "start")
    yield text(MIDDLE + MIDDLE_WIDTH - 12, TOP + 22, "high", "name", "end")
    yield text(centre, WAY_Y - 10, "ingress at low: counted, fwd to high", "small")
    yield text(centre, WAY_Y + 20, "or through the link models (--scenario)", "small")
    yield text(centre - 24, BACK_Y - 8, "ingress at high: counted, dropped", "small")
    yield text(centre, BACK_Y + 34, "egress at low: counted, dropped", "small")
    yield text(centre, TOP + BOX_HEIGHT + 22, "no address, no ARP, no IPv6, no routing", "small")


def ways() -> Iterator[str]:
    """Forward from end to end, backward into the diode and no further."""
    low_edge, high_edge = ENDS["low"] + END_WIDTH, ENDS["high"]
    yield arrow(low_edge - 24, WAY_Y, high_edge + 20, "way")
    yield arrow(high_edge + 24, BACK_Y, MIDDLE + MIDDLE_WIDTH - 34, "back")
    x = MIDDLE + MIDDLE_WIDTH - 44
    yield f'<path d="M{x - 8},{BACK_Y - 8} l16,16 m0,-16 l-16,16" class="stop"/>'
    yield text((low_edge + MIDDLE) / 2, WAY_Y - 12, "veth", "small")
    yield text((high_edge + MIDDLE + MIDDLE_WIDTH) / 2, WAY_Y - 12, "veth", "small")


def foot() -> Iterator[str]:
    """What holds it, and where it is counted."""
    y = TOP + BOX_HEIGHT + 74
    yield text(WIDTH / 2, y, "One process holds it all; when it ends, however it ends, the kernel"
               " takes everything away. Nothing of it is on disk.")  # fmt: skip
    yield text(WIDTH / 2, y + 20, "reverse passed: what the diode's interface low has sent, counted"
               " by the interface and not by a rule, out of both ends' reach")  # fmt: skip


def picture() -> str:
    """The whole SVG."""
    tips = "".join(
        f'<marker id="{kind}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="14"'
        ' markerHeight="14" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
        for kind, color in (("way", "#1c4f82"), ("back", "#9b1c1c"))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-label="Two network namespaces and the diode between them">',
        f"<defs>{tips}</defs>",
        "<style>text{font-family:DejaVu Sans,Verdana,sans-serif;font-size:12px;fill:#1f2937}"
        ".name{font-size:14px;font-weight:bold}.small{font-size:11px;fill:#374151}"
        ".box{stroke:#64748b;stroke-width:1}.outer{stroke:#cbd5e1;stroke-dasharray:5 4}"
        ".way{stroke:#1c4f82;stroke-width:4}.back{stroke:#9b1c1c;stroke-width:3}"
        ".stop{stroke:#9b1c1c;stroke-width:4;fill:none}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *ends(),
        *middle(),
        *ways(),
        *foot(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
    print(PICTURE)
