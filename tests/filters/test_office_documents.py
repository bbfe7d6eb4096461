"""Documents of common programs pass and look the same afterwards: pictures of both are compared."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.filters.hostile.chains import Pack
from tests.filters.office_makers import CONVERTED, WRITTEN, Office, library, picture

NOTICED = 48  # of 255: what differs less is the printer's noise


@pytest.fixture(scope="module")
def office_pack() -> Pack:
    return Pack("office")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


def parts(document: bytes) -> bytes:
    """All that is in a document, unpacked."""
    with zipfile.ZipFile(io.BytesIO(document)) as opened:
        return b"".join(name.encode() + opened.read(name) for name in opened.namelist())


def delivered(pack: Pack, document: bytes) -> bytes:
    """The document as it is delivered; a second run gives the same."""
    first = pack(document)
    assert first.stage == "", first.sentence
    again = pack(first.message.payload)
    assert again.message.payload == first.message.payload
    return first.message.payload


def same(one: Image.Image, other: Image.Image) -> bool:
    """Whether no point of two pages differs so much that a reader would notice."""
    difference = ImageChops.difference(one.convert("L"), other.convert("L"))
    return one.size == other.size and not sum(difference.histogram()[NOTICED:])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_document_of_a_python_library_passes_without_its_metadata(
    name: str, office_pack: Pack
) -> None:
    before = WRITTEN[name]()
    after = delivered(office_pack, before)
    assert b"TRACE" in parts(before)
    assert b"TRACE" not in parts(after)


def test_what_a_python_library_wrote_it_reads_again(office_pack: Pack) -> None:
    made: Any = library("docx")
    read = made.Document(io.BytesIO(delivered(office_pack, WRITTEN["python.docx"]())))
    assert [p.text for p in read.paragraphs][:3] == ["A heading", "Plain and bold", "first"]
    assert read.tables[0].cell(0, 0).text == "cell"
    made = library("openpyxl")
    book = made.load_workbook(io.BytesIO(delivered(office_pack, WRITTEN["python.xlsx"]())))
    assert book.sheetnames == ["Sheet", "Second"]
    assert [cell.value for cell in book["Sheet"][3]][:4] == [3, 9, "=A3*B3", "text 3"]
    made = library("pptx")
    show = made.Presentation(io.BytesIO(delivered(office_pack, WRITTEN["python.pptx"]())))
    assert show.slides[0].shapes.title.text == "The title"
    assert not show.slides[0].has_notes_slide


@pytest.mark.long
@pytest.mark.parametrize("name", [*CONVERTED, *WRITTEN])
def test_a_document_looks_the_same_afterwards(
    name: str, office_pack: Pack, office: Office, tmp_path: Path
) -> None:
    if name in CONVERTED:
        source, ending, form = CONVERTED[name]
        flat = tmp_path / f"{Path(name).stem}.{ending}"
        flat.write_text(source, "utf-8")
        before = office.convert(flat, form).read_bytes()
    else:
        before = WRITTEN[name]()
    after = delivered(office_pack, before)
    seen = []
    for when, document in (("before", before), ("after", after)):
        (tmp_path / when).mkdir()
        (tmp_path / when / name).write_bytes(document)
        seen.append(office.pictures(tmp_path / when / name))
    assert len(seen[0]) == len(seen[1]) > 0
    assert [n for n, pages in enumerate(zip(*seen, strict=True)) if not same(*pages)] == []


def test_pictures_that_differ_are_noticed() -> None:
    one = Image.open(io.BytesIO(picture()))
    assert same(one, one)
    assert not same(one, one.rotate(180))
