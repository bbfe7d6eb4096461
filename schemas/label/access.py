"""The access decision: may who holds this clearance see what bears this label? Rules A1 to A7.

Takes a valid label and a clearance that was looked up in the same policy; gives the steps of the
decision, or raises `Denied` at the first rule that says no. A label of another policy is first
made one of the clearance's (`schemas.label.equivalence`). After ITU-T X.841 | ISO/IEC 15816 and
STANAG 4774: the classification must be a member of the clearance's set, whatever ranks above it.
"""

from dataclasses import dataclass

from schemas.label.clauses import Denied, Rule, Step, listed, shown
from schemas.label.model import CategoryKind, Clearance
from schemas.label.spif import Spif, ValueKey
from schemas.label.validity import Valid


@dataclass(frozen=True, slots=True)
class Held:
    """A clearance of which the policy knows every name: what it holds, as keys."""

    clearance: Clearance
    spif: Spif
    values: frozenset[ValueKey]


def hold(clearance: Clearance, spif: Spif) -> Held:
    """The clearance, looked up in its policy. Raises `Denied` (A1, A3)."""
    if clearance.policy.name != spif.policy.name or clearance.policy.uri not in (
        "", spif.policy.uri,
    ):  # fmt: skip
        raise Denied(Rule.A1, f"the clearance is not of the policy {shown(spif.policy.name)}")
    unknown = sorted(clearance.classifications - spif.classifications.keys())
    if unknown:
        raise Denied(Rule.A3, f"the policy does not know the clearance's {listed(unknown)}")
    values: set[ValueKey] = set()
    for category in clearance.categories:
        tag = spif.tag_of(category.tag_set, category.tag)
        if tag is None or tag.kind is not category.kind:
            raise Denied(Rule.A3, f"the policy has no such tag as {shown(category.tag)}")
        for name in category.values:
            if name not in tag.values:
                raise Denied(Rule.A3, f"{shown(tag.name)} has no value {shown(name)}")
            values.add(tag.values[name].key)
    return Held(clearance, spif, frozenset(values))


def decide(valid: Valid, held: Held, at_ms: int) -> tuple[Step, ...]:
    """The steps by which access is granted. Raises `Denied` (A1, A2, A4 to A6) if it is not."""
    if valid.spif.policy != held.spif.policy:
        raise Denied(Rule.A1, "label and clearance are of different policies")
    clearance = held.clearance
    if clearance.from_ms is not None and at_ms < clearance.from_ms:
        raise Denied(Rule.A2, "the clearance is not yet good")
    if clearance.to_ms is not None and at_ms > clearance.to_ms:
        raise Denied(Rule.A2, "the clearance is no longer good")
    name = valid.classification.name
    if name not in clearance.classifications:
        raise Denied(Rule.A4, f"the clearance's set does not have {shown(name)}")
    steps = [
        Step(Rule.A1, f"both are of {shown(valid.spif.policy.name)}"),
        Step(Rule.A4, f"the clearance's set has {shown(name)}"),
    ]
    for tag, values in valid.tagged:
        if tag.kind is CategoryKind.INFORMATIVE:
            steps.append(Step(Rule.A7, f"{shown(tag.name)} only informs"))
            continue
        got = [value.name for value in values if value.key in held.values]
        if tag.kind is CategoryKind.RESTRICTIVE:
            if len(got) != len(values):
                missing = [value.name for value in values if value.key not in held.values]
                sentence = f"of {shown(tag.name)} the clearance lacks {listed(missing)}"
                raise Denied(Rule.A5, sentence)
            steps.append(Step(Rule.A5, f"of {shown(tag.name)} it holds {listed(got)}"))
        else:
            if not got:
                wanted = [value.name for value in values]
                sentence = f"of {shown(tag.name)} the clearance holds none of {listed(wanted)}"
                raise Denied(Rule.A6, sentence)
            steps.append(Step(Rule.A6, f"of {shown(tag.name)} it holds {listed(got)}"))
    return tuple(steps)
