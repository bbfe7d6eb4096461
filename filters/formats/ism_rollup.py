"""Roll-up of IC-ISM: the banner must dominate every portion. Source side; pure.

Takes labels of the policy IC-ISM, gives the banner or raises `Denied` by the rules D1 to D4 of
`schemas.label.dominance`, which ask a policy. The vocabulary of IC-ISM is open (compartments and
programs by pattern), so the policy is made of what the document itself says; whether a word may be
there is for a label check with the flow's own policy.

Two rules are IC-ISM's own: information of another owner is shown as its source in the banner, and
FOUO and SBU are not carried up into a banner that is classified.
"""

from collections.abc import Sequence

from filters.formats.label_ism import CLASSIFICATIONS, NAMESPACE, POLICY
from schemas.label.clauses import Denied, Rule
from schemas.label.dominance import check_dominates
from schemas.label.model import Category, Label
from schemas.label.spif import Classification, Spif, Tag, Value

_ABSORBED = {"disseminationControls": frozenset({"FOUO"}), "nonICmarkings": frozenset({"SBU"})}


def check_rolls_up(banner: Label, portions: Sequence[Label]) -> Label:
    """The banner, if it dominates every portion. Raises `Denied` (D1 to D4)."""
    spif = policy_of([banner, *portions])
    for portion in portions:
        _check_source(banner, portion)
        check_dominates(banner, _carried(portion, banner), spif)
    return banner


def policy_of(labels: Sequence[Label]) -> Spif:
    """A policy that knows the classifications of IC-ISM and what these labels say."""
    tags: dict[tuple[str, str], Tag] = {}
    for label in labels:
        for category in label.categories:
            key = (category.tag_set, category.tag)
            before = dict(tags[key].values) if key in tags else {}
            values = {name: Value((*key, name), name) for name in category.values}
            tags[key] = Tag(*key[:1], NAMESPACE, key[1], category.kind, before | values)
    classes = {name: Classification(name, name, rank) for rank, name in enumerate(CLASSIFICATIONS)}
    return Spif(POLICY, classes, tags)


def values_of(label: Label, tag: str) -> frozenset[str]:
    """What a label has in a tag of IC-ISM."""
    for category in label.categories:
        if category.tag == tag:
            return frozenset(category.values)
    return frozenset()


def _check_source(banner: Label, portion: Label) -> None:
    shown = values_of(banner, "ownerProducer") | values_of(banner, "FGIsourceOpen")
    hidden = values_of(banner, "FGIsourceProtected")
    if not hidden and not values_of(portion, "ownerProducer") <= shown:
        raise Denied(Rule.D3, "a portion is of an owner that the banner does not show")


def _carried(portion: Label, banner: Label) -> Label:
    """The portion without what a classified banner does not carry."""
    if banner.classification == "U":
        return portion
    categories = []
    for category in portion.categories:
        left = frozenset(category.values) - _ABSORBED.get(category.tag, frozenset())
        if left:
            kept = Category(category.tag_set, category.tag, category.kind, tuple(left))
            categories.append(kept)
    return Label(portion.policy, portion.classification, tuple(categories))
