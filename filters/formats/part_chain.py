"""The chain of one part: pure stages of the catalog, run inside the stage that opened the part.

Takes the policy's table of parts, gives for each part what its stages make of it. A part's stages
are for the source side, look, rebuild or change, and hold a recogniser before the first that
changes; a part whose stages change nothing is not rebuilt, and the table refuses it. Stages are
made once, before the process is confined. Used by `archive_rebuild` and `office_rebuild`.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from filters import catalog
from filters.formats.container_limits import Purse
from filters.formats.part_pixels import pixels_in
from schemas.effort import Within, unbounded
from schemas.errors import Broken, Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Changed, Hold, Refuse

_CHANGES = frozenset({Kind.NORMALIZE, Kind.TRANSFORM})


class PartStage(Parameters):
    """use: the catalog's name of a stage. parameters: of that stage."""

    use: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    parameters: dict[str, object] = Field(default={})


class PartStopped(Exception):  # noqa: N818  # a verdict on its way out, not an error, 2026-11-26
    """A stage of a part refused or held it: the answer for the whole message."""

    def __init__(self, answer: Refuse | Hold) -> None:
        super().__init__(answer.sentence)
        self.answer = answer


class PartChain:
    """The stages of one kind of part, made; called with a part, what crosses of it."""

    def __init__(
        self, lines: Sequence[PartStage], documents: Documents, within: Within | None = None
    ) -> None:
        """Make the stages; `Broken` if they may not stand here or in this order.

        within: without it no stage may stand here that has foreign code held to bounds.
        """
        recognised = changed = False
        self._runs: list[Run] = []
        for line in lines:
            stage = catalog.load(line.use)
            recognised = recognised or "recognise" in stage.rechecks
            changed = changed or stage.kind in _CHANGES
            _may_stand(stage, recognised)
            parameters = stage.parameters.model_validate(line.parameters)
            if within is None and stage.make_bounded is not None:
                raise Broken(
                    Reason.POLICY_MALFORMED, f"{stage.name} cannot be a stage of this part"
                )
            self._runs.append(stage.made(parameters, documents, within or unbounded))
        if not changed:
            raise Broken(Reason.POLICY_MALFORMED, "a part has no stage that writes it anew")

    def __call__(self, message: Message, untrusted: bytes, purse: Purse) -> bytes:
        """The part's bytes as they cross. Raises `Malformed`, or `PartStopped` with a verdict.

        purse: pays for the pixels, as many as there were at most from stage to stage.
        """
        paid = 0
        meta = replace(message.meta, type="")
        part = Message.make(meta, untrusted)
        for run in self._runs:
            answer = run(part)
            if isinstance(answer, Refuse | Hold):
                raise PartStopped(answer)
            if isinstance(answer, Changed):
                part = answer.message
                pixels = pixels_in(part.payload, part.meta.type)
                purse.pixels(max(pixels - paid, 0))
                paid = max(pixels, paid)
        return part.payload


def _may_stand(stage: StageType, recognised: bool) -> None:
    if stage.kind is Kind.ROUTE or stage.side is Side.DESTINATION:
        raise Broken(Reason.POLICY_MALFORMED, f"{stage.name} cannot be a stage of a part")
    if stage.kind in _CHANGES and not recognised:
        raise Broken(
            Reason.POLICY_MALFORMED, f"{stage.name} changes a part that no stage has recognised"
        )


def at_part(error: Malformed | PartStopped, number: int) -> Malformed | PartStopped:
    """The same, saying which part it was, counted from 1; its name is the sender's and not told."""
    if isinstance(error, Malformed):
        return Malformed(error.reason, f"part {number}: {error.sentence}"[:240])
    answer = error.answer
    return PartStopped(type(answer)(answer.reason, f"part {number}: {answer.sentence}"[:240]))
