"""One label for several things: rules D1 to D5, and whether one label dominates another.

`dominate` is the least label that lets nobody see the whole who may not see each part: highest
classification, all restrictive values, and of each permissive tag what all share that have it. It
is commutative, associative and idempotent, so it makes no difference how parts are grouped; that
is why validity is asked once, at the end (`roll_up`), and not on the way. An intersection that
comes out empty is a denial: a tag without values would release to everyone.
"""

from collections.abc import Sequence

from schemas.label.clauses import Denied, Rule, shown
from schemas.label.model import Category, CategoryKind, Label
from schemas.label.spif import Spif, TagKey
from schemas.label.validity import Known, Valid, know, validate


def dominate(labels: Sequence[Label], spif: Spif) -> Label:
    """The label that dominates all of `labels` (at least one). Raises `Denied` (D1, D4, V1 to V6).

    What is no part of the decision is kept where all agree: privacy mark, originator,
    successions. It was made when the last of them was, and is to be reviewed when the first is.
    """
    if not labels:
        raise Denied(Rule.D1, "there is no label to join")
    all_known = [know(label, spif) for label in labels]
    highest = max((known.classification for known in all_known), key=lambda one: one.hierarchy)
    first = labels[0]
    made = [label.created_ms for label in labels if label.created_ms is not None]
    reviewed = [label.review_ms for label in labels if label.review_ms is not None]
    return Label(
        policy=spif.policy,
        classification=highest.name,
        categories=_categories(all_known, spif),
        privacy_mark=first.privacy_mark if _all_same(labels, "privacy_mark") else "",
        created_ms=max(made, default=None),
        review_ms=min(reviewed, default=None),
        originator=first.originator if _all_same(labels, "originator") else None,
        successions=first.successions if _all_same(labels, "successions") else (),
    )


def roll_up(labels: Sequence[Label], spif: Spif, at_ms: int) -> Valid:
    """The dominating label, found valid. Raises `Denied`."""
    return validate(dominate(labels, spif), spif, at_ms)


def check_dominates(whole: Label, part: Label, spif: Spif) -> Label:
    """`whole`, if nobody may see it who may not see `part`. Raises `Denied` (D1 to D4)."""
    over, under = know(whole, spif), know(part, spif)
    if over.classification.hierarchy < under.classification.hierarchy:
        higher, lower = shown(under.classification.name), shown(over.classification.name)
        raise Denied(Rule.D2, f"a part is {higher}, and the whole only {lower}")
    there = {tag.key: {value.name for value in values} for tag, values in over.tagged}
    for tag, values in under.tagged:
        names = {value.name for value in values}
        mine = there.get(tag.key, set())
        if tag.kind is CategoryKind.RESTRICTIVE and not names <= mine:
            raise Denied(Rule.D3, f"a part has a value of {shown(tag.name)} that the whole lacks")
        if tag.kind is CategoryKind.PERMISSIVE and not (mine and mine <= names):
            raise Denied(Rule.D4, f"the whole is released more widely by {shown(tag.name)}")
    return whole


def _categories(all_known: list[Known], spif: Spif) -> tuple[Category, ...]:
    joined: dict[TagKey, frozenset[str]] = {}
    for known in all_known:
        for tag, values in known.tagged:
            names = frozenset(value.name for value in values)
            before = joined.get(tag.key)
            if before is None:
                joined[tag.key] = names
            elif tag.kind is CategoryKind.PERMISSIVE:
                joined[tag.key] = before & names
                if not joined[tag.key]:
                    sentence = f"the parts share no value of {shown(tag.name)}"
                    raise Denied(Rule.D4, sentence)
            else:
                joined[tag.key] = before | names
    return tuple(
        Category(tag_set, name, spif.tags[tag_set, name].kind, tuple(names))
        for (tag_set, name), names in joined.items()
    )


def _all_same(labels: Sequence[Label], part: str) -> bool:
    return all(getattr(label, part) == getattr(labels[0], part) for label in labels)
