"""Domains and flows as a picture: one SVG, drawn by our own code.

Takes domains and flows, and which flows leak; gives the file's text. Pure. The highest domains
stand at the top; each flow is an arrow of its own; a release is dashed, what leaks is red.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape

from schemas.topology import FlowLine
from schemas.trust_root import Domain

BOX, BOX_HEIGHT, ACROSS, DOWN = 190.0, 62.0, 330.0, 210.0
LEFT, TOP, LEGEND = 40.0, 40.0, 60.0
BESIDE = 26.0
LABEL_AT = 0.42
_COLORS = {"flow": "#1c4f82", "release": "#c2570c", "leak": "#b91c1c"}
_MIDDLE = 'text-anchor="middle"'
Spot = tuple[float, float]


def picture(
    domains: Mapping[str, Domain], flows: Sequence[FlowLine], leaking: Collection[FlowLine]
) -> str:
    """The whole SVG."""
    spots, width, height = _places(domains)
    tips = "".join(
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9"'
        f' orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
        for kind, color in _COLORS.items()
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
        ' aria-label="Domains and the flows between them">',
        f"<defs>{tips}</defs>",
        "<style>text{font-family:DejaVu Sans,Verdana,sans-serif;font-size:12px;fill:#1f2937}"
        ".name{font-size:15px;font-weight:bold}.small{font-size:11px;fill:#374151}"
        ".box{fill:#dbe9f6;stroke:#64748b}path{fill:none;stroke-width:2}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_arrows(spots, flows, leaking),
        *(line for name, spot in spots.items() for line in _box(domains[name], spot)),
        *_legend(height - LEGEND + 24),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(domains: Mapping[str, Domain]) -> tuple[dict[str, Spot], float, float]:
    """The middle of each domain's box, and the picture's size: a row a level, highest first."""
    levels = sorted({it.level for it in domains.values()}, reverse=True)
    rows = [[it for _, it in sorted(domains.items()) if it.level == level] for level in levels]
    widest = max(len(row) for row in rows)
    spots = {}
    for down, row in enumerate(rows):
        start = LEFT + BOX / 2 + (widest - len(row)) * ACROSS / 2
        for at, domain in enumerate(row):
            spots[domain.name] = (start + at * ACROSS, TOP + BOX_HEIGHT / 2 + down * DOWN)
    width = 2 * LEFT + BOX + (widest - 1) * ACROSS
    height = 2 * TOP + BOX_HEIGHT + (len(rows) - 1) * DOWN + LEGEND
    return spots, max(width, 520.0), height


def _box(domain: Domain, spot: Spot) -> Iterator[str]:
    x, y = spot
    yield (
        f'<rect x="{x - BOX / 2:g}" y="{y - BOX_HEIGHT / 2:g}" width="{BOX:g}"'
        f' height="{BOX_HEIGHT:g}" rx="6" class="box"/>'
    )
    yield f'<text x="{x:g}" y="{y - 4:g}" class="name" {_MIDDLE}>{escape(domain.name)}</text>'
    categories = ", ".join(sorted(domain.categories))
    told = f"{domain.classification}{f' ({categories})' if categories else ''}"
    yield f'<text x="{x:g}" y="{y + 16:g}" class="small" {_MIDDLE}>{escape(told)}</text>'


def _arrows(
    spots: Mapping[str, Spot], flows: Sequence[FlowLine], leaking: Collection[FlowLine]
) -> Iterator[str]:
    drawn: dict[frozenset[str], int] = {}
    for flow in sorted(flows):
        between = frozenset((flow.source, flow.destination))
        at = drawn[between] = drawn.get(between, 0) + 1
        kind = "leak" if flow in leaking else "release" if flow.release else "flow"
        yield from _arrow(spots[flow.source], spots[flow.destination], at, flow, kind)


def _arrow(start: Spot, end: Spot, at: int, flow: FlowLine, kind: str) -> Iterator[str]:
    """A bent line beside the straight one, to the right of the way it goes: two ways never meet."""
    if start == end:
        start, end = (start[0] - 30, start[1]), (end[0] + 30, end[1])
        bent = (start[0] + 30, start[1] - BOX_HEIGHT - BESIDE * at)
    else:
        length = math.dist(start, end)
        across = ((end[1] - start[1]) / length, (start[0] - end[0]) / length)
        bent = tuple(
            (one + other) / 2 + BESIDE * (at + 1) * side
            for one, other, side in zip(start, end, across, strict=True)
        )  # type: ignore[assignment]  # two coordinates
    first, last = _edge(start, bent), _edge(end, bent)
    dash = ' stroke-dasharray="7 4"' if flow.release else ""
    yield (
        f'<path d="M{first[0]:.1f},{first[1]:.1f} Q{bent[0]:.1f},{bent[1]:.1f}'
        f' {last[0]:.1f},{last[1]:.1f}" stroke="{_COLORS[kind]}"{dash}'
        f' marker-end="url(#{kind})"/>'
    )
    x, y = (_curve(one, two, three) for one, two, three in zip(first, bent, last, strict=True))
    yield f'<text x="{x + 6:.1f}" y="{y:.1f}" fill="{_COLORS[kind]}">{escape(flow.name)}</text>'


def _curve(one: float, two: float, three: float) -> float:
    """Where a quadratic curve is at `LABEL_AT` of its way."""
    t = LABEL_AT
    return (1 - t) ** 2 * one + 2 * t * (1 - t) * two + t * t * three


def _edge(middle: Spot, towards: Spot) -> Spot:
    """Where the line from a box's middle leaves the box."""
    x, y = towards[0] - middle[0], towards[1] - middle[1]
    shares = [
        half / abs(distance)
        for half, distance in ((BOX / 2 + 3, x), (BOX_HEIGHT / 2 + 3, y))
        if distance
    ]
    share = min([1.0, *shares])
    return middle[0] + x * share, middle[1] + y * share


def _legend(y: float) -> Iterator[str]:
    words = {"flow": "a flow", "release": "a release flow", "leak": "part of a leak"}
    for at, (kind, told) in enumerate(words.items()):
        x = LEFT + at * 160
        dash = ' stroke-dasharray="7 4"' if kind == "release" else ""
        yield (
            f'<path d="M{x:g},{y:g} L{x + 40:g},{y:g}" stroke="{_COLORS[kind]}"{dash}'
            f' marker-end="url(#{kind})"/>'
        )
        yield f'<text x="{x + 48:g}" y="{y + 4:g}" class="small">{told}</text>'
