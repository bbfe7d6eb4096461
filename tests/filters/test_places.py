"""What stands at a place in a model: what is wrapped there, and what a rule finds of it."""

from typing import Any

import pytest

from filters.formats.model_paths import ModelPath
from filters.formats.models import close_model
from schemas.errors import Malformed
from schemas.message import Message
from schemas.token_names import KEY_PREFIX
from tests.filters.test_content_checks import META, ask, json, made

DEEP = json(
    {
        "mixed": [1, [9999], {"x": 9999}],
        "deep": [[9999], {"x": 1}],
        "maps": [{"id": 1}, {"id": b"1.0"}, {"id": 2}],
        "map": {"x": 1},
        "none": [],
    }
)
NESTED = {
    "xml": 2,
    "prefixes": {},
    "root": ["r", {}, [["a", {}, [["b", {}, ["9999"]]]], ["a", {}, ["1"]], ["c", {}, []]]],
}


@pytest.mark.parametrize(
    ("rule", "true", "model"),
    [
        ("all(mixed, number(.) < 340)", False, DEEP),
        ("any(mixed, number(.) < 340)", True, DEEP),
        ("all(deep, number(.) < 340)", False, DEEP),
        ("all(map, number(.) < 340)", False, DEEP),
        ("count(mixed) = 3 and count(deep) = 2", True, DEEP),
        ("count(maps) = 3 and count(/maps) = 1", True, DEEP),
        ("count(none) = 0 and not exists(none)", True, DEEP),
        ("sum(mixed) > 0", False, DEEP),
        ("unique(maps/id)", False, DEEP),
        ("unique(mixed) and unique(maps)", True, DEEP),
        ("all(a, number(.) < 340)", False, NESTED),
        ("count(a) = 2 and not exists(c)", True, NESTED),
    ],
)
def test_a_rule_sees_all_that_is_at_a_place(rule: str, true: bool, model: Any) -> None:
    found = ask(made("rules", rules={"r": rule}), model)
    assert found == ("" if true else "the rule r is not true")


def test_a_path_within_all_does_not_search_the_message_again_for_each() -> None:
    """It took two minutes, when it did."""
    many = json({"items": [{"id": at, "a": {"b": {"c": at}}} for at in range(9_000)]})
    rule = "all(items/id, not exists(**/forbidden))"
    assert ask(made("rules", rules={"r": rule}), many) == ""
    twice = "all(items/id, count(items/id) = 9000)"
    assert ask(made("rules", rules={"r": twice}), many) == "rule-broken"


def xml(*content: Any, **attributes: str) -> dict[str, Any]:
    return {"xml": 2, "prefixes": {"p": "urn:p"}, "root": ["r", attributes, [*content]]}


PERSON = json({"person": [{"phone": "1", "name": "n"}, {"phone": {"x": "2"}}], "value": {"id": 1}})


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("person/phone", PERSON, json({"person": [{"name": "n"}, {}], "value": {"id": 1}})),
        ("value/id", PERSON, json({**PERSON["value"], "value": {}})),
        ("b", xml("t", ["b", {}, ["u"]], "v", ["c", {}, []]), xml("tv", ["c", {}, []])),
        ("c/b", xml(["c", {}, [["b", {}, []], "x", ["b", {}, []]]]), xml(["c", {}, ["x"]])),
        ("c/@k", xml(["c", {"k": "1", "m": "2"}, []]), xml(["c", {"m": "2"}, []])),
        ("@k", xml(k="1"), xml()),
        ("p:c", xml(["p:c", {}, ["1"]], ["c", {}, []]), xml(["c", {}, []])),
        ("other", xml("t"), "nothing to redact"),
        ("a", {"csv": 1, "header": ["a"], "rows": [["1"]]}, "model-shape"),
        ("lines", {"text": 1, "lines": ["a"]}, "model-shape"),
    ],
)
def test_what_is_at_a_path_is_dropped_from_every_model_that_has_paths(
    path: str, before: Any, after: Any
) -> None:
    assert ask(made("redact", paths=[path]), before) == after


@pytest.mark.parametrize(
    ("field", "model"),
    [
        ("kind", json({"kind": "secret"})),
        ("a/kind", json({"a": [{"other": 1}, {"kind": "secret"}]})),
        ("@kind", xml(kind="secret")),
        ("kind", xml(["kind", {}, ["secret"]])),
        ("a/@kind", xml(["a", {"kind": "secret"}, []])),
        (
            "kind",
            {"cot": 1, "event": {}, "point": {}, "detail": [["kind", {}, "secret"]]},
        ),
    ],
)
def test_a_path_reads_and_writes_what_redact_would_drop(field: str, model: Any) -> None:
    path = ModelPath.parse(field)
    assert path.read(model) == "secret"
    assert path.write(model, "open")
    assert path.read(model) == "open"
    assert not path.write(model, "open")
    assert path.drop(model) >= 1
    assert path.read(model) is None


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("p", json({"p": ["x", ["y"], {"n": "z"}]}), json({"p": ["*****"] * 3})),
        ("p", json({"p": [["y"], {"n": "z"}]}), json({"p": "*****"})),
        ("p", json({"p": {"n": "wxyz"}}), json({"p": "*****"})),
        ("p", json({"p": True}), json({"p": "*****"})),
        (
            "b",
            {"xml": 2, "prefixes": {}, "root": ["a", {}, [["b", {"k": "1"}, [["c", {}, ["y"]]]]]]},
            {"xml": 2, "prefixes": {}, "root": ["a", {}, [["b", {"k": "1"}, ["*****"]]]]},
        ),
        (
            "b",
            {
                "xml": 2,
                "prefixes": {},
                "root": ["a", {}, [["b", {}, ["x", ["c", {"k": "y"}, []]]]]],
            },
            {"xml": 2, "prefixes": {}, "root": ["a", {}, [["b", {}, ["*****"]]]]},
        ),
        (
            "b",
            {"cot": 1, "event": {}, "point": {}, "detail": [["b", {}, [["c", {"k": "y"}, ""]]]]},
            {"cot": 1, "event": {}, "point": {}, "detail": [["b", {}, "*****"]]},
        ),
    ],
)
def test_what_is_wrapped_is_masked_and_neither_sealed_nor_made_less_exact(
    place: str, before: Any, after: Any
) -> None:
    assert ask(made("mask", places=[{"place": place, "keep_last": 2}]), before) == after
    dropped = ask(made("mask", places=[{"place": place, "action": "drop"}]), before)
    assert "y" not in str(dropped)
    assert ask(made("generalise", places=[{"place": place, "to": "year"}]), before) == "model-shape"
    sealing = made("pseudonymize", {f"{KEY_PREFIX}1": bytes(32)}, places=[{"place": place}])
    if before != json({"p": True}):
        assert ask(sealing, before) == "model-shape"


@pytest.mark.parametrize(
    "model",
    [
        xml(["label", {}, [["b", {}, ["SECRET"]]]], ["label", {}, ["UNCLASSIFIED"]]),
        xml(["label", {}, ["UNCLASSIFIED"]], ["label", {}, ["SECRET"]]),
        json([{"label": ["SECRET"]}, {"label": "UNCLASSIFIED"}]),
        json([{"label": "UNCLASSIFIED"}, {"label": "SECRET"}]),
        json({"label": {"is": "SECRET"}}),
        json({"label": 7}),
    ],
)
def test_a_path_that_leads_to_more_than_one_text_gives_none_of_them(model: Any) -> None:
    """Whichever was taken, the other could be what counts to who reads the message."""
    with pytest.raises(Malformed, match="more than one text"):
        ModelPath.parse("label").read(model)
    for asked in ({"field": "label"}, {"place": "label"}):
        rules = [{**asked, "value": "SECRET", "queues": ["s"]}, {"queues": ["d"]}]
        with pytest.raises(Malformed, match="more than one text"):
            made("route", rules=rules)(Message.make(META, close_model(model)))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (json([{"label": "X"}, {"label": None}, {}, {"label": "X"}]), "X"),
        (xml(["label", {}, []], ["label", {}, ["X"]]), "X"),
        (json({}), None),
    ],
)
def test_a_path_reads_one_text_however_often_it_stands_there(model: Any, text: str | None) -> None:
    assert ModelPath.parse("label").read(model) == text


def test_a_rule_takes_no_value_beside_one_that_it_cannot_see() -> None:
    for mixed in ([1, [9999]], [1, {"x": 9999}]):
        run = made("rules", rules={"slow": "number(speed) < 340"})
        assert ask(run, json({"speed": mixed})) == "the rule slow is not true"
        assert ask(run, json({"speed": [1, 2]})) == ""
