"""The destination's chain of one part: what crossed of it becomes a native part.

Takes stages of the catalog by name, gives a function of a message and the part's bytes. The
destination's stages only; the first must read what crossed and one must build. The source side
has code of its own for this (`filters.formats.part_chain`).
"""

from collections.abc import Callable
from dataclasses import replace

from pydantic import Field

from filters import catalog
from schemas.errors import Broken, Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Side
from schemas.verdict import Changed, Hold, Pass, Refuse

Native = Callable[[Message, bytes], bytes]


class Line(Parameters):
    """use: the catalog's name of a stage. parameters: of that stage."""

    use: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    parameters: dict[str, object] = Field(default={})


class HeldPart(Exception):  # noqa: N818  # a verdict on its way out, not an error, 2026-11-26
    """A stage of a part asked for people: so does the whole message."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold.sentence)
        self.hold = hold


def native(lines: list[Line], documents: Documents) -> Native:
    """The chain of these stages; `Broken` if they may not stand here or build nothing."""
    made = []
    for line in lines:
        listed = catalog.entry(line.use)
        if listed.kind is Kind.ROUTE or listed.side is Side.SOURCE:
            raise Broken(Reason.POLICY_MALFORMED, f"{line.use} cannot be a stage of a part here")
        stage = catalog.load(line.use)
        made.append(stage.make(stage.parameters.model_validate(line.parameters), documents))
    if lines and all(catalog.entry(line.use).kind is not Kind.NORMALIZE for line in lines):
        raise Broken(Reason.POLICY_MALFORMED, "the stages of a part build nothing")

    def run(message: Message, crossed: bytes) -> bytes:
        at = Message.make(replace(message.meta, type=""), crossed)
        for stage in made:
            match stage(at):
                case Refuse(reason, sentence):
                    raise Malformed(reason, f"a part: {sentence}"[:240])
                case Hold() as hold:
                    raise HeldPart(hold)
                case Changed(message=after):
                    at = after
                case Pass():
                    pass
        return at.payload

    return run
