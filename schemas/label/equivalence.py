"""The same label in another policy: rules E1 to E6.

`Equivalence.between` puts two policies side by side once; `translate` then makes a valid label of
the first one of the second, or raises `Denied`. What a label says is a list of conditions, all of
which must hold: its classification, each restrictive value, each permissive tag (one of its
values). A translation may narrow a condition, and lose one only where the policy says `discard`;
so where two conditions come out as the same permissive tag their values are intersected, and a
permissive tag of which nothing is left is a denial.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.label.clauses import Denied, Rule, shown
from schemas.label.model import Category, CategoryKind, Label, LabelSet
from schemas.label.spif import (
    EquivalentClass,
    Foreign,
    ForeignRequirement,
    Operation,
    Spif,
    Tag,
    TagKey,
    Value,
)
from schemas.label.validity import Valid, validate

_Place = tuple[str, CategoryKind, str]  # tag set by id or name, kind, lacv


@dataclass(frozen=True, slots=True)
class Translated:
    """A label in the other policy, valid there, and the set that keeps the first beside it."""

    valid: Valid
    labels: LabelSet


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two policies side by side: `source`'s labels can be made `target`'s."""

    source: Spif
    target: Spif
    places: Mapping[_Place, tuple[Tag, Value]]

    @classmethod
    def between(cls, source: Spif, target: Spif) -> "Equivalence":
        """The two policies. Raises `Denied` (E1) if the first does not list the second."""
        if target.policy.uri not in source.equivalents:
            one, other = shown(source.policy.name), shown(target.policy.name)
            raise Denied(Rule.E1, f"{one} lists no equivalence to {other}")
        places: dict[_Place, tuple[Tag, Value]] = {}
        for tag in target.tags.values():
            for value in tag.values.values():
                for tag_set in (tag.tag_set, tag.tag_set_name):
                    places[tag_set, tag.kind, value.lacv] = (tag, value)
        return cls(source, target, places)

    def translate(self, valid: Valid, at_ms: int) -> Translated:
        """The label in `target`, valid there, beside the one it was. Raises `Denied` (E2 to E6)."""
        if valid.spif.policy != self.source.policy:
            raise Denied(Rule.E1, f"the label is not of {shown(self.source.policy.name)}")
        mapped, applied = self._class_of(valid)
        conditions = _Conditions()
        for tag, values in valid.tagged:
            self._carry(tag, values, conditions)
        policy = self.source.equivalents[self.target.policy.uri]
        requirements = (*applied.required, *policy.required)
        for requirement in requirements:
            self._add(requirement, conditions)
        for requirement in requirements:
            self._is_met(requirement, conditions)  # a later one may have narrowed a tag
        label = Label(
            policy=self.target.policy,
            classification=mapped,
            categories=tuple(conditions.categories()),
            created_ms=valid.label.created_ms,
            review_ms=valid.label.review_ms,
        )
        try:
            there = validate(label, self.target, at_ms)
        except Denied as error:
            # E6 names the rule of the other policy that its label breaks
            raise Denied(Rule.E6, f"over there: {error.sentence}") from error
        return Translated(there, LabelSet(valid.label, (label,)))

    def class_options(self, name: str) -> list[str]:
        """The target's classifications that `name` may become (one, if the policy is in order)."""
        names = {one.lacv: one.name for one in self.target.classifications.values()}
        applied = self._applied(name)
        return [names[one.lacv] for one in applied if one.lacv in names]

    def value_options(self, value: Value) -> tuple[list[tuple[Tag, Value]], bool]:
        """The target's values that this one becomes, and whether it is discarded by rule."""
        mine = [one for one in value.equivalents if one.policy == self.target.policy.uri]
        found = [self._at(one.value) for one in mine if one.value is not None]
        return [one for one in found if one is not None], any(one.value is None for one in mine)

    def _applied(self, name: str) -> list[EquivalentClass]:
        equivalents = self.source.classifications[name].equivalents
        return [one for one in equivalents if one.policy == self.target.policy.uri]

    def _class_of(self, valid: Valid) -> tuple[str, EquivalentClass]:
        name = valid.classification.name
        applied, options = self._applied(name), self.class_options(name)
        if len(applied) != 1 or len(options) != 1:
            there = shown(self.target.policy.name)
            number = "no" if not options else "more than one"
            raise Denied(Rule.E2, f"{shown(name)} has {number} classification in {there}")
        return options[0], applied[0]

    def _carry(self, tag: Tag, values: tuple[Value, ...], conditions: "_Conditions") -> None:
        """What the label's values of one tag become, added to the conditions."""
        all_images = [self._images(value) for value in values]
        if tag.kind is CategoryKind.PERMISSIVE:
            together = [image for images in all_images for image in images]
            if all(image[0].kind is CategoryKind.INFORMATIVE for image in together):
                sentence = f"nothing of {shown(tag.name)} is left, and it bounds the release"
                raise Denied(Rule.E4, sentence)
            conditions.demand(together)
        else:
            for images in all_images:
                conditions.demand(images)

    def _images(self, value: Value) -> list[tuple[Tag, Value]]:
        found, discarded = self.value_options(value)
        wanted = sum(one.policy == self.target.policy.uri for one in value.equivalents)
        if wanted == 0 or wanted != len(found) + discarded:
            there = shown(self.target.policy.name)
            raise Denied(Rule.E3, f"{shown(value.name)} is nothing in {there}, and not discarded")
        if discarded and found:
            raise Denied(Rule.E3, f"{shown(value.name)} is both mapped and discarded")
        return found

    def _at(self, foreign: Foreign) -> tuple[Tag, Value] | None:
        return self.places.get((foreign.tag_set, foreign.kind, foreign.lacv))

    def _groups(self, requirement: ForeignRequirement) -> list[tuple[Tag, Value]]:
        found = [self._at(group) for group in requirement.groups]
        places = [one for one in found if one is not None]
        if len(places) != len(found):
            raise Denied(Rule.E5, "the equivalence requires a value that is not there")
        return places

    def _is_met(self, requirement: ForeignRequirement, conditions: "_Conditions") -> None:
        places = self._groups(requirement)
        there = sum(conditions.has(one) for one in places)
        met = {
            Operation.ALL: there == len(places),
            Operation.ONE_OR_MORE: there >= 1,
            Operation.ONLY_ONE: there == 1,
        }
        if not met[requirement.operation]:
            raise Denied(Rule.E5, "two things that the equivalence requires exclude each other")

    def _add(self, requirement: ForeignRequirement, conditions: "_Conditions") -> None:
        places = self._groups(requirement)
        there = [one for one in places if conditions.has(one)]
        if requirement.operation is Operation.ALL or len(places) == 1:
            conditions.demand(places)
        elif not there or (requirement.operation is Operation.ONLY_ONE and len(there) > 1):
            raise Denied(Rule.E5, f"the equivalence requires {requirement.operation} of"
                                  f" {len(places)} values and leaves open which")  # fmt: skip


class _Conditions:
    """The values that the new label will have, by tag."""

    def __init__(self) -> None:
        self.names: dict[TagKey, frozenset[str]] = {}
        self.tags: dict[TagKey, Tag] = {}

    def has(self, place: tuple[Tag, Value]) -> bool:
        tag, value = place
        return value.name in self.names.get(tag.key, ())

    def demand(self, places: Iterable[tuple[Tag, Value]]) -> None:
        """One more condition: all restrictive values of `places`, one of each permissive tag."""
        wanted: dict[TagKey, set[str]] = {}
        for tag, value in places:
            self.tags[tag.key] = tag
            wanted.setdefault(tag.key, set()).add(value.name)
        for key, names in wanted.items():
            before = self.names.get(key)
            if before is None:
                self.names[key] = frozenset(names)
            elif self.tags[key].kind is not CategoryKind.PERMISSIVE:
                self.names[key] = before | names
            else:
                self.names[key] = before & names
                if not self.names[key]:
                    name = shown(self.tags[key].name)
                    raise Denied(Rule.E4, f"two conditions share no value of {name} over there")

    def categories(self) -> Iterator[Category]:
        for (tag_set, name), names in self.names.items():
            yield Category(tag_set, name, self.tags[tag_set, name].kind, tuple(names))
