"""A policy against the catalog: what is refused, and the sentence that says so."""

from pathlib import Path

import pytest

from filters import catalog
from filters.policy_check import DUTIES, chains_of, check_policy, policy_faults, stage_faults
from schemas.errors import Malformed
from schemas.policy import Policy, read_policy
from schemas.reasons import Reason

PACKS = Path(__file__).parents[2] / "schemas" / "packs"
NAMES = sorted(path.parent.name for path in PACKS.glob("*/policy.toml"))


def load(pack: str, old: str = "", new: str = "") -> tuple[Policy, dict[str, bytes]]:
    text = (PACKS / pack / "policy.toml").read_text("utf-8")
    assert old in text
    policy = read_policy(text.replace(old, new, 1).encode() if old else text.encode())
    names = {name for _, chain in chains_of(policy) for name in chain.documents}
    there = [name for name in names if (PACKS / pack / name).exists()]
    return policy, {name: (PACKS / pack / name).read_bytes() for name in there}


@pytest.mark.parametrize("pack", NAMES)
def test_every_pack_is_right(pack: str) -> None:
    policy, documents = load(pack)
    check_policy(policy)
    assert policy_faults(policy) == []
    assert stage_faults(policy, documents) == []


@pytest.mark.parametrize("name", catalog.names())
def test_the_duties_known_without_importing_are_the_stages_own(name: str) -> None:
    assert DUTIES.get(name, frozenset()) == catalog.load(name).rechecks


def test_no_duty_names_a_stage_that_is_not_there() -> None:
    assert DUTIES.keys() <= set(catalog.names())


def test_the_first_fault_is_raised_and_the_others_counted() -> None:
    policy, _ = load("c2", '[[source.stage]]\nname = "words"\n', "")
    with pytest.raises(Malformed, match="needs a word check") as raised:
        check_policy(policy)
    assert raised.value.reason is Reason.POLICY_ORDER
    policy = policy.model_copy(update={"destination": None, "source": None})
    with pytest.raises(Malformed, match="neither"):
        check_policy(policy)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "cot_schema"', 'name = "cot_shema"', "the catalog has no cot_shema"),
        ('name = "cot_schema"', 'name = "cot_schema_twin"', "is for the destination side"),
    ],
)
def test_a_wrong_stage_is_named(old: str, new: str, said: str) -> None:
    policy, _ = load("c2", old, new)
    assert any(said in sentence for sentence in policy_faults(policy))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("depth_levels_max = 10", "depth_max = 10", "xml_recognise has no parameter depth_max"),
        ("depth_levels_max = 10", 'depth_levels_max = "10"', "depth_levels_max: should be a valid"),
        ('classifications = ["UNCLASSIFIED"', 'ceilin = "A"\nclassifications = ["A"', "ceilin"),
        ('name = "words"', 'name = "words"\nparameters = { document = "x.txt" }', "reads x.txt"),
        ('queues = ["cot"]', 'queue = ["cot"]', "rules.1.queue"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_place(old: str, new: str, said: str) -> None:
    policy, documents = load("c2", old, new)
    found = stage_faults(policy, documents)
    assert any(said in sentence for sentence in found), found


def test_a_document_that_is_not_there_or_does_not_compile_is_named() -> None:
    policy, documents = load("c2")
    without = {name: content for name, content in documents.items() if name != "words.txt"}
    assert any("words.txt" in sentence for sentence in stage_faults(policy, without))
    broken = documents | {"cot-event.xsd": b"<schema"}
    found = stage_faults(policy, broken)
    assert any(sentence.startswith("stage cot_schema ") for sentence in found)
    assert all("\n" not in sentence for sentence in found)
