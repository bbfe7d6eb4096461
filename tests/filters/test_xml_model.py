"""The XML model in columns: both readers give one answer, and hold the specification's bounds."""

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.formats.xml_layout import is_uri
from filters.formats.xml_model import read
from filters.formats.xml_parse import parse
from filters.formats.xml_text import text_of
from filters.twins.xml_read import is_reference
from schemas.cbor import encode
from schemas.errors import Malformed
from tests.filters.test_generic_models import ask, made

NAMES = st.sampled_from(["a", "p:a", "x:b", "", "a b", "xml:lang", "xmlns", "é", "bb"])
TEXTS = st.sampled_from(["", "a", "é b", "\x01", "\ufffe", "\r\n\t", "<&>"])
NEVER = [
    "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/",
    "http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude",
]  # fmt: skip
COLUMNS = st.fixed_dictionaries(
    {
        "xml": st.sampled_from([2, 2, 2, 2, 1, True]),
        "prefixes": st.dictionaries(
            st.sampled_from(["", "p", "xmlq"]), st.sampled_from(["u:x", "u:y", "", "v y", *NEVER])
        ),
        "tags": st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=3)
        | st.sampled_from([[], [[]], {}, [["a"], "b"], [["a"], [1]]]),
        "steps": st.lists(st.integers(0, 4), max_size=8).map(
            lambda steps: struct.pack(f">{len(steps)}H", *steps)
        ),
        "texts": st.lists(TEXTS, max_size=4).map(lambda texts: "".join(f"{t}\0" for t in texts)),
    }
)


@settings(max_examples=3000, derandomize=True, database=None)
@given(COLUMNS)
def test_both_readers_of_the_xml_model_give_the_same_answer(model: dict[str, Any]) -> None:
    payload = encode(model)
    source, twin = ask(made("xml_check"), payload), ask(made("xml_read"), payload)
    assert (source == "pass") == (twin == "pass"), (model, source, twin)


def test_both_readers_give_the_same_answer_to_what_is_one_change_from_right() -> None:
    chance = random.Random(11)
    counts = {True: 0, False: 0}
    for _ in range(3000):
        model = sound_columns(chance)
        for _ in range(chance.randrange(3)):
            change(model, chance)
        payload = encode(model)
        source, twin = ask(made("xml_check"), payload), ask(made("xml_read"), payload)
        assert (source == "pass") == (twin == "pass"), (model, source, twin)
        counts[source == "pass"] += 1
    assert min(counts.values()) > 300


def sound_columns(chance: random.Random) -> dict[str, Any]:
    """A model that is right: some elements in each other, with values and texts."""
    tags = [["a"], ["b", "i"], ["p:c", "i", "p:i"]]
    seen: list[int] = []
    steps: list[int] = []
    texts: list[str] = []

    def element(levels: int) -> None:
        tag = chance.choice([*seen, *([len(seen)] if len(seen) < len(tags) else [])])
        if tag == len(seen):
            seen.append(tag)
        steps.append(tag + 2)
        texts.extend(chance.choice(["", "v"]) for _ in tags[tag][1:])
        for _ in range(chance.randrange(3) if levels else 0):
            if steps[-1] != 1 and chance.random() < 0.5:
                steps.append(1)
                texts.append("t")
            else:
                element(levels - 1)
        steps.append(0)

    element(3)
    return {
        "xml": 2, "prefixes": {"p": "urn:x"}, "tags": tags[: len(seen)],
        "steps": struct.pack(f">{len(steps)}H", *steps), "texts": "".join(f"{t}\0" for t in texts),
    }  # fmt: skip


def change(model: dict[str, Any], chance: random.Random) -> None:
    """One thing more, less or other in a model."""
    steps = [step for (step,) in struct.iter_unpack(">H", model["steps"])]
    kind, at = chance.randrange(6), chance.randrange(len(steps))
    if kind == 0:
        steps.insert(at, chance.randrange(5))
    elif kind == 1:
        del steps[at]
    elif kind == 2:
        steps[at] = chance.randrange(6)
    elif kind == 3:
        model["texts"] += chance.choice(["\0", "x", "\0t\0", "\x02\0"])
    elif kind == 4:
        model["texts"] = model["texts"].replace("\0", chance.choice(["", "\0", "\0\0"]), 1)
    else:
        model["tags"].append(chance.choice([["a"], ["d"], ["q:d"], ["a", "b", "b"]]))
    model["steps"] = struct.pack(f">{len(steps)}H", *steps)


def of_size(tags: list[list[str]], use: int, texts: int) -> bytes:
    """A model of a root that holds the last tag so often, and so many texts of the column."""
    steps = [2, *([len(tags) + 1, 0] * use), 0]
    return encode({
        "xml": 2, "prefixes": {}, "tags": [list(tag) for tag in tags], "texts": "\0" * texts,
        "steps": struct.pack(f">{len(steps)}H", *steps),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (of_size([["a"], ["b"]], 199_999, 0), "pass"),
        (of_size([["a"], ["b"]], 200_000, 0), "too-many-elements"),
        (of_size([["a"], ["b", "c", "d", "e", "f"]], 100_000, 400_000), "pass"),
        (of_size([["a"], ["b", "c", "d", "e", "f"]], 100_001, 400_004), "too-many-attributes"),
        (of_size([["a"], ["b", "c", "d", "e", "f"]], 10, 39), "model-shape"),
        (of_size([["a"], ["b" * 128]], 131_071, 0), "pass"),
        (of_size([["a"], ["b" * 128]], 131_073, 0), "size-out-of-bounds"),
        (of_size([["a"], ["b", *(f"c{n:03}" for n in range(256))]], 1, 256), "pass"),
        (of_size([["a"], ["b", *(f"c{n:03}" for n in range(257))]], 1, 257), "too-many-attributes"),
    ],
    ids=str,
)
def test_both_readers_have_the_bounds_of_the_specification(payload: bytes, wanted: str) -> None:
    assert ask(made("xml_check"), payload) == wanted
    assert (ask(made("xml_read"), payload) == "pass") == (wanted == "pass")


@pytest.mark.parametrize("uri", [*NEVER, "urn:x"])
def test_both_readers_refuse_namespaces_that_are_never_declared(uri: str) -> None:
    payload = encode({
        "xml": 2, "prefixes": {"p": uri}, "tags": [["p:a"]], "steps": b"\0\2\0\0", "texts": "",
    })  # fmt: skip
    wanted = "pass" if uri == "urn:x" else "xml-namespace"
    assert [ask(made(name), payload) for name in ("xml_check", "xml_read")] == [wanted] * 2


def test_both_readers_bound_the_names_in_the_table() -> None:
    for count, is_sound in ((256, True), (257, False)):
        tags = [[f"a{n}", *(f"c{m:03}" for m in range(255))] for n in range(count)]
        steps = [*range(2, count + 2), *[0] * count]
        model: dict[str, Any] = {
            "xml": 2, "prefixes": {}, "tags": tags, "texts": "\0" * 255 * count,
            "steps": struct.pack(f">{len(steps)}H", *steps),
        }  # fmt: skip
        payload = encode(model)
        assert ask(made("xml_check"), payload) == ask(made("xml_read"), payload)
        assert (ask(made("xml_check"), payload) == "too-deep") == is_sound


def test_the_root_s_namespaces_are_declared_once_for_the_schema() -> None:
    tree = "<a xmlns='urn:x'>" + "<a/>" * 50 + "</a>"
    model = ask(made("xml_rebuild"), tree.encode())
    assert isinstance(model, bytes)
    assert text_of(read(model)).count(b"xmlns") == 1


URIS = ["urn:x", "http://a/b?c#d", "DAV:", "foo", "//h:80/x", "http://u:p@h:1/", "a/b:c", "?q"]


def test_a_namespace_s_name_is_what_both_readers_and_lxml_take_for_a_reference() -> None:
    chance = random.Random(4)
    counts = {True: 0, False: 0}
    for _ in range(20_000):
        signs = list(chance.choice(URIS))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(signs) + 1)
            signs[at : at + chance.randrange(2)] = chance.choice("ab:/?#@!&%20-.~^|\\é{1")
        uri = "".join(signs)
        is_one = is_uri(uri)
        assert is_one == (len(uri) > 0 and is_reference(uri)), uri
        if uri:
            assert is_one == taken_by_lxml(uri), uri
        counts[is_one] += 1
    assert min(counts.values()) > 4000


def taken_by_lxml(uri: str) -> bool:
    escaped = uri.replace("&", "&amp;").replace("<", "&lt;")
    try:
        parse(f'<p:a xmlns:p="{escaped}"/>'.encode())
    except Malformed:
        return False
    return True
