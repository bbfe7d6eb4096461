"""The recogniser: what is XML for a guard, and by what name the rest is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from filters.formats.xml_recogniser import recognise
from filters.formats.xml_rules import XmlLimits
from schemas.errors import Malformed
from schemas.reasons import Reason

LIMITS = XmlLimits(
    bytes_max=4096, depth_levels_max=4, elements_max=20, attributes_max=3,
    attribute_characters_max=50, text_characters_max=60, name_characters_max=30,
)  # fmt: skip

GOOD = [
    b"<a/>",
    b"<a></a>",
    b" \n<a b='1' c=\"2\"/>\n",
    b"<?xml version='1.0'?><a/>",
    b'<?xml version="1.0" encoding="utf-8" standalone="yes" ?>\r\n<a/>',
    b"<!-- before --><a><!-- - in - --></a><!-- after -->",
    b"<a><![CDATA[ <b> ]] & ]]></a>",
    b"<a b='&lt;&amp;&#65;&#x1F600;'>&gt;&quot;&apos;</a>",
    b"<a b = '>'>]] ></a >",
    "<a b='\u00e9\u6f22'>\U0001f600</a>".encode(),
    b"<_a-b.c><__d/></_a-b.c>",
    b"<a><b><c><d/></c></b></a>",
]

BAD = [
    (b"", Reason.SYNTAX),
    (b"   ", Reason.SYNTAX),
    (b"text", Reason.SYNTAX),
    (b"<a>", Reason.SYNTAX),
    (b"<a></b>", Reason.SYNTAX),
    (b"</a>", Reason.SYNTAX),
    (b"<a b/>", Reason.SYNTAX),
    (b"<a b=1/>", Reason.SYNTAX),
    (b"<a b='1'c='2'/>", Reason.SYNTAX),
    (b"<a b='<'/>", Reason.SYNTAX),
    (b"<a>]]></a>", Reason.SYNTAX),
    (b"<a><!-- -- --></a>", Reason.SYNTAX),
    (b"<a><![CDATA[x</a>", Reason.SYNTAX),
    (b"<![CDATA[x]]><a/>", Reason.SYNTAX),
    (b"< a/>", Reason.SYNTAX),
    (b"<1a/>", Reason.SYNTAX),
    (b"<?xml version='1.1'?><a/>", Reason.SYNTAX),
    (b"<?xml encoding='UTF-8'?><a/>", Reason.SYNTAX),
    (b" <?xml version='1.0'?><a/>", Reason.XML_PROCESSING_INSTRUCTION),
    (b"<a/><?p?>", Reason.XML_PROCESSING_INSTRUCTION),
    (b"<a><?xml version='1.0'?></a>", Reason.XML_PROCESSING_INSTRUCTION),
    (b"<!DOCTYPE a><a/>", Reason.XML_DOCTYPE),
    (b"<!doctype a><a/>", Reason.XML_DOCTYPE),
    (b"<a><!ENTITY b 'c'></a>", Reason.XML_DOCTYPE),
    (b"<a>&b;</a>", Reason.XML_ENTITY),
    (b"<a>&</a>", Reason.XML_ENTITY),
    (b"<a>&#xZZ;</a>", Reason.XML_ENTITY),
    (b"<a b='&b;'/>", Reason.XML_ENTITY),
    (b"<a>&#0;</a>", Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>&#xD800;</a>", Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>&#xFFFF;</a>", Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>&#x110000;</a>", Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>\x00</a>", Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>\x7f</a>", Reason.CHARACTER_NOT_ALLOWED),
    ("<a>\u0085</a>".encode(), Reason.CHARACTER_NOT_ALLOWED),
    ("<a>\ufffe</a>".encode(), Reason.CHARACTER_NOT_ALLOWED),
    ("<a>\U0001ffff</a>".encode(), Reason.CHARACTER_NOT_ALLOWED),
    (b"<a>\xff</a>", Reason.ENCODING_NOT_UTF8),
    (b"<a>\xed\xa0\x80</a>", Reason.ENCODING_NOT_UTF8),
    (b"\xef\xbb\xbf<a/>", Reason.ENCODING_NOT_UTF8),
    ("<a/>".encode("utf-16-le"), Reason.ENCODING_NOT_UTF8),
    ("<a/>".encode("utf-32-be"), Reason.ENCODING_NOT_UTF8),
    (b"+ADw-a/+AD4-", Reason.ENCODING_NOT_UTF8),
    (b"<?xml version='1.0' encoding='UTF-7'?><a/>", Reason.ENCODING_NOT_UTF8),
    (b"<?xml version='1.0' encoding='latin-1'?><a/>", Reason.ENCODING_NOT_UTF8),
    (b"<a/><a/>", Reason.TRAILING_DATA),
    (b"<a/>x", Reason.TRAILING_DATA),
    (b"<a/></a>", Reason.SYNTAX),
    (b"<a/>&#32;", Reason.TRAILING_DATA),
    (b"<a b='1' b='2'/>", Reason.XML_DUPLICATE_ATTRIBUTE),
    (b"<a xmlns='urn:x'/>", Reason.XML_NAMESPACE),
    (b"<a xmlns:x='urn:x'/>", Reason.XML_NAMESPACE),
    (b"<a xml:base='x'/>", Reason.XML_NAMESPACE),
    (b"<x:a/>", Reason.XML_NAMESPACE),
    (b"<xi:include/>", Reason.XML_XINCLUDE),
    (b"<a xmlns:i='http://www.w3.org/2001/XInclude'/>", Reason.XML_XINCLUDE),
    (b"<a xsi:schemaLocation='x'/>", Reason.XML_SCHEMA_LOCATION),
    (b"<a xsi:noNamespaceSchemaLocation='x'/>", Reason.XML_SCHEMA_LOCATION),
    (b"<a><b><c><d><e/></d></c></b></a>", Reason.TOO_DEEP),
    (b"<a><b><c><d><e></e></d></c></b></a>", Reason.TOO_DEEP),
    (b"<a>" + b"<b/>" * 20 + b"</a>", Reason.TOO_MANY_ELEMENTS),
    (b"<a a='' b='' c='' d=''/>", Reason.TOO_MANY_ATTRIBUTES),
    (b"<a b='" + b"x" * 51 + b"'/>", Reason.TEXT_TOO_LONG),
    (b"<a>" + b"x" * 61 + b"</a>", Reason.TEXT_TOO_LONG),
    (b"<a>" + b"x" * 31 + b"<!-- -->" + b"x" * 30 + b"</a>", Reason.TEXT_TOO_LONG),
    (b"<a>" + b"x" * 31 + b"<![CDATA[" + b"x" * 30 + b"]]></a>", Reason.TEXT_TOO_LONG),
    (b"<" + b"a" * 31 + b"/>", Reason.NAME_TOO_LONG),
    (b"<a " + b"b" * 31 + b"=''/>", Reason.NAME_TOO_LONG),
    (b"<a>" + b" " * 5000 + b"</a>", Reason.SIZE_OUT_OF_BOUNDS),
]


@pytest.mark.parametrize("document", GOOD)
def test_plain_xml_passes_and_lxml_agrees(document: bytes) -> None:
    recognise(document, LIMITS)
    etree.fromstring(document)


@pytest.mark.parametrize(("document", "reason"), BAD, ids=[repr(b[:40]) for b, _ in BAD])
def test_anything_else_is_refused_by_name(document: bytes, reason: Reason) -> None:
    with pytest.raises(Malformed) as caught:
        recognise(document, LIMITS)
    assert caught.value.reason == reason


def test_a_namespace_that_the_policy_names_passes() -> None:
    limits = XmlLimits(namespaces=("urn:x",))
    recognise(b"<x:a xmlns:x='urn:x' x:b='1'><x:c/></x:a>", limits)
    with pytest.raises(Malformed):
        recognise(b"<x:a xmlns:x='urn:y'/>", limits)


PIECES = st.lists(
    st.sampled_from(
        ["<a>", "</a>", "<b x='1'>", "</b>", "<b/>", " ", "t", "&amp;", "&x;", "<!--", "-->", "-",
         "<![CDATA[", "]]>", "]", "<?p ?>", "<?xml version='1.0'?>", "'", '"', "=", "<", ">",
         "&#9;", " y='2'", "/>", "<a ", "\u00e9", "\n", "<!DOCTYPE a>", "xmlns='u'"]
    ),
    max_size=14,
)  # fmt: skip


@settings(deadline=None, derandomize=True, database=None, max_examples=1500)
@given(pieces=PIECES, whole=st.booleans())
def test_what_it_passes_is_well_formed_to_lxml(pieces: list[str], whole: bool) -> None:
    text = "".join(pieces)
    document = (f"<r>{text}</r>" if whole else text).encode()
    try:
        recognise(document, XmlLimits())
    except Malformed:
        return
    etree.fromstring(document)


@settings(deadline=None, derandomize=True, database=None)
@given(document=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_pass_or_are_malformed(document: bytes) -> None:
    sentence = ""
    try:
        recognise(document, LIMITS)
    except Malformed as error:
        sentence = error.sentence
    assert sentence.isprintable()


@pytest.mark.parametrize(
    "document",
    [b"<" * 100_000, b"<a " * 30_000, b"<a" + b" b='" * 30_000, b"&" * 100_000, b"<!--" * 30_000,
     b"<a>" + b"]" * 100_000, b"<a>" + b"<![CDATA[" * 10_000, b"<a" + b" " * 100_000,
     b"<?xml" + b" " * 100_000, b"<a>" + b"&#" * 50_000, b"<a" + b" b='1'" * 20_000],
    ids=lambda document: repr(document[:12]),
)  # fmt: skip
def test_repetition_is_refused(document: bytes) -> None:
    """Each of these would keep a backtracking expression busy for hours."""
    with pytest.raises(Malformed):
        recognise(document, XmlLimits())
