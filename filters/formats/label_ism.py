"""IC-ISM security attributes on XML as internal labels, and back; source side.

Takes XML whose root is the resource element (`ism:resourceElement="true"`), gives the banner's
label and those of the portions; takes a label, gives its attributes. After the XML Data Encoding
Specification for Information Security Markings (DES version 10): attribute groups
`SecurityAttributesGroup`, `ISMRootNodeAttributeGroup` and `ISMResourceAttributeGroup`.

How an attribute becomes a category is a table below. Two things are made plain that the written
form only implies, so that labels compare by the common rules (docs/label-formats.md, IC-ISM):
the controls REL and DISPLAYONLY say no more than that their lists are there, so they are left out
and written anew; and what is classified and releasable to nobody else is releasable to its owners.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from filters.formats.label_times import day_ms, day_text
from filters.formats.label_xml import parse
from schemas.errors import Malformed
from schemas.label.model import Category, CategoryKind, Label, PolicyId
from schemas.reasons import Reason

NAMESPACE = "urn:us:gov:ic:ism"
POLICY = PolicyId("IC-ISM", NAMESPACE)
CLASSIFICATIONS = ("U", "R", "C", "S", "TS")  # lowest first; R is no mark of the United States
PORTIONS_MAX = 4096

_R, _P, _I = CategoryKind.RESTRICTIVE, CategoryKind.PERMISSIVE, CategoryKind.INFORMATIVE
# Attribute -> what its values do. The first block lists tokens, the second is text for people.
_LISTS: dict[str, CategoryKind] = {
    "ownerProducer": _I, "SCIcontrols": _R, "SARIdentifier": _R, "atomicEnergyMarkings": _R,
    "disseminationControls": _R, "displayOnlyTo": _P, "FGIsourceOpen": _R,
    "FGIsourceProtected": _R, "releasableTo": _P, "nonICmarkings": _R, "nonUSControls": _R,
}  # fmt: skip
_TEXTS = (
    "classifiedBy", "compilationReason", "derivativelyClassifiedBy", "classificationReason",
    "derivedFrom", "declassDate", "declassEvent", "declassException",
)  # fmt: skip
_STRUCTURE = frozenset({
    "resourceElement", "createDate", "compliesWith", "DESVersion", "excludeFromRollup",
    "noticeType", "noticeReason", "noticeDate", "unregisteredNoticeType", "externalNotice",
    "pocType",
})  # fmt: skip
_TOKEN = re.compile(r"[A-Z0-9][A-Z0-9_\-]{0,99}")
_Q = f"{{{NAMESPACE}}}"
_OTHER_VERSIONS = "{" + NAMESPACE
_KNOWN = frozenset(_LISTS) | frozenset(_TEXTS) | {"classification"}


@dataclass(frozen=True, slots=True)
class IsmDocument:
    """What a document says of itself.

    banner    the label of the whole
    portions  those of the elements in it, in their order
    excluded  those that say `excludeFromRollup`: they claim to speak of other things
    """

    banner: Label
    portions: tuple[Label, ...]
    excluded: tuple[Label, ...] = ()


# -- reading ------------------------------------------------------------------------------------


def read_document(untrusted: bytes) -> IsmDocument:
    """The labels of a document; `Malformed(LABEL_MISSING)` where the root has none."""
    return labels_of(parse(untrusted))


def labels_of(root: etree._Element) -> IsmDocument:
    """The labels of a tree that `label_xml.parse` gave."""
    if _flag(root, "resourceElement") is not True or _flag(root, "excludeFromRollup"):
        raise Malformed(Reason.LABEL_MISSING, "the root is not marked as the labelled resource")
    banner = label_of(root)
    if banner is None:
        raise Malformed(Reason.LABEL_MISSING, "the root has no classification")
    portions: list[Label] = []
    excluded: list[Label] = []
    for element in root.iterdescendants(etree.Element):
        if _flag(element, "resourceElement"):
            raise _malformed("a second element says that it is the resource")
        label = label_of(element)
        if label is not None:
            (excluded if _flag(element, "excludeFromRollup") else portions).append(label)
        if len(portions) + len(excluded) > PORTIONS_MAX:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more portions than their bound")
    return IsmDocument(banner, tuple(portions), tuple(excluded))


def label_of(element: etree._Element) -> Label | None:
    """The label that an element's attributes are; None where it has none of them."""
    given = _own(element)
    security = {name: value for name, value in given.items() if name in _KNOWN}
    if not security:
        return None
    created = given.get("createDate")
    return label_from(security, None if created is None else day_ms(created))


def label_from(attributes: Mapping[str, str], created_ms: int | None = None) -> Label:
    """The label of these attributes, by their names without prefix."""
    classification = attributes.get("classification", "")
    if classification not in CLASSIFICATIONS:
        raise _malformed("the classification is missing or none that IC-ISM has")
    lists = {name: _tokens(name, attributes[name]) for name in _LISTS if name in attributes}
    owners = lists.get("ownerProducer")
    if not owners:
        raise _malformed("there is no ownerProducer")
    _consistent(classification, lists)
    lists = _plain(classification, lists)
    categories = [
        Category(NAMESPACE, name, _LISTS[name], values) for name, values in lists.items() if values
    ]
    categories += [
        Category(NAMESPACE, name, _I, (attributes[name],)) for name in _TEXTS if name in attributes
    ]
    if "declassDate" in attributes:
        day_ms(attributes["declassDate"])
    return Label(POLICY, classification, tuple(categories), created_ms=created_ms)


def _own(element: etree._Element) -> dict[str, str]:
    given = {}
    for name, value in element.items():
        if name.startswith(_Q):
            local = name[len(_Q) :]
            if local not in _KNOWN and local not in _STRUCTURE:
                raise _malformed("an attribute of IC-ISM that is not known")
            given[local] = value
        elif name.startswith(_OTHER_VERSIONS):
            raise _malformed("an attribute of another IC-ISM than this one")
    return given


def _flag(element: etree._Element, name: str) -> bool | None:
    value = element.get(_Q + name)
    if value not in (None, "true", "false", "1", "0"):
        raise _malformed(f"{name} is neither true nor false")
    return None if value is None else value in ("true", "1")


def _tokens(name: str, untrusted: str) -> tuple[str, ...]:
    tokens = tuple(untrusted.split(" "))
    if not all(map(_TOKEN.fullmatch, tokens)):
        raise _malformed(f"{name} is not a list of words with one blank between two")
    if len(set(tokens)) != len(tokens):
        raise _malformed(f"a word stands twice in {name}")
    return tokens


def _consistent(classification: str, lists: Mapping[str, tuple[str, ...]]) -> None:
    """What no mark may say at once (constraint rules of the DES; the CAPCO register)."""
    controls = frozenset(lists.get("disseminationControls", ()))
    owners, released = lists["ownerProducer"], lists.get("releasableTo")
    if (released is not None) != bool(controls & {"REL", "EYES"}):
        raise _malformed("releasableTo and the controls REL and EYES do not go together")
    if ("displayOnlyTo" in lists) != ("DISPLAYONLY" in controls):
        raise _malformed("displayOnlyTo and the control DISPLAYONLY do not go together")
    if "NF" in controls and controls & {"REL", "EYES", "RELIDO", "DISPLAYONLY"}:
        raise _malformed("it is not releasable to foreigners, and releasable to some")
    if "REL" in controls and "EYES" in controls:
        raise _malformed("REL and EYES stand together")
    if released is not None and (len(released) < 2 or ("USA" in owners and "USA" not in released)):
        raise _malformed("releasableTo leaves out its owner, or names nobody else")
    if classification == "R" and "USA" in owners:
        raise _malformed("the United States have no classification R")


def _plain(classification: str, lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    plain = dict(lists)
    controls = plain.get("disseminationControls", ())
    plain["disseminationControls"] = tuple(
        control for control in controls if control not in ("REL", "DISPLAYONLY")
    )
    if "releasableTo" not in plain and (classification != "U" or "NF" in controls):
        plain["releasableTo"] = plain["ownerProducer"]
    return plain


# -- writing ------------------------------------------------------------------------------------


def attributes_of(label: Label) -> dict[str, str]:
    """The label's attributes by their names without prefix; `Malformed` for what cannot be said."""
    if label.policy != POLICY or label.classification not in CLASSIFICATIONS:
        raise _malformed("IC-ISM attributes say labels of the policy IC-ISM only")
    if label.privacy_mark or label.review_ms is not None or label.originator or label.successions:
        raise _malformed(
            "IC-ISM has no privacy mark, time of review, originator's id or succession"
        )
    given = {"classification": label.classification}
    for category in label.categories:
        if category.tag_set != NAMESPACE or category.kind is not _LISTS.get(category.tag, _I):
            raise _malformed("a category that IC-ISM does not have")
        if category.tag not in _LISTS and (category.tag not in _TEXTS or len(category.values) != 1):
            raise _malformed("a category that IC-ISM does not have")
        given[category.tag] = " ".join(_ordered(category))
    _written_out(given)
    if label.created_ms is not None:
        given["createDate"] = day_text(label.created_ms)
    created = None if label.created_ms is None else label.created_ms
    if label_from({n: v for n, v in given.items() if n != "createDate"}, created) != label:
        raise _malformed("these IC-ISM marks together would be read as another label")
    return given


def qualified(name: str) -> str:
    """An attribute's name as lxml has it."""
    return _Q + name


def _ordered(category: Category) -> tuple[str, ...]:
    """In lists of nations the United States come first, then the others by the alphabet."""
    if category.tag in ("releasableTo", "displayOnlyTo") and "USA" in category.values:
        return ("USA", *(value for value in category.values if value != "USA"))
    return category.values


def _written_out(given: dict[str, str]) -> None:
    """Put back what reading made plain."""
    owners = set(given.get("ownerProducer", "").split(" "))
    controls = [each for each in given.get("disseminationControls", "").split(" ") if each]
    if set(given.get("releasableTo", "").split(" ")) == owners and len(owners) != 0 and (
        given["classification"] != "U" or "NF" in controls
    ) and "EYES" not in controls:  # fmt: skip
        del given["releasableTo"]
    elif "releasableTo" in given and "EYES" not in controls:
        controls.append("REL")
    if "displayOnlyTo" in given:
        controls.append("DISPLAYONLY")
    if controls:
        given["disseminationControls"] = " ".join(controls)


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.LABEL_MALFORMED, sentence)
