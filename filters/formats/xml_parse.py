"""XML parsed by lxml: no DTD, no entities, no network, no huge trees, no comments or instructions.

Takes bytes that a recogniser has passed, gives lxml's root or raises `Malformed`. Errors of
namespaces count: lxml itself lets a document with one pass if a warning comes after it, and leaves
the undeclared prefix in the name.
"""

from lxml import etree

from schemas.errors import Malformed
from schemas.reasons import Reason


def parse(recognised: bytes) -> etree._Element:
    """The root of the document's tree."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, remove_comments=True, remove_pis=True,
        collect_ids=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(recognised, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(Reason.SYNTAX, "lxml cannot parse the XML") from error
    refuse_namespace_errors(parser)
    if root.getroottree().docinfo.doctype:
        raise Malformed(Reason.XML_DOCTYPE, "a document type, which the recogniser lets not pass")
    return root


def refuse_namespace_errors(parser: etree.XMLParser) -> None:
    """`Malformed` if what the parser has parsed has an error, though it gave a tree."""
    if parser.error_log.filter_from_errors():
        raise Malformed(Reason.SYNTAX, "lxml has parsed the XML, with an error of namespaces")
