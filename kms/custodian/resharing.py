"""A node's part in resharing: it deals its own shares on, installs new ones, and erases old ones.

Versions add up and only erasing is dangerous. So a node deals to whom a manifest names that it follows, installs
whatever plan fits the keys' own commitments, and erases only against a quorum's signed word that a later version
lies on its members' disks. Nothing here depends on what a coordinator says: it may withhold, repeat, fork or lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kms.crypto import derivation, sealing
from kms.crypto.group import SECP256K1
from kms.crypto.hashing import equal
from kms.crypto.resharing import combine_shares, redeal, verify_sub_share
from kms.crypto.sharing import verify_batch
from kms.custodian.context import NodeContext
from kms.custodian.store import StoredKey, StoredVersion
from kms.custodian.tombstones import refuse_destroyed
from kms.custodian.vault import SealedRow
from kms.errors import CryptoError, Denied, Exhausted, Invalid, NotFound, Stale
from kms.statements import ceremony, quorums
from kms.statements.audit import LogKind
from kms.statements.ceremony import (
    Complaint,
    Dealing,
    Erased,
    Installed,
    Plan,
    ReshareOrder,
    SealedTarget,
    SubShares,
    check_certificate,
    dealing_info,
    open_from,
    open_order,
    order_hash,
    pack_points,
    parse_plan,
    plan_version,
    points_hash,
    unpack_points,
)
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.ids import KeyId, Version
from kms.statements.keys import Descriptor, Opening, parse_descriptor
from kms.statements.manifest import Keyring, open_sealing_key

MAX_PLANS_OF_ONE_ORDER = 8
"""Plans of one order that a key may be in: a coordinator that forks fills no disk."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """A dealing as it leaves: signed statement, points of all keys, sealed sub-shares by receiver."""

    dealing: bytes
    points: bytes
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a plan is about, as it came: exact plan, key ids, C' of all keys, dealings and blobs in the plan's order."""

    order: Envelope
    plan: bytes
    key_ids: tuple[KeyId, ...]
    points: bytes
    dealings: tuple[Envelope, ...]
    blobs: Mapping[int, bytes]
    descriptors: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A batch whose statements were checked: which keys, whose dealings, what they sent."""

    plan: Plan
    version: Version
    descriptors: tuple[Descriptor, ...]
    points: list[tuple[bytes, ...]]
    dealings: Mapping[int, Signed[Dealing]]
    sub_shares: Mapping[int, SubShares]
    """Of the dealings that can be read."""

    @property
    def rows(self) -> list[tuple[bytes, ...]]:
        """The new commitments of each key: C_0 is the descriptor's, whatever a plan says."""
        return [
            (d.core.commitments[0], *points) for d, points in zip(self.descriptors, self.points, strict=True)
        ]


def accept_order(node: NodeContext, envelope: Envelope, now: int) -> Signed[ReshareOrder]:
    """An order by the admins of the manifest in force; Stale if a later one was acted on, Invalid if it forks."""
    order = open_order(envelope, node.chain, now)
    sequence, known = node.store.versions.order_seen()
    name = order_hash(order.payload)
    if order.statement.sequence < sequence:
        raise Stale(
            f"order {sequence} was acted on, this is {order.statement.sequence}", reason="ORDER_STALE"
        )
    if order.statement.sequence == sequence and not equal(known, name):
        raise Invalid(
            f"another order has the number {sequence}: give this one a higher one", reason="ORDER_FORK"
        )
    if order.statement.sequence > sequence:
        with node.store.transaction():
            node.store.versions.set_order(order.statement.sequence, name)
            # Old shares may have leaked, and a pool's cannot be dealt anew: its keys are made anew instead.
            erased = node.store.pool.erase_shares()
        if erased:
            node.store.empty_journal()
    return order


def deal(
    node: NodeContext,
    order: Envelope,
    from_version: Version,
    key_ids: Sequence[KeyId],
    sealing_keys: Sequence[Envelope],
    newcomers: frozenset[int],
) -> Dealt:
    """Deal this node's own shares of `from_version` to every receiver whose sealing key is given.

    NotFound if it lacks one of the shares. The polynomials are forgotten at the end: a second call deals anew.
    """
    now = node.now()
    signed_order = accept_order(node, order, now)
    keyring = node.keyring
    receivers = {}
    for position, envelope in enumerate(sealing_keys):
        index = signer_of(keyring, envelope, f"sealing_keys[{position}]")
        receivers[index] = open_sealing_key(envelope, keyring, index, now).statement
    if len(receivers) < quorums.durable(keyring.threshold):
        raise Stale("too few receivers for the new shares to last", reason="NOT_DURABLE")
    indices = tuple(sorted(receivers))
    keys = find_keys(node, key_ids)
    parts: dict[int, list[bytes]] = {i: [] for i in indices}
    rows = []
    for key in keys:
        dealt = redeal(open_version(node, key, from_version), keyring.threshold, indices)
        rows.append(dealt.points)
        for index in indices:
            parts[index].append(dealt.shares[index].reveal())
    openings = [opening_of(node, key) for key in keys] if newcomers else []
    root, name = derivation.batch_root(list(key_ids)), order_hash(signed_order.payload)
    digest = points_hash(rows)
    blobs, targets = {}, []
    for index in indices:
        plain = SubShares(tuple(parts[index]), tuple(openings) if index in newcomers else ())
        key_of = receivers[index]
        info = dealing_info(
            keyring.keyring_id, name, from_version, root, node.me.index, index, key_of.id, digest
        )
        blobs[index] = sealing.seal(key_of.public_key, info, plain.to_bytes())
        targets.append(SealedTarget(index, key_of.id, sealing.blob_hash(blobs[index])))
    dealing = sign(
        Dealing(
            keyring.keyring_id,
            keyring.manifest_hash,
            node.me.index,
            name,
            from_version,
            root,
            len(keys),
            digest,
            tuple(targets),
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(LogKind.DEALT, now, dealing.hash, count=len(keys))
    return Dealt(dealing.envelope, pack_points(rows), blobs)


def install(node: NodeContext, batch: Batch) -> bytes:
    """The envelope of INSTALLED: the new shares fit the keys' commitments and are on disk. Again gives the same.

    Raises CryptoError COMBINED_WRONG if the sum does not fit: `find_cheat` then says whose dealing is wrong.
    """
    known = node.store.versions.version(plan_version(batch.plan))
    if known is not None:
        return known.installed
    now = node.now()
    opened = _open_batch(node, batch, now)
    if len(opened.sub_shares) < len(opened.dealings):
        raise _combined_wrong(0)
    shares = []
    for position in range(opened.plan.count):
        try:
            shares.append(
                combine_shares({i: s.shares[position] for i, s in opened.sub_shares.items()}).reveal()
            )
        except CryptoError:
            raise _combined_wrong(position) from None
    wrong = verify_batch(node.me.index, shares, opened.rows, opened.plan.threshold)
    if wrong:
        raise _combined_wrong(min(wrong))
    return _keep(node, batch, opened, shares, now)


def _combined_wrong(position: int) -> CryptoError:
    return CryptoError(
        f"the new share of key {position} does not fit: one of the dealers lies", reason="COMBINED_WRONG"
    )


def _open_batch(node: NodeContext, batch: Batch, now: int) -> _Opened:
    plan = parse_plan(batch.plan)
    order = accept_order(node, batch.order, now)
    keyring = node.keyring
    if not equal(plan.keyring_id, keyring.keyring_id) or not equal(
        plan.order_hash, order_hash(order.payload)
    ):
        raise Invalid("a plan of another order", reason="WRONG_PLAN")
    if plan.sequence != order.statement.sequence or plan.threshold != keyring.threshold:
        raise Invalid("the plan's sequence and threshold are not the order's", reason="WRONG_PLAN")
    if not equal(plan.to_manifest_hash, keyring.manifest_hash):
        raise Stale("a plan for another manifest", reason="STALE_MANIFEST")
    root = derivation.batch_root(list(batch.key_ids))
    if plan.count != len(batch.key_ids) or not equal(plan.batch_root, root):
        raise Invalid("the keys are not those that the plan names", reason="WRONG_PLAN")
    points = unpack_points(batch.points, plan.count, plan.threshold - 1)
    if not equal(points_hash(points), plan.points_hash):
        raise Invalid("the points are not those that the plan names", reason="WRONG_PLAN")
    _check_dealers(node, plan)
    dealings, sub_shares = {}, {}
    if len(batch.dealings) != len(plan.dealings):
        raise Invalid("the dealings are not those that the plan names", reason="WRONG_PLAN")
    for planned, envelope in zip(plan.dealings, batch.dealings, strict=True):
        dealing = _open_dealing(node, plan, planned.index, planned.dealing_hash, envelope)
        dealings[planned.index] = dealing
        opened = _open_blob(node, dealing.statement, batch.blobs.get(planned.index), now)
        if opened is not None:
            sub_shares[planned.index] = opened
    return _Opened(plan, plan_version(batch.plan), _descriptors(node, batch), points, dealings, sub_shares)


def _check_dealers(node: NodeContext, plan: Plan) -> None:
    # One of t dealers is honest, and deals on only what was deposited with it. Fewer could give a newcomer keys that
    # they made up, past the policy and the quota of deposits, and with a C_0 that somebody is about to deposit.
    bound = made_for(node, plan.from_version)
    fewest = min(link.threshold for link in node.chain.links) if bound is None else bound.threshold
    if len(plan.dealings) < fewest:
        raise Invalid(
            f"{len(plan.dealings)} dealers are fewer than the old threshold", reason="TOO_FEW_DEALERS"
        )


def _open_dealing(
    node: NodeContext, plan: Plan, index: int, expected: bytes, envelope: Envelope
) -> Signed[Dealing]:
    signed = open_from(Dealing, envelope, holder(node, index), index, node.keyring, "dealing")
    dealing = signed.statement
    if (
        not equal(signed.hash, expected)
        or not equal(dealing.order_hash, plan.order_hash)
        or not equal(dealing.from_version, plan.from_version)
        or not equal(dealing.batch_root, plan.batch_root)
        or dealing.count != plan.count
    ):
        raise Invalid(
            f"the dealing of custodian {index} is not the one that was planned", reason="WRONG_PLAN"
        )
    return signed


def holder(node: NodeContext, index: int) -> Keyring:
    """The newest manifest that has a custodian of this index: who left is still known by its old one."""
    for link in reversed(node.chain.links):
        if index in link.manifest.indices:
            return link
    raise Invalid(f"no manifest has a custodian {index}", reason="UNKNOWN_CUSTODIAN")


def _open_blob(node: NodeContext, dealing: Dealing, sealed: bytes | None, now: int) -> SubShares | None:
    """What a dealer sealed to this node; None if it signed for something that does not open, or is no sub-shares."""
    target = dealing.target(node.me.index)
    if sealed is None or not equal(sealing.blob_hash(sealed), target.blob_hash):
        raise Invalid("the sealed sub-shares are not those that the dealing names", reason="WRONG_BLOB")
    info = dealing_info(
        dealing.keyring_id,
        dealing.order_hash,
        dealing.from_version,
        dealing.batch_root,
        dealing.index,
        node.me.index,
        target.sealing_key_id,
        dealing.points_hash,
    )
    try:
        return SubShares.parse(node.sealing.open(target.sealing_key_id, info, sealed, now), dealing.count)
    except Invalid:
        return None


def _descriptors(node: NodeContext, batch: Batch) -> tuple[Descriptor, ...]:
    # Not for the newcomer's sake alone, whom the descriptor's C_0 would give away: nothing is even added up of it.
    refuse_destroyed(node, batch.key_ids)
    mine = node.store.keys(batch.key_ids)
    given = {}
    for position, payload in enumerate(batch.descriptors):
        descriptor = parse_descriptor(payload, f"descriptors[{position}]")
        given[descriptor.key_id] = descriptor
    found = []
    for key_id in batch.key_ids:
        known = mine[key_id].descriptor if key_id in mine else given.get(key_id)
        if known is None:
            raise NotFound("a key of the plan is not here, and nobody described it", reason="KEYS_MISSING")
        if key_id not in mine:
            check_described(node, known)
        found.append(known)
    return tuple(found)


def _keep(node: NodeContext, batch: Batch, opened: _Opened, shares: Sequence[bytes], now: int) -> bytes:
    mine = node.store.keys(batch.key_ids)
    newcomers = [
        (d, _newcomer_row(node, d, opened, position))
        for position, d in enumerate(opened.descriptors)
        if d.key_id not in mine
    ]
    versions, plan = node.store.versions, opened.plan
    refuse_superseded(mine.values(), plan.sequence)
    with node.store.transaction():
        if newcomers:
            if node.store.known_keys([d for d, _ in newcomers]):
                raise Denied(
                    "a key of the plan has a commitment that was seen before", reason="COMMITMENT_SEEN"
                )
            node.store.add_keys(newcomers)
            mine = node.store.keys(batch.key_ids)
        numbers = [mine[key_id].number for key_id in batch.key_ids]
        if versions.count_versions(numbers, plan.sequence) >= MAX_PLANS_OF_ONE_ORDER:
            raise Exhausted("too many plans of one order for one key", reason="TOO_MANY_PLANS")
        log_index = node.ledger.append(
            LogKind.INSTALLED, now, opened.version, outcome="INSTALLED", count=plan.count
        )
        installed = sign(
            Installed(
                node.keyring.keyring_id,
                node.keyring.manifest_hash,
                node.me.index,
                opened.version,
                plan.sequence,
                plan.count,
                now,
                log_index,
            ),
            node.identity,
        )
        versions.add_version(
            StoredVersion(
                opened.version,
                plan.sequence,
                plan.threshold,
                batch.plan,
                tuple(batch.key_ids),
                batch.points,
                installed.envelope,
            )
        )
        versions.add_shares(
            opened.version,
            [
                (number, *node.vault.seal_share(key_id, opened.version, share))
                for number, key_id, share in zip(numbers, batch.key_ids, shares, strict=True)
            ],
        )
    return installed.envelope


def _newcomer_row(node: NodeContext, descriptor: Descriptor, opened: _Opened, position: int) -> SealedRow:
    # Any dealer may have sent the opening; which one is right, the descriptor's commitment says.
    for sub in opened.sub_shares.values():
        if sub.openings and sub.openings[position].opens(descriptor.core.context_commitment):
            opening = sub.openings[position]
            row = node.vault.seal_row(descriptor.key_id, b"", opening.salt + opening.context)
            return SealedRow(row.wrapped_key, b"", row.opening)
    raise NotFound("no dealer sent what opens the context of a key", reason="KEYS_MISSING")


@dataclass(frozen=True, slots=True)
class OldPlan:
    """The plan that made the version which is dealt on, for who has never held it; empty for a dealt version."""

    plan: bytes = b""
    key_ids: tuple[KeyId, ...] = ()
    points: bytes = b""


def find_cheat(
    node: NodeContext, batch: Batch, dealt_points: Sequence[bytes], old: OldPlan | None = None
) -> list[bytes]:
    """Envelopes of a Complaint against every dealer whose sub-shares do not fit its own points.

    `dealt_points` are the points of each dealing, in the plan's order.
    """
    now = node.now()
    opened = _open_batch(node, batch, now)
    if len(dealt_points) != len(opened.dealings):
        raise Invalid("the points of every dealing are needed", reason="WRONG_POINTS")
    olds = _old_commitments(node, opened, old or OldPlan())
    complaints = []
    for (index, dealing), packed in zip(opened.dealings.items(), dealt_points, strict=True):
        points = unpack_points(packed, opened.plan.count, opened.plan.threshold - 1)
        if not equal(points_hash(points), dealing.statement.points_hash):
            raise Invalid(f"the points are not those of dealing {index}", reason="WRONG_POINTS")
        if index not in opened.sub_shares:
            everything = range(opened.plan.count)
            complaints.append(_complain(node, index, dealing, everything, now, "UNREADABLE"))
            continue
        wrong = []
        for position, sub_share in enumerate(opened.sub_shares[index].shares):
            try:
                verify_sub_share(
                    index,
                    node.me.index,
                    sub_share,
                    olds[position],
                    points[position],
                    opened.plan.threshold,
                    group=SECP256K1,
                )
            except CryptoError:
                wrong.append(position)
        if wrong:
            complaints.append(_complain(node, index, dealing, wrong, now))
    return complaints


def _old_commitments(node: NodeContext, opened: _Opened, old: OldPlan) -> list[tuple[bytes, ...]]:
    version = opened.plan.from_version
    stored = node.store.versions.version(version)
    known = None
    if stored is not None:
        known = ceremony.open_version(stored.plan, stored.key_ids, stored.points)
    elif old.plan:
        known = ceremony.open_version(old.plan, old.key_ids, old.points)
        if not equal(known.version, version):
            raise Invalid("a plan of another version", reason="WRONG_VERSION")
    found = []
    for descriptor in opened.descriptors:
        if equal(descriptor.version, version):
            found.append(descriptor.core.commitments)
        elif known is not None:
            found.append(known.commitments(descriptor))
        else:
            raise NotFound("this node does not know the version that is dealt on", reason="VERSION_UNKNOWN")
    return found


def _complain(
    node: NodeContext,
    dealer: int,
    dealing: Signed[Dealing],
    wrong: Sequence[int],
    now: int,
    reason: str = "WRONG_SHARE",
) -> bytes:
    complaint = sign(
        Complaint(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            dealer,
            dealing.hash,
            tuple(wrong),
            reason,
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(
            LogKind.COMPLAINT, now, complaint.hash, outcome=f"DEALER_{dealer}", count=len(wrong)
        )
    return complaint.envelope


def erase(
    node: NodeContext, payload: bytes, key_ids: Sequence[KeyId], installed: Sequence[Envelope]
) -> bytes:
    """Erase shares of these keys from before a plan, against `durable(t')` INSTALLED statements of it.

    The envelope of Erased. Only what is of a strictly earlier sequence goes: two plans of one order stand beside
    each other until a later order, so that whichever of them a quorum holds, it keeps.
    """
    plan, version, now = parse_plan(payload), plan_version(payload), node.now()
    if plan.count != len(key_ids) or not equal(plan.batch_root, derivation.batch_root(list(key_ids))):
        raise Invalid("the keys are not those that the plan names", reason="WRONG_PLAN")
    bound = node.chain.of(plan.to_manifest_hash)
    if plan.threshold != bound.threshold or not equal(plan.keyring_id, bound.keyring_id):
        raise Invalid("the plan's threshold is not its manifest's", reason="WRONG_PLAN")
    for signed in check_certificate(installed, bound, version, quorums.durable(plan.threshold)):
        if signed.statement.count != plan.count or signed.statement.sequence != plan.sequence:
            raise Invalid("an INSTALLED statement of another plan", reason="WRONG_VERSION")
    keys = list(node.store.keys(key_ids).values())
    stays = (
        [key for key in keys if key.share_of(version)] if node.me.index in bound.manifest.indices else keys
    )
    old = [key for key in stays if key.dealt]
    with node.store.transaction():
        node.store.raise_floor([key.number for key in stays], plan.sequence)
        node.store.erase_dealt([(key.number, node.vault.reseal_opening(key.key_id, key.row)) for key in old])
        numbers = [key.number for key in stays]
        dropped = node.store.versions.drop_older(numbers, plan.sequence) + len(old)
        if node.store.versions.version(version) is not None:
            node.store.versions.settle(version)
        log_index = node.ledger.append(LogKind.ERASED, now, version, count=dropped)
    if dropped:
        # Rows are overwritten in the table, and whole in the journal: there a thief of the disk would still find them.
        node.store.empty_journal()
    return sign(
        Erased(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            version,
            dropped,
            now,
            log_index,
        ),
        node.identity,
    ).envelope


# -- what both resharing and repair ask of the store -------------------------------------------------------------


def find_keys(node: NodeContext, key_ids: Sequence[KeyId]) -> list[StoredKey]:
    """The keys in this order; NotFound if one is not here, Invalid if one comes twice."""
    if len(set(key_ids)) != len(key_ids):
        raise Invalid("a key comes twice", reason="KEY_REPEATED")
    refuse_destroyed(node, key_ids)
    found = node.store.keys(key_ids)
    if len(found) != len(key_ids):
        raise NotFound(f"{len(key_ids) - len(found)} of the keys are not here", reason="KEYS_MISSING")
    return [found[key_id] for key_id in key_ids]


def refuse_superseded(keys: Iterable[StoredKey], sequence: int) -> None:
    """Stale if this node acted on the certificate of a later order for one of these keys.

    What was erased stays erased: a host that brings an old share back, by a repair or by an order that it kept, would
    have it lie there for who breaks in after a refresh.
    """
    if any(key.floor > sequence for key in keys):
        raise Stale("shares of a later order have taken the place of these", reason="SUPERSEDED")


def open_version(node: NodeContext, key: StoredKey, version: Version) -> bytes:
    """This node's 64-byte share of a version; NotFound if it has none."""
    if equal(key.version, version) and key.dealt:
        return node.vault.open_share(key.key_id, key.row)
    share = key.share_of(version)
    if share is None:
        raise NotFound("this node has no share of that version", reason="SHARE_MISSING")
    return node.vault.open_reshared(key.key_id, share.version, share.wrapped_key, share.share)


def made_for(node: NodeContext, version: Version) -> Keyring | None:
    """The manifest to whose custodians a version was dealt; None of a planned version that is not here."""
    for link in node.chain.links:
        if equal(derivation.dealt_version(link.keyring_id, link.manifest_hash), version):
            return link
    stored = node.store.versions.version(version)
    return node.chain.of(parse_plan(stored.plan).to_manifest_hash) if stored is not None else None


def check_described(node: NodeContext, descriptor: Descriptor) -> None:
    """Invalid unless a key that is not here yet may be one of this keyring, dealt under a manifest of its chain."""
    if not equal(descriptor.core.keyring_id, node.keyring.keyring_id):
        raise Invalid("a key of another keyring", reason="WRONG_KEYRING")
    # Who could choose a key's threshold could choose how few custodians bear witness that the key was ever deposited.
    if descriptor.core.threshold != node.chain.of(descriptor.core.manifest_hash).threshold:
        raise Invalid("a key of another threshold than its manifest's", reason="WRONG_THRESHOLD")


def commitments_of(node: NodeContext, keys: Sequence[StoredKey], version: Version) -> list[tuple[bytes, ...]]:
    """C_0.. of a version of each key; NotFound if this node does not know that version of one of them."""
    stored = node.store.versions.version(version)
    planned = stored.points_by_key() if stored is not None else {}
    found = []
    for key in keys:
        dealt = key.commitments
        if equal(key.version, version):
            found.append(dealt)
            continue
        points = planned.get(key.key_id)
        if points is None:
            raise NotFound("this node knows no such version of that key", reason="SHARE_MISSING")
        found.append((dealt[0], *points))
    return found


def opening_of(node: NodeContext, key: StoredKey) -> Opening:
    """What opens a key's context commitment; NotFound in a restored store, until the key is repaired."""
    if not key.kept:
        raise NotFound("this node does not hold what opens the context of that key", reason="SHARE_MISSING")
    plain = node.vault.open_opening(key.key_id, key.row)
    return Opening(plain[:32], plain[32:])


def signer_of(keyring: Keyring, envelope: Envelope, path: str) -> int:
    key = envelope.signatures[0].keyid if envelope.signatures else b""
    for custodian in keyring.manifest.custodians:
        if custodian.identity_key == key:
            return custodian.index
    raise Invalid(f"{path} is not of a custodian of the manifest", reason="UNKNOWN_CUSTODIAN")
