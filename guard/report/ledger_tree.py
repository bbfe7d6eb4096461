"""Proofs of RFC 6962 that one tree began another, as a verifier checks them.

Takes sizes, roots and a proof, answers yes or no. Pure. A part of the ledger's verifier: shares no
code with the writer. Follows RFC 6962 §2.1.2: the proof is unfolded from the top of the tree, by
the definition, and not climbed from the bottom as the writer's own check does.
"""

from collections.abc import Sequence
from hashlib import sha256

SIZE_MAX = 2**63 - 1


def grew(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `old_size` leaves is the beginning of the tree of `size` leaves.

    Roots and hashes are of 32 bytes. Any tree begins with the empty one, whose proof is empty.
    """
    if not 0 <= old_size <= size <= SIZE_MAX:
        return False
    if old_size in (0, size):
        return not proof and (old_size == 0 or old_root == root)
    steps: list[bool] = []  # from the top: whether the old tree ends in the left half
    low, high = 0, size
    while high != old_size:
        split = low + (1 << (high - low - 1).bit_length() - 1)
        steps.append(old_size <= split)
        if old_size <= split:
            high = split
        else:
            low = split
    if len(proof) != len(steps) + bool(low):
        return False
    left = list(proof)
    old = new = left.pop(0) if low else old_root
    for ends_left in reversed(steps):
        beside = left.pop(0)
        if ends_left:
            new = sha256(b"\x01" + new + beside).digest()
        else:
            old = sha256(b"\x01" + beside + old).digest()
            new = sha256(b"\x01" + beside + new).digest()
    return old == old_root and new == root
