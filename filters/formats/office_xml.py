"""One XML part of an office document, as a tree: recognised first, then parsed by lxml.

Takes bytes, gives lxml's root or raises `Malformed`. The recogniser bounds and refuses (no
document type, entities, instructions); lxml is held to no network, entities, or huge trees.
"""

from lxml import etree

from filters.formats.xml_quick import recognise
from filters.formats.xml_rules import XmlLimits
from schemas.errors import Malformed
from schemas.reasons import Reason

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
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(untrusted, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(Reason.SYNTAX, "lxml cannot parse a part") from error
    if root.getroottree().docinfo.doctype:
        raise Malformed(Reason.XML_DOCTYPE, "a document type, which the recogniser lets not pass")
    return root
