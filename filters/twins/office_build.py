"""Normalizer `office_build`: the native document, from the office model.

Takes the model in CBOR, writes the XML of every part, content types, relationships or manifest,
and the ZIP file; gives names to parts by their kind and number. Pictures go through the stages of
their kind. Sets the metadata's `type`. Nothing native is parsed and no XML library is used.
"""

from dataclasses import replace
from typing import Any

from pydantic import Field

from filters.twins.archive_writers import zip_file
from filters.twins.office_parts import (
    MAIN,
    ODF_FORMULAS,
    ODF_PREFIXES,
    ODF_TYPES,
    PLACES,
    PREFIXES,
    RELATIONS,
)  # fmt: skip
from filters.twins.office_read import OfficeReadParameters, document
from filters.twins.office_write import attribute_text, xml
from filters.twins.part_stages import HeldPart, Line, Native, native
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_OOXML_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_ODF_VERSION = "1.3"
Media = dict[str, tuple["BuiltMedia", Native]]


class BuiltMedia(Parameters):
    """media: its name. type: its media type. extension: of its files. stage: what builds it."""

    media: str = Field(pattern=r"^[a-z][a-z0-9_\-]{0,31}$")
    type: str = Field(pattern=r"^image/[a-z0-9.+\-]{1,64}$")
    extension: str = Field(pattern=r"^[a-z0-9]{1,8}$")
    stage: list[Line] = Field(min_length=1, max_length=16)


class OfficeBuildParameters(OfficeReadParameters):
    """media: the pictures that may be built."""

    media: list[BuiltMedia] = Field(default=[], max_length=16)


def make(parameters: OfficeBuildParameters, documents: Documents) -> Run:
    """A run that builds; raises `Broken` for stages that may not stand in the table."""
    media = {line.media: (line, native(line.stage, documents)) for line in parameters.media}

    def run(message: Message) -> Answer:
        model = document(message.payload, parameters)
        kind = model["kind"]
        try:
            images = _images(message, model["parts"], media)
        except HeldPart as held:
            return held.hold
        if kind in MAIN:
            payload = zip_file(_ooxml(kind, model["parts"], images))
            media_type = _OOXML_TYPES[kind]
        else:
            payload = zip_file(_odf(kind, model["parts"], images), frozenset({"mimetype"}))
            media_type = ODF_TYPES[kind]
        meta = replace(message.meta, type=media_type)
        return Changed(Message.make(meta, payload), "built from the model")

    return run


Image = tuple[BuiltMedia, bytes]


def _images(message: Message, parts: list[dict[str, Any]], media: Media) -> dict[int, Image]:
    """Number of a part -> its table line and native bytes, for each picture."""
    built: dict[int, Image] = {}
    for number, part in enumerate(parts):
        if part["kind"] == "image":
            if part["media"] not in media:
                raise Malformed(Reason.TYPE_NOT_ALLOWED, "a picture of a kind not taken here")
            line, build = media[part["media"]]
            built[number] = (line, build(message, part["data"]))
    return built


def _ooxml(
    kind: str, parts: list[dict[str, Any]], images: dict[int, Image]
) -> list[tuple[str, bytes]]:
    names = _names(kind, parts, images)
    overrides, files = [], []
    for number, part in enumerate(parts):
        if number in images:
            files.append((names[number], images[number][1]))
            continue
        place = PLACES[kind][part["kind"]]
        overrides.append((names[number], place.content_type))
        files.append((names[number], _xml(part["tree"], place.root, PREFIXES)))
        if part["links"]:
            folder, _, own = names[number].rpartition("/")
            files.append((f"{folder}/_rels/{own}.rels", _relations(kind, part, parts, names)))
    files.sort()
    defaults = {line.extension: line.type for line, _ in images.values()}
    root = [("rId1", RELATIONS + "officeDocument", names[0], False)]
    return [
        ("[Content_Types].xml", _types(defaults, overrides)),
        ("_rels/.rels", _relations_xml(root)),
        *files,
    ]


def _names(kind: str, parts: list[dict[str, Any]], images: dict[int, Image]) -> list[str]:
    """The name of each part: its kind's place, with its number among those of its kind."""
    counts: dict[str, int] = {}
    names = []
    for number, part in enumerate(parts):
        counts[part["kind"]] = counts.get(part["kind"], 0) + 1
        name = PLACES[kind][part["kind"]].path.format(counts[part["kind"]])
        names.append(f"{name}.{images[number][0].extension}" if number in images else name)
    return names


def _types(defaults: dict[str, str], overrides: list[tuple[str, str]]) -> bytes:
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml",
             "xml": "application/xml", **defaults}  # fmt: skip
    lines = [
        f'<Default Extension="{ending}" ContentType="{known[ending]}"/>' for ending in sorted(known)
    ]
    lines += [
        f'<Override PartName="/{name}" ContentType="{content_type}"/>'
        for name, content_type in sorted(overrides)
    ]
    body = "".join(lines)
    return f'{_DECLARATION}<Types xmlns="{_PACKAGE}content-types">{body}</Types>'.encode()


def _relations(
    kind: str, part: dict[str, Any], parts: list[dict[str, Any]], names: list[str]
) -> bytes:
    found = []
    for number, target in enumerate(part["links"], 1):
        if isinstance(target, str):
            found.append((f"rId{number}", RELATIONS + "hyperlink", target, True))
        else:
            place = PLACES[kind][parts[target]["kind"]]
            found.append((f"rId{number}", RELATIONS + place.relation, f"/{names[target]}", False))
    return _relations_xml(found)


def _relations_xml(found: list[tuple[str, str, str, bool]]) -> bytes:
    lines = [
        f'<Relationship Id="{ident}" Type="{type_uri}" Target="{attribute_text(target)}"'
        + (' TargetMode="External"/>' if is_external else "/>")
        for ident, type_uri, target, is_external in found
    ]
    body = "".join(lines)
    head = f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}relationships">'
    return f"{head}{body}</Relationships>".encode()


def _xml(tree: Any, root: str, prefixes: dict[str, str]) -> bytes:
    if tree[0] != root:
        raise Malformed(Reason.OFFICE_PART, "a part has another root element than its kind")
    return (_DECLARATION + xml(tree, prefixes)).encode()


def _odf(
    kind: str, parts: list[dict[str, Any]], images: dict[int, Image]
) -> list[tuple[str, bytes]]:
    references: dict[str, str] = {}
    listed = [("/", ODF_TYPES[kind])]
    files: list[tuple[str, bytes]] = []
    for number, (line, contents) in images.items():
        name = f"Pictures/{number}.{line.extension}"
        references[f"part:{number}"] = name
        files.append((name, contents))
        listed.append((name, line.type))
    for part in parts:
        if part["kind"] == "content" and part["object"]:
            references[f"object:{part['object']}"] = f"./Object {part['object']}"
            inner = "odf" if part["tree"][0] == "math:math" else "chart"
            listed.append((f"Object {part['object']}/", ODF_TYPES[inner]))
    prefixes = {**ODF_PREFIXES, **ODF_FORMULAS}
    for part in parts:
        if part["kind"] == "image":
            continue
        folder = f"Object {part['object']}/" if part["object"] else ""
        above = "../" if part["object"] else ""
        tree = _referring(part["tree"], references, above)
        name = f"{folder}{part['kind']}.xml"
        files.append((name, _xml(tree, _odf_root(kind, part), prefixes)))
        listed.append((name, "text/xml"))
    files.sort()
    manifest = ("META-INF/manifest.xml", _manifest(listed))
    return [("mimetype", ODF_TYPES[kind].encode()), manifest, *files]


def _odf_root(kind: str, part: dict[str, Any]) -> str:
    """What a part begins with: a formula stands for itself, or in a document of another kind."""
    is_content = part["kind"] == "content"
    if kind == "odf":
        return "math:math" if is_content and not part["object"] else ""
    is_formula = is_content and part["object"] and part["tree"][0] == "math:math"
    return "math:math" if is_formula else f"office:document-{part['kind']}"


def _referring(tree: Any, references: dict[str, str], above: str) -> Any:
    """The tree with names of the package in the place of the model's references."""
    name, attributes, content = tree
    target = attributes.get("xlink:href")
    if target is not None and target.startswith(("part:", "object:")):
        if target not in references or (above and target.startswith("object:")):
            raise Malformed(Reason.OFFICE_PART, "an address that leads to no part")
        there = references[target]
        attributes = {**attributes, "xlink:href": above + there if target[0] == "p" else there}
    elif target is not None:
        _plain_target(name, target)
    if "office:version" in attributes:
        attributes = {**attributes, "office:version": _ODF_VERSION}
    children = [
        child if isinstance(child, str) else _referring(child, references, above)
        for child in content
    ]
    return [name, attributes, children]


def _plain_target(name: str, target: str) -> None:
    is_link = name == "text:a" and target.startswith(("http://", "https://", "mailto:"))
    if not (target.startswith("#") or is_link):
        raise Malformed(Reason.OFFICE_EXTERNAL, "an address that is not taken here")


def _manifest(listed: list[tuple[str, str]]) -> bytes:
    lines = [
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="{media_type}"/>'
        for name, media_type in sorted(listed)
    ]
    return (
        f'{_DECLARATION}<manifest:manifest xmlns:manifest="{_MANIFEST}"'
        f' manifest:version="{_ODF_VERSION}">{"".join(lines)}</manifest:manifest>'
    ).encode()


STAGE = StageType(
    name="office_build",
    version=2,
    kind=Kind.NORMALIZE,
    side=Side.DESTINATION,
    parameters=OfficeBuildParameters,
    make=make,
    summary="the office document is written from its model: XML, tables of parts and ZIP",
)
