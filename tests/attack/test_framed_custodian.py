"""Evidence against a custodian or dealer convinces a third party, and cannot be made up against an honest one."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from kms.crypto.sealing import SealingPrivateKey
from kms.errors import KmsError
from kms.statements.envelope import open_signed, sign
from kms.statements.keys import Descriptor, KeySpec, describe
from kms.statements.release import Decision
from kms_client import Fault, verify_fault
from kms_client.blame import EQUIVOCATION
from kms_client.cache import OpenKey
from kms_client.collecting import Collector
from tests.attack.test_dealer_or_custodian_at_fault import corrupt
from tests.protocol.adversary import bent, redescribed
from tests.protocol.coordinator import Event
from tests.protocol.world import World


def convicted(fault: Fault, world: World) -> bool:
    """Whether a third party, who has the manifest and this file, is convinced."""
    try:
        verify_fault(Fault.from_json(fault.to_json()), world.keyring)
    except KmsError:
        return False
    return True


def wrong_share(world: World) -> tuple[OpenKey, Fault]:
    owner = world.device("alice")
    keys = world.create(owner, [{"category": "lab"}] * 3)
    corrupt(world, 2, keys[1].key_id)
    (fault,) = world.release(owner, keys).faults
    return keys[1], fault


def malformed(world: World, spec: KeySpec = KeySpec.DATA) -> Fault:
    """A dealer's key whose check value (or, for an inbox, public key) is not that of its secret."""
    dealer = world.device("alice")
    dealt = world.deal(dealer, [{"category": "lab"}], spec=spec)
    (key,) = dealt.keys
    lying = redescribed(key.descriptor, kcv=bytes(32))
    if spec is KeySpec.INBOX:
        lying = replace_public(key)
    forged = type(dealt)((type(key)(lying, key.secret, key.context, key.salt),), dealt.secrets)
    sent = world.send(dealer, forged)
    for index in world.nodes:
        world.deposit_at(index, sent)
    (fault,) = world.release(dealer, [lying.key_id]).faults
    return fault


def replace_public(key: OpenKey) -> Descriptor:
    other = SealingPrivateKey.generate().public
    return describe(key.descriptor.core, key.descriptor.key_check_value, other)


def test_a_wrong_share_convinces_a_third_party(world: World) -> None:
    key, fault = wrong_share(world)
    assert (fault.index, fault.reason, fault.key_id) == (2, "WRONG_SHARE", key.key_id)
    assert convicted(fault, world)


def test_a_malformed_key_convicts_its_dealer(world: World) -> None:
    fault = malformed(world)
    assert (fault.index, fault.reason) == (0, "KEY_MALFORMED")
    assert convicted(fault, world)


def test_evidence_gives_away_no_other_share_of_a_delivery(world: World) -> None:
    _, fault = wrong_share(world)
    stored = world.nodes[2].context
    text = fault.to_json()
    for keys in stored.store.all_keys(10):
        for key in keys:
            share = stored.vault.open_share(key.key_id, key.row)
            assert (share.hex() in text) == (key.key_id == fault.key_id)
    (proof,) = fault.shares
    assert proof.share.hex() not in repr(fault)


def test_an_honest_custodian_cannot_be_framed_with_altered_evidence(world: World) -> None:
    _, fault = wrong_share(world)
    (proof,) = fault.shares
    frames = {
        "another custodian": replace(fault, index=3, shares=(replace(proof, index=3),)),
        "another name on it": replace(fault, index=3),
        "another share": replace(fault, shares=(replace(proof, share=bent(proof.share)),)),
        "another place": replace(fault, shares=(replace(proof, place=proof.place - 1),)),
        "a place before the first": replace(fault, shares=(replace(proof, place=-1),)),
        "another leaf": replace(fault, shares=(replace(proof, leaves=(bytes(32), *proof.leaves[1:])),)),
        "fewer leaves": replace(fault, shares=(replace(proof, leaves=proof.leaves[:-1]),)),
        "no share": replace(fault, shares=()),
        "another key's description": replace(
            fault, descriptor=world.create(world.device("bob"))[0].descriptor.payload
        ),
        "another reason": replace(fault, reason=EQUIVOCATION),
        "the dealer instead": replace(fault, index=0, reason="KEY_MALFORMED"),
    }
    assert {name for name, frame in frames.items() if convicted(frame, world)} == set()


def test_an_honest_share_proves_nothing(world: World) -> None:
    owner = world.device("alice")
    key = world.create(owner)[0]
    collector = world.release(owner, [key])
    assert collector.faults == []
    proof = collector._proof(1, 0, key.descriptor.version)
    shares = tuple(collector._proof(i, 0, key.descriptor.version) for i in (1, 2, 3))
    payload = key.descriptor.payload
    assert not convicted(Fault(1, "WRONG_SHARE", key.key_id, payload, shares=(proof,)), world)
    assert not convicted(Fault(0, "KEY_MALFORMED", key.key_id, payload, shares=shares), world)
    lying = redescribed(key.descriptor, kcv=bytes(32))
    assert not convicted(Fault(0, "KEY_MALFORMED", lying.key_id, lying.payload, shares=shares), world)


def test_too_few_shares_convict_no_dealer(world: World) -> None:
    fault = malformed(world)
    assert not convicted(replace(fault, shares=fault.shares[:2]), world)
    doubled = (*fault.shares[:2], fault.shares[0])
    assert not convicted(replace(fault, shares=doubled), world)


def test_an_inbox_with_another_s_public_key_convicts_its_dealer(world: World) -> None:
    fault = malformed(world, KeySpec.INBOX)
    assert (fault.index, fault.reason) == (0, "KEY_MALFORMED")
    assert convicted(fault, world)


def test_two_decisions_at_one_place_of_a_log_are_an_equivocation(world: World) -> None:
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner))
    one = open_signed(Decision, world.decide_at(2, prepared), world.identities[2].public)
    ruling = one.statement.rulings[0]
    denied = replace(one.statement, rulings=(replace(ruling, verdict=type(ruling.verdict).DENY),))
    other = sign(denied, world.identities[2])
    collector = Collector(world.keyring, prepared.opened, prepared.recipient)
    for signed in (one, other, one, other):
        collector.add(Event(decision=signed.message))
    (fault,) = collector.faults
    assert (fault.index, fault.reason) == (2, EQUIVOCATION)
    assert convicted(fault, world)
    assert not convicted(replace(fault, index=3), world)
    assert not convicted(replace(fault, statements=(fault.statements[0],) * 2), world)
    later = sign(replace(denied, log_index=denied.log_index + 1), world.identities[2])
    assert not convicted(replace(fault, statements=(one.envelope, later.envelope)), world)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"index": 1}', "null", '{"index": "x", "reason": 1}'])
def test_junk_is_no_evidence(text: str) -> None:
    with pytest.raises(KmsError) as caught:
        Fault.from_json(text)
    assert caught.value.reason == "INVALID_EVIDENCE"


def test_a_fault_survives_its_file(world: World) -> None:
    _, fault = wrong_share(world)
    assert dataclasses.asdict(Fault.from_json(fault.to_json())) == dataclasses.asdict(fault)
