"""Which elements and attributes a Cursor-on-Target event may have, read out of the pack's XSD.

Takes the bytes of the schema (a signed document of the policy), gives a `Kind` tree. The schema
is the one list: no second one stands in code. Only the few constructs the schema's header names
are understood; any other raises `Broken`, so that a schema never means more than is read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from schemas.errors import Broken
from schemas.reasons import Reason

_XS = "{http://www.w3.org/2001/XMLSchema}"
_COLLAPSING = frozenset({"xs:dateTime", "xs:decimal", "xs:integer", "xs:boolean", "xs:token"})


@dataclass(slots=True)
class ElementKind:
    """What an element of one complex type may have.

    attributes  name -> whether the type collapses blanks around its value
    children    name -> kind of a child element of that name
    has_text    whether it may hold text
    """

    attributes: dict[str, bool] = field(default_factory=dict)
    children: dict[str, "ElementKind"] = field(default_factory=dict)
    has_text: bool = False


def read(schema: bytes) -> ElementKind:
    """The kind of the root element `event`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    root = etree.fromstring(schema, parser)
    types = {node.get("name", ""): node for node in root.iterfind(f"{_XS}complexType")}
    simple = {node.get("name", ""): node for node in root.iterfind(f"{_XS}simpleType")}
    roots = [node for node in root.iterfind(f"{_XS}element") if node.get("name") == "event"]
    if len(roots) != 1:
        raise _unknown("a schema without exactly one root element named event")
    kinds: dict[str, ElementKind] = {}
    return _kind(roots[0].get("type", ""), types, simple, kinds)


def _unknown(what: str) -> Broken:
    return Broken(Reason.POLICY_MALFORMED, f"the schema has {what}")


def _kind(
    name: str,
    types: Mapping[str, etree._Element],
    simple: Mapping[str, etree._Element],
    kinds: dict[str, ElementKind],
) -> ElementKind:
    if name in kinds:
        return kinds[name]
    kind = kinds[name] = ElementKind()
    if name not in types:
        if name not in simple:
            raise _unknown(f"no type named {name}")
        kind.has_text = True
        return kind
    todo = list(types[name])
    while todo:
        node = todo.pop()
        match node.tag:
            case "{http://www.w3.org/2001/XMLSchema}attribute":
                kind.attributes[node.attrib["name"]] = _collapses(node.attrib["type"], simple)
            case "{http://www.w3.org/2001/XMLSchema}element":
                kind.children[node.attrib["name"]] = _kind(
                    node.attrib["type"], types, simple, kinds
                )
            case (
                "{http://www.w3.org/2001/XMLSchema}sequence"
                | "{http://www.w3.org/2001/XMLSchema}choice"
                | "{http://www.w3.org/2001/XMLSchema}simpleContent"
            ):
                todo.extend(node)
            case "{http://www.w3.org/2001/XMLSchema}extension":
                kind.has_text = True
                todo.extend(node)
            case other:
                raise _unknown(f"the construct {other}")
    return kind


def _collapses(name: str, simple: Mapping[str, etree._Element]) -> bool:
    while name in simple:
        restriction = simple[name].find(f"{_XS}restriction")
        if restriction is None:
            raise _unknown(f"no restriction in the type {name}")
        name = restriction.attrib["base"]
    return name in _COLLAPSING
