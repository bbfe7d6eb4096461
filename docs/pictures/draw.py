"""Draws docs/pictures/journeys.svg from the two journey tables, so that it cannot go out of date.

Takes `guard.low.LOW` and `guard.high.HIGH`, gives one SVG file. Run it after a change of either
table: `python docs/pictures/draw.py`. tests/docs/test_pictures.py holds that it was run.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from guard.core.journey import CHAIN, SCANNER, Journey, May, Role, State
from guard.high import HIGH
from guard.low import LOW

PICTURE = Path(__file__).with_name("journeys.svg")

WIDTH, BAND_HEIGHT, BETWEEN = 1270, 400, 56
LEFT, BOX, BOX_HEIGHT, GAP = 92, 160, 118, 78
ARC_TOP, ROW_1, ROW_2, ROW_3 = 40, 92, 248, 334
SMALL_HEIGHT, BAR_HEIGHT = 54, 44
FILLS = {"lane": "#dbe9f6", "link": "#fde5cf", "watch": "#e3f1dd", "export": "#f1e3f0"}
MAY_WORDS = {
    May.HEAD_KEY: "head receipt key",
    May.STAGE_KEY: "its receipt key",
    May.ALL_STAGE_KEYS: "all receipt keys",
    May.SEALING_KEY: "sealing key",
    May.LINK_KEY: "link key",
    May.SEND_UDP: "send UDP",
    May.RECEIVE_UDP: "receive UDP",
    May.SERVE: "serves metrics",
    May.COLLECTOR: "sends to a collector",
    May.FORK: "starts its own children",
}
Spot = tuple[float, float, float, float]  # left, top, width, height


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of words; x is where the anchor is."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(points: list[tuple[float, float]], kind: str = "way") -> str:
    """A line through the points, with a tip at the last."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" class="{kind}" marker-end="url(#{kind}-tip)"/>'


def box(spot: Spot, role: Role) -> Iterator[str]:
    """One role; the chain's row as a small stack of processes."""
    left, top, width, height = spot
    for shift in (8, 4, 0) if role.name == CHAIN else (0,):
        yield (
            f'<rect x="{left + shift:g}" y="{top + shift:g}" width="{width:g}" height="{height:g}"'
            f' rx="6" fill="{FILLS[role.domain]}" class="box"/>'
        )
    middle = left + width / 2
    yield text(middle, top + 19, role.name, "name")
    lines = ["one process a stage"] if role.name == CHAIN else []
    lines += [f"writes {', '.join(role.writes)}"] if role.writes else []
    lines += [f"reads {', '.join(role.reads)}"] if role.reads else []
    lines += [word for flag, word in MAY_WORDS.items() if flag in role.may]
    if height < BOX_HEIGHT:
        lines = [", ".join(lines)]
    for at, line in enumerate(lines):
        yield text(middle, top + 37 + 15 * at, line, "small")


class Band:
    """One side: its path in a row, its ledger's process as a bar below, the rest beside them."""

    def __init__(self, journey: Journey, top: float) -> None:
        self.journey, self.top = journey, top
        self.path = [role for role in journey.roles if role.gives is not State.NONE]
        self.bar = next(role for role in journey.roles if role.name == "audit")
        self.others = [
            role for role in journey.roles
            if role not in (*self.path, self.bar, SCANNER)  # which is there only if a stage asks
        ]  # fmt: skip
        self.spots: dict[str, Spot] = {}
        for at, role in enumerate(self.path):
            self.spots[role.name] = (self.column(at), top + ROW_1, BOX, BOX_HEIGHT)
        width = self.column(len(self.path) - 1) + BOX - LEFT
        self.spots[self.bar.name] = (LEFT, top + ROW_3, width, BAR_HEIGHT)
        for role in self.others:
            self.spots[role.name] = self.beside(role)

    @staticmethod
    def column(at: int) -> float:
        """The left edge of a column."""
        return LEFT + at * (BOX + GAP)

    def beside(self, role: Role) -> Spot:
        """Under the chain if it hears somebody; else in a column of its own."""
        chain = next(at for at, each in enumerate(self.path) if each.name == CHAIN)
        if role.hears:
            return self.column(chain), self.top + ROW_2, BOX, SMALL_HEIGHT
        row = ROW_1 if May.SERVE in role.may else ROW_1 + BOX_HEIGHT + BETWEEN
        return self.column(len(self.path)) + 24, self.top + row, BOX, BOX_HEIGHT

    def draw(self) -> Iterator[str]:
        """The band with its boxes, the message's way and the sockets."""
        low = self.journey is LOW
        title = "LOW SIDE (source)" if low else "HIGH SIDE (destination)"
        yield (
            f'<rect x="16" y="{self.top:g}" width="{WIDTH - 32}" height="{BAND_HEIGHT}" rx="10"'
            ' class="band"/>'
        )
        yield text(66, self.top + 28, title, "title", "start")
        for role in (*self.path, self.bar, *self.others):
            yield from box(self.spots[role.name], role)
        yield from self.steps()
        yield from self.channels()
        for role in self.others:
            if May.SERVE in role.may:
                left, top, width, height = self.spots[role.name]
                middle = left + width / 2
                yield text(middle, top + height + 18, "hears counters of", "small")
                yield text(middle, top + height + 33, "all others, one way", "small")

    def steps(self) -> Iterator[str]:
        """The message's way, with its state on each arrow and the journal it crosses."""
        for at, (one, other) in enumerate(zip(self.path, self.path[1:], strict=False)):
            left, top, width, height = self.spots[one.name]
            stacked = 8 if one.name == CHAIN else 0
            y = top + height / 2
            begin, end = left + width + stacked, self.column(at + 1)
            yield arrow([(begin, y), (end - 3, y)], "way")
            middle = (begin + end) / 2
            yield text(middle, y - 8, one.gives.value, "state")
            journals = [f for f in one.writes if f in other.reads]
            if journals:
                yield text(middle, y + 18, f"{journals[0]}/", "small")
        first, last = self.path[0], self.path[-1]
        left, top, _, height = self.spots[first.name]
        y = top + height / 2
        if first.takes is State.DROPPED:
            yield text(left - 38, y - 8, first.takes.value, "state")
            yield arrow([(left - 62, y), (left - 3, y)], "way")
        left, top, width, _ = self.spots[last.name]
        if last.gives is State.DELIVERED:
            right = left + width
            yield arrow([(right, y), (right + 60, y)], "way")
            yield text(right + 34, y - 8, last.gives.value, "state")
            yield text(right + 34, y + 18, "queue/", "small")

    def channels(self) -> Iterator[str]:
        """Every other one-way socket, by the name that both rows have for it."""
        arcs = 0
        offsets: dict[str, int] = {}
        for teller in self.journey.roles:
            for name in teller.tells:
                for hearer in self.journey.roles:
                    if name not in hearer.hears or CHAIN in (teller.name, hearer.name):
                        continue
                    if self.bar in (teller, hearer):
                        yield from self.to_bar(teller, hearer, name, offsets)
                    elif hearer in self.path and teller in self.path:
                        yield from self.arc(teller, hearer, name, arcs)
                        arcs += 1
                    else:
                        yield from self.elbow(teller, hearer, name)

    def to_bar(
        self, teller: Role, hearer: Role, name: str, offsets: dict[str, int]
    ) -> Iterator[str]:
        """A socket between a role and the ledger's process below it."""
        other = hearer if teller is self.bar else teller
        left, top, width, height = self.spots[other.name]
        used = offsets[other.name] = offsets.get(other.name, 0) + 1
        x = left + width * (0.62 if used == 1 else 0.78)
        above, below = top + height, self.top + ROW_3
        y = (above + below) / 2 + 28
        if teller is self.bar:
            yield arrow([(x, below), (x, above + 3)], "socket")
        else:
            yield arrow([(x, above), (x, below - 3)], "socket")
        side, anchor = (-5, "end") if used == 1 else (5, "start")
        yield text(x + side, y, name, "label", anchor)

    def arc(self, teller: Role, hearer: Role, name: str, at: int) -> Iterator[str]:
        """A socket between two roles of the path that are no neighbours, above them."""
        y = self.top + ARC_TOP + 24 * at
        one, other = self.spots[teller.name], self.spots[hearer.name]
        inward = 1 if one[0] < other[0] else -1
        start = one[0] + one[2] / 2 + inward * (24 - 40 * at)
        end = other[0] + other[2] / 2 - inward * (24 - 40 * at)
        yield arrow([(start, one[1]), (start, y), (end, y), (end, other[1] - 3)], "socket")
        yield text((start + end) / 2, y - 5, name, "label")

    def elbow(self, teller: Role, hearer: Role, name: str) -> Iterator[str]:
        """A socket to a role that stands below the path."""
        left, top, _, height = self.spots[teller.name]
        to_left, to_top, to_width, to_height = self.spots[hearer.name]
        x, y = left + 18, to_top + to_height / 2
        yield arrow([(x, top + height), (x, y), (to_left + to_width + 3, y)], "socket")
        yield text((x + to_left + to_width) / 2 + 2, y - 6, name, "label")


def link(low: Band, high: Band) -> Iterator[str]:
    """From the last box of the low side to the first of the high side."""
    left, top, width, height = low.spots[low.path[-1].name]
    to_left, to_top, _, to_height = high.spots[high.path[0].name]
    y, turn = top + height / 2, left + width + 34
    between = low.top + BAND_HEIGHT + BETWEEN / 2
    end_y = to_top + to_height / 2
    points = [(left + width, y), (turn, y), (turn, between), (46.0, between), (46.0, end_y)]
    yield arrow([*points, (to_left - 6, end_y)], "link")
    yield text(
        (46 + turn) / 2, between - 8,
        "the link: UDP, one way, encrypted, with forward error correction", "link-label",
    )  # fmt: skip
    yield text(turn + 6, y - 8, low.path[-1].gives.value, "state", "start")


def legend(y: float) -> Iterator[str]:
    """What the colours and lines mean."""
    x = 36.0
    domains = list(dict.fromkeys((*LOW.domains, *HIGH.domains)))
    yield text(x, y + 12, "failure domains, each restarted as a whole:", "small", "start")
    x += 270
    for domain in domains:
        fill = f'fill="{FILLS[domain]}"'
        yield f'<rect x="{x:g}" y="{y:g}" width="22" height="15" {fill} class="box"/>'
        yield text(x + 30, y + 12, domain, "small", "start")
        x += 96
    yield arrow([(x, y + 8), (x + 40, y + 8)], "way")
    yield text(x + 48, y + 12, "a message, and where it is", "small", "start")
    x += 230
    yield arrow([(x, y + 8), (x + 40, y + 8)], "socket")
    yield text(x + 48, y + 12, "a one-way socket for notices and entries", "small", "start")


def picture() -> str:
    """The whole SVG."""
    low = Band(LOW, 16)
    high = Band(HIGH, 16 + BAND_HEIGHT + BETWEEN)
    bottom = high.top + BAND_HEIGHT
    height = bottom + 44
    tips = "".join(
        f'<marker id="{kind}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="{size}"'
        f' markerHeight="{size}" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
        for kind, size, color in (
            ("way", 12, "#1c4f82"),
            ("socket", 9, "#6b7280"),
            ("link", 16, "#c2570c"),
        )
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img"'
        ' aria-label="The journey of a message through the low and the high side">',
        f"<defs>{tips}</defs>",
        "<style>text{font-family:DejaVu Sans,Verdana,sans-serif;font-size:12px;fill:#1f2937}"
        ".title{font-size:15px;font-weight:bold}.name{font-size:14px;font-weight:bold}"
        ".small{font-size:11px;fill:#374151}.label{font-size:11px;fill:#4b5563;font-style:italic}"
        ".state{font-size:11px;font-weight:bold;fill:#1c4f82}"
        ".link-label{font-size:13px;font-weight:bold;fill:#c2570c}"
        ".box{stroke:#64748b;stroke-width:1}.band{fill:#f8fafc;stroke:#cbd5e1}"
        ".way{fill:none;stroke:#1c4f82;stroke-width:2.5}"
        ".socket{fill:none;stroke:#6b7280;stroke-width:1.2}"
        ".link{fill:none;stroke:#c2570c;stroke-width:4}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *low.draw(),
        *high.draw(),
        *link(low, high),
        *legend(bottom + 14),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
    print(PICTURE)
