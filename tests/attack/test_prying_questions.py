"""What a custodian holds about an owner is asked for by others, or the owner's own question is played again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.crypto.sealing import SealingPrivateKey
from kms.errors import BadSignature, CryptoError, Denied, Invalid, KmsError, Stale
from kms.statements.codec import encode
from kms.statements.consent import AccountQuestion, account_info, open_account
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.evidence import Grant
from kms.statements.ids import GrantId
from tests.protocol.adversary import with_payload
from tests.protocol.world import Device, World


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def grant(world: World, owner: Device) -> Grant:
    return world.grant(owner, world.device("bob"), category="laboratory")


def question(
    world: World, asker: Device, grant: Grant, recipient: SealingPrivateKey
) -> Signed[AccountQuestion]:
    return sign(world.question(1, asker, recipient, grants=[grant]), asker.key)


def test_an_owner_is_told(world: World, owner: Device, grant: Grant) -> None:
    recipient = SealingPrivateKey.generate()
    asked = question(world, owner, grant, recipient)
    answered = world.nodes[1].account(asked.message)
    answer, sealed = answered.envelope, answered.sealed
    envelope = Envelope.FromString(answer)
    account = open_account(envelope, sealed, world.keyring, asked, recipient)
    assert [(use.grant_id, use.uses, use.revoked) for use in account.grants] == [(grant.grant_id, 0, False)]


def test_others_are_told_nothing(world: World, owner: Device, grant: Grant) -> None:
    mallory, recipient = world.device("mallory"), SealingPrivateKey.generate()
    asked = replace(question(world, owner, grant, recipient).statement, asker_thumbprint=mallory.thumbprint)
    with pytest.raises(Denied, match="only the owner") as caught:
        world.nodes[1].account(sign(asked, mallory.key).message)
    assert caught.value.reason == "NOT_OWNER"
    in_owners_name = sign(replace(asked, asker_thumbprint=owner.thumbprint), mallory.key)
    with pytest.raises(BadSignature):
        world.nodes[1].account(in_owners_name.message)


def test_a_question_that_was_overheard_is_answered_to_who_asked_it_alone(
    world: World, owner: Device, grant: Grant
) -> None:
    mine, thiefs = SealingPrivateKey.generate(), SealingPrivateKey.generate()
    asked = question(world, owner, grant, mine)
    sealed = world.nodes[1].account(asked.message).sealed
    with pytest.raises(CryptoError):
        thiefs.open(account_info(asked), sealed)
    bent = with_payload(asked.message, encode(replace(asked.statement, recipient_key=thiefs.public)))
    with pytest.raises(BadSignature):
        world.nodes[1].account(bent)


def test_a_question_is_for_one_custodian_and_for_now(world: World, owner: Device, grant: Grant) -> None:
    asked = question(world, owner, grant, SealingPrivateKey.generate())
    with pytest.raises(Invalid) as elsewhere:
        world.nodes[2].account(asked.message)
    assert elsewhere.value.reason == "WRONG_CUSTODIAN"
    for seconds in (301, -602):  # too old, then from the future
        world.clock.turn(seconds)
        with pytest.raises(Stale) as caught:
            world.nodes[1].account(asked.message)
        assert caught.value.reason == "QUESTION_NOT_FRESH"


def test_an_answer_to_another_question_or_by_another_custodian_is_refused(
    world: World, owner: Device, grant: Grant
) -> None:
    recipient = SealingPrivateKey.generate()
    first, second = (
        question(world, owner, replace(grant, grant_id=GrantId(end * 16)), recipient) for end in (b"1", b"2")
    )
    answered = world.nodes[1].account(first.message)
    answer, sealed = answered.envelope, answered.sealed
    elsewhere = sign(replace(first.statement, index=2), owner.key)
    for asked in (second, elsewhere):
        with pytest.raises(KmsError):
            open_account(answer, sealed, world.keyring, asked, recipient)
    with pytest.raises(KmsError):
        open_account(answer, sealed[:-1] + bytes([sealed[-1] ^ 1]), world.keyring, first, recipient)
