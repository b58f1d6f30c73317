"""The keyring manifest and the custodians' sealing keys: who is who, and which keys are theirs.

Trust starts from a keyring id that a client or node was given out of band: it is the hash of the genesis
payload. Nothing that a response says about committee, threshold or keys is believed.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass

from kms.crypto import labels
from kms.crypto.hashing import H, equal
from kms.errors import Fork, Invalid, NotFound, Stale
from kms.statements import quorums
from kms.statements.budgets import Budget
from kms.statements.codec import SignerRole, message, require
from kms.statements.envelope import Signed, open_by_all, open_signed
from kms.statements.ids import KeyringId, ManifestHash
from kms.wire.v1 import keyring_pb2

MAX_SEALING_LIFETIME = 7 * 86400
"""Seconds. What a host recorded becomes unreadable for good after this."""


class HolderClass(enum.IntEnum):
    """What kind of party a credential vouches for."""

    DEVICE = 1
    PROFESSIONAL = 2
    SERVICE = 3
    OPERATOR = 4


class IssuerKeyType(enum.IntEnum):
    """Which key an issuer signs with, and thereby the only JWT algorithms that are believed."""

    ED25519 = 1
    P256 = 2
    RSA = 3


@message(keyring_pb2.IssuerKey)
@dataclass(frozen=True, slots=True)
class IssuerKey:
    """`public_key`: 32 bytes, an uncompressed point of 65 bytes, or the DER of an RSA key."""

    kid: str
    type: IssuerKeyType
    public_key: bytes

    def __post_init__(self) -> None:
        sizes = {IssuerKeyType.ED25519: (32, 32), IssuerKeyType.P256: (65, 65), IssuerKeyType.RSA: (256, 800)}
        least, most = sizes[self.type]
        fits = least <= len(self.public_key) <= most
        wanted = f"{least}" if least == most else f"{least} to {most}"
        require(fits, "issuers.keys.public_key", f"must be {wanted} bytes")


@message(keyring_pb2.Issuer)
@dataclass(frozen=True, slots=True)
class Issuer:
    """Who vouches for people and services, and where its keys come from: exactly one of three.

    `keys` alone: those that stand here. `trust_anchors` (DER certificates): custodians fetch the provider's keys over
    TLS that these vouch for; `keys` then are only those that the first fetch must know. `authorities` (DER
    certificates): certificates under these vouch for services. Ages and delays are in seconds.
    """

    iss: str
    controlled_by: str
    classes: tuple[HolderClass, ...]
    keys: tuple[IssuerKey, ...]
    trust_anchors: tuple[bytes, ...] = ()
    audience: str = ""
    nonce_bound: bool = False
    key_delay: int = 0
    max_key_age: int = 0
    authorities: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        fetched = bool(self.trust_anchors)
        require(
            bool(self.keys or fetched) != bool(self.authorities),
            "issuers",
            "must have its keys from one place: pinned, fetched or certified",
        )
        require(fetched or not (self.key_delay or self.max_key_age), "issuers.trust_anchors", "are missing")
        # Cached keys must not live for ever, and no new key may count at once.
        require(not fetched or self.max_key_age > 0, "issuers.max_key_age", "must be given")
        require(not fetched or self.key_delay > 0, "issuers.key_delay", "must be given")
        require(
            not (self.authorities and self.nonce_bound), "issuers.nonce_bound", "goes with ID tokens only"
        )

    @property
    def is_provider(self) -> bool:
        """Whether custodians fetch its keys (OpenID Connect Discovery)."""
        return bool(self.trust_anchors)


@message(keyring_pb2.ManifestCustodian)
@dataclass(frozen=True, slots=True)
class Custodian:
    index: int
    organisation: str
    jurisdiction: str
    hosting: str
    parent: str
    endpoint: str
    identity_key: bytes


@message(keyring_pb2.Manifest, name="manifest", role=SignerRole.FOUNDERS)
@dataclass(frozen=True, slots=True)
class Manifest:
    """Who holds shares, who may change that, whose evidence counts, by which policy; times in unix seconds.

    `change_delay` is in seconds; `emergency` marks an eviction, which need not wait for it. `recovery_delay` is in
    seconds: how long a recovery waits for an objection, 0 if there is none.
    `destruction_delay` is in seconds, 0: a week.
    `golden_hash` names the table of decisions that the policy passes (empty: none).
    """

    name: str
    sequence: int
    previous_hash: bytes
    keyring_id: bytes
    threshold: int
    durable_quorum: int
    custodians: tuple[Custodian, ...]
    admins: tuple[bytes, ...]
    admin_quorum: int
    issuers: tuple[Issuer, ...]
    policy: str
    policy_schema: str
    created_at: int
    expires_at: int
    change_delay: int = 0
    emergency: bool = False
    recovery_delay: int = 0
    golden_hash: bytes = b""
    budgets: tuple[Budget, ...] = ()
    destruction_delay: int = 0

    def __post_init__(self) -> None:
        n, t = len(self.custodians), self.threshold
        require(quorums.permitted(n, t), "threshold", f"{t} of {n} is outside 2 <= t, 2t-1 <= n <= 64")
        require(t + 1 <= self.durable_quorum <= n, "durable_quorum", f"must lie in {t + 1}..{n}")
        require(self.admin_quorum <= len(self.admins), "admin_quorum", "exceeds the number of admins")
        require(self.created_at < self.expires_at, "expires_at", "must be after created_at")
        require(len({c.index for c in self.custodians}) == n, "custodians.index", "must differ")
        keys = [c.identity_key for c in self.custodians] + list(self.admins)
        require(len(set(keys)) == len(keys), "custodians.identity_key", "one key for two parties")
        require(len({c.organisation for c in self.custodians}) == n, "custodians.organisation", "must differ")
        require(len({i.iss for i in self.issuers}) == len(self.issuers), "issuers.iss", "must differ")
        require(len(self.golden_hash) in (0, 32), "golden_hash", "must be 32 bytes or none")
        kinds = {(budget.scope, budget.window) for budget in self.budgets}
        require(len(kinds) == len(self.budgets), "budgets", "must differ in scope or window")
        # One court, one hoster or one owner must not be able to reach t custodians.
        for what in ("jurisdiction", "hosting", "parent"):
            group, size = Counter(getattr(c, what) for c in self.custodians).most_common(1)[0]
            require(size < t, f"custodians.{what}", f"{group!r} has {size} members, the threshold is {t}")

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(c.index for c in self.custodians)


@dataclass(frozen=True, slots=True)
class Keyring:
    """A manifest that was verified against its pinned id: what all other checks rest on."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    manifest: Manifest
    envelope: bytes
    policy_hash: bytes
    """Of policy and schema: a decision by any other policy is none."""
    earlier: frozenset[ManifestHash] = frozenset()
    """Of the manifests before: what was said under them for longer, a grant say, still stands."""

    @property
    def threshold(self) -> int:
        return self.manifest.threshold

    def custodian(self, index: int) -> Custodian:
        """The custodian of this index; Invalid if the manifest has none."""
        for custodian in self.manifest.custodians:
            if custodian.index == index:
                return custodian
        raise Invalid(f"the manifest has no custodian {index}", reason="UNKNOWN_CUSTODIAN")


def manifest_hash(payload: bytes) -> ManifestHash:
    return ManifestHash(H(labels.MANIFEST, payload))


def genesis_keyring_id(payload: bytes) -> KeyringId:
    return KeyringId(H(labels.KEYRING, payload))


def policy_hash(policy: str, schema: str) -> bytes:
    return H(labels.POLICY, policy.encode(), schema.encode())


def golden_hash(table: bytes) -> bytes:
    """H("golden", exact bytes of a table of golden decisions)."""
    return H(labels.GOLDEN, table)


def forbids_hash(bound_policy: bytes, forbids: str) -> bytes:
    """H("forbids", policy hash, a custodian's own rules); empty if it has none."""
    return H(labels.FORBIDS, bound_policy, forbids.encode()) if forbids else b""


def founders(manifest: Manifest) -> set[bytes]:
    """Whose signatures genesis needs: every admin's and every custodian's."""
    return {*manifest.admins, *(c.identity_key for c in manifest.custodians)}


def open_genesis(envelope: bytes | keyring_pb2.Envelope, pinned: bytes, now: int) -> Keyring:
    """The keyring named `pinned`; NotFound if this is another one, Stale if it is expired.

    There is no trust on first use: without the pinned id a host would found a keyring of its own.
    """
    signed = open_by_all(Manifest, envelope, founders, "manifest")
    manifest = signed.statement
    if manifest.sequence or manifest.previous_hash or manifest.keyring_id:
        raise Invalid("the first manifest of a chain must be a genesis", reason="NOT_GENESIS")
    if not equal(genesis_keyring_id(signed.payload), pinned):
        raise NotFound("this manifest is not of the keyring that was pinned", reason="WRONG_KEYRING")
    if now >= manifest.expires_at:
        raise Stale("the manifest has expired: admins must renew it", reason="MANIFEST_EXPIRED")
    return keyring_of(KeyringId(pinned), signed)


def keyring_of(
    keyring_id: KeyringId, signed: Signed[Manifest], earlier: frozenset[ManifestHash] = frozenset()
) -> Keyring:
    """What follows from a manifest that was verified."""
    manifest = signed.statement
    return Keyring(
        keyring_id,
        manifest_hash(signed.payload),
        manifest,
        signed.envelope,
        policy_hash(manifest.policy, manifest.policy_schema),
        earlier,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest manifest that a party has accepted: it persists this and never goes back."""

    sequence: int
    manifest_hash: ManifestHash


def advance(seen: Seen | None, keyring: Keyring) -> Seen:
    """What to persist after accepting `keyring`. Stale on a rollback, Fork on two hashes for one sequence."""
    offered = Seen(keyring.manifest.sequence, keyring.manifest_hash)
    if seen is None or offered.sequence > seen.sequence:
        return offered
    if offered.sequence < seen.sequence:
        raise Stale(
            f"manifest {offered.sequence} is offered, {seen.sequence} was seen: somebody rolls back",
            reason="MANIFEST_ROLLBACK",
        )
    if offered.manifest_hash != seen.manifest_hash:
        raise Fork(
            f"two manifests of sequence {seen.sequence}: {seen.manifest_hash.hex()} and "
            f"{offered.manifest_hash.hex()}",
        )
    return seen


@message(keyring_pb2.SealingKey, name="sealing-key", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class SealingKey:
    """A custodian's X-Wing public key for one period; times in unix seconds."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    period: int
    public_key: bytes
    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        lifetime = self.not_after - self.not_before
        require(0 < lifetime <= MAX_SEALING_LIFETIME, "not_after", "must be within 7 days of not_before")

    @property
    def id(self) -> bytes:
        """H("sealing key id", index, period, public key); 32 bytes."""
        index, period = self.index.to_bytes(2, "big"), self.period.to_bytes(8, "big")
        return H(labels.SEALING_KEY_ID, index, period, self.public_key)


def open_sealing_key(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, now: int
) -> Signed[SealingKey]:
    """Custodian `index`'s sealing key, signed by its identity key in the manifest and valid now."""
    signed = open_signed(SealingKey, envelope, keyring.custodian(index).identity_key, "sealing_key")
    key = signed.statement
    check_binding(keyring, key.keyring_id, key.manifest_hash)
    if key.index != index:
        raise Invalid("a sealing key of another custodian", reason="WRONG_CUSTODIAN")
    if not key.not_before <= now < key.not_after:
        raise Stale(f"the sealing key of custodian {index} is not valid now", reason="SEALING_KEY_EXPIRED")
    return signed


def check_binding(keyring: Keyring, keyring_id: bytes, bound_hash: bytes) -> None:
    """Every payload names its keyring and manifest: one for another world is refused."""
    if not equal(keyring_id, keyring.keyring_id):
        raise NotFound("a statement for another keyring", reason="WRONG_KEYRING")
    if not equal(bound_hash, keyring.manifest_hash):
        raise Stale("a statement under another manifest: fetch the current one", reason="STALE_MANIFEST")


def check_lasting_binding(keyring: Keyring, keyring_id: bytes, bound_hash: ManifestHash) -> None:
    """As `check_binding`, for what outlives a manifest: a grant was given by its owner, whoever holds the shares."""
    if bound_hash not in keyring.earlier:
        check_binding(keyring, keyring_id, bound_hash)
    elif not equal(keyring_id, keyring.keyring_id):
        raise NotFound("a statement for another keyring", reason="WRONG_KEYRING")
