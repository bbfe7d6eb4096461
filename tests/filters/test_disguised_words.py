"""Dirty words in disguise: what both sides see through, and what the policy has to ask for."""

import base64
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats import word_forms
from filters.formats.word_forms import plain as plain_form
from filters.formats.word_forms import seen as seen_form
from filters.formats.word_list import Disguises, WordList, texts
from filters.twins.native import texts as native_texts
from filters.twins.words_twin import _AsSeen, _Letters
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
        (b64("obsidian").rstrip("="), 1),
        ("b2JzaW", 0),
        ("the OBSIDIA\u039d plan", 1),
        ("\u039dOFOR\u039d", 3),
        ("\u03bdofor\u03bd", 0),
        ("M\u03996", 5),
        ("OBSIDIAN\u2122 plan", 1),
        ("obsidian\u00b9", 1),
        ("obsidian\u00aa", 1),
        ("\u2460obsidian", 1),
        ("obsidian\u02bcs", 1),
        ("mi\u2076", 5),
        ("".join(chr(0x1F170 + ord(c) - 97) for c in "obsidian"), 1),
        ("".join(chr(0x1F150 + ord(c) - 97) for c in "obsidian"), 1),
        (" ".join(chr(0x1F1E6 + ord(c) - 97) for c in "obsidian"), 1),
        ("\u1d0f\u0299s\u026a\u1d05\u026a\u1d00\u0274", 1),
        ("obs\u0131d\u0131an", 1),
        ("\u00f8bsidian", 1),
        ("hello " + "".join(chr(0xE0000 + ord(c)) for c in "obsidian"), 1),
        ("obs\U000e0061idian", 1),
        ("\n".join(b64("the plan is obsidian today")[at : at + 15] for at in range(0, 45, 15)), 1),
        ("    " + b64("a" * 60 + " obsidian " + "b" * 60).replace("IG9i", "IG9i\n    ", 1), 1),
        (b"obsidian".hex(), 1),
        ("".join(f"\\x{byte:02x}" for byte in b"obsidian"), 1),
        (", ".join(f"0x{byte:02x}" for byte in b"obsidian"), 1),
        (",".join(f"{byte:02x}" for byte in b"obsidian"), 1),
        ("\n".join((b"the plan is obsidian".hex()[:26], b"the plan is obsidian".hex()[26:])), 1),
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


def test_long_runs_of_spaced_letters_are_searched_to_the_end() -> None:
    words = WordList(LIST)
    for before in range((1 << 20) - 9, (1 << 20) + 2):
        assert words.search(["z " * before + "o b s i d i a n z"]) == 1


def test_both_sides_have_the_same_letters_for_every_character() -> None:
    letters, seen = _Letters(), _AsSeen()
    for code in range(0x110000):
        character = chr(code)
        assert plain_form(character) == letters[code], hex(code)
        assert seen_form(character) == seen[code], hex(code)


WHOLE_CHARACTERS = ("é", "ж", "日本", "𝐨", "x")


@pytest.mark.parametrize("seed", range(60))
def test_text_around_a_reference_is_cut_at_blanks(seed: int) -> None:
    """No character in two, which cannot be read, and no word, which would be another."""
    chance = random.Random(seed)
    text = ""
    while len(text) < 12_000:
        text += chance.choice(WHOLE_CHARACTERS) * chance.randrange(1, 40)
        text += " " * chance.randrange(9)
    half = len(text) // 2
    resolved = word_forms.references(f"{text[:half]}%20{text[half:]}")
    assert resolved is not None
    words = f"{text[:half]} {text[half:]}".split()
    assert set(resolved.replace("\x01", " ").split()) <= set(words)


def test_a_words_end_at_the_edge_of_what_is_looked_at_is_no_word() -> None:
    text = "".join(f" un{'x' * (at % 7)}obsidian" for at in range(4_000))
    for between in range(0, 600, 7):
        assert ask(f"{text} {'y' * between} a%20b {'y' * between} {text}") == 0


@pytest.mark.parametrize("filling", ["\u0301 ", "a ", "\u200b ", ". "])
def test_marks_and_letters_alone_do_not_put_a_word_out_of_reach(filling: str) -> None:
    gap = filling * 3_000
    if filling == "a ":
        assert ask(f"{gap} o b s %69 d i a n {gap}") == 1
    else:
        assert ask(f"x {gap} blackbird {gap} s%65ven {gap} y") == 2


@pytest.mark.parametrize("sign", ["&#", "&#x", "&amp;#", "&#0", "&#000000000"])
def test_numbers_of_thousands_of_digits_stand_for_no_character(sign: str) -> None:
    for digits in ("1" * 5_000, "0" * 5_000 + "111;bsidian", "9" * 8 + ";obsidian"):
        ask(f"the {sign}{digits} and n%6fforn")
    assert ask("&#" + "0" * 5_000 + "111;bsidian") == 1


def test_numbers_of_json_are_texts() -> None:
    own = WordList(b"1984\n2 50\n")
    assert own.search(texts({"json": 1, "value": {"a": [1984]}})) == 1
    assert own.search(texts({"json": 1, "value": [b"2.50"]})) == 2
    assert own.search(texts({"specversion": "1.0", "data": {"a": 1984}})) == 1
    assert own.search(texts({"json": 1, "value": [True, None, 1985]})) is None
    assert WordList(b"1\nvalue\njson\n").search(texts({"json": 1, "value": ["x"]})) is None
    assert own.search(native_texts(b'{"a":[1984]}', "json")) == 1
    assert own.search(native_texts(b"[2.50]", "json")) == 2


def test_a_text_of_one_word_of_many_entries_is_searched_word_by_word() -> None:
    """The work is counted, not timed: lookups stay a few a word, however many share it."""
    names = [f"operation {first}{second}" for first in "bcdfghjk" for second in "aeiouy"]
    words = WordList("\n".join(names).encode())
    assert words.search(["operation " * 100_000]) is None
    assert words.search(["operation " * 100_000 + "ky"]) == len(names)
    assert len(words._plain._shapes_of[b"operation"]) == 1


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
