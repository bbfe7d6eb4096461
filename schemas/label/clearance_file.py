"""The reader of clearance files: TOML bytes become a `ClearanceTable`, or `Malformed`."""

import tomllib

from pydantic import ValidationError

from schemas.errors import Malformed
from schemas.label.clearance import ClearanceTable
from schemas.reasons import Reason

BYTES_MAX = 64 * 1024
_LINE_BYTES_MAX = 4096  # the TOML reader's time grows with the square of a dotted key


def read_table(untrusted: bytes) -> ClearanceTable:
    """A clearance file. Raises `Malformed(LABEL_MALFORMED)`."""
    if len(untrusted) > BYTES_MAX or any(
        len(line) > _LINE_BYTES_MAX for line in untrusted.splitlines()
    ):
        raise Malformed(Reason.LABEL_MALFORMED, "the clearance is larger than its bound")
    try:
        return ClearanceTable.model_validate(tomllib.loads(untrusted.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed(Reason.LABEL_MALFORMED, "the clearance is not TOML in UTF-8") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise Malformed(
            Reason.LABEL_MALFORMED, f"the clearance's {place}: {str(fault['msg'])[:80]}"
        ) from error
