"""What an entry of the log means to each owner: leaves of a tree of their own, whose root stands in the entry.

Each owner is shown their own leaf and its path. Leaves are salted: whoever reads the log cannot test for an owner or a
key, and who sees one leaf learns of the others only how many there are.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from kms.crypto import merkle
from kms.crypto.hashing import equal
from kms.errors import Invalid
from kms.statements.audit import LogEntry
from kms.statements.codec import decode, message, require
from kms.statements.ids import KeyId, Thumbprint
from kms.wire.v1 import audit_pb2

SALT_SIZE: Final = 16
MAX_PEOPLE: Final = 8


@message(audit_pb2.OwnerOutcome)
@dataclass(frozen=True, slots=True)
class OwnerOutcome:
    """`ALLOW`, `RELEASED`, `KEPT`, ... with a reason word (or none), of these keys."""

    outcome: str
    reason: str
    key_ids: tuple[KeyId, ...]


@message(audit_pb2.OwnerDetail)
@dataclass(frozen=True, slots=True)
class OwnerDetail:
    """For whom, for what (`Purpose`, or 0), who asked ("iss|sub"), and what came of it."""

    salt: bytes
    owner_thumbprint: Thumbprint
    purpose: int
    people: tuple[str, ...]
    outcomes: tuple[OwnerOutcome, ...]

    @classmethod
    def salted(
        cls, owner: Thumbprint, purpose: int, people: Sequence[str], outcomes: Sequence[OwnerOutcome]
    ) -> OwnerDetail:
        return cls(
            secrets.token_bytes(SALT_SIZE), owner, purpose, tuple(people[:MAX_PEOPLE]), tuple(outcomes)
        )


@message(audit_pb2.OwnerLeaf)
@dataclass(frozen=True, slots=True)
class OwnerLeaf:
    """A detail's exact bytes with its way up to the root: number `position` of `count`."""

    detail: bytes
    position: int
    count: int
    path: tuple[bytes, ...]

    def __post_init__(self) -> None:
        require(self.position < self.count, "position", "must be below the count")

    def root(self) -> bytes:
        """Where the path leads; Invalid if it is not of the length that position and count ask for."""
        leaf = merkle.leaf_hash(self.detail)
        return merkle.root_of_inclusion(leaf, self.position, self.count, self.path)

    def opened(self, entry: LogEntry, owner: Thumbprint) -> OwnerDetail:
        """What the entry means to this owner; Invalid if this is no leaf of it, or another owner's."""
        if not equal(self.root(), entry.detail_root):
            raise Invalid("what an owner was shown does not stand in the log", reason="NOT_IN_LOG")
        detail = decode(OwnerDetail, self.detail, "detail")
        if not equal(detail.owner_thumbprint, owner):
            raise Invalid("what an owner was shown is another owner's", reason="WRONG_OWNER")
        return detail


def _written(detail: OwnerDetail) -> bytes:
    """As `encode` writes it. Its shapes are checked where it is read: it is made in the middle of every release."""
    return audit_pb2.OwnerDetail(
        salt=detail.salt,
        owner_thumbprint=detail.owner_thumbprint,
        purpose=detail.purpose,
        people=detail.people,
        outcomes=[
            audit_pb2.OwnerOutcome(outcome=one.outcome, reason=one.reason, key_ids=one.key_ids)
            for one in detail.outcomes
        ],
    ).SerializeToString(deterministic=True)


def leaves_of(details: Sequence[OwnerDetail]) -> tuple[bytes, tuple[OwnerLeaf, ...]]:
    """(root, a leaf for each in the given order). They stand in the tree by their hashes, which says nothing."""
    encoded = [_written(detail) for detail in details]
    if len(encoded) == 1:
        return merkle.leaf_hash(encoded[0]), (OwnerLeaf(encoded[0], 0, 1, ()),)
    hashed = sorted((merkle.leaf_hash(one), n) for n, one in enumerate(encoded))
    nodes = _remembered([leaf for leaf, _ in hashed])
    count = len(hashed)
    leaves = [OwnerLeaf(one, 0, count, ()) for one in encoded]
    for position, (_, n) in enumerate(hashed):
        path = merkle.inclusion_proof(nodes, position, count)
        leaves[n] = replace(leaves[n], position=position, path=tuple(path))
    return merkle.root(nodes, count), tuple(leaves)


def _remembered(hashes: Sequence[bytes]) -> merkle.Nodes:
    """Complete subtrees over these leaves, each hashed once."""
    known: dict[tuple[int, int], bytes] = {(0, n): leaf for n, leaf in enumerate(hashes)}

    def node(level: int, number: int) -> bytes:
        found = known.get((level, number))
        if found is None:
            found = merkle.node_hash(node(level - 1, 2 * number), node(level - 1, 2 * number + 1))
            known[level, number] = found
        return found

    return node
