"""Recovery of a lost owner's key: two independent issuers, a wait by this node's own clock, the owner's objection.

Nothing has to happen at the end of the wait: the key counts from then on (`kms.custodian.owners`). To object is to
revoke the new key, which any key that acts for the owner can do.
"""

from __future__ import annotations

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.custodian.consent_store import StoredMandate
from kms.custodian.context import NodeContext
from kms.custodian.mandates import MAX_MANDATES
from kms.custodian.notices import notify
from kms.custodian.owners import RECOVERED
from kms.custodian.vouching import key_is_killed, vouch
from kms.errors import Conflict, Denied, Exhausted
from kms.policy.attributes import controllers
from kms.statements.consent import NoticeKind
from kms.statements.envelope import Signed
from kms.statements.kills import person_name
from kms.statements.recovery import OwnerBinding, RecoveryRequest


def bind(node: NodeContext, signed: Signed[OwnerBinding], now: int) -> None:
    """From here on these people at their issuers may recover the owner's key together."""
    statement = signed.statement
    owner, store = statement.owner_thumbprint, node.store.consent
    if (owner, owner) in store.revoked_keys((owner,)) or key_is_killed(node, owner):
        raise Denied("that key was revoked: it binds nobody any more", reason="OWNER_KEY_REVOKED")
    known = store.binding(owner)
    if known is not None and known[0] >= statement.sequence:
        raise Conflict("a later binding of that key is known", reason="SEQUENCE_OLD")
    store.put_binding(owner, statement.sequence, b"".join(statement.subjects))


def begin(node: NodeContext, signed: Signed[RecoveryRequest], now: int) -> None:
    """Let the wait begin and tell the owner; Denied unless two issuers of different owners vouch for who was bound."""
    request = signed.statement
    owner, key, store = request.owner_thumbprint, request.key_thumbprint, node.store.consent
    delay = node.keyring.manifest.recovery_delay
    if not delay:
        raise Denied("this keyring's manifest allows no recovery", reason="RECOVERY_OFF")
    if (owner, key) in store.revoked_keys((owner,)):
        raise Denied("that key was revoked or objected to: ask with another", reason="OWNER_KEY_REVOKED")
    credentials = vouch(node, request.credentials, key, now)
    bound = store.binding(owner)
    people = [bound[1][at : at + 32] for at in range(0, len(bound[1]), 32)] if bound else []
    vouching = [
        credential
        for credential in credentials
        if any(
            equal(person_name(node.keyring.keyring_id, credential.iss, credential.subject), person)
            for person in people
        )
    ]
    # Two brands of one owner are one voice: it could take over every owner's records alone.
    if len(controllers(vouching)) < 2:
        raise Denied(
            "two independent issuers must vouch for the person whom the owner's key named",
            reason="RECOVERY_NOT_VOUCHED",
        )
    known = store.mandates((owner,))
    if any((m.key, m.kind) == (key, RECOVERED) for m in known):
        raise Conflict("that key's recovery waits already, or is done", reason="RECOVERY_BEGUN")
    if len(known) >= MAX_MANDATES:
        raise Exhausted(f"at most {MAX_MANDATES} keys act for one owner", reason="TOO_MANY_KEYS")
    store.put_mandate(StoredMandate(owner, key, RECOVERED, now + delay, now.to_bytes(8, "big")))
    notify(node, owner, NoticeKind.RECOVERY_BEGUN, _subject(owner, key), key, now)


def _subject(owner: bytes, key: bytes) -> bytes:
    # Each custodian gets a request of its own, and a notice must be known as the same one.
    return H(labels.RECOVERY, owner, key)
