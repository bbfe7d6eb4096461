"""What a stage is: a kind, typed parameters, and a pure function of a message.

A stage module (one file in `filters/`) ends with one `StageType` constant named `STAGE`. The
catalog names it; the runner builds it once, before the process is confined, and then calls it
for each message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.effort import Within, unbounded
from schemas.kinds import Kind, Side
from schemas.message import Message
from schemas.scanned import Ask
from schemas.verdict import Answer

__all__ = ["Ask", "Documents", "Kind", "Parameters", "Run", "Side", "StageType"]


class Parameters(BaseModel):
    """The base of every stage's parameters: closed, frozen, no coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Documents = Mapping[str, bytes]
"""The documents the policy names (schemas, word lists), by name, as bytes."""

Run = Callable[[Message], Answer]
"""One message in, one answer out. May raise `Malformed` (becomes a Refuse); anything else it
raises becomes a Hold. Same input, same output: no clock, no chance, no files. What `make_bounded`
made may refuse besides what it passes elsewhere: what took too long here."""


@dataclass(frozen=True, slots=True)
class StageType:
    """A stage as the catalog lists it.

    name        as the policy writes it: lower case, digits and underscores, at most 32 characters
    version     goes up when the same input may give another answer; it stands in every receipt
    kind        see `Kind`
    side        see `Side`
    parameters  the pydantic model of the policy's parameters
    make        (parameters, documents) -> Run; called once, before confinement: compile here
    summary     one line for `guard filters` and the docs
    rechecks    roles it plays in the order rule: any of "bounds", "recognise", "schema", "label",
                "words", "identify", "sender", "route"; the policy check reads them
    make_asking (parameters, documents, ask) -> Run, of a stage that asks the side's scanner; its
                `make` is for where there is none
    make_bounded (parameters, documents, within) -> Run, of a stage that has foreign code held to
                bounds; its `make` is for where nobody holds it
    """

    name: str
    version: int
    kind: Kind
    side: Side
    parameters: type[Parameters]
    make: Callable[[Any, Documents], Run]
    summary: str
    rechecks: frozenset[str] = frozenset()
    make_asking: Callable[[Any, Documents, Ask], Run] | None = None
    make_bounded: Callable[[Any, Documents, Within], Run] | None = None

    def made(self, parameters: Any, documents: Documents, within: Within = unbounded) -> Run:
        """What it runs, where `within` holds foreign code to bounds."""
        if self.make_bounded is not None:
            return self.make_bounded(parameters, documents, within)
        return self.make(parameters, documents)
