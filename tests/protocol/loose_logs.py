"""Logs of a few entries outside any node, which a test may let say what no honest log would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kms.crypto.merkle import Edge, Nodes, consistency_proof, leaf_hash, perfect_root
from kms.crypto.signing import SigningKey
from kms.custodian.witness import Addition
from kms.statements.checkpoint import Checkpoint, CheckpointNote, log_origin, sign_checkpoint

KEYRING = bytes(range(32))


def entries(count: int, branch: str = "") -> tuple[bytes, ...]:
    """Distinct entries; another branch, others."""
    return tuple(f"{branch} entry {number}".encode() for number in range(count))


def nodes_of(leaves: Sequence[bytes]) -> Nodes:
    """Complete subtrees over these entries."""
    hashes = [leaf_hash(one) for one in leaves]

    def node(level: int, number: int) -> bytes:
        return perfect_root(hashes[number << level : (number + 1) << level])

    return node


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a custodian with these entries."""

    index: int
    key: SigningKey = field(repr=False)
    leaves: tuple[bytes, ...] = ()
    named: str = ""

    @property
    def origin(self) -> str:
        return self.named or log_origin(KEYRING, self.index)

    def grown(self, more: Sequence[bytes]) -> Log:
        """The same log with more entries."""
        return replace(self, leaves=(*self.leaves, *more))

    def cut(self, size: int) -> Log:
        """The same log as it was."""
        return replace(self, leaves=self.leaves[:size])

    def note(self, signed_by: SigningKey | None = None) -> CheckpointNote:
        edge = Edge()
        for leaf in self.leaves:
            edge.append(leaf_hash(leaf))
        return sign_checkpoint(Checkpoint(self.origin, edge.size, edge.root), signed_by or self.key)

    def nodes(self) -> Nodes:
        return nodes_of(self.leaves)

    def proof(self, old: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(self.nodes(), old, len(self.leaves)))

    def addition(self, old: int) -> bytes:
        """What an honest log sends to a witness that has cosigned `old` entries."""
        return Addition(old, self.proof(old), self.note()).to_bytes()
