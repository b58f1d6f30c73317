"""What anybody may read of a node's log: checkpoints, tiles, proofs, and the certificates that releases rested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.context import NodeContext
from kms.custodian.grounds import MAX_CERTIFICATES
from kms.errors import Invalid, NotFound, StoreError
from kms.statements.checkpoint import Checkpoint, CheckpointNote, log_origin, read_note, sign_checkpoint
from kms.statements.ids import RequestHash
from kms.statements.release import hash_certificate
from kms.statements.tiles import ENTRIES, read_path

MAX_TILES: Final = 4 << 20
"""Bytes of tiles in one answer, the last one not counted."""


def checkpoint(node: NodeContext) -> CheckpointNote:
    """The note for the log as it is now, under the identity key."""
    size, root = node.ledger.head()
    last = node.store.log.checkpoint()
    if last:
        given = read_note(last)
        if given.checkpoint.size == size and equal(given.checkpoint.root, root):
            return given
    _check_continues(node, last, size)
    note = sign_checkpoint(
        Checkpoint(log_origin(node.keyring.keyring_id, node.me.index), size, root), node.identity
    )
    # On disk before it leaves: after a power cut this node must know what it signed.
    with node.store.transaction():
        node.store.log.set_checkpoint(note.to_bytes())
    return note


def check_given(node: NodeContext) -> None:
    """StoreError unless the log still begins with the one of the last checkpoint that was given out."""
    size, _ = node.ledger.head()
    _check_continues(node, node.store.log.checkpoint(), size)


def _check_continues(node: NodeContext, last: bytes, size: int) -> None:
    """A node never signs two histories, whatever was done to its store."""
    if not last:
        return
    given = read_note(last).checkpoint
    if given.size > size or not equal(node.ledger.tree.root(given.size), given.root):
        raise StoreError(
            f"the log is not the one of which a checkpoint of {given.size} entries was given out",
            reason="LOG_BROKEN",
        )


def tiles(node: NodeContext, paths: Sequence[str]) -> list[bytes]:
    """Bytes of the first of these tiles and bundles: at least one, and as many as fit into an answer.

    Invalid of what is no path, NotFound of what the log does not have yet.
    """
    wanted = [read_path(path) for path in paths]
    size, _ = node.ledger.head()
    found, total = [], 0
    for tile in wanted:
        if tile.number * 256 + tile.width > size >> 8 * (0 if tile.level == ENTRIES else tile.level):
            raise NotFound(f"the log has no {tile.path} yet", reason="NO_SUCH_TILE")
        if total >= MAX_TILES:
            break
        found.append(node.ledger.tree.tile(tile))
        total += len(found[-1])
    return found


def inclusion(node: NodeContext, index: int, size: int) -> tuple[bytes, list[bytes]]:
    """(entry, proof that it stands in the log of this size)."""
    _check_size(node, size)
    proof = node.ledger.tree.inclusion_proof(index, size)
    return node.store.log.entries(index, 1)[0], proof


def consistency_proof(node: NodeContext, old: int, new: int) -> list[bytes]:
    """Proof that the log of `new` entries begins with that of `old`."""
    _check_size(node, new)
    return node.ledger.tree.consistency_proof(old, new)


def _check_size(node: NodeContext, size: int) -> None:
    now, _ = node.ledger.head()
    if size > now:
        raise NotFound(f"the log has {now} entries, not {size}", reason="LOG_SHORTER")


def certificates(node: NodeContext, request: RequestHash, certificate_hash: bytes) -> list[bytes]:
    """On what a request's shares went out here: the certificate of this hash, or (empty) all of them.

    NotFound if none is here: none was ever used here, or it is too old.
    """
    if len(certificate_hash) not in (0, 32):
        raise Invalid("a certificate's hash is 32 bytes", reason="INVALID_FIELD")
    kept = node.store.certificates.of(request, MAX_CERTIFICATES)
    found = [one for one in kept if not certificate_hash or equal(hash_certificate(one), certificate_hash)]
    if not found:
        raise NotFound("no certificate of that request is kept here", reason="NO_CERTIFICATE")
    return found
