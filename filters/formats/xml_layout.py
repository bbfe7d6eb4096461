"""What the model of an XML document is made of, and the rules of its two tables.

Bounds, keys and names of docs/spec/xml-model.md, and checks of the prefixes and tags. Takes decoded
CBOR, gives nothing or raises `Malformed`. The columns themselves: `filters.formats.xml_model`.
"""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Any

from schemas.cbor import CborLimits
from schemas.errors import Malformed
from schemas.reasons import Reason

XML_CBOR = "application/vnd.checkvalve.xml+cbor"
LAYOUT = 2
BYTES_MAX = 16 * 1024 * 1024
LEVELS_MAX = 64
NODES_MAX = 200_000
TAGS_MAX = 16_384
NAMES_MAX = 65_536
VALUES_MAX = 400_000
ATTRIBUTES_MAX = 256
TEXT_BYTES_MAX = 262_144
WRITTEN_BYTES_MAX = 16 * 1024 * 1024
PREFIXES_MAX = 64
END, TEXT, FIRST_TAG = 0, 1, 2
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/"
XINCLUDE_NAMESPACES = frozenset(
    {"http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"}
)
NEVER_DECLARED = XINCLUDE_NAMESPACES | {XML_NAMESPACE, XMLNS_NAMESPACE}
XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
XML_ATTRIBUTES = frozenset({"xml:lang", "xml:space", "xml:id", "xml:base"})
KEYS = frozenset({"xml", "prefixes", "tags", "steps", "texts"})
TREE_KEYS = frozenset({"xml", "prefixes", "root"})  # of `filters.formats.xml_tree`

LIMITS = CborLimits(
    bytes_max=BYTES_MAX, depth_levels_max=4, items_max=NODES_MAX, string_bytes_max=BYTES_MAX
)
_LOCAL = r"[A-Za-z_][A-Za-z0-9._\-]{0,127}"
_NAME = re.compile(rf"(?:([A-Za-z_][A-Za-z0-9._\-]{{0,31}}):)?{_LOCAL}")
PREFIX = re.compile(r"(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9._\-]{0,31}|")
URI_CHARACTERS_MAX = 512
_PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=\-]|%[0-9A-Fa-f]{2}"
_SIGN = rf"(?:{_PLAIN}|[:@])"
_AUTHORITY = rf"//(?:(?:{_PLAIN}|:)*@)?(?:{_PLAIN})*(?::[0-9]{{1,8}})?(?:/{_SIGN}*)*"
_ROOTED = rf"/(?:{_SIGN}+(?:/{_SIGN}*)*)?"
_URI = re.compile(  # a URI reference, RFC 3986 section 4.1, less hosts in brackets
    rf"(?:[A-Za-z][A-Za-z0-9+.\-]*:(?:{_AUTHORITY}|{_ROOTED}|{_SIGN}+(?:/{_SIGN}*)*|)"
    rf"|{_AUTHORITY}|{_ROOTED}|(?:{_PLAIN}|@)+(?:/{_SIGN}*)*|)"
    rf"(?:\?(?:{_SIGN}|[/?])*)?(?:#(?:{_SIGN}|[/?])*)?"
)


def prefixes_in(prefixes: Any) -> dict[str, str]:
    """The value, if it is a table of prefixes and namespaces, one to one (§1.2)."""
    if type(prefixes) is not dict or len(prefixes) > PREFIXES_MAX:
        raise Malformed(Reason.MODEL_SHAPE, "the prefixes are not a bounded map")
    for prefix, uri in prefixes.items():
        if type(prefix) is not str or type(uri) is not str:
            raise Malformed(Reason.MODEL_SHAPE, "not a prefix and the name of a namespace")
        if PREFIX.fullmatch(prefix) is None or not is_uri(uri):
            raise Malformed(Reason.XML_NAMESPACE, "not a prefix and the name of a namespace")
    if len(set(prefixes.values())) != len(prefixes):
        raise Malformed(Reason.XML_NAMESPACE, "two prefixes for one namespace")
    return prefixes


def is_uri(text: str) -> bool:
    """Whether a text can be the name of a namespace that a document declares."""
    if not 0 < len(text) <= URI_CHARACTERS_MAX or text in NEVER_DECLARED:
        return False
    return _URI.fullmatch(text) is not None


def tags_in(tags: Any, prefixes: Collection[str]) -> list[list[str]]:
    """The value, if it is a table of start tags, each a name and those of attributes (§1.3)."""
    if type(tags) is not list or not 0 < len(tags) <= TAGS_MAX:
        raise Malformed(Reason.MODEL_SHAPE, "the tags are not a bounded list")
    for tag in tags:
        if type(tag) is not list or not tag:
            raise Malformed(Reason.MODEL_SHAPE, "a tag is not a list of names")
        if len(tag) > 1 + ATTRIBUTES_MAX:
            raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more attributes than their bound")
        _check_name(tag[0], prefixes, ())
        for name in tag[1:]:
            _check_name(name, prefixes, XML_ATTRIBUTES)
        keys = [(len(name), name) for name in tag[1:]]
        if "xmlns" in tag[1:] or any(a >= b for a, b in pairwise(keys)):
            raise Malformed(Reason.MODEL_SHAPE, "attributes out of order, or a declaration")
    if sum(map(len, tags)) > NAMES_MAX:
        raise Malformed(Reason.TOO_MANY_ATTRIBUTES, "more names in the table than their bound")
    if len(set(map(tuple, tags))) != len(tags):
        raise Malformed(Reason.MODEL_SHAPE, "a tag stands in the table twice")
    return tags


def _check_name(name: Any, prefixes: Collection[str], known: Collection[str]) -> None:
    found = _NAME.fullmatch(name) if type(name) is str else None
    if found is None:
        raise Malformed(Reason.MODEL_SHAPE, "a name is not a name")
    if found[1] is not None and found[1] not in prefixes and name not in known:
        raise Malformed(Reason.XML_NAMESPACE, "a prefix that the document does not declare")
