"""The two sides' readers of policies and rules over labels, asked the same: they must agree.

Random policies of every feature, random labels and clearances; each question goes to the source
side's code (`schemas/label`) and to the destination side's (`filters/twins`), which share none.
"""

from collections import Counter
from random import Random

import pytest

from filters.twins import label_rules, spif_twin
from schemas.errors import Malformed
from schemas.label.access import decide, hold
from schemas.label.clauses import Rule
from schemas.label.equivalence import Equivalence
from schemas.label.model import Category, Clearance
from schemas.label.spif import Spif
from schemas.label.spif_reader import read_spif
from schemas.label.text import TextForm
from schemas.label.validity import validate
from tests.schemas.label.policies import NAMES, NOW_MS, document, held, pair, text

SEEDS = 800
LABELS = 12  # of each pair of policies


def source_valid(spif: Spif, spelled: str) -> str:
    try:
        validate(TextForm.of(spif).read(spelled), spif, NOW_MS)
    except Malformed:
        return "no"
    return "yes"


def twin_valid(book: spif_twin.Book, spelled: str) -> str:
    try:
        label_rules.check_valid(label_rules.read_text(spelled, book), book, NOW_MS)
    except Malformed:
        return "no"
    return "yes"


def source_access(
    spif: Spif, spelled: str, classes: list[str], categories: dict[str, list[str]]
) -> str:
    clearance = Clearance(
        spif.policy, frozenset(classes),
        tuple(
            Category(spif.tags_by_name[name].tag_set, name, spif.tags_by_name[name].kind,
                     tuple(values))
            for name, values in categories.items()
        ),
    )  # fmt: skip
    try:
        valid = validate(TextForm.of(spif).read(spelled), spif, NOW_MS)
        decide(valid, hold(clearance, spif), NOW_MS)
    except Malformed as error:
        return str(error.reason)
    return "yes"


def twin_access(
    book: spif_twin.Book, spelled: str, classes: list[str], categories: dict[str, list[str]]
) -> str:
    try:
        atoms = label_rules.read_text(spelled, book)
        label_rules.check_valid(atoms, book, NOW_MS)
        holding = label_rules.holding(book, classes, categories)
        label_rules.check_access(atoms, book, holding, NOW_MS)
    except Malformed as error:
        return str(error.reason)
    return "yes"


def source_translation(one: Spif, other: Spif, spelled: str) -> str:
    try:
        valid = validate(TextForm.of(one).read(spelled), one, NOW_MS)
        translated = Equivalence.between(one, other).translate(valid, NOW_MS)
    except Malformed:
        return "no"
    return TextForm.of(other).write(translated.valid.label)


def twin_translation(one: spif_twin.Book, other: spif_twin.Book, spelled: str) -> str:
    try:
        atoms = label_rules.read_text(spelled, one)
        label_rules.check_valid(atoms, one, NOW_MS)
        return label_rules.spell(label_rules.translate(atoms, one, other, NOW_MS), other)
    except Malformed:
        return "no"


def test_both_sides_decide_the_same_over_thousands_of_random_cases() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        chance = Random(seed)
        one, _, mine, its = pair(seed)
        spif, far_spif = read_spif(mine), read_spif(its)
        book, far_book = spif_twin.read(mine), spif_twin.read(its)
        for _ in range(LABELS):
            spelled = text(chance, one)
            classes, categories = held(chance, one)
            answers = {
                "valid": (source_valid(spif, spelled), twin_valid(book, spelled)),
                "access": (
                    source_access(spif, spelled, classes, categories),
                    twin_access(book, spelled, classes, categories),
                ),
                "translation": (
                    source_translation(spif, far_spif, spelled),
                    twin_translation(book, far_book, spelled),
                ),
            }
            for question, (source, twin) in answers.items():
                granted = (source in ("no",) or source.startswith("label-"),
                           twin in ("no",) or twin.startswith("label-"))  # fmt: skip
                assert granted[0] == granted[1], (seed, question, spelled, source, twin)
                if not granted[0]:
                    assert source == twin, (seed, question, spelled)
                seen[f"{question} {'no' if granted[0] else 'yes'}"] += 1
    assert min(seen.values()) > 500, seen
    assert len(seen) == 6


def test_the_projects_policies_are_one_policy_to_both_sides() -> None:
    for name in NAMES:
        spif, book = read_spif(document(name)), spif_twin.read(document(name))
        assert book.name == spif.policy.name
        assert f"urn:oid:{book.oid}" == spif.policy.uri
        assert book.classes == {one.name: one.hierarchy for one in spif.classifications.values()}
        values = {value for tag in spif.tags.values() for value in tag.values}
        assert {value for tag, value in book.known if tag} == values
        assert list(book.prefixes.values()) == list(TextForm.of(spif).prefix_of.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_that_one_side_refuses_the_other_refuses_too(name: str) -> None:
    """Thousands of changed policies: a name, value, digit or bracket changed at a random place."""
    original = document(name)
    chance = Random(name)
    taken = refused = 0
    pieces = [b'"', b"<", b">", b"/", b" ", b"0", b"9", b"x", b"true", b"all", b"<!--", b"&#65;",
              b"&amp;", b"&x;", b"both", b"urn", "é".encode(), b"\xff", b"\x00", b""]  # fmt: skip
    for _ in range(600):
        at = chance.randrange(len(original))
        cut = chance.choice((0, 1, 1, 2, 5))
        changed = original[:at] + chance.choice(pieces) + original[at + cut :]
        answers = []
        for reader in (read_spif, spif_twin.read):
            try:
                reader(changed)
                answers.append("taken")
            except Malformed as error:
                answers.append(str(error.reason))
        assert answers[0] == answers[1], changed[max(0, at - 60) : at + 60]
        taken += answers[0] == "taken"
        refused += answers[0] != "taken"
    assert taken > 20
    assert refused > 100


def test_both_sides_cite_the_same_source_and_reason_for_a_rule() -> None:
    for code, (reason, source) in label_rules.RULES.items():
        assert (Rule[code].value.reason, Rule[code].value.source) == (reason, source)
