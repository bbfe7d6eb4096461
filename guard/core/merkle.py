"""The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1), SHA-256: roots and proofs.

Takes leaf hashes, gives roots and proofs; pure. A `Span` keeps neighbouring leaves, a `Frontier`
all from the first on, in memory logarithmic in the tree's size. `inclusion_proof` and
`consistency_proof` are functions of all leaf hashes, `consistency_between` of two spans. Checking a
proof raises `Forged(LEDGER_TREE)`. Follows docs/spec/ledger.md §4.
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


class Span:
    """Neighbouring leaves of a tree, kept as the roots of the complete subtrees among them.

    Their number is at most twice the logarithm of the tree's size. A span that begins at 0 is the
    tree itself. Spans that meet can be joined; no leaf is hashed again.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.end = first
        self._nodes: list[tuple[int, int, bytes]] = []  # (first leaf, level, root), from the left

    def copy(self) -> "Span":
        """The same leaves, to grow by itself."""
        made = Span(self.first)
        made.end, made._nodes = self.end, self._nodes.copy()
        return made

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of leaves behind the last one."""
        at, level, hashes = self.end, 0, leaves
        self.end += len(leaves)
        left: list[tuple[int, int, bytes]] = []
        right: list[tuple[int, int, bytes]] = []
        while hashes:
            if at & 1:
                left.append((at << level, level, hashes[0]))
                hashes = hashes[1:]
                at += 1
            if len(hashes) & 1:
                right.append((at + len(hashes) - 1 << level, level, hashes[-1]))
                hashes = hashes[:-1]
            hashes = [
                sha256(b"\x01" + a + b).digest()
                for a, b in zip(hashes[::2], hashes[1::2], strict=True)
            ]
            at, level = at >> 1, level + 1
        self._push(left)
        self._push(right[::-1])

    def join(self, following: "Span") -> None:
        """Add the leaves of the span that begins where this one ends. Raises IndexError."""
        if following.first != self.end:
            raise IndexError(f"leaf {following.first} does not follow {self.end - 1}")
        self._push(following._nodes)
        self.end = following.end

    def fill(self, end: int, roots: Sequence[bytes]) -> None:
        """Add the leaves up to `end`, given as `roots`. Raises IndexError for too few or many."""
        left = list(roots)
        while self.end < end:
            aligned = (self.end & -self.end).bit_length() - 1 if self.end else end.bit_length()
            level = min(aligned, (end - self.end).bit_length() - 1)
            self._nodes.append((self.end, level, left.pop(0)))
            self.end += 1 << level
        if left:
            raise IndexError(f"leaves {self.first} to {end - 1} make fewer complete subtrees")

    def roots(self) -> list[bytes]:
        """Of the complete subtrees among the leaves, from the left."""
        return [root for _, _, root in self._nodes]

    def root_of(self, first: int, end: int) -> bytes:
        """The root over the leaves from `first` to `end` - 1, which subtrees here make up."""
        root = b""
        for start, _, node in reversed(self._nodes):
            if first <= start < end:
                root = node_hash(node, root) if root else node
        return root

    def _push(self, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        kept = self._nodes
        for node in nodes:
            while kept and kept[-1][1] == node[1] and not kept[-1][0] >> node[1] & 1:
                start, level, left = kept.pop()
                node = start, level + 1, node_hash(left, node[2])
            kept.append(node)


class Frontier(Span):
    """A growing tree."""

    @classmethod
    def of(cls, size: int, roots: Sequence[bytes]) -> "Frontier":
        """The tree of `size` leaves with these complete subtrees. Raises IndexError."""
        made = cls()
        made.fill(size, roots)
        return made

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self.end

    def append(self, leaf: bytes) -> None:
        """Add the hash of one leaf."""
        self.extend([leaf])

    def root(self) -> bytes:
        """The root of the tree as it is now, 32 bytes."""
        return self.root_of(0, self.end) or EMPTY_ROOT


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


def consistency_between(tree: Span, grown: Span) -> list[bytes]:
    """`consistency_proof` from spans: `tree` are the old leaves, `grown` those that followed.

    None is needed from the empty tree. Raises IndexError unless both make one tree.
    """
    old_size, size = tree.end, grown.end
    if tree.first or grown.first != old_size:
        raise IndexError("the spans do not make a tree")
    proof: list[bytes] = []
    low, high = 0, size
    while old_size != high and old_size:
        split = low + _split(high - low)
        if old_size <= split:
            proof.append(grown.root_of(split, high))
            high = split
        else:
            proof.append(tree.root_of(low, split))
            low = split
    if low:
        proof.append(tree.root_of(low, high))
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
