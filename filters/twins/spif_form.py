"""The form of a security policy, as the destination side reads it: expat, and a grammar.

Takes bytes, gives `Element`s of which every name, attribute and text has its place in the grammar
below (one line an element), or raises `Malformed(SPIF_MALFORMED)`; and reads the values that
attributes hold. Shares nothing with the source side's reader.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from schemas.errors import Malformed
from schemas.reasons import Reason

NO_END = 1 << 31
LANGUAGE = "xml:lang"
_BYTES_MAX = 1 << 22
_ELEMENTS_MAX = 100_000
_TEXT_MAX = 256
_NAME_MAX = 128
_SPACE = "http://www.xmlspif.org/spif "
_EMPTY = frozenset(
    ("phrase", "markingQualifier", "creationDate", "originatorDN", "keyIdentifier", "userRefURI",
     "docRefURI")
)  # fmt: skip
_PREFIXED = {
    "http://www.w3.org/XML/1998/namespace lang": LANGUAGE,
    "http://www.w3.org/2001/XMLSchema-instance schemaLocation": "xsi:schemaLocation",
}

# element: attributes (! must be there, = with text in it), then what may stand inside
_GRAMMAR = """
SPIF schemaVersion! creationDate! originatorDN! keyIdentifier! privilegeId! rbacId! version notBefore notAfter userRefURI docRefURI xsi:schemaLocation > defaultSecurityPolicyId securityPolicyId securityClassifications securityCategoryTagSets privacyMarks equivalentPolicies markingData markingQualifier
defaultSecurityPolicyId name! id! > markingData markingQualifier
securityPolicyId name! id! > markingData markingQualifier
securityClassifications name > securityClassification markingData markingQualifier
securityClassification name! lacv! hierarchy! color obsolete > requiredCategory equivalentClassification markingData markingQualifier
equivalentClassification policyRef! lacv! applied! > requiredCategory
requiredCategory operation! > categoryGroup
categoryGroup tagSetRef! tagType! enumType lacv all >
excludedCategory tagSetRef! tagType! enumType lacv all >
excludedClass = >
securityCategoryTagSets > securityCategoryTagSet
securityCategoryTagSet name! id! > securityCategoryTag
securityCategoryTag tagType! name enumType tag7Encoding singleSelection minSelection maxSelection > tagCategory markingQualifier
tagCategory name! lacv! notBefore notAfter requiredClass obsolete > excludedClass excludedCategory requiredCategory equivalentSecCategoryTag markingData markingQualifier
equivalentSecCategoryTag policyRef! applied! tagSetId tagType enumType lacv action >
equivalentPolicies > equivalentPolicy
equivalentPolicy name! id! userRefURI docRefURI > requiredCategory
privacyMarks > privacyMark markingData markingQualifier
privacyMark name! obsolete > markingData markingQualifier
markingData phrase xml:lang > code
code = >
markingQualifier markingCode > qualifier
qualifier markingQualifier! qualifierCode! >
"""  # noqa: E501  # one line an element, 2026-11-26
_ELEMENTS: dict[str, tuple[set[str], set[str], set[str], bool]] = {}
for _line in _GRAMMAR.strip().splitlines():
    _left, _, _right = _line.partition(">")
    _name, *_words = _left.split()
    _ELEMENTS[_name] = (
        {word[:-1] for word in _words if word.endswith("!")},
        {word.rstrip("!") for word in _words if word != "="},
        set(_right.split()),
        "=" in _words,
    )

_KIND_OF = {
    "restrictive/": "R", "permissive/": "P", "enumerated/restrictive": "R",
    "enumerated/permissive": "P", "tagType7/": "I",
}  # fmt: skip
_TRUE = {"": False, "false": False, "0": False, "true": True, "1": True}


@dataclass(slots=True)
class Element:
    """An element: its name, its attributes (`at`), what stands inside, and its text."""

    name: str
    at: dict[str, str]
    inside: list["Element"] = field(default_factory=list)
    text: str = ""

    def each(self, *path: str) -> list["Element"]:
        """The elements down this path."""
        here = [self]
        for name in path:
            here = [child for element in here for child in element.inside if child.name == name]
        return here


def parse(untrusted: bytes) -> Element:
    """The root element, or `Malformed(SPIF_MALFORMED)`."""
    return _Parser().parse(untrusted)


class _Parser:
    """Expat's events, held to the grammar as they come."""

    def __init__(self) -> None:
        self.open: list[Element] = []
        self.root: Element | None = None
        self.count = 0

    def parse(self, untrusted: bytes) -> Element:
        demand(len(untrusted) <= _BYTES_MAX, "larger than its bound")
        demand(not re.search(rb"<!(?!--)", untrusted), "a declaration or CDATA")
        try:
            untrusted.decode("utf-8")
            parser = expat.ParserCreate("UTF-8", " ")
            parser.buffer_text = True
            parser.StartElementHandler = self.start
            parser.EndElementHandler = self.end
            parser.CharacterDataHandler = self.characters
            parser.ProcessingInstructionHandler = _instruction
            parser.StartDoctypeDeclHandler = _instruction
            parser.EntityDeclHandler = _instruction
            parser.Parse(untrusted, True)
        except (UnicodeDecodeError, expat.ExpatError) as error:
            raise Malformed(Reason.SPIF_MALFORMED, "the policy is not XML in UTF-8") from error
        if self.root is None:
            raise Malformed(Reason.SPIF_MALFORMED, "the policy is empty")
        return self.root

    def start(self, full: str, attributes: dict[str, str]) -> None:
        self.count += 1
        demand(self.count <= _ELEMENTS_MAX, "more elements than their bound")
        demand(full.startswith(_SPACE), "an element of another namespace")
        name = full[len(_SPACE) :]
        at = {_PREFIXED.get(key, key): value for key, value in attributes.items()}
        allowed = _ELEMENTS[self.open[-1].name][2] if self.open else {"SPIF"}
        demand(name in allowed, "an element where it may not stand")
        must, may, _, _ = _ELEMENTS[name]
        demand(must <= at.keys() <= may, f"an attribute too many or too few in {name}")
        demand(all(len(value) <= _TEXT_MAX for value in at.values()), "an attribute too long")
        demand({key for key, value in at.items() if not value} <= _EMPTY, "an attribute is empty")
        element = Element(name, at)
        if self.open:
            self.open[-1].inside.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, _full: str) -> None:
        element = self.open.pop()
        element.text = element.text.strip(" \t\r\n")
        demand(not element.text or _ELEMENTS[element.name][3], "text where none may stand")
        demand(len(element.text) <= _TEXT_MAX, "a text too long")

    def characters(self, text: str) -> None:
        self.open[-1].text += text


def kind(element: Element) -> str:
    """R, P or I."""
    found = _KIND_OF.get(f"{element.at.get('tagType', '')}/{element.at.get('enumType', '')}")
    return found or refuse("a tag type that is not known")


def lacv(element: Element) -> str:
    """The attribute lacv."""
    text = element.at.get("lacv", "")
    demand(re.fullmatch("[!-~]{1,64}", text), "a lacv that is none")
    return text


def oid(text: str) -> str:
    """An object identifier."""
    demand(re.fullmatch(r"[0-2](\.[0-9]{1,40}){1,32}", text), "no object identifier")
    return text


def integer(text: str) -> int:
    """A whole number."""
    demand(re.fullmatch("-?(0|[1-9][0-9]{0,17})", text), "no number")
    return int(text)


def amount(text: str) -> int:
    """A whole number that counts something."""
    number = integer(text)
    demand(0 <= number <= NO_END, "a number beyond its bound")
    return number


def truth(text: str) -> bool:
    """true or false; nothing said is false."""
    demand(text in _TRUE, "neither true nor false")
    return _TRUE[text]


def name(text: str) -> str:
    """A name, as every name must be."""
    well = 0 < len(text) <= _NAME_MAX and text.isprintable() and " ".join(text.split()) == text
    demand(well and unicodedata.normalize("NFC", text) == text, "a name that is none")
    return text


def distinct(names: list[str]) -> None:
    """The names differ, and by more than case."""
    demand(len({name.casefold() for name in names}) == len(names), "two of one name")


def window(element: Element) -> tuple[int, int | None]:
    """notBefore and notAfter, in milliseconds since 1970."""
    begins, ends = element.at.get("notBefore", ""), element.at.get("notAfter", "")
    return (moment(begins) if begins else 0, moment(ends) if ends else None)


def moment(text: str) -> int:
    """Milliseconds since 1970 of an xs:dateTime with a zone, by the days of the calendar."""
    found = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?(?:Z|([+-])(\d\d):(\d\d))",
        text, re.ASCII,
    )  # fmt: skip
    if found is None:
        refuse("a time that is none")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    demand(year >= 1 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1], "no such day")
    demand(hour < 24 and minute < 60 and second < 60, "no such time of day")
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 + sum(lengths[: month - 1])
    seconds = ((days + day - 1 - 719_162) * 24 + hour) * 3600 + minute * 60 + second
    if found[8]:
        away = int(found[9]) * 3600 + int(found[10]) * 60
        demand(int(found[9]) < 24 and int(found[10]) < 60, "no such zone")
        seconds -= away if found[8] == "+" else -away
    demand(seconds >= 0, "a time before 1970")
    return seconds * 1000 + int((found[7] or "0").ljust(3, "0"))


def _instruction(*_given: Any) -> NoReturn:
    refuse("a declaration or an instruction")


def demand(well: object, wrong: str) -> None:
    """Raises `Malformed` with what is wrong unless all is well."""
    if not well:
        refuse(wrong)


def refuse(wrong: str) -> NoReturn:
    """Raises `Malformed` with what is wrong."""
    raise Malformed(Reason.SPIF_MALFORMED, f"the policy cannot be read: {wrong}")
