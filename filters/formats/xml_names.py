"""From expanded names to the names of the model: which prefix each namespace gets.

Takes an lxml tree and the policy's wishes, gives a table; see docs/spec/xml-model.md §3. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from lxml import etree

from filters.formats.xml_layout import PREFIX, PREFIXES_MAX, XML_NAMESPACE, XSI_NAMESPACE
from schemas.errors import Malformed
from schemas.reasons import Reason

SCOPE_MAX = 4 * PREFIXES_MAX  # of an element that names a type
_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9._\-]*+")
_XSI_TYPE = f"{{{XSI_NAMESPACE}}}type"


class Names:
    """A document's table: `prefixes` (prefix -> namespace) and the names that follow from it."""

    __slots__ = ("_known", "_of", "prefixes")

    def __init__(self, prefixes: dict[str, str]) -> None:
        if len(prefixes) > PREFIXES_MAX:
            raise Malformed(Reason.XML_NAMESPACE, "more namespaces than their bound")
        self.prefixes = prefixes
        self._of = {uri: prefix for prefix, uri in prefixes.items()}
        self._known: dict[str, str] = {}

    def name(self, expanded: str) -> str:
        """`{namespace}local` as `prefix:local`."""
        known = self._known.get(expanded)
        if known is None:
            uri, _, local = expanded.rpartition("}")
            if ":" in local:
                raise Malformed(Reason.XML_NAMESPACE, "a prefix that the document does not declare")
            known = local
            if uri:
                prefix = "xml" if uri[1:] == XML_NAMESPACE else self._of[uri[1:]]
                known = f"{prefix}:{local}" if prefix else local
            self._known[expanded] = known
        return known

    def qualified(self, value: str, scope: Mapping[str | None, str]) -> str:
        """The value of `xsi:type`, its prefix exchanged for the table's; `Malformed` if unknown."""
        uri, local = expand(value, scope)
        if not uri:
            return local
        return self.name(f"{{{uri}}}{local}")


def expand(value: str, scope: Mapping[str | None, str]) -> tuple[str, str]:
    """Namespace and local part of a qualified name in a text; `Malformed` if it is none."""
    prefix, colon, local = value.strip(" \t\r\n").rpartition(":")
    if _LOCAL.fullmatch(local) is None:
        raise Malformed(Reason.XML_NAMESPACE, "a type that is named by no name")
    if len(scope) > SCOPE_MAX:
        raise Malformed(Reason.XML_NAMESPACE, "more namespaces than their bound")
    uri = scope.get(prefix if colon else None, "")
    if colon and not uri:
        raise Malformed(Reason.XML_NAMESPACE, "a qualified name with an undeclared prefix")
    return uri, local


def canonical(root: etree._Element, wished: Mapping[str, str]) -> Names:
    """The table of a document whose prefixes are chosen here. wished: prefix -> namespace."""
    shapes = dict.fromkeys(map(_shape, root.iter(etree.Element)))
    return chosen(shapes, wished)


def _shape(node: etree._Element) -> tuple[str, tuple[str, ...], str | None]:
    keys = tuple(node.keys())
    return node.tag, keys, _type_of(node) if _XSI_TYPE in keys else None


def _type_of(node: etree._Element) -> str | None:
    """The namespace of the type that an element names with `xsi:type`, "" if it is in none."""
    named = node.get(_XSI_TYPE)
    return None if named is None else expand(named, node.nsmap)[0]


def chosen(
    elements: Iterable[tuple[str, Sequence[str], str | None]], wished: Mapping[str, str]
) -> Names:
    """The table for these elements, the root first: expanded name, those of attributes, and the
    namespace of a type that is named.

    Attributes are met in an order that their prefixes have no part in, so that what is written has
    the same table again.
    """
    by_uri = {uri: prefix for prefix, uri in wished.items()}
    used: dict[str, None] = {}
    in_attributes: set[str] = set()
    roots: str | None = None
    bare = False
    for tag, attributes, type_uri in elements:
        uri = _uri(tag)
        roots = uri if roots is None else roots
        bare = bare or not uri or type_uri == ""
        of_attributes = [_uri(name) for name in sorted(attributes, key=_without_prefix)]
        in_attributes.update(each for each in of_attributes if each and each != XML_NAMESPACE)
        for each in (uri, *of_attributes, type_uri):
            if each and each != XML_NAMESPACE:
                used[each] = None
        if len(used) > PREFIXES_MAX:
            raise Malformed(Reason.XML_NAMESPACE, "more namespaces than their bound")
    prefixes: dict[str, str] = {}
    for uri in used:
        prefix = by_uri.get(uri)
        if prefix is None and uri == roots and uri not in in_attributes and not bare:
            prefix = ""
        if prefix is None:
            prefix = _free(prefixes, wished)
        prefixes[prefix] = uri
    return Names(prefixes)


def _uri(expanded: str) -> str:
    return expanded.rpartition("}")[0][1:]


def _without_prefix(expanded: str) -> tuple[int, str, str]:
    uri, _, local = expanded.rpartition("}")
    return len(local), local, uri


def _free(prefixes: Mapping[str, str], wished: Mapping[str, str]) -> str:
    number = 1
    while f"n{number}" in prefixes or f"n{number}" in wished:
        number += 1
    return f"n{number}"


def kept(root: etree._Element) -> Names:
    """The table of a document that keeps its prefixes; `Malformed` if they are not one to one."""
    prefixes: dict[str, str] = {}
    bare = False
    for node in root.iter(etree.Element):
        bare = bare or not str(node.tag).startswith("{") or _type_of(node) == ""
        for prefix, uri in node.nsmap.items():
            if len(prefixes) > PREFIXES_MAX:
                raise Malformed(Reason.XML_NAMESPACE, "more namespaces than their bound")
            if prefixes.setdefault(prefix or "", uri) != uri:
                raise Malformed(Reason.XML_NAMESPACE, "a prefix that stands for two namespaces")
    return one_to_one(prefixes, bare)


def one_to_one(prefixes: dict[str, str], bare: bool) -> Names:
    """The table of these prefixes; `Malformed` unless each has a namespace of its own.

    bare: whether an element is in no namespace.
    """
    if not all(PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise Malformed(Reason.XML_NAMESPACE, "a prefix that is none")
    if len(set(prefixes.values())) != len(prefixes) or (bare and "" in prefixes):
        raise Malformed(Reason.XML_NAMESPACE, "prefixes and namespaces that are not one to one")
    return Names(prefixes)
