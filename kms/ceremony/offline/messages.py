"""The contract's messages that a transcript may hold, written down a second time from `protos/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.ceremony.offline.reader import flag, many_octets, messages, number, numbers, octets, text

FOUNDERS: Final = 1
CUSTODIAN: Final = 2
ADMINS: Final = 7


@dataclass(frozen=True, slots=True)
class IssuerKey:
    kid: str = text(1)
    type: int = number(2)
    public_key: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class Issuer:
    iss: str = text(1)
    controlled_by: str = text(2)
    classes: tuple[int, ...] = numbers(3)
    keys: tuple[IssuerKey, ...] = messages(4, IssuerKey)
    trust_anchors: tuple[bytes, ...] = many_octets(5)
    audience: str = text(6)
    nonce_bound: bool = flag(7)
    key_delay: int = number(8)
    max_key_age: int = number(9)
    authorities: tuple[bytes, ...] = many_octets(10)


@dataclass(frozen=True, slots=True)
class Custodian:
    index: int = number(1, bits=16)
    organisation: str = text(2)
    jurisdiction: str = text(3)
    hosting: str = text(4)
    parent: str = text(5)
    endpoint: str = text(6)
    identity_key: bytes = octets(7, 32)


@dataclass(frozen=True, slots=True)
class Budget:
    scope: int = number(1)
    window: int = number(2)
    limit: int = number(3)
    on_excess: int = number(4)


@dataclass(frozen=True, slots=True)
class Manifest:
    suite: int = number(1)
    signer_role: int = number(2)
    name: str = text(3)
    sequence: int = number(4)
    previous_hash: bytes = octets(5, 0, 32)
    keyring_id: bytes = octets(6, 0, 32)
    threshold: int = number(7, bits=32)
    durable_quorum: int = number(8, bits=32)
    custodians: tuple[Custodian, ...] = messages(9, Custodian)
    admins: tuple[bytes, ...] = many_octets(10, 32)
    admin_quorum: int = number(11, bits=32)
    issuers: tuple[Issuer, ...] = messages(12, Issuer)
    policy: str = text(13)
    policy_schema: str = text(14)
    created_at: int = number(15)
    expires_at: int = number(16)
    change_delay: int = number(17)
    emergency: bool = flag(18)
    golden_hash: bytes = octets(19, 0, 32)
    budgets: tuple[Budget, ...] = messages(20, Budget)
    recovery_delay: int = number(21)
    destruction_delay: int = number(22)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(c.index for c in self.custodians)


@dataclass(frozen=True, slots=True)
class Enrolment:
    suite: int = number(1)
    signer_role: int = number(2)
    organisation: str = text(3)
    jurisdiction: str = text(4)
    hosting: str = text(5)
    parent: str = text(6)
    endpoint: str = text(7)
    identity_key: bytes = octets(8, 32)


@dataclass(frozen=True, slots=True)
class ReshareOrder:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    sequence: int = number(5)
    reason: str = text(6)
    created_at: int = number(7)


@dataclass(frozen=True, slots=True)
class SealedTarget:
    index: int = number(1, bits=16)
    sealing_key_id: bytes = octets(2, 32)
    blob_hash: bytes = octets(3, 32)


@dataclass(frozen=True, slots=True)
class Dealing:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    order_hash: bytes = octets(6, 32)
    from_version: bytes = octets(7, 32)
    batch_root: bytes = octets(8, 32)
    count: int = number(9, bits=32)
    points_hash: bytes = octets(10, 32)
    targets: tuple[SealedTarget, ...] = messages(11, SealedTarget)
    dealt_at: int = number(12)


@dataclass(frozen=True, slots=True)
class PlannedDealing:
    index: int = number(1, bits=16)
    dealing_hash: bytes = octets(2, 32)


@dataclass(frozen=True, slots=True)
class Plan:
    suite: int = number(1)
    keyring_id: bytes = octets(2, 32)
    order_hash: bytes = octets(3, 32)
    sequence: int = number(4)
    from_version: bytes = octets(5, 32)
    to_manifest_hash: bytes = octets(6, 32)
    threshold: int = number(7, bits=32)
    dealings: tuple[PlannedDealing, ...] = messages(8, PlannedDealing)
    batch_root: bytes = octets(9, 32)
    count: int = number(10, bits=32)
    points_hash: bytes = octets(11, 32)


@dataclass(frozen=True, slots=True)
class Installed:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    version: bytes = octets(6, 32)
    sequence: int = number(7)
    count: int = number(8, bits=32)
    installed_at: int = number(9)
    log_index: int = number(10)


@dataclass(frozen=True, slots=True)
class Complaint:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    dealer: int = number(6, bits=16)
    dealing_hash: bytes = octets(7, 32)
    positions: tuple[int, ...] = numbers(8)
    reason: str = text(9)
    complained_at: int = number(10)


@dataclass(frozen=True, slots=True)
class Erased:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    version: bytes = octets(6, 32)
    count: int = number(7, bits=32)
    erased_at: int = number(8)
    log_index: int = number(9)


@dataclass(frozen=True, slots=True)
class RepairTask:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    task_id: bytes = octets(6, 16)
    version: bytes = octets(7, 32)
    helpers: tuple[int, ...] = numbers(8)
    batch_root: bytes = octets(9, 32)
    count: int = number(10, bits=32)
    created_at: int = number(11)


@dataclass(frozen=True, slots=True)
class RepairPieces:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    task_hash: bytes = octets(6, 32)
    points_hash: bytes = octets(7, 32)
    targets: tuple[SealedTarget, ...] = messages(8, SealedTarget)
    made_at: int = number(9)


@dataclass(frozen=True, slots=True)
class RepairSums:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    task_hash: bytes = octets(6, 32)
    pieces: tuple[bytes, ...] = many_octets(7, 32)
    target: tuple[SealedTarget, ...] = messages(8, SealedTarget)
    """Exactly one: who is repaired."""
    made_at: int = number(9)


@dataclass(frozen=True, slots=True)
class Repaired:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    task_hash: bytes = octets(6, 32)
    count: int = number(7, bits=32)
    repaired_at: int = number(8)
    log_index: int = number(9)


@dataclass(frozen=True, slots=True)
class VersionCount:
    version: bytes = octets(1, 32)
    threshold: int = number(2, bits=32)
    sequence: int = number(3)
    count: int = number(4)


@dataclass(frozen=True, slots=True)
class Status:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    sequence: int = number(6)
    at: int = number(7)
    order_sequence: int = number(8)
    versions: tuple[VersionCount, ...] = messages(9, VersionCount)
    missing: int = number(10)


@dataclass(frozen=True, slots=True)
class PoolOrder:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    count: int = number(5, bits=32)
    reason: str = text(6)
    created_at: int = number(7)


@dataclass(frozen=True, slots=True)
class PoolDealing:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    order_hash: bytes = octets(6, 32)
    batch: int = number(7, bits=32)
    count: int = number(8, bits=32)
    points_hash: bytes = octets(9, 32)
    targets: tuple[SealedTarget, ...] = messages(10, SealedTarget)
    dealt_at: int = number(11)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    suite: int = number(1)
    keyring_id: bytes = octets(2, 32)
    manifest_hash: bytes = octets(3, 32)
    order_hash: bytes = octets(4, 32)
    batch: int = number(5, bits=32)
    threshold: int = number(6, bits=32)
    dealings: tuple[PlannedDealing, ...] = messages(7, PlannedDealing)
    count: int = number(8, bits=32)
    points_hash: bytes = octets(9, 32)


@dataclass(frozen=True, slots=True)
class Generated:
    suite: int = number(1)
    signer_role: int = number(2)
    keyring_id: bytes = octets(3, 32)
    manifest_hash: bytes = octets(4, 32)
    index: int = number(5, bits=16)
    plan_hash: bytes = octets(6, 32)
    count: int = number(7, bits=32)
    generated_at: int = number(8)
    log_index: int = number(9)


@dataclass(frozen=True, slots=True)
class Core:
    suite: int = number(1)
    keyring_id: bytes = octets(2, 32)
    manifest_hash: bytes = octets(3, 32)
    threshold: int = number(4, bits=32)
    spec: int = number(5)
    owner_thumbprint: bytes = octets(6, 32)
    creator_thumbprint: bytes = octets(7, 32)
    created_at: int = number(8)
    context_commitment: bytes = octets(9, 32)
    commitments: tuple[bytes, ...] = many_octets(10, 33)


@dataclass(frozen=True, slots=True)
class Descriptor:
    core: bytes = octets(1)
    key_check_value: bytes = octets(2, 0, 32)
    """None of a key that was made jointly: nobody could compute it."""
    public_key: bytes = octets(3, 0, 1216)
