"""Transform `map_label`: the label becomes the destination's, as its own policy says it is there.

Takes a message with a label of the source domain's policy, in its metadata, in its model or in
both (then they must be the same), gives it with the equivalent label of the destination domain's
policy. In the metadata the originator's label stays first and the new one stands beside it; in
the model, if the policy names a path, only the new one is written. A message without a label is
refused, or has one assigned and the verdict says so. Without `to_policy` the label only gets its
one spelling. Rules and clauses: docs/spec/labels.md.
"""

from dataclasses import replace

from pydantic import Field

from filters.formats.model_paths import PATH_PATTERN, ModelPath
from filters.formats.models import close_model, open_model
from schemas.errors import Malformed
from schemas.label.access import decide
from schemas.label.clauses import Denied, Rule
from schemas.label.clearance import ClearanceTable
from schemas.label.equivalence import Equivalence
from schemas.label.model import Label
from schemas.label.spif_reader import read_spif
from schemas.label.text import BETWEEN, TextForm
from schemas.label.validity import validate
from schemas.message import LABEL_CHARACTERS_MAX, Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass

_NOTE_CHARACTERS_MAX = 180


class MapLabelParameters(Parameters):
    """From which policy to which.

    from_document  the security policy (XML-SPIF) of the labels that come
    to_policy      the document of the policy they become labels of ("": they stay)
    default        the label assigned to a message that has none ("": it is refused)
    also           other spellings that senders use -> labels
    ceiling        clearances of the source domain: what may come from there at all
    obsolete       whether what the first policy calls obsolete is refused
    path           where the model holds the label too ("" nowhere)
    """

    from_document: str = Field(max_length=64)
    to_policy: str = Field(default="", max_length=64)
    default: str = Field(default="", max_length=256)
    also: dict[str, str] = Field(default={}, max_length=64)
    ceiling: list[ClearanceTable] = Field(default=[], max_length=16)
    obsolete: bool = True
    path: str = Field(default="", pattern=f"(?:{PATH_PATTERN})?")


def make(parameters: MapLabelParameters, documents: Documents) -> Run:
    """A run that maps labels; raises `Malformed` for policies that do not fit together."""
    home = TextForm.of(read_spif(documents[parameters.from_document]))
    abroad, pairing = _target(parameters, documents, home)
    also = {_plain(text): home.read(label) for text, label in parameters.also.items()}
    default = home.read(parameters.default) if parameters.default else None
    ceiling = [table.under(home.spif) for table in parameters.ceiling]
    path = ModelPath.parse(parameters.path) if parameters.path else None

    def read(text: str) -> Label:
        return also.get(_plain(text)) or home.read(text)

    def run(message: Message) -> Answer:
        meta = message.meta
        at_ms = meta.accepted_s * 1000
        model = open_model(message.payload) if path is not None else None
        written = path.read(model) if path is not None else None
        claims = [read(text) for text in (meta.label, written) if text]
        label = claims[0] if claims else default
        if label is None:
            raise Denied(Rule.B2, "the message has no label, and the policy assigns none")
        if any(claim != label for claim in claims):
            raise Denied(Rule.B1, "metadata and payload say different labels")
        valid = validate(label, home.spif, at_ms, obsolete_ok=not parameters.obsolete)
        for held in ceiling:
            decide(valid, held, at_ms)
        first = home.write(valid.label)
        new, text = first, first
        if pairing is not None:
            new = abroad.write(pairing.translate(valid, at_ms).valid.label)
            text = first + BETWEEN + new
        if len(text) > LABEL_CHARACTERS_MAX:
            raise Malformed(Reason.LABEL_MALFORMED, "the labels are longer than metadata holds")
        payload = message.payload
        if path is not None and path.write(model, new):
            payload = close_model(model)
        if text == meta.label and payload is message.payload:
            return Pass(f"labelled {new[:_NOTE_CHARACTERS_MAX]} already")
        how = "assigned (B2)" if not claims else "by E2 to E6" if pairing else "spelled"
        note = f"{new[:_NOTE_CHARACTERS_MAX]}: {how}"
        return Changed(Message.make(replace(meta, label=text), payload), note)

    return run


def _target(
    parameters: MapLabelParameters, documents: Documents, home: TextForm
) -> tuple[TextForm, Equivalence | None]:
    if not parameters.to_policy:
        return home, None
    abroad = TextForm.of(read_spif(documents[parameters.to_policy]))
    return abroad, Equivalence.between(home.spif, abroad.spif)


def _plain(text: str) -> str:
    return " ".join(text.upper().split())


STAGE = StageType(
    name="map_label",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=MapLabelParameters,
    make=make,
    summary="the label becomes the destination domain's, by the equivalences of its own policy",
)
