"""The host recorded a victim's deposit and gives it to the custodians again, as the host's own key.

The commitments are public and the sealed shares lie there. If a blob says only for whom it is, the custodians
open it, find that every share matches, and release "the host's key" to the host: it is the victim's secret.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kms.crypto import derivation, sealing
from kms.crypto.hashing import H
from kms.custodian import deposits
from kms.custodian.sqlite import SqliteCustodianStore
from kms.statements.codec import encode
from kms.statements.envelope import sign
from kms.statements.evidence import Evidence
from kms.statements.keys import Deposit, Descriptor, parse_descriptor
from kms.wire.v1 import coordinator_pb2
from kms_client import dealing
from tests.protocol.adversary import opened_shares, reason_of, redescribed, refusals, secret_of, with_payload
from tests.protocol.world import Device, Sent, World


def naive_info(*meaning: object, evidence: bool = False) -> bytes:
    """HPKE info that says what kind of message it is, and no more."""
    return H("naive evidence" if evidence else "naive")


def forget_commitments(store: SqliteCustodianStore, descriptors: Sequence[Descriptor]) -> Mapping[int, str]:
    return {}


def relabel(world: World, victim: Sent, host: Device) -> tuple[Sent, Descriptor]:
    """The victim's blobs under a description, an order and evidence of the host's own."""
    recorded = victim.signed.statement
    original = parse_descriptor(recorded.descriptors[0])
    mine = redescribed(
        original,
        kcv=secrets.token_bytes(32),
        owner_thumbprint=host.thumbprint,
        creator_thumbprint=host.thumbprint,
    )
    root = derivation.batch_root([mine.key_id])
    evidence = Evidence(tuple(world.credentials(host))).to_bytes()
    deposit_info = vars(deposits)["deposit_info"]  # as this custodian makes it, naive or not
    targets, blobs = [], []
    for target in recorded.targets:
        key = world.sealing_keys()[target.index]
        info = deposit_info(
            root, 1, host.thumbprint, world.keyring, target.index, target.sealing_key_id, evidence=True
        )
        sealed_evidence = sealing.seal(key.public_key, info, evidence)
        targets.append(replace(target, evidence_hash=sealing.blob_hash(sealed_evidence)))
        blobs.append(
            coordinator_pb2.TargetBlob(
                index=target.index, sealed=victim.blob(target.index).sealed, sealed_evidence=sealed_evidence
            )
        )
    order = replace(
        recorded,
        dealer_thumbprint=host.thumbprint,
        descriptors=(mine.payload,),
        batch_root=root,
        targets=tuple(targets),
    )
    return Sent(sign(order, host.key), blobs), mine


@pytest.fixture
def victim(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def host(world: World) -> Device:
    """The host has a phone, too, and two issuers know its owner: it may deposit keys of its own."""
    return world.device("mallory")


def test_host_cannot_rename_a_recorded_deposit(world: World, victim: Device, host: Device) -> None:
    sent = world.send(victim, world.deal(victim, [{"category": "laboratory"}]))
    relabelled, _ = relabel(world, sent, host)
    for index in world.nodes:
        assert reason_of(world.deposit_at, index, relabelled) == "CANNOT_OPEN"
        assert world.nodes[index].context.store.count_keys() == 0
    for index in world.nodes:
        world.deposit_at(index, sent)
    assert reason_of(world.deposit_at, 1, relabelled) == "CANNOT_OPEN"


def test_a_naive_custodian_gives_the_host_the_victim_s_data_key(
    world: World, victim: Device, host: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deposits, "deposit_info", naive_info)
    monkeypatch.setattr(dealing, "deposit_info", naive_info)
    monkeypatch.setattr(SqliteCustodianStore, "known_keys", forget_commitments)
    dealt = world.deal(victim, [{"category": "laboratory"}])
    sent = world.send(victim, dealt)
    relabelled, mine = relabel(world, sent, host)
    for index in world.nodes:
        world.deposit_at(index, sent)
        world.deposit_at(index, relabelled)
    prepared = world.prepare(host, [mine.key_id])
    shares = opened_shares(prepared, world.coordinator().release(prepared))[0]
    stolen = derivation.data_key(secret_of(shares), dealt.keys[0].key_id)
    assert stolen == dealt.keys[0].secret


def test_even_with_a_naive_seal_the_commitment_gives_it_away(
    world: World, victim: Device, host: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deposits, "deposit_info", naive_info)
    monkeypatch.setattr(dealing, "deposit_info", naive_info)
    sent = world.send(victim, world.deal(victim, [{"category": "laboratory"}]))
    relabelled, mine = relabel(world, sent, host)
    for index in world.nodes:
        world.deposit_at(index, sent)
        receipt = refusals(world.deposit_at(index, relabelled))
        assert receipt == {0: "COMMITMENT_SEEN"}
    assert not world.release(host, [mine.key_id]).opened


def test_host_cannot_put_its_name_as_owner_into_the_victim_s_order(
    world: World, victim: Device, host: Device
) -> None:
    sent = world.send(victim, world.deal(victim, [{"category": "laboratory"}]))
    theirs = parse_descriptor(sent.signed.statement.descriptors[0])
    mine = redescribed(theirs, owner_thumbprint=host.thumbprint)
    altered = replace(
        sent.signed.statement,
        descriptors=(mine.payload,),
        batch_root=derivation.batch_root([mine.key_id]),
    )
    by_nobody = Sent(replace(sent.signed, envelope=unsigned(altered, sent)), sent.blobs)
    assert reason_of(world.deposit_at, 1, by_nobody) == "BAD_SIGNATURE"
    by_host = Sent(sign(altered, host.key), sent.blobs)
    assert reason_of(world.deposit_at, 1, by_host) == "WRONG_SIGNER"
    as_dealer = Sent(sign(replace(altered, dealer_thumbprint=host.thumbprint), host.key), sent.blobs)
    assert reason_of(world.deposit_at, 1, as_dealer) == "INVALID_FIELD"


def unsigned(order: Deposit, sent: Sent) -> bytes:
    return with_payload(sent.envelope, encode(order)).SerializeToString(deterministic=True)
