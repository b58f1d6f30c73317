"""A node's part in making keys jointly: it shares out random terms, and keeps its shares of the sums.

A dealer is used once: whoever could have one honest dealer's terms added up in two plans, with terms of its own beside
them, would learn the secret of the one from that of the other. So a node keeps one plan of a batch, for ever, and
a key counts as drawn only where so many keep the same plan that no other can have as many (see `drawing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kms.crypto import sealing
from kms.crypto.hashing import equal
from kms.crypto.joint import add_shares
from kms.crypto.sharing import deal, verify_batch
from kms.custodian.context import NodeContext
from kms.custodian.resharing import signer_of
from kms.custodian.store import StoredPool
from kms.errors import CryptoError, Invalid, Stale
from kms.statements import quorums
from kms.statements.audit import LogKind
from kms.statements.ceremony import (
    Complaint,
    SealedTarget,
    SubShares,
    open_from,
    pack_points,
    points_hash,
    unpack_points,
)
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.manifest import open_sealing_key
from kms.statements.pool import (
    Generated,
    OpenedPlan,
    PoolDealing,
    PoolOrder,
    open_pool_order,
    open_pool_plan,
    pool_info,
    pool_order_hash,
)


@dataclass(frozen=True, slots=True)
class PoolDealt:
    """A dealing as it leaves: signed statement, points of all keys, sealed shares by receiver."""

    dealing: bytes
    points: bytes
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class PoolBatch:
    """A plan as it came: exact bytes, C of all keys, dealings with their points and our blobs in the plan's order."""

    order: Envelope
    plan: bytes
    points: bytes
    dealings: tuple[Envelope, ...]
    dealt_points: tuple[bytes, ...]
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Kept:
    """Our word that a batch is kept, or complaints about who dealt wrong shares for it."""

    generated: bytes = b""
    complaints: tuple[bytes, ...] = ()


def deal_pool(node: NodeContext, order: Envelope, batch: int, sealing_keys: Sequence[Envelope]) -> PoolDealt:
    """Share out fresh random terms for a batch; the terms are forgotten here, so a second call deals others."""
    now, keyring = node.now(), node.keyring
    opened = open_pool_order(order, node.chain, now)
    count = opened.statement.size(batch)
    receivers = {}
    for position, envelope in enumerate(sealing_keys):
        index = signer_of(keyring, envelope, f"sealing_keys[{position}]")
        receivers[index] = open_sealing_key(envelope, keyring, index, now).statement
    indices = tuple(sorted(receivers))
    if len(indices) < quorums.durable(keyring.threshold):
        raise Stale("too few receivers for the new shares to last", reason="NOT_DURABLE")
    parts: dict[int, list[bytes]] = {i: [] for i in indices}
    rows = []
    for _ in range(count):
        dealing = deal(keyring.threshold, indices)
        rows.append(dealing.commitments)
        for index in indices:
            parts[index].append(dealing.shares[index].reveal())
    name, digest = pool_order_hash(opened.payload), points_hash(rows)
    blobs, targets = {}, []
    for index in indices:
        key = receivers[index]
        info = pool_info(keyring.keyring_id, name, batch, node.me.index, index, key.id, digest)
        blobs[index] = sealing.seal(key.public_key, info, SubShares(tuple(parts[index])).to_bytes())
        targets.append(SealedTarget(index, key.id, sealing.blob_hash(blobs[index])))
    statement = PoolDealing(
        keyring.keyring_id,
        keyring.manifest_hash,
        node.me.index,
        name,
        batch,
        count,
        digest,
        tuple(targets),
        now,
    )
    signed = sign(statement, node.identity)
    with node.store.transaction():
        node.ledger.append(LogKind.POOL_DEALT, now, signed.hash, count=count)
    return PoolDealt(signed.envelope, pack_points(rows), blobs)


def keep_pool(node: NodeContext, batch: PoolBatch) -> Kept:
    """Check and keep our shares of a plan's keys. The same plan again gets the same answer.

    Raises Invalid POOL_FORK if another plan of the batch is kept here already.
    """
    now = node.now()
    order = open_pool_order(batch.order, node.chain, now)
    opened = open_pool_plan(batch.plan, batch.points)
    plan, name = opened.plan, pool_order_hash(order.payload)
    known = node.store.pool.find(name, plan.batch)
    if known is not None:
        if not equal(known.plan_hash, opened.hash):
            raise Invalid("another plan of this batch is kept here", reason="POOL_FORK")
        return Kept(known.generated)
    _check_plan(node, order, opened)
    if not len(batch.dealings) == len(batch.dealt_points) == len(plan.dealings):
        raise Invalid("the dealings are not those that the plan names", reason="WRONG_PLAN")
    dealings, terms = {}, {}
    for planned, envelope in zip(plan.dealings, batch.dealings, strict=True):
        dealing = _open_dealing(node, opened, planned.index, planned.dealing_hash, envelope)
        dealings[planned.index] = dealing
        terms[planned.index] = _open_blob(node, dealing.statement, batch.blobs.get(planned.index), now)
    shares = _add_up(node, opened, terms)
    if shares is None:
        return Kept(complaints=tuple(_complaints(node, opened, dealings, terms, batch.dealt_points, now)))
    return Kept(_keep(node, order, opened, batch.points, shares, now))


def _check_plan(node: NodeContext, order: Signed[PoolOrder], opened: OpenedPlan) -> None:
    plan, keyring = opened.plan, node.keyring
    if (
        not equal(plan.keyring_id, keyring.keyring_id)
        or not equal(plan.manifest_hash, keyring.manifest_hash)
        or not equal(plan.order_hash, pool_order_hash(order.payload))
        or plan.threshold != keyring.threshold
        or plan.count != order.statement.size(plan.batch)
    ):
        raise Invalid("a plan of another order, batch or threshold", reason="WRONG_PLAN")


def _open_dealing(
    node: NodeContext, opened: OpenedPlan, index: int, expected: bytes, envelope: Envelope
) -> Signed[PoolDealing]:
    signed = open_from(PoolDealing, envelope, node.keyring, index, node.keyring, "dealing")
    dealing, plan = signed.statement, opened.plan
    if (
        not equal(signed.hash, expected)
        or not equal(dealing.order_hash, plan.order_hash)
        or dealing.batch != plan.batch
        or dealing.count != plan.count
    ):
        raise Invalid(
            f"the dealing of custodian {index} is not the one that was planned", reason="WRONG_PLAN"
        )
    return signed


def _open_blob(
    node: NodeContext, dealing: PoolDealing, sealed: bytes | None, now: int
) -> tuple[bytes, ...] | None:
    """The shares that a dealer sent us; None if what it signed for is nothing that opens to shares."""
    target = dealing.target(node.me.index)
    if sealed is None or not equal(sealing.blob_hash(sealed), target.blob_hash):
        raise Invalid("the sealed shares are not those that the dealing names", reason="WRONG_BLOB")
    info = pool_info(
        dealing.keyring_id,
        dealing.order_hash,
        dealing.batch,
        dealing.index,
        node.me.index,
        target.sealing_key_id,
        dealing.points_hash,
    )
    try:
        return SubShares.parse(
            node.sealing.open(target.sealing_key_id, info, sealed, now), dealing.count
        ).shares
    except (CryptoError, Invalid):
        return None


def _add_up(
    node: NodeContext, opened: OpenedPlan, terms: Mapping[int, tuple[bytes, ...] | None]
) -> list[bytes] | None:
    """Our shares of the sums; None if one does not fit the plan's commitments."""
    good = {i: shares for i, shares in terms.items() if shares is not None}
    if len(good) < len(terms):
        return None
    try:
        shares = [
            add_shares({i: s[position] for i, s in good.items()}).reveal()
            for position in range(opened.plan.count)
        ]
    except CryptoError:
        return None
    return None if verify_batch(node.me.index, shares, opened.rows, opened.plan.threshold) else shares


def _complaints(
    node: NodeContext,
    opened: OpenedPlan,
    dealings: Mapping[int, Signed[PoolDealing]],
    terms: Mapping[int, tuple[bytes, ...] | None],
    dealt_points: Sequence[bytes],
    now: int,
) -> list[bytes]:
    """Hold each dealing against its own points; none is wrong if it is the plan's sum that is."""
    plan, complaints = opened.plan, []
    for (index, dealing), packed in zip(dealings.items(), dealt_points, strict=True):
        rows = unpack_points(packed, plan.count, plan.threshold)
        if not equal(points_hash(rows), dealing.statement.points_hash):
            raise Invalid(f"the points are not those of dealing {index}", reason="WRONG_POINTS")
        shares = terms[index]
        wrong = (
            range(plan.count)
            if shares is None
            else sorted(verify_batch(node.me.index, shares, rows, plan.threshold))
        )
        if wrong:
            complaints.append(_complain(node, index, dealing, tuple(wrong), now))
    if not complaints:
        raise Invalid("the plan's points are not the sum of its dealings'", reason="WRONG_PLAN")
    return complaints


def _complain(
    node: NodeContext, dealer: int, dealing: Signed[PoolDealing], wrong: tuple[int, ...], now: int
) -> bytes:
    complaint = sign(
        Complaint(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            dealer,
            dealing.hash,
            wrong,
            "WRONG_SHARE",
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(
            LogKind.COMPLAINT, now, complaint.hash, outcome=f"DEALER_{dealer}", count=len(wrong)
        )
    return complaint.envelope


def _keep(
    node: NodeContext,
    order: Signed[PoolOrder],
    opened: OpenedPlan,
    points: bytes,
    shares: Sequence[bytes],
    now: int,
) -> bytes:
    plan = opened.plan
    with node.store.transaction():
        log_index = node.ledger.append(LogKind.POOL_KEPT, now, opened.hash, count=plan.count)
        statement = Generated(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            opened.hash,
            plan.count,
            now,
            log_index,
        )
        generated = sign(statement, node.identity).envelope
        node.store.pool.add(
            pool_order_hash(order.payload),
            plan.batch,
            StoredPool(opened.hash, opened.payload, points, generated),
            [
                (row[0], *node.vault.seal_share(row[0], opened.hash, share))
                for row, share in zip(opened.rows, shares, strict=True)
            ],
        )
    return generated
