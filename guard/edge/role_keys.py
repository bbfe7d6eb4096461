"""Which secrets a process is handed: those of its row, and no others.

Takes the side's own keys and the run's receipt keys, by name. Pure.
"""

from collections.abc import Mapping

from guard.core.journey import May
from guard.edge.seats import Seat
from schemas.token_names import KEY_PREFIX, SEALING_STAGE


def keys_for(
    seat: Seat, own: Mapping[str, bytes], receipt_keys: Mapping[str, bytes]
) -> dict[str, bytes]:
    """own: `seal`, `link`, `seal-mldsa` for two signatures, `link-next` once it is known, and
    `token:ID` for the one stage that seals tokens.

    receipt_keys: `head`, and `stage:NAME` for each stage.
    """
    may = seat.role.may
    given: dict[str, bytes] = {}
    if May.HEAD_KEY in may:
        given["head"] = receipt_keys["head"]
    if May.STAGE_KEY in may:
        given["stage"] = receipt_keys[seat.name]
    if May.ALL_STAGE_KEYS in may:
        given |= {name: key for name, key in receipt_keys.items() if name != "head"}
    if May.SEALING_KEY in may:
        given |= {name: own[name] for name in ("seal", "seal-mldsa") if name in own}
    if May.LINK_KEY in may:
        given |= {name: own[name] for name in ("link", "link-next") if name in own}
    if seat.kind is not None and seat.line is not None and seat.line.catalog_name == SEALING_STAGE:
        given |= {name: key for name, key in own.items() if name.startswith(KEY_PREFIX)}
    return given
