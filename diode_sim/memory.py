"""How much the two cores hold, beside what their parameters allow.

Takes a sender or a receiver, gives entries of its collections and bytes of its buffers, found by
following every reference. Pure.
"""

import gc
from types import FunctionType, ModuleType

import numpy as np

from guard.link.arrivals import RANGES_MAX
from guard.link.opening import PLAINS
from guard.link.params import LinkParams
from guard.link.partials import ENVELOPES_MAX
from guard.link.receiver import Receiver
from guard.link.sender import Sender

SPARE_BYTES = 4 * 2**20
"""Keys, offsets of tags, laid-out headers, tables: what does not grow with a link's parameters."""

_OF_A_BLOCK = 256 + 4 * 8 + 1  # a bit a symbol and link, and the window's arrays


def held_bytes(root: object, but: tuple[object, ...]) -> int:
    """Bytes of all buffers that can be reached from here, but not through these."""
    seen = {id(one) for one in but}
    waiting: list[object] = [root]
    size = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, bytes | bytearray):
            size += len(one)
        elif isinstance(one, np.ndarray) and one.base is None:
            size += one.nbytes
        waiting.extend(gc.get_referents(one))
    return size


def receiver_bytes_max(params: LinkParams) -> int:
    """What a receiver may hold: of the open session, and of a candidate for it."""
    slots = min(params.window_blocks, params.window_bytes_max // params.slot_bytes)
    plains = PLAINS * params.k_max * params.symbol_bytes_max
    scratch = 3 * params.rows_max * params.datagram_bytes_max  # staged, searched, coded
    session = slots * params.slot_bytes + plains + params.window_blocks * _OF_A_BLOCK + scratch
    return 2 * (session + ENVELOPES_MAX * params.envelope_bytes_max) + SPARE_BYTES


def sender_bytes_max(params: LinkParams) -> int:
    """What a sender may hold: its queue and one group of blocks, coded and not."""
    blocks = params.interleave_blocks * params.rows_max * params.datagram_bytes_max
    return params.queue_bytes_max + 2 * blocks + SPARE_BYTES


def wrong_memory(
    params: LinkParams,
    sender: Sender | None,
    receiver: Receiver | None,
    outside: tuple[object, ...],
) -> str | None:
    """What holds more than it may, or None. `outside`: what they are given and is not theirs."""
    if sender is not None:
        held, most = held_bytes(sender, outside), sender_bytes_max(params)
        if held > most or sender.waiting_bytes > params.queue_bytes_max:
            return f"the sender holds {held:,} bytes, {most:,} at most are declared"
    if receiver is not None:
        held, most = held_bytes(receiver, outside), receiver_bytes_max(params)
        if held > most:
            return f"the receiver holds {held:,} bytes, {most:,} at most are declared"
        state = receiver.checkpoint_state()
        if max(len(state.landed), len(state.gaps)) > RANGES_MAX:
            return f"the receiver keeps more than {RANGES_MAX} ranges"
    return None
