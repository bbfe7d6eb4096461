"""Which secrets a process is handed: those of its row, and no others.

Takes the side's own keys and the run's receipt keys, by name. Pure.
"""

from collections.abc import Mapping

from guard.core.journey import May
from guard.edge.seats import Seat


def keys_for(
    seat: Seat, own: Mapping[str, bytes], receipt_keys: Mapping[str, bytes]
) -> dict[str, bytes]:
    """own: `seal`, `link`, `seal-mldsa` for two signatures, `link-next` once it is known.

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
    return given
