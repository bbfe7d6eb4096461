"""Attacks that every kind of OpenDocument file may carry, and traces that must go.

Basic and Python macros and the events that start them (CVE-2018-16858, CVE-2019-9848), OLE and
applets, links that call home (CVE-2018-10583), DDE, forms, packages whose tables disagree, and XML
that attacks its parser.
"""

from collections.abc import Iterator

from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.odf_forge import TYPES, package
from tests.filters.hostile.zip_forge import Entry, deflated, extra, zip_of

PACKAGE = ("office-package",)
MACRO = ("office-macro",)
EMBEDDED = ("office-embedded",)
EXTERNAL = ("office-external",)
OTHER = ("type-not-allowed",)
FIELD = ("office-field",)
REVISION = ("office-revision",)
CFB = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)
MIB = 1 << 20
LISTENER = (
    '<script:event-listener script:language="ooo:script" script:event-name="dom:mouseover" '
    'xlink:href="vnd.sun.star.script:a.py$b?language=Python"/>'
)


def attacks(kind: str) -> Iterator[Case]:
    """What must not pass, for `odt`, `ods` or `odp`."""
    yield from _programs(kind)
    yield from _outside(kind)
    yield from _bodies(kind)
    yield from packages(kind)


def packages(kind: str) -> Iterator[Case]:
    """Packages, XML and ZIP files that are wrong in any kind of document."""
    yield from _tables(kind)
    yield from _xml(kind)
    yield from _containers(kind)


def _programs(kind: str) -> Iterator[Case]:
    for what, name in (("Basic", "Basic/Standard/Module1.xml"), ("Python", "Scripts/python/a.py"),
                       ("dialog", "Dialogs/Standard/d.xml"), ("library", "Basic/script-lc.xml")):  # fmt: skip
        yield Case(f"macro {what}", package(kind).put(name, "<a/>").write(), MACRO)
    scripts = f"<office:scripts><office:event-listeners>{LISTENER}</office:event-listeners></office:scripts>"
    yield Case(
        "macro on opening",
        package(kind).inside(scripts, "<office:automatic-styles/>").write(),
        MACRO,
    )
    scripts = '<office:scripts><office:script script:language="ooo:Basic">a</office:script></office:scripts>'
    yield Case(
        "script inside", package(kind).inside(scripts, "<office:automatic-styles/>").write(), MACRO
    )
    yield Case(
        "script in a paragraph",
        package(kind).paragraph("<text:script>alert(1)</text:script>").write(),
        MACRO,
    )
    yield Case("macro field", package(kind).paragraph("<text:execute-macro/>").write(), MACRO)
    link = f'<text:a xlink:href="#a"><office:event-listeners>{LISTENER}</office:event-listeners>a</text:a>'
    yield Case("macro on a link", package(kind).paragraph(link).write(), MACRO)
    for what, text in (
        ("OLE", '<draw:frame><draw:object-ole xlink:href="./Object 1"/></draw:frame>'),
        ("applet", '<draw:frame><draw:applet draw:code="a"/></draw:frame>'),
        ("plug-in", '<draw:frame><draw:plugin xlink:href="a"/></draw:frame>'),
        ("frame", '<draw:frame><draw:floating-frame xlink:href="http://192.0.2.1"/></draw:frame>'),
        ("control", '<draw:control draw:control="a"/>'),
        ("data", "<draw:frame><draw:image><office:binary-data>aGlkZGVu</office:binary-data></draw:image></draw:frame>"),
        ("object that is not there", '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'),
    ):  # fmt: skip
        yield Case(f"embedded {what}", package(kind).paragraph(text).write(), EMBEDDED)
    form = '<office:forms><form:form form:name="a" xlink:href="http://192.0.2.1"/></office:forms>'
    yield Case("form", package(kind).inside(form).write(), EMBEDDED)
    yield Case(
        "binary part", package(kind).put("Object 1.bin", CFB, "application/x").write(), EMBEDDED
    )
    made = package(kind).put("Object 1", CFB, "application/vnd.sun.star.oleobject")
    yield Case("OLE part", made.write(), EMBEDDED)
    made = package(kind)
    made.listed["Object 1/"] = TYPES["odt"]
    made.put("Object 1/content.xml", made.parts["content.xml"])
    text = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    yield Case("document in the document", made.paragraph(text).write(), EMBEDDED)


def _outside(kind: str) -> Iterator[Case]:
    for what, target in (("web", "http://192.0.2.1/a.png"), ("share", "file://192.0.2.1/s/a.png"),
                         ("path", "/etc/passwd"), ("parent", "../../a.png"), ("unc", "\\\\192.0.2.1\\a"),
                         ("other scheme", "vnd.sun.star.expand:a")):  # fmt: skip
        text = f'<draw:frame><draw:image xlink:href="{target}"/></draw:frame>'
        yield Case(f"picture by {what}", package(kind).paragraph(text).write(), EXTERNAL)
        text = f'<draw:frame><draw:object xlink:href="{target}"/></draw:frame>'
        yield Case(f"object by {what}", package(kind).paragraph(text).write(), EXTERNAL)
    text = '<draw:frame><draw:image xlink:href="Pictures/none.png"/></draw:frame>'
    yield Case("picture that is not there", package(kind).paragraph(text).write(), PACKAGE)
    for what, text in (
        ("section", '<text:section text:name="a"><text:section-source xlink:href="http://192.0.2.1"/></text:section>'),
        ("DDE field", '<text:dde-connection text:connection-name="a"/>'),
        ("database field", '<text:database-display text:column-name="a"/>'),
        ("index", '<text:alphabetical-index-auto-mark-file xlink:href="http://192.0.2.1"/>'),
        ("table source", '<table:table table:name="b"><table:table-source xlink:href="http://192.0.2.1"/></table:table>'),
        ("DDE source", '<table:table table:name="b"><office:dde-source office:dde-application="cmd"/></table:table>'),
        ("cell range", '<table:table table:name="b"><table:table-row><table:table-cell><table:cell-range-source xlink:href="a"/></table:table-cell></table:table-row></table:table>'),
        ("DDE links", "<table:dde-links><table:dde-link/></table:dde-links>"),
    ):  # fmt: skip
        yield Case(f"external {what}", package(kind).inside(text).write(), EXTERNAL)
    for what, formula in (("DDE", "of:=DDE(&quot;cmd&quot;;&quot;a&quot;;&quot;b&quot;)"),
                          ("web", "of:=WEBSERVICE(&quot;http://192.0.2.1&quot;)"),
                          ("file", "of:='file:///etc/passwd'#$Sheet1.A1"),
                          ("link", "of:=HYPERLINK(&quot;http://192.0.2.1&quot;)"),
                          ("bar", "of:=cmd|'/c calc'!A0"), ("call", "of:=CALL(1)"),
                          ("web by alias", "of:=COM.MICROSOFT.WEBSERVICE(1)")):  # fmt: skip
        text = (
            '<table:table table:name="b"><table:table-row><table:table-cell '
            f'table:formula="{formula}"/></table:table-row></table:table>'
        )
        yield Case(f"formula {what}", package(kind).inside(text).write(), FIELD)
    for what, text in (
        ("deletion", "<text:tracked-changes><text:changed-region><text:deletion><text:p>secret</text:p>"
                     "</text:deletion></text:changed-region></text:tracked-changes>"),
        ("table", "<table:tracked-changes/>"),
    ):  # fmt: skip
        yield Case(f"revision {what}", package(kind).inside(text).write(), REVISION)
    yield Case("revision mark", package(kind).paragraph("<text:change/>").write(), REVISION)


def _tables(kind: str) -> Iterator[Case]:
    made = package(kind)
    entries = made.entries()
    yield Case("mimetype second", zip_of(entries[1], entries[0], *entries[2:]), PACKAGE)
    yield Case("no mimetype", zip_of(*entries[1:]), PACKAGE)
    packed = Entry(b"mimetype", made.mimetype, 8)
    yield Case("mimetype packed", zip_of(packed, *entries[1:]), PACKAGE)
    marked = Entry(b"mimetype", made.mimetype, extra=extra(0x5455, b"\x01aaaa"))
    yield Case("mimetype with an extra field", zip_of(marked, *entries[1:]), PACKAGE)
    for what, told in (("another", b"application/zip"), ("line end", made.mimetype + b"\n"), ("empty", b""),
                       ("template", made.mimetype + b"-template"), ("database", TYPES["odt"].encode()
                        .replace(b"text", b"base"))):  # fmt: skip
        other = package(kind)
        other.mimetype = told
        yield Case(f"mimetype {what}", other.write(), (*OTHER, *PACKAGE))
    no_manifest = [entry for entry in entries if entry.name != b"META-INF/manifest.xml"]
    yield Case("no manifest", zip_of(*no_manifest), PACKAGE)
    made = package(kind)
    made.listed["/"] = "application/zip"
    yield Case("manifest of another type", made.write(), PACKAGE)
    made = package(kind)
    made.listed["nothing.xml"] = "text/xml"
    yield Case("manifest with a file that is not there", made.write(), PACKAGE)
    made = package(kind).put("hidden.xml", b"<a/>")
    del made.listed["hidden.xml"]
    yield Case("file that the manifest lacks", made.write(), PACKAGE)
    made = package(kind)
    del made.parts["content.xml"], made.listed["content.xml"]
    yield Case("no content", made.write(), PACKAGE)
    made = package(kind)
    manifest = made.manifest()
    line = b'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
    for what, new in (
        ("encrypted", line.replace(b"/>", b"><manifest:encryption-data/></manifest:file-entry>")),
        ("twice", line * 2), ("without a name", line.replace(b"content.xml", b"")),
        ("other element", line.replace(b"file-entry", b"other")),
    ):  # fmt: skip
        reasons = ("archive-encrypted",) if what == "encrypted" else PACKAGE
        changed = [
            Entry(b"META-INF/manifest.xml", manifest.replace(line, new), 8)
            if entry.name.startswith(b"META") else entry
            for entry in entries
        ]  # fmt: skip
        yield Case(f"manifest {what}", zip_of(*changed), reasons)


def _bodies(kind: str) -> Iterator[Case]:
    made = package(kind)
    made.parts["content.xml"] = made.parts["content.xml"].replace(
        b"document-content", b"document-styles"
    )
    yield Case("content of another root", made.write(), ("office-part",))
    swapped = package(kind)
    instead = "spreadsheet" if kind != "ods" else "text"
    body = {"odt": b"text", "ods": b"spreadsheet", "odp": b"presentation"}[kind]
    swapped.parts["content.xml"] = (
        swapped.parts["content.xml"]
        .replace(b"<office:" + body + b">", f"<office:{instead}>".encode())
        .replace(b"</office:" + body + b">", f"</office:{instead}>".encode())
    )
    yield Case("body of another kind", swapped.write(), PACKAGE)


def _xml(kind: str) -> Iterator[Case]:
    for what, before, reasons in (
        ("entity", b'<!DOCTYPE w [<!ENTITY e "x">]>', ("xml-doctype",)),
        ("external entity", b'<!DOCTYPE w SYSTEM "file:///etc/passwd">', ("xml-doctype",)),
        (
            "instruction",
            b"<?xml-stylesheet href='http://192.0.2.1'?>",
            ("xml-processing-instruction",),
        ),
        ("text before", b"hidden", ("syntax", "encoding-not-utf8")),
    ):
        made = package(kind)
        bare = made.parts["content.xml"].split(b"\n", 1)[1]
        yield Case(what, made.put("content.xml", before + bare).write(), reasons)
    deep = "<text:span>" * 5000 + "</text:span>" * 5000
    yield Case("deep", package(kind).paragraph(deep).write(), ("too-deep",))
    yield Case("not closed", package(kind).paragraph("<text:span>").write(), ("syntax",))
    wide = package(kind).parts["content.xml"].decode().encode("utf-16")
    yield Case("UTF-16", package(kind).put("content.xml", wide).write(), ("encoding-not-utf8",))
    made = package(kind)
    made.put("content.xml", made.parts["content.xml"] + b"<a/>")
    yield Case("after the end", made.write(), ("trailing-data",))


def _containers(kind: str) -> Iterator[Case]:
    made = package(kind)
    yield Case("prefix", b"MZ" + made.write(), ("type-unknown",))
    yield Case("suffix", made.write() + b"hidden", ("trailing-data",))
    yield Case("legacy", CFB * 4, ("office-legacy",))
    encrypted = [Entry(e.name, e.contents, e.method, 1) for e in made.entries()]
    yield Case("encrypted", zip_of(*encrypted), ("archive-encrypted", *OTHER))
    yield Case("traversal", package(kind).put("../a.xml", b"<a/>").write(), ("archive-name",))
    zeros = bytes(7 * MIB)
    bomb = Entry(b"a.xml", zeros, 8, packed=deflated(zeros))
    yield Case(
        "bomb in a part", zip_of(*made.entries(), bomb), ("archive-ratio", "size-out-of-bounds")
    )
    link = Entry(b"link.xml", b"/etc/passwd", attributes=0o120777 << 16)
    yield Case("link", zip_of(*made.entries(), link), ("archive-link",))
    twice = zip_of(*made.entries(), Entry(b"CONTENT.XML", b"<a/>"))
    yield Case("part twice by case", twice, ("archive-duplicate",))


def ordinary(kind: str) -> Iterator[Sound]:
    """What must pass, with what must not survive."""
    yield Sound("smallest", package(kind).write())
    made = package(kind)
    made.put("meta.xml", b"<m>TRACE1</m>").put("settings.xml", b"<s>TRACE2</s>")
    made.put("Thumbnails/thumbnail.png", b"TRACE3", "image/png")
    made.put("Configurations2/TRACE4.xml", b"<a/>").put("manifest.rdf", b"<TRACE5/>")
    made.put("layout-cache", b"TRACE6", "application/binary")
    made.parts["META-INF/documentsignatures.xml"] = b"<TRACE7/>"
    made.inside("<office:scripts/>", "<office:automatic-styles/>").inside("<!-- TRACE8 -->")
    made.paragraph(
        "<office:annotation><dc:creator>TRACE9</dc:creator></office:annotation>"
        '<text:a xlink:href="https://192.0.2.1/TRACEA">kept</text:a>'
        "<text:initial-creator>kept too</text:initial-creator>"
    )
    yield Sound("everything that goes", made.write(), (b"TRACE",))
