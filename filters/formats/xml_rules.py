"""What every XML document of ours keeps to, token by token: limits, names, attributes, references.

Takes one token's text and the limits, gives nothing or raises `Malformed`. The recogniser
(`filters.formats.xml_recogniser`) asks for every token, its quick way (`filters.formats.xml_quick`)
once for each distinct one.
"""

import re
from dataclasses import dataclass

from filters.formats.xml_layout import XINCLUDE_NAMESPACES
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


_NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_S = r"[ \t\r\n]"
NAME = r"[A-Za-z_][A-Za-z0-9._\-]*+(?>(?::[A-Za-z_][A-Za-z0-9._\-]*+)?)"
_PAIR = re.compile(rf"({NAME}){_S}*+={_S}*+(?:\"([^<\"]*+)\"|'([^<']*+)')")
REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
NOT_ALLOWED = re.compile("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")


def check_name(name: str, limits: XmlLimits) -> None:
    """An element's name as it is written, prefix included."""
    if len(name) > limits.name_characters_max:
        raise Malformed(Reason.NAME_TOO_LONG, "a name is longer than its bound")
    if ":" in name and not limits.has_namespaces:
        raise Malformed(
            Reason.XML_XINCLUDE if name.startswith("xi:") else Reason.XML_NAMESPACE,
            "a name with a namespace prefix",
        )


def check_attributes(attributes: str, limits: XmlLimits) -> None:
    """What stands in a start tag after the name: none twice, bounded, of allowed namespaces."""
    pairs = _PAIR.findall(attributes)
    if len(pairs) > limits.attributes_max:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "an element has more attributes than its bound")
    seen = {pair[0] for pair in pairs}
    if len(seen) != len(pairs):
        raise Malformed(Reason.XML_DUPLICATE_ATTRIBUTE, "an attribute stands twice in one element")
    if "&" in attributes:
        check_references(attributes)
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
        _, colon, local = name.rpartition(":")
        if colon and local in ("schemaLocation", "noNamespaceSchemaLocation"):
            raise Malformed(Reason.XML_SCHEMA_LOCATION, "a document may not choose its schema")
    for name, double, single in pairs:
        prefix, colon, _ = name.rpartition(":")
        if name == "xmlns" or prefix == "xmlns":
            value = REFERENCE.sub(character, double or single)
            if value in XINCLUDE_NAMESPACES:
                raise Malformed(Reason.XML_XINCLUDE, "XInclude is not allowed")
            if value not in limits.namespaces and not limits.any_namespace:
                raise Malformed(Reason.XML_NAMESPACE, "a namespace that is not allowed")
        elif prefix == "xml" and name in limits.xml_attributes:
            continue
        elif colon and (prefix == "xml" or not limits.has_namespaces):
            raise Malformed(Reason.XML_NAMESPACE, "an attribute with a namespace prefix")


def character(found: re.Match[str]) -> str:
    """What a reference stands for, which `check_references` has passed."""
    if found.lastindex is None:
        return _NAMED[found[0]]
    return chr(int(found[1]) if found.lastindex == 1 else int(found[2], 16))


def check_references(piece: str) -> None:
    """Every ampersand must begin a predefined entity or a reference to an allowed character."""
    at = piece.find("&")
    while at >= 0:
        found = REFERENCE.match(piece, at)
        if found is None:
            raise Malformed(Reason.XML_ENTITY, "an entity other than the five predefined ones")
        if found.lastindex:
            code = int(found[1]) if found.lastindex == 1 else int(found[2], 16)
            if code > 0x10FFFF or NOT_ALLOWED.match(chr(code)) or code & 0xFFFE == 0xFFFE:
                raise Malformed(Reason.CHARACTER_NOT_ALLOWED, "a reference to such a character")
        at = piece.find("&", found.end())
