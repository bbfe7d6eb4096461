"""Filter `cot_read`: what crossed is a Cursor-on-Target model, read by the destination's own code.

Takes any bytes, changes nothing: deterministic CBOR (`filters.twins.cbor_reader`) of the shape in
docs/spec/cot-model.md, within the bounds that specification gives. The names and values in it are
judged later, on the XML that is built from it.
"""

from string import ascii_letters, digits
from typing import Any

from filters.twins.cbor_reader import ReaderLimits, read
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

NESTING_LEVELS_MAX = 8
ELEMENTS_MAX = 2048
ATTRIBUTES_MAX = 64
NAME_CHARACTERS_MAX = 64
TEXT_CHARACTERS_MAX = 32768

_LIMITS = ReaderLimits(items_max=ELEMENTS_MAX * 16, depth_levels_max=4 + 2 * NESTING_LEVELS_MAX)
_SHAPE = {"cot": int, "event": dict, "point": dict, "detail": list}
_FIRST = frozenset(ascii_letters + "_")
_FURTHER = _FIRST | frozenset(digits + ".-")
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), 0xFFFE, 0xFFFF))


def model(untrusted: bytes) -> dict[str, Any]:
    """The model in `untrusted`; `Malformed` for any other bytes."""
    return shaped(read(untrusted, _LIMITS))


def shaped(found: Any) -> dict[str, Any]:
    """The value, if it has the shape of the model and its bounds; else `Malformed`."""
    if type(found) is not dict or {key: type(value) for key, value in found.items()} != _SHAPE:
        raise Malformed(Reason.MODEL_SHAPE, "not the parts of a Cursor-on-Target event")
    if found["cot"] != 1:
        raise Malformed(Reason.MODEL_SHAPE, "a layout of the model that is not known here")
    names: set[str] = set()
    values: list[str] = []
    _attributes(found["event"], names, values)
    _attributes(found["point"], names, values)
    todo = [(element, 1) for element in found["detail"]]
    count = 0
    while todo:
        element, level = todo.pop()
        count += 1
        if count > ELEMENTS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the event has more elements than its bound")
        if type(element) is not list or [type(part) for part in element[:2]] != [str, dict]:
            raise Malformed(
                Reason.MODEL_SHAPE, "an element does not begin with name and attributes"
            )
        if len(element) != 3:
            raise Malformed(Reason.MODEL_SHAPE, "an element does not have three parts")
        names.add(element[0])
        _attributes(element[1], names, values)
        content = element[2]
        if type(content) is str:
            values.append(content)
        elif type(content) is list and content:
            if level >= NESTING_LEVELS_MAX:
                raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
            todo.extend((child, level + 1) for child in content)
        else:
            raise Malformed(Reason.MODEL_SHAPE, "an element's content is neither text nor elements")
    _names(names)
    _texts(values)
    return found


def _attributes(attributes: dict[str, Any], names: set[str], values: list[str]) -> None:
    if len(attributes) > ATTRIBUTES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "an element has more attributes than its bound")
    names.update(attributes)
    values.extend(attributes.values())


def _names(names: set[str]) -> None:
    for name in names:
        if type(name) is not str or not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise Malformed(Reason.MODEL_SHAPE, "a name is empty or longer than its bound")
        if name[0] not in _FIRST or not _FURTHER.issuperset(name):
            raise Malformed(Reason.MODEL_SHAPE, "a name has a character that names do not have")


def _texts(values: list[str]) -> None:
    try:
        together = "".join(values)
    except TypeError as error:
        raise Malformed(Reason.MODEL_SHAPE, "an attribute's value is not a text") from error
    if max(map(len, values), default=0) > TEXT_CHARACTERS_MAX:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    if not together.isprintable() and together.translate(_CONTROLS) != together:
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a text holds a control character")


class CotReadParameters(Parameters):
    """None: the bounds of the model are part of its specification."""


def make(parameters: CotReadParameters, documents: Documents) -> Run:
    """A run that raises `Malformed` for anything but the model."""

    def run(message: Message) -> Answer:
        model(message.payload)
        return Pass()

    return run


STAGE = StageType(
    name="cot_read",
    version=1,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=CotReadParameters,
    make=make,
    summary="what crossed is a Cursor-on-Target model, by the destination's own reader",
    rechecks=frozenset({"recognise"}),
)
