"""Attacks that every kind of Office Open XML document may carry, and traces that must go.

Macros and their hiding places, OLE and ActiveX, remote templates (CVE-2017-0199, Follina's
CVE-2022-30190), external frames and pictures that call home, DDE, packages whose tables disagree,
and XML that attacks its parser.
"""

import struct
from collections.abc import Iterator

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.ooxml_forge import OFFICE, RELATIONS, Package, package
from tests.filters.hostile.zip_forge import Entry, deflated, extra, zip_of

PACKAGE = ("office-package",)
MACRO = ("office-macro",)
EMBEDDED = ("office-embedded",)
EXTERNAL = ("office-external",)
OTHER = ("type-not-allowed",)
MS = "http://schemas.microsoft.com/office/2006/relationships/"
CFB = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)
MIB = 1 << 20


def attacks(kind: str) -> Iterator[Case]:
    """What must not pass, for `docx`, `xlsx` or `pptx`."""
    yield from _programs(kind)
    yield from _outside(kind)
    yield from _tables(kind)
    yield from _xml(kind)
    yield from _containers(kind)


def _programs(kind: str) -> Iterator[Case]:
    bin_type = "application/vnd.ms-office.vbaProject"
    made = package(kind).put("x/vbaProject.bin", CFB, bin_type)
    yield Case(
        "macro linked", made.link(made.main, MS + "vbaProject", "/x/vbaProject.bin").write(), MACRO
    )
    yield Case("macro not linked", package(kind).put("x/v.bin", CFB, bin_type).write(), MACRO)
    made = package(kind).put("x/image.png", CFB)
    yield Case(
        "macro called a picture",
        made.link(made.main, MS + "vbaProject", "/x/image.png").write(),
        MACRO,
    )
    made = package(kind)
    made.types[made.main] = (
        made.types[made.main]
        .replace("vnd.openxmlformats-officedocument.", "vnd.ms-office.")
        .replace(".main", ".macroEnabled.main")
    )
    yield Case("macro-enabled type", made.write(), MACRO)
    made = package(kind).put("customUI/customUI.xml", "<a/>", "application/xml")
    yield Case(
        "ribbon with callbacks",
        made.link(
            "", MS.replace("office/2006", "office/2007") + "extensibility", "customUI/customUI.xml"
        ).write(),
        (*MACRO, *OTHER),
    )
    made = package(kind).put("x/web.xml", "<a/>", "application/vnd.ms-office.webextension+xml")
    yield Case("web extension", made.write(), MACRO)
    for what, word in (
        ("OLE object", "oleObject"), ("package", "package"), ("control", "control"),
        ("embedded document", "aFChunk"), ("control properties", "ctrlProp"), ("video", "video"),
        ("audio", "audio"),
    ):  # fmt: skip
        made = package(kind).put("x/embedded.bin", CFB)
        yield Case(
            f"embedded {what}", made.link(made.main, word, "/x/embedded.bin").write(), EMBEDDED
        )
    made = package(kind).put("x/a.bin", CFB, "application/vnd.ms-office.activeX")
    yield Case("ActiveX not linked", made.write(), EMBEDDED)
    ole = OFFICE + "oleObject"
    yield Case("OLE not linked", package(kind).put("x/o.bin", CFB, ole).write(), EMBEDDED)


def _outside(kind: str) -> Iterator[Case]:
    for what, word in (
        ("template", "attachedTemplate"), ("picture", "image"), ("frame", "frame"),
        ("sub-document", "subDocument"), ("OLE link", "oleObject"), ("settings", "settings"),
        ("theme", "theme"), ("workbook", "externalLinkPath"), ("mail merge", "mailMergeSource"),
        ("video", "video"), ("style sheet", "transform"), ("control", "control"),
        ("anything", "somethingNew"),
    ):  # fmt: skip
        for how, target in (
            ("web", "http://192.0.2.1/t.dotm"),
            ("share", "\\\\192.0.2.1\\s\\t.dotm"),
        ):
            made = package(kind)
            made.link(made.main, word, target, "External")
            yield Case(f"external {what} on a {how}", made.write(), (*EXTERNAL, *EMBEDDED))
    made = package(kind).link("", "officeDocument", "http://192.0.2.1/a", "External", "rId9")
    yield Case("external main part", made.write(), (*EXTERNAL, *PACKAGE))
    made = package(kind).link("", "somethingNew", "mhtml:http://192.0.2.1!x", "External")
    yield Case("external at the root", made.write(), EXTERNAL)


def _tables(kind: str) -> Iterator[Case]:
    made = package(kind)
    files = made.files()
    without = {name: body for name, body in files.items() if name != "[Content_Types].xml"}
    yield Case("no content types", _zip(without), PACKAGE)
    without = {name: body for name, body in files.items() if name != "_rels/.rels"}
    yield Case("no relationships", _zip(without), PACKAGE)
    yield Case("no main part", _zip({n: b for n, b in files.items() if n != made.main}), PACKAGE)
    made = package(kind)
    made.links[""].append(("rId7", RELATIONS + "officeDocument", made.main, ""))
    yield Case("two main parts", made.write(), PACKAGE)
    made = package(kind)
    made.links[""] *= 2
    yield Case("one id twice", made.write(), PACKAGE)
    for what, target in (
        ("leaves the package", "../../../etc/passwd"), ("missing", "nothing.xml"),
        ("share", "//192.0.2.1/a"), ("file", "file:///etc/passwd"), ("escaped", "%2e%2e/a.xml"),
        ("backslash", "..\\a.xml"), ("query", "a.xml?b"),
    ):  # fmt: skip
        made = package(kind)
        yield Case(f"target {what}", made.link(made.main, "image", target).write(), PACKAGE)
    made = package(kind)
    made.types["nothing.xml"] = "application/xml"
    yield Case("type of a part that is not there", made.write(), PACKAGE)
    yield Case("part without a type", package(kind).put("x/a.xyz", b"hidden").write(), PACKAGE)
    made = package(kind)
    made.types[made.main] = "application/xml"
    yield Case("main part of another type", made.write(), OTHER)
    made = package(kind)
    made.types[made.main] = OFFICE + "wordprocessingml.template.main+xml"
    yield Case("template", made.write(), OTHER)
    made = package(kind)
    made.types[made.main] = ""
    yield Case("empty type", made.write(), PACKAGE)
    made = package(kind)
    made.links[""] = [("rId1", "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
                       made.main, "")]  # fmt: skip
    yield Case("strict form", made.write(), OTHER)
    made = package(kind).put("a/_rels/b.rels", made.relations(""))
    yield Case("relationships of nothing", made.write(), PACKAGE)
    made = package(kind).put("a/b.rels", made.relations(""))
    yield Case("relationships in another folder", made.write(), PACKAGE)
    made = package(kind)
    made.parts[made.main] = b"<w:other xmlns:w='urn:x'/>"
    yield Case("main part of another root", made.write(), ("office-part",))
    doubled = (
        package(kind)
        .content_types()
        .replace(b"</Types>", b'<Default Extension="xml" ContentType="text/html"/></Types>')
    )
    yield Case("type given twice", package(kind).write({"[Content_Types].xml": doubled}), PACKAGE)
    yield Case("mode of another kind", _moded(kind, "Sideways"), PACKAGE)


def _moded(kind: str, mode: str) -> bytes:
    made = package(kind)
    return made.link(made.main, "image", "a.png", mode).write()


def _xml(kind: str) -> Iterator[Case]:
    for what, before, reasons in (
        ("entity", b'<!DOCTYPE w [<!ENTITY e "x">]>', ("xml-doctype",)),
        ("external entity", b'<!DOCTYPE w SYSTEM "file:///etc/passwd">', ("xml-doctype",)),
        (
            "billion laughs",
            b'<!DOCTYPE w [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>',
            ("xml-doctype",),
        ),
        (
            "instruction",
            b"<?xml-stylesheet href='http://192.0.2.1'?>",
            ("xml-processing-instruction",),
        ),
        ("text before", b"hidden", ("syntax", "encoding-not-utf8")),
    ):
        for place in ("main", "types"):
            made = package(kind)
            name = made.main if place == "main" else "[Content_Types].xml"
            yield Case(f"{what} in the {place}", made.write({name: before + made.files()[name]}),
                       reasons)  # fmt: skip
    made = package(kind)
    wide = made.parts[made.main].decode().encode("utf-16")
    yield Case("UTF-16", made.write({made.main: wide}), ("encoding-not-utf8",))
    deep = b"<w:p>" * 5000 + b"</w:p>" * 5000
    yield Case("deep", package(kind).inside(deep.decode()).write(), ("too-deep",))
    many = b"<w:p/>" * 500_000
    yield Case(
        "many elements", package(kind).inside(many.decode()).write(method=0), ("too-many-elements",)
    )
    wide_one = b"<w:p " + b" ".join(b'a%d="b"' % n for n in range(3000)) + b"/>"
    yield Case("many attributes", package(kind).inside(wide_one.decode()).write(),
               ("too-many-attributes",))  # fmt: skip
    yield Case("not closed", package(kind).inside("<w:p>").write(), ("syntax",))
    yield Case("after the end", made.write({made.main: made.parts[made.main] + b"<a/>"}),
               ("trailing-data",))  # fmt: skip


def _containers(kind: str) -> Iterator[Case]:
    made = package(kind)
    files = made.files()
    yield Case("legacy", CFB * 4, ("office-legacy",))
    yield Case("prefix", b"MZ" + made.write(), ("type-unknown",))
    yield Case("suffix", made.write() + b"hidden", ("trailing-data",))
    yield Case("encrypted part", _zip(files, flags=1), ("archive-encrypted",))
    yield Case("traversal", made.put("../a.xml", b"<a/>").write(), ("archive-name",))
    twice = [*files.items(), (made.main.upper(), b"<a/>")]
    yield Case("part twice by case", zip_of(*[Entry(n.encode(), b, 8) for n, b in twice]),
               ("archive-duplicate",))  # fmt: skip
    bomb = Entry(b"x/a.xml", bytes(7 * MIB), 8)
    parts = [Entry(n.encode(), b, 8) for n, b in files.items()]
    yield Case("bomb in a part", zip_of(*parts, bomb), ("archive-ratio", "size-out-of-bounds"))
    spaces = b"<a>" + b" " * (7 * MIB) + b"</a>"
    bomb = Entry(b"x/a.xml", spaces, 8, packed=deflated(spaces))
    yield Case("bomb of blanks", zip_of(*parts, bomb), ("archive-ratio", "size-out-of-bounds"))
    gap = [
        Entry(n.encode(), b, 8, after=b"hidden" if n == made.main else b"")
        for n, b in files.items()
    ]
    yield Case("gap", zip_of(*gap), ("archive-structure",))
    link = Entry(b"x/link.xml", b"/etc/passwd", attributes=0o120777 << 16)
    yield Case("link", zip_of(*parts, link), ("archive-link",))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    yield Case("two directories", zip_of(*parts, before_end=locator), ("archive-structure",))
    yield Case(
        "declared as something else", made.write(), ("archive-name", *OTHER), type="text/plain"
    )


def _zip(files: dict[str, bytes], flags: int = 0) -> bytes:
    return zip_of(*[Entry(name.encode(), body, 8, flags) for name, body in files.items()])


def ordinary(kind: str) -> Iterator[Sound]:
    """What must pass, with what must not survive."""
    yield Sound("smallest", package(kind).write(method=0))
    made = package(kind)
    core = b"<core><creator>TRACE-AUTHOR</creator></core>"
    made.put(
        "docProps/core.xml", core, "application/vnd.openxmlformats-package.core-properties+xml"
    )
    made.link("", "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
              "docProps/core.xml")  # fmt: skip
    made.put("docProps/thumbnail.png", b"TRACE-THUMBNAIL")
    made.link("", "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail",
              "docProps/thumbnail.png")  # fmt: skip
    made.put("customXml/item1.xml", b"<TRACE-CUSTOM/>", "application/xml")
    made.link(made.main, "customXml", "/customXml/item1.xml")
    made.put("unused/part.xml", b"<TRACE-UNUSED/>", "application/xml")
    made.put("_xmlsignatures/origin.bin", b"TRACE-SIGNATURE")
    made.link("", "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin",
              "_xmlsignatures/origin.bin")  # fmt: skip
    made.parts[made.main] = made.parts[made.main].replace(b">", b"><!-- TRACE-COMMENT -->", 1)
    gone = (b"TRACE-AUTHOR", b"TRACE-THUMBNAIL", b"TRACE-CUSTOM", b"TRACE-UNUSED",
            b"TRACE-SIGNATURE", b"TRACE-COMMENT", b"TRACE-NAME")  # fmt: skip
    stored = {**made.files(), "x/TRACE-NAME.xml": b"<a/>"}
    yield Sound("everything that goes", zip_of(*[Entry(n.encode(), b) for n, b in stored.items()],
                                              comment=b"TRACE-NAME"), gone)  # fmt: skip
    grown = extra(0xA220, b"\x28\xa0\x00\x00" + bytes(260))
    entries = [
        Entry(name.encode(), body, 8, flags=6, extra=grown if name.startswith("[") else b"")
        for name, body in package(kind).files().items()
    ]
    yield Sound("room to grow, as Office leaves it", zip_of(*entries))
    renamed = _renamed(package(kind))
    yield Sound("parts with other names", renamed.write(method=0), (b"TRACEPART",))


def _renamed(made: Package) -> Package:
    """The same document with the main part under another name."""
    folder, _, _ = made.main.rpartition("/")
    new = f"{folder}/TRACEPART.xml"
    made.parts[new] = made.parts.pop(made.main)
    made.types[new] = made.types.pop(made.main)
    made.links[""] = [(i, k, new, m) for i, k, _, m in made.links[""]]
    if made.main in made.links:
        made.links[new] = made.links.pop(made.main)
    return made
