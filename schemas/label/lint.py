"""What is wrong with a policy before anybody writes a label by it.

Takes a policy and, for what it says about others, those; gives findings. A *fault* makes labels
impossible, ambiguous or lower than they were; a *notice* is worth a look and may be meant. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from schemas.errors import Malformed
from schemas.label.clauses import listed, shown
from schemas.label.equivalence import Equivalence
from schemas.label.marking import PLACES, phrase_of, value_phrase
from schemas.label.model import CategoryKind
from schemas.label.reachable import Search
from schemas.label.spif import Operation, Spif, Value, ValueKey
from schemas.label.text import TextForm

FAULT, NOTICE = "fault", "notice"
_TRAIL_MAX = 4  # policies on one way round


@dataclass(frozen=True, slots=True)
class Finding:
    """severity (fault or notice), a code for machines, and a sentence."""

    severity: str
    code: str
    sentence: str


def lint(spif: Spif, others: Sequence[Spif] = ()) -> list[Finding]:
    """All findings, faults first. others: the policies that this one may have equivalences to."""
    known = {other.policy.uri: other for other in others}
    found = [
        *_unreachable(spif),
        *_requirement_cycles(spif),
        *_collisions(spif),
        *_without_text_form(spif),
        *_unmapped(spif),
        *_weakened(spif),
    ]
    for uri, equivalent in spif.equivalents.items():
        if uri in known:
            found += _against(spif, known[uri])
        else:
            sentence = (
                f"{shown(equivalent.policy.name)} was not given: its mappings are not checked"
            )
            found.append(Finding(NOTICE, "not-checked", sentence))
    found += _mapping_cycles(spif, known)
    return sorted(dict.fromkeys(found), key=lambda one: one.severity != FAULT)


def _unreachable(spif: Spif) -> Iterator[Finding]:
    search = Search(spif)
    for name, classification in spif.classifications.items():
        if not classification.obsolete and not search.reaches_class(name):
            yield Finding(FAULT, "unreachable", f"no valid label can be {shown(name)}")
    for tag in spif.tags.values():
        for value in tag.values.values():
            if not value.obsolete and not search.reaches_value(value):
                sentence = f"no valid label can have {shown(value.name)} of {shown(tag.name)}"
                yield Finding(FAULT, "unreachable", sentence)
    if search.undecided:
        sentence = "whether everything can be reached takes too long to find out"
        yield Finding(NOTICE, "not-checked", sentence)


def _requirement_cycles(spif: Spif) -> Iterator[Finding]:
    """Values that must have each other: then none of them can be chosen without the rest."""
    edges: dict[ValueKey, set[ValueKey]] = {
        value.key: _musts(value) for tag in spif.tags.values() for value in tag.values.values()
    }
    seen: set[frozenset[ValueKey]] = set()
    for start in edges:
        circle = frozenset(
            key for key in _reach(edges, start) if key != start and start in _reach(edges, key)
        )
        if circle and circle | {start} not in seen:
            seen.add(circle | {start})
            names = ", ".join(sorted(shown(name) for _, _, name in circle | {start}))
            yield Finding(NOTICE, "requires-itself", f"{names} require each other")


def _musts(value: Value) -> set[ValueKey]:
    return {
        key
        for requirement in value.required
        for group in requirement.groups
        if len(group) == 1
        and (requirement.operation is Operation.ALL or len(requirement.groups) == 1)
        for key in group
    }


def _reach(edges: Mapping[ValueKey, set[ValueKey]], start: ValueKey) -> set[ValueKey]:
    found: set[ValueKey] = set()
    todo = [start]
    while todo:
        for key in edges[todo.pop()] - found:
            found.add(key)
            todo.append(key)
    return found


def _collisions(spif: Spif) -> Iterator[Finding]:
    """Different things that read the same on a page: people would take one for the other."""
    for language in sorted(_languages(spif)):
        for place in PLACES:
            texts: dict[str, str] = {}
            for what, text in (
                *((name, phrase_of(one, place, language))
                  for name, one in spif.classifications.items()),
                *((f"{value.name} of {tag.name}", value_phrase(tag, value, place, language))
                  for tag in spif.tags.values() for value in tag.values.values()),
            ):  # fmt: skip
                if not text:
                    continue
                other = texts.setdefault(text.casefold(), what)
                if other != what:
                    where = f"{place}{f' in {language}' if language else ''}"
                    sentence = f"{shown(other)} and {shown(what)} are both marked {shown(text)}"
                    yield Finding(FAULT, "marking-collision", f"{sentence} ({where})")


def _languages(spif: Spif) -> set[str]:
    holders = [spif.markings, *(one.markings for one in spif.classifications.values())]
    holders += [value.markings for tag in spif.tags.values() for value in tag.values.values()]
    return {"", *(one.language for markings in holders for one in markings)}


def _without_text_form(spif: Spif) -> Iterator[Finding]:
    try:
        TextForm.of(spif)
    except Malformed as error:
        yield Finding(FAULT, "no-text-form", error.sentence)


def _unmapped(spif: Spif) -> Iterator[Finding]:
    for uri, equivalent in spif.equivalents.items():
        there = shown(equivalent.policy.name)
        for name, classification in spif.classifications.items():
            count = sum(one.policy == uri for one in classification.equivalents)
            if count == 0 and not classification.obsolete:
                yield Finding(NOTICE, "class-unmapped", f"{shown(name)} is nothing in {there}")
            elif count > 1:
                sentence = f"{shown(name)} has {count} classifications in {there}: none applies"
                yield Finding(FAULT, "class-ambiguous", sentence)
        for tag in spif.tags.values():
            lost = [
                value.name for value in tag.values.values()
                if not value.obsolete and not any(one.policy == uri for one in value.equivalents)
            ]  # fmt: skip
            if lost:
                sentence = f"of {shown(tag.name)}, nothing in {there}: {listed(lost)}"
                yield Finding(NOTICE, "value-unmapped", sentence)


def _weakened(spif: Spif) -> Iterator[Finding]:
    """Values that decide here and do not there."""
    for tag in spif.tags.values():
        if tag.kind is CategoryKind.INFORMATIVE:
            continue
        for value in tag.values.values():
            for one in value.equivalents:
                policy = spif.equivalents[one.policy].policy
                if one.value is None or one.value.kind is CategoryKind.INFORMATIVE:
                    how = "discarded" if one.value is None else "only informative"
                    sentence = f"{shown(value.name)} of {shown(tag.name)} is {how} in {policy.name}"
                    yield Finding(NOTICE, "value-weakened", sentence)


def _against(spif: Spif, other: Spif) -> Iterator[Finding]:
    """What the policy says of another, held against that one."""
    pairing = Equivalence.between(spif, other)
    there = shown(other.policy.name)
    mapped: dict[str, str] = {}
    for name, classification in spif.classifications.items():
        options = pairing.class_options(name)
        named = sum(one.policy == other.policy.uri for one in classification.equivalents)
        if len(options) < named:
            sentence = f"{shown(name)} becomes a classification that {there} does not have"
            yield Finding(FAULT, "mapped-nowhere", sentence)
        elif len(options) == 1:
            mapped[name] = options[0]
    yield from _lowering(spif, other, mapped)
    for tag in spif.tags.values():
        for value in tag.values.values():
            found, _ = pairing.value_options(value)
            wanted = sum(one.policy == other.policy.uri and one.value is not None
                         for one in value.equivalents)  # fmt: skip
            if len(found) < wanted:
                sentence = f"{shown(value.name)} becomes a value that {there} does not have"
                yield Finding(FAULT, "mapped-nowhere", sentence)


def _lowering(spif: Spif, other: Spif, mapped: Mapping[str, str]) -> Iterator[Finding]:
    ours, theirs = spif.classifications, other.classifications
    ranked = sorted(mapped, key=lambda name: ours[name].hierarchy)
    for low, high in combinations(ranked, 2):
        if theirs[mapped[low]].hierarchy > theirs[mapped[high]].hierarchy:
            yield Finding(
                FAULT, "mapping-lowers",
                f"{shown(high)} is above {shown(low)}, but {shown(mapped[high])} is below"
                f" {shown(mapped[low])} in {shown(other.policy.name)}",
            )  # fmt: skip
    if spif.policy.uri not in other.equivalents:
        return
    back = Equivalence.between(other, spif)
    for name in ranked:
        for home in back.class_options(mapped[name]):
            if ours[home].hierarchy < ours[name].hierarchy:
                yield Finding(
                    FAULT, "mapping-lowers",
                    f"{shown(name)} comes back from {shown(other.policy.name)} as {shown(home)}",
                )  # fmt: skip


def _mapping_cycles(spif: Spif, known: Mapping[str, Spif]) -> Iterator[Finding]:
    """Ways round several policies that end at another classification than they began."""
    everything = {**known, spif.policy.uri: spif}
    for name in spif.classifications:
        for trail, home in _round_trips(everything, (spif.policy.uri,), name):
            before, after = (spif.classifications[it].hierarchy for it in (name, home))
            if after != before:
                way = ", ".join(shown(everything[uri].policy.name) for uri in trail[1:])
                lower = after < before
                yield Finding(
                    FAULT if lower else NOTICE, "mapping-lowers" if lower else "mapping-cycle",
                    f"{shown(name)} comes round by {way} as {shown(home)}",
                )  # fmt: skip


def _round_trips(
    everything: Mapping[str, Spif], trail: tuple[str, ...], name: str
) -> Iterable[tuple[tuple[str, ...], str]]:
    here = everything[trail[-1]]
    for uri in here.equivalents:
        if uri not in everything or (uri in trail and uri != trail[0]) or len(trail) > _TRAIL_MAX:
            continue
        options = Equivalence.between(here, everything[uri]).class_options(name)
        if len(options) != 1:
            continue
        if uri == trail[0]:
            yield trail, options[0]
        else:
            yield from _round_trips(everything, (*trail, uri), options[0])
