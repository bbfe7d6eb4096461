"""The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1), SHA-256: roots and proofs.

Takes leaf hashes, gives roots and proofs; pure. A `Frontier` grows and knows its root in memory
logarithmic in its size. The proofs are functions of all leaf hashes. Checking a proof raises
`Forged(LEDGER_TREE)`. Follows docs/spec/ledger.md §4.
"""

from collections.abc import Sequence
from hashlib import sha256

from schemas.errors import Forged
from schemas.reasons import Reason

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree, kept as the roots of its complete subtrees, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        roots, size = self._roots, self.size
        while size & 1:
            leaf = sha256(b"\x01" + roots.pop() + leaf).digest()
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now, 32 bytes."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in self._roots[-2::-1]:
            root = node_hash(left, root)
        return root


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """That leaf `index` is in the tree of these leaves (RFC 6962 §2.1.1). Raises IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    proof: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        split = low + _split(high - low)
        if index < split:
            proof.append(tree_root(leaves[split:high]))
            high = split
        else:
            proof.append(tree_root(leaves[low:split]))
            low = split
    return proof[::-1]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """That the tree of the first `old_size` leaves begins this one (RFC 6962 §2.1.2).

    Raises IndexError unless 0 < old_size <= len(leaves).
    """
    if not 0 < old_size <= len(leaves):
        raise IndexError(f"a tree of {len(leaves)} leaves has no beginning of {old_size}")
    proof: list[bytes] = []
    low, high = 0, len(leaves)
    while old_size != high:
        split = low + _split(high - low)
        if old_size <= split:
            proof.append(tree_root(leaves[split:high]))
            high = split
        else:
            proof.append(tree_root(leaves[low:split]))
            low = split
    if low:
        proof.append(tree_root(leaves[low:high]))
    return proof[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: list[bytes]) -> bytes:
    """The leaf hash, when the proof shows it at `index` under `root`. Raises `Forged`.

    RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        raise _forged(f"there is no leaf {index} in a tree of {size}")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _forged("an inclusion proof is too long")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last or found != root:
        raise _forged(f"leaf {index} is not under this root")
    return leaf


def check_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]
) -> bytes:
    """The newer root, when the proof shows that the older tree begins it. Raises `Forged`.

    RFC 9162 §2.1.4.2.
    """
    if old_size == size and not proof and old_root == root:
        return root
    if not 0 < old_size < size or not proof:
        raise _forged(f"a tree of {old_size} does not become one of {size} like this")
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _forged("a consistency proof is too long")
        if node & 1 or node == last:
            old_found, found = node_hash(sibling, old_found), node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last or old_found != old_root or found != root:
        raise _forged(f"the tree of {old_size} does not begin the tree of {size}")
    return root


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _forged(sentence: str) -> Forged:
    return Forged(Reason.LEDGER_TREE, sentence)
