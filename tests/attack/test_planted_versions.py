"""Three of seven custodians, one fewer than open a key, who give a fourth a version of its keys that was never dealt.

Once three opened a key, and a plan for the manifest of then asks for three helpers only. They could make one up, of any
sequence: the custodian's newest share of each key would be theirs, and no later order would find a key left to deal on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from kms.crypto import derivation, sealing
from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import encode_share, random_scalar
from kms.custodian.repairing import Pieces, Repair
from kms.custodian.resharing import OldPlan
from kms.statements.ceremony import (
    Plan,
    PlannedDealing,
    RepairPieces,
    RepairSums,
    SealedTarget,
    SubShares,
    encode_plan,
    pack_points,
    plan_version,
    points_hash,
    repair_info,
    task_hash,
)
from kms.statements.envelope import sign, unpack
from kms.statements.ids import KeyId
from kms.statements.keys import Opening, encode_context
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import change_committee, message
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, World

BAD = (3, 4, 5)
VICTIM = 2
FAR_AHEAD = 1 << 60
"""A sequence that no order will ever reach."""


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"), [LAB] * 2)


def invented(c0: bytes) -> tuple[bytes, tuple[bytes, bytes]]:
    """A share that means nothing, and the C'_1 and C'_2 under which it fits `c0` at the victim's index."""
    a, b = random_scalar(), random_scalar()
    second = SECP256K1.commit(random_scalar(), random_scalar())
    inverse = pow(VICTIM, -1, Q)
    rows = [(SECP256K1.commit(a, b),), (c0,), (second,)]
    return encode_share(a, b), (SECP256K1.combine(rows, 1, [inverse, Q - inverse, Q - VICTIM]), second)


def in_thirds(share: bytes) -> dict[int, bytes]:
    """Three 64-byte pieces that add up to this share."""
    a, b = int.from_bytes(share[:32], "big"), int.from_bytes(share[32:], "big")
    pieces = [(random_scalar(), random_scalar()) for _ in BAD[1:]]
    pieces.append(((a - sum(x for x, _ in pieces)) % Q, (b - sum(y for _, y in pieces)) % Q))
    return {helper: encode_share(*piece) for helper, piece in zip(BAD, pieces, strict=True)}


def planted(world: World, keys: Sequence[OpenKey]) -> Repair:
    """A repair of a made-up version, in which every statement is signed by whom it names."""
    ids = tuple(KeyId(key.key_id) for key in keys)
    made = [invented(key.descriptor.core.commitments[0]) for key in keys]
    rows = [points for _, points in made]
    plan = encode_plan(
        Plan(
            world.keyring.keyring_id,
            bytes(32),
            FAR_AHEAD,
            keys[0].descriptor.version,
            world.chain.links[0].manifest_hash,
            3,
            tuple(PlannedDealing(i, bytes(32)) for i in BAD),
            derivation.batch_root(list(ids)),
            len(ids),
            points_hash(rows),
        )
    )
    task = world.nodes[VICTIM].start_repair(plan_version(plan), BAD, ids)
    name, bound = task_hash(unpack(task)[1]), world.keyring
    point = SECP256K1.commit(random_scalar(), random_scalar())
    points: dict[int, list[tuple[bytes, ...]]] = {helper: [(point, point) for _ in ids] for helper in BAD}
    pieces = {}
    for helper in BAD:
        targets = tuple(SealedTarget(i, bytes(32), bytes(32)) for i in BAD)
        digest = points_hash(points[helper])
        said = RepairPieces(bound.keyring_id, bound.manifest_hash, helper, name, digest, targets, 1)
        pieces[helper] = sign(said, world.identities[helper])
    sums, blobs = [], sealed_sums(world, name, points, [in_thirds(share) for share, _ in made], keys)
    key = world.nodes[VICTIM].sealing_key().statement
    for helper in BAD:
        hashes = tuple(pieces[i].hash for i in BAD)
        target = SealedTarget(VICTIM, key.id, sealing.blob_hash(blobs[helper]))
        added = RepairSums(bound.keyring_id, bound.manifest_hash, helper, name, hashes, target, 1)
        sums.append(message(sign(added, world.identities[helper]).envelope))
    statements = tuple(message(pieces[i].envelope) for i in BAD)
    return Repair(
        Pieces(message(task), ids, statements, tuple(pack_points(points[i]) for i in BAD)),
        tuple(key.descriptor.payload for key in keys),
        tuple(sums),
        blobs,
        OldPlan(plan, ids, pack_points(rows)),
    )


def sealed_sums(
    world: World,
    name: bytes,
    points: Mapping[int, list[tuple[bytes, ...]]],
    pieces: Sequence[Mapping[int, bytes]],
    keys: Sequence[OpenKey],
) -> dict[int, bytes]:
    """What each helper sends the victim: its part of each share, and what opens the contexts."""
    to, found = world.nodes[VICTIM].sealing_key().statement, {}
    openings = tuple(Opening(key.salt, encode_context(key.context)) for key in keys)
    for helper in BAD:
        info = repair_info(name, helper, VICTIM, to.id, points_hash(points[helper]), sums=True)
        sums = SubShares(tuple(parts[helper] for parts in pieces), openings).to_bytes()
        found[helper] = sealing.seal(to.public_key, info, sums)
    return found


def test_no_version_that_fewer_vouch_for_than_open_a_key_now_is_put_beside_shares(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 4)
    victim = world.nodes[VICTIM]
    assert reason_of(victim.finish_repair, planted(world, keys)) == "TOO_FEW_WITNESSES"
    listed, _ = victim.list_keys(1, 0, 100)
    assert {key_id for _, _, key_id in listed} == {key.key_id for key in keys}
    assert {version for version, _, _ in victim.list_versions([key.key_id for key in keys])} == {
        keys[0].descriptor.version
    }


def test_who_lost_all_shares_is_given_those_of_before_the_threshold_was_raised(
    world: World, keys: tuple[OpenKey, ...]
) -> None:
    change_committee(world, range(1, 8), 4)
    lose_store(world, VICTIM)
    ids = tuple(KeyId(key.key_id) for key in keys)
    Repairing(world, VICTIM, keys[0].descriptor.version, ids, (1, 3, 4)).run()
    assert len(world.nodes[VICTIM].list_versions(ids)) == len(ids)
