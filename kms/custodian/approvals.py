"""Humans answer what a rule may not: signed approvals over the text that was shown."""

from __future__ import annotations

from dataclasses import dataclass

from kms.crypto import signing
from kms.crypto.hashing import equal
from kms.custodian.case import VERDICTS, Case, attributes
from kms.custodian.context import NodeContext
from kms.custodian.decisions import (
    Decided,
    Rulings,
    latest_decision,
    record_decision,
    reopen,
    stored_case,
)
from kms.custodian.store import WAITING, StoredRequest
from kms.errors import Conflict, Denied, EvidenceRefused, Invalid, NotFound
from kms.statements.audit import LogKind
from kms.statements.envelope import Envelope
from kms.statements.evidence import Approval, approval_text_hash, open_approval
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.release import Purpose, Verdict


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits here, and the text that an approver is shown."""

    request_hash: RequestHash
    text: str
    count: int
    purpose: Purpose
    expires_at: int


def list_waiting(node: NodeContext) -> list[Waiting]:
    """Requests that wait for this custodian's humans, oldest first."""
    return [_waiting(node, stored) for stored in node.store.waiting()]


def show_waiting(node: NodeContext, request: RequestHash) -> Waiting:
    """One of them; NotFound if none of this hash waits here."""
    return _waiting(node, _find(node, request))


def _find(node: NodeContext, request: RequestHash) -> StoredRequest:
    stored = node.store.request(request)
    if stored is None or stored.state != WAITING:
        raise NotFound("no such request waits here", reason="NOT_WAITING")
    return stored


def _waiting(node: NodeContext, stored: StoredRequest) -> Waiting:
    text = node.vault.open("approval text", stored.text).decode()
    rulings = latest_decision(node, stored).statement.rulings
    count = sum(len(r.positions) for r in rulings if r.verdict is Verdict.PENDING)
    purpose = reopen(node, stored).request.purpose
    return Waiting(stored.request_hash, text, count, purpose, stored.expires_at)


def answer(node: NodeContext, envelope: Envelope) -> tuple[RequestHash, Decided]:
    """Apply a signed approval or refusal. Raises unless it is by an approver of ours, over this very request."""
    now = node.now()
    key = envelope.signatures[0].keyid if len(envelope.signatures) == 1 else b""
    approver = node.approvers.get(Thumbprint(signing.thumbprint(key))) if len(key) == 32 else None
    if approver is None:
        raise Denied("not an approver of this custodian", reason="NOT_AN_APPROVER")
    signed = open_approval(envelope, node.keyring, node.me.index, approver.public_key, now)
    approval = signed.statement
    stored = _find(node, approval.request_hash)
    if now >= stored.expires_at:
        raise EvidenceRefused("the request has expired", reason="REQUEST_EXPIRED")
    _check_meaning(approval, _waiting(node, stored), approver.thumbprint)
    case = stored_case(node, stored, now)
    names = {f"{c.iss}|{c.subject}" for c in case.credentials}
    if equal(approver.thumbprint, case.opened.request.requester_thumbprint) or names & approver.subjects:
        raise Denied("nobody approves their own request", reason="SELF_APPROVAL")
    rulings = _human_rulings(node, stored, approval, case, now)
    with node.store.transaction():
        node.ledger.append(
            LogKind.APPROVAL,
            now,
            signed.hash,
            principal=approver.thumbprint,
            outcome=approval.verdict.name,
            count=approval.count,
        )
    evidence = node.vault.open("evidence", stored.evidence)
    decided = record_decision(node, case.opened, rulings, stored.received_at, now, evidence, "")
    return approval.request_hash, decided


def _check_meaning(approval: Approval, waiting: Waiting, approver: Thumbprint) -> None:
    if not equal(approval.approver_thumbprint, approver):
        raise Invalid("the approval names another approver than its signer", reason="WRONG_APPROVER")
    if not equal(approval.text_hash, approval_text_hash(waiting.text)):
        raise Conflict("the approval is over another text than this node shows", reason="WRONG_TEXT")
    if approval.count != waiting.count or approval.purpose is not waiting.purpose:
        raise Conflict("the approval is for another count or purpose", reason="WRONG_COUNT")


def _human_rulings(
    node: NodeContext, stored: StoredRequest, approval: Approval, case: Case, now: int
) -> Rulings:
    """What holds after the human's word: policy is asked again, with it."""
    before = latest_decision(node, stored).statement.by_position()
    rulings = {p: (r.verdict, r.reason, r.approver_thumbprint) for p, r in before.items()}
    pending = {p for p, r in before.items() if r.verdict is Verdict.PENDING}
    if approval.verdict is not Verdict.ALLOW:
        return rulings | dict.fromkeys(pending, (Verdict.DENY, "HUMAN_DENIED", approval.approver_thumbprint))
    for attrs, positions in attributes(node, case, now, approved=True).items():
        outcome = node.policy.decide_release(attrs)
        # A second "pending" would wait for a human who has answered already.
        verdict = VERDICTS[outcome.verdict] if outcome.verdict != "pending" else Verdict.DENY
        for position in pending.intersection(positions):
            rulings[position] = (verdict, outcome.reason, approval.approver_thumbprint)
    return rulings
