"""An OpenDocument file as the model that crosses (docs/spec/office-model.md).

Takes a package whose form has been recognised, the rules and the tables; gives the model. Only
content, styles, the pictures that they show and the charts and formulas in them are looked at;
whatever else is in the package does not cross. Pictures, charts and formulas lose their names: they
are numbered as they are met.
"""

from typing import Any

from filters.formats.odf_package import OdfPackage
from filters.formats.odf_tree import OdfTree
from filters.formats.office_model import FORMULA, FORMULA_PREFIX, FORMULA_ROOT
from filters.formats.office_names import Names
from filters.formats.office_rules import Dropped, Elements, refuse
from filters.formats.office_xml import parse
from filters.formats.ooxml_rebuild import LAYOUT, PARTS_MAX, Picture
from schemas.cbor import CborValue
from schemas.errors import Malformed
from schemas.reasons import Reason

_OBJECTS = {"application/vnd.oasis.opendocument.chart": "chart",
            "application/vnd.oasis.opendocument.formula": FORMULA}  # fmt: skip
_BODIES = {"odt": "office:text", "ods": "office:spreadsheet", "odp": "office:presentation",
           "odg": "office:drawing",
           "chart": "office:chart"}  # fmt: skip
_ROOTS = (("content", "office:document-content"), ("styles", "office:document-styles"))
_FORMULA_ROOTS = (("content", FORMULA_ROOT),)
_MACRO_FOLDERS = ("Basic/", "Scripts/", "Dialogs/")
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
          "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff", "webp": "image/webp",
          "svg": "image/svg+xml"}  # fmt: skip


class OdfBuilder:
    """One document on its way into the model."""

    def __init__(
        self, package: OdfPackage, names: Names, dropped: Dropped, picture: Picture
    ) -> None:
        self.package = package
        self.names = names.where(lambda name: not name.startswith(FORMULA_PREFIX))
        self.formula_names = names.where(lambda name: name.startswith(FORMULA_PREFIX))
        self.dropped = dropped
        self.elements = Elements(package.kind)
        self.make_picture = picture
        self.parts: list[CborValue] = []
        self.numbers: dict[str, str] = {}
        self.objects: list[tuple[str, str]] = [("", package.kind)]  # folder and kind
        self.object_numbers = {"": 0}

    def model(self) -> dict[str, CborValue]:
        """The whole document."""
        kind = self.package.kind
        if kind not in self.dropped.rules.kinds:
            refuse(Reason.TYPE_NOT_ALLOWED, f"{kind} is not among the allowed kinds")
        self.forbidden_names()
        at = 0
        while at < len(self.objects):
            self.document(at, *self.objects[at])
            at += 1
        for name in ("meta.xml", "settings.xml"):
            if name in self.package.parts:
                self.dropped.note(name)
        return {"office": LAYOUT, "kind": kind, "parts": self.parts}

    def forbidden_names(self) -> None:
        """Parts that the rules forbid wherever they stand, referred to or not."""
        rules = self.dropped.rules
        for name in self.package.parts:
            if name.startswith(_MACRO_FOLDERS):
                self.dropped.by(rules.macros, Reason.OFFICE_MACRO, "a program")
            elif name.startswith("META-INF/") and "signature" in name.lower():
                self.dropped.note("signatures")
            elif name.endswith(".bin") or self.package.types.get(name, "").endswith("oleobject"):
                self.dropped.by(rules.embedded, Reason.OFFICE_EMBEDDED, "an embedded object")

    def document(self, number: int, folder: str, kind: str) -> None:
        """Content and styles of the document, or of one in it."""
        is_formula = kind == FORMULA
        names = self.formula_names if is_formula else self.names
        for part, root_name in _FORMULA_ROOTS if is_formula else _ROOTS:
            name = f"{folder}{part}.xml"
            if name not in self.package.parts:
                if part == "content":
                    refuse(Reason.OFFICE_PACKAGE, "a document has no content")
                continue
            place: dict[str, CborValue] = {"kind": part, "object": number, "tree": None}
            self.parts.append(place)
            try:
                tree = OdfTree(
                    names,
                    self.dropped,
                    self.elements,
                    self.picture,
                    self.embedded,
                    is_formula=is_formula,
                ).tree(parse(self.package.parts[name]), root_name)
                if root_name == "office:document-content":
                    _body(tree, _BODIES[kind])
            except Malformed as error:
                raise Malformed(error.reason, f"{part}: {error.sentence}"[:240]) from error
            place["tree"] = tree

    def picture(self, name: str) -> str | None:
        """What stands for a picture of this name in the package; None if it is left out."""
        rules = self.dropped.rules
        if name in self.numbers:
            return self.numbers[name]
        if name not in self.package.parts:
            if name in self.package.types or f"{name}/" in self.package.types:
                return None
            refuse(Reason.OFFICE_PACKAGE, "a picture is not in the package")
        media_type = self.package.types.get(name, "")
        if not media_type:  # some writers leave it empty: then by the name
            media_type = _TYPES.get(name.rpartition(".")[2].lower(), "")
        if name.startswith("ObjectReplacements/"):
            self.dropped.note("a picture that stands for an object")
            return None
        if not any(line.type == media_type for line in rules.media):
            self.dropped.by(rules.pictures, Reason.TYPE_NOT_ALLOWED, "a picture of another type")
            return None
        made = self.make_picture(media_type, self.package.parts[name])
        if made is None or len(self.parts) >= PARTS_MAX:
            refuse(Reason.TYPE_NOT_ALLOWED, "a picture of a type that is not allowed, or too many")
        self.numbers[name] = f"part:{len(self.parts)}"
        self.parts.append({"kind": "image", "media": made[0], "data": made[1]})
        return self.numbers[name]

    def embedded(self, name: str) -> str | None:
        """What stands for a chart or a formula in this folder; None if it is another object and
        left out."""
        folder = name.rstrip("/") + "/"
        kind = _OBJECTS.get(self.package.types.get(folder, ""))
        if kind is not None and len(self.objects) < PARTS_MAX:
            number = self.object_numbers.setdefault(folder, len(self.objects))
            if number == len(self.objects):
                self.objects.append((folder, kind))
            return f"object:{number}"
        self.dropped.by(self.dropped.rules.embedded, Reason.OFFICE_EMBEDDED, "an embedded object")
        return None


def _body(tree: Any, wanted: str) -> None:
    """The one body of a content part, which must be of the document's kind."""
    bodies = [
        child[2] for child in tree[2] if child[0] == "office:body"
    ]  # fmt: skip
    if len(bodies) != 1 or [one[0] for one in bodies[0]] != [wanted]:
        refuse(Reason.OFFICE_PACKAGE, "the body is not that of a document of this kind")
