"""Humans answer what a rule may not: signed approvals over the text that was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.approval_text import gather_facts, render, texts
from kms.custodian.approvers import keep_count
from kms.custodian.budgets import Rulings, weigh
from kms.custodian.case import VERDICTS, Case, attributes
from kms.custodian.context import NodeContext
from kms.custodian.decisions import (
    Decided,
    latest_decision,
    record_decision,
    stored_case,
)
from kms.custodian.history import categories_of
from kms.custodian.store import WAITING, StoredRequest, StoredWord
from kms.errors import Conflict, Denied, EvidenceRefused, Invalid, KmsError, NotFound
from kms.statements.approver import ToSign, Word, normal_email, open_approval, person
from kms.statements.audit import LogKind
from kms.statements.codec import encode, payload_type
from kms.statements.evidence import Approval, approval_text_hash
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.registry import Approver, unwrap, word_bytes
from kms.statements.release import Verdict
from kms.statements.waiting import WaitingFacts

ANSWER_SECONDS: Final = 600
"""How long an approver has to sign what they are shown."""


@dataclass(frozen=True, slots=True)
class Approved:
    """Who has said yes already, and when."""

    thumbprint: Thumbprint
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class WaitingView:
    """A request that waits here: the facts that its text is made of, and beside them how far it has come."""

    facts: WaitingFacts
    approved: tuple[Approved, ...]
    needed: int

    @property
    def request_hash(self) -> RequestHash:
        return self.facts.request_hash

    def text(self, language: str) -> str:
        """What is shown, and signed, in this language."""
        return render(self.facts, language)


def list_waiting(node: NodeContext) -> list[WaitingView]:
    """Requests that wait for this custodian's humans, oldest first."""
    return [_view(node, stored) for stored in node.store.waiting()]


def show_waiting(node: NodeContext, request: RequestHash) -> WaitingView:
    """One of them; NotFound if none of this hash waits here."""
    return _view(node, _find(node, request))


def _find(node: NodeContext, request: RequestHash) -> StoredRequest:
    stored = node.store.request(request)
    if stored is None or stored.state != WAITING:
        raise NotFound("no such request waits here", reason="NOT_WAITING")
    return stored


def _view(node: NodeContext, stored: StoredRequest) -> WaitingView:
    facts = _facts(node, stored)
    approved: tuple[Approved, ...] = ()
    if node.store.approvers.answers(stored.request_hash):
        case = stored_case(node, stored, node.now())
        approved = tuple(Approved(a.thumbprint, a.name, at) for a, at in _approved(node, stored, facts, case))
    return WaitingView(facts, approved, node.registry.approvals_needed)


def _facts(node: NodeContext, stored: StoredRequest) -> WaitingFacts:
    kept = node.vault.open_erasable("approval text", stored.text)
    try:
        return WaitingFacts.parse(kept)
    except Invalid:  # kept by an earlier version, which kept a text
        rulings = latest_decision(node, stored).statement.by_position()
        pending = [p for p, r in rulings.items() if r.verdict is Verdict.PENDING]
        case = stored_case(node, stored, stored.received_at)
        return gather_facts(node, case, pending, stored.received_at)


def approval_to_sign(
    node: NodeContext, request: RequestHash, who: Thumbprint, verdict: Verdict, language: str
) -> ToSign:
    """The exact bytes of an approval (or refusal) of a request that waits, for an approver to sign."""
    facts = _facts(node, _find(node, request))
    approval = Approval(
        node.keyring.keyring_id,
        node.keyring.manifest_hash,
        node.me.index,
        request,
        who,
        verdict,
        facts.purpose,
        facts.count,
        approval_text_hash(render(facts, language)),
        min(facts.expires_at, node.now() + ANSWER_SECONDS),
    )
    return ToSign(payload_type(Approval), encode(approval))


def answer(node: NodeContext, word: Word) -> tuple[RequestHash, Decided]:
    """Apply a signed approval or refusal. Raises unless it is by an approver of ours, over this very request."""
    now = node.now()
    approver = node.registry.signer(word)
    said = open_approval(
        word,
        node.keyring,
        node.me.index,
        approver.key,
        node.party,
        now,
        last_count=node.store.approvers.count(approver.thumbprint),
    )
    approval = said.statement
    stored = _find(node, approval.request_hash)
    if now >= stored.expires_at:
        raise EvidenceRefused("the request has expired", reason="REQUEST_EXPIRED")
    facts, case = _facts(node, stored), stored_case(node, stored, now)
    _check_meaning(approval, facts, approver, case)
    persons = {_person(node, a): a.thumbprint for a, _ in _approved(node, stored, facts, case)}
    if approval.verdict is Verdict.ALLOW and _person(node, approver) in persons:
        raise Conflict("you have approved this request already", reason="ANSWERED_ALREADY")
    persons[_person(node, approver)] = approver.thumbprint
    enough = approval.verdict is Verdict.DENY or len(persons) >= node.registry.approvals_needed
    rulings = _human_rulings(node, stored, approval, case, len(persons), now) if enough else {}
    before = latest_decision(node, stored).statement.by_position()
    weighed = weigh(node, case, rulings, now, [p for p, r in before.items() if r.verdict is Verdict.ALLOW])
    with node.store.transaction():
        keep_count(node, approver, said.sign_count)
        node.ledger.append(
            LogKind.APPROVAL,
            now,
            said.hash,
            principal=approver.thumbprint,
            outcome=approval.verdict.name,
            count=approval.count,
        )
        if not enough:
            kept = StoredWord(approver.thumbprint, word_bytes(word), now)
            node.store.approvers.add_answer(approval.request_hash, kept)
    if not enough:
        return approval.request_hash, Decided(stored.decision, True)
    evidence = node.vault.open_erasable("evidence", stored.evidence)
    decided = record_decision(
        node,
        case.opened,
        weighed.rulings,
        stored.received_at,
        now,
        evidence,
        b"",
        persons=tuple(sorted(persons)),
        kinds=categories_of(facts),
        weighed=weighed,
        case=case,
    )
    return approval.request_hash, decided


def _approved(
    node: NodeContext, stored: StoredRequest, facts: WaitingFacts, case: Case
) -> list[tuple[Approver, int]]:
    """Who has approved this request and still may, and when; from the disk, so all of it is verified again."""
    found = []
    for kept in node.store.approvers.answers(stored.request_hash):
        try:
            word = unwrap(kept.word)
            approver = node.registry.signer(word)
            said = open_approval(
                word, node.keyring, node.me.index, approver.key, node.party, kept.at, counted=False
            )
            _check_meaning(said.statement, facts, approver, case)
        except KmsError:
            continue
        if said.statement.verdict is Verdict.ALLOW:
            found.append((approver, kept.at))
    return found


def _person(node: NodeContext, approver: Approver) -> bytes:
    return person(node.keyring.keyring_id, approver.email, approver.thumbprint)


def _check_meaning(approval: Approval, facts: WaitingFacts, approver: Approver, case: Case) -> None:
    if not equal(approval.approver_thumbprint, approver.thumbprint):
        raise Invalid("the approval names another approver than its signer", reason="WRONG_APPROVER")
    shown = [approval_text_hash(text) for text in texts(facts).values()]
    if not any(equal(approval.text_hash, each) for each in shown):
        raise Conflict("the approval is over another text than this node shows", reason="WRONG_TEXT")
    if approval.count != facts.count or approval.purpose is not facts.purpose:
        raise Conflict("the approval is for another count or purpose", reason="WRONG_COUNT")
    if not equal(approval.request_hash, facts.request_hash):
        raise Conflict("the approval is for another request", reason="WRONG_REQUEST")
    if _asks(case, approver):
        raise Denied("nobody approves their own request", reason="SELF_APPROVAL")


def _asks(case: Case, approver: Approver) -> bool:
    """Whether the approver is who asks: by key, by a name that they are registered with, by a verified address."""
    names = {f"{c.iss}|{c.subject}" for c in case.credentials}
    addresses = {normal_email(c.email) for c in case.credentials if c.email}
    return (
        equal(approver.thumbprint, case.opened.request.requester_thumbprint)
        or bool(names & approver.subjects)
        or normal_email(approver.email) in addresses
    )


def _human_rulings(
    node: NodeContext, stored: StoredRequest, approval: Approval, case: Case, people: int, now: int
) -> Rulings:
    """What holds after the human's word: policy is asked again, with it."""
    before = latest_decision(node, stored).statement.by_position()
    rulings = {p: (r.verdict, r.reason, r.approver_thumbprint) for p, r in before.items()}
    pending = {p for p, r in before.items() if r.verdict is Verdict.PENDING}
    if approval.verdict is not Verdict.ALLOW:
        return rulings | dict.fromkeys(pending, (Verdict.DENY, "HUMAN_DENIED", approval.approver_thumbprint))
    for position in pending:
        if case.keys[position] is None:  # destroyed, or about to be, since it was asked for
            rulings[position] = (
                Verdict.DENY,
                case.missing_reason(position),
                approval.approver_thumbprint,
            )
    for attrs, positions in attributes(node, case, now, approvals=people).items():
        outcome = node.policy.decide_release(attrs)
        # A second "pending" would wait for a human who has answered already.
        verdict = VERDICTS[outcome.verdict] if outcome.verdict != "pending" else Verdict.DENY
        for position in pending.intersection(positions):
            rulings[position] = (verdict, outcome.reason, approval.approver_thumbprint)
    return rulings
