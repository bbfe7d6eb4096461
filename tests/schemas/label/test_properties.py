"""What must hold for all labels: access, dominance and equivalence never widen a release.

Over the project's policies and over random ones. "More releasable" is asked of every clearance
that could tell the difference: each classification with each subset of the values in question.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Malformed
from schemas.label.access import decide, hold
from schemas.label.clauses import Denied
from schemas.label.dominance import check_dominates, dominate
from schemas.label.equivalence import Equivalence
from schemas.label.model import Category, CategoryKind, Clearance, Label
from schemas.label.spif import Spif, Tag
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import Valid, know, validate
from tests.schemas.label.policies import NAMES, NOW_MS, form, pair, spif, text

PAIRS = [("KESTRIA", "ALLIANCE"), ("ALLIANCE", "BEACON"), ("BEACON", "MERIDIAN")]


def some_label(chance: Random, of: Spif) -> Label:
    """Any label of the policy, valid or not."""
    categories = []
    for tag in of.tags.values():
        if chance.random() < 0.5:
            names = chance.sample(list(tag.values), chance.randint(1, len(tag.values)))
            categories.append(Category(tag.tag_set, tag.name, tag.kind, tuple(names)))
    return Label(of.policy, chance.choice(list(of.classifications)), tuple(categories))


def some_clearance(chance: Random, of: Spif) -> Clearance:
    categories = []
    for tag in of.tags.values():
        names = chance.sample(list(tag.values), chance.randint(0, len(tag.values)))
        if names:
            categories.append(Category(tag.tag_set, tag.name, tag.kind, tuple(names)))
    classes = chance.sample(list(of.classifications), chance.randint(1, len(of.classifications)))
    return Clearance(of.policy, frozenset(classes), tuple(categories))


def may_see(label: Label, who: Clearance, of: Spif) -> bool:
    """The access decision alone, whether or not the label is valid."""
    known = know(label, of)
    valid = Valid(known.label, of, known.classification, known.tagged)
    try:
        decide(valid, hold(who, of), NOW_MS)
    except Denied:
        return False
    return True


def telling(label: Label, of: Spif) -> Iterator[Clearance]:
    """Clearances for each classification, with all and with all but one of the values."""
    every = [(tag, name) for tag in of.tags.values() for name in tag.values]
    named = {(it.tag, name) for it in label.categories for name in it.values}
    left_out = [None, *((tag, name) for tag, name in every if (tag.name, name) in named)]
    for classes in chain([tuple(of.classifications)], combinations(of.classifications, 1)):
        for out in left_out:
            yield Clearance(of.policy, frozenset(classes), tuple(_but(every, out)))


def _but(every: list[tuple[Tag, str]], out: tuple[Tag, str] | None) -> Iterator[Category]:
    for tag in dict.fromkeys(tag.key for tag, _ in every):
        names = [name for it, name in every if it.key == tag and (it, name) != out]
        if names:
            kind = next(it.kind for it, _ in every if it.key == tag)
            yield Category(*tag, kind, tuple(names))


def policies() -> list[Spif]:
    return [spif(name) for name in NAMES] + [read_spif(pair(seed)[2]) for seed in range(40)]


def test_a_restrictive_value_more_never_opens_and_one_less_never_closes() -> None:
    changes = 0
    for seed, of in enumerate(policies()):
        chance = Random(seed)
        restrictive = [it for it in of.tags.values() if it.kind is CategoryKind.RESTRICTIVE]
        for _ in range(60 if restrictive else 0):
            label, who, tag = (
                some_label(chance, of),
                some_clearance(chance, of),
                chance.choice(restrictive),
            )
            name = chance.choice(list(tag.values))
            more = with_value(label, tag, name)
            assert may_see(label, who, of) or not may_see(more, who, of)
            changes += may_see(label, who, of) and not may_see(more, who, of)
    assert changes > 50


def with_value(label: Label, tag: Tag, name: str) -> Label:
    others = [it for it in label.categories if (it.tag_set, it.tag) != tag.key]
    mine = [it for it in label.categories if (it.tag_set, it.tag) == tag.key]
    names = (*(mine[0].values if mine else ()), name)
    added = Category(tag.tag_set, tag.name, tag.kind, names)
    return replace(label, categories=(*others, added))


def joined(labels: list[Label | None], of: Spif) -> Label | None:
    """The dominating label, None if there is none: that lets nobody see anything."""
    if None in labels:
        return None
    try:
        return dominate([label for label in labels if label is not None], of)
    except Denied:
        return None


def test_dominance_is_commutative_associative_and_idempotent() -> None:
    empty = 0
    for seed, of in enumerate(policies()):
        chance = Random(seed)
        for _ in range(40):
            a, b, c = (some_label(chance, of) for _ in range(3))
            whole = joined([a, b, c], of)
            for x, y, z in permutations((a, b, c)):
                assert joined([joined([x, y], of), z], of) == whole
                assert joined([x, joined([y, z], of)], of) == whole
                assert joined([x, y, z], of) == whole
            assert joined([a, a], of) == a
            if whole is not None:
                assert joined([whole, a], of) == whole
            empty += whole is None
    assert empty > 20


def test_the_dominating_label_is_never_more_releasable_than_any_part() -> None:
    seen = 0
    for seed, of in enumerate(policies()[:24]):
        chance = Random(seed)
        for _ in range(12):
            parts = [some_label(chance, of) for _ in range(chance.randint(1, 3))]
            whole = joined(list(parts), of)
            if whole is None:
                continue
            for who in telling(whole, of):
                if may_see(whole, who, of):
                    assert all(may_see(part, who, of) or outranks(part, whole, who, of)
                               for part in parts)  # fmt: skip
                    seen += 1
            for part in parts:
                assert check_dominates(whole, part, of) is whole
    assert seen > 200


def outranks(part: Label, whole: Label, who: Clearance, of: Spif) -> bool:
    """A part of a lower classification that the clearance's set happens not to have."""
    low, high = (of.classifications[it.classification].hierarchy for it in (part, whole))
    lower = low < high and part.classification not in who.classifications
    return lower and may_see(replace(part, classification=whole.classification), who, of)


def test_a_label_that_dominates_another_is_seen_by_no_more_people() -> None:
    yes = no = 0
    for seed, of in enumerate(policies()[:24]):
        chance = Random(seed)
        for _ in range(40):
            over, under = some_label(chance, of), some_label(chance, of)
            try:
                check_dominates(over, under, of)
            except Denied:
                no += 1
                continue
            yes += 1
            for who in telling(over, of):
                if may_see(over, who, of):
                    assert may_see(under, who, of) or outranks(under, over, who, of)
    assert yes > 30
    assert no > 300


def every_label(of: Spif) -> Iterator[Label]:
    """Each classification with no value, and with each value alone, and each two of one tag."""
    for name in of.classifications:
        yield Label(of.policy, name)
        for tag in of.tags.values():
            for names in chain(combinations(tag.values, 1), combinations(tag.values, 2)):
                yield Label(of.policy, name, (Category(*tag.key, tag.kind, names),))


@pytest.mark.parametrize(("one", "other"), [*PAIRS, *((b, a) for a, b in PAIRS)])
def test_there_and_back_never_lowers_a_classification(one: str, other: str) -> None:
    mine, its = form(one).spif, form(other).spif
    there, back = Equivalence.between(mine, its), Equivalence.between(its, mine)
    came_back = 0
    for label in every_label(mine):
        try:
            over = there.translate(validate(label, mine, NOW_MS), NOW_MS).valid
            home = back.translate(over, NOW_MS).valid
        except Malformed:
            continue
        before = mine.classifications[label.classification].hierarchy
        assert home.classification.hierarchy >= before
        came_back += 1
    assert came_back >= 3


def test_a_translation_never_loses_a_condition_on_release() -> None:
    """In random policies: a permissive tag of the source always leaves a condition behind."""
    bound = 0
    for seed in range(1000):
        one, _, mine, its = pair(seed)
        source, target = read_spif(mine), read_spif(its)
        spelled, chance = TextForm.of(source), Random(seed)
        for _ in range(10):
            try:
                valid = validate(spelled.read(text(chance, one)), source, NOW_MS)
                over = Equivalence.between(source, target).translate(valid, NOW_MS).valid
            except Malformed:
                continue
            if any(tag.kind is CategoryKind.PERMISSIVE for tag, _ in valid.tagged):
                assert any(tag.kind is not CategoryKind.INFORMATIVE for tag, _ in over.tagged)
                bound += 1
    assert bound > 80


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**40))
def test_any_policy_and_labels_keep_all_of_these(seed: int) -> None:
    of, chance = read_spif(pair(seed)[2]), Random(seed)
    a, b, c, who = *(some_label(chance, of) for _ in range(3)), some_clearance(chance, of)
    whole = joined([a, b, c], of)
    assert joined([c, a, b], of) == whole == joined([a, joined([b, c], of)], of)
    assert joined([a, a], of) == a
    if whole is not None and may_see(whole, who, of):
        assert all(may_see(part, who, of) or outranks(part, whole, who, of) for part in (a, b, c))
    for tag in of.tags.values():
        if tag.kind is CategoryKind.RESTRICTIVE:
            more = with_value(a, tag, chance.choice(list(tag.values)))
            assert may_see(a, who, of) or not may_see(more, who, of)
