"""A host swaps the evidence of somebody's deposit or request: with a credential that it kept, or for another reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.crypto import sealing
from kms.custodian import case
from kms.statements.envelope import sign
from kms.statements.evidence import Evidence
from kms.statements.release import Purpose, evidence_info, justification_hash, request_hash
from kms_client import requesting
from kms_client.requesting import Prepared
from tests.protocol.adversary import decision, reason_of
from tests.protocol.world import LAB, Device, World, evidence_for


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


def info_of(world: World, prepared: Prepared, index: int) -> bytes:
    request = prepared.opened.request
    return evidence_info(
        world.keyring,
        index,
        request.target(index).sealing_key_id,
        request.requester_thumbprint,
        request.request_id,
        request.recipient_key,
        request.key_ids,
    )


def resealed(world: World, prepared: Prepared, index: int, evidence: Evidence) -> bytes:
    """What anybody can make: sealing needs no secret, and all that the info holds is public."""
    public = world.sealing_keys()[index].public_key
    return sealing.seal(public, info_of(world, prepared, index), evidence.to_bytes())


def read(world: World, prepared: Prepared, index: int) -> Evidence:
    context = world.nodes[index].context
    target = prepared.opened.request.target(index)
    sealed = evidence_for(prepared, index)
    info = info_of(world, prepared, index)
    return Evidence.parse(context.sealing.open(target.sealing_key_id, info, sealed, world.clock()))


def test_a_request_s_evidence_is_the_one_that_it_names(world: World, alice: Device) -> None:
    prepared = world.prepare(alice, world.create(alice))
    swapped = resealed(world, prepared, 1, read(world, prepared, 1))
    assert reason_of(world.nodes[1].decide, prepared.message.request, swapped) == "WRONG_BLOB"
    assert decision(world.decide_at(1, prepared)).index == 1


def test_a_deposit_s_evidence_is_the_one_that_it_names(world: World, alice: Device) -> None:
    dealt = world.deal(alice, [LAB])
    sent, again = world.send(alice, dealt), world.send(alice, dealt)
    blob, other = sent.blob(1), again.blob(1)
    swapped = (sent.envelope, blob.sealed, other.sealed_evidence)
    assert reason_of(world.nodes[1].deposit, *swapped) == "WRONG_BLOB"
    assert (
        reason_of(world.nodes[1].deposit, sent.envelope, other.sealed, blob.sealed_evidence) == "WRONG_BLOB"
    )
    assert world.deposit_at(1, sent)


def test_the_justification_that_a_human_reads_is_the_one_that_was_signed(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = world.create(alice)
    monkeypatch.setattr(
        requesting, "justification_hash", lambda salt, text: justification_hash(salt, "a harmless one")
    )
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, justification="another")
    (only,) = decision(world.decide_at(1, prepared)).rulings
    assert (only.verdict.name, only.reason) == ("DENY", "WRONG_JUSTIFICATION")


def test_a_naive_custodian_takes_evidence_that_the_host_made_up(
    world: World, alice: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the blob's hash in the signed request, whatever opens passes for the requester's."""
    prepared = world.prepare(alice, world.create(alice))
    swapped = resealed(world, prepared, 1, read(world, prepared, 1))
    monkeypatch.setattr(case, "equal", lambda a, b: True)
    envelope = world.nodes[1].decide(prepared.message.request, swapped).envelope
    assert decision(envelope).rulings[0].verdict.name == "ALLOW"


def test_a_request_that_names_other_evidence_is_another_request(world: World, alice: Device) -> None:
    request = world.prepare(alice, world.create(alice)).opened
    target = replace(request.request.evidence[0], blob_hash=bytes(32))
    other = sign(replace(request.request, evidence=(target, *request.request.evidence[1:])), alice.key)
    assert request_hash(other.payload) != request.hash
