"""What validates on the two sides shares no code: by what each process has really imported.

Every process of both sides and both packs is started as for real. What it has imported when it is
confined is all that it ever has: afterwards it can read no module, which the same run tries.
"""

import sys

import pytest

from guard.edge import landlock
from guard.trial.trial import Trial, trials

_NEEDS = pytest.mark.skipif(
    landlock.abi() < landlock.ABI_RENAME_BETWEEN_DIRECTORIES,
    reason="this kernel has no Landlock, or one that denies renames between directories",
)
pytestmark = [_NEEDS, pytest.mark.long]

# Everything beside Python's own library that validators of both sides may have in common, and why.
# A name stands for the module and what is below it.
SHARED = {
    "__main__": "the start of every process: guard.process",
    "_distutils_hack": "Python's own start, where setuptools is installed",
    "_sysconfigdata": "Python's own start",
    "guard": "frames, receipts and confinement: nothing of it looks into a payload",
    "schemas.effort": "nouns: what foreign code may take of a process",
    "schemas.errors": "nouns",
    "schemas.kinds": "nouns",
    "schemas.message": "nouns, and the canonical form of our own metadata",
    "schemas.own_stage": "nouns: how a policy pins a site's own stage",
    "schemas.reasons": "nouns",
    "schemas.receipt": "nouns",
    "schemas.scanned": "nouns: what a virus scanner is asked and answers",
    "schemas.stage": "nouns",
    "schemas.token_names": "nouns: how the keys of tokens are called",
    "schemas.verdict": "nouns",
    "filters.catalog": "the list of names",
    "filters.checks.bounds": "sizes only; it has no twin, and docs/architecture.md says so",
    "filters.checks.antivirus": "asks a scanner, looks into nothing; each side has its own",
    "pydantic": "reads the policy's parameters before any message; a validator of content on the"
    " destination side only",
    "pydantic_core": "the same",
    "annotated_types": "the same",
    "typing_extensions": "the same",
    "typing_inspection": "the same",
}
PACKAGES = {"filters", "schemas", "filters.checks"}  # empty by rule (tests/test_rules.py)

# Parsers of content in Python's own library: who may have them
PARSERS = {"pyexpat", "xml", "html", "json", "csv", "plistlib", "tomllib", "email", "zipfile"}
SHARED_PARSERS = {
    "json": "orders and metadata of our own; also read by event_rebuild and the destination's word,"
    " label and route twins: for JSON the reader is one, docs/architecture.md says so",
    "html": "unescape alone, in the word search of both sides: docs/architecture.md says so",
    "csv": "importlib.metadata has it, which pydantic imports; nothing is parsed with it",
    "email": "the same",
    "zipfile": "the same",
}
ENGINES = {
    "low": {"lxml", "jsonschema_rs", "cbor2", "magic"},
    "high": {"xmlschema", "pyexpat", "elementpath"},
}


@pytest.fixture(scope="module", params=["c2", "events"])
def processes(request: pytest.FixtureRequest) -> list[Trial]:
    return list(trials(request.param))


def validators(processes: list[Trial], side: str) -> dict[str, frozenset[str]]:
    return {
        each.name: each.modules
        for each in processes
        if each.side == side and each.name.startswith("stage:")
    }


def top(name: str) -> str:
    return name.partition(".")[0]


def listed(name: str) -> bool:
    return name in PACKAGES or any(
        name == known or name.startswith((f"{known}.", f"{known}_")) for known in SHARED
    )


def test_validators_of_the_two_sides_share_no_module_beyond_the_list(
    processes: list[Trial],
) -> None:
    low = frozenset[str]().union(*validators(processes, "low").values())
    high = frozenset[str]().union(*validators(processes, "high").values())
    shared = {name for name in low & high if top(name) not in sys.stdlib_module_names}
    assert {name for name in shared if not listed(name)} == set()
    assert "filters.checks.bounds" in shared  # the sets are of the real thing
    parsers = {top(name) for name in low & high} & PARSERS
    assert parsers <= SHARED_PARSERS.keys()


def test_each_side_has_engines_that_the_other_never_loads(processes: list[Trial]) -> None:
    for side, other in (("low", "high"), ("high", "low")):
        for name, modules in validators(processes, side).items():
            assert {top(module) for module in modules} & ENGINES[other] == set(), name
    own = {top(m) for modules in validators(processes, "low").values() for m in modules}
    assert own & ENGINES["low"] >= {"cbor2", "magic"}


def test_a_process_can_load_nothing_later(processes: list[Trial]) -> None:
    for each in processes:
        results = {one.name: one.error for one in each.tried}
        assert results["read a file of the host"], each.name
        assert results["map executable memory"], each.name
        assert each.wrong == []


def test_release_and_deliver_have_loaded_no_parser_of_content(processes: list[Trial]) -> None:
    ends = {each.name: each.modules for each in processes if each.name in ("release", "deliver")}
    assert ends.keys() == {"release", "deliver"}
    for name, modules in ends.items():
        assert {m for m in modules if top(m) == "filters"} == {"filters", "filters.catalog"}, name
        engines = ENGINES["low"] | ENGINES["high"] | PARSERS
        # our own orders and notices; the manifest that is sealed; and what pydantic imports
        allowed = {"json", "cbor2", "csv", "email", "zipfile"}
        assert {top(m) for m in modules} & engines <= allowed, name
