"""Filter `office_schema_twin`: the document that was built, looked at by other libraries.

Takes the native file, changes nothing. Python's zipfile opens it, expat parses every XML part; each
element must stand where the destination's table of places lets it, every relationship and every
entry of the manifest must lead to a part that is there, and nothing may be in the package that they
do not name. Formulas, fields and addresses are judged again (`office_danger`).
"""

import encodings.cp437  # noqa: F401  # zipfile reads names by it: not after confinement
import io
import zipfile
import zlib
from typing import Literal

from pydantic import Field

from filters.twins.office_danger import check
from filters.twins.office_parts import (
    FORMULA_ATTRIBUTES,
    FORMULA_ENCODING,
    FORMULA_PARTS,
    MAIN,
    ODF_TYPES,
    PLACES,
    RELATIONS,
)
from filters.twins.office_tree import Tree, parse, walk
from schemas.errors import Broken, Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass

_BYTES_MAX = 1 << 26
_MANIFEST = "META-INF/manifest.xml"
_TYPES = "[Content_Types].xml"
Places = dict[str, frozenset[str]]


class OfficeSchemaTwinParameters(Parameters):
    """What the built document is held to.

    ooxml_document  the table of places of Office Open XML
    odf_document    the table of places of OpenDocument
    hyperlinks      whether addresses to click on may be there
    """

    ooxml_document: str = Field(default="ooxml-places.txt", max_length=64)
    odf_document: str = Field(default="odf-places.txt", max_length=64)
    hyperlinks: Literal["refuse", "keep"] = "refuse"


def make(parameters: OfficeSchemaTwinParameters, documents: Documents) -> Run:
    """A run that refuses what stands where it may not; `KeyError` if a table is not there."""
    ooxml = _places(documents[parameters.ooxml_document])
    odf = _places(documents[parameters.odf_document])
    links = parameters.hyperlinks == "keep"

    def run(message: Message) -> Answer:
        files = _files(message.payload)
        if "mimetype" in files:
            _odf(files, odf, links)
        else:
            _ooxml(files, ooxml, links)
        return Pass()

    return run


def _places(document: bytes) -> Places:
    found: Places = {}
    for line in document.decode("ascii").splitlines():
        if line and not line.startswith("#"):
            name, *inside = line.split()
            if name in found:
                raise Broken(Reason.POLICY_MALFORMED, f"the table of places has {name} twice")
            found[name] = frozenset(inside)
    return found


def _files(untrusted: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(untrusted)) as opened:
            members = opened.infolist()
            if sum(member.file_size for member in members) > _BYTES_MAX:
                raise ValueError("too large")
            files = {member.filename: opened.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, RuntimeError,
            OSError) as error:  # fmt: skip
        raise Malformed(Reason.SCHEMA_INVALID, "the document does not open again") from error
    if len(files) != len(members):
        raise Malformed(Reason.SCHEMA_INVALID, "a name stands twice in the document")
    return files


def _invalid(what: str) -> Malformed:
    return Malformed(Reason.SCHEMA_INVALID, what)


def _inside(untrusted: bytes) -> list[Tree]:
    """The elements in the root element of a part that has no text."""
    found: list[Tree] = parse(untrusted)[2]
    if any(isinstance(child, str) for child in found):
        raise _invalid("text in a table of parts")
    return found


def _placed(tree: Tree, places: Places) -> None:
    """Every element stands where it may."""
    for name, _, content in walk(tree):
        inside = places.get(name)
        if inside is None:
            raise _invalid(f"an element that no document has: {name[:64]}")
        for child in content:
            one = "#text" if isinstance(child, str) else child[0]
            if one not in inside and not (one == "#text" and not child.strip(" \t\r\n")):
                raise _invalid(f"{one[:64]} may not stand in {name[:64]}")


def _ooxml(files: dict[str, bytes], places: Places, links: bool) -> None:
    if _TYPES not in files:
        raise _invalid("the document has no content types")
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for name, attributes, _ in _inside(files[_TYPES]):
        key = "Extension" if name == "Default" else "PartName"
        into = defaults if name == "Default" else overrides
        into[attributes.get(key, "").removeprefix("/")] = attributes.get("ContentType", "")
    for name, contents in files.items():
        if name == _TYPES:
            continue
        ending = name.rpartition(".")[2]
        if name not in overrides and (ending == "xml" or ending not in defaults):
            raise _invalid("a part has no content type of its own")
        if ending == "rels":
            _relations(name, contents, files, links)
        elif ending == "xml":
            _part(contents, overrides[name], files, name, places)


def _part(
    contents: bytes, content_type: str, files: dict[str, bytes], name: str, places: Places
) -> None:
    known = {
        place.content_type: place for kind in MAIN for place in PLACES[kind].values() if place.root
    }
    tree = parse(contents)
    if content_type not in known or tree[0] != known[content_type].root:
        raise _invalid("a part is not what its content type says")
    _placed(tree, places)
    check(tree)
    folder, _, own = name.rpartition("/")
    told = files.get(f"{folder}/_rels/{own}.rels")
    idents = {one[1].get("Id") for one in _inside(told)} if told else set()
    for _, attributes, _ in walk(tree):
        for key, value in attributes.items():
            if key.startswith("r:") and value not in idents:
                raise _invalid("an element refers to a relationship that is not there")


def _relations(name: str, contents: bytes, files: dict[str, bytes], links: bool) -> None:
    for tag, attributes, _ in _inside(contents):
        target, kind = attributes.get("Target", ""), attributes.get("Type", "")
        if tag != "Relationship" or not kind.startswith(RELATIONS):
            raise _invalid("a relationship of another type")
        if attributes.get("TargetMode") == "External":
            if not (links and _is_web(target) and kind == RELATIONS + "hyperlink"):
                raise Malformed(Reason.OFFICE_EXTERNAL, "a relationship that leads outside")
        elif target.removeprefix("/") not in files:
            raise _invalid("a relationship leads to no part")


def _is_web(target: str) -> bool:
    return target.startswith(("http://", "https://", "mailto:"))


def _odf(files: dict[str, bytes], places: Places, links: bool) -> None:
    told = files["mimetype"].decode("ascii", "replace")
    if _MANIFEST not in files or told not in ODF_TYPES.values():
        raise _invalid("the document has no manifest, or is of an unknown type")
    listed = {
        entry[1].get("manifest:full-path", ""): entry[1].get("manifest:media-type", "")
        for entry in _inside(files[_MANIFEST])
    }
    if listed.get("/") != told:
        raise _invalid("manifest and mimetype do not agree")
    there = {name for name in listed if not name.endswith("/")}
    if there != set(files) - {"mimetype", _MANIFEST}:
        raise _invalid("the manifest and the document do not agree")
    for name, contents in files.items():
        if not name.endswith(".xml") or name == _MANIFEST:
            continue
        tree = parse(contents)
        folder = name.rpartition("/")[0]
        if tree[0] not in _roots(listed.get(f"{folder}/", "")):
            raise _invalid("a part has another root element")
        _placed(tree, places)
        check(tree)
        _formula(tree)
        for tag, attributes, _ in walk(tree):
            if attributes.get("text:url") and not (links and _is_web(attributes["text:url"])):
                raise Malformed(Reason.OFFICE_EXTERNAL, "an address in a bibliography")
            if "xlink:href" in attributes:
                _href(tag, attributes["xlink:href"], folder, files, listed, links)


def _formula(tree: Tree) -> None:
    """Elements of formulas say nothing but how they look, and have the parts that they need."""
    for name, attributes, content in walk(tree):
        if not name.startswith("math:"):
            continue
        if any(key not in FORMULA_ATTRIBUTES and key[:6] != "xmlns:" for key in attributes):
            raise _invalid("an attribute that no formula has")
        if name == "math:annotation" and attributes.get("encoding") != FORMULA_ENCODING:
            raise _invalid("an annotation that draws no formula")
        inside = [child for child in content if not isinstance(child, str)]
        if len(inside) != FORMULA_PARTS.get(name, len(inside)):
            raise _invalid("an element of a formula with more or fewer than its parts")


def _roots(media_type: str) -> tuple[str, ...]:
    """What the parts of a document of this type begin with."""
    if media_type == ODF_TYPES["odf"]:
        return ("math:math",)
    return ("office:document-content", "office:document-styles")


def _href(
    tag: str, target: str, folder: str, files: dict[str, bytes], listed: dict[str, str], links: bool
) -> None:
    if target.startswith("#"):
        return
    if tag == "text:a" and links and _is_web(target):
        return
    if folder and target.startswith("../"):
        target, folder = target[3:], ""
    name = target.removeprefix("./")
    if name not in files and f"{name}/" not in listed:
        raise Malformed(Reason.OFFICE_EXTERNAL, "an address that leads outside the document")


STAGE = StageType(
    name="office_schema_twin",
    version=2,
    kind=Kind.FILTER,
    side=Side.DESTINATION,
    parameters=OfficeSchemaTwinParameters,
    make=make,
    summary="every element of the built document stands where the destination's table lets it",
    rechecks=frozenset({"schema"}),
)
