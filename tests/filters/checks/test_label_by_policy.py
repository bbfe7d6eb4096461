"""The stages `map_label`, `check_label` and `check_label_twin`, alone and against each other."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from filters import catalog
from schemas.cbor import decode_recognised, encode
from schemas.errors import Malformed
from schemas.message import Message
from schemas.stage import Run
from schemas.verdict import Answer, Changed, Hold, Pass, Refuse
from tests.filters.conftest import MakeMessage, changed, message, refused
from tests.schemas.label.policies import NAMES, document

DOCUMENTS = {name.lower(): document(name) for name in NAMES}
MODEL = {"cot": 1, "event": {"type": "a-f"}, "point": {"lat": "1"}, "detail": []}
FRENCH = {
    "holder": "French", "classifications": ["UNCLASSIFIED", "RESTRICTED"],
    "categories": {"Releasable To": ["FRA"]},
}  # fmt: skip
SET = "KESTRIA RESTRICTED//REL TO FRA, GBR || ALLIANCE RESTRICTED//REL TO FRA, GBR"


def stage(name: str, **parameters: object) -> Run:
    found = catalog.load(name)
    run = found.make(found.parameters.model_validate(parameters), DOCUMENTS)

    def ask(asked: Message) -> Answer:
        try:
            return run(asked)
        except Malformed as error:
            return Refuse(error.reason, error.sentence)

    return ask


def mapping(**more: object) -> Run:
    given = {"from_document": "kestria", "to_policy": "alliance", "path": "@access"}
    return stage("map_label", **given | more)


def checking(**more: object) -> Run:
    given = {"policy_document": "alliance", "origin_policy": "kestria", "clearances": [FRENCH]}
    return stage("check_label", **given | more)


def twin(**more: object) -> Run:
    given = {"policy_document": "alliance", "origin_policy": "kestria", "clearances": [FRENCH]}
    return stage("check_label_twin", **given | more)


def event(label: str, written: str | None = None) -> Message:
    model: dict[str, Any] = {**MODEL, "event": {"type": "a-f"}}
    if written is not None:
        model["event"]["access"] = written
    return message(encode(model), label)


def why(answer: Answer) -> str:
    """The rule that the answer's sentence names, "" for a pass."""
    if isinstance(answer, Refuse | Hold):
        return answer.sentence.rpartition("[")[2].partition(",")[0]
    return ""


def test_the_originators_label_stays_beside_the_one_it_becomes() -> None:
    answer = changed(mapping()(event("restricted // rel to gbr,fra")))
    assert answer.message.meta.label == SET
    model: Any = decode_recognised(answer.message.payload)
    assert model["event"]["access"] == "ALLIANCE RESTRICTED//REL TO FRA, GBR"
    assert answer.note == "ALLIANCE RESTRICTED//REL TO FRA, GBR: by E2 to E6"


@pytest.mark.parametrize(
    ("label", "written", "rule"),
    [
        ("RESTRICTED", None, ""), ("", "RESTRICTED", ""), ("RESTRICTED", "kestria restricted", ""),
        ("RESTRICTED", "SECRET", "B1"), ("", None, "B2"), ("COSMIC", None, "V3"),
        ("SECRET//GRANITE", None, "E3"), ("TOP SECRET//ORCHID", None, "E2"),
        ("TOP SECRET", None, "V11"), ("OFFICIAL", None, "V4"), ("X", "Y", "V3"),
        ("ALLIANCE SECRET", None, "V3"), ("KESTRIA SECRET || ALLIANCE SECRET", None, "V3"),
    ],
)  # fmt: skip
def test_mapping_or_a_refusal_by_rule(label: str, written: str | None, rule: str) -> None:
    answer = mapping()(event(label, written))
    assert why(answer) == rule
    assert isinstance(answer, Refuse if rule else Changed)


def test_what_has_no_label_gets_the_flows_default_and_the_verdict_says_so() -> None:
    run = mapping(default="UNCLASSIFIED", also={"Undefined": "UNCLASSIFIED", "N/A": "RESTRICTED"})
    answer = changed(run(event("")))
    assert answer.message.meta.label == "KESTRIA UNCLASSIFIED || ALLIANCE UNCLASSIFIED"
    assert answer.note.endswith("assigned (B2)")
    assert changed(run(event("", "uNdefined"))).note.endswith("by E2 to E6")
    assert "RESTRICTED" in changed(run(event("n/a"))).message.meta.label
    assert why(run(event("undefined", "n/a"))) == "B1"


def test_the_source_domains_ceiling() -> None:
    held = {"classifications": ["UNCLASSIFIED", "RESTRICTED"],
            "categories": {"Releasable To": ["FRA", "GBR"]}}  # fmt: skip
    run = mapping(ceiling=[held])
    assert why(run(event("RESTRICTED//REL TO FRA"))) == ""
    assert why(run(event("SECRET"))) == "A4"
    assert why(run(event("RESTRICTED//ORCHID"))) == "A5"
    assert why(run(event("RESTRICTED//REL TO USA"))) == "A6"


def test_without_another_policy_a_label_gets_its_one_spelling() -> None:
    run = stage("map_label", from_document="beacon", path="@access")
    answer = changed(run(event("amber // for members")))
    assert answer.message.meta.label == "BEACON AMBER//FOR MEMBERS"
    assert isinstance(run(answer.message), Pass)


def test_labels_longer_than_metadata_holds_are_refused() -> None:
    nations = "SECRET//ORCHID//REL TO DEU, FRA, GBR, KST, NOR, USA//EXERCISE, MEDICAL, STAFF"
    assert len(changed(mapping()(event(nations))).message.meta.label) <= 256
    label = "STRICTLY CONFIDENTIAL//FOR SECURITY TEAM" + " " * 200
    run = stage("map_label", from_document="meridian", to_policy="beacon")
    assert isinstance(run(message(b"", label)), Changed)


@pytest.mark.parametrize("check", [checking, twin], ids=["check_label", "check_label_twin"])
@pytest.mark.parametrize(
    ("label", "rule"),
    [
        (SET, ""),
        ("KESTRIA RESTRICTED//STAFF || ALLIANCE RESTRICTED", ""),
        ("", "B2"),
        ("KESTRIA SECRET || ALLIANCE SECRET", "A4"),
        ("KESTRIA RESTRICTED//ORCHID || ALLIANCE RESTRICTED//BALTIC", "A5"),
        ("KESTRIA RESTRICTED//REL TO USA || ALLIANCE RESTRICTED//REL TO USA", "A6"),
        ("KESTRIA SECRET || ALLIANCE RESTRICTED", "E7"),  # lowered on the way
        ("KESTRIA RESTRICTED//REL TO USA || ALLIANCE RESTRICTED//REL TO FRA", "E7"),
        ("KESTRIA RESTRICTED//ORCHID || ALLIANCE RESTRICTED", "E7"),
        ("ALLIANCE RESTRICTED || KESTRIA RESTRICTED", "E7"),
        ("ALLIANCE RESTRICTED", "E7"), ("KESTRIA RESTRICTED", "E7"),
        ("KESTRIA TOP SECRET//ORCHID || ALLIANCE RESTRICTED", "E2"),
        ("KESTRIA SECRET//GRANITE || ALLIANCE SECRET", "E3"),
        ("KESTRIA OFFICIAL || ALLIANCE RESTRICTED", "V4"),
        ("KESTRIA RESTRICTED || BEACON AMBER", "V1"), ("RESTRICTED", "V1"),
    ],
)  # fmt: skip
def test_both_sides_find_the_same_rule(check: Any, label: str, rule: str) -> None:
    assert why(check()(message(b"", label))) == rule


@pytest.mark.parametrize("check", [checking, twin], ids=["check_label", "check_label_twin"])
def test_every_clearance_behind_the_destination_must_be_granted(check: Any) -> None:
    british = {**FRENCH, "holder": "British", "categories": {"Releasable To": ["GBR"]}}
    run = check(clearances=[FRENCH, british])
    assert why(run(message(b"", SET))) == ""
    french = "KESTRIA RESTRICTED//REL TO FRA || ALLIANCE RESTRICTED//REL TO FRA"
    answer = refused(run(message(b"", french)))
    assert "British" in answer.sentence
    ended = {**FRENCH, "not_after": "2020-01-01T00:00:00Z"}
    assert why(check(clearances=[ended])(message(b"", SET))) == "A2"


@pytest.mark.parametrize("check", [checking, twin], ids=["check_label", "check_label_twin"])
def test_a_release_may_have_to_be_said(check: Any) -> None:
    run = check(explicit=["Releasable To"])
    assert why(run(message(b"", SET))) == ""
    silent = "KESTRIA RESTRICTED || ALLIANCE RESTRICTED"
    assert why(check()(message(b"", silent))) == ""
    assert why(run(message(b"", silent))) == "R2"
    for wrong in ("Compartment", "Nothing"):
        with pytest.raises(Malformed, match="R2"):
            check(explicit=[wrong])


def test_old_labels_may_be_let_through() -> None:
    old = "OFFICIAL//REL TO FRA"
    assert why(mapping()(event(old))) == "V4"
    mapped = changed(mapping(obsolete=False)(event(old))).message
    assert mapped.meta.label.endswith("|| ALLIANCE RESTRICTED//REL TO FRA")
    for check in (checking, twin):
        assert why(check()(mapped)) == "V4"
        assert why(check(obsolete=False)(mapped)) == ""


def test_what_does_not_go_unattended_is_held() -> None:
    run = checking(unattended=["UNCLASSIFIED"])
    answer = run(message(b"", SET))
    assert isinstance(answer, Hold)
    assert (answer.reason, why(answer)) == ("label-review", "R1")
    below = "KESTRIA UNCLASSIFIED || ALLIANCE UNCLASSIFIED"
    assert isinstance(run(message(b"", below)), Pass)
    above = "KESTRIA SECRET || ALLIANCE SECRET"
    assert isinstance(run(message(b"", above)), Refuse)  # people cannot release this either
    with pytest.raises(Malformed, match="V3"):
        checking(unattended=["COSMIC"])


def test_the_payload_carries_the_same_label() -> None:
    run = checking(path="@access")
    there = "ALLIANCE RESTRICTED//REL TO FRA, GBR"
    assert why(run(event(SET, there))) == ""
    for other in (None, "ALLIANCE RESTRICTED", "KESTRIA RESTRICTED//REL TO FRA, GBR", "x"):
        assert isinstance(run(event(SET, other)), Refuse)
    xml = b'<event access="%s"/>'
    twins = twin(attribute="access", form="xml")
    assert why(twins(message(xml % there.encode(), SET))) == ""
    for other in ("ALLIANCE RESTRICTED", there.lower(), there + " ", "x"):
        assert why(twins(message(xml % other.encode(), SET))) == "B1"


@pytest.mark.parametrize("check", [checking, twin], ids=["check_label", "check_label_twin"])
def test_a_clearance_that_the_policy_does_not_know_is_a_fault_of_the_flows_policy(
    check: Any,
) -> None:
    for more in ({"classifications": ["COSMIC"]}, {"categories": {"Releasable To": ["NOBODY"]}},
                 {"categories": {"Nothing": ["FRA"]}}):  # fmt: skip
        with pytest.raises(Malformed, match="A3"):
            check(clearances=[{**FRENCH, **more}])


CHANGES = ["KESTRIA", "ALLIANCE", "SECRET", "RESTRICTED", "UNCLASSIFIED", "//", "||", " || ", ",",
           ", ", "FRA", "GBR", "USA", "REL TO ", "BALTIC", "ORCHID", " ", "é", "Е", "\u200b",
           "STAFF", "MEDICAL", "\x00", "/", "|"]  # fmt: skip


def mutated(chance: Random, text: str) -> str:
    """One change: a part dropped, doubled, moved or put in, a letter changed, case or blanks."""
    parts = text.split("//")
    at, it = chance.randrange(len(parts)), chance.randrange(len(text))
    return chance.choice([
        "//".join(parts[:at] + parts[at + 1 :]),
        "//".join([*parts[:at], parts[at], *parts[at:]]),
        "//".join(chance.sample(parts, len(parts))),
        text[:it] + chance.choice(CHANGES) + text[it:],
        text[:it] + text[it + 1 :],
        text[:it] + text[it].swapcase() + text[it + 1 :],
        text.replace(chance.choice(CHANGES), chance.choice(CHANGES), 1),
        " || ".join(reversed(text.split(" || "))),
    ])  # fmt: skip


BASES = [
    SET,
    "KESTRIA RESTRICTED//REL TO FRA//MEDICAL || ALLIANCE RESTRICTED//REL TO FRA//MEDICAL",
    "KESTRIA UNCLASSIFIED || ALLIANCE UNCLASSIFIED",
    "KESTRIA SECRET//ORCHID//REL TO FRA || ALLIANCE SECRET//BALTIC//REL TO FRA",
]


def test_a_thousand_mutated_labels_are_refused_or_decided_the_same(
    make_message: MakeMessage,
) -> None:
    """What crosses says its label three times: changed in one place it must not open anything."""
    chance = Random("mutated")
    run, twins = checking(path="@access"), twin(attribute="access", form="xml")
    refusals = 0
    for number in range(1000):
        base = BASES[number % len(BASES)]
        written = base.split(" || ")[1]
        label, attribute = base, written
        if number % 3:
            label = mutated(chance, base)
        else:
            attribute = mutated(chance, written)
        xml = f'<event access="{attribute}"/>'.encode()
        questions = [
            (run, event(base, written), event(label, attribute)),
            (twins, message(f'<event access="{written}"/>'.encode(), base), message(xml, label)),
        ]
        for asked, before, after in questions:
            same = type(asked(before)) is type(asked(after))
            was_passed = isinstance(asked(before), Pass)
            answer = asked(after)
            assert isinstance(answer, Refuse) or (same and was_passed), (label, attribute)
            refusals += isinstance(answer, Refuse)
    assert refusals > 1500


def test_a_thousand_mutated_claims_are_refused_or_mapped_the_same() -> None:
    """A sender's metadata and payload both say the label: changed in one they contradict."""
    chance = Random("claims")
    run = mapping()
    refusals = 0
    for number in range(1000):
        base = BASES[number % 3].split(" || ")[0]
        right = changed(run(event(base, base))).message
        claims = (mutated(chance, base), base) if number % 2 else (base, mutated(chance, base))
        answer = run(event(*claims))
        if isinstance(answer, Refuse):
            refusals += 1
        elif all(claims):
            assert changed(answer).message.meta.label == right.meta.label, claims
    assert refusals > 500


def test_a_stage_that_was_taken_over_cannot_give_a_label_that_does_not_follow_from_the_first() -> (
    None
):
    """Whatever it writes as the new label, both sides ask what the first one becomes."""
    honest = changed(mapping()(event("SECRET//ORCHID//REL TO FRA"))).message
    first = honest.meta.label.split(" || ")[0]
    all_of_it = {**FRENCH, "classifications": ["UNCLASSIFIED", "RESTRICTED", "SECRET"],
                 "categories": {"Releasable To": ["FRA"], "Compartment": ["BALTIC"]}}  # fmt: skip
    for check in (checking(clearances=[all_of_it]), twin(clearances=[all_of_it])):
        assert why(check(honest)) == ""
        for lie in (
            "ALLIANCE UNCLASSIFIED", "ALLIANCE SECRET//REL TO FRA", "ALLIANCE SECRET//BALTIC",
            "ALLIANCE SECRET//BALTIC//REL TO FRA, GBR",
        ):  # fmt: skip
            label = f"{first} || {lie}"
            taken_over = Message.make(replace(honest.meta, label=label), honest.payload)
            assert why(check(taken_over)) == "E7"
