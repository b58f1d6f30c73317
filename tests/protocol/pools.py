"""Pools over a world's nodes, carried out by the coordinator's own logic without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kms.coordinator.pooling import HeldTerms, MadePool, PoolCase
from kms.crypto import sealing
from kms.crypto.signing import SigningKey
from kms.custodian.generating import Kept, PoolBatch
from kms.errors import KmsError
from kms.statements.ceremony import SealedTarget, SubShares, pack_points, points_hash
from kms.statements.envelope import Signed, sign
from kms.statements.ids import DepositHash, KeyId
from kms.statements.keys import deposit_hash
from kms.statements.pool import PoolDealing, PoolOrder, open_pool_order, pool_info, pool_order_hash
from kms.wire.v1 import ceremony_pb2, pool_pb2
from kms_client.dealing import build_deposit, describe_drawn
from tests.protocol.ceremonies import message
from tests.protocol.world import LAB, Device, Sent, World, signing_key

Row = tuple[bytes, ...]


def make_pool_order(
    world: World, count: int = 4, *signers: SigningKey, reason: str = "pool"
) -> Signed[PoolOrder]:
    """An order to the committee in force, by the admin or by these keys."""
    keyring = world.keyring
    order = PoolOrder(keyring.keyring_id, keyring.manifest_hash, count, reason, world.clock())
    return sign(order, *(signers or (signing_key("admin"),)))


def case_of(world: World, order: Signed[PoolOrder], batch: int = 0) -> PoolCase:
    return PoolCase(world.keyring, open_pool_order(order.envelope, world.chain, world.clock()), batch)


def collect(world: World, case: PoolCase, dealers: Iterable[int] = ()) -> None:
    """Let these custodians deal, or the first t."""
    sealing_keys = [message(node.sealing_key().envelope) for node in world.members.values()]
    for index in tuple(dealers) or tuple(world.members)[: world.keyring.threshold]:
        dealt = world.nodes[index].deal_pool(case.order.message, case.batch, sealing_keys)
        case.add_dealing(index, message(dealt.dealing), dealt.points, dealt.blobs)


def batch_for(case: PoolCase, made: MadePool, index: int) -> PoolBatch:
    """What custodian `index` is handed of a plan."""
    return PoolBatch(
        case.order.message,
        made.opened.payload,
        made.points,
        tuple(d.signed.message for d in made.dealings.values()),
        tuple(d.packed_points for d in made.dealings.values()),
        {i: d.blobs[index] for i, d in made.dealings.items()},
    )


def hand_out(world: World, case: PoolCase, made: MadePool, *indices: int) -> dict[int, Kept]:
    """Let these keep a plan, or all; what each answered."""
    answers = {}
    for index in indices or tuple(world.members):
        answers[index] = kept = world.nodes[index].keep_pool(batch_for(case, made, index))
        if kept.generated:
            case.add_kept(index, message(kept.generated))
        for complaint in kept.complaints:
            case.add_complaint(index, message(complaint))
    return answers


def fill(world: World, count: int = 4) -> list[Row]:
    """A pool of so many keys at every custodian; their commitments."""
    case = case_of(world, make_pool_order(world, count))
    collect(world, case)
    made = case.plan()
    hand_out(world, case, made)
    assert case.complete()
    return list(made.opened.rows)


def describe(
    world: World, device: Device, rows: Sequence[Row], contexts: Sequence[Mapping[str, str]] = ()
) -> Sent:
    """A deposit that draws keys of these commitments; nobody has it yet."""
    drawn = describe_drawn(
        world.keyring,
        rows,
        contexts or [LAB] * len(rows),
        device.thumbprint,
        device.thumbprint,
        world.clock(),
    )
    credentials = world.credentials(device)
    return Sent(
        *build_deposit(world.keyring, drawn, world.sealing_keys(), credentials, device.key, world.clock())
    )


def take(world: World, sent: Sent, *indices: int) -> dict[int, bytes]:
    """Hand these custodians their parts, or all; their receipts."""
    return {index: world.deposit_at(index, sent) for index in indices or tuple(world.members)}


def name_of(sent: Sent) -> DepositHash:
    return deposit_hash(sent.signed.payload)


def confirm(world: World, sent: Sent, receipts: Mapping[int, bytes], *indices: int) -> dict[int, int | str]:
    """Show the receipts to these custodians, or to all; how many keys each confirmed, or why not."""
    shown = [message(receipt) for receipt in receipts.values()]
    answers: dict[int, int | str] = {}
    for index in indices or tuple(world.members):
        try:
            answers[index] = world.nodes[index].confirm_draw(name_of(sent), shown)
        except KmsError as error:
            answers[index] = error.reason
    return answers


def draw(world: World, device: Device, rows: Sequence[Row]) -> list[KeyId]:
    """All of it, on nodes that behave."""
    sent = describe(world, device, rows)
    confirm(world, sent, take(world, sent))
    return sent.key_ids()


def with_blobs(made: MadePool, dealer: int, blobs: Mapping[int, bytes]) -> MadePool:
    """The plan with other blobs of one dealer: what a relay may hand out."""
    held = replace(made.dealings[dealer], blobs=blobs)
    return replace(made, dealings={**made.dealings, dealer: held})


def terms_of(
    world: World, case: PoolCase, dealer: int, rows: Sequence[Row], shares: Mapping[int, Sequence[bytes]]
) -> HeldTerms:
    """A dealing of these points and shares, signed and sealed by a custodian that may lie."""
    keyring, name = world.keyring, pool_order_hash(case.order.payload)
    digest, blobs, targets = points_hash(rows), {}, []
    for index, key in sorted(world.sealing_keys().items()):
        info = pool_info(keyring.keyring_id, name, case.batch, dealer, index, key.id, digest)
        blobs[index] = sealing.seal(key.public_key, info, SubShares(tuple(shares[index])).to_bytes())
        targets.append(SealedTarget(index, key.id, sealing.blob_hash(blobs[index])))
    statement = PoolDealing(
        keyring.keyring_id,
        keyring.manifest_hash,
        dealer,
        name,
        case.batch,
        len(rows),
        digest,
        tuple(targets),
        world.clock(),
    )
    signed = sign(statement, world.identities[dealer])
    return HeldTerms(signed, pack_points(rows), list(rows), blobs)


def plan_of(case: PoolCase, rows: Sequence[Row]) -> tuple[bytes, bytes]:
    """(exact bytes, points) of a plan that says whatever one likes of its points and dealers."""
    plan = pool_pb2.PoolPlan(
        suite=1,
        keyring_id=case.keyring.keyring_id,
        manifest_hash=case.keyring.manifest_hash,
        order_hash=pool_order_hash(case.order.payload),
        batch=case.batch,
        threshold=case.keyring.threshold,
        dealings=[
            ceremony_pb2.PlannedDealing(index=i, dealing_hash=d.signed.hash)
            for i, d in sorted(case.dealings.items())
        ],
        count=len(rows),
        points_hash=points_hash(rows),
    )
    return plan.SerializeToString(deterministic=True), pack_points(rows)
