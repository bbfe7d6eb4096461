"""The pages in docs/filters: their tables are the types' own, and every new stage has a page."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from filters import catalog
from filters.describe import described
from tests.filters.hostile.cases import formats

PAGES = Path(__file__).parents[2] / "docs" / "filters"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PAGES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_the_tables_of_a_page_are_made_from_the_types(path: Path) -> None:
    text = path.read_text("utf-8")
    assert load("tables").page(text) == text, "run: python docs/filters/tables.py"


def test_every_stage_is_on_a_page() -> None:
    tables = load("tables")
    there = [name for path in PAGES.glob("*.md") for name in tables.stages(path.read_text("utf-8"))]
    assert sorted(there) == sorted(set(there))
    assert set(catalog.names()) - set(there) == set()


@pytest.mark.parametrize("name", catalog.names())
def test_every_parameter_of_a_stage_has_a_meaning(name: str) -> None:
    found = described(catalog.load(name))
    assert [row["name"] for row in found["parameters"] if not row["meaning"]] == []
    assert found["drops"]


def test_the_table_of_counts_has_every_format_and_real_files_where_there_are_some() -> None:
    rows = re.findall(
        r"^\| (\w+) \| `(\w+)` \| ([^|]+) \| (\d+) of (\d+) \| (\d+) of (\d+) \|",
        (PAGES / "coverage.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {(row[0], row[1]) for row in rows} == {
        (given.name, pack) for given in formats() for pack in given.packs
    }
    for name, _, real, sound, sound_of, hostile, hostile_of in rows:
        given = next(each for each in formats() if each.name == name)
        assert hasattr(given.module, "real") == bool(re.fullmatch(r"\d+, \d+", real)), name
        assert (sound, hostile) == (sound_of, hostile_of)
        assert int(hostile) == len(list(given.hostile())) >= 60
