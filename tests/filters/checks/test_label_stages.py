"""What holds for every stage of the catalog, for those over labels that no pack has."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters import catalog
from filters.formats.label_ism import NAMESPACE
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import REASON_BYTES_MAX
from schemas.stage import Run
from schemas.verdict import SENTENCE_CHARACTERS_MAX, Answer, Changed, Pass, Refuse
from tests.filters.checks.test_check_binding import DATA, DOCUMENTS, TEXT, embed, label, message

POLICY = "alliance.spif.xml"
TRUSTED = {"policy_documents": [POLICY], "trust_document": "authorities.pem"}
ROWS: list[tuple[str, dict[str, object]]] = [
    ("check_binding", {"form": "sealed", **TRUSTED}),
    ("check_binding", {"form": "embedded", **TRUSTED}),
    ("roll_up", {"form": "text", "policy_document": POLICY}),
    ("roll_up", {"form": "ism-text", "unlabelled": "default", "default": "UNCLASSIFIED"}),
    ("roll_up", {"form": "ism-xml"}),
    ("mark", {"form": "text", "policy_document": POLICY}),
    ("mark", {"form": "xml", "policy_document": POLICY, "attribute": "m"}),
    ("mark", {"form": "model", "policy_document": POLICY, "path": "@m"}),
    ("mark", {"form": "ism-text"}),
    ("mark", {"form": "ism-xml"}),
]
SEEDS = [
    DATA, embed(label(), label()), f"{TEXT}\n\n(AU) x\n\n{TEXT}\n".encode(), b"\xa1\x61a\x61b",
    b"UNCLASSIFIED\n\n(U) x\n\nUNCLASSIFIED\n",
    f'<r xmlns:i="{NAMESPACE}" i:resourceElement="1" i:classification="U" i:ownerProducer="USA"/>'
    .encode(),
]  # fmt: skip


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 16))] = draw(st.binary(max_size=16))
    return bytes(data)


def ask(run: Run, given_: Message) -> Answer:
    try:
        return run(given_)
    except Malformed as error:
        return Refuse(error.reason, error.sentence)


@pytest.mark.parametrize(("name", "parameters"), ROWS)
def test_any_bytes_get_one_answer_and_the_same_twice(
    name: str, parameters: dict[str, object]
) -> None:
    stage = catalog.load(name)
    run = stage.make(stage.parameters.model_validate(parameters), DOCUMENTS)

    @settings(max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(
        payloads(), st.sampled_from([TEXT, "", "UNCLASSIFIED", "SECRET//NOFORN", "//", "é"]),
        st.text("AZaz09-_", max_size=60),
    )  # fmt: skip
    def any_bytes(payload: bytes, text: str, binding: str) -> None:
        given_ = message(payload, text, binding)
        answer = ask(run, given_)
        assert ask(run, given_) == answer
        if isinstance(answer, Refuse):
            assert 0 < len(answer.reason) <= REASON_BYTES_MAX
            assert 0 < len(answer.sentence) <= SENTENCE_CHARACTERS_MAX
        elif isinstance(answer, Changed):
            assert name == "mark"
            assert replace(answer.message, payload=payload) == given_
            assert len(answer.note) <= SENTENCE_CHARACTERS_MAX
        else:
            assert isinstance(answer, Pass)
            assert len(answer.note) <= SENTENCE_CHARACTERS_MAX

    any_bytes()


def test_a_made_stage_opens_nothing_and_imports_nothing() -> None:
    script = Path(__file__).with_name("confined_label_stages.py")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == "nothing was touched\n"
