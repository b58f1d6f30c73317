"""Phase one of a release: verify everything here, evaluate policy, sign and log what was decided."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kms.custodian import approvers, budgets, denials, details, history, notices
from kms.custodian.approval_text import gather_facts
from kms.custodian.budgets import Excess, Rulings, Weighed
from kms.custodian.case import DAY, VERDICTS, Case, attributes, build_case, open_evidence
from kms.custodian.context import NodeContext
from kms.custodian.store import CLOSED, DECIDED, WAITING, StoredRequest
from kms.errors import EvidenceRefused, Invalid
from kms.statements.audit import LogKind
from kms.statements.consent import NoticeKind
from kms.statements.envelope import Envelope, Signed, open_signed, sign
from kms.statements.evidence import Evidence
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.release import (
    HUMAN_LIFETIME,
    RULE_LIFETIME,
    Decision,
    OpenedRequest,
    Purpose,
    Ruling,
    Verdict,
    open_request,
)
from kms.statements.waiting import WaitingFacts

KEEP_REQUESTS = 30 * 86400
"""Seconds after its expiry for which a request and the decision on it are kept; the log is kept for ever."""
STRANGERS_TOLD = 8
"""Keys of a stranger's request whose owners find it in their history: more would let strangers fill the disk."""
RECENT_SECONDS = 30
"""How long a case may stand without its grants' dates being looked at again."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A signed decision, and whether humans may still change it."""

    envelope: bytes
    waiting: bool
    excess: tuple[Excess, ...] = ()
    """Keys that a rule allowed and a budget held or denied."""
    asked: bool = False
    """Whether people were asked just now: a request that was not there before."""


def decide(node: NodeContext, envelope: Envelope, sealed_evidence: bytes) -> Decided:
    """This node's decision on a request. The same request again gets the latest decision on it.

    A request that is not what it claims to be raises; one whose evidence does not suffice is denied, and the
    denial is signed and logged like any decision.
    """
    now = node.now()
    opened = open_request(envelope, node.keyring, now)
    stored = node.store.request(opened.hash)
    if stored is not None:
        return Decided(stored.decision, stored.state == WAITING)
    count = len(opened.request.key_ids)
    evidence = b""
    shown = b""
    kinds: Mapping[str, int] = {}
    stranger = False
    alarmed: Mapping[Thumbprint, int] = {}
    weighed = case = None
    try:
        parsed = open_evidence(node, opened, sealed_evidence, now)
        evidence = parsed.to_bytes()
        case = build_case(node, opened, parsed, now, now)
        weighed = budgets.weigh(node, case, _rule(node, case, now), now)
        rulings = weighed.rulings
        kinds = history.categories(case)
        node.recent.put(opened.hash, case)
        if any(verdict is Verdict.PENDING for verdict, _, _ in rulings.values()):
            pending = [p for p, r in rulings.items() if r[0] is Verdict.PENDING]
            shown = gather_facts(node, case, pending, now, weighed.excess).to_bytes()
            if opened.request.purpose is Purpose.EMERGENCY:
                alarmed = Counter(key.owner for p in pending if (key := case.keys[p]) is not None)
    except EvidenceRefused as error:
        stranger = True
        denials.check_room(node, opened.request.requester_thumbprint, now)
        rulings = dict.fromkeys(range(count), (Verdict.DENY, error.reason, b""))
    decided = record_decision(
        node,
        opened,
        rulings,
        now,
        now,
        evidence,
        shown,
        stranger=stranger,
        kinds=kinds,
        alarmed=alarmed,
        weighed=weighed,
        case=case,
    )
    return replace(decided, asked=decided.waiting)


def _rule(node: NodeContext, case: Case, now: int) -> Rulings:
    request = case.opened.request
    rulings: dict[int, tuple[Verdict, str, bytes]] = {
        p: (Verdict.DENY, case.missing_reason(p), b"") for p, key in enumerate(case.keys) if key is None
    }
    for attrs, positions in attributes(node, case, now).items():
        outcome = node.policy.decide_release(attrs)
        verdict, reason = VERDICTS[outcome.verdict], outcome.reason
        if verdict is Verdict.ALLOW and now >= request.created_at + RULE_LIFETIME:
            verdict, reason = Verdict.DENY, "REQUEST_TOO_OLD"
        for position in positions:
            lost = case.lost_reason(position) if verdict is Verdict.DENY else None
            rulings[position] = (verdict, lost or reason, b"")
    return rulings


def record_decision(
    node: NodeContext,
    opened: OpenedRequest,
    rulings: Rulings,
    received_at: int,
    now: int,
    evidence: bytes,
    shown: bytes,
    *,
    stranger: bool = False,
    persons: tuple[bytes, ...] = (),
    kinds: Mapping[str, int] | None = None,
    alarmed: Mapping[Thumbprint, int] | None = None,
    weighed: Weighed | None = None,
    case: Case | None = None,
) -> Decided:
    """Log, store, count and sign: one transaction, before the answer leaves.

    `shown` are the facts that approvers will be shown, of a request that waits; `kinds` how many keys of which category
    are asked for.
    `alarmed` are owners, with how many keys, who are told at once that somebody asks in an emergency.
    `persons` are those who approved what rulings with an approver allow.
    Whoever allows anything new has `weighed` it against the budgets.
    `case`, where there is one, saves looking the keys up again.
    A `stranger`, whom no credential vouches for, is counted, and their request is not kept.
    """
    groups: dict[tuple[Verdict, str, bytes], list[int]] = defaultdict(list)
    for position, ruling in sorted(rulings.items()):
        groups[ruling].append(position)
    verdicts = {verdict for verdict, _, _ in rulings.values()}
    waiting = Verdict.PENDING in verdicts
    state = WAITING if waiting else DECIDED if Verdict.ALLOW in verdicts else CLOSED
    told = _told(node, opened, rulings, case, STRANGERS_TOLD if stranger else len(rulings))
    with node.store.transaction():
        if stranger:
            denials.count(node, opened.request.requester_thumbprint, now)
        for owner, keys in (alarmed or {}).items():
            who = opened.request.requester_thumbprint
            notices.notify(node, owner, NoticeKind.EMERGENCY_ASKED, opened.hash, who, now, keys)
        if weighed is not None:
            budgets.count(node, weighed, opened.hash, opened.request.requester_thumbprint, now)
        log_index = node.ledger.append(
            LogKind.DECISION,
            now,
            opened.hash,
            principal=opened.request.requester_thumbprint,
            outcome="+".join(sorted(v.name for v in verdicts)),
            count=sum(len(p) for (v, _, _), p in groups.items() if v is Verdict.ALLOW),
            detail_root=told.root,
        )
        details.keep(node, log_index, now, told)
        signed = sign(
            Decision(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                opened.hash,
                tuple(
                    Ruling(v, why, tuple(p), who, persons if who and v is Verdict.ALLOW else ())
                    for (v, why, who), p in groups.items()
                ),
                node.policy.policy_hash,
                now,
                log_index,
                node.policy.forbids_hash,
            ),
            node.identity,
        )
        history.record(node, opened, groups, kinds or {}, received_at, now)
        node.store.approvers.forget_answers(opened.hash)
        node.store.put_request(
            StoredRequest(
                opened.hash,
                b"" if stranger else opened.signed.envelope,
                node.vault.seal_erasable("evidence", evidence) if evidence and state != CLOSED else b"",
                signed.envelope,
                state,
                received_at,
                opened.request.ends_at,
                node.vault.seal_erasable("approval text", shown) if waiting else b"",
            )
        )
    return Decided(signed.envelope, waiting, weighed.excess if weighed else ())


def _told(
    node: NodeContext, opened: OpenedRequest, rulings: Rulings, case: Case | None, most: int
) -> details.Details:
    """What owners are to find of a decision, whoever asked: those of the first `most` keys."""
    key_ids = opened.request.key_ids[:most]
    owners = details.owners_of(node, key_ids, case.keys if case else None)
    told = details.of_keys(
        (owner, key_ids[position], verdict.name, reason)
        for position, (verdict, reason, _) in sorted(rulings.items())
        if position < most and (owner := owners[position]) is not None
    )
    people = details.people_of(case.credentials) if case else ()
    return details.details(told, int(opened.request.purpose), people)


def reopen(node: NodeContext, stored: StoredRequest) -> OpenedRequest:
    """A stored request as a value again; it was verified when it came."""
    return open_request(stored.envelope, node.keyring, stored.received_at)


def stored_case(node: NodeContext, stored: StoredRequest, now: int) -> Case:
    """The case of a stored request, its grants held against what was revoked since."""
    recent: Case | None = node.recent.get(stored.request_hash)
    if recent is not None and now < stored.received_at + RECENT_SECONDS:
        return recent
    evidence = Evidence.parse(node.vault.open_erasable("evidence", stored.evidence))
    return build_case(node, reopen(node, stored), evidence, stored.received_at, now)


def latest_decision(node: NodeContext, stored: StoredRequest) -> Signed[Decision]:
    return open_signed(Decision, stored.decision, node.identity.public, "decision")


def close_request(node: NodeContext, request: RequestHash, reason: str) -> Decided | None:
    """Deny whatever still waits in a request (timeout, cancellation); None if nothing waits."""
    stored = node.store.request(request)
    if stored is None or stored.state != WAITING:
        return None
    rulings = {
        position: (
            (Verdict.DENY, reason, b"")
            if ruling.verdict is Verdict.PENDING
            else (ruling.verdict, ruling.reason, ruling.approver_thumbprint)
        )
        for position, ruling in latest_decision(node, stored).statement.by_position().items()
    }
    evidence = node.vault.open_erasable("evidence", stored.evidence)
    return record_decision(
        node,
        reopen(node, stored),
        rulings,
        stored.received_at,
        node.now(),
        evidence,
        b"",
        kinds=_kinds(node, stored),
    )


def _kinds(node: NodeContext, stored: StoredRequest) -> Mapping[str, int]:
    try:
        return history.categories_of(
            WaitingFacts.parse(node.vault.open_erasable("approval text", stored.text))
        )
    except Invalid:  # kept by an earlier version
        return {}


def expire(node: NodeContext) -> list[RequestHash]:
    """Deny every request whose humans did not answer in time: a timeout is a deny."""
    now = node.now()
    closed = []
    for stored in node.store.waiting():
        if now >= min(stored.expires_at, stored.received_at + HUMAN_LIFETIME):
            close_request(node, stored.request_hash, "TIMED_OUT")
            closed.append(stored.request_hash)
    with node.store.transaction():
        node.store.forget_evidence(now)
        node.store.forget_requests(now - KEEP_REQUESTS)
        node.store.forget_counts(now - 2 * DAY)
        approvers.tidy(node)
        node.store.history.forget(now - node.history_days * DAY, node.history_rows)
        node.store.certificates.forget(now - node.history_days * DAY)
        notices.forget(node, now)
        details.forget(node, now)
        node.store.budgets.forget(now)
    return closed
