"""The package of an Office Open XML document: parts, content types and relationships that agree.

Takes a ZIP file, gives a `Package` or raises `Malformed`. Follows ECMA-376 part 2 (OPC): every
part has one content type; every part with relationships exists; every internal target exists.
Which parts may be there is not judged here (`filters.formats.ooxml_rebuild`).
"""

import posixpath
import re
from dataclasses import dataclass, field

from filters.formats import zip_recogniser
from filters.formats.container_limits import Purse
from filters.formats.office_rules import refuse
from filters.formats.office_xml import parse
from schemas.reasons import Reason

TYPES_NAME = "[Content_Types].xml"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_TYPE = re.compile(r"[a-z0-9!#$&^_.+\-]{1,127}/[A-Za-z0-9!#$&^_.+\-]{1,127}")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9._\-]{0,254}")
RELATIONS_MAX = 20_000
TARGET_CHARACTERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Relation:
    """One relationship: its id, type, and an internal target (a part's name) or an external one."""

    id: str
    type: str
    target: str
    is_external: bool


@dataclass(slots=True)
class Package:
    """parts: name -> bytes; types: name -> content type; relations: by name ("" the package)."""

    parts: dict[str, bytes]
    types: dict[str, str] = field(default_factory=dict)
    relations: dict[str, list[Relation]] = field(default_factory=dict)


def read(untrusted: bytes, purse: Purse) -> Package:
    """The package in a ZIP file, every part opened."""
    entries = zip_recogniser.structure(untrusted, purse)
    package = Package(
        {
            entry.name: zip_recogniser.contents(untrusted, entry)
            for entry in entries
            if not entry.is_folder
        }
    )
    if TYPES_NAME not in package.parts:
        refuse(Reason.OFFICE_PACKAGE, "the package has no content types")
    _types(package)
    left = RELATIONS_MAX
    for name in [name for name in package.parts if name.endswith(".rels")]:
        left = _relations(name, package, left)
    return package


def is_package(names: set[str]) -> bool:
    """Whether a ZIP file with these names is a package of this kind."""
    return TYPES_NAME in names


def _types(package: Package) -> None:
    root = parse(package.parts[TYPES_NAME])
    if root.tag != f"{_TYPES}Types":
        refuse(Reason.OFFICE_PACKAGE, "the content types have another root element")
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for node in root:
        told = node.get("ContentType", "")
        if _TYPE.fullmatch(told) is None:
            refuse(Reason.OFFICE_PACKAGE, "a content type is none")
        if node.tag == f"{_TYPES}Default" and set(node.keys()) == {"Extension", "ContentType"}:
            key, into = node.get("Extension", "").lower(), defaults
        elif node.tag == f"{_TYPES}Override" and set(node.keys()) == {"PartName", "ContentType"}:
            key, into = node.get("PartName", "").removeprefix("/"), overrides
        else:
            refuse(Reason.OFFICE_PACKAGE, "the content types have an element of another kind")
        if key in into or not key:
            refuse(Reason.OFFICE_PACKAGE, "a content type is given twice")
        into[key] = told
    lower = {name.lower(): name for name in package.parts}
    for name, told in overrides.items():
        if name.lower() not in lower:
            refuse(Reason.OFFICE_PACKAGE, "a content type is given to a part that is not there")
        package.types[lower[name.lower()]] = told
    for name in package.parts:
        if name != TYPES_NAME and name not in package.types:
            ending = name.rpartition("/")[2].rpartition(".")[2].lower()
            if ending not in defaults:
                refuse(Reason.OFFICE_PACKAGE, "a part has no content type")
            package.types[name] = defaults[ending]


def _relations(name: str, package: Package, left: int) -> int:
    """Read one part of relationships; gives how many more the package may have."""
    folder, _, own = name.rpartition("/")
    source = folder.removesuffix("_rels") + own.removesuffix(".rels")
    if not (folder == "_rels" or folder.endswith("/_rels")):
        refuse(Reason.OFFICE_PACKAGE, "relationships in a folder that is not theirs")
    if source and source not in package.parts:
        refuse(Reason.OFFICE_PACKAGE, "relationships of a part that is not there")
    root = parse(package.parts[name])
    if root.tag != f"{_RELATIONS}Relationships":
        refuse(Reason.OFFICE_PACKAGE, "the relationships have another root element")
    found: dict[str, Relation] = {}
    for node in root:
        left -= 1
        if node.tag != f"{_RELATIONS}Relationship" or left < 0:
            refuse(Reason.OFFICE_PACKAGE, "the relationships are more, or other, than they may be")
        relation = _relation(dict(node.attrib), source, package)
        if relation.id in found:
            refuse(Reason.OFFICE_PACKAGE, "two relationships have one id")
        found[relation.id] = relation
    package.relations[source] = list(found.values())
    return left


def _relation(told: dict[str, str], source: str, package: Package) -> Relation:
    if not {"Id", "Type", "Target"} <= told.keys() <= {"Id", "Type", "Target", "TargetMode"}:
        refuse(Reason.OFFICE_PACKAGE, "a relationship lacks a field or has one too many")
    mode = told.get("TargetMode", "Internal")
    target = told["Target"]
    if _ID.fullmatch(told["Id"]) is None or mode not in ("Internal", "External"):
        refuse(Reason.OFFICE_PACKAGE, "a relationship's id or mode is none")
    if len(target) > TARGET_CHARACTERS_MAX or len(told["Type"]) > TARGET_CHARACTERS_MAX:
        refuse(Reason.TEXT_TOO_LONG, "a relationship's target is longer than its bound")
    if mode == "External":
        return Relation(told["Id"], told["Type"], target, True)
    if target.startswith("#"):  # a place in the part itself, as some writers have it
        return Relation(told["Id"], told["Type"], target, True)
    name = resolved(source, target)
    if name not in package.parts:
        refuse(Reason.OFFICE_PACKAGE, "a relationship's target is not in the package")
    return Relation(told["Id"], told["Type"], name, False)


def resolved(source: str, target: str) -> str:
    """The name of the part that a relative or absolute reference means (RFC 3986 section 5.3)."""
    if "\\" in target or "%" in target or ":" in target or "?" in target or target.startswith("//"):
        refuse(Reason.OFFICE_PACKAGE, "a relationship's target is not the name of a part")
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    folder = source.rpartition("/")[0]
    joined = posixpath.normpath(f"{folder}/{target}" if folder else target)
    if joined.startswith(".."):
        refuse(Reason.OFFICE_PACKAGE, "a relationship's target leaves the package")
    return joined
