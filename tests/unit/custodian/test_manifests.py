"""A policy that changes, a manifest that expires, one that forks and one that evicts, at real nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kms.crypto import derivation
from kms.custodian.check import check_store
from kms.custodian.following import stored_chain
from kms.custodian.node import CustodianNode, NodeOptions
from kms.policy.engine import default_policy
from kms.statements.ceremony import RepairTask
from kms.statements.chain import Chain, extend
from kms.statements.envelope import sign
from kms.statements.notices import notices
from kms.statements.release import open_decision
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import change_committee, message, next_manifest
from tests.protocol.world import LAB, World, signing_key

DAY = 86400
FORBID = '\n@id("closed") forbid (principal, action == Action::"release", resource);\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path, n=6)


def everybody(world: World, chain: Chain, **changes: object) -> Chain:
    """The chain with one more manifest that all have signed."""
    manifest = next_manifest(world, **changes)
    return extend(chain, sign(manifest, signing_key("admin"), *world.identities.values()).envelope)


# -- a policy change ------------------------------------------------------------------------------------


def test_a_new_policy_decides_once_its_delay_has_passed_and_not_before(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice)
    change_committee(world, range(1, 7), 3, change_delay=DAY)
    world.clock.turn(60)
    change_committee(world, range(1, 7), 3, change_delay=DAY, policy=default_policy() + FORBID)
    announced = world.chain.last
    assert world.keyring.manifest.sequence == 1
    assert set(world.release(alice, keys).opened) == {keys[0].key_id}
    (told,) = notices(world.chain, world.clock())
    assert told.startswith("manifest 2 is signed by all and holds from")

    old = world.prepare(alice, keys, lifetime=3 * DAY)
    world.clock.turn(DAY)
    for node in world.nodes.values():
        node.tick()
    assert reason_of(world.decide_at, 1, old) == "STALE_MANIFEST"
    world.keyring = world.chain.in_force(world.clock())
    assert world.keyring is announced
    assert not world.release(alice, keys).opened
    assert notices(world.chain, world.clock()) == []


def test_a_request_that_waits_for_people_ends_with_the_policy_that_it_was_made_under(world: World) -> None:
    owner, doctor = world.device("alice"), world.device("dr-bob", "professional", ("a",))
    keys = world.create(owner)
    asked = world.prepare(doctor, keys)
    world.decide_at(1, asked)
    (waiting,) = world.nodes[1].waiting_views()
    change_committee(world, range(1, 7), 3, name="renamed")
    assert world.nodes[1].waiting_views() == []
    assert waiting.request_hash == asked.opened.hash
    decided = world.nodes[1].latest(asked.opened.hash)
    assert decided is not None
    assert not decided.waiting


# -- an expired manifest --------------------------------------------------------------------------------


def expire(world: World) -> None:
    world.clock.turn(world.keyring.manifest.expires_at - world.clock())


def test_an_expired_manifest_answers_nothing_until_it_is_renewed_and_then_goes_on(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice)
    asked = world.prepare(alice, keys)
    expire(world)
    assert reason_of(world.decide_at, 1, asked) == "MANIFEST_EXPIRED"
    assert reason_of(world.nodes[1].release, asked.opened.hash, b"") == "MANIFEST_EXPIRED"
    assert notices(world.chain, world.clock()) == [
        "manifest 0 has expired: custodians answer nothing until its admins renew it"
    ]
    world.start(1, options=NodeOptions(accept_clock=True))  # it must be up to hear of the renewal
    assert world.nodes[1].days_left() == -1
    change_committee(world, range(1, 7), 3, expires_at=world.clock() + 365 * DAY)
    assert set(world.release(alice, keys).opened) == {keys[0].key_id}
    assert world.nodes[1].days_left() is None


def test_its_end_is_said_from_thirty_days_before(world: World) -> None:
    end, node = world.keyring.manifest.expires_at, world.nodes[1]
    world.clock.turn(end - 30 * DAY - world.clock())
    assert node.days_left() is None
    assert notices(world.chain, world.clock()) == []
    world.clock.turn(1)
    assert node.days_left() == 29
    assert notices(world.chain, world.clock()) == ["manifest 0 expires in 29 days: its admins must renew it"]
    world.clock.turn(30 * DAY - 2)
    assert node.days_left() == 0
    world.clock.turn(1)
    assert node.days_left() == -1


# -- a fork ---------------------------------------------------------------------------------------------


def test_a_node_keeps_both_sides_of_a_fork_goes_on_with_its_own_and_shows_them(world: World) -> None:
    before = world.chain
    other = everybody(world, before, name="other")
    change_committee(world, range(1, 7), 3, name="one")
    node = world.nodes[1]
    for _ in range(2):
        assert reason_of(node.follow_chain, other.envelopes) == "FORK"
    assert node.context.keyring.manifest.name == "one"
    pair = (world.chain.last.envelope, other.last.envelope)
    world.start(1)
    store = world.nodes[1].context.store
    assert store.versions.forks() == [pair]
    assert check_store(store, world.nodes[1].context.vault).forks == ((pair[0].hex(), pair[1].hex()),)
    assert reason_of(stored_chain, store, other) == "FORK"  # nor does it start on the other side


def test_evidence_of_forks_does_not_fill_the_disk(world: World) -> None:
    before = world.chain
    change_committee(world, range(1, 7), 3, name="one")
    world.chain, last = before, world.chain
    for number in range(12):
        other = everybody(world, before, name=f"other {number}")
        assert reason_of(world.nodes[1].follow_chain, other.envelopes) == "FORK"
    world.chain = last
    assert len(world.nodes[1].context.store.versions.forks()) == 8


def test_a_manifest_that_is_not_validly_signed_is_no_fork_and_leaves_no_evidence(world: World) -> None:
    before = world.chain
    change_committee(world, range(1, 7), 3, name="one")
    world.chain, last = before, world.chain
    forged = sign(next_manifest(world, name="other"), *world.identities.values()).envelope
    world.chain = last
    assert reason_of(world.nodes[1].follow_chain, [*before.envelopes, forged]) == "SIGNATURES_MISSING"
    assert world.nodes[1].context.store.versions.forks() == []


# -- an eviction ----------------------------------------------------------------------------------------


def evict(world: World) -> CustodianNode:
    """Custodian 6 is put out in an emergency, though changes wait for a week."""
    change_committee(world, range(1, 7), 3, change_delay=7 * DAY)
    world.clock.turn(60)
    change_committee(world, range(1, 6), 3, change_delay=7 * DAY, emergency=True)
    return world.nodes[6]


def test_an_eviction_holds_at_once_and_reading_goes_on_without_the_evicted(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 2)
    gone = evict(world)
    assert world.keyring.manifest.emergency
    assert world.keyring.manifest.indices == (1, 2, 3, 4, 5)
    asked = world.prepare(alice, keys)
    assert set(world.collect(asked).opened) == {key.key_id for key in keys}
    assert reason_of(gone.decide, asked.message.request, b"") == "NOT_A_MEMBER"
    fresh = world.create(alice)
    assert set(world.release(alice, fresh).opened) == {fresh[0].key_id}
    assert gone.descriptors([fresh[0].key_id]) == []


def test_an_evicted_custodian_s_word_counts_no_more_and_nobody_repairs_it(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice)
    asked = world.prepare(alice, keys)
    decided = world.decide_at(6, asked)
    gone = evict(world)
    name = asked.opened.hash
    assert reason_of(open_decision, decided, world.keyring, 6, name, 1) == "UNKNOWN_CUSTODIAN"

    key_ids, version = [keys[0].key_id], keys[0].descriptor.version
    assert reason_of(gone.start_repair, version, (1, 2, 3), key_ids) == "NOT_A_MEMBER"
    bound = world.keyring.keyring_id, world.keyring.manifest_hash
    root = derivation.batch_root(list(key_ids))
    task = RepairTask(*bound, 6, bytes(16), version, (1, 2, 3), root, 1, world.clock())
    asks = sign(task, world.identities[6]).message
    sealing_keys = [message(world.nodes[i].sealing_key().envelope) for i in (1, 2, 3)]
    assert reason_of(world.nodes[1].make_pieces, asks, key_ids, sealing_keys) == "NOT_A_MEMBER"
