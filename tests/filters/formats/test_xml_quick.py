"""The quick ways of XML are the careful ways: what they say, those say too."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from filters.formats import byte_runs, xml_model, xml_tree
from filters.formats.xml_layout import LIMITS
from filters.formats.xml_parse import parse
from filters.formats.xml_quick import is_surely_sound
from filters.formats.xml_tags import tags_of
from filters.formats.xml_text import text_of
from filters.normalizers.xml_rebuild import XmlRebuildParameters, carefully
from schemas.cbor import decode, encode
from schemas.errors import Malformed
from tests.filters.formats.xml_documents import damaged, document
from tests.filters.formats.xml_ways import PARAMETERS, WIDE, careful, compare, quick


def test_plain_documents_go_the_quick_way_and_come_out_the_same() -> None:
    chance = random.Random(1)
    answers = [compare(document(chance).encode()) for _ in range(600)]
    assert all(sure for sure, _ in answers)
    assert sum(rebuilt for _, rebuilt in answers) > 450  # the others have two lines in a value


def test_strange_documents_come_out_the_same_whichever_way_they_go() -> None:
    chance = random.Random(2)
    answers = [compare(document(chance, strange=1.0).encode()) for _ in range(1200)]
    assert 100 < sum(sure for sure, _ in answers) < 1100


def test_damaged_documents_are_never_surely_sound_if_they_are_not_sound() -> None:
    chance = random.Random(3)
    answers = [
        compare(damaged(document(chance, strange=0.1), chance).encode()) for _ in range(6000)
    ]
    assert sum(sure for sure, _ in answers) > 300


@pytest.mark.parametrize("document", [
    "<a></a b>", "<a></b>", "<a><b></a></b>", "<a/><b/>", "<a/>x", "x<a/>", "<a", "</a>", "<a b/>",
    '<a b="1"c="2"/>', '<a b="1" b="2"/>', '<a "x"/>', '<a b="</a>', "<a>&b;</a>", "<a>&</a>", "",
    '<a></a b="">', '<a b=""></a b="">', "< a/>", "<a b=1/>", "<a b='1\"/>", "<:a/>", "<a:/>",
    "<a>&#0;</a>", "<a>&#xFFFE;</a>", "<a/ >", "<a//>", "<>", "</>", "<a></ a>", "<!a>", "<é/>",
    '<a><!b></a>', '<a b="x" "y"></a>', "<1a/>", "<aaaaaaaab></aaaaaaaac>", "<?a?><a/>",
    "<a:b:c/>", '<a x:y:z=""/>', '<a\u00a0b="1"/>',
])  # fmt: skip
def test_a_wrong_document_is_not_surely_sound(document: str) -> None:
    assert not is_surely_sound(document.encode(), WIDE)


@pytest.mark.parametrize("place", ["ccda", "cot", "labels", "ncpdp"])
def test_real_documents_come_out_the_same(shared: Path, place: str) -> None:
    files = [path.read_bytes() for path in sorted((shared / place).rglob("*")) if path.is_file()]
    documents = [each for each in files if each.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"]
    answers = [compare(document) for document in documents[:60]]
    assert any(rebuilt for _, rebuilt in answers)


@pytest.mark.parametrize(
    "document",
    [
        '<a xmlns:p="X" xmlns:q="X" p:schemaLocation="x" q:schemaLocation="y"/>'.replace(
            "X", "http://www.w3.org/2001/XMLSchema-instance"
        ),
        '<p:a xmlns:p="urn://x:y"/>',
        "<r>\x01<a/>\x0b</r>",
        '<a schemaLocation="http://x"/>',
        '<a xmlns:x="urn:x" xmlns:y="urn:y" x:bb="1" y:a="2"/>',
        "<a b='1'/><!-- &x -->",
        '<a xmlns="urn:x" n1:b="1" xml:lang="en"><n1:c xmlns:n1="urn:y"/></a>',
    ],
)
def test_both_ways_agree_on_what_once_was_told_apart(document: str) -> None:
    compare(document.encode())
    for parameters in PARAMETERS:
        found = quick(document.encode(), parameters)
        assert found is None or found == careful(document.encode(), parameters)


def test_many_different_tags_are_told_apart() -> None:
    names = [f"n{number}" for number in range(9000)]
    text = "<r>" + "".join(f'<{name} k{name}="{name}"/>' for name in names) + "</r>"
    tags = tags_of(text.encode(), 20_000)
    assert tags is not None
    assert [tags.shapes[number].name for number in tags.shape[1:-1]] == names


def test_equal_runs_have_one_number_and_others_another() -> None:
    chance = random.Random(5)
    runs = [
        "".join(chance.choice("ab") for _ in range(chance.randrange(20))).encode()
        for _ in range(4000)
    ]
    text = b"".join(runs) + bytes(300)
    text = text[: len(text) // 8 * 8]
    lengths = np.array([len(run) for run in runs], np.int64)
    begins = np.cumsum(lengths) - lengths
    found = byte_runs.distinct(np.frombuffer(text, "<u8"), begins, lengths)
    assert found is not None
    numbers, firsts = found
    assert len(set(runs)) == len(firsts)
    assert [runs[firsts[number]] for number in numbers] == runs
    order = dict.fromkeys(runs)
    assert [runs[first] for first in firsts] == list(order)


def test_the_xml_that_is_validated_is_the_document() -> None:
    chance = random.Random(6)
    keep = XmlRebuildParameters(prefixes="keep", blanks="keep")
    seen = 0
    for _ in range(400):
        try:
            model, _ = carefully(document(chance, strange=0.5).encode(), keep)
        except Malformed:
            continue
        text = text_of(xml_model.read(model))
        assert carefully(text, keep)[0] == model
        seen += 1
    assert seen > 200


def test_a_model_is_its_tree() -> None:
    chance = random.Random(7)
    for _ in range(200):
        model, _ = carefully(document(chance).encode(), XmlRebuildParameters())
        decoded: Any = decode(model, LIMITS)
        assert encode(xml_tree.model_of(xml_tree.tree(decoded))) == model


def test_nothing_in_the_columns_becomes_markup() -> None:
    texts = ['"><x/>', "]]>", "<!--", "&amp;", "\t\r\n"]
    columns = xml_model.Columns(
        {"": "urn:x"}, [["a", "b", "c", "d"]], np.array([2, 1, 2, 1, 0, 0], np.int32),
        "".join(f"{text}\0" for text in [*texts, *texts][:8]),
    )  # fmt: skip
    root = parse(text_of(columns))
    assert list(root.attrib.values()) == texts[:3]
    assert (root.text, root[0].text) == (texts[3], texts[2])
    assert [etree.QName(each).localname for each in root.iter()] == ["a", "a"]


@pytest.mark.parametrize(
    ("steps", "texts"),
    [
        ([2, 0, 0], "x\0"), ([2, 2, 0], "x\0y\0"), ([2, 0], ""), ([2, 0], "x\0y\0"),
        ([3, 0], "x\0"), ([0], ""), ([], ""), ([1], "x\0"), ([2, 1, 0], "x\0y"), ([0, 2], "x\0"),
        ([2, 0, 2, 0], "x\0y\0"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_malformed_and_no_other_error(
    steps: list[int], texts: str
) -> None:
    columns = xml_model.Columns({}, [["a", "b"]], np.array(steps, np.int32), texts)
    with pytest.raises(Malformed):
        parse(text_of(columns))
