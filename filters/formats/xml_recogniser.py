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
from dataclasses import dataclass
from typing import NoReturn

from schemas.errors import Malformed
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Bounds of one document; each is the largest value still accepted.

    namespaces        that may be declared; any_namespace: every one but XInclude
    instructions      whether processing instructions may be there (a rebuild drops them)
    schema_locations  whether hints to schemas may be there (the same)
    xml_attributes    names of `xml:` attributes that may be there
    byte_order_mark   whether the bytes may begin with one
    """

    bytes_max: int = 1 << 20
    depth_levels_max: int = 16
    elements_max: int = 2048
    attributes_max: int = 64
    attribute_characters_max: int = 32768
    text_characters_max: int = 32768
    name_characters_max: int = 64
    namespaces: tuple[str, ...] = ()
    any_namespace: bool = False
    instructions: bool = False
    schema_locations: bool = False
    xml_attributes: frozenset[str] = frozenset()
    byte_order_mark: bool = False

    @property
    def has_namespaces(self) -> bool:
        """Whether a prefix may be there at all."""
        return self.any_namespace or bool(self.namespaces)


_XINCLUDE = "http://www.w3.org/2001/XInclude"
_S = r"[ \t\r\n]"
_NAME = r"[A-Za-z_][A-Za-z0-9._\-]*+(?>(?::[A-Za-z_][A-Za-z0-9._\-]*+)?)"
_VALUE = r"""(?:"[^<"]*+"|'[^<']*+')"""
_ATTRIBUTE = rf"{_S}++{_NAME}{_S}*+={_S}*+{_VALUE}"
_DECLARATION = re.compile(
    rf"""<\?xml{_S}++version{_S}*+={_S}*+(?:"1\.0"|'1\.0')"""
    rf"""(?>(?:{_S}++encoding{_S}*+={_S}*+(?:"(?P<e1>[^"<>]*+)"|'(?P<e2>[^'<>]*+)'))?)"""
    rf"""(?>(?:{_S}++standalone{_S}*+={_S}*+(?:"(?:yes|no)"|'(?:yes|no)'))?){_S}*+\?>"""
)
# Groups: 1 text, 2 start name, 3 attributes, 4 slash, 5 end name, 6 CDATA, 7 the target of an
# instruction; none: a comment.
_TOKEN = re.compile(
    rf"([^<]++)"
    rf"|<({_NAME})((?>(?:{_ATTRIBUTE})*)){_S}*+(/?+)>"
    rf"|</({_NAME}){_S}*+>"
    r"|<!\[CDATA\[((?>(?:[^\]]++|\](?!\]>))*))\]\]>"
    r"|<!--(?>(?:[^\-]++|-(?!-))*)-->"
    rf"|<\?({_NAME})(?>(?:{_S}(?:[^?]++|\?(?!>))*)?)\?>"
)
_PAIR = re.compile(rf"({_NAME}){_S}*+={_S}*+(?:\"([^<\"]*+)\"|'([^<']*+)')")
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_BLANK = re.compile(rf"{_S}*+")
_PLAIN_ASCII = bytes([9, 10, 13, *range(0x20, 0x7F)])
_NOT_ALLOWED = re.compile("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_OTHER_ENCODINGS = (
    (b"\xef\xbb\xbf", "it starts with a byte order mark"),
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
    if len(untrusted) > limits.bytes_max:
        raise Malformed(Reason.SIZE_OUT_OF_BOUNDS, "the document is larger than its bound")
    if limits.byte_order_mark:
        untrusted = untrusted.removeprefix(_OTHER_ENCODINGS[0][0])
    text = _characters(untrusted)
    at = _declaration(text)
    _body(text, at, limits)


def _characters(untrusted: bytes) -> str:
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
    elif _NOT_ALLOWED.search(text) or any(ord(c) & 0xFFFE == 0xFFFE for c in set(text)):
        raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a control character or a noncharacter")
    return text


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
            _name(name, limits)
            if attributes:
                _attributes(attributes, limits)
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
        _references(piece)
    if "]]>" in piece:
        raise Malformed(Reason.SYNTAX, "the end of a CDATA section that never began")
    return _length(run + len(piece), limits)


def _name(name: str, limits: XmlLimits) -> None:
    if len(name) > limits.name_characters_max:
        raise Malformed(Reason.NAME_TOO_LONG, "a name is longer than its bound")
    if ":" in name and not limits.has_namespaces:
        raise Malformed(
            Reason.XML_XINCLUDE if name.startswith("xi:") else Reason.XML_NAMESPACE,
            "a name with a namespace prefix",
        )


def _attributes(attributes: str, limits: XmlLimits) -> None:
    pairs = _PAIR.findall(attributes)
    if len(pairs) > limits.attributes_max:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "an element has more attributes than its bound")
    seen = {pair[0] for pair in pairs}
    if len(seen) != len(pairs):
        raise Malformed(Reason.XML_DUPLICATE_ATTRIBUTE, "an attribute stands twice in one element")
    if "&" in attributes:
        _references(attributes)
    if len(attributes) > limits.attribute_characters_max:
        for _, double, single in pairs:
            if len(double or single) > limits.attribute_characters_max:
                raise Malformed(Reason.TEXT_TOO_LONG, "an attribute is longer than its bound")
    if len(attributes) > limits.name_characters_max and (
        max(map(len, seen)) > limits.name_characters_max
    ):
        raise Malformed(Reason.NAME_TOO_LONG, "an attribute name is longer than its bound")
    if ":" in attributes or "xmlns" in seen:
        _namespaces(pairs, limits)


def _namespaces(pairs: list[tuple[str, str, str]], limits: XmlLimits) -> None:
    for name, _, _ in pairs if not limits.schema_locations else ():
        if name.rpartition(":")[2] in ("schemaLocation", "noNamespaceSchemaLocation"):
            raise Malformed(Reason.XML_SCHEMA_LOCATION, "a document may not choose its schema")
    for name, double, single in pairs:
        prefix, colon, _ = name.rpartition(":")
        value = double or single
        if name == "xmlns" or prefix == "xmlns":
            if value == _XINCLUDE:
                raise Malformed(Reason.XML_XINCLUDE, "XInclude is not allowed")
            if value not in limits.namespaces and not limits.any_namespace:
                raise Malformed(Reason.XML_NAMESPACE, "a namespace that is not allowed")
        elif prefix == "xml" and name in limits.xml_attributes:
            continue
        elif colon and (prefix == "xml" or not limits.has_namespaces):
            raise Malformed(Reason.XML_NAMESPACE, "an attribute with a namespace prefix")


def _references(piece: str) -> None:
    """Every ampersand must begin a predefined entity or a reference to an allowed character."""
    at = piece.find("&")
    while at >= 0:
        found = _REFERENCE.match(piece, at)
        if found is None:
            raise Malformed(Reason.XML_ENTITY, "an entity other than the five predefined ones")
        if found.lastindex:
            code = int(found[1]) if found.lastindex == 1 else int(found[2], 16)
            if code > 0x10FFFF or _NOT_ALLOWED.match(chr(code)) or code & 0xFFFE == 0xFFFE:
                raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a reference to such a character")
        at = piece.find("&", found.end())


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
