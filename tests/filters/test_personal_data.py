"""Personal data beside other signs and behind disguises: both sides find it, redaction takes it."""

import pytest

from schemas.cbor import encode
from schemas.message import Message
from tests.filters.test_content_checks import KINDS, META, TWINS, ask, json, made, twin_of

PERSONAL = made("personal", kinds=KINDS)
REDACT = made("redact_text", kinds=KINDS)


@pytest.mark.parametrize(
    ("text", "kind", "redacted"),
    [
        ("4111 1111 1111 1111 12/27", "card", "[card] 12/27"),
        ("4111111111111111 123", "card", "[card] 123"),
        ("4111-1111-1111-1111 20 EUR", "card", "[card] 20 EUR"),
        ("12 4111 1111 1111 1111 1", "card", "12 [card] 1"),
        ("3782 822463 10005 123", "card", "[card] 123"),
        ("BA391290079401028494 2024", "iban", "[iban] 2024"),
        ("AT611904300234573201 BANK", "iban", "[iban] BANK"),
        ("AB12 AT61 1904 3002 3457 3201 BANK", "iban", "AB12 [iban] BANK"),
        ("12 943 476 5919 20", "nhs", "12 [nhs] 20"),
        ("1 1234567893 20", "npi", "1 [npi] 20"),
        ("00 123-45-6789 20", "ssn", "00 [ssn] 20"),
        ("+49 30 12345678 12345 11", "phone", "[phone] 12345 11"),
        ("33UXP 1234 123", "coordinates", "[coordinates] 123"),
    ],
)
def test_other_numbers_beside_a_hit_do_not_hide_it(text: str, kind: str, redacted: str) -> None:
    assert ask(PERSONAL, json([text])) == f"{kind} at text 1"
    assert ask(REDACT, json([text]))["value"] == [redacted]
    if kind in TWINS:
        twin = made("personal_twin", kinds=[kind], form="text")
        assert ask(twin_of(twin), text) == f"{kind} in the file"


@pytest.mark.parametrize(
    ("text", "kind", "redacted"),
    [
        ("so 123\u201145\u20116789.", "ssn", "so [ssn]."),
        ("123\u201045\u20106789", "ssn", "[ssn]"),
        ("123–45–6789 – é", "ssn", "[ssn] – é"),
        ("9\u221221\u2212", "", ""),
        ("١٢٣-٤٥-٦٧٨٩ ١", "ssn", "[ssn] ١"),
        ("हिन्दी १२३-४५-६७८९", "ssn", "हिन्दी [ssn]"),
        ("e\u0301 1\u033223-45-6789\u0332 e\u0301", "ssn", "e\u0301 [ssn] e\u0301"),
        ("1\u20dd23-45-6789", "ssn", "[ssn]"),
        ("12\ufff93-45-6789", "ssn", "[ssn]"),
        ("12\U0001d1733-45-6789", "ssn", "[ssn]"),
        ("\u200b12\u200b3-45-6789\u200b\u200b", "ssn", "\u200b[ssn]"),
        ("_123-45-6789_", "ssn", "_[ssn]_"),
        ("ssn_123-45-6789", "ssn", "ssn_[ssn]"),
        ("n4111111111111111", "", ""),
        ("*Mail:* _jane@example.com_", "email", "*Mail:* _[email]_"),
        ("to jane@müller.de!", "email", "to [email]!"),
        ("“jane@пример.рф”", "email", "“[email]”"),
        ("jane@xn--e1afmkfd.xn--p1ai", "email", "[email]"),
        ("—jürgen@example.com", "email", "—[email]"),
        ("'o'brien@example.com'", "email", "'[email]'"),
        ("é@example.com", "email", "[email]"),
        ("jane@例子.com，谢谢", "email", "[email]，谢谢"),
        ("a@b", "", ""),
        ("48.13743112345678, 11.57549012345678", "coordinates", "[coordinates]"),
    ],
)
def test_what_is_written_another_way_is_found_and_the_rest_stays(
    text: str, kind: str, redacted: str
) -> None:
    if not kind:
        assert ask(PERSONAL, json([text])) == ""
        assert ask(REDACT, json([text])) == "nothing to redact"
        return
    assert ask(PERSONAL, json([text])) == f"{kind} at text 1"
    assert ask(REDACT, json([text]))["value"] == [redacted]
    if kind in TWINS:
        twin = made("personal_twin", kinds=[kind], form="text")
        assert ask(twin_of(twin), text) == f"{kind} in the file"


def test_a_number_of_json_is_redacted_and_other_numbers_of_a_model_are_not() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}
    data = {"card": 4111111111111111, "b": [b"4111111111111111.5", 12, True, b"1.5", None]}
    gone = {"card": "[card]", "b": ["[card].5", 12, True, b"1.5", None]}
    assert ask(REDACT, json(data))["value"] == gone
    assert ask(REDACT, {**event, "data": data}) == {**event, "data": gone}
    own = made("redact_text", patterns=[{"name": "own", "pattern": "1|alpha"}])
    assert ask(own, json({"alpha": [1, "alpha"]})) == json({"alpha": ["[own]", "[own]"]})
    assert ask(own, {"text": 1, "lines": ["a"]}) == "nothing to redact"
    kept = {"cot": 1, "event": {}, "point": {}, "detail": [["a", {}, "alpha"]]}
    assert ask(own, kept) == {**kept, "detail": [["a", {}, "[own]"]]}


def test_a_long_match_of_an_own_pattern_is_judged_too() -> None:
    own = [{"name": "own", "pattern": r"\b[A-Z0-9]{15,}\b", "check": "mod97"}]
    run = made("personal", patterns=own)
    assert ask(run, json(["A" * 3000])) == ""
    assert ask(run, json(["0001" + "0" * 5000])) == "own at text 1"
    assert ask(run, json(["0002" + "0" * 5000])) == ""


@pytest.mark.parametrize(
    "text", ["a@" + "b." * 600 + "de", "1." + "9" * 1030 + ", 2." + "9" * 1030, "DE89" + "A" * 2000]
)
def test_what_is_longer_than_a_candidate_may_be_is_no_hit_and_no_failure(text: str) -> None:
    for run in (PERSONAL, REDACT):
        run(Message.make(META, encode(json([text]))))
