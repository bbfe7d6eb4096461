"""Transform `strip_attachments`: parts that the policy does not want are taken out of a container.

Takes the model of an archive or of an office document, gives it without the parts named: by their
kind, or by the ending of their names. An archive inside an archive is looked into. In an office
document the pictures of a kind go, and what shows them with them. The note says how many went.
"""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from filters.formats.entry_names import extension
from filters.formats.models import close_model, open_model
from schemas.cbor import CborLimits
from schemas.errors import Malformed
from schemas.message import Message
from schemas.reasons import Reason
from schemas.stage import Documents, Kind, Parameters, Run, Side, StageType
from schemas.verdict import Answer, Changed, Pass, Refuse

_LIMITS = CborLimits(bytes_max=16 << 20)


class StripAttachmentsParameters(Parameters):
    """What is taken out.

    parts       kinds of parts, as the table of parts names them; in office documents media
    extensions  endings of names, in lower case, without the full stop
    emptied     what becomes of an archive in which nothing is left
    """

    parts: list[str] = Field(default=[], max_length=64)
    extensions: list[str] = Field(default=[], max_length=64)
    emptied: Literal["refuse", "pass"] = "refuse"


def make(parameters: StripAttachmentsParameters, documents: Documents) -> Run:
    """A run that strips; `Malformed` for what is neither of the two models."""
    parts, endings = frozenset(parameters.parts), frozenset(parameters.extensions)

    def unwanted(part: str, name: str) -> bool:
        return part in parts or extension(name) in endings

    def run(message: Message) -> Answer:
        model: Any = open_model(message.payload, _LIMITS)
        try:
            gone = _strip(model, unwanted)
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise Malformed(Reason.MODEL_SHAPE, "not the model of a container") from error
        if not gone:
            return Pass()
        if parameters.emptied == "refuse" and "archive" in model and not model["entries"]:
            return Refuse(Reason.EMPTY, "nothing is left of the archive")
        stripped = Message.make(message.meta, close_model(model))
        return Changed(stripped, f"{gone} parts stripped")

    return run


def _strip(model: Any, unwanted: Callable[[str, str], bool]) -> int:
    """Take out what is unwanted, in place; gives how much that was."""
    if "office" in model:
        return _strip_office(model, unwanted)
    kept, gone = [], 0
    for entry in model["entries"]:
        if unwanted(entry["part"], entry["name"]):
            gone += 1
            continue
        if "archive" in entry:
            gone += _strip(entry["archive"], unwanted)
            if entry["archive"]["kind"] == "gzip" and not entry["archive"]["entries"]:
                continue
        kept.append(entry)
    model["entries"] = kept
    return gone


def _strip_office(model: Any, unwanted: Callable[[str, str], bool]) -> int:
    """Take the unwanted pictures out, renumber what is left; gives how many went."""
    parts = model["parts"]
    gone = {
        number
        for number, part in enumerate(parts)
        if part["kind"] == "image" and unwanted(part["media"], "")
    }
    kept = [number for number in range(len(parts)) if number not in gone]
    numbers = {old: new for new, old in enumerate(kept)}
    for number in kept:
        part = parts[number]
        if "tree" in part:
            _without(part["tree"], _references(part, numbers, gone))
    model["parts"] = [parts[number] for number in kept]
    return len(gone)


def _references(part: Any, numbers: dict[int, int], gone: set[int]) -> dict[str, str | None]:
    """What the part's tree says of other parts -> what it has to say now; None: it goes."""
    if "links" not in part:
        told: dict[str, str | None] = {f"part:{old}": f"part:{new}" for old, new in numbers.items()}
        return {**told, **{f"part:{old}": None for old in gone}}
    references: dict[str, str | None] = {}
    links = []
    for place, target in enumerate(part["links"], 1):
        if type(target) is int and target in gone:
            references[f"rId{place}"] = None
            continue
        links.append(numbers[target] if type(target) is int else target)
        references[f"rId{place}"] = f"rId{len(links)}"
    part["links"] = links
    return references


def _without(tree: Any, references: dict[str, str | None]) -> None:
    """Change the references in a tree, in place; an element whose reference goes, goes too."""
    todo = [tree]
    while todo:
        element = todo.pop()
        element[2][:] = [child for child in element[2] if not _goes(child, references)]
        for key, value in element[1].items():
            if key.startswith("r:") or key == "xlink:href":
                element[1][key] = references.get(value, value)
        todo += [child for child in element[2] if type(child) is not str]


def _goes(child: Any, references: dict[str, str | None]) -> bool:
    return type(child) is not str and any(
        (key.startswith("r:") or key == "xlink:href") and references.get(value, value) is None
        for key, value in child[1].items()
    )


STAGE = StageType(
    name="strip_attachments",
    version=2,
    kind=Kind.TRANSFORM,
    side=Side.SOURCE,
    parameters=StripAttachmentsParameters,
    make=make,
    summary="parts of the kinds and endings that the policy names are taken out of a container",
)
