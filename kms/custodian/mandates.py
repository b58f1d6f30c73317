"""Taking an owner's word on who acts for it: further keys, guardians, and that a key does so no more."""

from __future__ import annotations

from typing import Final

from kms.custodian.consent_store import StoredMandate
from kms.custodian.context import NodeContext
from kms.custodian.notices import notify
from kms.custodian.owners import FURTHER, GUARDIAN, RECOVERED, standing, standings
from kms.custodian.vouching import key_is_killed
from kms.errors import Conflict, Denied, Exhausted
from kms.statements.codec import require
from kms.statements.consent import NoticeKind
from kms.statements.envelope import Signed
from kms.statements.evidence import Revocation
from kms.statements.ids import Thumbprint
from kms.statements.keys import MAX_CLOCK_SKEW
from kms.statements.mandates import Guardian, OwnerKey, OwnerKeyRevocation

MAX_MANDATES: Final = 32
"""Of one owner, ended and revoked ones included."""


def add_owner_key(node: NodeContext, signed: Signed[OwnerKey], now: int) -> None:
    """From here on the key acts for the owner."""
    _add(node, signed, FURTHER, NoticeKind.OWNER_KEY_ADDED, now)


def add_guardian(node: NodeContext, signed: Signed[Guardian], now: int) -> None:
    """From here on the guardian reads for the owner."""
    _add(node, signed, GUARDIAN, NoticeKind.GUARDIAN_ADDED, now)


def _add(
    node: NodeContext, signed: Signed[OwnerKey] | Signed[Guardian], kind: str, told: NoticeKind, now: int
) -> None:
    statement = signed.statement
    owner, key = statement.owner_thumbprint, statement.key_thumbprint
    store = node.store.consent
    revoked = store.revoked_keys((owner,))
    if (owner, owner) in revoked or key_is_killed(node, owner):
        raise Denied("that key was revoked: it names nobody any more", reason="OWNER_KEY_REVOKED")
    if (owner, key) in revoked:
        raise Denied("a key that was revoked never comes back: name another", reason="OWNER_KEY_REVOKED")
    known = store.mandates((owner,))
    before = [m for m in known if (m.key, m.kind) == (key, kind)]
    # A statement that was replaced since must not be put back by whoever kept it.
    if before and before[0].sequence >= statement.sequence:
        raise Conflict("a later statement about that key is known", reason="SEQUENCE_OLD")
    if not before and len(known) >= MAX_MANDATES:
        raise Exhausted(f"at most {MAX_MANDATES} keys act for one owner", reason="TOO_MANY_KEYS")
    store.put_mandate(StoredMandate(owner, key, kind, statement.sequence, signed.envelope))
    notify(node, owner, told, signed.hash, key, now)


def revoke_key(node: NodeContext, signed: Signed[OwnerKeyRevocation], now: int) -> None:
    """From here on the key does not act for the owner, and never will again."""
    statement = signed.statement
    owner, key = statement.owner_thumbprint, statement.key_thumbprint
    _check_acts(node, owner, statement.signer_thumbprint, now)
    waits = any(
        (m.key, m.kind) == (key, RECOVERED) and now < m.sequence
        for m in node.store.consent.mandates((owner,))
    )
    node.store.consent.revoke_key(owner, key)
    kind = NoticeKind.RECOVERY_STOPPED if waits else NoticeKind.KEY_REVOKED
    notify(node, owner, kind, signed.hash, key, now)


def take_back(node: NodeContext, said: Revocation, now: int) -> None:
    """A grant is taken back by the key that says so, and by each owner for whom that key acts at this moment.

    At this moment: what a key took back while it acted stays so when it is revoked, and what it says later is its own.
    """
    # Else a stolen key that is found out has taken back whatever its owner may ever grant.
    require(said.up_to_sequence <= (now + MAX_CLOCK_SKEW) * 1000, "up_to_sequence", "lies in the future")
    key, store = said.owner_thumbprint, node.store.consent
    # Its own grants count no more either; those of the keys that stand in for it do.
    if (key, key) in store.revoked_keys((key,)) or key_is_killed(node, key):
        raise Denied("that key was revoked: it takes nothing back any more", reason="OWNER_KEY_REVOKED")
    node.store.revoke(key, said.grant_id, said.up_to_sequence)
    for owner, side in standings(node, store.owners_of(key), now).items():
        if side.acts(key):
            node.store.revoke(owner, said.grant_id, said.up_to_sequence)


def _check_acts(node: NodeContext, owner: Thumbprint, key: Thumbprint, now: int) -> None:
    if not standing(node, owner, now).acts(key) or key_is_killed(node, key):
        raise Denied("that key does not act for the owner here", reason="NOT_OWNER")
