"""RFC 6962's tree: against the RFC's own definition written out, and against the known roots of its first test tree."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.crypto import merkle
from kms.errors import Invalid

ENTRIES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")] + [
    bytes.fromhex("606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Of certificate-transparency's reference tests."""


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def nodes_of(row: list[bytes]) -> merkle.Nodes:
    def tile(level: int, number: int, width: int) -> bytes:
        span = 1 << (8 * level)
        first = number * 256
        return b"".join(mth(row[k * span : (k + 1) * span]) for k in range(first, first + width))

    return merkle.tiled(tile)


def test_the_known_roots() -> None:
    hashed = [merkle.leaf_hash(entry) for entry in ENTRIES]
    for size, expected in ROOTS.items():
        edge = merkle.Edge()
        for leaf in hashed[:size]:
            edge.append(leaf)
        assert edge.root.hex() == expected == merkle.root(nodes_of(hashed), size).hex()
    assert merkle.Edge().root == merkle.EMPTY_ROOT == mth([])


@given(st.integers(1, 700), st.data())
def test_every_leaf_is_proved_and_nothing_else(size: int, data: st.DataObject) -> None:
    row = leaves(size)
    nodes, root = nodes_of(row), mth(row)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(nodes, index, size)
    merkle.check_inclusion(row[index], index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda k: k != index)) if size > 1 else None
    if other is not None:
        for leaf, at in ((row[other], index), (row[index], other)):
            with pytest.raises(Invalid):
                merkle.check_inclusion(leaf, at, size, proof, root)
    for wrong in (proof[:-1], [*proof, bytes(32)]):
        if wrong != proof:
            with pytest.raises(Invalid):
                merkle.check_inclusion(row[index], index, size, wrong, root)


@given(st.integers(0, 700), st.data())
def test_a_longer_tree_begins_with_the_shorter_one(new: int, data: st.DataObject) -> None:
    row = leaves(new)
    old = data.draw(st.integers(0, new))
    proof = merkle.consistency_proof(nodes_of(row), old, new)
    merkle.check_consistency(old, mth(row[:old]), new, mth(row), proof)
    with pytest.raises(Invalid):
        merkle.check_consistency(old, bytes(32), new, mth(row), proof)
    if 0 < old < new:
        changed = row.copy()
        changed[data.draw(st.integers(0, old - 1))] = bytes(32)
        forged = merkle.consistency_proof(nodes_of(changed), old, new)
        with pytest.raises(Invalid):
            merkle.check_consistency(old, mth(row[:old]), new, mth(changed), forged)


@given(st.integers(0, 600), st.integers(0, 600))
def test_an_edge_goes_on_from_what_was_kept(first: int, more: int) -> None:
    row = leaves(first + more)
    nodes = nodes_of(row)
    edge = merkle.Edge(first, [nodes(*place) for place in merkle.edge(first)])
    for leaf in row[first:]:
        edge.append(leaf)
    assert (edge.size, edge.root) == (first + more, mth(row))


def test_places_that_are_not_there_are_refused() -> None:
    nodes = nodes_of(leaves(4))
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(Invalid, match="no entry"):
            merkle.inclusion_proof(nodes, index, size)
        with pytest.raises(Invalid, match="no entry"):
            merkle.root_of_inclusion(bytes(32), index, size, [])
    with pytest.raises(Invalid, match="never one of 5"):
        merkle.consistency_proof(nodes, 5, 4)
    with pytest.raises(Invalid, match="never one of 5"):
        merkle.check_consistency(5, bytes(32), 4, bytes(32), [])
    with pytest.raises(Invalid, match="no entry"):
        merkle.root_of_inclusion(bytes(32), 0, merkle.MAX_SIZE + 1, [])
