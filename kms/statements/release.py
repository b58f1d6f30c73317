"""Release in two phases: request, decision, certificate, share release.

Every later statement points at `request_hash`, the hash of the exact bytes that the requester signed, and
names keys by their position in its sorted list.
"""

from __future__ import annotations

import enum
import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from kms.crypto import derivation, labels, sealing
from kms.crypto.hashing import H, equal, u16
from kms.errors import Denied, Invalid, Stale
from kms.statements.audit import Basis
from kms.statements.codec import SignerRole, message, parse_strict, require
from kms.statements.envelope import Signed, open_named, open_signed
from kms.statements.ids import (
    CertificateHash,
    KeyId,
    KeyringId,
    ManifestHash,
    RequestHash,
    Thumbprint,
    Version,
)
from kms.statements.keys import MAX_CLOCK_SKEW, Opening, pack_openings, unpack_openings
from kms.statements.manifest import Keyring, check_binding
from kms.wire.v1 import keyring_pb2, release_pb2

RULE_LIFETIME: Final = 15 * 60
"""Seconds in which a rule alone may answer a request."""
EMERGENCY_LIFETIME: Final = 15 * 60
"""Seconds for which an emergency request lives, whatever it says."""
HUMAN_LIFETIME: Final = 72 * 3600
"""Seconds in which humans may."""
BAD_DELIVERY: Final = "BAD_DELIVERY"
WRONG_RELEASE: Final = "WRONG_RELEASE"
"""Reason: a custodian signed a delivery that does not open, or holds no shares."""


class Purpose(enum.IntEnum):
    """Why a record is read; the requester signs it."""

    TREATMENT = 1
    PATIENT_ACCESS = 2
    BILLING = 3
    SCHEDULING = 4
    EMERGENCY = 5
    RESEARCH = 6
    LEGAL = 7


class Verdict(enum.IntEnum):
    ALLOW = 1
    DENY = 2
    PENDING = 3


@message(release_pb2.EvidenceTarget)
@dataclass(frozen=True, slots=True)
class EvidenceTarget:
    index: int
    sealing_key_id: bytes
    blob_hash: bytes


@message(release_pb2.ReleaseRequest, name="release-request", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Who wants which keys, for what, sealed to which fresh key; times in unix seconds."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    request_id: bytes
    key_ids: tuple[KeyId, ...]
    purpose: Purpose
    justification_hash: bytes
    recipient_key: bytes
    requester_thumbprint: Thumbprint
    created_at: int
    expires_at: int
    evidence: tuple[EvidenceTarget, ...]

    def __post_init__(self) -> None:
        ordered = all(map(operator.lt, self.key_ids, self.key_ids[1:]))
        require(ordered, "key_ids", "must be sorted and unique")
        lifetime = self.expires_at - self.created_at
        require(0 < lifetime <= HUMAN_LIFETIME, "expires_at", "must be within 72 hours of created_at")
        indices = [target.index for target in self.evidence]
        require(indices == sorted(set(indices)), "evidence.index", "must be sorted and unique")

    @property
    def ends_at(self) -> int:
        """From when on nothing is answered or released."""
        if self.purpose is Purpose.EMERGENCY:
            return min(self.expires_at, self.created_at + EMERGENCY_LIFETIME)
        return self.expires_at

    def target(self, index: int) -> EvidenceTarget:
        """The part for custodian `index`; Invalid if there is none."""
        for target in self.evidence:
            if target.index == index:
                return target
        raise Invalid(f"the request has no evidence for custodian {index}", reason="NO_TARGET")


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """A request whose signature, binding and dates were checked, and its hash."""

    signed: Signed[ReleaseRequest]
    hash: RequestHash

    @property
    def request(self) -> ReleaseRequest:
        return self.signed.statement


def request_hash(payload: bytes) -> RequestHash:
    return RequestHash(H(labels.REQUEST, payload))


def open_request(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, now: int) -> OpenedRequest:
    """A request signed by the key that it names, for this keyring, not yet expired and not from the future."""
    signed = open_named(ReleaseRequest, envelope, lambda r: r.requester_thumbprint, "request")
    request = signed.statement
    check_binding(keyring, request.keyring_id, request.manifest_hash)
    require(request.created_at <= now + MAX_CLOCK_SKEW, "request.created_at", "lies in the future")
    if now >= request.ends_at:
        raise Stale("the request has expired: make a new one", reason="REQUEST_EXPIRED")
    require(
        {target.index for target in request.evidence} <= set(keyring.manifest.indices),
        "request.evidence",
        "must be for custodians of the manifest",
    )
    return OpenedRequest(signed, request_hash(signed.payload))


def recipient_hash(recipient_key: bytes) -> bytes:
    """H("recipient", X-Wing public key)."""
    return H(labels.RECIPIENT, recipient_key)


def justification_hash(salt: bytes, text: str) -> bytes:
    """H("justification", salt, text): the host relays the hash, custodians read the text."""
    return H(labels.JUSTIFICATION, salt, text.encode())


def evidence_info(
    keyring: Keyring,
    index: int,
    sealing_key_id: bytes,
    requester: Thumbprint,
    request_id: bytes,
    recipient_key: bytes,
    key_ids: Sequence[KeyId],
) -> bytes:
    """HPKE info of the evidence for custodian `index`: a host cannot attach it to another request."""
    return H(
        labels.SEAL_EVIDENCE,
        keyring.keyring_id,
        keyring.manifest_hash,
        u16(index),
        sealing_key_id,
        requester,
        request_id,
        recipient_hash(recipient_key),
        derivation.batch_root(list(key_ids)),
    )


@message(release_pb2.Ruling)
@dataclass(frozen=True, slots=True)
class Ruling:
    """One verdict, with a stable reason code, for keys by position; and the humans behind it.

    `approver_thumbprint` is of the one who answered last, `approver_persons` (see `approver.person`) are of all who
    approved.
    """

    verdict: Verdict
    reason: str
    positions: tuple[int, ...]
    approver_thumbprint: bytes = b""
    approver_persons: tuple[bytes, ...] = ()

    @property
    def humans(self) -> frozenset[bytes]:
        """Everybody behind it, by credential and by person."""
        return frozenset((self.approver_thumbprint, *self.approver_persons)) - {b""}


@message(release_pb2.Decision, name="decision", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Decision:
    """What one custodian decided for each key of a request.

    By the keyring's policy, and by its own rules beside it (`forbids_hash`; empty: none).
    """

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    request_hash: RequestHash
    rulings: tuple[Ruling, ...]
    policy_hash: bytes
    decided_at: int
    log_index: int
    forbids_hash: bytes = b""

    def __post_init__(self) -> None:
        require(len(self.forbids_hash) in (0, 32), "forbids_hash", "must be 32 bytes or none")
        positions = [p for ruling in self.rulings for p in ruling.positions]
        require(len(set(positions)) == len(positions), "rulings.positions", "must be unique")

    def by_position(self) -> Mapping[int, Ruling]:
        return {p: ruling for ruling in self.rulings for p in ruling.positions}

    def rules_on(self, count: int) -> bool:
        """Whether it has a ruling for each of `count` positions, and for no other: they are unique."""
        sizes = [len(ruling.positions) for ruling in self.rulings]
        return sum(sizes) == count and all(
            max(ruling.positions, default=0) < count for ruling in self.rulings
        )


def open_decision(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, request: RequestHash, count: int
) -> Signed[Decision]:
    """Custodian `index`'s decision on exactly this request of `count` keys."""
    signed = open_signed(Decision, envelope, keyring.custodian(index).identity_key, "decision")
    decision = signed.statement
    check_binding(keyring, decision.keyring_id, decision.manifest_hash)
    if decision.index != index or not equal(decision.request_hash, request):
        raise Invalid("a decision on another request or of another custodian", reason="WRONG_DECISION")
    if not equal(decision.policy_hash, keyring.policy_hash):
        raise Invalid("a decision by another policy than the manifest's", reason="WRONG_POLICY")
    if not decision.rules_on(count):
        raise Invalid("a decision must rule on every key of its request", reason="WRONG_DECISION")
    return signed


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's allows under one request hash: which positions are certified, how many allow each, the exact bytes."""

    payload: bytes
    hash: CertificateHash
    certified: frozenset[int]
    allows: tuple[int, ...]
    by_two_people: frozenset[int] = frozenset()
    """Positions that two custodians allow after different people, at each of them, said yes."""
    basis: tuple[Basis, ...] = ()
    """The log entries of the decisions that allow something, by custodian."""


def build_certificate(request: RequestHash, decisions: Sequence[Signed[Decision]]) -> bytes:
    """The exact bytes of a certificate over these decisions, in index order."""
    ordered = sorted(decisions, key=lambda signed: signed.statement.index)
    return release_pb2.ReleaseCertificate(
        request_hash=request, decisions=[signed.message for signed in ordered]
    ).SerializeToString(deterministic=True)


def open_certificate(payload: bytes, keyring: Keyring, request: RequestHash, count: int) -> Certificate:
    """Verify a certificate for a request of `count` keys.

    Each decision must be another custodian's, of the manifest, and signed; a position is certified where at
    least t of them allow it. Decisions under other requests never add up: shares of refused requests would.
    """
    parsed = parse_strict(release_pb2.ReleaseCertificate, payload, "certificate")
    if not equal(parsed.request_hash, request):
        raise Invalid("a certificate of another request", reason="WRONG_CERTIFICATE")
    by_key = {c.identity_key: c.index for c in keyring.manifest.custodians}
    decisions: dict[int, Decision] = {}
    for n, envelope in enumerate(parsed.decisions):
        index = by_key.get(envelope.signatures[0].keyid)
        if index is None or index in decisions:
            raise Invalid(
                f"certificate.decisions[{n}] is not of one more custodian of the manifest",
                reason="WRONG_CERTIFICATE",
            )
        decisions[index] = open_decision(envelope, keyring, index, request, count).statement
    allows = count_allows(decisions.values(), count)
    certified = frozenset(position for position, n in enumerate(allows) if n >= keyring.threshold)
    if not certified:
        raise Denied(f"no key has the {keyring.threshold} allows of a quorum", reason="NO_QUORUM")
    certificate_hash = hash_certificate(payload)
    two = certified & _by_two_people(decisions.values())
    basis = tuple(
        Basis(index, decision.log_index)
        for index, decision in sorted(decisions.items())
        if any(ruling.verdict is Verdict.ALLOW for ruling in decision.rulings)
    )
    return Certificate(payload, certificate_hash, certified, allows, two, basis)


def hash_certificate(payload: bytes) -> CertificateHash:
    """H("certificate", exact bytes)."""
    return CertificateHash(H(labels.CERTIFICATE, payload))


def _by_two_people(decisions: Iterable[Decision]) -> frozenset[int]:
    """Positions to which two custodians' people, who have nobody in common, said yes."""
    said: dict[int, list[frozenset[bytes]]] = defaultdict(list)
    for decision in decisions:
        for humans, positions in _allows(decision):
            for position in positions if humans else ():
                said[position].append(humans)
    return frozenset(
        position
        for position, people in said.items()
        if any(one.isdisjoint(other) for one, other in combinations(people, 2))
    )


def _allows(decision: Decision) -> Iterator[tuple[frozenset[bytes], tuple[int, ...]]]:
    """The humans behind each allow of a decision, with its positions."""
    return (
        (ruling.humans, ruling.positions) for ruling in decision.rulings if ruling.verdict is Verdict.ALLOW
    )


def certified_positions(decisions: Iterable[Decision], threshold: int, count: int) -> frozenset[int]:
    """Positions that at least `threshold` of these decisions (of distinct custodians) allow."""
    return frozenset(p for p, n in enumerate(count_allows(decisions, count)) if n >= threshold)


def count_allows(decisions: Iterable[Decision], count: int) -> tuple[int, ...]:
    """How many of these decisions (of distinct custodians) allow each of `count` positions.

    One human counts once, at however many custodians they are registered, by whichever credential they signed: nobody
    approves for two custodians. Of two decisions that share a human, one counts.
    """
    allows = [0] * count
    seen: dict[int, set[bytes]] = defaultdict(set)
    found = [
        (humans, decision.index, positions)
        for decision in decisions
        for humans, positions in _allows(decision)
    ]
    # Those with the fewest humans first: so the count is the same in whatever order decisions came, and of two that
    # share somebody the one goes that might share somebody with a third.
    for humans, _, positions in sorted(found, key=lambda f: (len(f[0]), f[1])):
        for position in positions:
            if not humans:
                allows[position] += 1
            elif humans.isdisjoint(seen[position]):
                seen[position] |= humans
                allows[position] += 1
    return tuple(allows)


@message(release_pb2.VersionGroup)
@dataclass(frozen=True, slots=True)
class VersionGroup:
    version: Version
    positions: tuple[int, ...]


@message(release_pb2.ShareRelease, name="share-release", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class ShareRelease:
    """A custodian's signed delivery: which keys and versions its sealed blob holds, under which certificate."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    request_hash: RequestHash
    certificate_hash: CertificateHash
    versions: tuple[VersionGroup, ...]
    blob_hash: bytes
    released_at: int
    log_index: int
    shares_hash: bytes

    def __post_init__(self) -> None:
        order = self.in_order()
        require(len(set(order)) == len(order), "versions.positions", "must be unique in each version")

    def in_order(self) -> list[tuple[int, Version]]:
        """(position, version) in the order in which the blob holds the shares."""
        return [(p, group.version) for group in self.versions for p in group.positions]


def release_info(
    request: OpenedRequest, certificate: CertificateHash, index: int, order: Sequence[tuple[int, Version]]
) -> bytes:
    """HPKE info of a release blob: request, certificate, custodian, recipient, keys and versions."""
    keys = request.request.key_ids
    versions = H(labels.VERSIONS, *(keys[position] + version for position, version in order))
    return H(
        labels.SEAL_RELEASE,
        request.hash,
        certificate,
        u16(index),
        recipient_hash(request.request.recipient_key),
        versions,
    )


def share_leaf(key_id: KeyId, version: Version, share: bytes) -> bytes:
    """What a custodian signs of one share, 32 bytes: tells nothing of it, for half of it is uniform blinding."""
    return H(labels.SHARE, key_id, version, share)


def shares_hash(leaves: Iterable[bytes]) -> bytes:
    """H("shares", leaves): the custodian's word on each share apart, which a blob's hash is not.

    Without it a wrong share could be shown to a third party only together with the key that opens all others.
    """
    return H(labels.SHARES, *leaves)


@dataclass(frozen=True, slots=True)
class ReleasedShares:
    """Inside a release blob: 64-byte shares, and the openings of the keys' contexts, in the signed order."""

    shares: tuple[bytes, ...] = field(repr=False)
    openings: tuple[Opening, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        salts, contexts, context_of = pack_openings(self.openings)
        return release_pb2.ReleasedShares(
            shares=self.shares, salts=salts, contexts=contexts, context_of=context_of
        ).SerializeToString(deterministic=True)


def open_shares(
    envelope: bytes | keyring_pb2.Envelope,
    sealed: bytes,
    keyring: Keyring,
    index: int,
    request: OpenedRequest,
    certificates: Mapping[bytes, Certificate],
    recipient: sealing.SealingPrivateKey,
) -> tuple[Signed[ShareRelease], ReleasedShares]:
    """What custodian `index` delivered to `recipient` for this request, its signature and meaning checked.

    That the shares are right is another question: only the key check value answers it.
    """
    signed = open_signed(ShareRelease, envelope, keyring.custodian(index).identity_key, "share_release")
    release = signed.statement
    check_binding(keyring, release.keyring_id, release.manifest_hash)
    if release.index != index or not equal(release.request_hash, request.hash):
        raise Invalid("a share release of another request or custodian", reason=WRONG_RELEASE)
    certificate = certificates.get(release.certificate_hash)
    order = release.in_order()
    if certificate is None or not {p for p, _ in order} <= certificate.certified:
        raise Invalid("a share release outside its certificate", reason=WRONG_RELEASE)
    if not equal(sealing.blob_hash(sealed), release.blob_hash):
        raise Invalid("the sealed shares are not those that were signed", reason=WRONG_RELEASE)
    # From here on the custodian has only itself to blame: it signed this very blob for this very request.
    try:
        plain = recipient.open(release_info(request, release.certificate_hash, index, order), sealed)
        parsed = parse_strict(release_pb2.ReleasedShares, plain, "shares")
        require(len(parsed.shares) == len(order), "shares.shares", f"must be {len(order)}")
        openings = unpack_openings(parsed.salts, parsed.contexts, parsed.context_of, len(order))
        ids = request.request.key_ids
        leaves = [share_leaf(ids[p], v, share) for (p, v), share in zip(order, parsed.shares, strict=True)]
        require(equal(shares_hash(leaves), release.shares_hash), "shares.shares", "are not those signed")
    except Invalid as error:
        raise Invalid(f"custodian {index} delivered junk: {error.message}", reason=BAD_DELIVERY) from None
    return signed, ReleasedShares(tuple(parsed.shares), openings)


@message(release_pb2.Cancellation, name="cancellation", role=SignerRole.REQUESTER)
@dataclass(frozen=True, slots=True)
class Cancellation:
    """The requester withdraws a request that waits for humans."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    request_hash: RequestHash
    requester_thumbprint: Thumbprint
    created_at: int


def open_cancellation(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring) -> Signed[Cancellation]:
    """A cancellation signed by the key that it names; whose request it may end is for the node to compare."""
    signed = open_named(Cancellation, envelope, lambda c: c.requester_thumbprint, "cancellation")
    check_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return signed
