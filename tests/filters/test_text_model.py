"""The models of plain text and CSV: vectors, agreement of both sides, what the policy drops."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Refuse
from tests.filters.hostile.chains import Pack

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "text" / "model.json").read_bytes())
META = Meta(id="a" * 32, flow="text", sender="alpha", name="x", accepted_s=1_780_000_000)
CASES = [(pack, case) for pack in ("text", "csv") for case in VECTORS[pack]]


def made(name: str, **parameters: Any) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters.model_validate(parameters), {})


def ask(run: Run, payload: bytes) -> str:
    """The payload that a stage gives, "pass", or its reason."""
    try:
        answer = run(Message.make(META, payload))
    except Malformed as error:
        return str(error.reason)
    match answer:
        case Changed(message):
            return message.payload.hex()
        case Refuse(reason) | Hold(reason):
            return str(reason)
        case _:
            return "pass"


@pytest.mark.parametrize(("pack", "case"), CASES, ids=lambda value: str(value)[:20])
def test_a_vector_is_rebuilt_and_delivered_as_it_says(pack: str, case: dict[str, Any]) -> None:
    chains = Pack(pack)
    model = chains.source(Message.make(META, bytes.fromhex(case["dropped"])))
    if case["delivered"] is None:
        assert model.stage
        return
    assert model.message.payload == bytes.fromhex(case["model"])
    delivered = chains(bytes.fromhex(case["dropped"]))
    assert delivered.message.payload == bytes.fromhex(case["delivered"])


@settings(max_examples=400, derandomize=True, database=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_what_the_source_lets_cross_the_destination_takes(text: str) -> None:
    for pack in PACKS:
        left = pack.source(Message.make(META, text.encode()))
        if not left.stage:
            arrived = pack.destination(left.message)
            assert (arrived.stage, arrived.sentence) == ("", ""), text
            again = pack(arrived.message.payload)
            assert again.message.payload == arrived.message.payload, text


PACKS = [Pack("text"), Pack("csv")]


def test_both_sides_sort_every_character_alike() -> None:
    """A lone character is refused on both sides or on none, but for what the rebuild changes."""
    source, twin = made("text_check"), made("text_check_twin")
    differ = []
    low = (*range(10), *range(11, 0x20), *range(0x7F, 0x3200))
    for code in (*low, *range(0xFA00, 0x11000), *range(0x1D100, 0x1D200), *range(0xE0000, 0xE0200)):
        text = f"é{chr(code)}x\n"
        model = bytes.fromhex("a264746578740165 6c696e6573 81") + _text(text[:-1])
        if (ask(source, model) == "pass") != (ask(twin, text.encode()) == "pass"):
            differ.append(hex(code))
    assert differ == []


def _text(text: str) -> bytes:
    raw = text.encode()
    return bytes([0x60 + len(raw)]) + raw


KEPT = [
    "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f3f4\u200d\u2620\ufe0f",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f642\u200d\u2194\ufe0f",
    "\U0001f575\U0001f3fb\u200d\u2642\ufe0f",
    "1\ufe0f\u20e3",
    "\u2122\ufe0e",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    "\u0d28\u0d4d\u200d",
    "\u09b0\u200d\u09cd\u09af",
    "\u1780\u17d2\u200c\u1780",
    "\u182d\u200d",
]
HIDING = ["\u4e2d{}\u6587", "\u00e9{}", "\u2014{} x", "\u00dc{}bung", "\u0430{}\u0431", "\u3042{}"]


@pytest.mark.parametrize("text", KEPT)
def test_a_joiner_stays_where_a_script_or_an_emoji_needs_it(text: str) -> None:
    for pack, file in ((PACKS[0], f"{text}\n"), (PACKS[1], f"a,b\n{text},1\n")):
        assert pack(file.encode()).message.payload == file.encode()


@pytest.mark.parametrize("form", HIDING)
@pytest.mark.parametrize("joiner", "\u200c\u200d\ufe0e\ufe0f")
def test_a_joiner_carries_nothing_where_none_is_needed(form: str, joiner: str) -> None:
    file = f"{form.format(joiner)}\n".encode()
    assert PACKS[0](file).message.payload == f"{form.format('')}\n".encode()
    assert ask(made("text_check_twin"), file) == "text-invisible"


def test_both_sides_keep_the_same_joiners() -> None:
    """After and before every character that may be there, plain letters and an emoji around it."""
    source, twin = made("text_check"), made("text_check_twin")
    codes = (*range(0xA0, 0xE00), *range(0x1780, 0x18B0), *range(0x2000, 0x2C00))
    lone = [chr(c) for c in (*codes, *range(0x3000, 0x3300, 3), *range(0x1F000, 0x1F700, 16))]
    forms = ("{}{}x", "\u2764\ufe0f{1}{0}")
    differ = []
    for joiner in "\u200c\u200d\ufe0e\ufe0f":
        for text in (form.format(each, joiner) for each in lone for form in forms):
            model = encode({"text": 1, "lines": [text]})
            if (ask(source, model) == "pass") != (ask(twin, f"{text}\n".encode()) == "pass"):
                differ.append(ascii(text))
    assert differ == []


def test_a_pile_of_marks_with_joiners_in_it_is_one_pile() -> None:
    few, many = "a" + "\u0316\u0317\u0318\u200d" * 2, "\u0627" + "\u0316\u0317\u0610\u200d" * 3
    assert ask(made("text_recognise"), few.encode()) == "pass"
    assert ask(made("text_recognise"), many.encode()) == "text-marks"
    assert ask(made("text_check_twin", marks_max=2), f"{many}\n".encode()) == "text-marks"


@pytest.mark.parametrize(
    ("parameters", "dropped", "delivered"),
    [
        ({"bidi": "drop"}, "a\u202eb\n", "a264746578740165 6c696e6573 81626162"),
        ({"bidi_marks": "drop"}, "a\u200fb\n", "a264746578740165 6c696e6573 81626162"),
        ({"invisible": "drop"}, "a\u200bb\n", "a264746578740165 6c696e6573 81626162"),
        ({"joiners": "drop"}, "\u0915\u200d\n", "a264746578740165 6c696e6573 8163e0a495"),
        ({"trailing_blanks": "keep"}, "ab \n", "a264746578740165 6c696e6573 8163616220"),
        ({"not_composed": "refuse"}, "e\u0301\n", "text-not-composed"),
        ({"byte_order_mark": "refuse"}, "\ufeffa\n", "encoding-not-utf8"),
        ({"joiners": "refuse"}, "\u0915\u200d\n", "text-invisible"),
        ({"lines_max": 2}, "a\n\n\n", "too-many-lines"),
    ],
)
def test_the_policy_says_what_becomes_of_a_class(
    parameters: dict[str, Any], dropped: str, delivered: str
) -> None:
    given = ask(made("text_rebuild", **parameters), dropped.encode())
    assert given == delivered.replace(" ", "")


@pytest.mark.parametrize("name", ["sep=;", "SEP=,", " sep=|", "sep=;x", "sep="])
def test_no_side_takes_a_header_that_tells_a_spreadsheet_the_delimiter(name: str) -> None:
    table = encode({"csv": 1, "header": [name, "b"], "rows": [["x;=1+1", "2"]]})
    assert ask(made("csv_check"), table) == "csv-shape"
    assert ask(made("csv_schema_twin"), f'"{name}",b\nx;=1+1,2\n'.encode()) == "csv-shape"
    for fine in ("separator", "sep", "sep =", "a sep="):
        assert ask(made("csv_schema_twin"), f"{fine},b\n1,2\n".encode()) == "pass"


def test_a_column_may_be_called_what_json_would_be() -> None:
    for name in ("[]", "[1]", "{}"):
        assert ask(made("csv_schema_twin"), f"{name},b\n1,2\n".encode()) == "pass"


def test_blanks_before_a_beginning_do_not_hide_it_from_the_destination() -> None:
    page = "<html><script>x</script>\n"
    for before in ("\n" * 64, "\n" * 3000, "\u2003\t'" * 40):
        assert ask(made("text_check_twin"), f"{before}{page}".encode()) == "type-not-allowed"
    table = f'"{" " * 3000}<script>",b\n1,2\n'
    assert ask(made("csv_schema_twin"), table.encode()) == "type-not-allowed"
    model = encode({"csv": 1, "header": [" " * 3000 + "<script>", "b"], "rows": []})
    assert ask(made("csv_check"), model) == "type-not-allowed"


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ('{"a": 1}', True),
        ("[" + "1, " * 3000 + "2]", True),
        ("[" + "9" * 6000 + "]", True),
        ("[" * 5000, True),
        ('["a",' * 400_000, True),
        ("[1] a note\n", False),
        ('{"a": 1}\n{"a": 2}\n', False),
        ("[a](b)\n", False),
        ("[ERROR] x\n" * 200_000, False),
        ("[2026-11-27 07:00:00] a line of a log\n" * 40_000, False),
        ('["' + "a" * 1_100_000 + '"]', True),
        ('{"a": [' + "1.5e3, " * 200_000 + "1]}", True),
    ],
)
def test_json_is_no_plain_text_and_brackets_are(text: str, is_json: bool) -> None:
    assert ask(made("text_identify"), text.encode()) == ("type-not-allowed" if is_json else "pass")


@pytest.mark.parametrize("text", ['{"a": 1}', '["a"]', "@echo off"])
@pytest.mark.parametrize("sign", ["\u200d", "\u2028", "\ufe0f"])
def test_a_sign_that_the_rebuild_takes_away_hides_no_type(text: str, sign: str) -> None:
    model = encode({"text": 1, "lines": [text]})
    assert ask(made("text_check"), model) == "type-not-allowed"
    assert ask(made("text_check_twin"), f"{text}\n".encode()) == "type-not-allowed"
    rebuilt = made("text_rebuild")(Message.make(META, f"{sign}{text}\n".encode()))
    assert isinstance(rebuilt, Changed)
    assert ask(made("text_check"), rebuilt.message.payload) == "type-not-allowed"


COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "integer", "required": True, "min": "1", "max": "99"},
    {"name": "when", "type": "date"},
    {"name": "at", "type": "datetime"},
    {"name": "value", "type": "decimal", "min": "-1.5"},
    {"name": "good", "type": "boolean"},
    {"name": "kind", "values": ["x", "y"]},
]


@pytest.mark.parametrize(
    ("row", "right"),
    [
        ("1,2026-02-28,2026-02-28T00:00:00Z,-1.5,true,x", True),
        ("99,,,,,", True),
        (",,,,,", False),
        ("0,,,,,", False),
        ("100,,,,,", False),
        ("01,,,,,", False),
        ("1.0,,,,,", False),
        ("1,2026-02-30,,,,", False),
        ("1,20260228,,,,", False),
        ("1,2026-2-28,,,,", False),
        ("1,,2026-02-28 00:00:00Z,,,", False),
        ("1,,2026-02-28T24:00:00Z,,,", False),
        ("1,,2026-02-28T00:00:00.123456+05:30,,,", True),
        ("1,,2026-02-28T00:00:00+05:60,,,", False),
        ("1,,2026-02-28T00:00:00,,,", False),
        ("1,,,-1.6,,", False),
        ("1,,,1e3,,", False),
        ("1,,,1.,,", False),
        ("1,,,,TRUE,", False),
        ("1,,,,,z", False),
        ("1,,,,,X", False),
    ],
)
def test_both_sides_hold_cells_to_their_columns(row: str, right: bool) -> None:
    header = ",".join(str(column["name"]) for column in COLUMNS)
    native = f"{header}\n{row}\n".encode()
    model = bytes.fromhex(ask(made("csv_rebuild"), native))
    wanted = "pass" if right else "schema-invalid"
    assert ask(made("csv_schema", columns=COLUMNS), model) == wanted
    assert ask(made("csv_schema_twin", columns=COLUMNS), native) == wanted
    other = native.replace(b"when", b"then")
    assert ask(made("csv_schema_twin", columns=COLUMNS), other) == "schema-invalid"


def test_a_refusal_holds_nothing_of_the_message() -> None:
    answer = made("csv_schema", columns=COLUMNS)(
        Message.make(META, bytes.fromhex(ask(made("csv_rebuild"), b"hidden\nsecret\n")))
    )
    assert isinstance(answer, Refuse)
    assert "hidden" not in answer.sentence
    assert "secret" not in answer.sentence
