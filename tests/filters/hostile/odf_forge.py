"""Writes OpenDocument packages part by part, right or wrong as asked, for samples and tests."""

from dataclasses import dataclass, field

from tests.filters.hostile.zip_forge import Entry, zip_of

NS = "urn:oasis:names:tc:opendocument:xmlns:"
PREFIXES = {
    "office": NS + "office:1.0", "text": NS + "text:1.0", "table": NS + "table:1.0",
    "draw": NS + "drawing:1.0", "style": NS + "style:1.0", "svg": NS + "svg-compatible:1.0",
    "presentation": NS + "presentation:1.0", "form": NS + "form:1.0", "script": NS + "script:1.0",
    "xlink": "http://www.w3.org/1999/xlink", "dc": "http://purl.org/dc/elements/1.1/",
    "of": NS + "of:1.2", "math": "http://www.w3.org/1998/Math/MathML", "anim": NS + "animation:1.0",
    "ooo": "http://openoffice.org/2004/office", "chart": NS + "chart:1.0",
}  # fmt: skip
ALL = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in PREFIXES.items())
TYPES = {
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "odf": "application/vnd.oasis.opendocument.formula",
}
BODIES = {"odt": "text", "ods": "spreadsheet", "odp": "presentation"}
INSIDE = {
    "odt": "<text:p>all is well</text:p>",
    "ods": '<table:table table:name="One"><table:table-row><table:table-cell '
    'office:value-type="string"><text:p>all is well</text:p></table:table-cell>'
    "</table:table-row></table:table>",
    "odp": '<draw:page draw:name="one"><draw:frame svg:width="9cm" svg:height="2cm"><draw:text-box>'
    "<text:p>all is well</text:p></draw:text-box></draw:frame></draw:page>",
}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
FORMULA = f"{_HEAD}<math:math {ALL}><math:mrow><math:mi>a</math:mi></math:mrow></math:math>"


@dataclass
class Package:
    """A package to be written. `listed`: what the manifest says, by name."""

    kind: str
    parts: dict[str, bytes] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    mimetype: bytes = b""

    def put(self, name: str, contents: bytes | str, media_type: str = "text/xml") -> "Package":
        """Add or replace a part, and its line in the manifest."""
        self.parts[name] = contents.encode() if isinstance(contents, str) else contents
        self.listed[name] = media_type
        return self

    def inside(self, text: str, place: str = "</office:body>") -> "Package":
        """Put markup before a place of the content; the body's end means its last element's end."""
        content = self.parts["content.xml"].decode()
        if self.kind == "odf":
            place = "</math:mrow>"
        elif place == "</office:body>":
            place = f"</office:{BODIES[self.kind]}></office:body>"
        return self.put("content.xml", content.replace(place, text + place))

    def paragraph(self, text: str) -> "Package":
        """Put markup into the one paragraph."""
        return self.inside(text, "</text:p>")

    def manifest(self) -> bytes:
        """META-INF/manifest.xml."""
        lines = "".join(
            f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="{told}"/>'
            for name, told in self.listed.items()
        )
        return (
            f'{_HEAD}<manifest:manifest xmlns:manifest="{NS}manifest:1.0" manifest:version="1.3">'
            f"{lines}</manifest:manifest>"
        ).encode()

    def entries(self) -> list[Entry]:
        """The entries of the ZIP file, mimetype first and stored."""
        first = Entry(b"mimetype", self.mimetype)
        others = {"META-INF/manifest.xml": self.manifest(), **self.parts}
        return [first, *[Entry(name.encode(), body, 8) for name, body in others.items()]]

    def write(self) -> bytes:
        """The ZIP file."""
        return zip_of(*self.entries())


def package(kind: str) -> Package:
    """The smallest sound document of a kind."""
    made = Package(kind, mimetype=TYPES[kind].encode())
    made.listed["/"] = TYPES[kind]
    if kind == "odf":
        return made.put("content.xml", FORMULA)
    body = f"<office:{BODIES[kind]}>{INSIDE[kind]}</office:{BODIES[kind]}>"
    return made.put(
        "content.xml",
        f'{_HEAD}<office:document-content {ALL} office:version="1.3"><office:automatic-styles/>'
        f"<office:body>{body}</office:body></office:document-content>",
    )
