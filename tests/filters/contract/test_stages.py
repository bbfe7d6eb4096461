"""What holds for every stage of the catalog, whatever it is given.

A new stage is under this suite as soon as it stands in the catalog and in a pack's policy.
"""

import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters import catalog
from guard.edge.issuing import new_authority
from schemas.cbor import encode
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.policy import PAYLOAD_BYTES_MAX
from schemas.reasons import REASON_BYTES_MAX, Reason
from schemas.stage import Documents, Kind, Run, StageType
from schemas.verdict import SENTENCE_CHARACTERS_MAX, Answer, Changed, Hold, Pass, Refuse
from tests.filters.conftest import WITHIN

PACKS = Path(__file__).parents[3] / "schemas" / "packs"
EXAMPLES = Path(__file__).with_name("examples")  # of stages that no pack has


class Row(TypedDict):
    """A stage as a pack's policy names it."""

    name: str
    use: NotRequired[str]
    parameters: NotRequired[dict[str, object]]


def rows() -> list[tuple[str, str, Row, Documents]]:
    found: list[tuple[str, str, Row, Documents]] = []
    for policy in sorted((*PACKS.glob("*/policy.toml"), *EXAMPLES.glob("*/policy.toml"))):
        table = tomllib.loads(policy.read_text("utf-8"))
        for side in ("source", "destination"):
            names = table[side]["documents"]
            documents = {name: (policy.parent / name).read_bytes() for name in names}
            for row in table[side]["stage"]:
                found.append((f"{policy.parent.name}-{side}-{row['name']}", side, row, documents))
    return found


def signing_row() -> tuple[str, str, Row, Documents]:
    """The one stage that no pack can name: a pack has no authority of anybody's senders."""
    pem = new_authority("senders", 1_700_000_000, 3650).pem
    parameters: dict[str, object] = {
        "signers": {"alpha": ["cn:alpha"]}, "authority_document": "senders.pem",
    }  # fmt: skip
    row: Row = {"name": "sender_signature", "parameters": parameters}
    return "c2-source-sender_signature", "source", row, {"senders.pem": pem}


def sealing_row() -> tuple[str, str, Row, Documents]:
    """The one stage whose keys are no documents: a side hands them to its process."""
    parameters: dict[str, object] = {"places": [{"place": "**/a"}, {"place": "*", "join": "b"}]}
    row: Row = {"name": "pseudonymize", "parameters": parameters}
    return "content-source-pseudonymize", "source", row, {"token:1": bytes(32)}


def asking_row() -> tuple[str, str, Row, Documents]:
    """The one stage that asks: here nobody answers, which it has to live with as well."""
    return "content-source-antivirus", "source", {"name": "antivirus"}, {}


ROWS = [*rows(), signing_row(), sealing_row(), asking_row()]
# No pack marks, binds, shrinks or blurs; tests/filters holds these to the same rules, 2026-11-26
IN_NO_PACK = {
    "check_binding",
    "mark",
    "picture_downscale",
    "picture_mark",
    "picture_noise",
    "roll_up",
}
SEED_BYTES_MAX = 64 * 1024
# Many packs have the same line, say of `words`: one of them is enough.
DIFFERENT = list({(str(row), str(sorted(docs.items()))): (name, side, row, docs)
                  for name, side, row, docs in reversed(ROWS)}.values())[::-1]  # fmt: skip
META = Meta(id="a" * 32, flow="c2", sender="alpha", name="x", accepted_s=1_780_000_000)
LABELS = st.sampled_from(["", "UNCLASSIFIED", "SECRET//REL TO USA", "//", "NOT A LABEL;", "é"])


WORDS = st.sampled_from(
    ["cot", "event", "point", "detail", "access", "contact", "data", "", "type", "a-f", "12", "é"]
)
VALUES = st.recursive(
    WORDS | st.integers(-9, 9) | st.booleans() | st.none() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
MODELS = st.fixed_dictionaries(
    {"cot": VALUES, "event": VALUES, "point": VALUES, "detail": VALUES | st.lists(VALUES)}
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Arbitrary bytes or CBOR, or a payload of a real chain with some bytes changed."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=2048) | (VALUES | MODELS).map(encode))
    data = bytearray(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 16))
        data[at : at + cut] = draw(st.binary(max_size=16))
    return bytes(data)


def folder_of(pack: str) -> Path:
    return next(base / pack for base in (PACKS, EXAMPLES) if (base / pack).is_dir())


def make(row: Row, documents: Documents) -> tuple[StageType, Run]:
    stage = catalog.load(row.get("use", row["name"]))
    parameters = stage.parameters.model_validate(row.get("parameters", {}))
    return stage, stage.made(parameters, documents, WITHIN)


@cache
def seeds() -> list[bytes]:
    """The packs' samples, and every payload on their way through both chains."""
    found: dict[bytes, None] = {}
    for pack in sorted({name.split("-")[0] for name, _, _, _ in ROWS}):
        runs = [make(row, docs)[1] for name, _, row, docs in ROWS if name.split("-")[0] == pack]
        for path in sorted((folder_of(pack) / "samples").iterdir()):
            if path.is_file() and path.stat().st_size <= SEED_BYTES_MAX:
                message = Message.make(META, path.read_bytes())
                found[message.payload] = None
                for run in runs:
                    answer = ask(run, message)
                    if isinstance(answer, Changed):
                        message = answer.message
                        found[message.payload] = None
    return list(found)


def ask(run: Run, message: Message) -> Answer:
    try:
        return run(message)
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


@pytest.mark.parametrize(
    ("_id", "side", "row", "documents"), DIFFERENT, ids=[row[0] for row in DIFFERENT]
)
def test_any_bytes_get_one_of_three_answers(
    _id: str, side: str, row: Row, documents: Documents
) -> None:
    stage, run = make(row, documents)
    assert stage.side in (side, "both")

    @settings(
        max_examples=60, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(payload=payloads(), label=LABELS)
    def any_bytes(payload: bytes, label: str) -> None:
        meta = replace(META, label=label)
        message = Message.make(meta, payload)
        answer = ask(run, message)
        assert isinstance(answer, Pass | Refuse | Hold | Changed)
        assert ask(run, message) == answer
        if isinstance(answer, Refuse | Hold):
            assert isinstance(answer.reason, Reason)
            assert 0 < len(answer.reason) <= REASON_BYTES_MAX
            assert 0 < len(answer.sentence) <= SENTENCE_CHARACTERS_MAX
        if stage.kind is Kind.FILTER:
            assert not isinstance(answer, Changed)
        if isinstance(answer, Changed):
            assert len(answer.note) <= SENTENCE_CHARACTERS_MAX
            after = answer.message.meta
            assert after.id == meta.id
            assert len(answer.message.payload) <= PAYLOAD_BYTES_MAX
            if stage.kind is Kind.ROUTE:
                assert answer.message.payload == payload
                assert vars_of(after) == {**vars_of(meta), "queues": after.queues}

    any_bytes()


def vars_of(meta: Meta) -> dict[str, object]:
    return {name: getattr(meta, name) for name in Meta.__dataclass_fields__}


@pytest.mark.parametrize("name", catalog.names())
def test_a_stage_of_the_catalog_says_who_it_is(name: str) -> None:
    stage = catalog.load(name)
    assert stage.name == name
    assert stage.version >= 1
    assert stage.summary


def test_every_stage_of_the_catalog_is_in_some_pack_or_example() -> None:
    used = {row.get("use", row["name"]) for _, _, row, _ in ROWS}
    assert set(catalog.names()) - used - IN_NO_PACK == set()


def test_an_unknown_parameter_is_refused() -> None:
    for name in catalog.names():
        with pytest.raises(ValueError, match="surprise"):
            catalog.load(name).parameters.model_validate({"surprise": 1})


@pytest.mark.parametrize(
    "pack", sorted(path.name for base in (PACKS, EXAMPLES) for path in base.iterdir())
)
def test_a_made_stage_opens_nothing_and_imports_nothing(pack: str) -> None:
    """What the sandbox forbids later: every module and file is loaded when the stage is made."""
    script = Path(__file__).with_name("confined_stages.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder_of(pack))],
        cwd=PACKS.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.stdout + done.stderr == "nothing was touched\n"
