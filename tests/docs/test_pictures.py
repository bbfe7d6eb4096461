"""The pictures in the documents are those that the code gives now."""

import runpy
from pathlib import Path

import pytest

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


@pytest.mark.parametrize(
    ("drawing", "name"),
    [("draw.py", "journeys.svg"), ("draw_diode.py", "diode.svg"), ("draw_labels.py", "labels.svg")],
)
def test_a_picture_is_drawn_from_the_code_as_it_is(drawing: str, name: str) -> None:
    drawn = runpy.run_path(str(PICTURES / drawing))["picture"]()
    committed = (PICTURES / name).read_text("utf-8")
    assert drawn == committed, f"again: python docs/pictures/{drawing}"
