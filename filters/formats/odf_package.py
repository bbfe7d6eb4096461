"""The package of an OpenDocument file: mimetype first, and a manifest that agrees with the ZIP.

Takes a ZIP file, gives an `OdfPackage` or raises `Malformed`. Follows ODF 1.3 part 2: the first
entry is `mimetype`, stored, without an extra field; META-INF/manifest.xml lists every other file
once, with no encryption. Which files may cross is not judged here.
"""

from dataclasses import dataclass, field

from filters.formats import zip_recogniser
from filters.formats.container_limits import Purse
from filters.formats.office_rules import refuse
from filters.formats.office_xml import parse
from schemas.reasons import Reason

MIMETYPE = "mimetype"
MANIFEST = "META-INF/manifest.xml"
_NS = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_BEGINNING = "application/vnd.oasis.opendocument."
DOCUMENTS = {"odt": "text", "ods": "spreadsheet", "odp": "presentation",
             "odg": "graphics", "odf": "formula"}  # fmt: skip
_LOCAL_HEADER_BYTES = 30


@dataclass(slots=True)
class OdfPackage:
    """kind: as in `DOCUMENTS`. parts: name -> bytes. types: name (folders too) -> media type."""

    kind: str
    parts: dict[str, bytes]
    types: dict[str, str] = field(default_factory=dict)


def read(untrusted: bytes, purse: Purse) -> OdfPackage:
    """The package in a ZIP file, every part opened."""
    entries = zip_recogniser.structure(untrusted, purse)
    first = entries[0] if entries else None
    plain = _LOCAL_HEADER_BYTES + len(MIMETYPE)
    if first is None or first.name != MIMETYPE or first.is_deflated or first.start != plain:
        refuse(Reason.OFFICE_PACKAGE, "mimetype is not the first entry, stored and plain")
    parts = {
        entry.name: zip_recogniser.contents(untrusted, entry)
        for entry in entries
        if not entry.is_folder
    }
    told = parts[MIMETYPE]
    package = OdfPackage(_kind(told), parts)
    if MANIFEST not in parts:
        refuse(Reason.OFFICE_PACKAGE, "the package has no manifest")
    _manifest(package, told.decode("ascii"))
    return package


def is_package(untrusted: bytes) -> bool:
    """Whether a ZIP file begins as one of this kind (30 bytes of header, then the name)."""
    return untrusted[30:38] == MIMETYPE.encode()


def _kind(told: bytes) -> str:
    kinds = {(_BEGINNING + word).encode(): kind for kind, word in DOCUMENTS.items()}
    if told not in kinds:
        refuse(Reason.TYPE_NOT_ALLOWED, "the mimetype is of no document that is known here")
    return kinds[told]


def _manifest(package: OdfPackage, told: str) -> None:
    root = parse(package.parts[MANIFEST])
    if root.tag != f"{_NS}manifest":
        refuse(Reason.OFFICE_PACKAGE, "the manifest has another root element")
    for node in root:
        if node.tag != f"{_NS}file-entry":
            refuse(Reason.OFFICE_PACKAGE, "the manifest has an element of another kind")
        if len(node):
            refuse(Reason.ARCHIVE_ENCRYPTED, "a part of the document is encrypted")
        name = node.get(f"{_NS}full-path", "")
        if name in package.types or not name:
            refuse(Reason.OFFICE_PACKAGE, "the manifest names a file twice, or none")
        package.types[name] = node.get(f"{_NS}media-type", "")
    if package.types.get("/") != told:
        refuse(Reason.OFFICE_PACKAGE, "the manifest and the mimetype do not agree")
    listed = {name for name in package.types if not name.endswith("/")}
    present = set(package.parts) - {MIMETYPE, MANIFEST}
    if listed - present - {MIMETYPE, MANIFEST}:
        refuse(Reason.OFFICE_PACKAGE, "the manifest names a file that is not there")
    unlisted = {name for name in present - listed if not name.startswith("META-INF/")}
    if unlisted:
        refuse(Reason.OFFICE_PACKAGE, "a file is not in the manifest")
