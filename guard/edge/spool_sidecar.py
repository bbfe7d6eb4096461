"""The sidecar of a drop: what a sender claims of its file, strictly parsed.

Takes untrusted bytes, gives a `Sidecar` or raises `Malformed(SIDECAR_MALFORMED)`; does no I/O.
Follows docs/spec/spool.md §5.
"""

import json
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.errors import Malformed
from schemas.message import BINDING, LABEL_CHARACTERS_MAX, TYPE_CHARACTERS_MAX, Precedence
from schemas.reasons import Reason

SIDECAR_BYTES_MAX = 4096
DESTINATION_CHARACTERS_MAX = 64
_PRECEDENCES = {each.name.replace("_", " "): each.value for each in Precedence}


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has control or invisible characters")
    return text


def _precedence(value: object) -> object:
    return _PRECEDENCES.get(value, value) if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_printable)]


class Sidecar(BaseModel):
    """What the sender says of its file; every field may be absent. precedence: 0 to 4."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    label: Annotated[Text, Field(max_length=LABEL_CHARACTERS_MAX)] = ""
    precedence: Annotated[int, BeforeValidator(_precedence), Field(ge=0, le=4)] = 0
    type: Annotated[Text, Field(max_length=TYPE_CHARACTERS_MAX)] = ""
    destination: Annotated[Text, Field(max_length=DESTINATION_CHARACTERS_MAX)] = ""
    binding: Annotated[str, Field(pattern=f"^(?:{BINDING.pattern})?$")] = ""


NO_SIDECAR = Sidecar()


def read_sidecar(untrusted_bytes: bytes) -> Sidecar:
    """Raises `Malformed(SIDECAR_MALFORMED)` for all that spool §5 does not allow."""
    if not 0 < len(untrusted_bytes) <= SIDECAR_BYTES_MAX:
        raise malformed(f"is empty or larger than {SIDECAR_BYTES_MAX} bytes")
    try:
        untrusted = json.loads(untrusted_bytes.decode(), object_pairs_hook=_once)
        return Sidecar.model_validate(untrusted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:64]
        raise malformed(f"breaks a rule at {field or 'its top'!r}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise malformed("is not one JSON object with different keys in UTF-8") from error


def malformed(what: str) -> Malformed:
    """The error for a sidecar that `what`."""
    return Malformed(Reason.SIDECAR_MALFORMED, f"the sidecar {what}")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members
