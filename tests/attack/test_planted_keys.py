"""Two of five custodians, one fewer than open a key, who would give a third a key that nobody ever deposited.

They need no device, no credential and no quota for it, and could choose the C_0 of a deposit that is on its way, which
would then be refused as seen. As many as the threshold must bear witness to a key: one of them is honest and has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kms.crypto import derivation, sealing
from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import deal, decode_share, encode_share, lagrange, random_scalar
from kms.custodian.repairing import Pieces, Repair
from kms.custodian.resharing import Batch, OldPlan
from kms.statements.ceremony import (
    Dealing,
    Plan,
    PlannedDealing,
    RepairPieces,
    RepairSums,
    SealedTarget,
    SubShares,
    dealing_info,
    encode_plan,
    order_hash,
    pack_points,
    points_hash,
    repair_info,
    task_hash,
)
from kms.statements.envelope import sign, unpack
from kms.statements.ids import Version
from kms.statements.keys import Core, Descriptor, KeySpec, Opening, describe, encode_context
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import change_committee, make_order, message
from tests.protocol.world import LAB, World

BAD = (3, 4)


def made_up(
    world: World, threshold: int
) -> tuple[Descriptor, Opening, Mapping[int, bytes], tuple[bytes, ...]]:
    """A key that only two custodians know of: description, opening, each one's share, commitments."""
    dealt, opening = deal(threshold, range(1, 8)), Opening(bytes(32), encode_context(LAB))
    core = Core(
        world.keyring.keyring_id,
        world.chain.links[0].manifest_hash,
        threshold,
        KeySpec.DATA,
        world.device("victim").thumbprint,
        world.device("victim").thumbprint,
        world.clock(),
        derivation.context_commitment(opening.salt, opening.context),
        dealt.commitments,
    )
    shares = {i: share.reveal() for i, share in dealt.shares.items()}
    return describe(core, bytes(32)), opening, shares, dealt.commitments


def point() -> bytes:
    return SECP256K1.commit(random_scalar(), random_scalar())


def parts_of(share: bytes, weights: Mapping[int, int]) -> dict[int, bytes]:
    """Two 64-byte halves whose weighted sum is this share."""
    a, b = decode_share(share)
    first, second = weights
    x, y = random_scalar(), random_scalar()
    inverse = pow(weights[second], -1, Q)
    rest = [(total - weights[first] * half) * inverse % Q for total, half in ((a, x), (b, y))]
    return {first: encode_share(x, y), second: encode_share(*rest)}


@pytest.mark.parametrize(("threshold", "reason"), [(3, "INVALID_HELPERS"), (2, "WRONG_THRESHOLD")])
def test_no_repair_brings_a_key_that_nobody_deposited(world: World, threshold: int, reason: str) -> None:
    descriptor, opening, shares, _ = made_up(world, threshold)
    ids, patient = (descriptor.key_id,), world.nodes[2]
    task = patient.start_repair(descriptor.version, BAD, ids)
    name, keyring = task_hash(unpack(task)[1]), world.keyring
    rows = {helper: [tuple(point() for _ in range(threshold - 1))] for helper in BAD}
    pieces = {}
    for helper in BAD:
        targets = tuple(SealedTarget(i, bytes(32), bytes(32)) for i in BAD)
        said = RepairPieces(
            keyring.keyring_id, keyring.manifest_hash, helper, name, points_hash(rows[helper]), targets, 1
        )
        pieces[helper] = sign(said, world.identities[helper])
    key = patient.sealing_key().statement
    halves, sums, blobs = parts_of(shares[2], dict.fromkeys(BAD, 1)), [], {}
    for helper in BAD:
        info = repair_info(name, helper, 2, key.id, points_hash(rows[helper]), sums=True)
        blobs[helper] = sealing.seal(
            key.public_key, info, SubShares((halves[helper],), (opening,)).to_bytes()
        )
        target = SealedTarget(2, key.id, sealing.blob_hash(blobs[helper]))
        said_sums = RepairSums(
            keyring.keyring_id,
            keyring.manifest_hash,
            helper,
            name,
            tuple(pieces[i].hash for i in BAD),
            target,
            1,
        )
        sums.append(message(sign(said_sums, world.identities[helper]).envelope))
    statements = tuple(message(pieces[i].envelope) for i in BAD)
    repair = Repair(
        Pieces(message(task), ids, statements, tuple(pack_points(rows[i]) for i in BAD)),
        (descriptor.payload,),
        tuple(sums),
        blobs,
        OldPlan(),
    )
    assert reason_of(patient.finish_repair, repair) == reason
    assert patient.descriptors(ids) == []


@pytest.mark.parametrize("version", ["as dealt", "of a plan that nobody has"])
def test_no_resharing_brings_a_key_that_nobody_deposited(world: World, version: str) -> None:
    change_committee(world, range(1, 8), 3)
    descriptor, opening, shares, commitments = made_up(world, 3)
    from_version = descriptor.version if version == "as dealt" else Version(bytes(range(32)))
    order, ids, newcomer, keyring = make_order(world, 1), (descriptor.key_id,), world.nodes[6], world.keyring
    name, root = order_hash(order.payload), derivation.batch_root(list(ids))
    key = newcomer.sealing_key().statement
    weights = dict(zip(BAD, lagrange(BAD), strict=True))
    halves, dealings, blobs = parts_of(shares[6], weights), {}, {}
    for dealer in BAD:
        digest = points_hash([(point(), point())])
        info = dealing_info(keyring.keyring_id, name, from_version, root, dealer, 6, key.id, digest)
        blobs[dealer] = sealing.seal(
            key.public_key, info, SubShares((halves[dealer],), (opening,)).to_bytes()
        )
        said = Dealing(
            keyring.keyring_id,
            keyring.manifest_hash,
            dealer,
            name,
            from_version,
            root,
            1,
            digest,
            (SealedTarget(6, key.id, sealing.blob_hash(blobs[dealer])),),
            world.clock(),
        )
        dealings[dealer] = sign(said, world.identities[dealer])
    plan = Plan(
        keyring.keyring_id,
        name,
        1,
        from_version,
        keyring.manifest_hash,
        3,
        tuple(PlannedDealing(i, signed.hash) for i, signed in dealings.items()),
        root,
        1,
        points_hash([commitments[1:]]),
    )
    batch = Batch(
        order.message,
        encode_plan(plan),
        ids,
        pack_points([commitments[1:]]),
        tuple(signed.message for signed in dealings.values()),
        blobs,
        (descriptor.payload,),
    )
    assert reason_of(newcomer.install, batch) == "TOO_FEW_DEALERS"
    assert newcomer.descriptors(ids) == []
