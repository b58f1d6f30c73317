"""Others ask what happened to an owner's records, play the question again, or read the answer on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kms.crypto.sealing import SealingPrivateKey
from kms.errors import KmsError
from kms.statements.envelope import open_signed, sign
from kms.statements.history import HistoryAnswer, open_answer
from tests.protocol.adversary import reason_of
from tests.protocol.histories import ask, question
from tests.protocol.world import Device, World, signing_key


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.found(tmp_path_factory.mktemp("world"))
    owner = made.device("owner")
    made.release(owner, made.create(owner))
    yield made
    made.close()


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("owner")


def test_only_who_acts_for_the_owner_is_told(world: World, owner: Device) -> None:
    stranger, second = world.device("stranger"), world.device("second")
    assert reason_of(lambda: ask(world, 1, stranger, owner=owner)) == "NOT_OWNER"
    world.tell(world.owner_key(owner, second), owner)
    assert ask(world, 1, second, owner=owner)


def test_a_question_in_the_owners_name_wants_the_owners_key(world: World, owner: Device) -> None:
    asked = question(world, 1, owner, SealingPrivateKey.generate())
    forged = sign(asked.statement, signing_key("a stranger"))
    assert reason_of(lambda: world.nodes[1].history_of(forged.message)) == "WRONG_SIGNER"


def test_a_question_to_another_custodian_or_of_yesterday_is_not_answered(world: World, owner: Device) -> None:
    asked = question(world, 2, owner, SealingPrivateKey.generate())
    assert reason_of(lambda: world.nodes[1].history_of(asked.message)) == "WRONG_CUSTODIAN"
    old = question(world, 1, owner, SealingPrivateKey.generate())
    world.clock.turn(400)
    assert reason_of(lambda: world.nodes[1].history_of(old.message)) == "QUESTION_NOT_FRESH"


def test_an_answer_opens_for_who_asked_and_for_the_question_asked(world: World, owner: Device) -> None:
    recipient = SealingPrivateKey.generate()
    asked = question(world, 1, owner, recipient)
    envelope, sealed = world.nodes[1].history_of(asked.message)
    assert open_answer(envelope, sealed, world.keyring, asked, recipient)

    def opens(**changes: Any) -> bool:
        fields: dict[str, Any] = {
            "envelope": envelope,
            "sealed": sealed,
            "question": asked,
            "recipient": recipient,
        }
        fields |= changes
        try:
            open_answer(
                fields["envelope"], fields["sealed"], world.keyring, fields["question"], fields["recipient"]
            )
        except KmsError:
            return False
        return True

    assert opens()
    said = open_signed(HistoryAnswer, envelope, world.identities[1].public).statement
    for changes in ({"question_hash": bytes(32)}, {"index": 2}, {"blob_hash": bytes(32)}):
        assert not opens(envelope=sign(replace(said, **changes), world.identities[1]).envelope)
    assert not opens(envelope=sign(said, world.identities[2]).envelope)
    assert not opens(recipient=SealingPrivateKey.generate())
    assert not opens(question=question(world, 1, owner, recipient, after=1))
    other = question(world, 2, owner, recipient)
    assert not opens(question=other)
    assert not opens(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    statement = replace(asked.statement, created_at=asked.statement.created_at + 1)
    assert not opens(question=sign(statement, owner.key))


def test_a_killed_key_is_told_nothing(world: World, owner: Device) -> None:
    from kms.statements.kills import KeyKill

    kill = KeyKill(world.keyring.keyring_id, world.keyring.manifest_hash, owner.thumbprint, world.clock())
    world.nodes[1].kill(sign(kill, owner.key).message)
    assert reason_of(lambda: ask(world, 1, owner)) == "NOT_OWNER"


def test_a_question_beyond_every_number_is_refused_at_the_door(world: World, owner: Device) -> None:
    assert ask(world, 1, owner, after=(1 << 63) - 1)
    assert reason_of(lambda: ask(world, 1, owner, after=1 << 63)) == "INVALID_FIELD"
