"""A lost device's key is brought back, a key that was let in lets in others, or strangers name and revoke keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.errors import BadSignature, Conflict, Denied, Exhausted, Invalid, KmsError
from kms.statements.envelope import sign
from kms.statements.evidence import Grant, Revocation
from kms.statements.kills import KeyKill
from kms.statements.mandates import OwnerKey
from kms.statements.release import Purpose
from kms_client.cache import OpenKey
from tests.protocol.adversary import ruling
from tests.protocol.world import Device, World


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("alice", issuers=("a",))


@pytest.fixture
def second(world: World) -> Device:
    return world.device("second", issuers=("a",))


def refusal(world: World, statement: object, by: Device) -> KmsError:
    with pytest.raises(KmsError) as caught:
        world.nodes[1].submit_consent(sign(statement, by.key).message)  # type: ignore[type-var]
    return caught.value


def reads(world: World, who: Device, keys: object) -> bool:
    return ruling(world.decide_at(1, world.prepare(who, keys)))[0] == "ALLOW"  # type: ignore[arg-type]


def test_a_revoked_key_never_comes_back(world: World, owner: Device, second: Device) -> None:
    keys = world.create(owner)
    kept = world.owner_key(owner, second)
    world.tell(kept, owner)
    assert reads(world, second, keys)
    world.tell(world.key_revocation(owner, owner, second), owner)
    assert not reads(world, second, keys)
    world.tell(kept, owner)  # the same again: the old receipt, and nothing changes
    assert not reads(world, second, keys)
    for again in (world.owner_key(owner, second, sequence=2), world.guardian(owner, second, sequence=3)):
        assert refusal(world, again, owner).reason == "OWNER_KEY_REVOKED"
    assert not reads(world, second, keys)
    world.start(1)
    assert not reads(world, second, keys)


def test_a_revoked_owners_key_names_nobody_and_revokes_nobody(
    world: World, owner: Device, second: Device
) -> None:
    keys = world.create(owner)
    thief = world.device("thief", issuers=("a",))
    prepared_before = world.owner_key(owner, thief, sequence=2)
    world.tell(world.owner_key(owner, second), owner)
    world.tell(world.key_revocation(owner, second, owner), second)
    assert refusal(world, prepared_before, owner).reason == "OWNER_KEY_REVOKED"
    assert refusal(world, world.guardian(owner, thief), owner).reason == "OWNER_KEY_REVOKED"
    assert refusal(world, world.key_revocation(owner, owner, second), owner).reason == "NOT_OWNER"
    assert not reads(world, owner, keys)
    assert not reads(world, thief, keys)
    assert reads(world, second, keys)
    with pytest.raises(Denied):
        world.account(1, owner)


def test_who_was_let_in_lets_in_no_other(world: World, owner: Device, second: Device) -> None:
    keys = world.create(owner)
    third = world.device("third", issuers=("a",))
    world.tell(world.owner_key(owner, second), owner)
    in_owners_name = world.owner_key(owner, third)
    assert isinstance(refusal(world, in_owners_name, second), BadSignature)
    world.tell(world.owner_key(second, third), second)  # for what is the second key's own, and nothing else
    assert not reads(world, third, keys)
    assert refusal(world, world.key_revocation(owner, third, second), third).reason == "NOT_OWNER"


def test_a_stranger_names_and_revokes_nobody(world: World, owner: Device, second: Device) -> None:
    keys = world.create(owner)
    mallory = world.device("mallory", issuers=("a",))
    assert isinstance(refusal(world, world.owner_key(owner, mallory), mallory), BadSignature)
    assert isinstance(refusal(world, world.guardian(owner, mallory), mallory), BadSignature)
    assert refusal(world, world.key_revocation(owner, mallory, owner), mallory).reason == "NOT_OWNER"
    in_owners_name = replace(world.key_revocation(owner, mallory, second), signer_thumbprint=owner.thumbprint)
    assert isinstance(refusal(world, in_owners_name, mallory), BadSignature)
    assert reads(world, owner, keys)


def test_an_older_statement_does_not_replace_a_later_one(world: World, owner: Device, second: Device) -> None:
    keys = world.create(owner)
    for_ever, for_an_hour = (
        world.owner_key(owner, second),
        world.owner_key(owner, second, valid_for=3600, sequence=2),
    )
    world.tell(for_an_hour, owner)
    assert isinstance(refusal(world, for_ever, owner), Conflict)
    world.clock.turn(3600)
    assert not reads(world, second, keys)


def test_an_owner_names_so_many_and_never_itself(world: World, owner: Device) -> None:
    for number in range(32):
        world.tell(world.owner_key(owner, world.device(f"key {number}")), owner, at=[1])
    assert isinstance(refusal(world, world.owner_key(owner, world.device("one more")), owner), Exhausted)
    with pytest.raises(Invalid):
        world.owner_key(owner, owner)
    with pytest.raises(Invalid):
        world.key_revocation(owner, owner, owner)


def granted(world: World, owner: Device, keys: Sequence[OpenKey], sequence: int = 1) -> tuple[Grant, bool]:
    """A grant of the owner's, and whether custodian 1 lets its grantee read."""
    doctor = world.device("doctor", "professional", issuers=("a",))
    grant = world.grant(owner, doctor, keys=keys, sequence=sequence)
    sealed = sign(grant, owner.key).envelope
    prepared = world.prepare(doctor, keys, purpose=Purpose.TREATMENT, grants=[sealed])
    return grant, ruling(world.decide_at(1, prepared))[0] == "ALLOW"


@pytest.mark.parametrize("how", ["revoked", "ended", "its time is up"])
@pytest.mark.parametrize("door", ["its own", "the host's"])
def test_a_key_that_acts_no_more_takes_no_grant_back(
    world: World, owner: Device, second: Device, how: str, door: str
) -> None:
    keys = world.create(owner)
    world.tell(world.owner_key(owner, second, valid_for=3600), owner)
    if how == "revoked":
        world.tell(world.key_revocation(owner, owner, second), owner)
    elif how == "ended":
        keyring = world.keyring
        kill = KeyKill(keyring.keyring_id, keyring.manifest_hash, second.thumbprint, world.clock())
        world.nodes[1].kill(sign(kill, second.key).message)
    else:
        world.clock.turn(3600)
    now = world.clock()
    thiefs = Revocation(
        world.keyring.keyring_id, world.keyring.manifest_hash, second.thumbprint, b"", now * 1000, now
    )
    envelope = sign(thiefs, second.key).message
    take = world.nodes[1].submit_consent if door == "its own" else world.nodes[1].revoke
    if how == "ended":
        with pytest.raises(Denied):
            take(envelope)
    else:
        take(envelope)  # of grants of its own, if it has any
    assert granted(world, owner, keys)[1]


@pytest.mark.parametrize("how", ["revoked", "ended"])
def test_an_owners_key_that_was_replaced_takes_no_grant_back(
    world: World, owner: Device, second: Device, how: str
) -> None:
    keys = world.create(owner)
    keyring = world.keyring
    world.tell(world.owner_key(owner, second), owner)
    if how == "revoked":
        world.tell(world.key_revocation(owner, second, owner), second)
    else:
        kill = KeyKill(keyring.keyring_id, keyring.manifest_hash, owner.thumbprint, world.clock())
        world.nodes[1].kill(sign(kill, owner.key).message)
    now = world.clock()
    thiefs = Revocation(keyring.keyring_id, keyring.manifest_hash, owner.thumbprint, b"", now * 1000, now)
    assert refusal(world, thiefs, owner).reason == "OWNER_KEY_REVOKED"
    with pytest.raises(Denied):
        world.nodes[1].revoke(sign(thiefs, owner.key).message)
    assert granted(world, second, keys)[1]


def test_what_a_key_took_back_while_it_acted_stays_taken_back(
    world: World, owner: Device, second: Device
) -> None:
    keys = world.create(owner)
    world.tell(world.owner_key(owner, second), owner)
    grant, allowed = granted(world, owner, keys)
    assert allowed
    world.revoke(second, grant, up_to_sequence=grant.sequence)
    world.tell(world.key_revocation(owner, owner, second), owner)
    assert not granted(world, owner, keys)[1]
    assert granted(world, owner, keys, sequence=2)[1]


def test_nobody_takes_back_what_is_to_be_granted_in_the_future(
    world: World, owner: Device, second: Device
) -> None:
    world.tell(world.owner_key(owner, second), owner)
    now = world.clock()
    for_ever = Revocation(
        world.keyring.keyring_id, world.keyring.manifest_hash, second.thumbprint, b"", 2**62, now
    )
    assert refusal(world, for_ever, second).reason == "INVALID_FIELD"
    with pytest.raises(Invalid):
        world.nodes[1].revoke(sign(for_ever, second.key).message)


def test_a_statement_for_another_keyring_is_refused(world: World, owner: Device, second: Device) -> None:
    elsewhere: OwnerKey = replace(world.owner_key(owner, second), keyring_id=world.keyring.manifest_hash)  # type: ignore[arg-type]
    assert refusal(world, elsewhere, owner).reason == "WRONG_KEYRING"


def test_a_key_that_its_holder_ended_says_nothing_for_an_owner_any_more(
    world: World, owner: Device, second: Device
) -> None:
    world.tell(world.owner_key(owner, second), owner)
    for ended in (owner, second):
        keyring = world.keyring
        kill = KeyKill(keyring.keyring_id, keyring.manifest_hash, ended.thumbprint, world.clock())
        world.nodes[1].kill(sign(kill, ended.key).message)
    friend = world.device("friend")
    for statement in (
        world.owner_key(owner, friend),
        world.guardian(owner, friend),
        world.binding(owner, ("a", "mallory"), ("b", "mallory")),
    ):
        assert refusal(world, statement, owner).reason == "OWNER_KEY_REVOKED"
    assert refusal(world, world.key_revocation(owner, second, owner), second).reason == "NOT_OWNER"
    for asker in (owner, second):
        with pytest.raises(Denied):
            world.account(1, asker, owner=owner)
