"""The owners' door of a node: statements, receipts, accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.errors import BadSignature, Invalid
from kms.statements.consent import open_receipt
from kms.statements.envelope import sign
from kms.statements.evidence import Revocation
from kms.statements.release import Purpose
from tests.protocol.world import World

pytestmark = pytest.mark.each_store


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


def test_uses_are_counted_and_a_revocation_is_acknowledged_once(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob", issuers=("a",))
    keys = world.create(alice)
    grant = world.grant(alice, bob, keys=keys)
    envelope = sign(grant, alice.key).envelope
    assert world.release(bob, keys, purpose=Purpose.TREATMENT, grants=[envelope]).opened

    account = world.account(1, alice, grants=[grant])
    assert [(use.uses, use.revoked) for use in account.grants] == [(1, False)]

    binding = (world.keyring.keyring_id, world.keyring.manifest_hash, alice.thumbprint)
    revocation = sign(Revocation(*binding, grant.grant_id, 0, world.clock()), alice.key)
    receipt = world.nodes[1].submit_consent(revocation.message)
    log = world.nodes[1].context.store.log.size()
    signed = open_receipt(receipt, world.keyring, 1, revocation.hash)
    assert signed.statement.log_index == log - 1
    world.clock.turn(5)
    world.start(1)
    log = world.nodes[1].context.store.log.size()
    assert world.nodes[1].submit_consent(revocation.message) == receipt
    assert world.nodes[1].context.store.log.size() == log  # not another line

    account = world.account(1, alice, grants=[grant])
    assert [(use.uses, use.revoked) for use in account.grants] == [(1, True)]


def test_a_receipt_counts_for_its_own_statement_and_custodian(world: World) -> None:
    alice = world.device("alice")
    binding = (world.keyring.keyring_id, world.keyring.manifest_hash, alice.thumbprint)
    first, second = (sign(Revocation(*binding, b"", n, world.clock()), alice.key) for n in (1, 2))
    receipt = world.nodes[1].submit_consent(first.message)
    with pytest.raises(BadSignature):
        open_receipt(receipt, world.keyring, 1, second.hash)
    with pytest.raises(BadSignature):
        open_receipt(receipt, world.keyring, 2, first.hash)


def test_what_is_no_owners_statement_is_refused(world: World) -> None:
    alice = world.device("alice")
    grant = sign(world.grant(alice, world.device("bob"), category="laboratory"), alice.key)
    with pytest.raises(Invalid) as caught:
        world.nodes[1].submit_consent(grant.message)
    assert caught.value.reason == "WRONG_TYPE"
