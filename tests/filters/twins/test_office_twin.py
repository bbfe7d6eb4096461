"""What a taken-over source side could send of documents: refused by the destination's own code.

Models are written by hand, and pass through the destination's whole chain of the pack `office`.
"""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filters import catalog
from filters.formats import office_model
from filters.formats.office_text import office_texts
from filters.twins.office_lines import texts
from filters.twins.office_read import OfficeReadParameters, document
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from tests.filters.conftest import Chain, Outcome

PACK = Path(__file__).parents[3] / "schemas" / "packs" / "office"
VECTORS = Path(__file__).parents[2] / "vectors" / "office" / "model.json"
META = Meta(
    id="7" * 32, flow="office", sender="s", name="", accepted_s=1, label="UNCLASSIFIED"
)  # fmt: skip
KINDS: list[Any] = ["docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "odf"]
TEXT = ["w:p", {}, [["w:r", {}, [["w:t", {}, ["all is well"]]]]]]


@pytest.fixture(scope="module")
def destination() -> Chain:
    return Chain("office", "destination")


def docx(*body: Any, links: Any = (), more: Any = ()) -> dict[str, Any]:
    tree = ["w:document", {}, [["w:body", {}, [TEXT, *body]]]]
    main = {"kind": "document", "links": list(links), "tree": tree}
    return {"office": 1, "kind": "docx", "parts": [main, *more]}


def odt(*body: Any, more: Any = ()) -> dict[str, Any]:
    inside = ["office:body", {}, [["office:text", {}, [["text:p", {}, ["all is well"]], *body]]]]
    content = {"kind": "content", "object": 0, "tree": ["office:document-content", {}, [inside]]}
    return {"office": 1, "kind": "odt", "parts": [content, *more]}


def xlsx(formula: str, *more: Any) -> dict[str, Any]:
    book = ["x:workbook", {}, [["x:sheets", {}, [["x:sheet", {"name": "a", "r:id": "rId1"}, []]]]]]
    cell = ["x:c", {}, [["x:f", {}, [formula]]]]
    sheet = ["x:worksheet", {}, [["x:sheetData", {}, [["x:row", {}, [cell]]]], *more]]
    parts = [
        {"kind": "workbook", "links": [1], "tree": book},
        {"kind": "worksheet", "links": [], "tree": sheet},
    ]
    return {"office": 1, "kind": "xlsx", "parts": parts}


def mark(kind: str) -> Any:
    return ["w:r", {}, [["w:fldChar", {"w:fldCharType": kind}, []]]]


def field(instruction: str) -> Any:
    half = len(instruction) // 2
    said = [["w:r", {}, [["w:instrText", {}, [piece]]]]
            for piece in (instruction[:half], instruction[half:])]  # fmt: skip
    return ["w:p", {}, [mark("begin"), *said, mark("end")]]


STYLES = {"kind": "styles", "links": [], "tree": ["w:styles", {}, []]}
WRONG: dict[str, tuple[Any, str]] = {
    "an element that no list has": (docx(["w:object", {}, []]), "schema-invalid"),
    "an element elsewhere": (docx(["w:t", {}, ["x"]]), "schema-invalid"),
    "text where none is": (docx(["w:p", {}, ["x"]]), "schema-invalid"),
    "an unknown prefix": (docx(["v:shape", {}, []]), "model-unknown-name"),
    "a prefix in an attribute": (docx(["w:p", {"v:a": "x"}, []]), "model-unknown-name"),
    "a name that closes the tag": (docx(["w:p><x", {}, []]), "model-shape"),
    "a prefix that begins with a digit": (docx(["8:p", {}, []]), "model-shape"),
    "a name that begins with a dash": (docx(["w:-p", {}, []]), "model-shape"),
    "an attribute that ends the value": (docx(["w:p", {'a"b': "x"}, []]), "model-shape"),
    "a relationship that is not there": (
        docx(["w:p", {}, [["w:hyperlink", {"r:id": "rId9"}, []]]]), "schema-invalid"),
    "an address": (docx(links=["https://192.0.2.1/"]), "office-external"),
    "a link outside of the list": (docx(links=[7]), "office-part"),
    "a link that is true": (docx(links=[True], more=[STYLES]), "model-shape"),
    "a part of another document": (
        docx(more=[{"kind": "slide", "links": [], "tree": ["p:sld", {}, []]}]), "office-part"),
    "two parts of a kind that is once": (docx(links=[1, 2], more=[STYLES, STYLES]), "office-part"),
    "a part with another root": (
        docx(links=[1], more=[{**STYLES, "tree": ["w:numbering", {}, []]}]), "office-part"),
    "a macro": (docx(more=[{"kind": "vbaProject", "links": [], "tree": ["w:x", {}, []]}]),
                "office-part"),
    "a picture of no table": (
        docx(links=[1], more=[{"kind": "image", "media": "wmf", "data": b"x"}]),
        "type-not-allowed"),
    "a picture that is none": (
        docx(links=[1], more=[{"kind": "image", "media": "png", "data": b"x"}]), "*"),
    "a field that starts a program": (docx(field("DDEAUTO c:\\cmd a")), "office-field"),
    "a simple field": (
        docx(["w:p", {}, [["w:fldSimple", {"w:instr": "INCLUDETEXT a"}, []]]]), "office-field"),
    "an instruction outside of a field": (
        docx(["w:p", {}, [["w:r", {}, [["w:instrText", {}, ["DDE a b"]]]]]]), "office-field"),
    "an instruction in the text": (
        docx(["w:p", {}, [mark("begin"), ["w:r", {}, [["w:t", {}, ["DDEAUTO cmd a"]]]],
                          mark("separate"), mark("end")]]), "office-field"),
    "a field that no list has": (docx(field("DOCPROPERTY a")), "office-field"),
    "a field that is a link": (docx(field('HYPERLINK "http://192.0.2.1"')), "office-external"),
    "a field that does not end": (docx(["w:p", {}, [mark("begin")]]), "office-field"),
    "a control character": (docx(["w:p", {"w:x": "\x1b[2J"}, []]), "character-not-allowed"),
    "DDE": (xlsx("cmd|'/c calc'!A0"), "office-field"),
    "a web service": (xlsx('WEBSERVICE("http://192.0.2.1")'), "office-field"),
    "another book": (xlsx("[1]Sheet1!A1"), "office-field"),
    "another book by its name": (xlsx("SUM([Book.xlsx]Sheet1!A1)"), "office-field"),
    "a book on a share": (xlsx("'\\\\192.0.2.1\\[a]S'!A1"), "office-field"),
    "a column with a quote": (xlsx('T[[a"b]]&WEBSERVICE(A1)&T[[c"d]]'), "office-field"),
    "a threshold": (xlsx("1", ["x:conditionalFormatting", {}, [["x:cfRule", {}, [
        ["x:colorScale", {}, [["x:cfvo", {"val": "WEBSERVICE(A1)"}, []]]]]]]]), "office-field"),
    "a range elsewhere": (
        odt(["table:named-expressions", {}, [["table:named-range", {
            "table:cell-range-address": "'file:///x.ods'#$S.A1"}, []]]]), "office-field"),
    "an address in a bibliography": (
        odt(["text:p", {}, [["text:bibliography-mark", {"text:url": "http://192.0.2.1"}, []]]]),
        "office-external"),
    "a shape that another program draws": (
        odt(["text:p", {}, [["draw:custom-shape", {"draw:engine": "a"}, []]]]), "schema-invalid"),
    "a picture elsewhere": (
        odt(["text:p", {}, [["draw:frame", {}, [
            ["draw:image", {"xlink:href": "http://192.0.2.1/a.png"}, []]]]]]), "office-external"),
    "a link in OpenDocument": (
        odt(["text:p", {}, [["text:a", {"xlink:href": "https://192.0.2.1"}, ["x"]]]]),
        "office-external"),
    "a script address": (
        odt(["text:p", {}, [["text:a", {"xlink:href": "vnd.sun.star.script:a"}, ["x"]]]]),
        "office-external"),
    "a part that is not there": (
        odt(["text:p", {}, [["draw:frame", {}, [["draw:image", {"xlink:href": "part:7"}, []]]]]]),
        "office-part"),
    "an object that is not there": (
        odt(["text:p", {}, [["draw:frame", {}, [
            ["draw:object", {"xlink:href": "object:7"}, []]]]]]),
        "office-part"),
    "a listener": (odt(["script:event-listener", {}, []]), "model-unknown-name"),
    "settings": (odt(more=[{"kind": "settings", "object": 0, "tree": ["a:b", {}, []]}]),
                 "office-part"),
    "a formula in a table": (
        odt(["table:table", {}, [["table:table-row", {}, [
            ["table:table-cell", {"table:formula": "of:=DDE(1)"}, []]]]]]), "office-field"),
    "no parts": ({"office": 1, "kind": "docx", "parts": []}, "model-shape"),
    "an unknown document": ({"office": 1, "kind": "docm", "parts": [STYLES]}, "type-not-allowed"),
    "another layout": ({**docx(), "office": 2}, "model-shape"),
}  # fmt: skip


def sent(destination: Chain, model: Any) -> Outcome:
    return destination(Message.make(META, encode(model)))


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_model_is_refused(what: str, destination: Chain) -> None:
    model, reason = WRONG[what]
    found = sent(destination, model)
    assert found.stage
    assert reason in ("*", found.reason), found.sentence


def test_the_right_models_beside_them_are_built(destination: Chain) -> None:
    for model in (
        docx(),
        docx(field("PAGE ")),
        odt(),
        xlsx("SUM(A1:B2)"),
        docx(links=[1], more=[STYLES]),
    ):
        found = sent(destination, model)
        assert not found.stage, found.sentence
        assert found.message.payload.startswith(b"PK")


def formula(*texts: str, number: int = 0) -> dict[str, Any]:
    """The part of a formula, each text a sign of its own."""
    row = ["math:mrow", {}, [["math:mi", {}, [text]] for text in texts]]
    return {"kind": "content", "object": number, "tree": ["math:math", {}, [row]]}


def odf(*parts: Any) -> dict[str, Any]:
    return {"office": 1, "kind": "odf", "parts": list(parts)}


def drawn(*content: Any, **attributes: str) -> dict[str, Any]:
    """The part of a formula with this in it."""
    return {"kind": "content", "object": 0, "tree": ["math:math", attributes, list(content)]}


def element(name: str, *content: Any, **attributes: str) -> Any:
    return [f"math:{name}", attributes, list(content)]


HERON = [element("mi", "HER"), element("mi", "ON")]
B = element("mi", "b")
ROW = element("mrow", *HERON)


OBJECT = ["draw:frame", {}, [["draw:object", {"xlink:href": "object:1"}, []]]]
IN_TEXT = ["text:p", {}, [OBJECT]]
STYLES_OF_A_TEXT = {"kind": "styles", "object": 0, "tree": ["office:document-styles", {}, []]}
WORDS = {"kind": "content", "object": 0, "tree": odt()["parts"][0]["tree"]}
MIXED = formula("a")
MIXED["tree"] = ["math:math", {}, [["text:p", {}, ["a"]]]]


def test_formulas_cross_alone_and_in_a_text(destination: Chain) -> None:
    for model in (odf(formula("a")), odt(IN_TEXT, more=[formula("a", number=1)])):
        found = sent(destination, model)
        assert not found.stage, found.sentence
        with zipfile.ZipFile(io.BytesIO(found.message.payload)) as made:
            assert b"math:mi" in b"".join(map(made.read, made.namelist()))


@pytest.mark.parametrize(
    "model",
    [
        odf(WORDS),
        odf(formula("a"), STYLES_OF_A_TEXT),
        odf(formula("a"), formula("b", number=1)),
        odf(MIXED),
        odt(["math:math", {}, []]),
        odt(IN_TEXT, more=[MIXED | {"object": 1}]),
        {**odt(), "parts": [formula("a")]},
        odf(formula("a"), {"kind": "image", "media": "png", "data": b""}),
        odf(drawn(element("math", B))),
        odf(drawn(element("mfrac", B))),
        odf(drawn(element("msubsup", B, B))),
        odf(drawn(B, altimg="http://192.0.2.1/a.png")),
        odf(drawn(element("mi", "b", href="http://192.0.2.1"))),
        odf(drawn(element("mi", "b", style="display:none"))),
    ],
)
def test_formulas_are_formulas_and_nothing_else_is(model: Any, destination: Chain) -> None:
    assert sent(destination, model).stage
    stage = catalog.load("office_schema")
    tables = {name: (PACK / name).read_bytes() for name in ("ooxml-names.txt", "odf-names.txt")}
    judged = stage.make(stage.parameters.model_validate({"kinds": KINDS}), tables)
    with pytest.raises(Malformed):
        judged(Message.make(META, encode(model)))


@pytest.mark.parametrize(
    "model",
    [
        docx(["w:p", {}, [["w:r", {}, [["w:t", {}, [piece]]]] for piece in ("HER", "ON")]]),
        odf(formula("HER", "ON")),
        odf(formula("1", "heron", "2")),
        odf(drawn(element("mtable", element("mtr", element("mtd", *HERON), element("mtd", B))))),
        odf(drawn(element("mfrac", ROW, B))),
        odf(drawn(element("msub", ROW, B))),
        odf(drawn(B, element("mspace"), *HERON)),
        odf(
            drawn(
                element(
                    "semantics", B, element("annotation", "a over heron", encoding="StarMath 5.0")
                )
            )
        ),
        odt(IN_TEXT, more=[formula("HER", "ON", number=1)]),
    ],
)
def test_a_word_that_is_cut_into_runs_is_found_on_both_sides(model: Any) -> None:
    crossed = Message.make(replace(META), encode(model))
    documents = {"words.txt": b"heron\n"}
    for stage, message in (
        ("office_words", crossed),
        ("words_twin", sent(Chain("office", "destination"), model).message),
    ):
        made = catalog.load(stage)
        values = {"form": "container"} if stage == "words_twin" else {}
        answer = made.make(made.parameters.model_validate(values), documents)(message)
        assert getattr(answer, "reason", "") == "dirty-word", stage


@pytest.mark.parametrize("encoding", ["", "MathType@MTEF@5@5@+=", "starmath 5.0"])
def test_only_what_draws_a_formula_annotates_it(encoding: str, destination: Chain) -> None:
    note = element("annotation", "a", encoding=encoding)
    assert sent(destination, odf(drawn(element("semantics", B, note)))).stage


def test_paragraphs_in_each_other_give_each_text_once() -> None:
    nested: Any = ["text:p", {}, ["x" * 1000]]
    for _ in range(90):
        nested = ["text:p", {}, ["a", nested]]
    found = office_texts(odt(nested)) + texts(odt(nested)["parts"][0]["tree"])
    assert sum(map(len, found)) < 10_000


def test_the_vectors_are_read_alike_on_both_sides() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8")):
        crossed = bytes.fromhex(vector["cbor"])
        if vector["is_good"]:
            read = document(crossed, OfficeReadParameters(kinds=KINDS, hyperlinks="keep"))
            assert encode(read) == crossed
            assert office_model.read(crossed) == read
        else:
            with pytest.raises(Malformed):
                document(crossed, OfficeReadParameters(kinds=KINDS, hyperlinks="keep"))
            with pytest.raises(Malformed):
                office_model.read(crossed)
