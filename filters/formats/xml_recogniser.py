"""The bounded recogniser of XML: says whether bytes are XML we are willing to parse at all.

Takes bytes and limits; gives nothing or raises `Malformed` with a reason of its own for each
thing refused. It runs before any parser sees the bytes and builds no tree: one compiled regular
expression (no backtracking: possessive classes, atomic groups) cuts the text into tokens, and a
stack holds the open names. Follows XML 1.0 (fifth edition), less everything a guard has no use
for: no DOCTYPE, no entities but the five predefined ones, no encoding but UTF-8 (without a byte
order mark), ASCII names. Instructions, schema locations, `xml:` attributes, and namespaces that are
not named in the limits are refused unless the limits let them in. Comments and CDATA sections are
recognised; the rebuild drops the comments.
"""

import re
from typing import NoReturn

from filters.formats.xml_rules import (
    NAME,
    NOT_ALLOWED,
    XmlLimits,
    check_attributes,
    check_name,
    check_references,
)
from schemas.errors import Malformed
from schemas.reasons import Reason

_S = r"[ \t\r\n]"
_VALUE = r"""(?:"[^<"]*+"|'[^<']*+')"""
_ATTRIBUTE = rf"{_S}++{NAME}{_S}*+={_S}*+{_VALUE}"
_DECLARATION = re.compile(
    rf"""<\?xml{_S}++version{_S}*+={_S}*+(?:"1\.0"|'1\.0')"""
    rf"""(?>(?:{_S}++encoding{_S}*+={_S}*+(?:"(?P<e1>[^"<>]*+)"|'(?P<e2>[^'<>]*+)'))?)"""
    rf"""(?>(?:{_S}++standalone{_S}*+={_S}*+(?:"(?:yes|no)"|'(?:yes|no)'))?){_S}*+\?>"""
)
# Groups: 1 text, 2 start name, 3 attributes, 4 slash, 5 end name, 6 CDATA, 7 the target of an
# instruction; none: a comment.
_TOKEN = re.compile(
    rf"([^<]++)"
    rf"|<({NAME})((?>(?:{_ATTRIBUTE})*)){_S}*+(/?+)>"
    rf"|</({NAME}){_S}*+>"
    r"|<!\[CDATA\[((?>(?:[^\]]++|\](?!\]>))*))\]\]>"
    r"|<!--(?>(?:[^\-]++|-(?!-))*)-->"
    rf"|<\?({NAME})(?>(?:{_S}(?:[^?]++|\?(?!>))*)?)\?>"
)
_BLANK = re.compile(rf"{_S}*+")
_PLAIN_ASCII = bytes([9, 10, 13, *range(0x20, 0x7F)])
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (
    (BYTE_ORDER_MARK, "it starts with a byte order mark"),
    (b"\xff\xfe", "it is UTF-16 or UTF-32"),
    (b"\xfe\xff", "it is UTF-16"),
    (b"<\x00", "it is UTF-16 or UTF-32"),
    (b"\x00<", "it is UTF-16"),
    (b"\x00\x00", "it is UTF-32"),
    (b"+ADw", "it is UTF-7"),
    (b"Lo\xa7\x94", "it is EBCDIC"),
)


def recognise(untrusted: bytes, limits: XmlLimits) -> None:
    """Return if `untrusted` is one bounded XML document of this profile, else `Malformed`."""
    recognise_text(characters(untrusted, limits), limits)


def characters(untrusted: bytes, limits: XmlLimits) -> str:
    """The document as text: of UTF-8, allowed characters alone, within its bound in bytes."""
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the document is larger than its bound")
    if limits.byte_order_mark:
        untrusted = untrusted.removeprefix(BYTE_ORDER_MARK)
    for mark, sentence in _OTHER_ENCODINGS:
        if untrusted.startswith(mark):
            raise Malformed(Reason.ENCODING_NOT_UTF8, f"not plain UTF-8: {sentence}")
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the bytes are not UTF-8") from error
    if text.isascii():
        if untrusted.translate(None, _PLAIN_ASCII):
            raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character")
    elif NOT_ALLOWED.search(text) or any(ord(c) & 0xFFFE == 0xFFFE for c in set(text)):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character or a noncharacter")
    return text


def recognise_text(text: str, limits: XmlLimits) -> None:
    """Return if `text`, of allowed characters, is one such document, else `Malformed`."""
    _body(text, _declaration(text), limits)


def _declaration(text: str) -> int:
    """Where the document goes on after its XML declaration (0 if it has none)."""
    if not text.startswith("<?xml") or text[5:6] not in (" ", "\t", "\r", "\n", "?"):
        return 0
    found = _DECLARATION.match(text)
    if found is None:
        raise Malformed(Reason.SYNTAX, "the XML declaration is not one of version 1.0")
    encoding = found["e1"] if found["e1"] is not None else found["e2"]
    if encoding is not None and encoding.upper() != "UTF-8":
        raise Malformed(Reason.ENCODING_NOT_UTF8, "the XML declaration names another encoding")
    return found.end()


def _body(text: str, at: int, limits: XmlLimits) -> None:
    match, size = _TOKEN.match, len(text)
    open_names: list[str] = []
    elements, run, closed = 0, 0, False
    while at < size:
        token = match(text, at)
        if token is None:
            _refuse(text, at, closed)
        group = token.lastindex
        at = token.end()
        if group == 4:
            name, attributes, slash = token.group(2, 3, 4)
            if closed:
                raise Malformed(Reason.TRAILING_DATA, "a second root element")
            elements += 1
            run = 0
            check_name(name, limits)
            if attributes:
                check_attributes(attributes, limits)
            if not slash:
                open_names.append(name)
                if len(open_names) > limits.depth_levels_max:
                    raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
            elif len(open_names) == limits.depth_levels_max:
                raise Malformed(Reason.TOO_DEEP, "elements nest deeper than their bound")
            else:
                closed = not open_names
        elif group == 1:
            run = _text(token[1], bool(open_names), closed, run, limits)
        elif group == 5:
            if not open_names or open_names.pop() != token[5]:
                raise Malformed(Reason.SYNTAX, "an end tag closes nothing that is open")
            closed, run = not open_names, 0
        elif group == 6:
            if not open_names:
                raise Malformed(Reason.SYNTAX, "a CDATA section outside the root element")
            run = _length(run + len(token[6]), limits)
        elif group == 7:
            _instruction(token[7], limits)
        if elements > limits.elements_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "more elements than their bound")
    if not closed:
        raise Malformed(Reason.SYNTAX, "the document ends before its root element does")


def _instruction(target: str, limits: XmlLimits) -> None:
    if not limits.instructions:
        raise Malformed(Reason.XML_PROCESSING_INSTRUCTION, "a processing instruction")
    if target.lower() == "xml" or ":" in target:
        raise Malformed(Reason.SYNTAX, "an XML declaration that is not the beginning")


def _length(characters: int, limits: XmlLimits) -> int:
    if characters > limits.text_characters_max:
        raise Malformed(Reason.TEXT_TOO_LONG, "a text is longer than its bound")
    return characters


def _text(piece: str, inside: bool, closed: bool, run: int, limits: XmlLimits) -> int:
    """Check one run of character data; gives the length of text in this element so far."""
    if not inside:
        if _BLANK.fullmatch(piece) is None:
            reason = Reason.TRAILING_DATA if closed else Reason.SYNTAX
            raise Malformed(reason, "text outside the root element")
        return 0
    if "&" in piece:
        check_references(piece)
    if "]]>" in piece:
        raise Malformed(Reason.SYNTAX, "the end of a CDATA section that never began")
    return _length(run + len(piece), limits)


def _refuse(text: str, at: int, closed: bool) -> NoReturn:
    """Name what stands at `at`, where no token of the profile does."""
    rest = text[at : at + 16].upper()
    if rest.startswith(("<!DOCTYPE", "<!ENTITY", "<!ELEMENT", "<!ATTLIST", "<!NOTATION")):
        raise Malformed(Reason.XML_DOCTYPE, "a document type or entity declaration")
    if rest.startswith("<?"):
        raise Malformed(Reason.XML_PROCESSING_INSTRUCTION, "a processing instruction")
    if closed:
        raise Malformed(Reason.TRAILING_DATA, "something follows the root element")
    raise Malformed(Reason.SYNTAX, f"no XML at character {at}")
