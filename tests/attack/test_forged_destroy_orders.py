"""Orders that are nobody's to give: forged, foreign, of a key that acts no more, of too few admins, for no reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.forbids import file_source
from kms.custodian.node import NodeOptions
from kms.errors import Invalid
from kms.statements.chain import extend
from kms.statements.codec import encode
from kms.statements.destroyed import DestroyScheduled
from kms.statements.destruction import AdminDestroyOrder, DestroyOrder
from kms.statements.envelope import Signed, sign
from kms.statements.ids import KeyringId, ManifestHash
from kms.statements.keys import describe
from kms.statements.kills import KeyKill
from kms.wire.v1 import destruction_pb2
from kms_client.cache import OpenKey
from tests.protocol.adversary import resigned
from tests.protocol.ceremonies import next_manifest
from tests.protocol.destroying import (
    is_word,
    make_admin_order,
    make_order,
    submission,
    tell,
)
from tests.protocol.world import LAB, Device, World, signing_key

ADMINS = [signing_key(f"admin {n}") for n in (1, 2, 3)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two of three admins act together."""
    made = World.found(
        tmp_path / "world",
        admins=tuple(key.public for key in ADMINS),
        admin_quorum=2,
        founders=ADMINS,
    )
    yield made
    made.close()


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    return world.create(alice, [LAB] * 2)


def answer(world: World, order: Signed[DestroyOrder] | Signed[AdminDestroyOrder], by: Device | None) -> str:
    """Custodian 1's reason; empty if it took the order."""
    said = tell(world, submission(world, order, by=by), 1)[1]
    return said if isinstance(said, str) else ""


def nothing_is_scheduled(world: World, keys: tuple[OpenKey, ...]) -> bool:
    return not world.nodes[1].context.store.destructions.scheduled([key.key_id for key in keys])


# -- owners --------------------------------------------------------------------------------------------------------


def test_the_owner_with_one_issuer_orders(world: World, keys: tuple[OpenKey, ...]) -> None:
    order = make_order(world, world.device("alice"), keys)
    told = tell(world, submission(world, order, by=world.device("alice", issuers=("a",))))
    assert all(is_word(DestroyScheduled, word) for word in told.values())


def test_an_order_by_somebody_else_is_refused(world: World, keys: tuple[OpenKey, ...]) -> None:
    mallory = world.device("mallory", "professional")
    assert answer(world, make_order(world, mallory, keys), mallory) == "NOT_OWNER"
    assert nothing_is_scheduled(world, keys)


def test_one_foreign_key_among_own_ones_spoils_the_order(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    bob = world.device("bob")
    theirs = world.create(bob)
    assert answer(world, make_order(world, alice, keys + theirs), alice) == "NOT_OWNER"
    assert nothing_is_scheduled(world, keys + theirs)


def test_an_order_in_the_owners_name_signed_by_another_key_is_refused(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    forged = resigned(order.message, order.payload, world.device("mallory").key)
    assert tell(world, submission(world, forged, by=alice), 1) == {1: "WRONG_SIGNER"}
    longer = replace(order.statement, waiting=1)
    altered = order.message
    altered.payload = encode(longer)
    assert tell(world, submission(world, altered, by=alice), 1) == {1: "BAD_SIGNATURE"}


def test_the_owners_key_alone_is_not_enough(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    """A stolen key without anybody who knows its holder destroys nothing."""
    assert answer(world, make_order(world, alice, keys), None) == "NO_RULE_ALLOWS"
    bobs = world.device("bob")  # whose credentials are bound to another key
    assert answer(world, make_order(world, alice, keys), bobs) == "CREDENTIAL_WRONG_KEY"


def test_an_order_for_another_keyring_is_refused(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys, keyring_id=KeyringId(b"k" * 32))
    assert answer(world, order, alice) == "WRONG_KEYRING"
    admins = make_admin_order(world, keys, *ADMINS[:2], keyring_id=KeyringId(b"k" * 32))
    assert answer(world, admins, None) == "WRONG_KEYRING"


def test_a_key_that_the_owner_named_orders_until_it_is_revoked(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    tablet = world.device("tablet")
    assert answer(world, make_order(world, tablet, keys), tablet) == "NOT_OWNER"
    world.tell(world.owner_key(alice, tablet), alice)
    assert answer(world, make_order(world, tablet, keys), tablet) == ""
    world.tell(world.key_revocation(alice, alice, tablet), alice)
    assert answer(world, make_order(world, tablet, keys), tablet) == "NOT_OWNER"


def test_the_owners_own_key_orders_no_more_once_it_is_revoked(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """The thief of a phone whose owner has told the custodians so, from the tablet."""
    tablet = world.device("tablet")
    world.tell(world.owner_key(alice, tablet), alice)
    world.tell(world.key_revocation(alice, tablet, alice), tablet)
    assert answer(world, make_order(world, alice, keys), alice) == "NOT_OWNER"
    # Not by the word of others either, which have not heard of it.
    order = make_order(world, alice, keys)
    words = {i: sign(_scheduled(world, order, i), world.identities[i]).envelope for i in (3, 4, 5)}
    sent = submission(world, order, by=alice, words=words.values())
    assert tell(world, sent, 1) == {1: "NOT_OWNER"}


def test_nor_once_it_is_killed(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    killed = KeyKill(world.keyring.keyring_id, world.keyring.manifest_hash, alice.thumbprint, world.clock())
    world.nodes[1].kill(sign(killed, alice.key).message)
    assert answer(world, make_order(world, alice, keys), alice) == "NOT_OWNER"


def test_a_guardian_destroys_nothing(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    mother = world.device("mother")
    world.tell(world.guardian(alice, mother), alice)
    assert answer(world, make_order(world, mother, keys), mother) == "NOT_OWNER"


def test_a_policy_that_forbids_it_is_heard_for_admins_too(
    world: World, alice: Device, keys: tuple[OpenKey, ...], tmp_path: Path
) -> None:
    rule = tmp_path / "forbids.cedar"
    rule.write_text(
        '@id("keep-lab") forbid (principal, action == Action::"destroy", resource)'
        ' when { context.category == "laboratory" };'
    )
    world.start(1, options=NodeOptions(forbids=file_source(rule)))
    assert answer(world, make_order(world, alice, keys), alice) == "KEEP_LAB"
    assert answer(world, make_admin_order(world, keys, *ADMINS[:2]), None) == "KEEP_LAB"


def test_an_order_that_was_kept_for_months_begins_nothing(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order = make_order(world, alice, keys)
    world.clock.turn(91 * 86400)
    assert answer(world, order, alice) == "ORDER_TOO_OLD"
    ahead = make_order(world, alice, keys, created_at=world.clock() + 3600)
    assert answer(world, ahead, alice) == "INVALID_FIELD"


def test_of_keys_that_are_not_here_policy_is_asked_all_the_same(world: World, alice: Device) -> None:
    """Else a stolen key alone puts up tombstones at every custodian that had missed the deposit."""
    away = world.create(alice, [LAB], at=(2, 3, 4))
    order = make_order(world, alice, away)
    described = [key.descriptor.payload for key in away]
    assert tell(world, submission(world, order, descriptors=described), 1) == {1: "NO_RULE_ALLOWS"}
    told = tell(world, submission(world, order, by=alice, descriptors=described), 1)
    assert is_word(DestroyScheduled, told[1])


@pytest.mark.parametrize("what", ["another keyring", "another threshold", "an unknown manifest"])
def test_keys_that_cannot_be_of_this_keyring_get_no_tombstones(
    world: World, alice: Device, what: str
) -> None:
    """Their describer alone signs for them: tombstones of whatever somebody makes up would fill the disk for ever."""
    (made,) = world.deal(alice, [LAB]).keys
    changes: dict[str, object] = {
        "another keyring": {"keyring_id": KeyringId(b"k" * 32)},
        "another threshold": {
            "threshold": world.keyring.threshold - 1,
            "commitments": made.descriptor.core.commitments[:-1],
        },
        "an unknown manifest": {"manifest_hash": ManifestHash(b"m" * 32)},
    }
    foreign = describe(replace(made.descriptor.core, **changes[what]), bytes(32))  # type: ignore[arg-type]
    order = make_order(world, alice, [foreign.key_id])
    said = tell(world, submission(world, order, by=alice, descriptors=[foreign.payload]), 1)[1]
    assert said in ("WRONG_KEYRING", "WRONG_THRESHOLD", "UNKNOWN_MANIFEST"), said
    assert world.nodes[1].context.store.destructions.find(order.hash) is None


# -- admins --------------------------------------------------------------------------------------------------------


def test_a_quorum_of_admins_orders_with_a_reason(world: World, keys: tuple[OpenKey, ...]) -> None:
    assert answer(world, make_admin_order(world, keys, *ADMINS[1:]), None) == ""


def test_one_admin_alone_orders_nothing(world: World, keys: tuple[OpenKey, ...]) -> None:
    order = make_admin_order(world, keys, ADMINS[0])
    assert answer(world, order, None) == "SIGNATURES_MISSING"
    twice = order.message
    twice.signatures.append(twice.signatures[0])
    assert tell(world, submission(world, twice), 1) == {1: "DUPLICATE_SIGNATURE"}
    stranger = make_admin_order(world, keys, ADMINS[0], signing_key("mallory"))
    assert answer(world, stranger, None) == "WRONG_SIGNER"


def test_nor_do_admins_without_a_reason(world: World, keys: tuple[OpenKey, ...]) -> None:
    with pytest.raises(Invalid):  # such a statement cannot even be made
        make_admin_order(world, keys, *ADMINS[:2], text_hash=b"")
    good = make_admin_order(world, keys, *ADMINS[:2])
    for spoil in ("reason", "text_hash"):
        raw = destruction_pb2.AdminDestroyOrder.FromString(good.payload)
        raw.ClearField(spoil)
        payload = raw.SerializeToString(deterministic=True)
        forged = good.message
        forged.payload = payload
        del forged.signatures[:]
        for admin in ADMINS[:2]:
            forged.signatures.add(keyid=admin.public, sig=admin.sign(forged.payload_type, payload))
        assert tell(world, submission(world, forged), 1) == {1: "INVALID_FIELD"}


def test_admins_of_a_former_manifest_order_nothing(world: World, keys: tuple[OpenKey, ...]) -> None:
    order = make_admin_order(world, keys, *ADMINS[:2])
    change_admins(world)
    assert answer(world, order, None) == "STALE_MANIFEST"


def change_admins(world: World) -> None:
    """The next manifest has one new admin; the old ones sign it, too."""
    new = [signing_key("admin 9")]
    manifest = next_manifest(world, admins=(new[0].public,), admin_quorum=1)
    signers = [*ADMINS, *new, *world.identities.values()]
    world.chain = extend(world.chain, sign(manifest, *signers).envelope)
    for node in world.nodes.values():
        node.follow_chain(world.chain.envelopes)
    world.keyring = world.chain.in_force(world.clock())


def _scheduled(world: World, order: Signed[DestroyOrder], index: int) -> DestroyScheduled:
    keyring = world.keyring
    return DestroyScheduled(
        keyring.keyring_id, keyring.manifest_hash, index, order.hash, 2, world.clock(), world.clock(), 1
    )
