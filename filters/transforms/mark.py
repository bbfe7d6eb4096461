"""Transform `mark`: the label's marking is written where people see it.

Takes a message with a label, gives it with the marking that the policy renders: lines above and
below a text, an attribute of an XML root, IC-ISM attributes there, or a place in the model. The
label is the metadata's; what the payload says already of the same policy must be the same, else
the message is refused: one of the two is wrong. Same input, same bytes.
"""

from dataclasses import replace
from typing import Literal, Self

from lxml import etree
from pydantic import Field, model_validator

from filters.formats.label_ism import attributes_of, label_of, qualified
from filters.formats.label_xml import parse
from filters.formats.marked_text import plain_lines
from filters.formats.marking_lines import Lines, by_policy, by_register
from filters.formats.model_paths import PATH_PATTERN, ModelPath
from filters.formats.models import close_model, open_model
from schemas.errors import Malformed
from schemas.label.model import Label
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass, Refuse

_DAY_MS = 86_400_000
_ANOTHER = "the payload is marked with another label than it has"


class MarkParameters(Parameters):
    """What is marked, and how.

    form             "text" lines above and below; "xml" an attribute of the root; "model" a place
                     in the model that crosses; each by a policy. "ism-text" and "ism-xml" the same
                     for IC-ISM: a banner above and below, the attributes of the root
    policy_document  the policy (SPIF) that renders the marking
    language         of the marking, for example "fr" ("": the policy's own)
    attribute        the root's attribute for "xml"
    path             the place in the model for "model", for example `@marking`
    """

    form: Literal["text", "xml", "model", "ism-text", "ism-xml"]
    policy_document: str = Field(default="", max_length=128)
    language: str = Field(default="", max_length=16)
    attribute: str = Field(default="", pattern=r"([A-Za-z_][A-Za-z0-9._\-]{0,63})?")
    path: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.form.startswith("ism") == bool(self.policy_document):
            raise ValueError("form and policy_document do not fit together")
        if bool(self.attribute) != (self.form == "xml") or bool(self.path) != (
            self.form == "model"
        ):
            raise ValueError("attribute is for the form xml, path for the form model")
        if self.attribute.lower().startswith("xml"):
            raise ValueError("names that begin with xml are XML's own")
        return self


def make(parameters: MarkParameters, documents: Documents) -> Run:
    """A run that marks; raises `Malformed` for a policy that is none."""
    named = parameters.policy_document
    render = by_policy(documents[named], parameters.language) if named else by_register
    path = ModelPath.parse(parameters.path) if parameters.path else None

    def run(message: Message) -> Answer:
        meta = message.meta
        if not meta.label:
            return Refuse(Reason.LABEL_MISSING, "the message has no label to mark it by")
        lines = render(meta)
        if parameters.form in ("text", "ism-text"):
            payload = mark_text(message.payload, lines)
        elif parameters.form == "xml":
            payload = _mark_root(message.payload, parameters.attribute, lines)
        elif parameters.form == "ism-xml":
            payload = _mark_ism(message.payload, lines.label, meta.accepted_s * 1000)
        else:
            payload = _mark_model(message.payload, path, lines)
        if payload == message.payload:
            return Pass("marked already")
        return Changed(Message(message.meta_bytes, payload), f"marked {lines.top}"[:200])

    return run


def mark_text(untrusted: bytes, lines: Lines) -> bytes:
    """The text between its markings. Raises `Malformed` where it says another label already."""
    said = [line.strip(" ") for line in plain_lines(untrusted) if line.strip(" ")]
    if said and said[0] == lines.top and said[-1] == lines.bottom and len(said) > 1:
        return untrusted
    for line in said[:1] + said[-1:]:
        _agrees(line, lines)
    body = untrusted.decode("utf-8").replace("\r\n", "\n").strip("\n")
    return f"{lines.top}\n\n{body}\n\n{lines.bottom}\n".encode()


def _agrees(line: str, lines: Lines) -> None:
    """That a line, if it is a label of the policy, is the message's."""
    try:
        label = lines.read(line)
    except Malformed:
        return  # it is text
    if (label.classification, label.categories) != (
        lines.label.classification, lines.label.categories,
    ):  # fmt: skip
        raise Malformed(Reason.LABEL_INVALID, _ANOTHER)


def _mark_root(untrusted: bytes, attribute: str, lines: Lines) -> bytes:
    root = parse(untrusted)
    there = root.get(attribute)
    if there == lines.top:
        return untrusted
    if there is not None:
        raise Malformed(Reason.LABEL_INVALID, _ANOTHER)
    root.set(attribute, lines.top)
    return bytes(etree.tostring(root, encoding="utf-8"))


def _mark_ism(untrusted: bytes, label: Label, at_ms: int) -> bytes:
    root = parse(untrusted)
    there = label_of(root)
    if there is not None:
        if (there.classification, there.categories) != (label.classification, label.categories):
            raise Malformed(Reason.LABEL_INVALID, _ANOTHER)
        return untrusted
    made = replace(label, created_ms=at_ms - at_ms % _DAY_MS)
    for name, value in attributes_of(made).items():
        root.set(qualified(name), value)
    root.set(qualified("resourceElement"), "true")
    root.set(qualified("DESVersion"), "10")
    return bytes(etree.tostring(root, encoding="utf-8"))


def _mark_model(untrusted: bytes, path: ModelPath | None, lines: Lines) -> bytes:
    model = open_model(untrusted)
    there = path.read(model) if path is not None else None
    if there:
        _agrees(there, lines)
    changed = path is not None and path.write(model, lines.top)
    if path is None or path.read(model) != lines.top:
        raise Malformed(Reason.MODEL_SHAPE, "the model has no place for the marking")
    return close_model(model) if changed else untrusted


STAGE = StageType(
    name="mark",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=MarkParameters,
    make=make,
    summary="the label's marking is written into the payload where people see it",
)
