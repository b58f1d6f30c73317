"""Legal holds at one custodian: what the admin quorum says must be kept, nothing here destroys."""

from __future__ import annotations

from kms.crypto.hashing import equal
from kms.custodian.context import NodeContext
from kms.custodian.destruction_store import StoredHold
from kms.errors import Invalid, Stale
from kms.statements.audit import LogKind
from kms.statements.destroyed import HoldTaken
from kms.statements.destruction import LegalHold, open_hold
from kms.statements.envelope import Envelope, sign


def hold(node: NodeContext, envelope: Envelope) -> bytes:
    """The envelope of a HoldTaken: this node lives by the hold, or by its end. The same again is the same word.

    What was lifted stays so: Stale if the hold comes again after its end.
    """
    now = node.now()
    signed = open_hold(envelope, node.chain, node.keyring, now)
    said = signed.statement
    known = node.store.destructions.hold(said.hold_id)
    if known is not None:
        if equal(known.statement, signed.hash):
            return known.word
        if known.lifted or not said.lifted:
            raise Stale(
                "that hold has ended, or is another one: give it an id of its own", reason="HOLD_KNOWN"
            )
        if names(said) != names(_statement(node, known)):
            raise Invalid("the end of a hold names what the hold names", reason="WRONG_HOLD")
    elif not said.lifted and now >= said.until:
        raise Stale("that hold has ended already", reason="HOLD_ENDED")
    with node.store.transaction():
        node.recent.clear()  # what waits for its end opens again while it is held
        log_index = node.ledger.append(
            LogKind.LEGAL_HOLD,
            now,
            signed.hash,
            outcome="LIFTED" if said.lifted else "HELD",
            count=len(said.key_ids),
        )
        word = sign(
            HoldTaken(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                signed.hash,
                now,
                log_index,
            ),
            node.identity,
        )
        node.store.destructions.put_hold(
            StoredHold(said.hold_id, said.until, said.lifted, signed.hash, signed.envelope, word.envelope),
            names(said),
        )
    return word.envelope


def names(said: LegalHold) -> list[bytes]:
    """What a hold keeps: keys by their ids, or an owner's by its thumbprint."""
    return list(said.key_ids) or [said.owner_thumbprint]


def _statement(node: NodeContext, known: StoredHold) -> LegalHold:
    return open_hold(known.envelope, node.chain, node.keyring, node.now()).statement
