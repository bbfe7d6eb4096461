"""Personal data, rules, encoded content, masks: what each says of models of every format."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats.models import close_model, open_model
from filters.formats.rule_parser import parse
from filters.formats.rule_values import glob
from schemas.cbor import decode
from schemas.errors import Broken, Malformed
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed, Hold, Pass, Refuse

META = Meta(id="a" * 32, flow="f", sender="alpha", name="x", accepted_s=1_780_000_000, label="OPEN")
KINDS = [
    "ssn",
    "nino",
    "nhs",
    "npi",
    "card",
    "iban",
    "phone",
    "email",
    "mrn",
    "dob",
    "ipv4",
    "coordinates",
]


def made(name: str, documents: dict[str, bytes] | None = None, **parameters: Any) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters.model_validate(parameters), documents or {})


def ask(run: Run, model: Any) -> Any:
    """The verdict's sentence, "" for a pass, or the changed model."""
    try:
        answer = run(Message.make(META, close_model(model)))
    except Malformed as error:
        return str(error.reason)
    match answer:
        case Changed(message):
            return open_model(message.payload)
        case Refuse(_, sentence) | Hold(_, sentence):
            return sentence
        case Pass(note):
            return note


def json(value: Any) -> dict[str, Any]:
    return {"json": 1, "value": value}


PERSONAL = made("personal", kinds=KINDS)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("123-45-6789", "ssn"),
        ("id 123 45 6789.", "ssn"),
        ("１２３-45-6789", "ssn"),
        ("12\u200b3-45-6789", "ssn"),
        ("AB 12 34 56 C", "nino"),
        ("943 476 5919", "nhs"),
        ("9434765919", "nhs"),
        ("1234567893", "npi"),
        ("4111 1111 1111 1111", "card"),
        ("5500-0000-0000-0004", "card"),
        ("378282246310005", "card"),
        ("GB82 WEST 1234 5698 7654 32", "iban"),
        ("DE89370400440532013000", "iban"),
        ("GB82 WEST 1234 5698 7654 32 AND MORE", "iban"),
        ("+44 20 7946 0958", "phone"),
        ("(212) 555-0199", "phone"),
        ("call 212.555.0199", "phone"),
        ("a.b+c@example.org", "email"),
        ("MRN: 00123456", "mrn"),
        ("mrn#AB12345", "mrn"),
        ("DOB 1980-02-29", "dob"),
        ("born: 29.2.1980", "dob"),
        ("10.0.0.255", "ipv4"),
        ("48.2082, 16.3738", "coordinates"),
        ("-33.86882 151.20930", "coordinates"),
        ("33UXP 04500 40500", "coordinates"),
    ],
)
def test_a_hit_is_told_by_kind_and_place_and_never_by_value(text: str, kind: str) -> None:
    assert ask(PERSONAL, json({"a": ["x", text]})) == f"{kind} at text 3"
    assert ask(PERSONAL, {"text": 1, "lines": ["x", f"so {text} it is"]}) == f"{kind} at line 2"
    table = {"csv": 1, "header": ["a", "b"], "rows": [["1", text]]}
    assert ask(PERSONAL, table) == f"{kind} at row 1 column 2"
    assert ask(PERSONAL, json({text: 1})).startswith(f"{kind} at text")


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456",
        "666-12-3456",
        "912-12-3456",
        "123-00-3456",
        "123-45-0000",
        "123-45 6789",
        "1123-45-67890",
        "1234567890",
        "4111 1111 1111 1112",
        "GB00 WEST 1234 5698 7654 32",
        "BG123456C",
        "+1 23",
        "a@b",
        "MRN: ABCDEF",
        "256.1.1.1",
        "91.0001, 16.3738",
        "1.5, 2.5",
        "2026-05-14",
        "version 4.5.1.2-rc",
        "33UXP 04501",
        "one, two, three",
    ],
)
def test_what_does_not_add_up_is_no_hit(text: str) -> None:
    found = ask(PERSONAL, json({"a": ["x", text]}))
    assert found in ("", "ipv4 at text 3")
    assert found == "" or text.startswith("version")


def test_numbers_of_the_model_are_looked_at_too() -> None:
    assert ask(PERSONAL, json([9434765919])) == "nhs at text 1"
    assert ask(PERSONAL, json([b"378282246310005"])) == "card at text 1"


def test_a_number_in_two_runs_of_a_document_is_one() -> None:
    runs = [["w:r", {}, [["w:t", {}, [piece]]]] for piece in ("4111 11", "11 1111 1111")]
    tree = ["w:document", {}, [["w:body", {}, [["w:p", {}, runs]]]]]
    part = {"kind": "document", "links": [], "tree": tree}
    assert "card" in ask(PERSONAL, {"office": 1, "kind": "docx", "parts": [part]})
    assert ask(PERSONAL, {"office": 1, "kind": "docx", "parts": [7]}) == "model-shape"


def test_own_patterns_names_bounds_and_holding() -> None:
    own = [
        {"name": "case", "pattern": r"\bCASE-[0-9]{4}\b"},
        {"name": "tag", "pattern": "[0-9]{10}", "check": "mod11"},
    ]
    run = made("personal", {"names.txt": b"Ada Byron\n"}, patterns=own, names_document="names.txt")
    assert ask(run, json(["CASE-1234", "9434765919", "by ADA  BYRON"])) == (
        "case at text 1, tag at text 2, name at text 3"
    )
    assert (
        ask(made("personal", kinds=["email"], hits_max=1), json(["a@b.org"])) == "email at text 1"
    )
    many = ask(made("personal", kinds=["email"], found="hold"), json(["a@b.org"] * 50))
    assert many.endswith("more")
    assert len(many) < 240
    with pytest.raises(ValueError, match="no kind"):
        made("personal")
    with pytest.raises(Exception, match="missing"):
        made("personal", patterns=[{"name": "bad", "pattern": "("}])


EVENT = {
    "cot": 1,
    "event": {
        "type": "a-f-G",
        "start": "2026-05-14T06:00:00Z",
        "stale": "2026-05-14T08:05:00+02:00",
    },
    "point": {"lat": "48.25", "lon": "-11.5"},
    "detail": [
        ["contact", {"callsign": "A"}, ""],
        ["track", {"speed": "12.5"}, ""],
        ["remarks", {}, "one"],
        ["remarks", {}, "two"],
    ],
}
DATA = json({"a": [1, b"2.50", "x"], "b": {"c": "y", "d": None, "e": True}, "n": "7"})


@pytest.mark.parametrize(
    ("rule", "true", "model"),
    [
        ("number(point/@lat) >= 47 and number(point/@lat) <= 55", True, EVENT),
        ("number(point/@lon) < 0 - 11", True, EVENT),
        ("count(remarks) <= 1", False, EVENT),
        ("count(remarks) = 2", True, EVENT),
        ('if(@type ~ "a-h-*", false, true)', True, EVENT),
        ("all(track/@speed, number(.) < 340)", True, EVENT),
        ("@start < @stale", True, EVENT),
        ("seconds(@start, @stale) = 300", True, EVENT),
        ("@stale <= @start", False, EVENT),
        ("@type < @start", False, EVENT),
        ("not (@type < @start)", False, EVENT),
        ('any(**/@callsign, . = "A")', True, EVENT),
        ("unique(remarks)", True, EVENT),
        ('remarks = "one"', True, EVENT),
        ('@type in ["a-f-G", "a-h-G"]', True, EVENT),
        ("exists(detail)", False, EVENT),
        ("a = 1", True, DATA),
        ("sum(a) = 3.50", False, DATA),
        ("count(a) = 3", True, DATA),
        ('/b/c = "y"', True, DATA),
        ("/a/1 = 2.5", True, DATA),
        ("/a/9 = 1", False, DATA),
        ("exists(b/d) and b/e", True, DATA),
        ("b/e = true", True, DATA),
        ("n = 7", False, DATA),
        ("number(n) * 2 + 1 = 15", True, DATA),
        ("length(b/c) = 1", True, DATA),
        ('lower("AbC") = "abc"', True, DATA),
        ('meta("sender") = "alpha"', True, DATA),
        ('meta("label") ~ "OP*"', True, DATA),
        ("a or true", False, DATA),
        ("false or true", True, DATA),
        ("x + 1 = 1", False, DATA),
        ("not x", False, DATA),
        ("x = y", True, DATA),
        ("a / 2 = 1", None, DATA),
        ("foo(1)", None, DATA),
        ("count(1)", None, DATA),
        ("(a", None, DATA),
        ('meta("id")', None, DATA),
        ("a = = 1", None, DATA),
        ("", None, DATA),
        ("a b", None, DATA),
        ('"open', None, DATA),
        ("if(a, b)", None, DATA),
        ("(" * 40 + "a" + ")" * 40, None, DATA),
        ("**/**/a = 1", None, DATA),
    ],
)
def test_a_rule_is_true_false_or_no_rule(rule: str, true: bool | None, model: Any) -> None:
    if true is None:
        with pytest.raises(Broken):
            made("rules", rules={"r": rule})
        return
    found = ask(made("rules", rules={"r": rule}), model)
    assert found == ("" if true else "the rule r is not true")


def test_arithmetic_is_exact_and_bounded() -> None:
    long = json({"a": [b"0." + b"1" * 50] * 3, "big": "9" * 60})
    assert ask(made("rules", rules={"r": "sum(a) < 0.34"}), long) == ""
    assert ask(made("rules", rules={"r": "number(big) * number(big) > 1"}), long) == "rule-broken"
    huge = json({"a": "1e999", "b": "1e-999"})
    answer = ask(made("rules", rules={"r": "number(a) + number(b) > 1"}), huge)
    assert answer == "rule-broken"
    assert ask(made("rules", rules={"r": "all(*, true)"}), json({"a": list(range(20_000))})) == (
        "rule-broken"
    )


@settings(max_examples=400, derandomize=True, database=None)
@given(st.text('aAnd()[]"=<>!~+-*.,/@ 01.', max_size=24))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        parse(text)
    except Broken:
        return
    assert ask(made("rules", rules={"r": text}), DATA) in (
        "",
        "the rule r is not true",
        "rule-broken",
    )


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("abc", "a*c", True),
        ("abc", "*", True),
        ("", "*", True),
        ("abc", "a?c", True),
        ("ac", "a?c", False),
        ("a" * 5000, "*a" * 200 + "b", False),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("", "", True),
    ],
)
def test_a_pattern_is_of_stars_and_marks(text: str, pattern: str, fits: bool) -> None:
    assert glob(text, pattern) is fits


PROSE = "The pump on the second deck was changed, and the crew wrote down what they saw. " * 8
BYTES = bytes(range(256))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (base64.b64encode(BYTES).decode(), "base64"),
        (base64.encodebytes(BYTES).decode(), "base64"),
        (base64.urlsafe_b64encode(BYTES).decode(), "base64"),
        (BYTES.hex(), "hexadecimal digits"),
        ("-----BEGIN PGP MESSAGE-----", "armoured content"),
        ("x\nbegin 644 a.exe\n", "armoured content"),
        (base64.b85encode(BYTES * 2).decode(), "text of high entropy"),
        (PROSE, ""),
        ("x" * 5000, ""),
        ("https://example.org/a/very/long/path/of/words/that/nobody/reads/at/all/today", ""),
        ("ab" * 100, ""),
        ("Alpha1\n" * 40, ""),
        ("0" * 300, ""),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 300))), "text of high entropy"),
    ],
)
def test_encoded_content_is_told_from_prose(text: str, what: str) -> None:
    found = ask(made("encoded"), json([text]))
    assert found == (f"{what} at text 1" if what else "")
    if "\n" in text:
        assert ask(made("encoded"), {"text": 1, "lines": text.split("\n")}).startswith(what)


def test_a_route_reads_a_place_in_any_model_and_refuses_what_no_rule_fits() -> None:
    rules = [
        {"queues": ["one", "two"], "place": "@kind", "value": "a*"},
        {"queues": ["three"], "place": "/kind/0", "value": "b", "sender": "al*"},
    ]
    run = made("route", rules=rules)
    xml = {"xml": 2, "prefixes": {}, "root": ["r", {"kind": "abc"}, []]}

    def queues(model: Any) -> str:
        answer = run(Message.make(META, close_model(model)))
        return answer.message.meta.queues if isinstance(answer, Changed) else str(answer)

    assert queues(xml) == "one,two"
    assert queues(json({"kind": ["b"]})) == "three"
    assert "no-route" in queues(json({"kind": "b"}))
    with pytest.raises(ValueError, match="not both"):
        made("route", rules=[{"queues": ["a"], "place": "b", "field": "c"}])


TWINS = ["ssn", "nhs", "npi", "card", "iban", "email"]
PARTS = [
    "123-45-6789",
    "943 476 5919",
    "9434765919",
    "943-476-5918",
    "1234567893",
    "4111 1111 1111 1111",
    "4111-1111-1111-1112",
    "378282246310005",
    "GB82 WEST 1234 5698 7654 32",
    "DE89370400440532013000",
    "a.b@example.org",
    "x",
    " ",
    "-",
    ".",
    "7",
    "12",
    "\u200b",
    "1",
    ", ",
    "+",
    "(",
    ")",
    "é",
    "@",
    "\u2011",
    "\u0661",
    "\u0332",
    "_",
]


@settings(max_examples=600, derandomize=True, database=None)
@given(st.lists(st.sampled_from(PARTS), max_size=5))
def test_what_the_source_finds_the_twin_finds_where_it_stands_alone(parts: list[str]) -> None:
    text = "|".join(parts)
    source = made("personal", kinds=TWINS)
    twin = made("personal_twin", kinds=TWINS, form="text")
    own = ask(source, {"text": 1, "lines": [text]})
    other = ask(twin_of(twin), text)
    assert bool(own) == bool(other), (text, own, other)


def twin_of(run: Run) -> Run:
    """The run over the bytes of a text that came as CBOR of the text alone."""

    def over(message: Message) -> Any:
        text = decode(message.payload)
        assert isinstance(text, str)
        return run(Message.make(META, text.encode()))

    return over
