"""The proof that an entry stands in a ledger, in one file that a stranger can check alone.

Takes an entry that was found, gives a JSON object with the entry's line, the hashes on its way to
the root (RFC 6962 §2.1.1), the signed checkpoint that states the root, and the certificates of the
keys from the ledger's first one to the checkpoint's. docs/check_proof.py checks it.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from guard.report.index.building import complete_root
from guard.report.index.reading import Found, Indexed
from guard.report.index.searching import Index
from guard.report.index.tables import CHUNK_LEAVES
from guard.report.ledger_anchor import read_anchor
from guard.report.ledger_keys import EpochKey
from schemas.errors import Malformed
from schemas.reasons import Reason

FORMAT = "checkvalve proof 1"
Root = Callable[[int, int], bytes]


def proof_of(index: Index, found: Found, first_key: bytes) -> dict[str, Any]:
    """For one entry. first_key: the ledger's, 32 bytes. Raises `Malformed` if none can be made."""
    row, indexed = found.row, found.indexed
    checkpoint = str(indexed.verification["checkpoint"])
    size = int(checkpoint.split("\n", 2)[1]) if checkpoint else 0
    if row.number >= size:
        raise Malformed(
            Reason.LEDGER_SIGNATURE,
            f"no signed checkpoint covers entry {row.number}: nobody vouches",
        )
    root = Roots(index, indexed, first_key).root
    return {
        "format": FORMAT,
        "ledger": indexed.origin,
        "first_key": first_key.hex(),
        "entry": row.number,
        "line": found.line.decode("ascii"),
        "previous_link": index.link(row.ledger, row.number - 1).hex(),
        "path": [each.hex() for each in inclusion_path(root, row.number, size)],
        "checkpoint": checkpoint,
        "certificates": [
            {name: each[name] for name in ("epoch", "begins", "key", "signature")}
            for each in _certificates(found, first_key) if each["begins"] < size
        ],
    }  # fmt: skip


def inclusion_path(root: Root, number: int, size: int) -> list[bytes]:
    """PATH(number, D[size]) of RFC 6962 §2.1.1, the lowest first. root: over leaves [low, high)."""
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if number < split:
            path.append(root(split, high))
            high = split
        else:
            path.append(root(low, split))
            low = split
    return path[::-1]


class Roots:
    """Roots over any leaves that the tree has as a subtree, from chunks where they are whole."""

    def __init__(self, index: Index, indexed: Indexed, first_key: bytes) -> None:
        self._index, self._ledger = index, indexed.ledger
        self._known: dict[tuple[int, int], bytes] = {}
        anchor = read_anchor(indexed.directory, EpochKey(0, first_key), "")
        begin = 0
        for leaves, root in anchor.subtrees if anchor else ():
            self._known[begin, begin + leaves] = root
            begin += leaves

    def root(self, low: int, high: int) -> bytes:
        """MTH(D[low:high])."""
        if (low, high) in self._known:
            return self._known[low, high]
        count = high - low
        if count == CHUNK_LEAVES and low % CHUNK_LEAVES == 0:
            whole = self._index.chunk_root(self._ledger, low // CHUNK_LEAVES)
            if whole is not None:
                return whole
        if count <= CHUNK_LEAVES:
            return _root_over(self._leaves(low, high))
        split = low + (1 << (count - 1).bit_length() - 1)
        return sha256(b"\x01" + self.root(low, split) + self.root(split, high)).digest()

    def _leaves(self, low: int, high: int) -> list[bytes]:
        links = self._index.links(self._ledger, low, high)
        if len(links) != high - low:
            raise Malformed(Reason.LEDGER_CHAIN, f"entries {low} to {high - 1} are not all there")
        return links


def _root_over(leaves: list[bytes]) -> bytes:
    count = len(leaves)
    if count & (count - 1) == 0:
        return complete_root(leaves)
    split = 1 << (count - 1).bit_length() - 1
    return sha256(b"\x01" + complete_root(leaves[:split]) + _root_over(leaves[split:])).digest()


def _certificates(found: Found, first_key: bytes) -> list[dict[str, Any]]:
    """All that the ledger has, those of what was let go from its anchor."""
    told: list[dict[str, Any]] = []
    if read_anchor(found.indexed.directory, EpochKey(0, first_key), "") is not None:
        raw = json.loads((found.indexed.directory / "anchor").read_bytes())
        told = [
            {"epoch": number, "begins": begins, "key": key, "signature": signature}
            for number, (begins, key, signature) in enumerate(raw["epochs"], 1)
        ]
    known = {each["epoch"] for each in told}
    return told + [each for each in found.indexed.certificates if each["epoch"] not in known]
