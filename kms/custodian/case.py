"""A release request with everything that bears on it, as this node sees it: evidence, keys, attributes.

Attributes come only from evidence that was verified here and from contexts that were deposited here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto import labels, sealing
from kms.crypto.hashing import H, equal
from kms.custodian.context import NodeContext
from kms.custodian.owners import NAMED_PURPOSES, Standing, standings, with_named
from kms.custodian.store import StoredKey
from kms.custodian.tombstones import Gone, gone
from kms.custodian.vouching import key_is_killed, vouch
from kms.errors import EvidenceRefused, Invalid, KmsError
from kms.policy.attributes import (
    HUMAN,
    OWNER,
    Credential,
    ReleaseAttributes,
    controllers,
    is_clinical,
    principal_class,
)
from kms.statements.evidence import Evidence, Grant, open_grant
from kms.statements.ids import GrantId, Thumbprint
from kms.statements.keys import read_category
from kms.statements.release import OpenedRequest, Purpose, Verdict, evidence_info, justification_hash

HOUR, DAY = 3600, 86400


@dataclass(frozen=True, slots=True)
class Case:
    """A request, who asks, on which grants, for which keys (None where this node has no such key)."""

    opened: OpenedRequest
    credentials: tuple[Credential, ...]
    grants: tuple[Grant, ...]
    lost_grants: tuple[tuple[Grant | None, str], ...]
    keys: tuple[StoredKey | None, ...]
    openings: tuple[bytes, ...] = field(repr=False)
    """32-byte salt || exact bytes of the context; empty where there is no key."""
    categories: tuple[str, ...] = field(repr=False)
    justification: str = field(repr=False)
    standings: Mapping[Thumbprint, Standing] = field(repr=False)
    """Who acts for the keys' owners."""
    taken_back: frozenset[tuple[GrantId, Thumbprint]] = frozenset()
    """(grant's use name, owner for whose keys it no longer counts)."""
    gone: Gone = field(default_factory=dict)
    """Keys that are destroyed, or wait for it, with the reason: None stands in their places."""

    def grant_for(self, position: int) -> Grant | None:
        """The first grant that covers the key at this position for the request's purpose."""
        return self._covering(position, self.grants)

    def _covering(self, position: int, grants: Sequence[Grant]) -> Grant | None:
        key = self.keys[position]
        if key is None:
            return None
        category, purpose = self._kind(position)
        granters = self.standings[key.owner].granters(category, purpose)
        for grant in grants:
            if grant.covers(granters, key.key_id, category, purpose) and not (
                self.taken_back and (use_name(grant), key.owner) in self.taken_back
            ):
                return grant
        return None

    def _kind(self, position: int) -> tuple[str, Purpose]:
        return self.categories[position], self.opened.request.purpose

    def owned(self, position: int) -> bool:
        """Whether the requester's key is the owner's that the descriptor names, or acts for it, and was not revoked."""
        key = self.keys[position]
        requester = self.opened.request.requester_thumbprint
        return key is not None and self.standings[key.owner].acts(requester)

    def guarded(self, position: int) -> bool:
        """Whether the requester is a guardian of the key's owner, for this category and purpose."""
        key, request = self.keys[position], self.opened.request
        return key is not None and (
            self.guarded_by_owner(position)
            or (
                request.requester_thumbprint in self.standings[key.owner].named
                and request.purpose in NAMED_PURPOSES
            )
        )

    def guarded_by_owner(self, position: int) -> bool:
        """Whether it is the owner who named the guardian: evidence beside the issuers'."""
        key = self.keys[position]
        requester = self.opened.request.requester_thumbprint
        return key is not None and self.standings[key.owner].guards(requester, *self._kind(position))

    def by_right(self, position: int) -> bool:
        """Whether no grant is needed, and none is used up."""
        return self.owned(position) or self.guarded(position)

    def missing_reason(self, position: int) -> str:
        """Why there is no key to decide on."""
        return self.gone.get(self.opened.request.key_ids[position], "UNKNOWN_KEY")

    def lost_reason(self, position: int) -> str | None:
        """Why a grant that would have covered this key does not count."""
        for grant, reason in self.lost_grants:
            if grant is None or self._covering(position, (grant,)) is not None:
                return reason
        return None


def open_evidence(node: NodeContext, opened: OpenedRequest, sealed: bytes, now: int) -> Evidence:
    """The evidence that the request's signer sealed to this node; Invalid or Stale if it is another blob."""
    request = opened.request
    target = request.target(node.me.index)
    if not equal(sealing.blob_hash(sealed), target.blob_hash):
        raise Invalid("the evidence is not the one that the request names", reason="WRONG_BLOB")
    info = evidence_info(
        node.keyring,
        node.me.index,
        target.sealing_key_id,
        request.requester_thumbprint,
        request.request_id,
        request.recipient_key,
        request.key_ids,
    )
    evidence = Evidence.parse(node.sealing.open(target.sealing_key_id, info, sealed, now))
    shown = justification_hash(evidence.justification_salt, evidence.justification)
    if not equal(shown, request.justification_hash):
        raise EvidenceRefused(
            "the justification is not the one that was signed", reason="WRONG_JUSTIFICATION"
        )
    return evidence


def build_case(node: NodeContext, opened: OpenedRequest, evidence: Evidence, arrived: int, now: int) -> Case:
    """Verify the evidence and fetch the keys. EvidenceRefused if a credential is bad.

    Credentials must have been valid when the request arrived (they are shorter-lived than humans answer);
    grants must be valid, and not revoked, now.
    """
    requester = opened.request.requester_thumbprint
    credentials = vouch(node, evidence.credentials, requester, arrived)
    grants: list[Grant] = []
    lost: list[tuple[Grant | None, str]] = []
    for envelope in evidence.grants:
        try:
            grant = open_grant(envelope, node.keyring, requester, now).statement
        except KmsError as error:
            lost.append((None, error.reason if isinstance(error, EvidenceRefused) else "GRANT_INVALID"))
            continue
        if node.store.revoked(grant.owner_thumbprint, grant.grant_id, grant.sequence):
            lost.append((grant, "GRANT_REVOKED"))
        elif key_is_killed(node, grant.owner_thumbprint):
            # Who has a stolen owner's key can date a grant as they like.
            lost.append((grant, "GRANT_OWNER_KILLED"))
        elif node.store.grant_uses(use_name(grant)) >= grant.max_count:
            lost.append((grant, "GRANT_EXHAUSTED"))
        else:
            grants.append(grant)
    # What is to be destroyed is as good as gone, in a request that was allowed before too. And of a key whose context
    # does not open here yet, in a store that was restored, this node cannot tell who may read it.
    closed = gone(node, opened.request.key_ids, now)
    held = node.store.keys(opened.request.key_ids)
    found = {key_id: key for key_id, key in held.items() if key.kept and key_id not in closed}
    keys = tuple(found.get(key_id) for key_id in opened.request.key_ids)
    sides = standings(node, {key.owner for key in keys if key is not None}, now)
    sides = with_named(node, sides, credentials, requester, now)
    taken_back = frozenset(
        (use_name(grant), owner)
        for grant in grants
        for owner, side in sides.items()
        if any(node.store.revoked(key, grant.grant_id, grant.sequence) for key in {owner} | side.keys)
    )
    opened_row = node.vault.open_opening
    openings = tuple([b"" if key is None else opened_row(key.key_id, key.row) for key in keys])
    return Case(
        opened,
        credentials,
        tuple(grants),
        tuple(lost),
        keys,
        openings,
        _categories(openings),
        evidence.justification,
        sides,
        taken_back,
        closed,
    )


def _categories(openings: Sequence[bytes]) -> tuple[str, ...]:
    read: dict[bytes, str] = {}
    result = []
    for opening in openings:
        context = opening[32:]
        category = read.get(context)
        if category is None:
            category = read[context] = read_category(context)  # the deposit parsed it strictly
        result.append(category)
    return tuple(result)


def kinds(case: Case) -> Iterator[tuple[Thumbprint, str, list[int]]]:
    """(owner, category, positions) of the keys that this node holds: those of one kind have the same rights on them.

    Rights depend on owner and category; a grant on the key itself too, where one of them names keys.
    """
    by_key = any(grant.key_ids for grant in case.grants)
    found: dict[tuple[Thumbprint, str, bytes], list[int]] = defaultdict(list)
    for position, (key, category) in enumerate(zip(case.keys, case.categories, strict=True)):
        if key is not None:
            found[key.owner, category, key.key_id if by_key else b""].append(position)
    return ((owner, category, positions) for (owner, category, _), positions in found.items())


def attributes(
    node: NodeContext, case: Case, now: int, *, approvals: int = 0
) -> dict[ReleaseAttributes, list[int]]:
    """Positions of the keys that this node holds, by equal attributes: each group costs one evaluation.

    `approvals` is how many of this custodian's people have said yes.
    """
    request = case.opened.request
    who = principals(case)
    by_hour = max(node.counters.total(name, now, HOUR) for name in who)
    by_day = max(node.counters.total(name, now, DAY) for name in who)
    alike: dict[tuple[Thumbprint, bool, bool, bool, bool, str], list[int]] = defaultdict(list)
    for whose, category, positions in kinds(case):
        one = positions[0]
        granted = bool(case.grants) and case.grant_for(one) is not None
        let_in = granted or case.guarded_by_owner(one)
        alike[whose, case.owned(one), case.guarded(one), let_in, granted, category] += positions
    groups: dict[ReleaseAttributes, list[int]] = defaultdict(list)
    klass, issuers = principal_class(case.credentials), controllers(case.credentials)
    humans = frozenset({HUMAN}) if approvals else frozenset()
    for (whose, owned, guarded, let_in, granted, category), positions in alike.items():
        groups[
            ReleaseAttributes(
                principal_class=klass,
                controllers=issuers | humans | (frozenset({OWNER}) if owned or let_in else frozenset()),
                is_owner=owned,
                granted=granted,
                approvals=approvals,
                category=category,
                clinical=is_clinical(category),
                purpose=Purpose(request.purpose).name.lower(),
                batch_count=len(request.key_ids),
                released_last_hour_principal=by_hour,
                released_last_hour_owner=node.counters.total(counter_key(b"owner", whose), now, HOUR),
                released_last_day_principal=by_day,
                guardian=guarded,
            )
        ] += positions
    return groups


def principals(case: Case) -> list[bytes]:
    """Under which names releases to this requester are counted.

    By key and by person: whoever gets credentials for fresh keys must not start from zero with each.
    """
    people = [f"{c.iss}|{c.subject}".encode() for c in case.credentials]
    return [
        counter_key(b"principal", case.opened.request.requester_thumbprint),
        *(counter_key(b"subject", person) for person in people),
    ]


def counter_key(kind: bytes, name: bytes) -> bytes:
    """Under which name releases of a principal, or of an owner's keys, are counted."""
    return H(labels.PRINCIPAL, kind, name)


def use_name(grant: Grant) -> GrantId:
    """Under which name the uses of a grant are counted.

    With its owner: ids are chosen by who signs, and another owner's grant of the same id must not use it up.
    """
    return GrantId(counter_key(b"grant", grant.owner_thumbprint + grant.grant_id))


VERDICTS = {"allow": Verdict.ALLOW, "deny": Verdict.DENY, "pending": Verdict.PENDING}
