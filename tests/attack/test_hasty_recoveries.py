"""An owner's key is taken over as if it were lost: too soon, by one voice, for another owner, against its word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kms.errors import BadSignature, KmsError
from kms.statements.consent import NoticeKind
from kms.statements.envelope import sign
from kms.statements.recovery import RecoveryRequest
from kms.statements.release import Purpose
from tests.protocol.adversary import ruling
from tests.protocol.ceremonies import change_committee
from tests.protocol.world import Device, World

WEEK = 7 * 86400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", recovery_delay=WEEK)
    yield made
    made.close()


@pytest.fixture
def owner(world: World) -> Device:
    """Known to both issuers as alice, and bound as that."""
    owner = world.device("alice", issuers=("a",))
    world.tell(world.binding(owner, ("a", "alice"), ("b", "alice")), owner)
    return owner


@pytest.fixture
def new(world: World) -> Device:
    """A device with another key, whose holder says to be alice."""
    return replace(world.device("new phone", issuers=("a",)), name="alice")


def vouched(world: World, device: Device, *people: tuple[str, str]) -> list[str]:
    """Credentials for this device's key by (issuer's name, subject)."""
    return [
        token
        for issuer, who in people
        for token in world.credentials(replace(device, name=who, issuers=(issuer,)))
    ]


def begin(world: World, owner: Device, new: Device, credentials: Sequence[str], index: int = 1) -> None:
    statement = world.recovery(index, owner, new, credentials)
    world.nodes[index].submit_consent(sign(statement, new.key).message)


def refusal(world: World, owner: Device, new: Device, credentials: Sequence[str]) -> str:
    with pytest.raises(KmsError) as caught:
        begin(world, owner, new, credentials)
    return caught.value.reason


def reads(world: World, who: Device, keys: object, index: int = 1) -> bool:
    return ruling(world.decide_at(index, world.prepare(who, keys)))[0] == "ALLOW"  # type: ignore[arg-type]


def test_strangers_cannot_keep_an_owner_from_coming_back(world: World, owner: Device, new: Device) -> None:
    keys = world.create(owner)
    node = world.nodes[1]
    node.context = replace(node.context, statements_per_hour=0)
    assert (
        refusal(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "eve")))
        == "RECOVERY_NOT_VOUCHED"
    )
    begin(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice")))
    world.clock.turn(WEEK)
    assert reads(world, new, keys)


def test_a_lost_key_is_recovered_after_the_wait_and_over_a_restart(
    world: World, owner: Device, new: Device
) -> None:
    keys = world.create(owner)
    for index in world.nodes:
        begin(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice")), index)
    world.clock.turn(WEEK - 1)
    for index in list(world.nodes):
        world.start(index)
    assert not reads(world, new, keys)  # before the delay
    world.clock.turn(1)
    assert world.release(new, keys).opened
    world.tell(world.key_revocation(owner, new, owner), new)
    assert not reads(world, owner, keys)


def test_the_owner_is_told_at_once_and_objects(world: World, owner: Device, new: Device) -> None:
    keys = world.create(owner)
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    statement = sign(world.recovery(1, owner, new, tokens), new.key)
    receipt = world.nodes[1].submit_consent(statement.message)
    (notice,) = world.account(1, owner).notices
    assert (notice.kind, notice.key_thumbprint) == (NoticeKind.RECOVERY_BEGUN, new.thumbprint)
    (waits,) = world.account(1, owner).recoveries
    assert (waits.key_thumbprint, waits.counts_from) == (new.thumbprint, world.clock() + WEEK)

    world.tell(world.key_revocation(owner, owner, new), owner)
    assert world.nodes[1].submit_consent(statement.message) == receipt  # and nothing changes by it
    assert (
        refusal(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice"))) == "OWNER_KEY_REVOKED"
    )
    world.clock.turn(WEEK)
    assert not reads(world, new, keys)
    account = world.account(1, owner)
    assert account.notices[-1].kind is NoticeKind.RECOVERY_STOPPED
    assert [r.counts_from for r in account.recoveries] == [0]


def test_asking_again_moves_no_date_and_an_owner_has_so_many_keys(
    world: World, owner: Device, new: Device
) -> None:
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    begin(world, owner, new, tokens)
    (waits,) = world.account(1, owner).recoveries
    world.clock.turn(60)
    assert refusal(world, owner, new, tokens) == "RECOVERY_BEGUN"
    assert world.account(1, owner).recoveries == (waits,)
    for number in range(31):
        world.tell(world.owner_key(owner, world.device(f"key {number}")), owner, at=[1])
    other = replace(world.device("another phone", issuers=("a",)), name="alice")
    tokens = vouched(world, other, ("a", "alice"), ("b", "alice"))
    assert refusal(world, owner, other, tokens) == "TOO_MANY_KEYS"


def test_one_voice_recovers_nothing(world: World, owner: Device, new: Device) -> None:
    stranger = vouched(world, new, ("a", "alice"), ("b", "mallory"))
    assert refusal(world, owner, new, stranger) == "RECOVERY_NOT_VOUCHED"
    twice = vouched(world, new, ("a", "alice"), ("a", "alice"))
    assert refusal(world, owner, new, twice) == "CREDENTIAL_REPEATED"


def test_two_brands_of_one_owner_are_one_voice(tmp_path: Path) -> None:
    apart = World.found(tmp_path / "apart", name="apart")
    apart.close()
    issuers = tuple(replace(i, controlled_by="one owner") for i in apart.keyring.manifest.issuers)
    world = World.found(tmp_path / "one", recovery_delay=WEEK, issuers=issuers)
    alice, new = world.device("alice"), world.device("new phone")
    world.tell(world.binding(alice, ("a", "alice"), ("b", "alice")), alice)
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    assert refusal(world, alice, new, tokens) == "RECOVERY_NOT_VOUCHED"
    world.close()


def test_who_is_bound_to_one_owner_recovers_no_other(world: World, owner: Device, new: Device) -> None:
    bob, unbound = world.device("bob"), world.device("carol")
    world.tell(world.binding(bob, ("a", "bob"), ("b", "bob")), bob)
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    for other in (bob, unbound):
        assert refusal(world, other, new, tokens) == "RECOVERY_NOT_VOUCHED"
    taken_over = world.binding(owner, ("a", "mallory"), ("b", "mallory"), sequence=2)
    with pytest.raises(BadSignature):
        world.tell(taken_over, world.device("mallory"))


def test_a_recovery_is_for_one_custodian_for_now_and_by_its_own_key(
    world: World, owner: Device, new: Device
) -> None:
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    statement = world.recovery(1, owner, new, tokens)
    elsewhere = sign(statement, new.key).message
    with pytest.raises(KmsError) as replayed:
        world.nodes[2].submit_consent(elsewhere)
    assert replayed.value.reason == "WRONG_CUSTODIAN"
    thief = world.device("thief")
    for other in (statement, replace(statement, key_thumbprint=thief.thumbprint)):
        with pytest.raises(KmsError) as caught:
            world.nodes[1].submit_consent(sign(other, thief.key).message)
        assert caught.value.reason in {"WRONG_SIGNER", "CREDENTIAL_WRONG_KEY"}
    world.clock.turn(301)
    with pytest.raises(KmsError) as late:
        world.nodes[1].submit_consent(elsewhere)
    assert late.value.reason == "QUESTION_NOT_FRESH"


def test_while_it_waits_the_new_key_says_nothing_that_counts(
    world: World, owner: Device, new: Device
) -> None:
    keys = world.create(owner)
    doctor = world.device("doctor", "professional", issuers=("a",))
    mine, theirs = world.grant(owner, doctor, keys=keys), world.grant(new, doctor, keys=keys)
    begin(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice")))
    world.revoke(new, mine, at=[1])
    for grant, by, allowed in ((mine, owner, True), (theirs, new, False)):
        prepared = world.prepare(
            doctor, keys, purpose=Purpose.TREATMENT, grants=[sign(grant, by.key).envelope]
        )
        assert (ruling(world.decide_at(1, prepared))[0] == "ALLOW") is allowed
    with pytest.raises(KmsError) as caught:
        world.tell(world.key_revocation(owner, new, owner), new, at=[1])
    assert caught.value.reason == "NOT_OWNER"


def test_no_recovery_where_the_manifest_has_none(tmp_path: Path) -> None:
    world = World.found(tmp_path / "world")
    alice, new = world.device("alice"), world.device("new phone")
    world.tell(world.binding(alice, ("a", "alice"), ("b", "alice")), alice)
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    assert refusal(world, alice, new, tokens) == "RECOVERY_OFF"
    world.close()


def test_a_recovery_that_admins_switched_off_meanwhile_comes_to_nothing(
    world: World, owner: Device, new: Device
) -> None:
    keys = world.create(owner)
    begin(world, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice")))
    change_committee(world, range(1, 6), 3, recovery_delay=0)
    world.clock.turn(WEEK)
    assert not reads(world, new, keys)


def test_an_older_binding_does_not_replace_a_later_one(world: World, owner: Device, new: Device) -> None:
    world.tell(world.binding(owner, sequence=2), owner)  # taken back
    with pytest.raises(KmsError) as caught:
        world.tell(world.binding(owner, ("a", "alice"), sequence=1), owner)
    assert caught.value.reason == "SEQUENCE_OLD"
    tokens = vouched(world, new, ("a", "alice"), ("b", "alice"))
    assert refusal(world, owner, new, tokens) == "RECOVERY_NOT_VOUCHED"


def test_a_request_signs_its_own_credentials(world: World, owner: Device, new: Device) -> None:
    statement = world.recovery(1, owner, new, vouched(world, new, ("a", "alice"), ("b", "alice")))
    assert "eyJ" not in repr(statement)
    assert isinstance(statement, RecoveryRequest)
