"""The order rule: which chains a policy may have, and what is said of the others."""

import pytest

from schemas.policy_order import Step, order_faults
from schemas.stage import Kind, Side

SOURCE = (
    "identify", "bounds", "recognise", "normalize", "transform",
    "recognise", "bounds", "schema", "label", "words", "route",
)  # fmt: skip
DESTINATION = ("bounds", "recognise", "normalize", "schema", "label", "words", "route")
KINDS = {"normalize": Kind.NORMALIZE, "transform": Kind.TRANSFORM, "route": Kind.ROUTE}


def step(word: str, at: int, side: Side = Side.BOTH) -> Step:
    none = word in ("normalize", "transform", "other")
    duties = frozenset() if none else frozenset(word.split("+"))
    return Step(f"{word}_{at}", word, KINDS.get(word, Kind.FILTER), side, duties)


def faults(side: Side, words: tuple[str, ...]) -> list[str]:
    return order_faults(side, [step(word, at) for at, word in enumerate(words)])


def test_the_order_of_the_design_is_right_on_both_sides() -> None:
    assert faults(Side.SOURCE, SOURCE) == []
    assert faults(Side.DESTINATION, DESTINATION) == []


def test_a_recogniser_of_the_whole_format_stands_for_the_schema_too() -> None:
    words = tuple(word for word in SOURCE if word != "schema")
    whole = tuple("recognise+schema" if word == "recognise" else word for word in words)
    assert faults(Side.SOURCE, whole) == []
    assert any("schema check" in sentence for sentence in faults(Side.SOURCE, words))
    far = ("bounds", "recognise", "normalize", "recognise+schema", "label", "words", "route")
    assert faults(Side.DESTINATION, far) == []
    late = (*whole[:5], "bounds", "label", "recognise+schema", "words", "route")
    assert any("label_6" in sentence for sentence in faults(Side.SOURCE, late))


def test_a_chain_without_identify_and_with_further_filters_is_right() -> None:
    words = ("recognise", "bounds", "other", *SOURCE[3:10], "other", "route")
    assert faults(Side.SOURCE, words) == []


@pytest.mark.parametrize("at", range(1, len(SOURCE)))
def test_no_mandatory_stage_of_the_source_chain_can_be_left_out(at: int) -> None:
    found = faults(Side.SOURCE, SOURCE[:at] + SOURCE[at + 1 :])
    assert bool(found) == (SOURCE[at] != "transform")


@pytest.mark.parametrize("at", range(len(DESTINATION)))
def test_no_stage_of_the_destination_chain_can_be_left_out(at: int) -> None:
    assert faults(Side.DESTINATION, DESTINATION[:at] + DESTINATION[at + 1 :])


@pytest.mark.parametrize("side", [Side.SOURCE, Side.DESTINATION])
def test_nothing_changes_after_the_final_checks(side: Side) -> None:
    words = SOURCE if side is Side.SOURCE else DESTINATION
    found = faults(side, (*words[:-1], "transform", "route"))
    assert any("a word check" in sentence and "transform_" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("words", *SOURCE), "stage words_0 of the source chain comes before size bounds and"),
        (("bounds", "label", *SOURCE[2:]), "label_1 of the source chain comes before a recogniser"),
        (("bounds", "transform", *SOURCE[2:]), "needs a recogniser before stage transform_1"),
        (
            ("bounds", "recognise", "transform", *SOURCE[3:]),
            "transform_2 of the source chain changes the message before any normalize",
        ),
        ((*SOURCE[:5], "identify", *SOURCE[5:]), "identify_5 of the source chain looks at the"),
        (
            (*SOURCE[:5], "schema", "recognise", "bounds", "label", "words", "route"),
            "schema_5 of the source chain comes before size bounds and a recogniser",
        ),
        ((*SOURCE[:8], "route", *SOURCE[8:]), "route_8 of the source chain is a route"),
        ((*SOURCE[:10], "words"), "must end with a route, and ends with stage words_10"),
        (("bounds", "recognise", "route"), "has no normalize stage"),
        (("route",), "has no normalize stage"),
    ],
)
def test_a_wrong_order_is_named(words: tuple[str, ...], said: str) -> None:
    assert any(said in sentence for sentence in faults(Side.SOURCE, words))


def test_two_checks_in_one_stage_count_for_neither() -> None:
    steps = [step(word, at) for at, word in enumerate(SOURCE[:8])]
    steps.append(Step("both", "both", Kind.FILTER, Side.BOTH, frozenset({"label", "words"})))
    steps.append(step("route", 9))
    found = order_faults(Side.SOURCE, steps)
    assert len(found) == 2
    assert all("as a stage of its own" in sentence for sentence in found)


def test_a_stage_of_the_other_side_is_refused() -> None:
    steps = [step(word, at) for at, word in enumerate(SOURCE)]
    steps[5] = step("recognise", 5, Side.DESTINATION)
    assert order_faults(Side.SOURCE, steps) == [
        "stage recognise_5 of the source chain: recognise is for the destination side"
    ]
