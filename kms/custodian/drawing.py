"""Draws: a deposit names keys of a pool as its own, and they are released once it is sure that nobody else's did.

A custodian gives each key to one deposit. The relay may show two deposits for one key to different custodians; then
who owns the one would learn the secret of the other. So a drawn key lies apart, and nothing releases it, deals it on
or repairs it, until `exclusive` custodians' receipts for this very deposit are shown: two deposits that both have
so many would share an honest custodian, which gave the key to one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kms.crypto.hashing import equal
from kms.custodian.context import NodeContext
from kms.custodian.store import CustodianStore
from kms.errors import Invalid, NotFound, Stale
from kms.statements import quorums
from kms.statements.audit import LogKind
from kms.statements.ceremony import open_from
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, unpack
from kms.statements.ids import DepositHash
from kms.statements.keys import Descriptor, Receipt
from kms.statements.manifest import Keyring
from kms.statements.pool import PoolPlan, open_pool_plan


def pool_shares(
    node: NodeContext, descriptors: Mapping[int, Descriptor]
) -> tuple[dict[int, bytes], dict[int, str]]:
    """By position: our 64-byte share of each key of a pool, or the reason why it cannot be drawn."""
    shares: dict[int, bytes] = {}
    refused: dict[int, str] = {}
    found = node.store.pool.shares([d.core.commitments[0] for d in descriptors.values()])
    plans = {
        pool.plan_hash: open_pool_plan(pool.plan, pool.points)
        for pool in {s.pool.plan_hash: s.pool for s in found.values()}.values()
    }
    for position, descriptor in descriptors.items():
        c0 = descriptor.core.commitments[0]
        stored = found.get(c0)
        if stored is None:
            refused[position] = "NOT_IN_POOL"
            continue
        opened = plans[stored.pool.plan_hash]
        if not equal(opened.plan.manifest_hash, node.keyring.manifest_hash):
            # Its committee or threshold may be another one now: what is in no use yet is made anew.
            refused[position] = "POOL_STALE"
        elif descriptor.core.commitments != opened.rows[stored.position]:
            refused[position] = "WRONG_COMMITMENTS"
        else:
            shares[position] = node.vault.open_reshared(c0, opened.hash, stored.wrapped_key, stored.share)
    return shares, refused


def erase_outdated(store: CustodianStore, keyring: Keyring) -> None:
    """Undrawn keys of a manifest that went out of force while a node was down: the oldest batch tells of all."""
    for pool, _ in store.pool.left(1):
        if not equal(decode(PoolPlan, pool.plan).manifest_hash, keyring.manifest_hash):
            with store.transaction():
                store.pool.erase_shares()


def confirm(node: NodeContext, deposit: DepositHash, envelopes: Sequence[Envelope]) -> int:
    """Let the keys that a deposit drew be used, against `exclusive` receipts for it; how many they are.

    NotFound if nothing of the deposit waits here, Stale if there are too few receipts.
    """
    drawn = node.store.pool.drawn(deposit)
    stored = node.store.receipt(deposit)
    if not drawn or stored is None:
        raise NotFound("no draw of this deposit waits here", reason="NO_DRAW")
    mine = decode(Receipt, unpack(stored)[1], "receipt")
    bound = node.chain.of(mine.manifest_hash)
    by_key = {c.identity_key: c.index for c in bound.manifest.custodians}
    receipts: dict[int, Receipt] = {}
    for position, envelope in enumerate(envelopes):
        index = by_key.get(envelope.signatures[0].keyid if envelope.signatures else b"")
        if index is None:
            raise Invalid("not signed by a custodian of the manifest", reason="WRONG_SIGNER")
        receipt = open_from(Receipt, envelope, bound, index, bound, f"receipts[{position}]").statement
        if (
            not equal(receipt.deposit_hash, deposit)
            or not equal(receipt.batch_root, mine.batch_root)
            or receipt.count != mine.count
        ):
            raise Invalid("a receipt for another deposit", reason="WRONG_RECEIPT")
        receipts[index] = receipt
    # By custodian and not by envelope: one that signs twice is one.
    kept = Counter(at for receipt in receipts.values() for at, _, _ in drawn if at not in receipt.refused)
    manifest = bound.manifest
    quorum = quorums.exclusive(len(manifest.custodians), bound.threshold, manifest.durable_quorum)
    sure = [(at, descriptor, row) for at, descriptor, row in drawn if kept[at] >= quorum]
    if not sure:
        raise Stale(
            f"{max(kept.values(), default=0)} custodians gave the keys to this deposit, {quorum} must have",
            reason="NOT_EXCLUSIVE",
        )
    now = node.now()
    with node.store.transaction():
        seen = node.store.known_keys([descriptor for _, descriptor, _ in sure])
        node.store.add_keys([(d, row) for n, (_, d, row) in enumerate(sure) if n not in seen], now)
        node.store.pool.forget_draws(deposit, [at for at, _, _ in sure])
        node.ledger.append(LogKind.DRAW_CONFIRMED, now, deposit, count=len(sure))
    return len(sure)
