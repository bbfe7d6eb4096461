"""Filter `check_label`: the label by the rules of its security policy.

Takes the metadata's label (a set in text form: the originator's label first, if it was made
another), changes nothing. The label must be valid under its policy, be what the originator's
becomes, stand in the payload too if the policy names a path, lie within the source domain's
ceiling and be releasable to every clearance behind the destination; what is not among the
`unattended` classifications waits for people. Rules and clauses: docs/spec/labels.md.
"""

from pydantic import Field

from filters.formats.model_paths import PATH_PATTERN, ModelPath
from filters.formats.models import open_model
from schemas.label.access import Held, decide
from schemas.label.clauses import Denied, Rule, cited, shown
from schemas.label.clearance import ClearanceTable
from schemas.label.equivalence import Equivalence
from schemas.label.model import CategoryKind, Label
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm, read_set
from schemas.label.validity import Valid, validate
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Hold, Pass

_NOTE_CHARACTERS_MAX = 180


class CheckLabelParameters(Parameters):
    """What may pass.

    policy_document  the security policy (XML-SPIF) that the label must be of
    origin_policy    the document of the policy that the originator's label is of, if it was mapped
    ceiling          clearances of the source domain: what may come from there at all
    clearances       clearances behind the destination: each of them must be granted access
    explicit         permissive tags of which the label must have a value: silence is no release
    unattended       classifications that pass without people; none named: all
    obsolete         whether what the policy calls obsolete is refused
    path             where the model holds the label too ("" nowhere)
    """

    policy_document: str = Field(max_length=64)
    origin_policy: str = Field(default="", max_length=64)
    ceiling: list[ClearanceTable] = Field(default=[], max_length=16)
    clearances: list[ClearanceTable] = Field(min_length=1, max_length=64)
    explicit: list[str] = Field(default=[], max_length=16)
    unattended: list[str] = Field(default=[], max_length=64)
    obsolete: bool = True
    path: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")


def make(parameters: CheckLabelParameters, documents: Documents) -> Run:
    """A run that refuses or holds labels by rule; raises `Malformed` for what does not fit."""
    form = TextForm.of(read_spif(documents[parameters.policy_document]))
    origin = _origin(parameters, documents, form)
    ceiling = [table.under(form.spif) for table in parameters.ceiling]
    clearances = [table.under(form.spif) for table in parameters.clearances]
    names = parameters.unattended or list(form.spif.classifications)
    unattended = {_classification(form, name) for name in names}
    path = ModelPath.parse(parameters.path) if parameters.path else None
    wanted = frozenset(_permissive(form, name) for name in parameters.explicit)

    def run(message: Message) -> Answer:
        meta = message.meta
        at_ms = meta.accepted_s * 1000
        label = _label_of(meta.label, form, origin, at_ms, not parameters.obsolete)
        valid = validate(label, form.spif, at_ms, obsolete_ok=not parameters.obsolete)
        if path is not None:
            written = path.read(open_model(message.payload))
            if written is None or form.read(written, policy_named=True) != label:
                raise Denied(Rule.B1, "the payload says another label than its metadata")
        for tag in sorted(wanted - {it.name for it, _ in valid.tagged}):
            raise Denied(Rule.R2, f"the label says nothing of {shown(tag)}")
        for held in ceiling:
            _grant(valid, held, at_ms, "the source domain")
        for held in clearances:
            _grant(valid, held, at_ms, "the destination")
        if valid.classification.name not in unattended:
            words = f"{shown(valid.classification.name)} does not go unattended"
            return Hold(Rule.R1.value.reason, cited(Rule.R1, words))
        return Pass(f"{form.write(label)[:_NOTE_CHARACTERS_MAX]}: valid, released by A4, A5, A6")

    return run


def _classification(form: TextForm, name: str) -> str:
    if name not in form.spif.classifications:
        raise Denied(Rule.V3, f"the policy has no classification {shown(name)}")
    return name


def _permissive(form: TextForm, name: str) -> str:
    tag = form.spif.tags_by_name.get(name)
    if tag is None or tag.kind is not CategoryKind.PERMISSIVE:
        raise Denied(Rule.R2, f"the policy has no one permissive tag named {shown(name)}")
    return name


def _origin(
    parameters: CheckLabelParameters, documents: Documents, form: TextForm
) -> tuple[TextForm, Equivalence] | None:
    if not parameters.origin_policy:
        return None
    origin = TextForm.of(read_spif(documents[parameters.origin_policy]))
    return origin, Equivalence.between(origin.spif, form.spif)


def _label_of(
    untrusted: str, form: TextForm, origin: tuple[TextForm, Equivalence] | None, at_ms: int,
    obsolete_ok: bool,
) -> Label:  # fmt: skip
    """The label of the policy; beside the originator's, from which it must follow."""
    if not untrusted:
        raise Denied(Rule.B2, "the message has no label")
    if origin is None:
        return form.read(untrusted, policy_named=True)
    first, pairing = origin
    labels = read_set(untrusted, (first, form))
    if [one for one, _ in labels] != [first, form]:
        raise Denied(Rule.E7, "the originator's label does not stand before the one it became")
    (_, theirs), (_, ours) = labels
    valid = validate(theirs, first.spif, at_ms, obsolete_ok=obsolete_ok)
    if pairing.translate(valid, at_ms).valid.label != ours:
        raise Denied(Rule.E7, "the label is not what the originator's becomes")
    return ours


def _grant(valid: Valid, held: Held, at_ms: int, whose: str) -> None:
    try:
        decide(valid, held, at_ms)
    except Denied as error:
        holder = held.clearance.holder
        name = f"{whose} ({shown(holder)})" if holder else whose
        raise error.told_of(name) from error


STAGE = StageType(
    name="check_label",
    version=2,
    kind=Kind.FILTER,
    side=Side.SOURCE,
    parameters=CheckLabelParameters,
    make=make,
    summary="the label is valid, bound, within the ceiling and releasable, by its security policy",
    rechecks=frozenset({"label"}),
)
