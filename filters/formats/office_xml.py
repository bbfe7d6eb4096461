"""One XML part of an office document, as a tree: recognised first, then parsed by lxml.

Takes bytes, gives lxml's root or raises `Malformed`. The recogniser bounds and refuses (no
document type, entities, instructions) what `filters.formats.xml_parse` then parses.
"""

from lxml import etree

from filters.formats import xml_parse
from filters.formats.xml_quick import recognise
from filters.formats.xml_rules import XmlLimits

LIMITS = XmlLimits(
    bytes_max=8 << 20,
    depth_levels_max=100,
    elements_max=400_000,
    attributes_max=256,
    attribute_characters_max=1 << 20,
    text_characters_max=1 << 20,
    name_characters_max=128,
    any_namespace=True,
    xml_attributes=frozenset({"xml:space", "xml:lang", "xml:id", "xml:base"}),
    byte_order_mark=True,
)


def parse(untrusted: bytes) -> etree._Element:
    """The root element of a part."""
    recognise(untrusted, LIMITS)
    return xml_parse.parse(untrusted)
