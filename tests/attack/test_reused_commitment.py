"""C_0 names a secret. Whoever may deposit a seen one again has a second name, and a second owner, for one key.

With a blob from elsewhere (a custodian that leaked, a seal that was too loose) the first owner's secret would
then be released to the second. So a C_0 is taken once in a keyring's life.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from kms.crypto import derivation
from kms.crypto.group import Q
from kms.crypto.hashing import equal
from kms.crypto.sharing import decode_share, encode_share
from kms.custodian import deposits
from kms.custodian.sqlite import SqliteCustodianStore
from kms.statements.keys import DepositSecrets, Descriptor
from kms_client.dealing import Dealt
from tests.protocol.adversary import opened_shares, redescribed, refusals, secret_of
from tests.protocol.world import LAB, Device, World


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def mallory(world: World) -> Device:
    return world.device("mallory")


def leaked(dealt: Dealt, owner: Device, *, negated: bool = False, times: int = 1) -> Dealt:
    """The victim's very shares, under other descriptions: what somebody deposits who got hold of them."""
    theirs = dealt.keys[0].descriptor
    points = tuple(negative(p) if negated else p for p in theirs.core.commitments)
    described = [
        redescribed(
            theirs,
            kcv=secrets.token_bytes(32),
            owner_thumbprint=owner.thumbprint,
            creator_thumbprint=owner.thumbprint,
            commitments=points,
        )
        for _ in range(times)
    ]
    keys = tuple(replace(dealt.keys[0], descriptor=descriptor) for descriptor in described)
    shares = {
        index: DepositSecrets(
            tuple(minus(share) if negated else share for share in kept.shares) * times, kept.openings * times
        )
        for index, kept in dealt.secrets.items()
    }
    return Dealt(keys, shares)


def negative(point: bytes) -> bytes:
    return bytes([point[0] ^ 1]) + point[1:]


def minus(share: bytes) -> bytes:
    a, b = decode_share(share)
    return encode_share(Q - a, Q - b)


@pytest.mark.parametrize("negated", [False, True], ids=["C_0", "-C_0"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_seen_commitment_is_not_taken_again(
    world: World, alice: Device, mallory: Device, negated: bool, times: int
) -> None:
    dealt = world.deal(alice, [LAB])
    sent = world.send(alice, dealt)
    for index in world.nodes:
        world.deposit_at(index, sent)
        again = world.send(mallory, leaked(dealt, mallory, negated=negated, times=times))
        assert refusals(world.deposit_at(index, again)) == dict.fromkeys(range(times), "COMMITMENT_SEEN")
        assert world.nodes[index].context.store.count_keys() == 1


@pytest.mark.parametrize("negated", [False, True], ids=["C_0", "-C_0"])
def test_within_one_batch_a_commitment_counts_once(
    world: World, alice: Device, mallory: Device, negated: bool
) -> None:
    dealt = world.deal(alice, [LAB])
    second = leaked(dealt, alice, negated=negated)
    both = Dealt(
        dealt.keys + second.keys,
        {
            i: DepositSecrets(
                kept.shares + second.secrets[i].shares, kept.openings + second.secrets[i].openings
            )
            for i, kept in dealt.secrets.items()
        },
    )
    assert refusals(world.deposit_at(1, world.send(alice, both))) == {1: "COMMITMENT_SEEN"}


def test_a_key_is_not_taken_twice_under_its_own_name_either(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB])
    assert refusals(world.deposit_at(1, world.send(alice, dealt))) == {}
    assert refusals(world.deposit_at(1, world.send(alice, dealt))) == {0: "KEY_SEEN"}


def test_a_commitment_with_another_tail_is_still_seen(world: World, alice: Device, mallory: Device) -> None:
    # Same C_0, other C_1 and C_2: another sharing of the same secret.
    dealt = world.deal(alice, [LAB])
    world.deposit_at(1, world.send(alice, dealt))
    other = world.deal(mallory, [LAB])
    points = dealt.keys[0].descriptor.core.commitments[:1] + other.keys[0].descriptor.core.commitments[1:]
    mixed = replace(
        other,
        keys=(replace(other.keys[0], descriptor=redescribed(other.keys[0].descriptor, commitments=points)),),
    )
    assert refusals(world.deposit_at(1, world.send(mallory, mixed))) == {0: "COMMITMENT_SEEN"}


def test_what_is_seen_stays_seen_after_a_restart(world: World, alice: Device, mallory: Device) -> None:
    dealt = world.deal(alice, [LAB])
    world.deposit_at(1, world.send(alice, dealt))
    world.start(1)
    assert refusals(world.deposit_at(1, world.send(mallory, leaked(dealt, mallory)))) == {
        0: "COMMITMENT_SEEN"
    }


class NaiveStore:
    """Takes a key unless it has exactly this one."""

    @staticmethod
    def known_keys(store: SqliteCustodianStore, descriptors: tuple[Descriptor, ...]) -> dict[int, str]:
        held = store.keys([d.key_id for d in descriptors])
        return {
            p: "KEY_SEEN"
            for p, d in enumerate(descriptors)
            if any(equal(d.key_id, key_id) for key_id in held)
        }


@pytest.mark.parametrize("negated", [False, True], ids=["C_0", "-C_0"])
def test_a_naive_store_gives_the_second_owner_the_first_one_s_key(
    world: World, alice: Device, mallory: Device, monkeypatch: pytest.MonkeyPatch, negated: bool
) -> None:
    monkeypatch.setattr(SqliteCustodianStore, "known_keys", NaiveStore.known_keys)
    monkeypatch.setattr(deposits, "_repeated_commitments", lambda opened: {})
    dealt = world.deal(alice, [LAB])
    sent, again = world.send(alice, dealt), world.send(mallory, leaked(dealt, mallory, negated=negated))
    for index in world.nodes:
        world.deposit_at(index, sent)
        assert refusals(world.deposit_at(index, again)) == {}
    prepared = world.prepare(mallory, [again.key_ids()[0]])
    found = secret_of(opened_shares(prepared, world.coordinator().release(prepared))[0])
    if negated:
        found = type(found)((Q - int.from_bytes(found.reveal(), "big")).to_bytes(32, "big"))
    assert derivation.data_key(found, dealt.keys[0].key_id) == dealt.keys[0].secret
