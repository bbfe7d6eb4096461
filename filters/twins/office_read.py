"""Filter `office_read`: the office model, read by the destination's own code.

Takes CBOR bytes, changes nothing. `document` gives the model for the builder. Reader, tables of
parts, bounds and the look at addresses are the destination's (docs/spec/office-model.md).
"""

from string import ascii_letters, digits
from typing import Any, Literal

from pydantic import Field

from filters.twins.cbor_reader import ReaderLimits, read
from filters.twins.office_parts import MAIN, ONCE, PLACES
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

PARTS_MAX = 4096
ELEMENTS_MAX = 150_000
_CELLS_MAX = 400_000  # elements of a workbook
LEVELS_MAX = 100
_BYTES_MAX = 16 << 20
_LIMITS = ReaderLimits(
    bytes_max=_BYTES_MAX, depth_levels_max=208, items_max=4_000_000, string_bytes_max=_BYTES_MAX
)
_NAME = frozenset(ascii_letters + digits + "_-.:")
_HOST = frozenset(ascii_letters + digits + "-.:")
_CONTROLS = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160), 0xFFFE, 0xFFFF, *range(0xFDD0, 0xFDF0)]
)

Kinds = Literal["docx", "xlsx", "pptx", "odt", "ods", "odp", "odg", "odf"]


class OfficeReadParameters(Parameters):
    """kinds: the documents that are taken. hyperlinks: whether addresses to click on are."""

    kinds: list[Kinds] = Field(min_length=1, max_length=8)
    hyperlinks: Literal["refuse", "keep"] = "refuse"


def document(untrusted: bytes, parameters: OfficeReadParameters) -> dict[str, Any]:
    """The model of a document, of the right shape and within the bounds; else `Malformed`."""
    model = read(untrusted, _LIMITS)
    if not isinstance(model, dict) or sorted(model) != ["kind", "office", "parts"]:
        raise _shape("not the three keys of an office document")
    if model["office"] is True or model["office"] != 1:
        raise _shape("not the layout of an office document that is known here")
    kind, parts = model["kind"], model["parts"]
    if not isinstance(kind, str) or kind not in parameters.kinds:
        raise Malformed(Reason.TYPE_NOT_ALLOWED, "a document of a kind that is not taken here")
    if not isinstance(parts, list) or not 1 <= len(parts) <= PARTS_MAX:
        raise _shape("a document without parts, or with too many")
    if not all(isinstance(part, dict) and isinstance(part.get("kind"), str) for part in parts):
        raise _shape("a part has no kind")
    if kind in MAIN:
        _ooxml(kind, parts, parameters)
    else:
        _odf(kind, parts)
    bound = {"xlsx": _CELLS_MAX, "ods": _CELLS_MAX}.get(kind, ELEMENTS_MAX)
    elements = 0
    for part in parts:
        elements += 0 if part["kind"] == "image" else _tree(part["tree"], bound)
    if elements > bound:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "the document has too many elements")
    return model


def _ooxml(kind: str, parts: list[dict[str, Any]], parameters: OfficeReadParameters) -> None:
    places = PLACES[kind]
    found = [part["kind"] for part in parts]
    if found[0] != MAIN[kind] or found.count(MAIN[kind]) != 1:
        raise _shape("the first part is not the main one")
    for name in found:
        if name not in places or (name in ONCE and found.count(name) > 1):
            raise Malformed(Reason.OFFICE_PART, "a part that such a document does not have here")
    for part in parts:
        if part["kind"] == "image":
            _image(part)
            continue
        if sorted(part) != ["kind", "links", "tree"] or not isinstance(part["links"], list):
            raise _shape("a part is not kind, links and tree")
        allowed = places[part["kind"]].leads_to
        for target in part["links"]:
            if isinstance(target, str):
                if parameters.hyperlinks == "refuse" or "url" not in allowed:
                    raise Malformed(Reason.OFFICE_EXTERNAL, "an address that is not taken here")
                _address(target)
            elif isinstance(target, bool) or not isinstance(target, int):
                raise _shape("a link is neither a part nor an address")
            elif not 0 <= target < len(parts) or found[target] not in allowed:
                raise Malformed(Reason.OFFICE_PART, "a link to a part that may not be there")


def _odf(kind: str, parts: list[dict[str, Any]]) -> None:
    if kind == "odf" and len(parts) != 1:
        raise _shape("a formula has other parts than itself")
    seen = set()
    for part in parts:
        if part["kind"] == "image":
            _image(part)
            continue
        if sorted(part) != ["kind", "object", "tree"] or part["kind"] not in ("content", "styles"):
            raise Malformed(Reason.OFFICE_PART, "a part that such a document does not have here")
        number = part["object"]
        key = (part["kind"], number)
        if type(number) is not int or not 0 <= number < PARTS_MAX or key in seen:
            raise _shape("a part belongs to no document, or stands twice")
        seen.add(key)
    numbers = {number for _, number in seen}
    if any(("content", number) not in seen for number in numbers) or 0 not in numbers:
        raise _shape("a document without content")
    if numbers != set(range(len(numbers))):
        raise _shape("documents in the document are not numbered in order")


def _image(part: dict[str, Any]) -> None:
    if sorted(part) != ["data", "kind", "media"] or not isinstance(part["data"], bytes):
        raise _shape("a picture is not media and bytes")
    if not isinstance(part["media"], str):
        raise _shape("a picture is not media and bytes")


def _address(target: str) -> None:
    """https, http or mailto, in plain ASCII."""
    if not target.isascii() or not target.isprintable() or " " in target or len(target) > 2048:
        raise Malformed(Reason.OFFICE_EXTERNAL, "an address has a character that none may have")
    scheme, colon, rest = target.partition(":")
    if scheme == "mailto" and colon and rest:
        return
    host = rest[2:].split("/")[0].split("?")[0].split("#")[0]
    if scheme not in ("http", "https") or rest[:2] != "//" or not host or set(host) - _HOST:
        raise Malformed(Reason.OFFICE_EXTERNAL, "an address of a kind that is not taken here")


def _tree(tree: Any, bound: int) -> int:
    """How many elements a tree has, each of the right shape."""
    count, todo = 0, [(tree, 1)]
    while todo:
        element, level = todo.pop()
        count += 1
        if count > bound or level > LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "elements are too many or too deep")
        if not isinstance(element, list) or [type(part) for part in element] != [str, dict, list]:
            raise _shape("an element is not name, attributes and content")
        name, attributes, content = element
        _name(name)
        if ":" not in name:
            raise _shape("an element's name has no prefix")
        for key, value in attributes.items():
            _name(key)
            if not isinstance(value, str):
                raise _shape("an attribute is not a text")
            _text(value)
        for child in content:
            if isinstance(child, str):
                _text(child)
            else:
                todo.append((child, level + 1))
    return count


def _name(name: str) -> None:
    prefix, colon, local = name.rpartition(":")
    if set(name) - _NAME or not 1 <= len(local) <= 80:
        raise _shape("a name is none, or too long")
    if not (local[0].isalpha() or local[0] == "_"):
        raise _shape("a name does not begin as one")
    if colon and not (prefix.isalnum() and prefix.islower() and prefix[0].isalpha()):
        raise _shape("a prefix is none")
    if len(prefix) > 16:
        raise _shape("a prefix is too long")


def _text(text: str) -> None:
    if not text.isprintable() and text.translate(_CONTROLS) != text:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")


def _shape(what: str) -> Malformed:
    return Malformed(Reason.MODEL_SHAPE, what)


def make(parameters: OfficeReadParameters, documents: Documents) -> Run:
    """A run that refuses what is not the model."""

    def run(message: Message) -> Answer:
        document(message.payload, parameters)
        return Pass()

    return run


STAGE = StageType(
    name="office_read",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=OfficeReadParameters,
    make=make,
    summary="the payload is the model of an office document, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
