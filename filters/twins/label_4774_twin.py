"""STANAG 4774 labels as the destination side reads them: by expat, and a grammar and calendar.

Takes the bytes of a label document, gives a `Said` or raises `Malformed(LABEL_MALFORMED)` or what
the form of the XML deserves. Written apart from the source side's reader (`filters/formats/
label_4774.py`, lxml), with which it must agree on every document; docs/label-formats.md is the one
text of both. Each element's children are one string of letters, and the grammar is a regular
expression over it.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from schemas.errors import Malformed
from schemas.reasons import Reason

BYTES_MAX = 65_536
NODES_MAX = 4_096
NAME_MAX = 128
URI_MAX = 256
CATEGORIES_MAX = 64
VALUES_MAX = 512
_SLAB = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
_LAST_MS = 253_402_300_799_999
_ROOTS = {
    "originatorConfidentialityLabel": "originator",
    "ConfidentialityLabel": "originator",
    "alternativeConfidentialityLabel": "alternative",
    "metadataConfidentialityLabel": "metadata",
}
# Element -> letter, attributes it must have, attributes it may have, its children (None: text).
_GRAMMAR: dict[str, tuple[str, frozenset[str], frozenset[str], re.Pattern[str] | None]] = {
    name: (letter, frozenset(must), frozenset(may), None if inner is None else re.compile(inner))
    for name, letter, must, may, inner in (
        *((root, "L", (), ("Id", "ReviewDateTime"), "IO?TS?") for root in _ROOTS),
        ("ConfidentialityInformation", "I", (), (), "PCM?K*"),
        ("PolicyIdentifier", "P", (), ("URI",), None),
        ("Classification", "C", (), (), None),
        ("PrivacyMark", "M", (), (), None),
        ("Category", "K", ("Type", "TagName"), ("URI",), "V+"),
        ("GenericValue", "V", (), (), None),
        ("OriginatorID", "O", ("IDType",), (), None),
        ("CreationDateTime", "T", (), (), None),
        ("SuccessionHandling", "S", (), (), "DN"),
        ("SuccessionDateTime", "D", (), (), None),
        ("SuccessorConfidentialityLabel", "N", (), ("Id", "ReviewDateTime"), "IO?T"),
    )
}
_KINDS = {"RESTRICTIVE": "restrictive", "PERMISSIVE": "permissive", "INFORMATIVE": "informative"}
_ID_TYPES = (
    "dNSName", "directoryName", "iPAddress", "jID", "rfc822Name", "uniformResourceIdentifier",
    "userPrincipalName", "x400Address",
)  # fmt: skip
_WHITE = " \t\r\n"
_TIME = re.compile(
    r"[ \t\r\n]*(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})0*)?"
    r"(?:Z|([+-])(\d\d):(\d\d))[ \t\r\n]*", re.ASCII,
)  # fmt: skip
_HEAD = re.compile(
    rb"""<\?xml[ \t\r\n]+version=("1\.0"|'1\.0')([ \t\r\n]+encoding=("utf-8"|'utf-8'))?"""
    rb"""([ \t\r\n]+standalone=("(yes|no)"|'(yes|no)'))?[ \t\r\n]*\?>""", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What a label document says. values: (tag set, tag, kind, value); times in ms since 1970."""

    role: str
    policy: tuple[str, str]
    classification: str
    privacy_mark: str
    values: frozenset[tuple[str, str, str, str]]
    originator: tuple[str, str] | None
    created_ms: int
    review_ms: int | None
    succession: "tuple[int, Said] | None" = None


@dataclass(slots=True)
class _Node:
    name: str
    attributes: dict[str, str]
    children: "list[_Node]" = field(default_factory=list)
    text: str = ""

    def one(self, name: str) -> "_Node | None":
        """The child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def need(self, name: str) -> "_Node":
        """The child of this name, which the grammar wants."""
        found = self.one(name)
        return found if found is not None else _no(f"{name} is missing")


def read(untrusted: bytes) -> Said:
    """What the label says."""
    if len(untrusted) > BYTES_MAX:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the label is larger than its bound")
    if b"<!" in untrusted:
        raise Malformed(Reason.XML_DOCTYPE, "a declaration, a comment or a CDATA section")
    head = _HEAD.match(untrusted)
    if b"<?" in (untrusted[head.end() :] if head else untrusted):
        raise Malformed(Reason.XML_PROCESSING_INSTRUCTION, "an instruction, or another declaration")
    root = _Builder().build(untrusted)
    if root.name not in _ROOTS:
        _no("the element is no label")
    return _label(root, _ROOTS[root.name])


class _Builder:
    """Nodes from expat's events, each held to the grammar when it closes."""

    __slots__ = ("count", "open", "root")

    def __init__(self) -> None:
        self.open: list[_Node] = []
        self.root: _Node | None = None
        self.count = 0

    def build(self, untrusted: bytes) -> _Node:
        parser = expat.ParserCreate("UTF-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.data
        try:
            parser.Parse(untrusted, True)
        except expat.ExpatError as error:
            raise Malformed(Reason.SYNTAX, "expat cannot parse the label") from error
        return self.root if self.root is not None else _no("there is no element")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        space, _, local = name.rpartition(" ")
        if space != _SLAB or local not in _GRAMMAR or self.count > NODES_MAX:
            _no("an element that labels do not have, or too many")
        _, must, may, _ = _GRAMMAR[local]
        if not must <= attributes.keys() <= must | may:
            _no(f"{local} lacks an attribute, or has one that it cannot have")
        node = _Node(local, attributes)
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def data(self, characters: str) -> None:
        self.open[-1].text += characters

    def end(self, _name: str) -> None:
        node = self.open.pop()
        letters = "".join(_GRAMMAR[child.name][0] for child in node.children)
        inner = _GRAMMAR[node.name][3]
        if inner is None:
            if letters:
                _no(f"{node.name} holds an element")
        elif inner.fullmatch(letters) is None or node.text.strip(_WHITE):
            _no(f"{node.name} does not hold what it must")


def _label(node: _Node, role: str) -> Said:
    information = node.need("ConfidentialityInformation")
    policy = information.need("PolicyIdentifier")
    mark = information.one("PrivacyMark")
    originator = node.one("OriginatorID")
    handling = node.one("SuccessionHandling")
    review = node.attributes.get("ReviewDateTime")
    categories = [child for child in information.children if child.name == "Category"]
    return Said(
        role,
        (_name(_collapsed(policy.text)), _uri(policy.attributes.get("URI", ""))),
        _name(_collapsed(information.need("Classification").text)),
        _name(mark.text) if mark is not None and mark.text else "",
        _values(categories),
        _originator(originator) if originator is not None else None,
        _moment(node.need("CreationDateTime").text),
        None if review is None else _moment(review),
        _succession(handling) if handling is not None else None,
    )


def _succession(handling: _Node) -> tuple[int, Said]:
    at_ms = _moment(handling.need("SuccessionDateTime").text)
    return at_ms, _label(handling.need("SuccessorConfidentialityLabel"), "successor")


def _values(categories: list[_Node]) -> frozenset[tuple[str, str, str, str]]:
    tags: set[tuple[str, str]] = set()
    found: set[tuple[str, str, str, str]] = set()
    for category in categories:
        given = category.attributes
        tag = (_uri(given.get("URI", "")), _name(given["TagName"]))
        kind = _KINDS.get(given["Type"])
        names = [_name(child.text) for child in category.children]
        if kind is None or tag in tags or len(set(names)) != len(names) or len(names) > VALUES_MAX:
            _no("a category of no known type, or a tag or value that stands twice")
        tags.add(tag)
        found.update((*tag, kind, name) for name in names)
    if len(tags) > CATEGORIES_MAX:
        _no("more categories than their bound")
    return frozenset(found)


def _originator(node: _Node) -> tuple[str, str]:
    kind = node.attributes["IDType"]
    if kind not in _ID_TYPES or len(node.text) > URI_MAX:
        _no("an originator's id of no known type, or too long")
    if node.text and _plain(node.text) != node.text:
        _no("an originator's id has a character or a blank that ids do not have")
    return kind, node.text


def _collapsed(text: str) -> str:
    return " ".join(re.split("[ \t\r\n]+", text.strip(_WHITE)))


def _name(text: str) -> str:
    if not 0 < len(text) <= NAME_MAX or _plain(text) != text:
        _no("a name is empty, too long, or has a character or a blank that names do not have")
    return text


def _plain(text: str) -> str:
    """The text as a name would have it; the same text if it is one already."""
    shown = "".join(
        " " if unicodedata.category(character) == "Zs" else character
        for character in unicodedata.normalize("NFC", text)
        if unicodedata.category(character)[0] not in "C" and
        unicodedata.category(character) not in ("Zl", "Zp")
    )  # fmt: skip
    return " ".join(part for part in shown.split(" ") if part)


def _uri(text: str) -> str:
    if len(text) > URI_MAX or any(not "!" <= character <= "~" for character in text):
        _no("an identifier is no URI")
    return text


def _moment(text: str) -> int:
    """Milliseconds since 1970 by counting days (proleptic Gregorian calendar)."""
    found = _TIME.fullmatch(text)
    if found is None:
        _no("a time is not a date and time with a time zone, to the millisecond")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    ahead_h, ahead_m = int(found[9] or 0), int(found[10] or 0)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= days[month - 1] and year >= 1):
        _no("a day is in no calendar")
    if hour > 23 or minute > 59 or second > 59 or ahead_h > 23 or ahead_m > 59:
        _no("a time is on no clock")
    before = year - 1
    count = (
        before * 365 + before // 4 - before // 100 + before // 400 + sum(days[: month - 1]) + day
    )
    seconds = (count - 719_163) * 86_400 + hour * 3_600 + minute * 60 + second
    ahead = (ahead_h * 60 + ahead_m) * (-60 if found[8] == "-" else 60)
    moment = (seconds - ahead) * 1_000 + int((found[7] or "0").ljust(3, "0"))
    if not 0 <= moment <= _LAST_MS:
        _no("a time is before 1970 or after 9999")
    return moment


def _no(sentence: str) -> NoReturn:
    raise Malformed(Reason.LABEL_MALFORMED, sentence)
