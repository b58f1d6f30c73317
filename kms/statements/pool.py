"""What is said of keys that custodians make jointly: the admins' order, dealings, plans, and who keeps what.

A pool's key has commitments and shares, and neither owner, context nor name until a deposit draws it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kms.crypto import labels
from kms.crypto.hashing import H, equal, u16, u64
from kms.errors import Invalid
from kms.statements.ceremony import (
    PlannedDealing,
    SealedTarget,
    open_by_admins,
    points_hash,
    unpack_points,
)
from kms.statements.chain import Chain
from kms.statements.codec import SignerRole, decode, encode, message, require
from kms.statements.envelope import Signed
from kms.statements.ids import KeyringId, ManifestHash
from kms.wire.v1 import keyring_pb2, pool_pb2

POOL_BATCH: Final = 128
"""Keys in each part of an order but the last."""


@message(pool_pb2.PoolOrder, name="pool-order", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class PoolOrder:
    """The admins' order to make `count` keys that nobody knows. The same bytes again are the same keys."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    count: int
    reason: str
    created_at: int

    @property
    def batches(self) -> int:
        return -(-self.count // POOL_BATCH)

    def size(self, batch: int) -> int:
        """How many keys batch number `batch` has; Invalid if there is no such one."""
        require(0 <= batch < self.batches, "batch", f"must be below {self.batches}")
        return min(POOL_BATCH, self.count - batch * POOL_BATCH)


def pool_order_hash(payload: bytes) -> bytes:
    return H(labels.POOL_ORDER, payload)


def open_pool_order(envelope: bytes | keyring_pb2.Envelope, chain: Chain, now: int) -> Signed[PoolOrder]:
    """An order by the admin quorum of the manifest in force, to its own committee."""
    return open_by_admins(PoolOrder, envelope, chain, now)


@message(pool_pb2.PoolDealing, name="pool-dealing", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class PoolDealing:
    """A custodian's word on the random terms that it shared out for a batch."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    order_hash: bytes
    batch: int
    count: int
    points_hash: bytes
    targets: tuple[SealedTarget, ...]
    dealt_at: int

    def __post_init__(self) -> None:
        indices = [target.index for target in self.targets]
        require(indices == sorted(set(indices)), "targets.index", "must be sorted and unique")

    def target(self, index: int) -> SealedTarget:
        """The part for custodian `index`; Invalid if there is none."""
        for target in self.targets:
            if target.index == index:
                return target
        raise Invalid(f"there is nothing in it for custodian {index}", reason="NO_TARGET")


@message(pool_pb2.PoolPlan)
@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Whose terms add up to the keys of a batch."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    order_hash: bytes
    batch: int
    threshold: int
    dealings: tuple[PlannedDealing, ...]
    count: int
    points_hash: bytes

    def __post_init__(self) -> None:
        indices = [dealing.index for dealing in self.dealings]
        require(indices == sorted(set(indices)), "plan.dealings.index", "must be sorted and unique")
        # One of t dealers is honest. With fewer, t-1 custodians that work together would know the sum.
        require(len(indices) == self.threshold, "plan.dealings", f"must be {self.threshold}")


@dataclass(frozen=True, slots=True)
class OpenedPlan:
    """A plan with what it names by hash: C_0..C_(t-1) of each key."""

    payload: bytes
    plan: PoolPlan
    hash: bytes
    rows: tuple[tuple[bytes, ...], ...] = field(repr=False)


def encode_pool_plan(plan: PoolPlan) -> bytes:
    return encode(plan)


def open_pool_plan(payload: bytes, points: bytes) -> OpenedPlan:
    """A plan from its exact bytes and its points; Invalid unless they are those that it names."""
    plan = decode(PoolPlan, payload, "plan")
    rows = unpack_points(points, plan.count, plan.threshold)
    if not equal(points_hash(rows), plan.points_hash):
        raise Invalid("the points are not those that the plan names", reason="WRONG_PLAN")
    return OpenedPlan(payload, plan, H(labels.POOL_PLAN, payload), tuple(rows))


@message(pool_pb2.Generated, name="generated", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Generated:
    """A custodian's word: the shares of a plan are checked and on disk, and it keeps no other plan of the batch."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    plan_hash: bytes
    count: int
    generated_at: int
    log_index: int


def pool_info(
    keyring_id: bytes,
    order: bytes,
    batch: int,
    dealer: int,
    receiver: int,
    sealing_key_id: bytes,
    points: bytes,
) -> bytes:
    """HPKE info of a dealing's blob: all that it means."""
    return H(
        labels.SEAL_POOL,
        keyring_id,
        order,
        u64(batch),
        u16(dealer),
        u16(receiver),
        sealing_key_id,
        points,
    )
