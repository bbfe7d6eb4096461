"""The form of an Open XML SPIF: bounded XML, and which element may stand where with what.

Takes bytes, gives a tree of `Node` that has no element, attribute or text which the table below
does not name, or raises `Malformed(SPIF_MALFORMED)`. The table is the schema
`schemas/documents/spif.xsd` in our words: a policy with something in it that the rules would not
look at is refused, for it might be a rule. No DTD, no entity, no instruction, UTF-8 only. lxml
builds the tree; the destination side reads policies with code and a library of its own
(`filters/twins/spif_twin.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from schemas.errors import Malformed
from schemas.reasons import Reason

NAMESPACE = "http://www.xmlspif.org/spif"
BYTES_MAX = 4 * 2**20
ELEMENTS_MAX = 100_000
TEXT_CHARACTERS_MAX = 256
_DEPTH_LEVELS_MAX = 8
_DECLARATION = re.compile(rb"<!(?!--)")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"  # not followed


@dataclass(frozen=True, slots=True)
class _Form:
    """An element: attributes it must and may have, elements in it, whether it holds text."""

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    text: bool = False


_MARKED = ("markingData", "markingQualifier")
_REFERENCE = _Form(("tagSetRef", "tagType"), ("enumType", "lacv", "all"))
_POLICY = _Form(("name", "id"), (), _MARKED)
_FORMS = {
    "SPIF": _Form(
        ("schemaVersion", "creationDate", "originatorDN", "keyIdentifier", "privilegeId", "rbacId"),
        ("version", "notBefore", "notAfter", "userRefURI", "docRefURI", _SCHEMA_LOCATION),
        (
            "defaultSecurityPolicyId", "securityPolicyId", "securityClassifications",
            "securityCategoryTagSets", "privacyMarks", "equivalentPolicies", *_MARKED,
        ),
    ),
    "defaultSecurityPolicyId": _POLICY,
    "securityPolicyId": _POLICY,
    "securityClassifications": _Form((), ("name",), ("securityClassification", *_MARKED)),
    "securityClassification": _Form(
        ("name", "lacv", "hierarchy"), ("color", "obsolete"),
        ("requiredCategory", "equivalentClassification", *_MARKED),
    ),
    "equivalentClassification": _Form(
        ("policyRef", "lacv", "applied"), (), ("requiredCategory",)
    ),
    "requiredCategory": _Form(("operation",), (), ("categoryGroup",)),
    "categoryGroup": _REFERENCE,
    "excludedCategory": _REFERENCE,
    "excludedClass": _Form(text=True),
    "securityCategoryTagSets": _Form((), (), ("securityCategoryTagSet",)),
    "securityCategoryTagSet": _Form(("name", "id"), (), ("securityCategoryTag",)),
    "securityCategoryTag": _Form(
        ("tagType",),
        ("name", "enumType", "tag7Encoding", "singleSelection", "minSelection", "maxSelection"),
        ("tagCategory", "markingQualifier"),
    ),
    "tagCategory": _Form(
        ("name", "lacv"), ("notBefore", "notAfter", "requiredClass", "obsolete"),
        (
            "excludedClass", "excludedCategory", "requiredCategory", "equivalentSecCategoryTag",
            *_MARKED,
        ),
    ),
    "equivalentSecCategoryTag": _Form(
        ("policyRef", "applied"), ("tagSetId", "tagType", "enumType", "lacv", "action")
    ),
    "equivalentPolicies": _Form((), (), ("equivalentPolicy",)),
    "equivalentPolicy": _Form(("name", "id"), ("userRefURI", "docRefURI"), ("requiredCategory",)),
    "privacyMarks": _Form((), (), ("privacyMark", *_MARKED)),
    "privacyMark": _Form(("name",), ("obsolete",), _MARKED),
    "markingData": _Form((), ("phrase", _LANGUAGE), ("code",)),
    "code": _Form(text=True),
    "markingQualifier": _Form((), ("markingCode",), ("qualifier",)),
    "qualifier": _Form(("markingQualifier", "qualifierCode")),
}  # fmt: skip
_MAY_BE_EMPTY = frozenset(
    ("phrase", "markingQualifier", "creationDate", "originatorDN", "keyIdentifier", "userRefURI",
     "docRefURI")
)  # fmt: skip
_TAGS = {f"{{{NAMESPACE}}}{name}": name for name in _FORMS}


@dataclass(frozen=True, slots=True)
class Node:
    """An element of a policy whose form is right."""

    name: str
    attributes: dict[str, str]
    children: tuple["Node", ...]
    text: str

    def all(self, name: str) -> Iterator["Node"]:
        """The children of this name."""
        return (child for child in self.children if child.name == name)

    def one(self, name: str) -> "Node | None":
        """The child of this name, None if there is none. Raises `Malformed` if there are two."""
        found = list(self.all(name))
        if len(found) > 1:
            raise malformed(f"{self.name} has {name} twice")
        return found[0] if found else None

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    @property
    def language(self) -> str:
        """xml:lang, "" where it has none."""
        return self.attributes.get(_LANGUAGE, "")


def read_tree(untrusted: bytes) -> Node:
    """The root of a policy, its form checked throughout. Raises `Malformed(SPIF_MALFORMED)`."""
    if len(untrusted) > BYTES_MAX:
        raise malformed(f"the policy is larger than {BYTES_MAX} bytes")
    if _DECLARATION.search(untrusted):
        raise malformed("the policy has a declaration, or CDATA")
    try:
        untrusted.decode("utf-8")
        parser = etree.XMLParser(
            encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False,
            remove_comments=True, huge_tree=False,
        )  # fmt: skip
        root = etree.fromstring(untrusted, parser)
    except (ValueError, etree.XMLSyntaxError) as error:
        raise malformed("the policy is not XML in UTF-8") from error
    if _TAGS.get(root.tag) != "SPIF":
        raise malformed(f"the root is not SPIF of {NAMESPACE}")
    count = sum(1 for _ in root.iter())
    if count > ELEMENTS_MAX:
        raise malformed(f"the policy has more than {ELEMENTS_MAX} elements")
    if root.getprevious() is not None or root.getnext() is not None:
        raise malformed("something stands beside the root")
    return _node(root, 1)


def _node(element: Any, depth_levels: int) -> Node:
    name = _TAGS[element.tag]
    form = _FORMS[name]
    attributes = dict(element.attrib)
    unknown = attributes.keys() - {*form.must, *form.may}
    if unknown or not attributes.keys() >= set(form.must):
        raise malformed(f"{name} has an attribute it may not have, or lacks one")
    if any(len(value) > TEXT_CHARACTERS_MAX for value in attributes.values()):
        raise malformed(f"an attribute of {name} is longer than {TEXT_CHARACTERS_MAX} characters")
    if any(not value and key not in _MAY_BE_EMPTY for key, value in attributes.items()):
        raise malformed(f"an attribute of {name} is empty")
    children = list(element)
    for child in children:
        if not isinstance(child.tag, str) or _TAGS.get(child.tag) not in form.children:
            raise malformed(f"{name} holds what it may not hold")
    if depth_levels > _DEPTH_LEVELS_MAX:
        raise malformed("the policy nests deeper than its bound")
    texts = [element.text or "", *(child.tail or "" for child in children)]
    text = "".join(texts).strip(" \t\r\n")
    if (text and not form.text) or len(text) > TEXT_CHARACTERS_MAX:
        raise malformed(f"{name} holds text it may not hold")
    return Node(name, attributes, tuple(_node(child, depth_levels + 1) for child in children), text)


def malformed(sentence: str) -> Malformed:
    """What every reader of policies raises."""
    return Malformed(Reason.SPIF_MALFORMED, sentence)
