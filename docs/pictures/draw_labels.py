"""Draws docs/pictures/labels.svg: two security policies side by side, and what becomes what.

Takes the policies of KESTRIA and ALLIANCE from schemas/documents, gives one SVG file. Run it after
a change of either: `python docs/pictures/draw_labels.py`. tests/docs/test_pictures.py holds that it
was.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from schemas.label.equivalence import Equivalence
from schemas.label.model import CategoryKind
from schemas.label.spif import Spif, Tag
from schemas.label.spif_reader import read_spif

PICTURE = Path(__file__).with_name("labels.svg")
DOCUMENTS = Path(__file__).resolve().parents[2] / "schemas" / "documents"
WIDTH, TOP, ROW, BOX_HEIGHT = 1000, 84, 25, 20
LEFT, RIGHT, BOX_WIDTH = 40, 640, 320
FILLS = {
    "class": "#dbe9f6",
    CategoryKind.RESTRICTIVE: "#fde5cf",
    CategoryKind.PERMISSIVE: "#e3f1dd",
    CategoryKind.INFORMATIVE: "#f1f5f9",
}
MEANS = {
    "class": "classification: in the clearance's set",
    CategoryKind.RESTRICTIVE: "restrictive: all must be held",
    CategoryKind.PERMISSIVE: "permissive: at least one must be held",
    CategoryKind.INFORMATIVE: "informative: no effect",
}
Spots = dict[tuple[str, str], float]  # tag name ("" for classifications) and name -> middle, y


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of words; x is where the anchor is."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


class Column:
    """One policy from top to bottom: its classifications, highest first, then its tags."""

    def __init__(self, spif: Spif, left: float) -> None:
        self.spif, self.left = spif, left
        self.spots: Spots = {}
        self.y = float(TOP)

    def draw(self) -> Iterator[str]:
        """The column's boxes; fills `spots`."""
        yield text(self.left, TOP - 34, f"the policy {self.spif.policy.name}", "title")
        yield text(self.left, TOP - 16, self.spif.policy.uri, "small")
        ranked = sorted(self.spif.classifications.values(), key=lambda one: -one.hierarchy)
        for one in ranked:
            words = f"{one.name}{' (obsolete)' if one.obsolete else ''}"
            yield from self.box(("", one.name), words, FILLS["class"], one.obsolete)
        for tag in self.spif.tags.values():
            yield from self.tag(tag)

    def tag(self, tag: Tag) -> Iterator[str]:
        """A tag's name and its values."""
        self.y += 12
        yield text(self.left, self.y + 10, f"{tag.name} ({tag.kind})", "small")
        self.y += 18
        for value in tag.values.values():
            words = f"{value.name}{' (obsolete)' if value.obsolete else ''}"
            yield from self.box((tag.name, value.name), words, FILLS[tag.kind], value.obsolete)

    def box(self, key: tuple[str, str], words: str, fill: str, faint: bool) -> Iterator[str]:
        """One classification or value."""
        kind = "box faint" if faint else "box"
        yield (
            f'<rect x="{self.left:g}" y="{self.y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
            f' rx="4" class="{kind}" fill="{fill}"/>'
        )
        yield text(self.left + 10, self.y + 14, words)
        self.spots[key] = self.y + BOX_HEIGHT / 2
        self.y += ROW


def mappings(one: Column, other: Column, *, back: bool) -> Iterator[str]:
    """What each thing of one policy becomes in the other; what becomes nothing ends short."""
    pairing = Equivalence.between(one.spif, other.spif)
    for name in one.spif.classifications:
        options = [("", found) for found in pairing.class_options(name)]
        yield from lines(one, other, ("", name), options, discarded=False, back=back)
    for tag in one.spif.tags.values():
        for value in tag.values.values():
            if value.obsolete:
                continue
            found, discarded = pairing.value_options(value)
            options = [(there.name, it.name) for there, it in found]
            yield from lines(one, other, (tag.name, value.name), options, discarded, back=back)


def lines(one: Column, other: Column, key: tuple[str, str], options: list[tuple[str, str]],
          discarded: bool, *, back: bool) -> Iterator[str]:  # fmt: skip
    """The arrows of one thing; going back they leave and arrive a little lower."""
    shift = 4 if back else -4
    start = one.left if back else one.left + BOX_WIDTH
    y = one.spots[key] + shift
    step = -1 if back else 1
    kind = "back" if back else "there"
    for option in options:
        end = other.left + BOX_WIDTH if back else other.left
        to_y = other.spots[option] + shift
        yield (
            f'<path d="M{start:g},{y:g} C{start + step * 110:g},{y:g} {end - step * 110:g},{to_y:g}'
            f' {end - step * 3:g},{to_y:g}" class="{kind}" marker-end="url(#{kind}-tip)"/>'
        )
    if not options:
        words = "discarded" if discarded else "nothing: denied"
        to_x = start + step * 26
        yield f'<line x1="{start:g}" y1="{y:g}" x2="{to_x:g}" y2="{y:g}" class="{kind}"/>'
        anchor = "end" if back else "start"
        yield text(start + step * 30, y + 4, words, f"{kind}-word", anchor)


def legend(y: float) -> Iterator[str]:
    """What the colours and lines mean."""
    x = float(LEFT)
    for kind, words in MEANS.items():
        yield f'<rect x="{x:g}" y="{y:g}" width="18" height="14" class="box" fill="{FILLS[kind]}"/>'
        yield text(x + 24, y + 11, words, "small")
        x += 246
    y += 26
    said = {"there": "KESTRIA's policy says: is over there",
            "back": "ALLIANCE's policy says: is over here"}  # fmt: skip
    for at, (kind, words) in enumerate(said.items()):
        x = LEFT + at * 492
        yield (
            f'<line x1="{x:g}" y1="{y + 6:g}" x2="{x + 40:g}" y2="{y + 6:g}" class="{kind}"'
            f' marker-end="url(#{kind}-tip)"/>'
        )
        yield text(x + 50, y + 10, words, "small")


def picture() -> str:
    """The whole SVG."""
    spifs = [read_spif((DOCUMENTS / f"{name}.spif.xml").read_bytes())
             for name in ("kestria", "alliance")]  # fmt: skip
    one, other = Column(spifs[0], LEFT), Column(spifs[1], RIGHT)
    boxes = [*one.draw(), *other.draw()]
    bottom = max(one.y, other.y) + 14
    tips = "".join(
        f'<marker id="{kind}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9"'
        f' markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
        for kind, color in (("there", "#1c4f82"), ("back", "#c2570c"))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 56:g}" role="img"'
        ' aria-label="Two security policies and what each thing of one is in the other">',
        f"<defs>{tips}</defs>",
        "<style>text{font-family:DejaVu Sans,Verdana,sans-serif;font-size:12px;fill:#1f2937}"
        ".title{font-size:15px;font-weight:bold}.small{font-size:11px;fill:#374151}"
        ".box{stroke:#64748b;stroke-width:1}.faint{stroke-dasharray:4 3}"
        ".there{fill:none;stroke:#1c4f82;stroke-width:1.6}"
        ".back{fill:none;stroke:#c2570c;stroke-width:1.2}"
        ".there-word{font-size:10px;fill:#1c4f82}.back-word{font-size:10px;fill:#c2570c}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *mappings(one, other, back=False),
        *mappings(other, one, back=True),
        *boxes,
        *legend(bottom),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
    print(PICTURE)
