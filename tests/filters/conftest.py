"""A pack's chains, composed in one process: the stages' own functions, one after another."""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from filters import catalog
from guard.edge.left_behind import bounder
from schemas.effort import Within
from schemas.errors import Malformed
from schemas.message import Message, Meta
from schemas.stage import Kind, Run
from schemas.verdict import Answer, Changed, Hold, Pass, Refuse

WITHIN = bounder()
PACKS = Path(__file__).parent.parent.parent / "schemas" / "packs"
SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "samples"


@dataclass(frozen=True)
class Outcome:
    """How a message left a chain: the stage that stopped it and why, or the message itself."""

    message: Message
    stage: str = ""
    reason: str = ""
    sentence: str = ""
    queues: str = ""
    held: bool = False


class Chain:
    """One side's stages of one pack."""

    def __init__(self, pack: str, side: str, within: Within = WITHIN) -> None:
        self.folder = PACKS / pack
        policy = tomllib.loads((self.folder / "policy.toml").read_text("utf-8"))
        table = policy[side]
        documents = {name: (self.folder / name).read_bytes() for name in table["documents"]}
        self.stages: list[tuple[str, Kind, Run]] = []
        for row in table["stage"]:
            stage = catalog.load(row.get("use", row["name"]))
            parameters = stage.parameters(**row.get("parameters", {}))
            self.stages.append((row["name"], stage.kind, stage.made(parameters, documents, within)))

    def __call__(self, message: Message) -> Outcome:
        queues = ""
        for name, kind, run in self.stages:
            try:
                answer = run(message)
            except Malformed as error:
                answer = Refuse(error.reason, error.sentence)
            if isinstance(answer, Refuse | Hold):
                held = isinstance(answer, Hold)
                return Outcome(message, name, answer.reason, answer.sentence, held=held)
            if isinstance(answer, Changed):
                if kind is Kind.ROUTE:
                    queues = answer.message.meta.queues
                else:
                    message = answer.message
            else:
                assert isinstance(answer, Pass)
        return Outcome(message, queues=queues)


class MakeMessage(Protocol):
    """What the fixture `make_message` gives: a message of a payload, a label and a type."""

    def __call__(self, payload: bytes, label: str = "", media_type: str = "") -> Message: ...


def changed(answer: Answer) -> Changed:
    """The answer, which has to be a changed message."""
    assert isinstance(answer, Changed), answer
    return answer


def refused(answer: Answer) -> Refuse:
    """The answer, which has to be a refusal."""
    assert isinstance(answer, Refuse), answer
    return answer


def alone(act: Callable[[], str]) -> str:
    """What it gives in a child of its own: for what leaves work behind in its process."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        said = "an exception"
        try:
            said = act()
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return told


def message(payload: bytes, label: str = "", media_type: str = "") -> Message:
    """A message as ingest would make it."""
    meta = Meta(id="5" * 32, flow="c2", sender="alpha", name="event.cot", accepted_s=1_780_000_000)
    return Message.make(replace(meta, label=label, type=media_type), payload)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples; tests that need it are skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip("no shared samples beside this clone")
    return SHARED


@pytest.fixture(scope="session")
def c2_source() -> Chain:
    return Chain("c2", "source")


@pytest.fixture(scope="session")
def c2_destination() -> Chain:
    return Chain("c2", "destination")


@pytest.fixture(scope="session")
def make_message() -> MakeMessage:
    return message
