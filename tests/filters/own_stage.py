"""A distribution as a site would install it, with one stage of its own, written into a folder."""

from pathlib import Path

SOURCE = '''"""Filter `shouting`: no more words in capitals than the policy lets."""

from pydantic import Field

from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Pass, Refuse


class ShoutingParameters(Parameters):
    """words_max: so many words in capitals pass."""

    words_max: int = Field(default=0, ge=0, le=1000)


def make(parameters: ShoutingParameters, documents: Documents) -> Run:
    """A run that refuses more than so many."""

    def run(message: Message) -> Answer:
        if sum(word.isupper() for word in message.payload.split()) > parameters.words_max:
            return Refuse(Reason.RULE_BROKEN, "too many words are in capitals")
        return Pass()

    return run


STAGE = StageType(
    name="shouting", version=3, kind=Kind.FILTER, side=Side.SOURCE,
    parameters=ShoutingParameters, make=make, summary="no more words in capitals than so many",
)
'''


def install(folder: Path, source: str = SOURCE, leads_to: str = "site_shouting:STAGE",
            name: str = "shouting", distribution: str = "site-shouting") -> None:  # fmt: skip
    """What a wheel leaves in a folder of installed packages."""
    folder.mkdir(exist_ok=True)
    (folder / "site_shouting.py").write_text(source)
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[checkvalve.filters]\n{name} = {leads_to}\n")
