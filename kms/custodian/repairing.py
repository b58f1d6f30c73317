"""Bringing lost shares back: t helpers give a custodian its own shares, and learn nothing (Laing, Stinson 2017).

Who lost shares signs a task for its own index; helpers split their terms into pieces for one another, add up what they
got, and hand the sums to who is repaired. Each piece fits a point that follows from the keys' commitments, so a
helper that lies is named. Nobody is ever given the share of another index, and no index 0 exists.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto import derivation, sealing
from kms.crypto.group import SECP256K1
from kms.crypto.hashing import equal
from kms.crypto.resharing import (
    add_pieces,
    check_helpers,
    piece_commitments,
    split_for_repair,
    sums_hold,
    verify_piece,
)
from kms.crypto.sharing import verify_batch
from kms.custodian.context import NodeContext
from kms.custodian.resharing import (
    OldPlan,
    check_described,
    commitments_of,
    find_keys,
    made_for,
    open_version,
    opening_of,
    refuse_superseded,
)
from kms.custodian.store import StoredKey, StoredVersion
from kms.custodian.tombstones import refuse_destroyed
from kms.custodian.vault import SealedRow
from kms.errors import CryptoError, Denied, Invalid, NotFound
from kms.statements import ceremony
from kms.statements.audit import LogKind
from kms.statements.ceremony import (
    Installed,
    PlannedVersion,
    Repaired,
    RepairPieces,
    RepairSums,
    RepairTask,
    SealedTarget,
    SubShares,
    open_from,
    pack_points,
    points_hash,
    repair_info,
    task_hash,
    unpack_points,
)
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.ids import KeyId, Version
from kms.statements.keys import Descriptor, parse_descriptor
from kms.statements.manifest import open_sealing_key


@dataclass(frozen=True, slots=True)
class MadePieces:
    """A helper's pieces as they leave: signed statement, points of all keys, sealed pieces by helper."""

    statement: bytes
    points: bytes
    blobs: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A task with every helper's statement and points, in the task's order of helpers."""

    task: Envelope
    key_ids: tuple[KeyId, ...]
    statements: tuple[Envelope, ...]
    points: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SummedPieces:
    """A helper's sums as they leave."""

    statement: bytes
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Repair:
    """All that who is repaired needs: pieces' statements, descriptors, every helper's sums, the version's plan."""

    pieces: Pieces
    descriptors: tuple[bytes, ...]
    sums: tuple[Envelope, ...]
    blobs: Mapping[int, bytes]
    planned: OldPlan


def missing(node: NodeContext, version: Version, key_ids: Sequence[KeyId]) -> list[KeyId]:
    """Those of the keys of which this node lost its share of this version; none of what was dealt before it came."""
    bound = made_for(node, version)
    if bound is not None and node.me.index not in bound.manifest.indices:
        return []
    found, destroyed = node.store.keys(key_ids), node.store.destructions.tombstones(key_ids)
    # What was destroyed is not missing: nobody gives it back.
    return [k for k in key_ids if k not in destroyed and (k not in found or _lacks(node, found[k], version))]


def _lacks(node: NodeContext, key: StoredKey, version: Version) -> bool:
    if _has(key, version):
        return False
    if equal(key.version, version):
        return key.floor == 0
    stored = node.store.versions.version(
        version
    )  # of one that is not known here, `finish` learns the sequence
    return stored is None or key.floor <= stored.sequence


def _has(key: StoredKey, version: Version) -> bool:
    return key.kept and ((equal(key.version, version) and key.dealt) or key.share_of(version) is not None)


def start(
    node: NodeContext, version: Version, helpers: tuple[int, ...], key_ids: Sequence[KeyId]
) -> Signed[RepairTask]:
    """Ask these helpers for this node's own shares of these keys. Invalid if it has, or has erased, one of them."""
    refuse_destroyed(node, key_ids)
    if len(missing(node, version, key_ids)) != len(key_ids):
        raise Invalid("this node has, or has erased, a share of one of these keys", reason="NOT_MISSING")
    now = node.now()
    task = sign(
        RepairTask(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            secrets.token_bytes(16),
            version,
            helpers,
            derivation.batch_root(list(key_ids)),
            len(key_ids),
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(LogKind.REPAIR_TASK, now, task_hash(task.payload), count=len(key_ids))
    return task


def open_task(node: NodeContext, envelope: Envelope, key_ids: Sequence[KeyId]) -> Signed[RepairTask]:
    """A task of a member of the manifest in force, for itself, with members as helpers, for exactly these keys."""
    key = envelope.signatures[0].keyid if envelope.signatures else b""
    by_key = {c.identity_key: c.index for c in node.keyring.manifest.custodians}
    if key not in by_key:
        raise Denied("a repair is for members of the manifest", reason="NOT_A_MEMBER")
    # Only its own index: who could name another would be given that one's shares too.
    signed = open_from(RepairTask, envelope, node.keyring, by_key[key], node.keyring, "task")
    task = signed.statement
    if not set(task.helpers) <= set(node.keyring.manifest.indices):
        raise Invalid("a helper is no member of the manifest", reason="UNKNOWN_CUSTODIAN")
    if task.count != len(key_ids) or not equal(task.batch_root, derivation.batch_root(list(key_ids))):
        raise Invalid("the keys are not those of the task", reason="WRONG_TASK")
    return signed


def make_pieces(
    node: NodeContext, envelope: Envelope, key_ids: Sequence[KeyId], sealing_keys: Sequence[Envelope]
) -> MadePieces:
    """This helper's terms in pieces, one sealed to each helper, itself included."""
    now = node.now()
    signed = open_task(node, envelope, key_ids)
    task, name = signed.statement, task_hash(signed.payload)
    if len(sealing_keys) != len(task.helpers):
        raise Invalid("every helper's sealing key is needed", reason="WRONG_TASK")
    keys, olds = _own_keys(node, task, key_ids)
    parts: dict[int, list[bytes]] = {i: [] for i in task.helpers}
    rows = []
    for key, commitments in zip(keys, olds, strict=True):
        share = open_version(node, key, task.version)
        made = split_for_repair(share, node.me.index, task.helpers, task.index, len(commitments))
        rows.append(made.points)
        for helper in task.helpers:
            parts[helper].append(made.pieces[helper].reveal())
    digest = points_hash(rows)
    blobs, targets = {}, []
    for helper, sealing_envelope in zip(task.helpers, sealing_keys, strict=True):
        key_of = open_sealing_key(sealing_envelope, node.keyring, helper, now).statement
        info = repair_info(name, node.me.index, helper, key_of.id, digest)
        plain = SubShares(tuple(parts[helper])).to_bytes()
        blobs[helper] = sealing.seal(key_of.public_key, info, plain)
        targets.append(SealedTarget(helper, key_of.id, sealing.blob_hash(blobs[helper])))
    statement = sign(
        RepairPieces(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            name,
            digest,
            tuple(targets),
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(LogKind.REPAIR_HELP, now, name, outcome="PIECES", count=len(keys))
    return MadePieces(statement.envelope, pack_points(rows), blobs)


def _own_keys(
    node: NodeContext, task: RepairTask, key_ids: Sequence[KeyId]
) -> tuple[list[StoredKey], list[tuple[bytes, ...]]]:
    """The task's keys as this helper holds them, and the commitments of the task's version of each."""
    if node.me.index not in task.helpers:
        raise Invalid("this node is no helper of that task", reason="WRONG_TASK")
    # A newcomer lost nothing of what was dealt before it came. The threshold may have been raised as it was let in, to
    # one more than all bad custodians now: with shares of the old version they would be as many as opened it then.
    bound = made_for(node, task.version)
    if bound is not None and task.index not in bound.manifest.indices:
        raise Denied("shares of that version were never dealt to who asks", reason="NOT_A_HOLDER")
    keys = find_keys(node, key_ids)
    olds = commitments_of(node, keys, task.version)
    for threshold in {len(commitments) for commitments in olds}:
        # Fewer helpers than the threshold would give a wrong share, and more a helper nobody needs.
        check_helpers(task.helpers, task.index, threshold)
    return keys, olds


@dataclass(frozen=True, slots=True)
class _Opened:
    task: RepairTask
    name: bytes
    statements: tuple[Signed[RepairPieces], ...]
    rows: tuple[list[tuple[bytes, ...]], ...]
    """For each helper, the points of each key."""

    def commitments(
        self, position: int, commitments: Sequence[bytes], threshold: int
    ) -> list[tuple[bytes, ...]]:
        """For each helper, what it committed to for every helper, of one key."""
        helpers, lost = self.task.helpers, self.task.index
        return [
            piece_commitments(commitments, rows[position], helper, helpers, lost, threshold)
            for helper, rows in zip(helpers, self.rows, strict=True)
        ]


def _open_pieces(node: NodeContext, pieces: Pieces, threshold: int) -> _Opened:
    signed = open_task(node, pieces.task, pieces.key_ids)
    task, name = signed.statement, task_hash(signed.payload)
    if not len(task.helpers) == len(pieces.statements) == len(pieces.points):
        raise Invalid("every helper's pieces are needed", reason="WRONG_TASK")
    statements, rows = [], []
    for helper, envelope, packed in zip(task.helpers, pieces.statements, pieces.points, strict=True):
        statement = open_from(RepairPieces, envelope, node.keyring, helper, node.keyring, "pieces")
        points = unpack_points(packed, task.count, threshold - 1)
        if not equal(statement.statement.task_hash, name):
            raise Invalid("pieces of another task", reason="WRONG_TASK")
        if not equal(points_hash(points), statement.statement.points_hash):
            raise Invalid("the points are not those that the helper signed", reason="WRONG_POINTS")
        statements.append(statement)
        rows.append(points)
    return _Opened(task, name, tuple(statements), tuple(rows))


def sum_pieces(
    node: NodeContext, pieces: Pieces, blobs: Mapping[int, bytes], sealing_key: Envelope
) -> SummedPieces:
    """Add up what every helper gave this one, and seal the sums to who is repaired, with the contexts' openings.

    Denied PIECE_WRONG names the helper whose piece does not fit its points.
    """
    now = node.now()
    task = open_task(node, pieces.task, pieces.key_ids).statement
    keys, olds = _own_keys(node, task, pieces.key_ids)
    opened = _open_pieces(node, pieces, len(olds[0]))
    place = task.helpers.index(node.me.index)
    got: dict[int, tuple[bytes, ...]] = {}
    for helper, statement in zip(task.helpers, opened.statements, strict=True):
        got[helper] = _open_blob(
            node, statement.statement, opened.name, helper, blobs, task.count, now
        ).shares
    sums = [add_pieces([got[h][position] for h in task.helpers]).reveal() for position in range(task.count)]
    published = [[rows[position] for rows in opened.rows] for position in range(task.count)]
    # A helper that passed a wrong piece on would be named in the place of who made it.
    if not sums_hold(sums, olds, published, place, task.index):
        _name_wrong_piece(opened, got, olds, place)
    key_of = open_sealing_key(sealing_key, node.keyring, task.index, now).statement
    digest = opened.statements[place].statement.points_hash
    info = repair_info(opened.name, node.me.index, task.index, key_of.id, digest, sums=True)
    openings = tuple(opening_of(node, key) for key in keys)
    sealed = sealing.seal(key_of.public_key, info, SubShares(tuple(sums), openings).to_bytes())
    signed = sign(
        RepairSums(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            opened.name,
            tuple(s.hash for s in opened.statements),
            SealedTarget(task.index, key_of.id, sealing.blob_hash(sealed)),
            now,
        ),
        node.identity,
    )
    with node.store.transaction():
        node.ledger.append(LogKind.REPAIR_HELP, now, opened.name, outcome="SUMS", count=len(keys))
    return SummedPieces(signed.envelope, sealed)


def _name_wrong_piece(
    opened: _Opened, got: Mapping[int, tuple[bytes, ...]], olds: Sequence[tuple[bytes, ...]], place: int
) -> None:
    for position, commitments in enumerate(olds):
        public = opened.commitments(position, commitments, len(commitments))
        for helper, points in zip(opened.task.helpers, public, strict=True):
            try:
                verify_piece(got[helper][position], points[place], group=SECP256K1)
            except CryptoError:
                raise Denied(
                    f"the piece of helper {helper} does not fit its points",
                    reason="PIECE_WRONG",
                    details={"helper": str(helper)},
                ) from None
    raise Denied("the sums do not fit, and every piece does", reason="REPAIR_WRONG")


def _open_blob(
    node: NodeContext,
    statement: RepairPieces,
    name: bytes,
    helper: int,
    blobs: Mapping[int, bytes],
    count: int,
    now: int,
) -> SubShares:
    target = statement.target(node.me.index)
    sealed = blobs.get(helper, b"")
    if not equal(sealing.blob_hash(sealed), target.blob_hash):
        raise Invalid("the sealed pieces are not those that the helper signed", reason="WRONG_BLOB")
    info = repair_info(name, helper, node.me.index, target.sealing_key_id, statement.points_hash)
    return SubShares.parse(node.sealing.open(target.sealing_key_id, info, sealed, now), count)


def finish(node: NodeContext, repair: Repair) -> bytes:
    """The envelope of Repaired: every share is back, fits its key's commitments, and is on disk.

    Denied SUM_WRONG names the helper whose sum does not fit what the others' points say.
    """
    now = node.now()
    signed = open_task(node, repair.pieces.task, repair.pieces.key_ids)
    task = signed.statement
    if task.index != node.me.index:
        raise Invalid("a repair of another custodian", reason="WRONG_CUSTODIAN")
    descriptors = _descriptors(node, repair)
    planned = _planned(node, repair.planned, task.version)
    rows = [planned.commitments(d) if planned else d.core.commitments for d in descriptors]
    if planned is None and any(not equal(d.version, task.version) for d in descriptors):
        raise NotFound("the plan of that version is needed", reason="VERSION_UNKNOWN")
    for row in rows:
        # Fewer helpers than the threshold could all be bad, and give back a key that nobody ever deposited.
        check_helpers(task.helpers, task.index, len(row))
    opened = _open_pieces(node, repair.pieces, len(rows[0]))
    if len(repair.sums) != len(task.helpers):
        raise Invalid("every helper's sums are needed", reason="WRONG_TASK")
    sums: dict[int, SubShares] = {}
    for helper, envelope in zip(task.helpers, repair.sums, strict=True):
        sums[helper] = _open_sums(node, opened, helper, envelope, repair.blobs.get(helper, b""), now)
    shares = [
        add_pieces([sums[h].shares[position] for h in task.helpers]).reveal()
        for position in range(task.count)
    ]
    wrong = verify_batch(node.me.index, shares, rows, len(rows[0]))
    if wrong:
        _name_liar(opened, sums, rows, min(wrong))
    return _keep(node, opened, descriptors, planned, shares, sums, now)


def _descriptors(node: NodeContext, repair: Repair) -> list[Descriptor]:
    refuse_destroyed(node, repair.pieces.key_ids)  # destroyed since the repair began
    given = {}
    for position, payload in enumerate(repair.descriptors):
        descriptor = parse_descriptor(payload, f"descriptors[{position}]")
        check_described(node, descriptor)
        given[descriptor.key_id] = descriptor
    if set(given) != set(repair.pieces.key_ids):
        raise NotFound("every key of a repair must be described", reason="KEYS_MISSING")
    return [given[key_id] for key_id in repair.pieces.key_ids]


def _planned(node: NodeContext, old: OldPlan, version: Version) -> PlannedVersion | None:
    if not old.plan:
        return None
    planned = ceremony.open_version(old.plan, old.key_ids, old.points)
    if not equal(planned.version, version):
        raise Invalid("a plan of another version", reason="WRONG_VERSION")
    bound = node.chain.of(planned.plan.to_manifest_hash)
    if bound.threshold != planned.plan.threshold:
        raise Invalid("the plan's threshold is not its manifest's", reason="WRONG_PLAN")
    return planned


def _open_sums(
    node: NodeContext, opened: _Opened, helper: int, envelope: Envelope, sealed: bytes, now: int
) -> SubShares:
    statement = open_from(RepairSums, envelope, node.keyring, helper, node.keyring, "sums").statement
    # The same pieces for all: sums of different ones would be nobody's fault and nobody's share.
    same = statement.pieces == tuple(s.hash for s in opened.statements)
    if not equal(statement.task_hash, opened.name) or not same or statement.target.index != node.me.index:
        raise Invalid("sums of another task", reason="WRONG_TASK")
    if not equal(sealing.blob_hash(sealed), statement.target.blob_hash):
        raise Invalid("the sealed sums are not those that the helper signed", reason="WRONG_BLOB")
    place = opened.task.helpers.index(helper)
    digest = opened.statements[place].statement.points_hash
    key_id = statement.target.sealing_key_id
    info = repair_info(opened.name, helper, node.me.index, key_id, digest, sums=True)
    return SubShares.parse(node.sealing.open(key_id, info, sealed, now), opened.task.count)


def _name_liar(
    opened: _Opened, sums: Mapping[int, SubShares], rows: Sequence[tuple[bytes, ...]], position: int
) -> None:
    public = opened.commitments(position, rows[position], len(rows[position]))
    for place, helper in enumerate(opened.task.helpers):
        expected = SECP256K1.combine([(points[place],) for points in public], 1, [1] * len(public))
        try:
            verify_piece(sums[helper].shares[position], expected)
        except CryptoError:
            raise Denied(
                f"the sum of helper {helper} does not fit the points",
                reason="SUM_WRONG",
                details={"helper": str(helper)},
            ) from None
    raise Denied("the repaired share does not fit, and every sum does", reason="REPAIR_WRONG")


def _keep(
    node: NodeContext,
    opened: _Opened,
    descriptors: Sequence[Descriptor],
    planned: PlannedVersion | None,
    shares: Sequence[bytes],
    sums: Mapping[int, SubShares],
    now: int,
) -> bytes:
    versions = node.store.versions
    mine = node.store.keys([d.key_id for d in descriptors])
    refuse_superseded(mine.values(), planned.plan.sequence if planned else 0)
    _refuse_unwitnessed(node, opened.task, mine.values())
    rows = [_row(node, d, shares[n] if planned is None else b"", sums, n) for n, d in enumerate(descriptors)]
    new = [(d, row) for d, row in zip(descriptors, rows, strict=True) if d.key_id not in mine]
    with node.store.transaction():
        if new:
            if node.store.known_keys([d for d, _ in new]):
                raise Denied("a key has a commitment that was seen before", reason="COMMITMENT_SEEN")
            node.store.add_keys(new)
        # Of a restored store the context comes back too, with the first share of whatever version.
        node.store.replace_dealt(
            [
                (mine[d.key_id].number, row)
                for d, row in zip(descriptors, rows, strict=True)
                if d.key_id in mine and (planned is None or not mine[d.key_id].kept)
            ]
        )
        if planned is not None:
            now_mine = node.store.keys([d.key_id for d in descriptors])
            if versions.version(planned.version) is None:
                versions.add_version(_stored_version(node, planned, now))
            versions.unsettle(planned.version)
            versions.add_shares(
                planned.version,
                [
                    (now_mine[d.key_id].number, *node.vault.seal_share(d.key_id, planned.version, share))
                    for d, share in zip(descriptors, shares, strict=True)
                ],
            )
        log_index = node.ledger.append(LogKind.REPAIRED, now, opened.name, count=len(shares))
    return sign(
        Repaired(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            opened.name,
            len(shares),
            now,
            log_index,
        ),
        node.identity,
    ).envelope


def _refuse_unwitnessed(node: NodeContext, task: RepairTask, mine: Iterable[StoredKey]) -> None:
    # Helpers are as many as opened a key when the version was made. If that is fewer than now, all may be bad, and the
    # version none: one that is newer than all would take the place of good shares. Who has none loses nothing by it.
    if len(task.helpers) < node.keyring.threshold and any(key.newest() for key in mine):
        raise Denied(
            "fewer helpers than open a key now cannot put a version beside shares that are here",
            reason="TOO_FEW_WITNESSES",
        )


def _row(
    node: NodeContext, descriptor: Descriptor, share: bytes, sums: Mapping[int, SubShares], position: int
) -> SealedRow:
    for sub in sums.values():
        if sub.openings and sub.openings[position].opens(descriptor.core.context_commitment):
            opening = sub.openings[position]
            row = node.vault.seal_row(descriptor.key_id, share, opening.salt + opening.context)
            return row if share else SealedRow(row.wrapped_key, b"", row.opening)
    raise NotFound("no helper sent what opens the context of a key", reason="KEYS_MISSING")


def _stored_version(node: NodeContext, planned: PlannedVersion, now: int) -> StoredVersion:
    # A repaired node never promised to hold this version: its word on it says how many shares came back (none yet).
    word = sign(
        Installed(
            node.keyring.keyring_id,
            node.keyring.manifest_hash,
            node.me.index,
            planned.version,
            planned.plan.sequence,
            0,
            now,
            0,
        ),
        node.identity,
    )
    return StoredVersion(
        planned.version,
        planned.plan.sequence,
        planned.plan.threshold,
        planned.payload,
        planned.key_ids,
        planned.points,
        word.envelope,
    )
