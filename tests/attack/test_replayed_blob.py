"""The host replays a recorded blob where it was not meant to go: other custodian, keyring, sealing key or batch.

HPKE's base mode authenticates nobody, and an order can be signed by anybody who has a credential. What keeps
a blob in its place is its `info`, which holds all that the message means.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.crypto import derivation, sealing
from kms.custodian import deposits
from kms.statements.envelope import sign
from kms.statements.ids import KeyringId, ManifestHash
from kms.statements.keys import Deposit, deposit_info
from kms.wire.v1 import coordinator_pb2
from kms_client import dealing
from tests.attack.test_relabelled_deposit import naive_info
from tests.protocol.adversary import reason_of, refusals
from tests.protocol.world import BOOKING, LAB, Device, Sent, World


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


def reordered(
    sent: Sent, order: Deposit, signer: Device, blobs: dict[int, coordinator_pb2.TargetBlob]
) -> Sent:
    """Another order, with the hashes of these blobs in it, signed anew."""
    targets = tuple(
        replace(
            target,
            blob_hash=sealing.blob_hash(blobs[target.index].sealed),
            evidence_hash=sealing.blob_hash(blobs[target.index].sealed_evidence),
        )
        for target in order.targets
    )
    return Sent(sign(replace(order, targets=targets), signer.key), list(blobs.values()))


def blobs_of(sent: Sent) -> dict[int, coordinator_pb2.TargetBlob]:
    return {blob.index: blob for blob in sent.blobs}


def test_a_blob_opens_at_no_other_custodian(world: World, alice: Device) -> None:
    sent = world.send(alice, world.deal(alice, [LAB]))
    blobs = blobs_of(sent)
    blobs[2].sealed, blobs[2].sealed_evidence = blobs[1].sealed, blobs[1].sealed_evidence
    # As the host sends it on, and even if the dealer itself signed it so.
    assert reason_of(world.deposit_at, 2, sent) == "WRONG_BLOB"
    assert (
        reason_of(world.deposit_at, 2, reordered(sent, sent.signed.statement, alice, blobs)) == "CANNOT_OPEN"
    )


def test_a_share_sealed_for_another_index_is_refused_even_by_the_dealer(world: World, alice: Device) -> None:
    # A dealer that seals custodian 1's share to custodian 2: one organisation lost would be two shares lost.
    dealt = world.deal(alice, [LAB])
    twice = replace(dealt, secrets={**dealt.secrets, 2: dealt.secrets[1]})
    assert refusals(world.deposit_at(2, world.send(alice, twice))) == {0: "WRONG_SHARE"}


def test_a_blob_of_one_batch_opens_in_no_other(world: World, alice: Device) -> None:
    first = world.send(alice, world.deal(alice, [LAB]))
    second = world.send(alice, world.deal(alice, [BOOKING]))
    blobs = blobs_of(second)
    for index, blob in blobs_of(first).items():
        blobs[index].sealed = blob.sealed
    assert (
        reason_of(world.deposit_at, 1, reordered(second, second.signed.statement, alice, blobs))
        == "CANNOT_OPEN"
    )


def test_a_batch_cannot_be_cut_or_reordered(world: World, alice: Device) -> None:
    sent = world.send(alice, world.deal(alice, [LAB, BOOKING]))
    order = sent.signed.statement
    first, second = order.descriptors
    ids = [derivation.key_id(first), derivation.key_id(second)]
    cut = replace(order, descriptors=(first,), batch_root=derivation.batch_root(ids[:1]))
    turned = replace(order, descriptors=(second, first), batch_root=derivation.batch_root(ids[::-1]))
    for bent in (cut, turned):
        assert reason_of(world.deposit_at, 1, reordered(sent, bent, alice, blobs_of(sent))) == "CANNOT_OPEN"
    lying_root = replace(order, descriptors=(second, first))
    assert (
        reason_of(world.deposit_at, 1, reordered(sent, lying_root, alice, blobs_of(sent))) == "INVALID_FIELD"
    )


def test_a_blob_opens_under_no_other_sealing_key(world: World, alice: Device) -> None:
    sent = world.send(alice, world.deal(alice, [LAB]))
    old = world.sealing_keys()[1]
    world.clock.turn(old.not_after - old.not_before - 1 - (world.clock() - old.not_before))
    new = world.sealing_keys()[1]
    assert new.id != old.id
    order = sent.signed.statement
    moved = replace(
        order, targets=tuple(replace(t, sealing_key_id=new.id) if t.index == 1 else t for t in order.targets)
    )
    fresh = Sent(sign(moved, alice.key), sent.blobs)
    assert reason_of(world.deposit_at, 1, fresh) == "CANNOT_OPEN"


def test_what_was_sealed_to_an_erased_key_opens_never_again(world: World, alice: Device) -> None:
    sent = world.send(alice, world.deal(alice, [LAB]))
    key = world.sealing_keys()[1]
    world.clock.seconds = key.not_after
    assert reason_of(world.deposit_at, 1, sent) == "SEALING_KEY_UNKNOWN"
    world.nodes[1].tick()
    stored = world.nodes[1].context.store.sealing_keys()
    assert key.period not in {row.period for row in stored}  # gone from the disk
    world.clock.turn(-1000)  # a clock that is set back does not bring the key back
    assert reason_of(world.deposit_at, 1, sent) == "SEALING_KEY_UNKNOWN"


def test_a_deposit_for_another_keyring_of_the_same_parties_is_refused(world: World, alice: Device) -> None:
    other = World.found(world.folder / "other", name="other")
    try:
        sent = other.send(alice, other.deal(alice, [LAB]))
        assert reason_of(world.deposit_at, 1, sent) == "WRONG_KEYRING"
    finally:
        other.close()


@pytest.mark.parametrize("what", ["index", "keyring", "manifest", "key", "dealer", "batch", "count", "kind"])
def test_every_part_of_its_meaning_keeps_a_blob_in_place(world: World, alice: Device, what: str) -> None:
    private = sealing.SealingPrivateKey.generate()
    root, key_id = bytes(32), b"k" * 32

    def info(name: str) -> bytes:
        keyring = world.keyring
        if name == "keyring":
            keyring = replace(keyring, keyring_id=KeyringId(b"o" * 32))
        if name == "manifest":
            keyring = replace(keyring, manifest_hash=ManifestHash(b"o" * 32))
        return deposit_info(
            b"o" * 32 if name == "batch" else root,
            2 if name == "count" else 1,
            world.device("bob").thumbprint if name == "dealer" else alice.thumbprint,
            keyring,
            2 if name == "index" else 1,
            b"o" * 32 if name == "key" else key_id,
            evidence=name == "kind",
        )

    sealed = sealing.seal(private.public, info("nothing"), b"shares")
    assert private.open(info("nothing"), sealed) == b"shares"
    assert reason_of(private.open, info(what), sealed) == "CANNOT_OPEN"


def test_a_naive_seal_lets_a_blob_be_moved_into_another_batch(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two records' shares change places without anybody's secret: the second record's key is never kept.
    monkeypatch.setattr(deposits, "deposit_info", naive_info)
    monkeypatch.setattr(dealing, "deposit_info", naive_info)
    first = world.send(alice, world.deal(alice, [LAB]))
    second = world.send(alice, world.deal(alice, [BOOKING]))
    blobs = blobs_of(second)
    for index, blob in blobs_of(first).items():
        blobs[index].sealed = blob.sealed
    moved = reordered(second, second.signed.statement, alice, blobs)
    # Only the commitments are left to notice; a relay that swaps their descriptors, too, passes them.
    assert refusals(world.deposit_at(1, moved)) == {0: "WRONG_SHARE"}
    order = replace(
        second.signed.statement,
        descriptors=first.signed.statement.descriptors,
        batch_root=first.signed.statement.batch_root,
    )
    assert refusals(world.deposit_at(1, reordered(second, order, alice, blobs))) == {}
