"""Phase two of a release: only against a quorum's certificate are shares counted, logged, sealed and sent.

Without it, a reader who is refused everywhere could gather one share here and one there over many requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kms.crypto import sealing
from kms.custodian import details
from kms.custodian.case import Case, attributes, counter_key, kinds, principals, use_name
from kms.custodian.context import NodeContext
from kms.custodian.decisions import (
    RECENT_SECONDS,
    close_request,
    latest_decision,
    reopen,
    stored_case,
)
from kms.custodian.granted import beyond_grants, needed_grant
from kms.custodian.grounds import keep_ground
from kms.custodian.mandates import take_back
from kms.custodian.notices import notify
from kms.custodian.resharing import open_version
from kms.custodian.store import CLOSED, DECIDED, StoredKey, StoredRequest
from kms.errors import Denied, Stale, StoreError
from kms.statements.audit import LogKind
from kms.statements.consent import NoticeKind
from kms.statements.envelope import Envelope, sign
from kms.statements.evidence import Grant, open_revocation
from kms.statements.ids import GrantId, RequestHash, Thumbprint, Version
from kms.statements.keys import Opening
from kms.statements.release import (
    RULE_LIFETIME,
    Certificate,
    Purpose,
    ReleasedShares,
    ShareRelease,
    Verdict,
    VersionGroup,
    open_cancellation,
    open_certificate,
    release_info,
    share_leaf,
    shares_hash,
)

MAX_SHARES = 4096
"""In one release: all live versions of its keys, or the newest of each."""


def release_shares(node: NodeContext, request: RequestHash, certificate: bytes) -> tuple[bytes, bytes]:
    """(envelope of the ShareRelease, sealed shares) for the keys that a quorum, this node included, allows."""
    now = node.now()
    stored = node.store.request(request)
    if stored is None:
        raise Stale("this node has not decided on that request", reason="NOT_DECIDED")
    if stored.state == CLOSED or not stored.evidence:
        raise Denied("this node allows nothing of that request", reason="NOT_ALLOWED")
    case = stored_case(node, stored, now)
    wanted = case.opened.request
    if now >= wanted.ends_at:
        raise Stale("the request has expired: make a new one", reason="REQUEST_EXPIRED")
    proof = open_certificate(certificate, node.keyring, request, len(wanted.key_ids))
    counted = node.store.counted(request)
    certified = proof.certified
    if wanted.purpose is Purpose.EMERGENCY:
        # Whatever others' policies say: up to t-1 custodians may be malicious, and each says what it likes.
        certified &= proof.by_two_people
        if not certified:
            raise Denied("people at two custodians must say yes to an emergency", reason="NEEDS_TWO_PEOPLE")
    allowed = _still_allowed(node, stored, case, certified, counted, now)
    if not allowed:
        raise Denied("this node allows none of the certified keys", reason="NOT_ALLOWED")
    groups = _versions(case, sorted(allowed), proof.allows)
    return _deliver(node, case, groups, counted, proof, now)


def _still_allowed(
    node: NodeContext,
    stored: StoredRequest,
    case: Case,
    certified: frozenset[int],
    counted: frozenset[int],
    now: int,
) -> set[int]:
    """Certified positions that this node allowed and would still: policy is asked again.

    Since the decision a grant may have been revoked or used up, and other releases may have been counted. A
    key that went out under this very request may go out again: it is the same release to the same recipient.
    """
    before = latest_decision(node, stored).statement.by_position()
    # A key that was destroyed, or waits for it, goes out no more: not under a request that had it before either.
    allows = {
        p: r
        for p, r in before.items()
        if r.verdict is Verdict.ALLOW and p in certified and case.keys[p] is not None
    }
    ruled = {p for p, r in allows.items() if not r.approver_thumbprint}
    human = set(allows) - ruled
    if now >= case.opened.request.created_at + RULE_LIFETIME:
        ruled.clear()
    recent = now < stored.received_at + RECENT_SECONDS and node.recent.unchanged(stored.request_hash)
    if recent and not case.grants:
        return ruled | human
    again = (ruled | human) & counted
    allowed: set[int] = set()
    # All that people answered in a request they answered at once: as many of them for each key.
    people = max((max(1, len(allows[p].approver_persons)) for p in human), default=0)
    for positions, approvals in ((ruled - again, 0), (human - again, people)):
        if positions:
            for attrs, alike in attributes(node, case, now, approvals=approvals).items():
                if node.policy.decide_release(attrs).verdict == "allow":
                    allowed |= positions.intersection(alike)
    return again | (allowed - beyond_grants(node, case, allowed))


def _versions(case: Case, positions: list[int], allows: Sequence[int]) -> tuple[VersionGroup, ...]:
    """Every live version of the keys here, where the certificate has as many allows as that version's threshold.

    While a resharing is under way old and new shares go out side by side: whichever a quorum shares opens the key, and
    nobody has to wait for the rest.
    """
    groups: dict[Version, list[int]] = {}
    most = MAX_SHARES // len(positions)
    for position in positions:
        key = _key(case, position)
        live = [(share.version, share.threshold) for share in key.reshared]
        if key.dealt:
            live.append((key.version, key.threshold))
        for version, threshold in live[:most]:
            if allows[position] >= threshold:
                groups.setdefault(version, []).append(position)
    if not groups:
        raise Denied("no key has a share here for which so many allows are enough", reason="SHARE_MISSING")
    return tuple(VersionGroup(version, tuple(ps)) for version, ps in groups.items())


def _deliver(
    node: NodeContext,
    case: Case,
    versions: tuple[VersionGroup, ...],
    counted: frozenset[int],
    certificate: Certificate,
    now: int,
) -> tuple[bytes, bytes]:
    order = [(p, group.version) for group in versions for p in group.positions]
    positions = sorted({position for position, _ in order})
    request = case.opened
    fresh = [position for position in positions if position not in counted]
    told = details.details(
        details.of_keys(
            (_key(case, p).owner, _key(case, p).key_id, "AGAIN" if p in counted else "RELEASED", "")
            for p in positions
        ),
        int(request.request.purpose),
        details.people_of(case.credentials),
    )
    with node.store.transaction():
        keep_ground(node, request.hash, certificate, now, fresh=bool(fresh))
        log_index = node.ledger.append(
            LogKind.RELEASE,
            now,
            request.hash,
            principal=request.request.requester_thumbprint,
            outcome="RELEASED" if fresh else "AGAIN",
            count=len(positions),
            detail_root=told.root,
            basis=certificate.basis,
        )
        details.keep(node, log_index, now, told)
        node.store.destructions.count_releases([_key(case, position).number for position in fresh])
        if fresh:  # each key of a request counts once, under however many certificates it is asked for
            _count(node, case, fresh, now)
            node.store.set_counted(request.hash, counted.union(fresh))
    shares = ReleasedShares(
        tuple(open_version(node, _key(case, p), version) for p, version in order),
        tuple(_opening(case, p) for p, _ in order),
    )
    info = release_info(request, certificate.hash, node.me.index, order)
    ids = request.request.key_ids
    leaves = [share_leaf(ids[p], v, share) for (p, v), share in zip(order, shares.shares, strict=True)]
    sealed = sealing.seal(request.request.recipient_key, info, shares.to_bytes())
    signed = sign(
        ShareRelease(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            request.hash,
            certificate.hash,
            versions,
            sealing.blob_hash(sealed),
            now,
            log_index,
            shares_hash(leaves),
        ),
        node.identity,
    )
    return signed.envelope, sealed


def _key(case: Case, position: int) -> StoredKey:
    key = case.keys[position]
    if key is None:  # an allow is only ever given for a key that is here
        raise StoreError("a key that was decided on is gone from the store", reason="STORE_DAMAGED")
    return key


def _opening(case: Case, position: int) -> Opening:
    opening = case.openings[position]
    if not opening:
        raise StoreError("a key that was decided on is gone from the store", reason="STORE_DAMAGED")
    return Opening(opening[:32], opening[32:])


def _count(node: NodeContext, case: Case, positions: list[int], now: int) -> None:
    node.recent.turn()
    for name in principals(case):
        node.counters.add(name, now, len(positions))
    owners: Counter[Thumbprint] = Counter()
    told: Counter[tuple[Thumbprint, NoticeKind]] = Counter()
    uses: Counter[GrantId] = Counter()
    fresh = set(positions)
    for owner, _, alike in kinds(case):
        one, n = alike[0], len(fresh.intersection(alike))
        if not n:
            continue
        owners[owner] += n
        grant = needed_grant(case, one)
        if grant is not None:
            uses[use_name(grant)] += n
        if not case.owned(one):
            told[owner, _reading(case, one, grant)] += n
    for name, n in uses.items():
        node.store.use_grant(name, n)
    for owner, n in owners.items():
        node.counters.add(counter_key(b"owner", owner), now, n)
    for (owner, kind), n in told.items():
        notify(node, owner, kind, case.opened.hash, case.opened.request.requester_thumbprint, now, n)


def _reading(case: Case, position: int, grant: Grant | None) -> NoticeKind:
    """What the owner is told of somebody else's reading."""
    if case.opened.request.purpose is Purpose.EMERGENCY:
        return NoticeKind.EMERGENCY
    if case.guarded(position):
        return NoticeKind.READ_BY_GUARDIAN
    return NoticeKind.READ_BY_GRANT if grant is not None else NoticeKind.READ_BY_OTHERS


def revoke_grant(node: NodeContext, envelope: Envelope) -> None:
    """An owner takes a grant back: from here on it covers nothing at this node."""
    signed = open_revocation(envelope, node.keyring)
    revocation = signed.statement
    grant, sequence = revocation.grant_id, revocation.up_to_sequence
    if node.store.has_revocation(revocation.owner_thumbprint, grant, sequence):
        return  # said before: not another line in the log
    now = node.now()
    with node.store.transaction():
        node.recent.clear()  # cases that were built before no longer say which grants count
        take_back(node, revocation, now)
        node.store.mirrors.told(signed.hash)
        if sequence:  # all grants up to here: whatever was said before about some of them, this says more
            node.store.mirrors.told_by(revocation.owner_thumbprint, LogKind.REVOCATION)
        node.ledger.append(
            LogKind.REVOCATION,
            now,
            signed.hash,
            principal=revocation.owner_thumbprint,
            outcome="REVOKED",
        )


def cancel_request(node: NodeContext, envelope: Envelope) -> RequestHash:
    """The requester withdraws a request; what waits is denied, and what was allowed is no longer released."""
    signed = open_cancellation(envelope, node.keyring)
    cancellation = signed.statement
    stored = node.store.request(cancellation.request_hash)
    if stored is None:
        raise Stale("this node does not know that request", reason="NOT_DECIDED")
    if stored.state == CLOSED:
        return cancellation.request_hash  # nothing goes out any more: not another line in the log
    requester = reopen(node, stored).request.requester_thumbprint
    if requester != cancellation.requester_thumbprint:
        raise Denied("only who asked may cancel", reason="NOT_REQUESTER")
    # First what waits: that leaves a request decided, with what rules allowed in it, and this closes too.
    close_request(node, cancellation.request_hash, "CANCELLED")
    stored = node.store.request(cancellation.request_hash) or stored
    with node.store.transaction():
        node.ledger.append(
            LogKind.CANCELLATION, node.now(), signed.hash, principal=requester, outcome="CANCELLED"
        )
        if stored.state == DECIDED:
            node.store.put_request(replace(stored, state=CLOSED))
    return cancellation.request_hash
