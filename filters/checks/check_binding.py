"""Filter `check_binding`: the message's label is bound to just this payload, by whom we trust.

Takes a message whose label is bound to it by a sealed binding in its metadata (any format) or by a
STANAG 4778 binding inside its XML, changes nothing. Digest, signature and the signer's path must
hold at the time the message was accepted; the bound label must be the metadata's, in every policy
that the flow names; and the label of the whole must dominate those of the parts. It looks at the
payload as it was dropped, so it stands before anything that changes it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from filters.formats.binding_4778 import Binding, check_embedded
from filters.formats.binding_sealed import check_sealed
from filters.formats.certificate_path import Trust, read_trust
from filters.formats.xml_signature import prepare
from schemas.errors import Forged, Malformed
from schemas.label.clauses import Denied, Rule
from schemas.label.dominance import check_dominates
from schemas.label.model import Label, LabelSet
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm, read_set
from schemas.label.validity import validate
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse

Labels = Sequence[tuple[TextForm, Label]]


class CheckBindingParameters(Parameters):
    """What binds, and who may.

    form              "sealed" a sealed binding in the sidecar, "embedded" one inside the XML
    policy_documents  the policies (SPIF) that labels may be of
    trust_document    the authorities (PEM) of those who may sign; "" digests alone (embedded)
    signers           names in the signers' certificates; none: whoever the authorities certify
    """

    form: Literal["sealed", "embedded"]
    policy_documents: list[str] = Field(min_length=1, max_length=16)
    trust_document: str = Field(default="", max_length=128)
    signers: list[str] = Field(default=[], max_length=64)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.trust_document and (self.form == "sealed" or self.signers):
            raise ValueError("a signature is only as good as the authorities in trust_document")
        return self


def make(parameters: CheckBindingParameters, documents: Documents) -> Run:
    """A run that refuses what is not bound; raises `Malformed` for wrong documents."""
    prepare()
    forms = [TextForm.of(read_spif(documents[name])) for name in parameters.policy_documents]
    named = parameters.trust_document
    trust = read_trust(documents[named], parameters.signers) if named else None
    check = _embedded(forms, trust) if trust is None or parameters.form == "embedded" else (
        _sealed(forms, trust)
    )  # fmt: skip

    def run(message: Message) -> Answer:
        meta = message.meta
        if not meta.label:
            return Refuse(Reason.LABEL_MISSING, "the message has no label to be bound")
        try:
            note = check(read_set(meta.label, forms), meta, message.payload)
        except Forged as error:
            return Refuse(error.reason, error.sentence)
        return Pass(note)

    return run


_Check = Callable[[Labels, Meta, bytes], str]


def _sealed(forms: Sequence[TextForm], trust: Trust) -> _Check:
    def check(labels: Labels, meta: Meta, payload: bytes) -> str:
        if not meta.binding:
            raise Denied(Rule.B1, "the sidecar has no binding")
        sealed = check_sealed(meta.binding, payload, trust, meta.accepted_s * 1000)
        if _spelled(read_set(sealed.label, forms)) != _spelled(labels):
            raise Denied(Rule.B1, "another label is bound to the payload")
        if sealed.media_type and meta.type and sealed.media_type != meta.type:
            raise Malformed(Reason.TYPE_NOT_ALLOWED, "the binding is for another type of data")
        return "label bound by signature"

    return check


def _embedded(forms: Sequence[TextForm], trust: Trust | None) -> _Check:
    def check(labels: Labels, meta: Meta, payload: bytes) -> str:
        at_ms = meta.accepted_s * 1000
        if meta.binding:
            raise Malformed(Reason.BINDING_MALFORMED, "a second binding, in the sidecar")
        binding = check_embedded(payload, trust, at_ms)
        whole = _known(binding.whole, forms, at_ms)
        if _spelled(labels) != _spelled(whole):
            raise Denied(Rule.B1, "another label is bound to the payload")
        _check_parts(binding, forms, at_ms)
        how = "by signature" if binding.signed else "by digest alone"
        return f"label bound {how}, {len(binding.parts)} parts below it"

    return check


def _check_parts(binding: Binding, forms: Sequence[TextForm], at_ms: int) -> None:
    """Each label of a part, in whichever policy, is dominated by the whole's in that policy."""
    whole = {form.spif.policy: label for form, label in _known(binding.whole, forms, at_ms)}
    for part in binding.parts:
        for form, label in _known(part.labels, forms, at_ms):
            over = whole.get(form.spif.policy)
            if over is None:
                raise Denied(Rule.D1, "a part has a label of a policy that the whole has none of")
            check_dominates(over, label, form.spif)


def _known(labels: LabelSet, forms: Sequence[TextForm], at_ms: int) -> list[tuple[TextForm, Label]]:
    """The labels that stand at that time, with their policies' forms, each found valid."""
    found = []
    for label in (labels.originator, *labels.alternatives):
        form = next((one for one in forms if one.spif.policy.name == label.policy.name), None)
        if form is None:
            raise Denied(Rule.V1, "a bound label is of no policy that is known here")
        found.append((form, validate(label, form.spif, at_ms).label))
    return found


def _spelled(labels: Labels) -> list[str]:
    return [form.write(label) for form, label in labels]


STAGE = StageType(
    name="check_binding",
    version=1,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CheckBindingParameters,
    make=make,
    summary="the message's label is bound to its payload by digest and signature",
)
