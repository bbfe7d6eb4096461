"""Writes Office Open XML packages part by part, right or wrong as asked, for samples and tests."""

from dataclasses import dataclass, field

from tests.filters.hostile.zip_forge import Entry, zip_of

OFFICE = "application/vnd.openxmlformats-officedocument."
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
X = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
ALL = f'xmlns:w="{W}" xmlns:x="{X}" xmlns:p="{P}" xmlns:a="{A}" xmlns:c="{C}" xmlns:r="{R}" xmlns:mc="{MC}"'
_HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
Relation = tuple[str, str, str, str]  # id, type, target, mode ("" internal)


@dataclass
class Package:
    """A package to be written. `types`: part -> content type; `links`: part ("" the package)."""

    kind: str
    main: str
    parts: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[Relation]] = field(default_factory=dict)
    defaults: dict[str, str] = field(
        default_factory=lambda: {
            "rels": "application/vnd.openxmlformats-package.relationships+xml",
            "xml": "application/xml",
            "png": "image/png",
            "bin": "application/octet-stream",
        }
    )

    def put(self, name: str, contents: bytes | str, content_type: str = "") -> "Package":
        """Add or replace a part."""
        self.parts[name] = contents.encode() if isinstance(contents, str) else contents
        if content_type:
            self.types[name] = content_type
        return self

    def link(
        self, source: str, kind: str, target: str, mode: str = "", ident: str = ""
    ) -> "Package":
        """Add a relationship; `kind` is the last word of Office's types, or a whole type."""
        found = self.links.setdefault(source, [])
        type_uri = kind if ":" in kind else RELATIONS + kind
        found.append((ident or f"rId{len(found) + 1}", type_uri, target, mode))
        return self

    def inside(self, text: str) -> "Package":
        """Put markup into the body of the main part (or of the sheet or the slide)."""
        name = {"docx": self.main, "xlsx": "xl/worksheets/sheet1.xml",
                "pptx": "ppt/slides/slide1.xml"}[self.kind]  # fmt: skip
        at = {"docx": b"<w:sectPr/>", "xlsx": b"<x:pageMargins ", "pptx": b"</p:spTree>"}[self.kind]
        self.parts[name] = self.parts[name].replace(at, text.encode() + at)
        return self

    def content_types(self) -> bytes:
        """[Content_Types].xml."""
        lines = [
            f'<Default Extension="{one}" ContentType="{told}"/>'
            for one, told in self.defaults.items()
        ]
        lines += [
            f'<Override PartName="/{one}" ContentType="{told}"/>'
            for one, told in self.types.items()
        ]
        body = "".join(lines)
        return _HEAD + f'<Types xmlns="{PACKAGE}content-types">{body}</Types>'.encode()

    def relations(self, source: str) -> bytes:
        """The part of relationships of a part."""
        body = "".join(
            f'<Relationship Id="{ident}" Type="{kind}" Target="{target}"'
            + (f' TargetMode="{mode}"/>' if mode else "/>")
            for ident, kind, target, mode in self.links[source]
        )
        return (
            _HEAD + f'<Relationships xmlns="{PACKAGE}relationships">{body}</Relationships>'.encode()
        )

    def files(self) -> dict[str, bytes]:
        """Every file, by name, content types first."""
        files = {"[Content_Types].xml": self.content_types()}
        for source in self.links:
            folder, _, own = source.rpartition("/")
            name = f"{folder}/_rels/{own}.rels" if folder else f"_rels/{own}.rels"
            files[name] = self.relations(source)
        return {**files, **self.parts}

    def write(self, changes: dict[str, bytes] | None = None, method: int = 8) -> bytes:
        """The ZIP file, packed by this method; `changes` replaces files."""
        files = {**self.files(), **(changes or {})}
        return zip_of(*[Entry(name.encode(), body, method) for name, body in files.items()])


def package(kind: str) -> Package:
    """The smallest sound document of a kind."""
    return {"docx": _docx, "xlsx": _xlsx, "pptx": _pptx}[kind]()


def _docx() -> Package:
    made = Package("docx", "word/document.xml")
    made.put(
        made.main,
        f"<w:document {ALL}><w:body><w:p><w:r><w:t>all is well</w:t></w:r></w:p><w:sectPr/>"
        "</w:body></w:document>",
        OFFICE + "wordprocessingml.document.main+xml",
    )
    return made.link("", "officeDocument", made.main)


def _xlsx() -> Package:
    made = Package("xlsx", "xl/workbook.xml")
    made.put(
        made.main,
        f'<x:workbook {ALL}><x:sheets><x:sheet name="One" sheetId="1" r:id="rId1"/></x:sheets>'
        "</x:workbook>",
        OFFICE + "spreadsheetml.sheet.main+xml",
    )
    made.put(
        "xl/worksheets/sheet1.xml",
        f'<x:worksheet {ALL}><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is>'
        "<x:t>all is well</x:t></x:is></x:c></x:row></x:sheetData>"
        '<x:pageMargins left="1" right="1" top="1" bottom="1" header="1" footer="1"/></x:worksheet>',
        OFFICE + "spreadsheetml.worksheet+xml",
    )
    made.link("", "officeDocument", made.main)
    return made.link(made.main, "worksheet", "worksheets/sheet1.xml")


_TREE = (
    '<p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/>'
    "</p:nvGrpSpPr><p:grpSpPr/></p:spTree></p:cSld>"
)
_MAP = (
    '<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" '
    'accent3="accent3" accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" '
    'folHlink="folHlink"/>'
)


def _pptx() -> Package:
    made = Package("pptx", "ppt/presentation.xml")
    show = OFFICE + "presentationml."
    made.put(
        made.main,
        f'<p:presentation {ALL}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/>'
        '</p:sldMasterIdLst><p:sldIdLst><p:sldId id="256" r:id="rId2"/></p:sldIdLst>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        show + "presentation.main+xml",
    )
    made.put(
        "ppt/slideMasters/slideMaster1.xml",
        f'<p:sldMaster {ALL}>{_TREE}{_MAP}<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" '
        'r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>',
        show + "slideMaster+xml",
    )
    made.put("ppt/slideLayouts/slideLayout1.xml", f"<p:sldLayout {ALL}>{_TREE}</p:sldLayout>",
             show + "slideLayout+xml")  # fmt: skip
    text = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        "<p:txBody><a:bodyPr/><a:p><a:r><a:t>all is well</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    made.put(
        "ppt/slides/slide1.xml",
        f"<p:sld {ALL}>{_TREE.replace('</p:spTree>', text + '</p:spTree>')}</p:sld>",
        show + "slide+xml",
    )
    made.put("ppt/theme/theme1.xml", f'<a:theme {ALL} name="t"/>', OFFICE + "theme+xml")
    made.link("", "officeDocument", made.main)
    made.link(made.main, "slideMaster", "slideMasters/slideMaster1.xml")
    made.link(made.main, "slide", "slides/slide1.xml")
    made.link(
        "ppt/slideMasters/slideMaster1.xml", "slideLayout", "../slideLayouts/slideLayout1.xml"
    )
    made.link("ppt/slideMasters/slideMaster1.xml", "theme", "../theme/theme1.xml")
    made.link(
        "ppt/slideLayouts/slideLayout1.xml", "slideMaster", "../slideMasters/slideMaster1.xml"
    )
    return made.link("ppt/slides/slide1.xml", "slideLayout", "../slideLayouts/slideLayout1.xml")
