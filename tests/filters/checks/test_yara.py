"""YARA rules: what is found where, what is told of it, and which rules are not taken."""

from typing import Any

import pytest

from filters import catalog
from schemas.cbor import CborValue, encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.reasons import Reason
from schemas.stage import Run
from schemas.verdict import Hold, Pass, Refuse

META = Meta(id="a" * 32, flow="f", sender="alpha", name="x", accepted_s=1_780_000_000, label="OPEN")
RULES = """
rule needle { strings: $a = "needle" condition: $a }
rule tail { strings: $a = { 00 11 22 [0-4] 33 } condition: $a at 0 }
private rule helper { strings: $a = "helped" condition: $a }
rule helped { condition: helper }
"""


def made(rules: str | bytes = RULES, **parameters: Any) -> Run:
    stage = catalog.load("yara")
    raw = rules.encode() if isinstance(rules, str) else rules
    return stage.make(stage.parameters.model_validate(parameters), {"rules.yar": raw})


def told(run: Run, payload: bytes, meta: Meta = META) -> str:
    answer = run(Message.make(meta, payload))
    if isinstance(answer, Refuse):
        assert answer.reason is Reason.YARA_RULE
        return answer.sentence
    assert answer == Pass()
    return ""


def test_a_rule_is_told_with_its_place_and_never_with_what_stands_there() -> None:
    run = made(payload=False)
    model: CborValue = {
        "json": 1,
        "value": {"a": ["hay", "a needle here"], "b": [b"hay", b"\x00\x11\x22\x33"]},
    }
    assert told(run, encode(model)) == "needle at text 3, tail at byte string 2"
    lines = encode({"text": 1, "lines": ["hay", "hay", "needle"]})
    assert told(run, lines) == "needle at line 3"
    table = encode({"csv": 1, "header": ["a", "b"], "rows": [["1", "2"], ["3", "needle"]]})
    assert told(run, table) == "needle at row 2 column 2"
    assert told(run, encode({"json": 1, "value": "hay"})) == ""
    assert told(run, encode({"json": 1, "value": "helped"})) == "helped at text 1"


def test_the_payload_is_searched_as_it_stands_before_a_rebuild() -> None:
    run = made(model=False)
    assert told(run, b"<a>needle</a>") == "needle at the payload"
    assert told(run, b"<a/>") == ""
    assert told(made(payload=False, model=False), b"needle") == ""


def test_a_disguised_text_is_searched_in_its_compatibility_form() -> None:
    model = encode({"json": 1, "value": "\uff4ee\u200bedle"})
    assert told(made(payload=False), model) == "needle at text 1"


def test_names_and_declarations_are_searched() -> None:
    meta = Meta(**{**{n: getattr(META, n) for n in Meta.__dataclass_fields__}, "type": "needle"})
    payload = encode({"json": 1, "value": 1})
    assert told(made(), payload, meta) == "needle at its type"
    assert told(made(names=False), payload, meta) == ""


def test_the_policy_may_have_hits_held() -> None:
    answer = made(found="hold")(Message.make(META, encode({"json": 1, "value": "needle"})))
    assert isinstance(answer, Hold)


def test_a_payload_that_is_no_model_is_refused_where_a_model_is_to_be() -> None:
    with pytest.raises(Malformed):
        made()(Message.make(META, b"<a/>"))


def test_many_rules_are_told_as_far_as_the_sentence_goes() -> None:
    rules = "\n".join(f"rule number_{n:03} {{ condition: filesize > 0 }}" for n in range(200))
    sentence = told(made(rules, model=False), b"x")
    assert sentence.startswith("number_000 at the payload, ")
    assert sentence.endswith(" more")
    assert len(sentence) < 240


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ('include "/etc/passwd"', "include"),
        ('import "time" rule a { condition: time.now() > 5 }', "the module time"),
        ('import "console" rule a { condition: console.log("a") }', "the module console"),
        ('import "vt" rule a { condition: true }', "the module vt"),
        ('import "cuckoo" rule a { condition: true }', "the module cuckoo"),
        ('rule a { strings: $a = "a" condition: $a }', "slow pattern"),
        ("rule a { condition: for any i in (0..filesize) : (uint8(i) == 7) }", "slow loop"),
        ("rule a { condition: ", "syntax error"),
        (b"rule \xff", "UTF-8"),
        (b" " * (8 * 1024 * 1024 + 1), "larger than 8 MiB"),
    ],
)
def test_rules_that_are_not_pure_bounded_or_sound_are_not_taken(
    rules: str | bytes, why: str
) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        made(rules)
    assert caught.value.reason is Reason.POLICY_MALFORMED


def test_a_stage_that_would_search_nothing_is_not_made() -> None:
    with pytest.raises(ValueError, match="nothing is to be searched"):
        made(payload=False, model=False, names=False)
