"""Masks, redaction and less exact values: what each does to models of every format."""

from typing import Any

import pytest

from schemas.stage import Run
from tests.filters.test_content_checks import DATA, EVENT, ask, json, made


@pytest.mark.parametrize(
    ("places", "before", "after"),
    [
        ([{"place": "b/c"}], DATA, ("b", "c", "*****")),
        (
            [{"place": "/b/c", "keep_last": 1, "sign": "#", "signs": 2}],
            json({"b": {"c": "abcd"}}),
            ("b", "c", "##d"),
        ),
        ([{"place": "/b/c", "keep_last": 1}], json({"b": {"c": "ab"}}), ("b", "c", "*****")),
    ],
)
def test_a_value_is_masked(places: Any, before: Any, after: tuple[str, str, str]) -> None:
    found = ask(made("mask", places=places), before)["value"]
    assert found[after[0]][after[1]] == after[2]


def test_values_are_dropped_and_masked_in_every_model() -> None:
    def run(place: str, action: str = "drop") -> Run:
        return made("mask", places=[{"place": place, "action": action}])

    assert ask(run("b/*"), DATA)["value"]["b"] == {}
    assert ask(run("a"), json({"a": ["x", "y"]}))["value"] == {"a": ["", ""]}
    assert ask(run("**/c"), DATA)["value"]["b"] == {"d": None, "e": True}
    cot = ask(run("remarks"), EVENT)
    assert cot["detail"][2:] == [["remarks", {}, ""], ["remarks", {}, ""]]
    assert ask(run("contact/@callsign"), EVENT)["detail"][0] == ["contact", {}, ""]
    assert ask(run("point/@lat", "mask"), EVENT)["point"]["lat"] == "*****"
    xml = {"xml": 2, "prefixes": {}, "root": ["a", {"i": "1"}, ["t", ["b", {}, ["u"]], "v"]]}
    assert ask(run("b"), xml)["root"][2] == ["t", ["b", {}, []], "v"]
    assert ask(run("@i"), xml)["root"][1] == {}
    table = {"csv": 1, "header": ["a", "b"], "rows": [["1", "2"], ["3", "4"]]}
    assert ask(run("b"), table)["rows"] == [["1", ""], ["3", ""]]
    assert ask(run("lines", "mask"), {"text": 1, "lines": ["x"]})["lines"] == ["*****"]
    assert ask(run("nowhere"), DATA) == "nothing to mask"


def test_text_is_redacted_in_place_and_names_are_not() -> None:
    run = made(
        "redact_text", kinds=["email", "card"], patterns=[{"name": "c", "pattern": "element"}]
    )
    found = ask(run, json({"k@b.org": ["to a.b@example.org, 4111 1111 1111 1111!", "none"]}))
    assert found["value"] == {"k@b.org": ["to [email], [card]!", "none"]}
    xml = {"xml": 2, "prefixes": {}, "root": ["element", {"i": "a@b.org"}, ["the element"]]}
    assert ask(run, xml)["root"] == ["element", {"i": "[email]"}, ["the [c]"]]
    assert ask(run, json(["nothing"])) == "nothing to redact"
    again = made("redact_text", kinds=["email"], by="(gone)")
    once = ask(again, json(["a@b.org c@d.org"]))
    assert once["value"] == ["(gone) (gone)"]
    assert ask(again, once) == "nothing to redact"


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ({"to": "month"}, "2026-05-14", "2026-05-01"),
        ({"to": "year"}, "2026-05-14", "2026-01-01"),
        ({"to": "month"}, "2026-05-14T06:07:08.5+02:00", "2026-05-01T00:00:00Z"),
        ({"to": "grid", "step": "0.1"}, "48.2082", "48.2"),
        ({"to": "grid", "step": "0.1"}, "-48.2082", "-48.3"),
        ({"to": "grid", "step": "0.25"}, "48.2082", "48.00"),
        ({"to": "grid", "step": "10"}, 48, 40),
        ({"to": "grid", "step": "0.1"}, b"48.2082", b"48.2"),
        ({"to": "grid", "step": "0.1"}, "-0.0", "0.0"),
        ({"to": "band", "step": "10"}, 47, "40-49"),
        ({"to": "band", "step": "5", "top": "90"}, "93", "90+"),
        ({"to": "month"}, "in May", "model-shape"),
        ({"to": "grid", "step": "1"}, "north", "model-shape"),
        ({"to": "band", "step": "10"}, -3, "model-shape"),
        ({"to": "month"}, True, "model-shape"),
        ({"to": "month"}, "", ""),
    ],
)
def test_a_value_becomes_less_exact_or_the_message_is_refused(
    rule: Any, before: Any, after: Any
) -> None:
    run = made("generalise", places=[{"place": "v", **rule}])
    found = ask(run, json({"v": before}))
    if isinstance(found, dict):
        assert found["value"]["v"] == after
        assert ask(run, found) in ("nothing to generalise", "model-shape")
    else:
        assert found == after or (before == "" and found == "nothing to generalise")
