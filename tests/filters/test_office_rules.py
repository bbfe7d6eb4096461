"""What the rules of `office_rebuild` do when they are not the pack's."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from filters import catalog
from filters.formats.office_fields import field_fault
from filters.formats.office_formulas import formula_fault
from filters.formats.office_model import read
from filters.formats.office_text import office_texts
from filters.twins import office_read
from schemas.cbor import decode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed
from tests.filters.hostile import docx, xlsx
from tests.filters.hostile.odf_forge import ALL as ODF_ALL
from tests.filters.hostile.odf_forge import package as odf
from tests.filters.hostile.ooxml_forge import ALL, OFFICE, package
from tests.filters.hostile.zip_forge import Entry, zip_of

PACK = Path(__file__).parents[2] / "schemas" / "packs" / "office"
META = Meta(id="7" * 32, flow="f", sender="s", name="", accepted_s=1)
KINDS = office_read.OfficeReadParameters(kinds=["docx", "xlsx"])


def rebuilt(document: bytes, **rules: Any) -> Any:
    """The model of a document under these rules, the rest as in the pack."""
    answer = made(tuple(sorted(rules.items())))(Message.make(META, document))
    assert isinstance(answer, Changed), answer
    return decode(answer.message.payload)


@cache
def made(rules: tuple[tuple[str, str], ...]) -> Run:
    """The stage, made once for the same rules."""
    policy = tomllib.loads((PACK / "policy.toml").read_text("utf-8"))
    (row,) = [one for one in policy["source"]["stage"] if one["name"] == "office_rebuild"]
    stage = catalog.load("office_rebuild")
    documents = {name: (PACK / name).read_bytes() for name in policy["source"]["documents"]}
    parameters = stage.parameters.model_validate({**row["parameters"], **dict(rules)})
    return stage.make(parameters, documents)


def test_accepted_revisions_keep_what_was_inserted_and_lose_what_was_deleted() -> None:
    text = (
        "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r>"
        "</w:del><w:moveFrom><w:r><w:t>here</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>there"
        "</w:t></w:r></w:moveTo></w:p>"
    )
    found = office_texts(rebuilt(package("docx").inside(text).write(), revisions="accept"))
    assert "newthere" in found
    tracked = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
    )
    document = odf("odt").inside(tracked).paragraph("<text:change/>").write()
    assert "old" not in " ".join(office_texts(rebuilt(document, revisions="accept")))


def test_hyperlinks_that_are_kept_are_of_three_kinds() -> None:
    document = package("docx")
    targets = (
        "https://192.0.2.1/a?b=c", "mailto:a@192.0.2.1", "file:///etc/passwd", "javascript:a",
        "ms-msdt:/id", "\\\\192.0.2.1\\s", "https://192.0.2.1/é",
    )  # fmt: skip
    for number, target in enumerate(targets):
        document.link(document.main, "hyperlink", target, "External", f"r{number}")
        document.inside(
            f'<w:p><w:hyperlink r:id="r{number}"><w:r><w:t>kept</w:t></w:r></w:hyperlink></w:p>'
        )
    model = rebuilt(document.write(), hyperlinks="keep")
    assert model["parts"][0]["links"] == list(targets[:2])
    assert office_texts(model).count("kept") == len(targets)
    with pytest.raises(Malformed, match="office-external"):
        rebuilt(document.write(), hyperlinks="refuse")


def test_what_is_dropped_instead_of_refused_is_gone() -> None:
    rules = dict.fromkeys(("macros", "embedded", "external", "fields"), "drop")
    refused, crossed = 0, []
    for case in [*docx.hostile(), *xlsx.hostile()]:
        if case.reasons[0].startswith("office-") and case.reasons[0] not in (
            "office-package", "office-part", "office-legacy", "office-revision",
        ):  # fmt: skip
            try:
                crossed.append((case.name, rebuilt(case.payload, **rules)))
            except Malformed:
                refused += 1
    assert len(crossed) > 100
    for name, model in crossed:
        words = " ".join(office_texts(model))
        assert "192.0.2.1" not in words, name
        assert "cmd" not in words, name
        kinds = {part["kind"] for part in model["parts"]}
        assert kinds <= {"document", "settings", "workbook", "worksheet"}, name


def test_speaker_notes_cross_where_the_rule_keeps_them() -> None:
    document = package("pptx")
    document.put("ppt/n.xml", document.parts["ppt/slides/slide1.xml"].replace(b"p:sld", b"p:notes"),
             OFFICE + "presentationml.notesSlide+xml")  # fmt: skip
    document.link("ppt/slides/slide1.xml", "notesSlide", "../n.xml")
    kept = [part["kind"] for part in rebuilt(document.write(), notes="keep")["parts"]]
    assert "notesSlide" in kept
    assert "notesSlide" not in [part["kind"] for part in rebuilt(document.write())["parts"]]
    notes = "<presentation:notes><draw:frame><draw:text-box><text:p>aside</text:p></draw:text-box>"
    notes += "</draw:frame></presentation:notes>"
    show = odf("odp").inside(notes, "</draw:page>").write()
    assert "aside" in office_texts(rebuilt(show, notes="keep"))
    assert "aside" not in office_texts(rebuilt(show))


def test_the_elements_of_all_parts_are_counted_while_they_are_made() -> None:
    """Not when the model is read: by then a small file could have taken all memory."""
    document, many = package("docx"), "<w:p/>" * 60_000
    for number in range(3):
        document.put(f"word/h{number}.xml", f"<w:hdr {ALL}>{many}</w:hdr>",
                     OFFICE + "wordprocessingml.header+xml")  # fmt: skip
        document.link(document.main, "header", f"h{number}.xml", ident=f"h{number}")
        reference = f'<w:headerReference r:id="h{number}"/><w:sectPr/>'.encode()
        main = document.parts[document.main]
        document.parts[document.main] = main.replace(b"<w:sectPr/>", reference)
    with pytest.raises(Malformed, match="too-many-elements"):
        rebuilt(document.write(method=0))
    empty = "<style:style/>" * 80_000
    text = odf("odt").inside("<text:p/>" * 80_000)
    text.put("styles.xml", f"<office:document-styles {ODF_ALL}>{empty}</office:document-styles>")
    stored = [Entry(entry.name, entry.contents) for entry in text.entries()]
    with pytest.raises(Malformed, match="too-many-elements"):
        rebuilt(zip_of(*stored))


def test_a_workbook_may_have_more_elements_than_a_text() -> None:
    many = f"<x:mergeCells>{'<x:mergeCell/>' * 160_000}</x:mergeCells>"
    sheet = package("xlsx").inside(many).write(method=0)
    answer = made(())(Message.make(META, sheet))
    assert isinstance(answer, Changed)
    assert read(answer.message.payload)["kind"] == "xlsx"
    assert office_read.document(answer.message.payload, KINDS)["kind"] == "xlsx"
    with pytest.raises(Malformed, match="too-many-elements"):
        rebuilt(package("docx").inside("<w:p/>" * 160_000).write(method=0))


def test_names_that_the_table_lacks_can_be_refused() -> None:
    document = package("docx").inside(f"<w:p><w:somethingNew {ALL}/></w:p>").write()
    assert rebuilt(document)
    with pytest.raises(Malformed, match="somethingNew"):
        rebuilt(document, unknown="refuse")


@pytest.mark.parametrize(
    "text", ["A" * 40_000, "[" * 32_000, '"' * 32_001, "'" * 32_001, "(" * 32_000]
)
def test_a_long_formula_is_answered(text: str) -> None:
    assert isinstance(formula_fault(text, is_ooxml=True), str)
    assert isinstance(formula_fault(text, is_ooxml=False), str)


def test_fields_are_judged_by_their_first_word_and_by_addresses() -> None:
    assert field_fault(" PAGE \\* MERGEFORMAT ") == ""
    assert field_fault("HYPERLINK \\l place") == ""
    assert field_fault("HYPERLINK https://192.0.2.1") != ""
    assert field_fault('"DDE" a b') != ""
    assert field_fault("\u00a0DDEAUTO a") != ""


@pytest.mark.parametrize("name", ["ooxml-names", "ooxml-places", "odf-names", "odf-places"])
def test_the_packs_have_the_same_tables_and_the_two_sides_the_same_elements(name: str) -> None:
    table = (PACK / f"{name}.txt").read_text("ascii")
    assert (PACK.parent / "archive" / f"{name}.txt").read_text("ascii") == table
    family, _ = name.split("-")
    elements = [
        {
            line.split()[0]
            for line in (PACK / f"{family}-{kind}.txt").read_text("ascii").splitlines()
            if line and not line.startswith(("#", "ns "))
        }
        for kind in ("names", "places")
    ]
    assert elements[0] == elements[1]


def test_the_address_in_a_bibliography_is_a_hyperlink() -> None:
    mark = '<text:bibliography-mark text:identifier="a" text:url="{}">a</text:bibliography-mark>'
    document = odf("odt").paragraph(mark.format("https://192.0.2.1/a")).write()
    assert "192.0.2.1" not in str(rebuilt(document))
    assert "192.0.2.1" in str(rebuilt(document, hyperlinks="keep"))
    with pytest.raises(Malformed, match="office-external"):
        rebuilt(document, hyperlinks="refuse")
    assert "file:" not in str(
        rebuilt(odf("odt").paragraph(mark.format("file:///a")).write(), hyperlinks="keep")
    )


def test_no_other_program_draws_a_shape_and_no_slide_goes_on_by_itself() -> None:
    shape = '<draw:custom-shape draw:engine="a.b" draw:data="TRACE" draw:name="kept"/>'
    crossed = str(rebuilt(odf("odt").paragraph(shape).write()))
    assert "kept" in crossed
    assert "TRACE" not in crossed
    styles = (
        '<office:automatic-styles><style:style style:name="d" style:family="drawing-page">'
        "<style:drawing-page-properties "
        'presentation:transition-type="automatic" presentation:transition-style="dissolve" '
        'presentation:transition-speed="fast" presentation:duration="PT1S" draw:fill="none"/>'
        "</style:style></office:automatic-styles>"
    )
    crossed = str(rebuilt(odf("odp").inside(styles, "<office:body>").write()))
    assert "draw:fill" in crossed
    assert "transition" not in crossed
    assert "duration" not in crossed
