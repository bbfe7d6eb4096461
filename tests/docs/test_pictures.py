"""The picture in the documents is the one that the journey tables give now."""

import runpy
from pathlib import Path

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def test_the_picture_is_drawn_from_the_tables_as_they_are() -> None:
    drawn = runpy.run_path(str(PICTURES / "draw.py"))["picture"]()
    committed = (PICTURES / "journeys.svg").read_text("utf-8")
    assert drawn == committed, "again: python docs/pictures/draw.py"
