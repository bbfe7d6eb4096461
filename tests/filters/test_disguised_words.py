"""Dirty words in disguise: what both sides see through, and what the policy has to ask for."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats.word_list import Disguises, WordList
from schemas.cbor import encode
from schemas.errors import Broken
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Pass, Refuse

LIST = b"obsidian\nblackbird seven\nnoforn\nreef 9\nmi6\nsab\n"
META = Meta(id="a" * 32, flow="json", sender="alpha", name="x", accepted_s=1_780_000_000)
LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "@": "a", "$": "s", "!": "i", "7": "t"}
ALL = {"leet": LEET, "decode": ["references", "base64", "hex"]}


def made(name: str, **parameters: object) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters.model_validate(parameters), {"words.txt": LIST})


OWN, TWIN = made("words", **ALL), made("words_twin", form="json", **ALL)


def ask(text: str, own: Run = OWN, twin: Run = TWIN) -> int:
    """The entry that both sides find in a text, or 0."""
    model = own(Message.make(META, encode({"json": 1, "value": [text]})))
    native = twin(Message.make(META, json.dumps([text], ensure_ascii=False).encode()))
    assert model == native
    if isinstance(model, Pass):
        return 0
    assert isinstance(model, Refuse)
    return int(model.sentence.split()[1])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("O b s i d i a n", 1),
        ("o.b.s.i.d.i.a.n", 1),
        ("o-b-s-i-d-i-a-n", 1),
        ("o\nb\ns\ni\nd\ni\na\nn", 1),
        ("the o  b  s  i  d  i  a  n  plan", 1),
        ("о b s і d i а n", 1),
        ("b l a c k b i r d s e v e n", 2),
        ("a n o f o r n b", 3),
        ("s a b", 0),
        ("o b s i d i", 0),
        ("ob si di an", 0),
        ("0bs1d14n", 1),
        ("OB$ID!@N", 1),
        ("n0f0rn", 3),
        ("bl4ckb1rd 5ev3n", 2),
        ("reef 9", 4),
        ("mi6", 5),
        ("m16", 5),
        ("obs1dians", 0),
        (b64("the word is obsidian today"), 1),
        (b64("obsidian").rstrip("="), 0),
        ("x" + b64("the word is obsidian today"), 1),
        (f"data:;base64,{b64('say noforn please')}", 3),
        (b64("the word is obsidian today").replace("+", "-").replace("/", "_"), 1),
        (b64("a" * 60 + " obsidian " + "b" * 60).replace("IG9i", "IG9i\r\n", 1), 1),
        (b"say noforn please".hex(), 3),
        (b"say noforn please".hex(" "), 3),
        (b"say noforn please".hex(":").upper(), 3),
        ("0" + b"say noforn please".hex(), 3),
        (base64.b64encode("say noforn please".encode("utf-16-le")).decode(), 3),
        (b64(b64("the word is obsidian today")), 0),
        ("no%66orn", 3),
        ("no&#x66;orn", 3),
        ("n%6fforn obsidian", 1),
        ("noforn obsidian", 1),
    ],
)
def test_both_sides_see_through_the_same(text: str, entry: int) -> None:
    assert ask(text) == entry


def test_what_the_policy_does_not_ask_for_is_not_looked_behind() -> None:
    own = made("words", spaced=False, decode=[])
    twin = made("words_twin", form="json", spaced=False, decode=[])
    for text in ("o b s i d i a n", "0bs1d14n", b64("the word is obsidian today"), "no%66orn"):
        assert ask(text, own, twin) == 0
    assert ask("Obsidian", own, twin) == 1


PIECES = st.sampled_from(
    [
        "o",
        "b",
        "s",
        "i",
        "d",
        "a",
        "n",
        " ",
        " ",
        ".",
        "obsidian",
        "black",
        "bird",
        "seven",
        "0",
        "1",
        "$",
        "\u200b",
        "\u0301",
        "о",
        "ｏ",
        "\x01",
        "é",
        "_",
        "%6f",
        "&#111;",
        "é",
        "日",
        b64("obsidian seven"),
    ]
)


@settings(max_examples=500, derandomize=True, database=None)
@given(st.lists(PIECES, max_size=24))
def test_both_sides_agree_on_anything(pieces: list[str]) -> None:
    ask("".join(pieces).replace("\x01", ""))


@settings(max_examples=200, derandomize=True, database=None)
@given(st.text(max_size=30))
def test_both_sides_agree_on_any_characters(text: str) -> None:
    ask(f"{text} {text}obsidian {text}")


def test_names_and_declarations_are_searched() -> None:
    for field in ("name", "type", "label", "destination"):
        meta = replace(META, **{field: "to NOFORN.txt"})  # type: ignore[arg-type]  # all are texts
        message = Message.make(meta, encode({"json": 1, "value": []}))
        assert isinstance(OWN(message), Refuse)
        assert made("words", names=False)(message) == Pass()
        native = Message.make(meta, b"[]")
        assert isinstance(TWIN(native), Refuse) == (field != "destination")  # it does not cross
        assert made("words_twin", form="json", names=False)(native) == Pass()


def test_a_search_is_whole_over_the_bounds_of_its_pieces() -> None:
    words = WordList(LIST, Disguises(spaced=False))
    for before in range((1 << 20) - 24, (1 << 20) + 4, 3):
        assert words.search(["x" * before + " blackbird  seven y"]) == 2
    assert words.search(["blackbird " * 300_000]) is None


def test_fields_are_apart_and_the_smallest_number_is_told() -> None:
    words = WordList(LIST)
    assert words.search(["blackbird", "seven"]) is None
    assert words.search(["mi6 noforn", "x obsidian"]) == 1
    assert words.search(["o b s i", "d i a n"]) is None


@pytest.mark.parametrize(
    "document", [b"\xff", b"...\n", b"a b c d e f g h i\n", "\u200b\n".encode(), b"x" * 300]
)
def test_a_line_that_is_no_entry_is_refused(document: bytes) -> None:
    with pytest.raises(Broken):
        WordList(document)


@pytest.mark.parametrize("gap", [1, 100, 3_000, 20_000])
def test_a_reference_is_resolved_whatever_stands_between_the_words(gap: int) -> None:
    blanks = " ." * gap
    assert ask(f"x {blanks} blackbird{blanks}s%65ven{blanks} y" + " z" * 50) == 2
    assert ask(f"x {blanks} bl&#97;ckbird{blanks}seven{blanks} y" + " z" * 50) == 2
    assert ask("%41 " * 3_000 + f"bl%61ckbird{blanks}seven") == 2


@pytest.mark.parametrize(
    "model",
    [
        {"text": 1, "lines": ["x"], "other": "noforn"},
        {"text": "noforn", "data": {"lines": ["x"]}},
        {"csv": 1, "header": ["a"], "rows": [["x"]], "noforn": 1},
        {"csv": 1, "header": ["noforn"], "rows": [["x"]]},
        {"csv": 1, "header": ["a"], "rows": [["black"], ["blackbird", "seven"]]},
        {"text": 1, "lines": ["a blackbird", "seven b"]},
        {"text": 1, "lines": ["x", 7, "noforn"]},
    ],
)
def test_no_model_hides_a_text_by_looking_like_another(model: dict[str, object]) -> None:
    assert isinstance(OWN(Message.make(META, encode(model))), Refuse)  # type: ignore[arg-type]  # CBOR has them all
