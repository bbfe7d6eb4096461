"""Filter `check_label_twin`: the label by the destination's own reading of the security policy.

Takes the metadata's label (a set in text form) and, if the policy names one, the attribute of the
file's root that repeats it; changes nothing. The label must be in its one spelling, valid, what
the originator's label becomes, and releasable to every clearance here. Reader and rules are
`filters.twins.spif_twin` and `label_rules`, which share nothing with the source side's.
"""

from pydantic import BaseModel, ConfigDict, Field

from filters.twins import spif_twin
from filters.twins.label_rules import (
    Atoms,
    Holding,
    No,
    check_access,
    check_valid,
    holding,
    read_set,
    spell,
    translate,
)
from filters.twins.native import Format, root_texts
from filters.twins.spif_form import moment
from filters.twins.spif_twin import Book
from schemas.message import Message
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass


class HeldHere(BaseModel):
    """A clearance behind the destination, by names of its policy.

    holder           who holds it, for verdicts
    classifications  the set held: each is named, none follows from another
    categories       tag name -> values held
    not_before, not_after  its dates, as in the policy's file ("" no end)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    holder: str = Field(default="", max_length=128)
    classifications: list[str] = Field(min_length=1, max_length=64)
    categories: dict[str, list[str]] = Field(default={}, max_length=64)
    not_before: str = Field(default="", max_length=32)
    not_after: str = Field(default="", max_length=32)


class CheckLabelTwinParameters(Parameters):
    """What the destination accepts.

    policy_document  the destination's security policy (XML-SPIF)
    origin_policy    the document of the policy that the originator's label is of, if it was mapped
    clearances       all of them must be granted access
    explicit         permissive tags of which the label must have a value: silence is no release
    obsolete         whether what the policy calls obsolete is refused
    attribute        attribute of the root that repeats the label ("" none)
    form             what the payload is, where `attribute` is given
    """

    policy_document: str = Field(max_length=64)
    origin_policy: str = Field(default="", max_length=64)
    clearances: list[HeldHere] = Field(min_length=1, max_length=64)
    explicit: list[str] = Field(default=[], max_length=16)
    obsolete: bool = True
    attribute: str = Field(default="", max_length=64)
    form: Format = "xml"


def make(parameters: CheckLabelTwinParameters, documents: Documents) -> Run:
    """A run that refuses labels the destination does not accept."""
    book = spif_twin.read(documents[parameters.policy_document])
    name = parameters.origin_policy
    origin = spif_twin.read(documents[name]) if name else None
    stale_ok = not parameters.obsolete
    explicit = [_permissive(book, tag) for tag in parameters.explicit]
    clearances = [(here.holder, _held(here, book)) for here in parameters.clearances]

    def run(message: Message) -> Answer:
        meta = message.meta
        at_ms = meta.accepted_s * 1000
        if not meta.label:
            raise No("B2", "the message has no label")
        atoms = _label_here(meta.label, book, origin, at_ms, stale_ok)
        check_valid(atoms, book, at_ms, stale_ok=stale_ok)
        if parameters.attribute:
            repeated = root_texts(message.payload, parameters.form).get(parameters.attribute)
            if repeated != spell(atoms, book):
                raise No("B1", "the file says another label than its metadata")
        if any(all(its != tag for its, _ in atoms) for tag in explicit):
            raise No("R2", "the label does not say to whom it may be released")
        for holder, held in clearances:
            try:
                check_access(atoms, book, held, at_ms)
            except No as error:
                raise No(error.rule, f"{holder[:40] or 'the destination'}: no access") from error
        return Pass()

    return run


def _permissive(book: Book, name: str) -> str:
    keys = [key for key, kind in book.tags.items() if key.partition(" ")[2] == name and kind == "P"]
    if len(keys) != 1:
        raise No("R2", "the policy has no one permissive tag of that name")
    return keys[0]


def _held(here: HeldHere, book: Book) -> Holding:
    return holding(
        book, here.classifications, here.categories,
        moment(here.not_before) if here.not_before else 0,
        moment(here.not_after) if here.not_after else None,
    )  # fmt: skip


def _label_here(
    untrusted: str, book: Book, origin: Book | None, at_ms: int, stale_ok: bool
) -> Atoms:
    """The destination's label; what the originator's becomes, where there is an origin."""
    wanted = [book] if origin is None else [origin, book]
    found = read_set(untrusted, wanted)
    if [one.oid for one, _ in found] != [one.oid for one in wanted]:
        raise No("E7", "the originator's label does not stand before the one it became")
    if origin is not None:
        first = found[0][1]
        check_valid(first, origin, at_ms, stale_ok=stale_ok)
        if translate(first, origin, book, at_ms) != found[1][1]:
            raise No("E7", "the label is not what the originator's becomes")
    return found[-1][1]


STAGE = StageType(
    name="check_label_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=CheckLabelTwinParameters,
    make=make,
    summary="the label is valid, mapped and releasable by the destination's own rules",
    rechecks=frozenset({"label"}),
)
