"""The signed checkpoint of a node's own log, which never names another history than the one before."""

from __future__ import annotations

from kms.crypto.hashing import equal
from kms.custodian.context import NodeContext
from kms.errors import StoreError
from kms.statements.checkpoint import Checkpoint, CheckpointNote, log_origin, read_note, sign_checkpoint


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
