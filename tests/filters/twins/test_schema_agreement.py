"""Three engines, one schema: lxml, xmlschema and the compiled validator must agree.

`xmlschema` is the oracle of the validator compiled from it; lxml is what the source side uses.
Thousands of events are made from the samples by changing names, values, order and number.
"""

import copy
import random
from pathlib import Path

import pytest
from lxml import etree
from xmlschema import XMLSchema10

from filters.twins.expat_tree import parse
from filters.twins.xsd_compiler import Invalid, compile_schema
from schemas.errors import Broken

PACK = Path(__file__).parent.parent.parent.parent / "schemas" / "packs" / "c2"
SAMPLES = sorted(path for path in (PACK / "samples").glob("*.cot"))
LXML = etree.XMLSchema(etree.parse(PACK / "cot-event.xsd"))
LIBRARY = XMLSchema10(PACK / "cot-event.xsd")
CHECK = compile_schema(LIBRARY, "event")
SEED = 20260314
VALUES = (
    "", " ", "0", "-1", "+1", "1.0", "-0.5", "1e5", "1E-4", "NaN", "INF", "90", "90.0", "90.1",
    "-90.00", "180", "181", "99999999999", "true", "TRUE", "1 ", " 1", "a-f-G", "a--f", "-", "?",
    "2026-03-14T08:05:07Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00.5Z",
    "2026-13-01T00:00:00Z",
    "2026-03-14T24:00:00Z", "2026-03-14T08:05:07", " 2026-03-14T08:05:07Z\t",
    "2026-04-31T08:05:07Z",
    "2026-03-14T08:05:07+01:00", "0000-01-01T00:00:00Z", "52.1,4.3", "52.1,4.3,7", "52.1, 4.3",
    "é", "漢字", "\u202e", "\u200b", "\u00ad", "😀", "\ue000", "a\tb", "a\nb", "a\r\nb", "x" * 64,
    "x" * 65, "x" * 129, "x" * 257, "x" * 5000, "٣", "Ⅷ", "ffffffff", "fffff", "<&>\"'", "#&;",
    "[x]",
)  # fmt: skip
NAMES = ("event", "point", "detail", "link", "Style", "color", "remarks", "archive", "zzz", "x:y")


def change(root: etree._Element, chance: random.Random) -> None:
    nodes = list(root.iter(etree.Element))
    node = chance.choice(nodes)
    names = list(node.attrib) or ["uid"]
    match chance.randrange(9):
        case 0 | 1 | 2:
            node.set(chance.choice(names), chance.choice(VALUES))
        case 3:
            node.attrib.pop(chance.choice(names), None)
        case 4:
            node.set(chance.choice(("uid", "type", "value", "color", "zzz")), chance.choice(VALUES))
        case 5:
            node.text = chance.choice(VALUES)
        case 6:
            if node.getparent() is not None:
                node.tail = chance.choice(VALUES)
        case 7:
            node.append(copy.deepcopy(chance.choice(nodes)))
        case 8:
            parent = node.getparent()
            if parent is not None and chance.random() < 0.5:
                parent.remove(node)
            else:
                node.tag = chance.choice([n for n in NAMES if ":" not in n])


def verdicts(xml: bytes) -> tuple[bool, bool, bool]:
    tree = parse(xml)
    try:
        CHECK(tree)
        compiled = True
    except Invalid:
        compiled = False
    return LXML.validate(etree.fromstring(xml)), LIBRARY.is_valid(tree), compiled


def test_the_three_agree_over_thousands_of_changed_events() -> None:
    chance = random.Random(SEED)
    valid = 0
    originals = [etree.parse(path, etree.XMLParser(remove_comments=True)) for path in SAMPLES]
    for number in range(3000):
        root = copy.deepcopy(chance.choice(originals).getroot())
        for node in root.iter("_flow-tags_"):
            node.getparent().remove(node)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            change(root, chance)
        xml = etree.tostring(root, encoding="utf-8")
        lxml_says, library_says, compiled_says = verdicts(xml)
        again = f"again: seed {SEED}, event {number}: {xml.decode()}"
        assert compiled_says == library_says, again
        assert compiled_says == lxml_says, again
        valid += compiled_says
    assert 300 < valid < 2700


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_valid_but_for_what_the_rebuild_drops(path: Path) -> None:
    tree = etree.parse(path, etree.XMLParser(remove_comments=True)).getroot()
    for node in tree.iter("_flow-tags_"):
        node.getparent().remove(node)
    assert verdicts(etree.tostring(tree, encoding="utf-8")) == (True, True, True)


def schema(body: str) -> XMLSchema10:
    return XMLSchema10(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{body}</xs:schema>')


@pytest.mark.parametrize(
    "body",
    [
        '<xs:element name="event"><xs:complexType><xs:sequence><xs:any processContents="skip"/>'
        "</xs:sequence></xs:complexType></xs:element>",
        '<xs:element name="event"><xs:complexType><xs:anyAttribute processContents="skip"/>'
        "</xs:complexType></xs:element>",
        '<xs:element name="event"><xs:complexType mixed="true"/></xs:element>',
        '<xs:element name="event" nillable="true"><xs:complexType/></xs:element>',
        '<xs:element name="event"><xs:complexType><xs:attribute name="a" type="xs:string" '
        'fixed="1"/></xs:complexType></xs:element>',
        '<xs:element name="event"><xs:complexType><xs:attribute name="a" type="xs:decimal"/>'
        "</xs:complexType></xs:element>",
        '<xs:element name="event"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:pattern value="\\d+"/></xs:restriction></xs:simpleType></xs:element>',
        '<xs:element name="event"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:pattern value="[a-z-[aeiou]]"/></xs:restriction></xs:simpleType></xs:element>',
        '<xs:element name="event"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:pattern value="[^a]"/></xs:restriction></xs:simpleType></xs:element>',
        '<xs:element name="event"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>',
        '<xs:element name="event"><xs:simpleType><xs:list itemType="xs:string"/></xs:simpleType>'
        "</xs:element>",
        '<xs:element name="event"><xs:complexType><xs:all><xs:element name="a"/></xs:all>'
        "</xs:complexType></xs:element>",
        '<xs:element name="event"><xs:complexType><xs:sequence><xs:element name="a" '
        'maxOccurs="3"/></xs:sequence></xs:complexType></xs:element>',
        '<xs:element name="event"><xs:complexType><xs:sequence><xs:choice><xs:element name="a"/>'
        "</xs:choice></xs:sequence></xs:complexType></xs:element>",
        '<xs:element name="event"><xs:simpleType><xs:restriction base="xs:dateTime"/>'
        "</xs:simpleType></xs:element>",
    ],
)
def test_a_schema_with_more_than_the_validator_knows_is_not_compiled(body: str) -> None:
    with pytest.raises(Broken):
        compile_schema(schema(body), "event")
