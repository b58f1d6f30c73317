"""A custodian that proves an entry with a proof of something else: of another log, of another size, of another place,
or of an inner node that passes for an entry. And one that is brought, root and all, to sign a second history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kms.crypto import merkle
from kms.crypto.hashing import u64
from kms.custodian.sqlite import SqliteCustodianStore
from kms.errors import Invalid, StoreError
from kms.statements.audit import LogKind
from tests.protocol.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    for index, node in made.nodes.items():
        with node.context.store.transaction():
            for number in range(400):
                node.context.ledger.append(LogKind.STARTED, made.clock(), bytes([index]) * 32, count=number)
    yield made
    made.close()


@dataclass(frozen=True, slots=True)
class Shown:
    """What is held against a root: an entry's leaf, where it is said to stand, in a log of which size."""

    leaf: bytes
    index: int
    size: int
    proof: list[bytes]


def shown(world: World, index: int, size: int, at: int = 1) -> Shown:
    entry, proof = world.nodes[at].inclusion(index, size)
    return Shown(merkle.leaf_hash(entry), index, size, proof)


def root(world: World, size: int, at: int = 1) -> bytes:
    return world.nodes[at].context.ledger.tree.root(size)


BORROWED: dict[str, Callable[[World], Shown]] = {
    "another log": lambda w: shown(w, 300, 400, at=2),
    "another size": lambda w: Shown(shown(w, 300, 399).leaf, 300, 400, shown(w, 300, 399).proof),
    "a size of its own": lambda w: shown(w, 300, 390),
    "another index": lambda w: Shown(shown(w, 300, 400).leaf, 301, 400, shown(w, 300, 400).proof),
    "another entry": lambda w: Shown(shown(w, 299, 400).leaf, 300, 400, shown(w, 300, 400).proof),
    "a shorter proof": lambda w: Shown(shown(w, 300, 400).leaf, 300, 400, shown(w, 300, 400).proof[1:]),
    "a longer proof": lambda w: Shown(
        shown(w, 300, 400).leaf, 300, 400, [b"\x00" * 32, *shown(w, 300, 400).proof]
    ),
}


@pytest.mark.parametrize("borrowed", BORROWED)
def test_a_proof_of_something_else_proves_nothing(world: World, borrowed: str) -> None:
    claim = BORROWED[borrowed](world)
    with pytest.raises(Invalid) as refused:
        merkle.check_inclusion(claim.leaf, claim.index, claim.size, claim.proof, root(world, 400))
    assert refused.value.reason in ("NOT_IN_LOG", "PROOF_MALFORMED")


def test_an_inner_node_passes_for_no_entry(world: World) -> None:
    entry = shown(world, 300, 400)
    # Whatever size is claimed, bytes that are two hashes are hashed as an entry, not as a node.
    inner = merkle.leaf_hash(entry.leaf + entry.proof[0])
    with pytest.raises(Invalid):
        merkle.check_inclusion(inner, 150, 200, entry.proof[1:], root(world, 400))


def test_the_log_of_another_custodian_continues_nothing(world: World) -> None:
    proof = world.nodes[2].consistency_proof(300, 400)
    with pytest.raises(Invalid) as refused:
        merkle.check_consistency(300, root(world, 300), 400, root(world, 400, at=2), proof)
    assert refused.value.reason == "LOG_INCONSISTENT"


def cut(world: World, keep: int) -> None:
    """Node 1's log cut to `keep` entries by who has the storage root too, and a root recorded that fits."""
    context = world.nodes[1].context
    assert isinstance(context.store, SqliteCustodianStore)
    plain = u64(keep) + context.ledger.tree.root(keep)
    tag = context.vault.tag("log tree", plain)
    with context.store.transaction():
        db = context.store._db
        db.execute("DELETE FROM log WHERE idx >= ?", (keep,))
        db.execute("DELETE FROM log_roots WHERE number >= ?", (keep >> 8,))
        db.execute("UPDATE meta SET value = ? WHERE name = 'log_head'", (plain + tag,))


def test_a_node_that_gave_out_a_checkpoint_does_not_start_on_a_shorter_log(world: World) -> None:
    world.nodes[1].checkpoint()
    cut(world, 200)
    with pytest.raises(StoreError, match="was given out"):
        world.start(1)


def test_a_node_signs_no_second_history_of_its_log(world: World) -> None:
    node = world.nodes[1]
    node.checkpoint()
    size = node.context.store.log.size()
    cut(world, size - 1)
    with node.context.store.transaction():
        node.context.ledger.append(LogKind.STARTED, world.clock(), b"o" * 32)
    with pytest.raises(StoreError, match="given out"):
        node.checkpoint()
