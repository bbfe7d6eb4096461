"""The reader of security policies: Open XML SPIF 2.1 bytes become a `Spif`.

Takes bytes (no file is opened here), gives the policy with every reference resolved, or raises
`Malformed(SPIF_MALFORMED)` with what is wrong. docs/spec/labels.md says what of the format is
taken and what is refused; the element table is in `schemas.label.spif_tree`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from schemas.errors import Malformed
from schemas.label.model import CategoryKind, PolicyId
from schemas.label.spif import (
    UNBOUNDED,
    Classification,
    EquivalentClass,
    EquivalentPolicy,
    EquivalentValue,
    Foreign,
    ForeignRequirement,
    Marking,
    MarkingCode,
    Operation,
    Qualifier,
    Requirement,
    Spif,
    Tag,
    Value,
    ValueKey,
)
from schemas.label.spif_tree import Node, malformed, read_tree

VERSIONS = ("2.0", "2.1")
_OID = re.compile(r"[0-2](?:\.[0-9]{1,40}){1,32}")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_LACV = re.compile(r"[!-~]{1,64}")
_COLOR = re.compile(r"[a-z]{3,16}|#[0-9a-fA-F]{6}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}|")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,3})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_KINDS = {
    ("restrictive", ""): CategoryKind.RESTRICTIVE,
    ("permissive", ""): CategoryKind.PERMISSIVE,
    ("enumerated", "restrictive"): CategoryKind.RESTRICTIVE,
    ("enumerated", "permissive"): CategoryKind.PERMISSIVE,
    ("tagType7", ""): CategoryKind.INFORMATIVE,
}
_ENCODINGS = ("bitSetAttributes", "securityAttributes")
_APPLIED = {"encrypt": True, "both": True, "decrypt": False}  # whether it is for labels going out
_Member = TypeVar("_Member", bound=StrEnum)


def read_spif(untrusted: bytes) -> Spif:
    """The policy that the bytes are. Raises `Malformed(SPIF_MALFORMED)`."""
    root = read_tree(untrusted)
    if root.get("schemaVersion") not in VERSIONS:
        raise malformed(f"the policy is of another schema version than {' or '.join(VERSIONS)}")
    try:
        return _Reading(root).spif()
    except Malformed as error:  # the nouns' own bounds: a name too long, not printable
        raise malformed(error.sentence) from error


@dataclass(frozen=True, slots=True)
class _Raw:
    """A tag before its values' references are resolved."""

    node: Node
    set_id: str
    set_name: str
    name: str
    kind: CategoryKind


class _Reading:
    def __init__(self, root: Node) -> None:
        self.root = root
        self.raw = list(_raw_tags(root))
        self.keys: dict[tuple[str, CategoryKind, str], ValueKey] = {}
        for raw in self.raw:
            for node in raw.node.all("tagCategory"):
                self._index(raw, node)
        self.policies = {
            node.get("name"): PolicyId(node.get("name"), _oid(node.get("id")))
            for node in _within(root, "equivalentPolicies", "equivalentPolicy")
        }
        self.classes = [
            node.get("name")
            for node in _within(root, "securityClassifications", "securityClassification")
        ]

    def _index(self, raw: _Raw, node: Node) -> None:
        place = (raw.set_name, raw.kind, _lacv(node))
        if place in self.keys:
            raise malformed(f"two values of {raw.set_name} have one lacv")
        self.keys[place] = (raw.set_id, raw.name, node.get("name"))

    def spif(self) -> Spif:
        root = self.root
        for name in ("privilegeId", "rbacId"):
            _oid(root.get(name))
        own = root.one("securityPolicyId")
        if own is None:
            raise malformed("the policy has no securityPolicyId")
        classes = _within(root, "securityClassifications", "securityClassification")
        equivalents = _within(root, "equivalentPolicies", "equivalentPolicy")
        marks = _within(root, "privacyMarks", "privacyMark")
        spif = Spif(
            policy=PolicyId(own.get("name"), _oid(own.get("id"))),
            classifications=_by_name([self._classification(node) for node in classes]),
            tags={tag.key: tag for tag in map(self._tag, self.raw)},
            version=_integer(root.get("version", "1")),
            from_ms=_time(root.get("notBefore")),
            to_ms=_time(root.get("notAfter")),
            equivalents={
                self.policies[node.get("name")].uri: EquivalentPolicy(
                    self.policies[node.get("name")], tuple(self._foreign_requirements(node))
                )
                for node in equivalents
            },
            privacy_marks=frozenset(
                node.get("name") for node in marks if not _boolean(node.get("obsolete"))
            ),
            markings=_markings(root),
            qualifiers=_qualifiers(root),
        )
        _check_unique(spif, equivalents, self.raw)
        return spif

    def _classification(self, node: Node) -> Classification:
        if node.get("color") and _COLOR.fullmatch(node.get("color")) is None:
            raise malformed("a classification's color is none")
        PolicyId(node.get("name"))  # a name like any other
        return Classification(
            name=node.get("name"),
            lacv=_lacv(node),
            hierarchy=_integer(node.get("hierarchy")),
            obsolete=_boolean(node.get("obsolete")),
            color=node.get("color"),
            required=tuple(self._requirements(node)),
            equivalents=tuple(self._equivalent_classes(node)),
            markings=_markings(node),
        )

    def _equivalent_classes(self, node: Node) -> Iterator[EquivalentClass]:
        for one in node.all("equivalentClassification"):
            if self._goes_out(one):
                requirements = tuple(self._foreign_requirements(one))
                yield EquivalentClass(self._policy_of(one), _lacv(one), requirements)

    def _tag(self, raw: _Raw) -> Tag:
        values = [self._value(raw, node) for node in raw.node.all("tagCategory")]
        if not values:
            raise malformed(f"the tag {raw.name} has no value")
        if raw.node.get("tag7Encoding", _ENCODINGS[0]) not in _ENCODINGS:
            raise malformed(f"the tag {raw.name} is encoded as is not known")
        least = raw.node.get("minSelection", "0")
        most = raw.node.get("maxSelection", "unbounded")
        if _boolean(raw.node.get("singleSelection")) and most != "0":
            most = "1"
        return Tag(
            tag_set=raw.set_id,
            tag_set_name=raw.set_name,
            name=raw.name,
            kind=raw.kind,
            values=_by_name(values),
            min_values=0 if least == "unbounded" else _count(least),
            max_values=UNBOUNDED if most == "unbounded" else _count(most),
            qualifiers=_qualifiers(raw.node),
        )

    def _value(self, raw: _Raw, node: Node) -> Value:
        PolicyId(node.get("name"))  # a name like any other
        classes = [node.get("requiredClass")] if node.get("requiredClass") else []
        excluded = [one.text for one in node.all("excludedClass")]
        for name in (*classes, *excluded):
            if name not in self.classes:
                raise malformed(f"a value of {raw.name} names a classification there is not")
        return Value(
            key=(raw.set_id, raw.name, node.get("name")),
            lacv=_lacv(node),
            obsolete=_boolean(node.get("obsolete")),
            from_ms=_time(node.get("notBefore")),
            to_ms=_time(node.get("notAfter")),
            required_class=node.get("requiredClass"),
            excluded_classes=frozenset(excluded),
            required=tuple(self._requirements(node)),
            excluded=tuple(self._group(one) for one in node.all("excludedCategory")),
            equivalents=tuple(self._equivalent_values(node)),
            markings=_markings(node),
        )

    def _equivalent_values(self, node: Node) -> Iterator[EquivalentValue]:
        for one in node.all("equivalentSecCategoryTag"):
            if not self._goes_out(one):
                continue
            if one.get("action", "discard") != "discard":
                raise malformed("an equivalence does what is not known")
            discard = "action" in one.attributes
            if not discard and not {"tagSetId", "tagType", "lacv"} <= one.attributes.keys():
                raise malformed("an equivalence says neither which value nor discard")
            value = None if discard else Foreign(_oid(one.get("tagSetId")), _kind(one), _lacv(one))
            yield EquivalentValue(self._policy_of(one), value)

    def _goes_out(self, node: Node) -> bool:
        if node.get("applied") not in _APPLIED:
            raise malformed("an equivalence is applied where is not known")
        self._policy_of(node)
        return _APPLIED[node.get("applied")]

    def _policy_of(self, node: Node) -> str:
        policy = self.policies.get(node.get("policyRef"))
        if policy is None:
            raise malformed("an equivalence names a policy that is not among equivalentPolicies")
        return policy.uri

    def _requirements(self, node: Node) -> Iterator[Requirement]:
        for one in node.all("requiredCategory"):
            groups = tuple(self._group(group) for group in one.all("categoryGroup"))
            yield Requirement(_operation(one, len(groups)), groups)

    def _foreign_requirements(self, node: Node) -> Iterator[ForeignRequirement]:
        for one in node.all("requiredCategory"):
            groups = list(one.all("categoryGroup"))
            if any("lacv" not in group.attributes for group in groups):
                raise malformed("what an equivalence requires is not one value")
            places = [Foreign(group.get("tagSetRef"), _kind(group), _lacv(group))
                      for group in groups]  # fmt: skip
            yield ForeignRequirement(_operation(one, len(groups)), tuple(places))

    def _group(self, node: Node) -> frozenset[ValueKey]:
        """The values that a categoryGroup or excludedCategory means: one, or all of its kind."""
        name, kinds = node.get("tagSetRef"), _kinds(node)
        everything = _boolean(node.get("all"))
        if everything == ("lacv" in node.attributes):
            raise malformed("a category group names one value or all, one of the two")
        if everything:
            keys = [key for (tag_set, kind, _), key in self.keys.items()
                    if tag_set == name and kind in kinds]  # fmt: skip
        else:
            found = [self.keys.get((name, kind, _lacv(node))) for kind in kinds]
            keys = [key for key in found if key is not None]
            if len(keys) > 1:
                raise malformed("a category group without an enumType names two values")
        if not keys:
            raise malformed("a category group names values that are not there")
        return frozenset(keys)


def _raw_tags(root: Node) -> Iterator[_Raw]:
    for tag_set in _within(root, "securityCategoryTagSets", "securityCategoryTagSet"):
        for node in tag_set.all("securityCategoryTag"):
            name = node.get("name") or tag_set.get("name")
            PolicyId(name)  # a name like any other
            yield _Raw(node, _oid(tag_set.get("id")), tag_set.get("name"), name, _kind(node))


def _within(root: Node, holder: str, name: str) -> list[Node]:
    there = root.one(holder)
    return list(there.all(name)) if there is not None else []


_Named = TypeVar("_Named", Classification, Value)


def _by_name(items: Iterable[_Named]) -> dict[str, _Named]:
    """Name -> item. Names must differ by more than case: the text form does not keep it."""
    every = list(items)
    if len({item.name.casefold() for item in every}) != len(every):
        raise malformed("two classifications, or two values of a tag, have one name")
    return {item.name: item for item in every}


def _check_unique(spif: Spif, equivalents: list[Node], raw: list[_Raw]) -> None:
    if not spif.classifications:
        raise malformed("the policy has no classification")
    if len({one.lacv for one in spif.classifications.values()}) != len(spif.classifications):
        raise malformed("two classifications have one lacv")
    if len(spif.equivalents) != len(equivalents):
        raise malformed("two equivalent policies have one name or one id")
    sets = {(one.set_id, one.set_name) for one in raw}
    if len(spif.tags) != len(raw) or len({it for it, _ in sets}) != len({it for _, it in sets}):
        raise malformed("two tags, or two tag sets, have one name or one id")


def _markings(node: Node) -> tuple[Marking, ...]:
    found = []
    for one in node.all("markingData"):
        codes = frozenset(_member(MarkingCode, code.text) for code in one.all("code"))
        if _LANGUAGE.fullmatch(one.language) is None or not one.get("phrase").isprintable():
            raise malformed("a marking's language or phrase is none")
        found.append(Marking(one.attributes.get("phrase"), one.language, codes))
    return tuple(found)


def _qualifiers(node: Node) -> tuple[Qualifier, ...]:
    found = []
    for one in node.all("markingQualifier"):
        code = one.attributes.get("markingCode")
        parts = {}
        for qualifier in one.all("qualifier"):
            part, text = qualifier.get("qualifierCode"), qualifier.get("markingQualifier")
            if part not in ("prefix", "separator", "suffix") or part in parts:
                raise malformed("a marking qualifier is not known, or stands twice")
            if not text.isprintable():
                raise malformed("a marking qualifier has a character that markings do not have")
            parts[part] = text
        found.append(Qualifier(_member(MarkingCode, code) if code else None, **parts))
    return tuple(found)


def _kind(node: Node) -> CategoryKind:
    kind = _KINDS.get((node.get("tagType"), node.get("enumType")))
    if kind is None:
        raise malformed("a tag type is not known, or does not fit its enum type")
    return kind


def _kinds(node: Node) -> tuple[CategoryKind, ...]:
    """The kinds that a reference may mean: inside a policy it may leave the enumType out."""
    if node.get("tagType") == "enumerated" and "enumType" not in node.attributes:
        return CategoryKind.RESTRICTIVE, CategoryKind.PERMISSIVE
    return (_kind(node),)


def _operation(node: Node, groups: int) -> Operation:
    if not groups:
        raise malformed("a requirement has no category group")
    return _member(Operation, node.get("operation"))


def _member(kind: type[_Member], text: str) -> _Member:
    if text not in set(kind):
        raise malformed(f"a {kind.__name__} is not known")
    return kind(text)


def _oid(text: str) -> str:
    if _OID.fullmatch(text) is None:
        raise malformed("an object identifier is none")
    return f"urn:oid:{text}"


def _lacv(node: Node) -> str:
    text = node.get("lacv")
    if _LACV.fullmatch(text) is None:
        raise malformed("a lacv is empty, too long or has other characters than it may")
    return text


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise malformed("a number is none, or beyond its bound")
    return int(text)


def _count(text: str) -> int:
    number = _integer(text)
    if not 0 <= number <= UNBOUNDED:
        raise malformed("a number of values is beyond its bound")
    return number


def _boolean(text: str) -> bool:
    if text not in ("", "true", "false", "1", "0"):
        raise malformed("a truth value is neither true nor false")
    return text in ("true", "1")


def _time(text: str) -> int | None:
    if not text:
        return None
    if _TIME.fullmatch(text) is None:
        raise malformed("a time is none, or has no zone")
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise malformed("a time is in no calendar") from error
    if seconds < 0:
        raise malformed("a time is before 1970")
    return round(seconds * 1000)
