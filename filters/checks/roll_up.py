"""Filter `roll_up`: the message's label dominates the label of every part of it.

Takes a document with marked portions (IC-ISM attributes on XML, or text with portion marks),
changes nothing. The banner must dominate each portion, and the metadata's label must dominate the
banner; a missing, unknown, contradictory or lower one refuses. What has no mark is refused, or
taken to have the flow's default, which the note then records as assigned.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.ism_marks import read_banner, read_portion
from filters.formats.ism_rollup import check_rolls_up
from filters.formats.label_ism import read_document
from filters.formats.marked_text import MarkedText, PortionForm, own_label, read_text
from schemas.errors import Malformed
from schemas.label.dominance import check_dominates
from schemas.label.model import Label
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class RollUpParameters(Parameters):
    """How the parts are marked, and what goes without.

    form             "ism-xml" IC-ISM attributes, "ism-text" IC-ISM marks in text, "text" marks of
                     a policy in text
    policy_document  the policy (SPIF) of "text"
    unlabelled       what a message without a label, or a part without a mark, is: refused, or
                     taken to have `default`
    default          a label: in the policy's text form, or for IC-ISM as a banner
    excluded         portions that say `excludeFromRollup`: rolled up all the same, or left out
    """

    form: Literal["ism-xml", "ism-text", "text"]
    policy_document: str = Field(default="", max_length=128)
    unlabelled: Literal["refuse", "default"] = "refuse"
    default: str = Field(default="", max_length=1024)
    excluded: Literal["roll-up", "leave-out"] = "roll-up"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.form == "text") != bool(self.policy_document):
            raise ValueError("form and policy_document do not fit together")
        if (self.unlabelled == "default") != bool(self.default):
            raise ValueError("unlabelled and default do not fit together")
        if self.excluded != "roll-up" and self.form != "ism-xml":
            raise ValueError("excluded and form do not fit together: only ism-xml excludes")
        return self


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is in a document: its banner, the labels of its parts, and how many have none."""

    banner: Label
    portions: tuple[Label, ...]
    unmarked: int = 0


@dataclass(frozen=True, slots=True)
class _Form:
    """How one form reads a document and a label, and compares."""

    parts: Callable[[bytes, int], _Parts]
    label: Callable[[str], Label]
    compare: Callable[[Label, Sequence[Label]], Label]


def make(parameters: RollUpParameters, documents: Documents) -> Run:
    """A run that refuses what its parts do not allow; raises `Malformed` for a wrong policy."""
    form = _form(parameters, documents)
    default = form.label(parameters.default) if parameters.default else None

    def run(message: Message) -> Answer:
        meta = message.meta
        parts = form.parts(message.payload, meta.accepted_s * 1000)
        given = form.label(meta.label) if meta.label else default
        if given is None:
            raise Malformed(Reason.LABEL_MISSING, "the message has no label")
        portions = list(parts.portions)
        if parts.unmarked:
            if default is None:
                raise Malformed(Reason.LABEL_MISSING, f"{parts.unmarked} of its parts have no mark")
            portions.append(default)
        form.compare(parts.banner, portions)
        form.compare(given, [parts.banner])
        return Pass(_note(parts, parameters.default, assigned=not meta.label))

    return run


def _note(parts: _Parts, default: str, *, assigned: bool) -> str:
    said = f"{len(parts.portions)} portions below the banner"
    if parts.unmarked:
        said += f"; {parts.unmarked} without a mark, assigned {default[:64]}"
    if assigned:
        said += f"; the message had no label, assigned {default[:64]}"
    return said


def _form(parameters: RollUpParameters, documents: Documents) -> _Form:
    if parameters.form == "text":
        return _policy_form(documents[parameters.policy_document])
    if parameters.form == "ism-text":
        return _Form(_ism_text, read_banner, check_rolls_up)
    return _Form(partial(_ism_xml, parameters.excluded), read_banner, check_rolls_up)


def _ism_xml(excluded: str, untrusted: bytes, at_ms: int) -> _Parts:
    document = read_document(untrusted)
    if excluded == "leave-out":
        return _Parts(document.banner, document.portions)
    return _Parts(document.banner, document.portions + document.excluded)


def _ism_text(untrusted: bytes, at_ms: int) -> _Parts:
    text = read_text(untrusted)
    return _Parts(read_banner(text.banner), *_read(text, read_portion))


def _policy_form(document: bytes) -> _Form:
    spif = read_spif(document)
    form = TextForm.of(spif)
    portion = PortionForm(form)

    def parts(untrusted: bytes, at_ms: int) -> _Parts:
        text = read_text(untrusted)
        banner = form.read(text.banner)
        validate(banner, spif, at_ms)
        labels, unmarked = _read(text, portion.read)
        for label in set(labels):
            validate(label, spif, at_ms)
        return _Parts(banner, labels, unmarked)

    def compare(whole: Label, others: Sequence[Label]) -> Label:
        for other in others:
            check_dominates(whole, other, spif)
        return whole

    return _Form(parts, partial(own_label, form), compare)


def _read(text: MarkedText, read: Callable[[str], Label]) -> tuple[tuple[Label, ...], int]:
    marks = [mark for mark in text.marks if mark is not None]
    known = {mark: read(mark) for mark in set(marks)}
    labels = [known[mark] for mark in marks]
    for mark in text.inner:
        with suppress(Malformed):  # not a mark, so text
            labels.append(read(mark))
    return tuple(labels), text.marks.count(None)


STAGE = StageType(
    name="roll_up",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=RollUpParameters,
    make=make,
    summary="the message's label dominates the label of every part of it",
)
