"""The tree against the definition of RFC 6962 §2.1, written down here a second time."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.core import merkle
from schemas.errors import Forged


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def definition_root(leaves: list[bytes]) -> bytes:
    """MTH, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    both = definition_root(leaves[:k]) + definition_root(leaves[k:])
    return sha256(b"\x01" + both).digest()


def definition_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*definition_path(m, leaves[:k]), definition_root(leaves[k:])]
    return [*definition_path(m - k, leaves[k:]), definition_root(leaves[:k])]


def definition_subproof(m: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if complete else [definition_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*definition_subproof(m, leaves[:k], complete), definition_root(leaves[k:])]
    return [*definition_subproof(m - k, leaves[k:], False), definition_root(leaves[:k])]


def leaves_of(count: int) -> list[bytes]:
    return [sha256(b"\0%d" % number).digest() for number in range(count)]


sizes = st.integers(1, 80)


def test_every_root_up_to_130_is_the_definition() -> None:
    leaves = leaves_of(130)
    frontier = merkle.Frontier()
    for size in range(131):
        assert frontier.root() == definition_root(leaves[:size])
        assert frontier.size == size
        if size < 130:
            frontier.append(leaves[size])


@given(sizes, st.data())
def test_inclusion(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(leaves, index)
    root = merkle.tree_root(leaves)
    assert proof == definition_path(index, leaves)
    assert merkle.check_inclusion(leaves[index], index, size, root, proof) == leaves[index]


@given(sizes, st.data())
def test_consistency(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(leaves, old)
    old_root, root = merkle.tree_root(leaves[:old]), merkle.tree_root(leaves)
    assert proof == definition_subproof(old, leaves, True)
    assert merkle.check_consistency(old, old_root, size, root, proof) == root


@given(st.integers(2, 60), st.data())
def test_no_other_statement_is_proven(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    root = merkle.tree_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(leaves, index)
    other = sha256(b"other").digest()
    wrong: list[tuple[bytes, int, int, bytes, list[bytes]]] = [
        (other, index, size, root, proof),
        (leaves[index], (index + 1) % size, size, root, proof),
        (leaves[index], index, size, other, proof),
        (leaves[index], index, size, root, [*proof, other]),
        (leaves[index], index, size, root, proof[:-1]),
        (leaves[index], size, size, root, proof),
        (leaves[index], index, size, root, [*proof[:-1], other]),
    ]
    for statement in wrong:
        with pytest.raises(Forged):
            merkle.check_inclusion(*statement)


@given(st.integers(2, 60), st.data())
def test_no_other_history_is_proven(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size - 1))
    old_root, root = merkle.tree_root(leaves[:old]), merkle.tree_root(leaves)
    proof = merkle.consistency_proof(leaves, old)
    other = sha256(b"other").digest()
    wrong: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old, other, size, root, proof),
        (old, old_root, size, other, proof),
        (old, old_root, size, root, [*proof, other]),
        (old, old_root, size, root, proof[:-1]),
        (old, old_root, size, root, [*proof[:-1], other]),
        (size, root, old, old_root, proof),
        (old, old_root, old, root, []),
        (0, merkle.EMPTY_ROOT, size, root, proof),
    ]
    for statement in wrong:
        with pytest.raises(Forged):
            merkle.check_consistency(*statement)


def test_no_proof_outside_the_tree() -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(leaves_of(3), 3)
    for old in (0, 4):
        with pytest.raises(IndexError):
            merkle.consistency_proof(leaves_of(3), old)
