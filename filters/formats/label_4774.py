"""Confidentiality labels and clearances in XML as STANAG 4774 writes them, source side.

Takes bytes (or an element of a tree that `label_xml` parsed) and gives the internal label; takes a
label and gives the one spelling of it. Follows ADatP-4774 edition A, appendix 1 (label syntax,
XSD 1.3) and appendix 2 (clearance), with the rules of docs/label-formats.md: what this reader does
not wholly understand is `Malformed(LABEL_MALFORMED)`, and so is what the format cannot say.
"""

from enum import StrEnum

from lxml import etree

from filters.formats.label_times import moment_ms, moment_text
from filters.formats.label_xml import children, escaped, parse, text, token
from schemas.errors import Malformed
from schemas.label.model import (
    Category,
    CategoryKind,
    Clearance,
    Label,
    LabelSet,
    Originator,
    PolicyId,
    Succession,
)
from schemas.reasons import Reason

NAMESPACE = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
CLEARANCE_NAMESPACE = "urn:nato:stanag:4774:confidentialityclearance:1:0"
LABEL_BYTES_MAX = 64 * 1024
ID_TYPES = frozenset({
    "rfc822Name", "dNSName", "directoryName", "uniformResourceIdentifier", "iPAddress",
    "x400Address", "userPrincipalName", "jID",
})  # fmt: skip


class Role(StrEnum):
    """What a label says of whom (ADatP-4774 appendix 1)."""

    ORIGINATOR = "originatorConfidentialityLabel"  # the data object, by who made it
    ALTERNATIVE = "alternativeConfidentialityLabel"  # the same, in another policy
    METADATA = "metadataConfidentialityLabel"  # the metadata, not the data


_Q = f"{{{NAMESPACE}}}"
_C = f"{{{CLEARANCE_NAMESPACE}}}"
_ROLES = {_Q + role.value: role for role in Role} | {_Q + "ConfidentialityLabel": Role.ORIGINATOR}
_KINDS = {kind.value.upper(): kind for kind in CategoryKind}
_INFORMATION, _POLICY = _Q + "ConfidentialityInformation", _Q + "PolicyIdentifier"
_CLASSIFICATION, _MARK, _CATEGORY = _Q + "Classification", _Q + "PrivacyMark", _Q + "Category"
_VALUE, _ORIGINATOR, _CREATED = _Q + "GenericValue", _Q + "OriginatorID", _Q + "CreationDateTime"
_HANDLING, _AT = _Q + "SuccessionHandling", _Q + "SuccessionDateTime"
_SUCCESSOR, _HELD = _Q + "SuccessorConfidentialityLabel", _C + "ClassificationList"


# -- reading ------------------------------------------------------------------------------------


def read_label(untrusted: bytes) -> Label:
    """The label of a data object that the document is; `Malformed` for a metadata label."""
    role, label = read_role(untrusted)
    if role is Role.METADATA:
        raise _malformed("it is the label of metadata, not of data")
    return label


def read_role(untrusted: bytes) -> tuple[Role, Label]:
    """The label that the document is, and what it is the label of."""
    return role_of(parse(untrusted, LABEL_BYTES_MAX))


def is_label(element: etree._Element) -> bool:
    """Whether an element is one of the standard's label roots."""
    return element.tag in _ROLES


def role_of(element: etree._Element) -> tuple[Role, Label]:
    """The label that an element is."""
    role = _ROLES.get(element.tag)
    if role is None:
        raise _malformed("the element is no STANAG 4774 label")
    return role, _label(element, final=False)


def label_set(labels: list[tuple[Role, Label]]) -> LabelSet:
    """Originator's label and alternatives together; labels of metadata are left out."""
    originators = [label for role, label in labels if role is Role.ORIGINATOR]
    if len(originators) != 1:
        raise _malformed("there is not exactly one originator's label")
    alternatives = [label for role, label in labels if role is Role.ALTERNATIVE]
    return LabelSet(originators[0], tuple(alternatives))


def _label(element: etree._Element, *, final: bool) -> Label:
    """A ConfidentialityLabelType; `final`: a successor, which has none itself."""
    review = None
    for name, value in element.items():
        if name == "ReviewDateTime":
            review = moment_ms(value)
        elif name != "Id":
            raise _malformed("a label has an attribute that it cannot have")
    parts = list(children(element))
    information = _next(parts, _INFORMATION)
    originator = _originator(parts.pop(0)) if parts and parts[0].tag == _ORIGINATOR else None
    created = moment_ms(_bare(_next(parts, _CREATED)))
    successions: tuple[Succession, ...] = ()
    if parts and not final and parts[0].tag == _HANDLING:
        successions = (_succession(parts.pop(0)),)
    if parts:
        raise _malformed("a label has an element that it cannot have")
    policy, classification, mark, categories = _information(information)
    return Label(policy, classification, categories, mark, created, review, originator, successions)


def _information(
    element: etree._Element,
) -> tuple[PolicyId, str, str, tuple[Category, ...]]:
    _no_attributes(element)
    parts = list(children(element))
    policy = _policy(_next(parts, _POLICY))
    classification = token(_bare(_next(parts, _CLASSIFICATION)))
    mark = _bare(parts.pop(0)) if parts and parts[0].tag == _MARK else ""
    return policy, classification, mark, tuple(map(_category, parts))


def _policy(element: etree._Element) -> PolicyId:
    if element.keys() not in ([], ["URI"]):
        raise _malformed("a policy identifier has an attribute that it cannot have")
    return PolicyId(token(text(element)), element.get("URI", ""))


def _category(element: etree._Element) -> Category:
    attributes = dict(element.items())
    kind = _KINDS.get(attributes.get("Type", ""))
    tag = attributes.get("TagName")
    uri = attributes.get("URI", "")
    if element.tag != _CATEGORY or kind is None or tag is None:
        raise _malformed("a category has no type or no tag name, or is something else")
    if len(attributes) != 2 + ("URI" in attributes):
        raise _malformed("a category has an attribute that it cannot have")
    values = []
    for value in children(element):
        if value.tag != _VALUE:
            raise _malformed("a category value is not a GenericValue")
        values.append(_bare(value))
    if len(set(values)) != len(values):
        raise _malformed("a category value stands twice")
    return Category(uri, tag, kind, tuple(values))


def _originator(element: etree._Element) -> Originator:
    id_type = element.get("IDType", "")
    if len(element.keys()) != 1 or id_type not in ID_TYPES:
        raise _malformed("an originator's id is of no known type")
    return Originator(id_type, text(element))


def _succession(element: etree._Element) -> Succession:
    _no_attributes(element)
    parts = list(children(element))
    at_ms = moment_ms(_bare(_next(parts, _AT)))
    successor = _label(_next(parts, _SUCCESSOR), final=True)
    if parts:
        raise _malformed("more than one successor")
    return Succession(at_ms, successor)


def _next(parts: list[etree._Element], name: str) -> etree._Element:
    if not parts or parts[0].tag != name:
        raise _malformed(f"{etree.QName(name).localname} is missing or in another place")
    return parts.pop(0)


def _bare(element: etree._Element) -> str:
    _no_attributes(element)
    return text(element)


def _no_attributes(element: etree._Element) -> None:
    if element.keys():
        raise _malformed("an attribute where there can be none")


def read_clearance(untrusted: bytes) -> Clearance:
    """The clearance that the document is (ADatP-4774 appendix 2)."""
    root = parse(untrusted, LABEL_BYTES_MAX)
    if root.tag != _C + "ConfidentialityClearance" or root.keys() not in ([], ["Id"]):
        raise _malformed("the document is no STANAG 4774 clearance")
    parts = list(children(root))
    policy = _policy(_next(parts, _POLICY))
    held = _next(parts, _HELD)
    _no_attributes(held)
    classifications = []
    for each in children(held):
        if each.tag != _CLASSIFICATION:
            raise _malformed("the list of classifications holds something else")
        classifications.append(token(_bare(each)))
    return Clearance(policy, frozenset(classifications), tuple(map(_category, parts)))


# -- writing ------------------------------------------------------------------------------------


def write_label(label: Label, role: Role = Role.ORIGINATOR) -> bytes:
    """The label as a document; `Malformed` for what this format cannot say."""
    return _label_text(label, role.value, f' xmlns:slab="{NAMESPACE}"').encode()


def write_clearance(clearance: Clearance) -> bytes:
    """The clearance as a document; `Malformed` for what this format cannot say."""
    if clearance.holder or clearance.from_ms is not None or clearance.to_ms is not None:
        raise _malformed("a STANAG 4774 clearance has no holder and no time in which it is good")
    held = "".join(
        f"<slab:Classification>{escaped(each)}</slab:Classification>"
        for each in sorted(clearance.classifications)
    )
    return (
        f'<sclr:ConfidentialityClearance xmlns:sclr="{CLEARANCE_NAMESPACE}"'
        f' xmlns:slab="{NAMESPACE}">{_policy_text(clearance.policy)}'
        f"<sclr:ClassificationList>{held}</sclr:ClassificationList>"
        f"{''.join(map(_category_text, clearance.categories))}</sclr:ConfidentialityClearance>"
    ).encode()


def _label_text(label: Label, name: str, declared: str = "") -> str:
    if label.created_ms is None:
        raise _malformed("a STANAG 4774 label says when it was made, and this one does not")
    if len(label.successions) > 1:
        raise _malformed("a STANAG 4774 label has one succession at most")
    review = ""
    if label.review_ms is not None:
        review = f' ReviewDateTime="{moment_text(label.review_ms)}"'
    mark = f"<slab:PrivacyMark>{escaped(label.privacy_mark)}</slab:PrivacyMark>"
    return (
        f"<slab:{name}{declared}{review}><slab:ConfidentialityInformation>"
        f"{_policy_text(label.policy)}"
        f"<slab:Classification>{escaped(label.classification)}</slab:Classification>"
        f"{mark if label.privacy_mark else ''}{''.join(map(_category_text, label.categories))}"
        f"</slab:ConfidentialityInformation>{_originator_text(label.originator)}"
        f"<slab:CreationDateTime>{moment_text(label.created_ms)}</slab:CreationDateTime>"
        f"{''.join(map(_succession_text, label.successions))}</slab:{name}>"
    )


def _policy_text(policy: PolicyId) -> str:
    uri = f' URI="{escaped(policy.uri)}"' if policy.uri else ""
    return f"<slab:PolicyIdentifier{uri}>{escaped(policy.name)}</slab:PolicyIdentifier>"


def _category_text(category: Category) -> str:
    uri = f' URI="{escaped(category.tag_set)}"' if category.tag_set else ""
    values = "".join(
        f"<slab:GenericValue>{escaped(value)}</slab:GenericValue>" for value in category.values
    )
    return (
        f'<slab:Category Type="{category.kind.value.upper()}"'
        f' TagName="{escaped(category.tag)}"{uri}>{values}</slab:Category>'
    )


def _originator_text(originator: Originator | None) -> str:
    if originator is None:
        return ""
    if originator.id_type not in ID_TYPES:
        raise _malformed("an originator's id is of a type that STANAG 4774 does not have")
    return (
        f'<slab:OriginatorID IDType="{originator.id_type}">'
        f"{escaped(originator.value)}</slab:OriginatorID>"
    )


def _succession_text(succession: Succession) -> str:
    return (
        "<slab:SuccessionHandling><slab:SuccessionDateTime>"
        f"{moment_text(succession.at_ms)}</slab:SuccessionDateTime>"
        f"{_label_text(succession.label, 'SuccessorConfidentialityLabel')}"
        "</slab:SuccessionHandling>"
    )


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
