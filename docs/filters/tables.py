"""Writes the parameter tables of the pages beside it: `python docs/filters/tables.py`.

A page has, for each stage it is about, a line `<!-- stage: NAME -->` and a line `<!-- end -->`;
what stands between them is made here from the stage's types. A test fails if a page is out of date.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from filters import catalog  # noqa: E402  # the project is found above
from filters.describe import table  # noqa: E402  # as above

_PLACE = re.compile(r"^<!-- stage: (\w+) -->\n.*?^<!-- end -->", re.DOTALL | re.MULTILINE)


def page(text: str) -> str:
    """The page with its tables made anew."""

    def made(found: re.Match[str]) -> str:
        stage = catalog.load(found[1])
        side = "either side" if stage.side == "both" else f"{stage.side} side"
        head = f"`{stage.name}` ({stage.kind}, {side}): {stage.summary}."
        return f"<!-- stage: {found[1]} -->\n{head}\n\n{table(stage)}\n<!-- end -->"

    return _PLACE.sub(made, text)


def stages(text: str) -> list[str]:
    """The stages that a page has tables of."""
    return [found[1] for found in _PLACE.finditer(text)]


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.md")):
        path.write_text(page(path.read_text("utf-8")), "utf-8")
