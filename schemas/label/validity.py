"""Whether a label is valid under its policy: rules V1 to V14 of docs/spec/labels.md.

`know` says that the policy has every name in the label (what several labels need before they are
joined); `validate` says all. Both give the label in another type, which is what the other rules
take, or raise `Denied`. Pure: the time is an argument.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.label.clauses import Denied, Rule, listed, shown
from schemas.label.model import Category, Label
from schemas.label.spif import Classification, Operation, Requirement, Spif, Tag, Value, ValueKey

SKEW_MS_MAX = 300_000  # how far a maker's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Known:
    """A label of which the policy knows every name, looked up.

    tagged  each tag that the label has, with its values
    """

    label: Label
    spif: Spif
    classification: Classification
    tagged: tuple[tuple[Tag, tuple[Value, ...]], ...]


@dataclass(frozen=True, slots=True)
class Valid(Known):
    """A label that is valid under its policy at the time it was asked."""


def standing(label: Label, at_ms: int) -> Label:
    """The label that stands at `at_ms`: the last successor whose time has come, or itself."""
    for succession in reversed(label.successions):
        if succession.at_ms <= at_ms:
            return succession.label
    return label


def know(label: Label, spif: Spif) -> Known:
    """The label, looked up in its policy. Raises `Denied` (V1, V3, V5, V6)."""
    _of_this_policy(label, spif)
    classification = spif.classifications.get(label.classification)
    if classification is None:
        raise Denied(Rule.V3, "the policy does not know the classification")
    return Known(label, spif, classification, tuple(_tagged(label.categories, spif)))


def validate(label: Label, spif: Spif, at_ms: int, *, obsolete_ok: bool = False) -> Valid:
    """The label that stands at `at_ms`, found valid. Raises `Denied` (V1 to V14).

    at_ms: milliseconds since 1970. obsolete_ok: for old labels, whose values the policy gave up.
    """
    known = know(standing(label, at_ms), spif)
    _in_force(spif, at_ms)
    if not obsolete_ok:
        _nothing_obsolete(known)
    for _, values in known.tagged:
        for value in values:
            _within_dates(value, at_ms)
    _as_many_as_may_be(known)
    _no_contradiction(known)
    if known.label.created_ms is not None and known.label.created_ms > at_ms + SKEW_MS_MAX:
        raise Denied(Rule.V13, "the label says that it was made in the future")
    mark = known.label.privacy_mark
    if mark and spif.privacy_marks and mark not in spif.privacy_marks:
        raise Denied(Rule.V14, "the policy does not know the privacy mark")
    return Valid(known.label, spif, known.classification, known.tagged)


def _of_this_policy(label: Label, spif: Spif) -> None:
    its, ours = label.policy, spif.policy
    if its.uri and its.uri != ours.uri:
        raise Denied(Rule.V1, f"the label is not of the policy {shown(ours.name)}")
    if its.name != ours.name:
        raise Denied(Rule.V1, f"the label does not name the policy {shown(ours.name)}")


def _tagged(categories: Iterable[Category], spif: Spif) -> Iterator[tuple[Tag, tuple[Value, ...]]]:
    seen: set[tuple[str, str]] = set()
    for category in categories:
        tag = spif.tag_of(category.tag_set, category.tag)
        if tag is None:
            raise Denied(Rule.V5, "the policy does not know a tag of the label")
        if tag.kind is not category.kind:
            raise Denied(Rule.V5, f"the policy has {shown(tag.name)} as {tag.kind}")
        if tag.key in seen:
            raise Denied(Rule.V5, f"the label has {shown(tag.name)} twice")
        seen.add(tag.key)
        values = tuple(map(tag.values.get, category.values))
        if None in values:
            raise Denied(Rule.V6, f"the policy does not know a value of {shown(tag.name)}")
        yield tag, values  # type: ignore[misc]  # None is not among them, 2026-11-26


def _in_force(spif: Spif, at_ms: int) -> None:
    if spif.from_ms is not None and at_ms < spif.from_ms:
        raise Denied(Rule.V2, f"the policy {shown(spif.policy.name)} is not yet in force")
    if spif.to_ms is not None and at_ms > spif.to_ms:
        raise Denied(Rule.V2, f"the policy {shown(spif.policy.name)} is no longer in force")


def _nothing_obsolete(known: Known) -> None:
    if known.classification.obsolete:
        raise Denied(Rule.V4, f"{shown(known.classification.name)} is obsolete")
    for tag, values in known.tagged:
        for value in values:
            if value.obsolete:
                raise Denied(Rule.V4, f"{shown(value.name)} of {shown(tag.name)} is obsolete")


def _within_dates(value: Value, at_ms: int) -> None:
    if value.from_ms is not None and at_ms < value.from_ms:
        raise Denied(Rule.V7, f"{shown(value.name)} may not be used yet")
    if value.to_ms is not None and at_ms > value.to_ms:
        raise Denied(Rule.V7, f"{shown(value.name)} may no longer be used")


def _as_many_as_may_be(known: Known) -> None:
    for tag, values in known.tagged:
        if len(values) > tag.max_values:
            raise Denied(Rule.V8, f"{shown(tag.name)} has more than {tag.max_values} values")
        if len(values) < tag.min_values:
            raise Denied(Rule.V8, f"{shown(tag.name)} has fewer than {tag.min_values} values")
    if known.spif.demanded:
        there = {tag.key for tag, _ in known.tagged}
        for tag in known.spif.demanded:
            if tag.key not in there:
                raise Denied(Rule.V8, f"the policy wants values of {shown(tag.name)}")


def _no_contradiction(known: Known) -> None:
    classification = known.classification
    there = frozenset(value.key for _, values in known.tagged for value in values)
    for requirement in classification.required:
        _met(requirement, there, classification.name)
    for _, values in known.tagged:
        for value in values:
            if value.required_class and value.required_class != classification.name:
                wanted = shown(value.required_class)
                raise Denied(Rule.V9, f"{shown(value.name)} needs the classification {wanted}")
            if classification.name in value.excluded_classes:
                raise Denied(Rule.V10, f"{shown(value.name)} excludes {shown(classification.name)}")
            for requirement in value.required:
                _met(requirement, there, value.name)
            for group in value.excluded:
                if not group.isdisjoint(there):
                    other = sorted(name for _, _, name in group & there)
                    raise Denied(Rule.V12, f"{shown(value.name)} excludes {listed(other)}")


def _met(requirement: Requirement, there: frozenset[ValueKey], of: str) -> None:
    met = sum(not group.isdisjoint(there) for group in requirement.groups)
    wanted = len(requirement.groups)
    enough = {
        Operation.ONLY_ONE: met == 1,
        Operation.ONE_OR_MORE: met >= 1,
        Operation.ALL: met == wanted,
    }
    if not enough[requirement.operation]:
        raise Denied(
            Rule.V11,
            f"{shown(of)} requires {requirement.operation} of {wanted} groups, {met} are there",
        )
