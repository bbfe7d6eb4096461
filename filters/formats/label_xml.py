"""Bounded XML for labels and bindings: bytes in, an lxml tree without surprises out.

Takes untrusted bytes, gives the root element or raises `Malformed`. A label is decided on, so its
document holds nothing that two readers could see differently: no DOCTYPE, no entity but the five
predefined ones, no CDATA section, no comment (a comment splits a text in two for some readers), no
processing instruction, no encoding but UTF-8, and no name or character that XML 1.0 does not have.
The source side's reader (libxml2); the destination side's is `filters.twins.label_4774_twin`.
"""

import re
from collections.abc import Iterator

from lxml import etree

from filters.formats.xml_parse import refuse_namespace_errors
from schemas.errors import Malformed
from schemas.reasons import Reason

BYTES_MAX = 1 << 20
ELEMENTS_MAX = 8192
ATTRIBUTES_MAX = 32768
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version=(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding=(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))?"""
    rb"""(?:[ \t\r\n]+standalone=(?:"yes"|'yes'|"no"|'no'))?[ \t\r\n]*\?>"""
)
_BLANKS = re.compile("[ \t\r\n]*")


def parse(untrusted: bytes, bytes_max: int = BYTES_MAX) -> etree._Element:
    """The root element of one bounded, plain document."""
    if len(untrusted) > bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, f"the document is larger than {bytes_max} bytes")
    if b"<!" in untrusted:
        raise Malformed(Reason.XML_DOCTYPE, "a declaration, a comment or a CDATA section")
    at = untrusted.find(b"<?")
    if at > 0 or untrusted.find(b"<?", at + 1) > 0:
        raise Malformed(Reason.XML_PROCESSING_INSTRUCTION, "an instruction")
    if at == 0 and _DECLARATION.match(untrusted) is None:
        raise Malformed(Reason.SYNTAX, "the XML declaration is not one of version 1.0 and UTF-8")
    _counted(untrusted)
    try:
        untrusted.decode("utf-8")
        parser = _parser()
        root = etree.fromstring(untrusted, parser)
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(Reason.SYNTAX, "the XML is not well-formed") from error
    refuse_namespace_errors(parser)
    return root


def _parser() -> etree.XMLParser:
    """A parser a document: one that is kept goes on with the names it has seen."""
    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )


def _counted(untrusted: bytes) -> None:
    """Every element begins with "<" and every attribute has "="; libxml2 bounds the depth (256)."""
    if untrusted.count(b"<") > 2 * ELEMENTS_MAX:
        raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements than their bound")
    if untrusted.count(b"=") > ATTRIBUTES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")


def children(
    element: etree._Element, reason: Reason = Reason.LABEL_MALFORMED
) -> Iterator[etree._Element]:
    """The child elements, where no text may stand between them; else `Malformed(reason)`."""
    if element.text is not None and not blank(element.text):
        raise Malformed(reason, "text where only elements may stand")
    for child in element:
        if child.tail is not None and not blank(child.tail):
            raise Malformed(reason, "text where only elements may stand")
        yield child


def text(element: etree._Element, reason: Reason = Reason.LABEL_MALFORMED) -> str:
    """The text of an element that may hold nothing else; else `Malformed(reason)`."""
    if len(element):
        raise Malformed(reason, "an element where only text may stand")
    return element.text or ""


def token(value: str) -> str:
    """`xs:token`: blanks collapsed, none at an end (XML Schema part 2, section 3.3.2)."""
    if "\n" in value or "\t" in value or "\r" in value:
        value = value.translate(_AS_BLANK)
    return " ".join(part for part in value.split(" ") if part)


_AS_BLANK = {9: " ", 10: " ", 13: " "}


def blank(value: str) -> bool:
    """Whether there is nothing but white space as XML knows it."""
    return _BLANKS.fullmatch(value) is not None


def escaped(value: str) -> str:
    """Text or attribute value as it stands between tags or double quotes (canonical XML 1.0)."""
    if not _SPECIAL.search(value):
        return value
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value)


_ESCAPES = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;",
    "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;",
}  # fmt: skip
_SPECIAL = re.compile('[&<>"\t\n\r]')
