"""The owners' door: what they, or who acts for them, tell this custodian, and what it tells them.

Everything here is signed by the owner's side and reaches the node without the host. Each statement is answered by a
signed receipt, so that an owner can show who lives by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kms.crypto import sealing
from kms.custodian import mandates, notices, recovering
from kms.custodian.case import counter_key
from kms.custodian.context import NodeContext
from kms.custodian.owners import RECOVERED, Standing, standing
from kms.custodian.strangers import Bound, count, find_room, is_known
from kms.custodian.vouching import key_is_killed
from kms.errors import Denied, Invalid
from kms.statements.audit import LogKind
from kms.statements.codec import payload_type
from kms.statements.consent import (
    Account,
    AccountAnswer,
    ConsentReceipt,
    GrantUse,
    Recovery,
    account_info,
    open_question,
)
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.evidence import Revocation, open_revocation
from kms.statements.ids import GrantId, Thumbprint
from kms.statements.mandates import (
    Guardian,
    OwnerKey,
    OwnerKeyRevocation,
    open_guardian,
    open_key_revocation,
    open_owner_key,
)
from kms.statements.recovery import OwnerBinding, RecoveryRequest, open_binding, open_recovery


def submit(node: NodeContext, envelope: Envelope) -> bytes:
    """The receipt's envelope: from here on this node lives by the statement. The same again gets the same receipt."""
    take = _TAKERS.get(envelope.payload_type)
    if take is None:
        raise Invalid("no statement that an owner makes", reason="WRONG_TYPE")
    return take(node, envelope)


def _take_revocation(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_revocation(envelope, node.keyring)
    revocation = signed.statement

    def act(now: int) -> None:
        mandates.take_back(node, revocation, now)

    return _record(node, signed, LogKind.REVOCATION, revocation.owner_thumbprint, "REVOKED", act)


def _take_owner_key(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_owner_key(envelope, node.keyring)

    def act(now: int) -> None:
        mandates.add_owner_key(node, signed, now)

    return _record(node, signed, LogKind.CONSENT, signed.statement.owner_thumbprint, "OWNER_KEY_ADDED", act)


def _take_guardian(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_guardian(envelope, node.keyring)

    def act(now: int) -> None:
        mandates.add_guardian(node, signed, now)

    return _record(node, signed, LogKind.CONSENT, signed.statement.owner_thumbprint, "GUARDIAN_ADDED", act)


def _take_binding(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_binding(envelope, node.keyring)

    def act(now: int) -> None:
        recovering.bind(node, signed, now)

    return _record(node, signed, LogKind.CONSENT, signed.statement.owner_thumbprint, "OWNER_BOUND", act)


def _take_recovery(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_recovery(envelope, node.keyring, node.me.index, node.now())

    def act(now: int) -> None:
        recovering.begin(node, signed, now)

    # Two issuers vouch for whoever asks: strangers must not be able to keep the owner from coming back.
    key = signed.statement.key_thumbprint
    return _record(node, signed, LogKind.CONSENT, key, "RECOVERY_BEGUN", act, vouched=True)


def _take_key_revocation(node: NodeContext, envelope: Envelope) -> bytes:
    signed = open_key_revocation(envelope, node.keyring)

    def act(now: int) -> None:
        mandates.revoke_key(node, signed, now)

    signer = signed.statement.signer_thumbprint
    return _record(node, signed, LogKind.CONSENT, signer, "OWNER_KEY_REVOKED", act)


_TAKERS: dict[str, Callable[[NodeContext, Envelope], bytes]] = {
    payload_type(Revocation): _take_revocation,
    payload_type(OwnerKey): _take_owner_key,
    payload_type(Guardian): _take_guardian,
    payload_type(OwnerKeyRevocation): _take_key_revocation,
    payload_type(OwnerBinding): _take_binding,
    payload_type(RecoveryRequest): _take_recovery,
}


def _record(
    node: NodeContext,
    signed: Signed[Any],
    kind: LogKind,
    principal: Thumbprint,
    outcome: str,
    act: Callable[[int], None],
    *,
    vouched: bool = False,
) -> bytes:
    """Do, log and sign in one transaction, unless it was done before; Exhausted beyond the bounds on signing keys."""
    known = node.store.consent.receipt(signed.hash)
    if known is not None:
        return known
    now = node.now()
    bound = Bound(b"owners' statements", node.statements_per_key_per_hour, node.statements_per_hour)
    room = find_room(node, bound, principal, now, "TOO_MANY_STATEMENTS", vouched=vouched)
    with node.store.transaction():
        count(node, room, now)
        node.recent.clear()  # cases that were built before no longer say who may what
        act(now)
        node.store.mirrors.told(signed.hash)
        log_index = node.ledger.append(kind, now, signed.hash, principal=principal, outcome=outcome)
        receipt = sign(
            ConsentReceipt(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                signed.hash,
                now,
                log_index,
            ),
            node.identity,
        )
        node.store.consent.add_receipt(signed.hash, receipt.envelope)
    return receipt.envelope


@dataclass(frozen=True, slots=True)
class Answered:
    """An AccountAnswer's envelope, the sealed Account, and the number of its last notice."""

    envelope: bytes
    sealed: bytes
    last_notice: int
    owner: Thumbprint
    known: bool
    """Whether the owner is known here (`kms.custodian.strangers`)."""


def account(node: NodeContext, envelope: Envelope, asked_at: int | None = None, after: int = 0) -> Answered:
    """For an owner who asks about what is theirs.

    A watcher is answered again: the question was fresh at `asked_at`, and notices `after` a number are new. Whether the
    asker acts for the owner is looked at each time.
    """
    now = node.now()
    question = open_question(envelope, node.keyring, node.me.index, now if asked_at is None else asked_at)
    asked = question.statement
    owner = asked.owner_thumbprint
    side = standing(node, owner, now)
    if not side.acts(asked.asker_thumbprint) or key_is_killed(node, asked.asker_thumbprint):
        raise Denied("only the owner is told what is held about them", reason="NOT_OWNER")
    known = node.store.consent.mandates((owner,))
    revoked = {key for _, key in node.store.consent.revoked_keys((owner,))}
    told = Account(
        tuple(_grant_use(node, side, grant_id) for grant_id in asked.grant_ids),
        tuple(Envelope.FromString(m.envelope) for m in known if m.kind != RECOVERED),
        tuple(sorted(revoked)),
        notices.notices(node, owner, max(after, asked.notices_after)),
        tuple(
            Recovery(m.key, int.from_bytes(m.envelope, "big"), 0 if m.key in revoked else m.sequence)
            for m in known
            if m.kind == RECOVERED
        ),
    )
    sealed = sealing.seal(asked.recipient_key, account_info(question), told.to_bytes())
    answer = AccountAnswer(
        node.keyring.keyring_id,
        node.keyring.manifest_hash,
        node.me.index,
        question.hash,
        sealing.blob_hash(sealed),
        now,
    )
    last = told.notices[-1].number if told.notices else max(after, asked.notices_after)
    return Answered(sign(answer, node.identity).envelope, sealed, last, owner, is_known(node, owner))


def _grant_use(node: NodeContext, side: Standing, grant_id: GrantId) -> GrantUse:
    # Whichever of the owner's keys signed it: ids are random, and only its signer's uses are counted under one.
    signers = side.family.union(guardian.key_thumbprint for guardian in side.guardians)
    uses = sum(node.store.grant_uses(GrantId(counter_key(b"grant", key + grant_id))) for key in signers)
    taken_back = (key for key in signers if key == side.owner or key not in side.family or side.acts(key))
    return GrantUse(grant_id, uses, any(node.store.has_revocation(key, grant_id, 0) for key in taken_back))
