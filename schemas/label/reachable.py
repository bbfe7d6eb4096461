"""Which classifications and values of a policy a valid label can have at all.

Takes a policy, gives for a classification or value whether some label with it breaks none of the
rules V8 to V12. A search: what is required is added, one way after the other, until nothing is
missing or something is excluded. Dates and obsolete values are not looked at. Pure and bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.label.spif import Operation, Requirement, Spif, Value, ValueKey

STEPS_MAX = 20_000
KEYS_MAX = 200  # of one label in the search, which recurses as deep


@dataclass(slots=True)
class Search:
    """The search through one policy. `undecided`: a bound was reached."""

    spif: Spif
    undecided: bool = False
    _steps: int = 0

    def reaches_class(self, name: str) -> bool:
        """Whether a valid label can have this classification."""
        return self._begin(name, frozenset())

    def reaches_value(self, value: Value) -> bool:
        """Whether a valid label can have this value, under some classification."""
        names = [value.required_class] if value.required_class else self.spif.classifications
        return any(self._begin(name, frozenset({value.key})) for name in names)

    def _begin(self, classification: str, keys: frozenset[ValueKey]) -> bool:
        self._steps = 0
        return self._search(classification, keys)

    def _search(self, classification: str, keys: frozenset[ValueKey]) -> bool:
        self._steps += 1
        if self._steps > STEPS_MAX or len(keys) > KEYS_MAX:
            self.undecided = True
            return True  # a finding must be sure
        if self._is_contradicted(classification, keys):
            return False
        missing = next(self._missing(classification, keys), None)
        if missing is None:
            return True
        return any(self._search(classification, keys | {key}) for key in missing if key not in keys)

    def _value(self, key: ValueKey) -> Value:
        return self.spif.tags[key[:2]].values[key[2]]

    def _is_contradicted(self, classification: str, keys: frozenset[ValueKey]) -> bool:
        counts: dict[tuple[str, str], int] = {}
        for key in keys:
            counts[key[:2]] = counts.get(key[:2], 0) + 1
            value = self._value(key)
            if value.required_class not in ("", classification):
                return True
            if classification in value.excluded_classes:
                return True
            if any(not group.isdisjoint(keys) for group in value.excluded):
                return True
        if any(count > self.spif.tags[tag].max_values for tag, count in counts.items()):
            return True
        only = (it for it in self._all(classification, keys) if it.operation is Operation.ONLY_ONE)
        return any(_met(requirement, keys) > 1 for requirement in only)

    def _missing(self, classification: str, keys: frozenset[ValueKey]) -> Iterator[list[ValueKey]]:
        """For each thing that is missing, the values of which one more would help."""
        for requirement in self._all(classification, keys):
            unmet = [group for group in requirement.groups if group.isdisjoint(keys)]
            met = len(requirement.groups) - len(unmet)
            if requirement.operation is Operation.ALL and unmet:
                yield sorted(unmet[0])
            elif requirement.operation is not Operation.ALL and not met:
                yield sorted(key for group in unmet for key in group)
        for tag in self.spif.demanded:
            if sum(key[:2] == tag.key for key in keys) < tag.min_values:
                yield [value.key for value in tag.values.values()]

    def _all(self, classification: str, keys: frozenset[ValueKey]) -> Iterator[Requirement]:
        yield from self.spif.classifications[classification].required
        for key in sorted(keys):
            yield from self._value(key).required


def _met(requirement: Requirement, keys: frozenset[ValueKey]) -> int:
    return sum(not group.isdisjoint(keys) for group in requirement.groups)
