"""Statements that their signers did sign, but for another keyring, manifest, custodian, request or deposit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kms.crypto.signing import SigningKey
from kms.errors import Invalid
from kms.statements.approver import ApproverKey, open_approval
from kms.statements.envelope import Envelope, open_signed, sign
from kms.statements.evidence import Revocation, open_grant, open_revocation
from kms.statements.keys import Deposit, Receipt, open_deposit, open_receipt
from kms.statements.manifest import SealingKey, open_sealing_key
from kms.statements.release import (
    HUMAN_LIFETIME,
    Cancellation,
    Certificate,
    Decision,
    Purpose,
    ReleaseRequest,
    Ruling,
    ShareRelease,
    Verdict,
    VersionGroup,
    build_certificate,
    open_cancellation,
    open_certificate,
    open_decision,
    open_request,
    open_shares,
)
from kms.wire.v1 import keyring_pb2
from tests.protocol.adversary import reason_of
from tests.protocol.world import LAB, World

OTHER: dict[str, dict[str, Any]] = {
    "another keyring": {"keyring_id": bytes(32)},
    "another manifest": {"manifest_hash": bytes(32)},
}
BOUND = {"another keyring": "WRONG_KEYRING", "another manifest": "STALE_MANIFEST"}


@dataclass(frozen=True)
class Specimen:
    """A statement that is accepted as it is: its signer, and the door that it goes through."""

    statement: Any
    signer: SigningKey
    door: Callable[[bytes], object]

    def reason(self, **changes: Any) -> str:
        """Why the door refuses it with these changes, signed anew; empty if it does not."""
        return reason_of(self.door, sign(replace(self.statement, **changes), self.signer).envelope)


def specimens(world: World) -> dict[str, Specimen]:
    """One of each kind that is signed and bound to keyring and manifest."""
    keyring, now = world.keyring, world.clock
    alice, bob = world.device("alice"), world.device("bob")
    dealt = world.deal(alice, [LAB] * 2)
    sent = world.send(alice, dealt)
    receipt = open_signed(Receipt, world.deposit_at(2, sent), world.identities[2].public).statement
    for index in (1, 3, 4, 5):
        world.deposit_at(index, sent)
    prepared = world.prepare(alice, dealt.keys)
    count = len(dealt.keys)
    decided = [
        open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in (1, 2, 3)
    ]
    certificate = open_certificate(
        build_certificate(prepared.opened.hash, decided), keyring, prepared.opened.hash, count
    )
    envelope, sealed = world.nodes[2].release(prepared.opened.hash, certificate.payload)
    release = open_signed(ShareRelease, envelope, world.identities[2].public).statement
    sealing = open_signed(SealingKey, world.nodes[2].sealing_key().envelope, world.identities[2].public)
    waiting = world.prepare(bob, dealt.keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    world.decide_at(2, waiting)
    requested, hash_ = prepared.opened.signed.statement, prepared.opened.hash
    bound = (keyring.keyring_id, keyring.manifest_hash)
    custodian = world.identities[2]
    certificates: dict[bytes, Certificate] = {certificate.hash: certificate}
    return {
        "deposit": Specimen(sent.signed.statement, alice.key, lambda e: open_deposit(e, keyring, now())),
        "receipt": Specimen(receipt, custodian, lambda e: open_receipt(e, keyring, 2, sent.signed)),
        "sealing key": Specimen(
            sealing.statement, custodian, lambda e: open_sealing_key(e, keyring, 2, now())
        ),
        "request": Specimen(requested, alice.key, lambda e: open_request(e, keyring, now())),
        "decision": Specimen(
            decided[1].statement, custodian, lambda e: open_decision(e, keyring, 2, hash_, count)
        ),
        "share release": Specimen(
            release,
            custodian,
            lambda e: open_shares(e, sealed, keyring, 2, prepared.opened, certificates, prepared.recipient),
        ),
        "cancellation": Specimen(
            Cancellation(*bound, hash_, alice.thumbprint, now()),
            alice.key,
            lambda e: open_cancellation(e, keyring),
        ),
        "revocation": Specimen(
            Revocation(*bound, alice.thumbprint, bytes(16), 0, now()),
            alice.key,
            lambda e: open_revocation(e, keyring),
        ),
        "approval": Specimen(
            world.approval(2, waiting.opened.hash),
            world.approvers[2],
            lambda e: open_approval(
                Envelope.FromString(e), keyring, 2, ApproverKey.of_key(world.approvers[2].public), None, now()
            ),
        ),
        "grant": Specimen(
            world.grant(alice, bob, keys=dealt.keys),
            alice.key,
            lambda e: open_grant(e, keyring, bob.thumbprint, now()),
        ),
    }


KINDS = (
    "deposit",
    "receipt",
    "sealing key",
    "request",
    "decision",
    "share release",
    "cancellation",
    "revocation",
    "approval",
    "grant",
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_accepted_as_it_was_signed(world: World, kind: str) -> None:
    assert specimens(world)[kind].reason() == ""


def test_every_kind_is_here(world: World) -> None:
    assert tuple(specimens(world)) == KINDS


@pytest.mark.parametrize("other", OTHER)
@pytest.mark.parametrize("kind", KINDS)
def test_none_is_accepted_in_another_world(world: World, kind: str, other: str) -> None:
    expected = BOUND[other]
    if kind == "grant":  # it outlives a change of manifest, and only that
        expected = {"another keyring": "GRANT_WRONG_KEYRING", "another manifest": ""}[other]
    assert specimens(world)[kind].reason(**OTHER[other]) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_accepted_under_another_s_signature(world: World, kind: str) -> None:
    specimen = specimens(world)[kind]
    mallory = world.device("mallory").key
    stolen = sign(specimen.statement, mallory)
    assert reason_of(specimen.door, stolen.envelope) == "WRONG_SIGNER"
    posing = keyring_pb2.Envelope.FromString(stolen.envelope)
    posing.signatures[0].keyid = specimen.signer.public
    assert reason_of(specimen.door, posing.SerializeToString()) == "BAD_SIGNATURE"


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_accepted_as_another_kind(world: World, kind: str) -> None:
    found = specimens(world)
    for other, specimen in found.items():
        if other != kind:
            envelope = sign(found[kind].statement, specimen.signer).envelope
            assert reason_of(specimen.door, envelope) != "", other


CUSTODIANS_OWN = ("receipt", "sealing key", "decision", "share release", "approval")


@pytest.mark.parametrize("kind", CUSTODIANS_OWN)
def test_a_custodian_speaks_for_its_own_index_only(world: World, kind: str) -> None:
    expected = {
        "receipt": "WRONG_RECEIPT",
        "decision": "WRONG_DECISION",
        "share release": "WRONG_RELEASE",
    }
    assert specimens(world)[kind].reason(index=3) == expected.get(kind, "WRONG_CUSTODIAN")


def test_a_decision_is_on_this_request_and_on_each_of_its_keys(world: World) -> None:
    decision = specimens(world)["decision"]
    assert decision.reason(request_hash=bytes(32)) == "WRONG_DECISION"
    for positions in ((0,), (0, 1, 2)):
        ruling = Ruling(Verdict.ALLOW, "RULE", positions)
        assert decision.reason(rulings=(ruling,)) == "WRONG_DECISION"
    with pytest.raises(Invalid):  # twice: an allow beside a deny of the same key
        replace(
            decision.statement,
            rulings=(Ruling(Verdict.ALLOW, "A", (0, 1)), Ruling(Verdict.DENY, "B", (1,))),
        )


def test_a_share_release_is_of_this_request_under_this_certificate(world: World) -> None:
    release = specimens(world)["share release"]
    assert release.reason(request_hash=bytes(32)) == "WRONG_RELEASE"
    assert release.reason(certificate_hash=bytes(32)) == "WRONG_RELEASE"
    assert release.reason(blob_hash=bytes(32)) == "WRONG_RELEASE"
    version = release.statement.versions[0].version
    # Signed as it is, and yet not what the blob holds: the custodian's own doing.
    for positions in ((0,), (1, 0)):
        assert release.reason(versions=(VersionGroup(version, positions),)) == "BAD_DELIVERY"
    assert release.reason(versions=(VersionGroup(bytes(32), (0, 1)),)) == "BAD_DELIVERY"  # type: ignore[arg-type]
    assert release.reason(shares_hash=bytes(32)) == "BAD_DELIVERY"
    assert release.reason(versions=(VersionGroup(version, (0, 7)),)) == "WRONG_RELEASE"
    with pytest.raises(Invalid):
        replace(release.statement, versions=(VersionGroup(version, (0, 0)),))


def test_a_receipt_is_for_this_deposit(world: World) -> None:
    receipt = specimens(world)["receipt"]
    for changes in ({"deposit_hash": bytes(32)}, {"batch_root": bytes(32)}, {"count": 3}):
        assert receipt.reason(**changes) == "WRONG_RECEIPT", changes


def test_a_request_says_each_thing_once_and_lives_for_its_time(world: World) -> None:
    request: ReleaseRequest = specimens(world)["request"].statement
    for changes in (
        {"key_ids": request.key_ids[::-1]},
        {"key_ids": request.key_ids[:1] * 2},
        {"evidence": request.evidence[::-1]},
        {"evidence": request.evidence[:1] * 2},
        {"expires_at": request.created_at},
        {"expires_at": request.created_at + HUMAN_LIFETIME + 1},
    ):
        with pytest.raises(Invalid):
            replace(request, **changes)
    door = specimens(world)["request"]
    assert door.reason(created_at=world.clock() + 301) == "INVALID_FIELD"
    world.clock.turn(request.expires_at - world.clock())
    assert door.reason() == "REQUEST_EXPIRED"


def test_a_deposit_is_the_dealer_s_own_work_for_custodians_of_the_manifest(world: World) -> None:
    specimen = specimens(world)["deposit"]
    deposit: Deposit = specimen.statement
    assert specimen.reason(batch_root=bytes(32)) == "INVALID_FIELD"
    assert specimen.reason(descriptors=deposit.descriptors[:1] * 2) == "INVALID_FIELD"
    stranger = replace(deposit.targets[-1], index=9)
    assert specimen.reason(targets=(*deposit.targets[:-1], stranger)) == "INVALID_FIELD"
    assert specimen.reason(created_at=world.clock() + 301) == "INVALID_FIELD"


def test_a_sealing_key_is_good_for_its_time_and_no_longer_than_a_week(world: World) -> None:
    specimen = specimens(world)["sealing key"]
    key: SealingKey = specimen.statement
    assert specimen.reason(not_before=world.clock() + 1) == "SEALING_KEY_EXPIRED"
    with pytest.raises(Invalid):
        replace(key, not_after=key.not_before + 7 * 86400 + 1)
    with pytest.raises(Invalid):
        replace(key, not_after=key.not_before)
    world.clock.turn(key.not_after - world.clock())
    assert specimen.reason() == "SEALING_KEY_EXPIRED"


def test_a_grant_or_revocation_says_one_thing(world: World) -> None:
    found = specimens(world)
    with pytest.raises(Invalid):
        replace(found["grant"].statement, category="laboratory")
    with pytest.raises(Invalid):
        replace(found["grant"].statement, key_ids=())
    with pytest.raises(Invalid):
        replace(found["revocation"].statement, up_to_sequence=1)
    with pytest.raises(Invalid):
        replace(found["revocation"].statement, grant_id=b"")
