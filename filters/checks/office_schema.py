"""Filter `office_schema`: the document that is to cross has only names that the tables have.

Takes the office model, changes nothing. Every element and attribute must be in the table of its
family, every part of a kind that its document has, every picture of a media that this stage's own
parameters name: what the rebuild did is not believed. Formulas are judged again.
"""

from typing import Any, Literal

from pydantic import Field

from filters.formats.odf_words import RANGE_ENDINGS
from filters.formats.office_fields import field_fault
from filters.formats.office_formulas import formula_fault, range_fault
from filters.formats.office_model import (
    FORMULA,
    FORMULA_CHILDREN,
    FORMULA_PREFIX,
    FORMULA_ROOT,
    OOXML,
)
from filters.formats.office_names import Names
from filters.formats.office_names import read as read_names
from filters.formats.ooxml_fields import FIELDS, WordFields
from filters.formats.ooxml_kinds import KINDS
from schemas.cbor import CborLimits, decode_recognised
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_HIDE = frozenset(("w:vanish", "w:webHidden"))
_TOLD_ONCE = _HIDE | {"w:pPr", "w:rPr"}
_FORMATTED = _TOLD_ONCE | {"w:p", "w:r", "m:r"}
_ON_OFF = frozenset(("0", "1", "false", "true", "off", "on"))
_FORMULAS = frozenset((
    "x:f", "x:formula", "x:formula1", "x:formula2", "x:definedName", "x:calculatedColumnFormula",
    "x:totalsRowFormula", "c:f",
))  # fmt: skip
_FORMULA_ATTRIBUTES = frozenset((
    "table:formula", "table:expression", "table:condition", "text:formula", "text:condition",
    "style:condition", "calcext:value",
))  # fmt: skip
_LIMITS = CborLimits(bytes_max=16 << 20)


class OfficeSchemaParameters(Parameters):
    """What may cross.

    kinds           documents
    media           pictures, by their media
    ooxml_document  the table of names of Office Open XML
    odf_document    the table of names of OpenDocument
    """

    kinds: list[Literal["docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "odf"]] = Field(
        min_length=1, max_length=8
    )
    media: list[str] = Field(default=[], max_length=16)
    ooxml_document: str = Field(default="ooxml-names.txt", max_length=64)
    odf_document: str = Field(default="odf-names.txt", max_length=64)


def make(parameters: OfficeSchemaParameters, documents: Documents) -> Run:
    """A run that refuses any other name; `KeyError` if a table is not among the documents."""
    ooxml = read_names(documents[parameters.ooxml_document])
    odf = read_names(documents[parameters.odf_document])
    kinds, media = frozenset(parameters.kinds), frozenset(parameters.media)

    def run(message: Message) -> Answer:
        # the recogniser before this stage answers for the shape
        model: Any = decode_recognised(message.payload, _LIMITS)
        try:
            if model["kind"] not in kinds:
                raise _invalid("a document of a kind that is not allowed")
            names = ooxml if model["kind"] in OOXML else odf
            if model["kind"] == FORMULA and len(model["parts"]) != 1:
                raise _invalid("a formula has other parts than itself")
            for part in model["parts"]:
                _part(part, names, media, model["kind"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Malformed(Reason.MODEL_SHAPE, "not the layout of an office document") from error
        return Pass()

    return run


def _part(part: Any, names: Names, media: frozenset[str], kind: str) -> None:
    if part["kind"] == "image":
        if part["media"] not in media:
            raise _invalid("a picture of a kind that is not allowed")
        return
    tree = part["tree"]
    if "links" in part:
        if part["kind"] not in KINDS or KINDS[part["kind"]].root != tree[0]:
            raise _invalid("a part that no document has")
    elif not _is_root(tree[0], part, kind):
        raise _invalid("a part that no document has")
    is_formula = tree[0] == FORMULA_ROOT
    has_fields = False
    todo = [tree]
    while todo:
        element = todo.pop()
        name, attributes, content = element
        in_formula = name == FORMULA_ROOT and element is not tree
        if name.startswith(FORMULA_PREFIX) != is_formula or in_formula:
            raise _invalid("a formula among other elements, or others in a formula")
        if name in FORMULA_CHILDREN and len(content) != FORMULA_CHILDREN[name]:
            raise _invalid("an element of a formula with more or fewer than its parts")
        known = names.plain.get(name)
        if known is None:
            raise _invalid("an element that the table of names does not have")
        has_fields = has_fields or name in FIELDS
        if name in _FORMATTED:
            _hidden(element)
        for key, value in attributes.items():
            if key not in known:
                raise _invalid("an attribute that the table of names does not have")
            _formula(_attribute_fault(name, key, value))
        for child in content:
            if type(child) is not str:
                todo.append(child)
            elif "#text" not in known:
                raise _invalid("text in an element that has none")
            elif name in _FORMULAS:
                _formula(formula_fault(child, is_ooxml=True))
    if has_fields:
        _fields(WordFields(tree))


def _hidden(element: Any) -> None:
    """Return if what hides a run is told once, in a way that all readers take for the same."""
    name, attributes, content = element
    if name in _HIDE and attributes.get("w:val", "1") not in _ON_OFF:
        raise _invalid("a text of which readers do not agree whether it is hidden")
    told = [child[0] for child in content if child[0] in _TOLD_ONCE]
    if len(told) > 1 and len(told) != len(set(told)):
        raise _invalid("the format of a text is told twice")


def _attribute_fault(name: str, key: str, value: str) -> str:
    """What is wrong with an attribute that is a formula or a range of cells, or nothing."""
    if key in _FORMULA_ATTRIBUTES:
        return formula_fault(value, is_ooxml=False)
    if name == "x:cfvo" and key == "val":
        return formula_fault(value, is_ooxml=True)
    return range_fault(value) if key.endswith(RANGE_ENDINGS) else ""


def _formula(fault: str) -> None:
    if fault:
        raise Malformed(Reason.OFFICE_FIELD, fault)


def _fields(fields: WordFields) -> None:
    if fields.stray:
        raise Malformed(Reason.OFFICE_FIELD, "a mark or an instruction of no field")
    for one in fields.found:
        fault = field_fault(one.instruction)
        if fault or not one.has_end:
            raise Malformed(Reason.OFFICE_FIELD, fault or "a field that does not end")


def _is_root(name: str, part: Any, kind: str) -> bool:
    """Whether a part of OpenDocument may begin so: a formula is one, or is content in another."""
    is_content = part["kind"] == "content"
    if kind == FORMULA:
        return bool(name == FORMULA_ROOT and is_content and part["object"] == 0)
    if name == FORMULA_ROOT:
        return bool(is_content and part["object"])
    return bool(name == f"office:document-{part['kind']}")


def _invalid(what: str) -> Malformed:
    return Malformed(Reason.SCHEMA_INVALID, what)


STAGE = StageType(
    name="office_schema",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=OfficeSchemaParameters,
    make=make,
    summary="every element, attribute and picture of the document that crosses is an allowed one",
    rechecks=frozenset({"schema"}),
)
