"""What is said in ceremonies: orders, dealings, plans, and custodians' words on what they installed and erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kms.crypto import derivation, labels
from kms.crypto.group import POINT_SIZE
from kms.crypto.hashing import H, equal, u16, u64
from kms.crypto.sharing import SHARE_SIZE
from kms.errors import BadSignature, Invalid, NotFound, Stale
from kms.statements.chain import Chain
from kms.statements.codec import S, SignerRole, decode, encode, message, parse_strict, require
from kms.statements.envelope import Signed, open_by_quorums, open_signed
from kms.statements.ids import KeyId, KeyringId, ManifestHash, Version
from kms.statements.keys import MAX_CLOCK_SKEW, Descriptor, Opening, pack_openings, unpack_openings
from kms.statements.manifest import Keyring, check_binding
from kms.wire.v1 import ceremony_pb2, ceremony_service_pb2, keyring_pb2

MAX_CEREMONY_BATCH: Final = 1024
"""Keys in one dealing, plan or repair."""


@message(ceremony_pb2.ReshareOrder, name="reshare-order", role=SignerRole.ADMINS)
@dataclass(frozen=True, slots=True)
class ReshareOrder:
    """The admins' order to deal every key anew to the committee of the manifest that it names."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    sequence: int
    reason: str
    created_at: int


def order_hash(payload: bytes) -> bytes:
    return H(labels.ORDER, payload)


def open_order(envelope: bytes | keyring_pb2.Envelope, chain: Chain, now: int) -> Signed[ReshareOrder]:
    """An order by the admin quorum of the manifest in force, to its own committee."""
    return open_by_admins(ReshareOrder, envelope, chain, now)


def open_by_admins(cls: type[S], envelope: bytes | keyring_pb2.Envelope, chain: Chain, now: int) -> Signed[S]:
    """A statement that the admin quorum of the manifest in force signed, about that manifest, and nobody else."""
    current = chain.current(now)

    def check(statement: S, signers: frozenset[bytes]) -> None:
        order: Any = statement
        check_binding(current, order.keyring_id, order.manifest_hash)
        require(order.created_at <= now + MAX_CLOCK_SKEW, "order.created_at", "lies in the future")
        admins = frozenset(current.manifest.admins)
        if not signers <= admins:
            raise BadSignature("an order is signed by admins only", reason="WRONG_SIGNER")
        missing = current.manifest.admin_quorum - len(signers)
        if missing > 0:
            raise BadSignature(f"{missing} more admins must sign the order", reason="SIGNATURES_MISSING")

    return open_by_quorums(cls, envelope, check, "order")


@message(ceremony_pb2.SealedTarget)
@dataclass(frozen=True, slots=True)
class SealedTarget:
    """Custodian `index` gets the blob of this hash, sealed to this key of its."""

    index: int
    sealing_key_id: bytes
    blob_hash: bytes


def _find_target(targets: Sequence[SealedTarget], index: int) -> SealedTarget:
    for target in targets:
        if target.index == index:
            return target
    raise Invalid(f"there is nothing in it for custodian {index}", reason="NO_TARGET")


def _check_targets(targets: Sequence[SealedTarget]) -> None:
    indices = [target.index for target in targets]
    require(indices == sorted(set(indices)), "targets.index", "must be sorted and unique")


@message(ceremony_pb2.Dealing, name="dealing", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Dealing:
    """An old holder's word on how it shared out its own shares of a batch of keys."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    order_hash: bytes
    from_version: Version
    batch_root: bytes
    count: int
    points_hash: bytes
    targets: tuple[SealedTarget, ...]
    dealt_at: int

    def __post_init__(self) -> None:
        _check_targets(self.targets)

    def target(self, index: int) -> SealedTarget:
        """The part for custodian `index`; Invalid if there is none."""
        return _find_target(self.targets, index)


@message(ceremony_pb2.PlannedDealing)
@dataclass(frozen=True, slots=True)
class PlannedDealing:
    index: int
    dealing_hash: bytes


@message(ceremony_pb2.Plan)
@dataclass(frozen=True, slots=True)
class Plan:
    """Which dealings add up to a new version of which keys. Whoever makes one, its hash names the version."""

    keyring_id: KeyringId
    order_hash: bytes
    sequence: int
    from_version: Version
    to_manifest_hash: ManifestHash
    threshold: int
    dealings: tuple[PlannedDealing, ...]
    batch_root: bytes
    count: int
    points_hash: bytes

    def __post_init__(self) -> None:
        indices = [dealing.index for dealing in self.dealings]
        require(indices == sorted(set(indices)), "plan.dealings.index", "must be sorted and unique")

    @property
    def dealers(self) -> tuple[int, ...]:
        return tuple(dealing.index for dealing in self.dealings)


def plan_version(payload: bytes) -> Version:
    """H("plan", exact bytes): the name of the version that a plan makes."""
    return Version(H(labels.PLAN, payload))


def encode_plan(plan: Plan) -> bytes:
    return encode(plan)


def parse_plan(payload: bytes) -> Plan:
    """A plan from its exact bytes."""
    return decode(Plan, payload, "plan")


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """A version with all that its plan names by hash: the keys in order, and their points C'_1..C'_(t-1)."""

    payload: bytes
    plan: Plan
    version: Version
    key_ids: tuple[KeyId, ...]
    points: bytes = field(repr=False)

    def commitments(self, descriptor: Descriptor) -> tuple[bytes, ...]:
        """C'_0.. of one of its keys; C'_0 is the descriptor's C_0, whatever a plan says; NotFound if it is none."""
        if descriptor.key_id not in self.key_ids:
            raise NotFound("the plan is not about that key", reason="WRONG_PLAN")
        size = (self.plan.threshold - 1) * POINT_SIZE
        at = self.key_ids.index(descriptor.key_id) * size
        points = (self.points[at + k : at + k + POINT_SIZE] for k in range(0, size, POINT_SIZE))
        return (descriptor.core.commitments[0], *points)


def open_version(payload: bytes, key_ids: Sequence[KeyId], points: bytes) -> PlannedVersion:
    """A version from its plan's exact bytes, keys and points; Invalid unless they are those that the plan names."""
    plan = parse_plan(payload)
    if plan.count != len(key_ids) or not equal(plan.batch_root, derivation.batch_root(list(key_ids))):
        raise Invalid("the keys are not those that the plan names", reason="WRONG_PLAN")
    if not equal(points_hash(unpack_points(points, plan.count, plan.threshold - 1)), plan.points_hash):
        raise Invalid("the points are not those that the plan names", reason="WRONG_PLAN")
    return PlannedVersion(payload, plan, plan_version(payload), tuple(key_ids), points)


def points_hash(rows: Sequence[Sequence[bytes]]) -> bytes:
    """H("points", the points of each key in order): 33 bytes a point, a part for each key."""
    return H(labels.POINTS, *(b"".join(row) for row in rows))


def pack_points(rows: Sequence[Sequence[bytes]]) -> bytes:
    """All points one after the other, for the wire."""
    return b"".join(point for row in rows for point in row)


def unpack_points(data: bytes, count: int, per_key: int, path: str = "points") -> list[tuple[bytes, ...]]:
    """`count` rows of `per_key` points of 33 bytes; Invalid if the length is another."""
    require(
        len(data) == count * per_key * POINT_SIZE, path, f"must be {count} times {per_key} points of 33 bytes"
    )
    size = per_key * POINT_SIZE
    return [
        tuple(data[at + POINT_SIZE * k : at + POINT_SIZE * (k + 1)] for k in range(per_key))
        for at in range(0, count * size, size)
    ]


@message(ceremony_pb2.Installed, name="installed", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Installed:
    """A custodian's promise: the new shares are checked and on disk, and stay until a later version's certificate."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    version: Version
    sequence: int
    count: int
    installed_at: int
    log_index: int


@message(ceremony_pb2.Complaint, name="complaint", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Complaint:
    """A custodian's word that a dealing holds sub-shares for it that do not fit their commitments.

    It is one party's word: the sub-share that would prove it is as secret as a share.
    """

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    dealer: int
    dealing_hash: bytes
    positions: tuple[int, ...]
    reason: str
    complained_at: int


@message(ceremony_pb2.Erased, name="erased", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Erased:
    """A custodian's word that it keeps no share of these keys older than `version`."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    version: Version
    count: int
    erased_at: int
    log_index: int


@message(ceremony_pb2.VersionCount)
@dataclass(frozen=True, slots=True)
class VersionCount:
    version: Version
    threshold: int
    sequence: int
    count: int


@message(ceremony_pb2.Status, name="status", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Status:
    """Where a custodian stands: its manifest, its orders, its inventory by version."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    sequence: int
    at: int
    order_sequence: int
    versions: tuple[VersionCount, ...]
    missing: int


@message(ceremony_pb2.RepairTask, name="repair-task", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class RepairTask:
    """A custodian asks t helpers for shares that it lost, of one version and a batch of keys."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    task_id: bytes
    version: Version
    helpers: tuple[int, ...]
    batch_root: bytes
    count: int
    created_at: int

    def __post_init__(self) -> None:
        require(list(self.helpers) == sorted(set(self.helpers)), "task.helpers", "must be sorted and unique")
        require(self.index not in self.helpers, "task.helpers", "must be others than who is repaired")


def task_hash(payload: bytes) -> bytes:
    return H(labels.REPAIR_TASK, payload)


@message(ceremony_pb2.RepairPieces, name="repair-pieces", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class RepairPieces:
    """A helper's word on the pieces that it made of its terms."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    task_hash: bytes
    points_hash: bytes
    targets: tuple[SealedTarget, ...]
    made_at: int

    def __post_init__(self) -> None:
        _check_targets(self.targets)

    def target(self, index: int) -> SealedTarget:
        """The part for helper `index`; Invalid if there is none."""
        return _find_target(self.targets, index)


@message(ceremony_pb2.RepairSums, name="repair-sums", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class RepairSums:
    """A helper's word on the sums of the pieces that it got, and of which ones."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    task_hash: bytes
    pieces: tuple[bytes, ...]
    target: SealedTarget
    made_at: int


@message(ceremony_pb2.Repaired, name="repaired", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Repaired:
    """A custodian's word that its shares of a task's keys are back, verified and on disk."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    task_hash: bytes
    count: int
    repaired_at: int
    log_index: int


def open_from(
    cls: type[S],
    envelope: bytes | keyring_pb2.Envelope,
    keyring: Keyring,
    index: int,
    bound: Keyring,
    path: str,
) -> Signed[S]:
    """Custodian `index` of `keyring`'s statement under the manifest `bound`."""
    signed = open_signed(cls, envelope, keyring.custodian(index).identity_key, path)
    statement: Any = signed.statement
    check_binding(bound, statement.keyring_id, statement.manifest_hash)
    if statement.index != index:
        raise Invalid(f"{path} names another custodian than its signer", reason="WRONG_CUSTODIAN")
    return signed


def check_certificate(
    envelopes: Sequence[keyring_pb2.Envelope | bytes], bound: Keyring, version: Version, quorum: int
) -> tuple[Signed[Installed], ...]:
    """The INSTALLED statements of `quorum` custodians of `bound` for one version; Stale if there are fewer."""
    signed: dict[int, Signed[Installed]] = {}
    by_key = {c.identity_key: c.index for c in bound.manifest.custodians}
    for position, envelope in enumerate(envelopes):
        parsed = keyring_pb2.Envelope.FromString(envelope) if isinstance(envelope, bytes) else envelope
        index = by_key.get(parsed.signatures[0].keyid if parsed.signatures else b"")
        if index is None:
            raise BadSignature("not signed by a custodian of the manifest", reason="WRONG_SIGNER")
        statement = open_from(Installed, envelope, bound, index, bound, f"installed[{position}]")
        if not equal(statement.statement.version, version):
            raise Invalid("an INSTALLED statement of another version", reason="WRONG_VERSION")
        signed[index] = statement
    if len(signed) < quorum:
        raise Stale(f"{len(signed)} custodians installed it, {quorum} must have", reason="NOT_DURABLE")
    return tuple(signed.values())


def dealing_info(
    keyring_id: bytes,
    order: bytes,
    from_version: bytes,
    batch_root: bytes,
    dealer: int,
    receiver: int,
    sealing_key_id: bytes,
    points: bytes,
) -> bytes:
    """HPKE info of a dealing's blob: all that it means."""
    return H(
        labels.SEAL_DEALING,
        keyring_id,
        order,
        from_version,
        batch_root,
        u16(dealer),
        u16(receiver),
        sealing_key_id,
        points,
    )


def repair_info(
    task: bytes, sender: int, receiver: int, sealing_key_id: bytes, points: bytes, *, sums: bool = False
) -> bytes:
    """HPKE info of a repair's pieces, or of its sums."""
    label = labels.SEAL_SUMS if sums else labels.SEAL_PIECES
    return H(label, task, u16(sender), u16(receiver), sealing_key_id, points, u64(int(sums)))


def statement_index(indices: Mapping[bytes, int], envelope: keyring_pb2.Envelope) -> int | None:
    """Whose identity key an envelope names; None if nobody's."""
    return indices.get(envelope.signatures[0].keyid) if envelope.signatures else None


@dataclass(frozen=True, slots=True)
class SubShares:
    """What a dealing holds for one receiver: 64-byte sub-shares in the batch's order, openings for a newcomer."""

    shares: tuple[bytes, ...] = field(repr=False)
    openings: tuple[Opening, ...] = field(default=(), repr=False)

    def to_bytes(self) -> bytes:
        salts, contexts, context_of = pack_openings(self.openings)
        return ceremony_service_pb2.SubShares(
            shares=b"".join(self.shares), salts=salts, contexts=contexts, context_of=context_of
        ).SerializeToString(deterministic=True)

    @classmethod
    def parse(cls, data: bytes, count: int) -> SubShares:
        """Invalid unless it holds `count` shares, and as many openings or none."""
        parsed = parse_strict(ceremony_service_pb2.SubShares, data, "blob")
        require(len(parsed.shares) == count * SHARE_SIZE, "blob.shares", f"must be {count} times 64 bytes")
        shares = tuple(parsed.shares[at : at + SHARE_SIZE] for at in range(0, len(parsed.shares), SHARE_SIZE))
        openings = (
            unpack_openings(parsed.salts, parsed.contexts, parsed.context_of, count) if parsed.salts else ()
        )
        return cls(shares, openings)
