"""A host puts its own recipient key into somebody's request, to have the shares sealed to itself."""

from __future__ import annotations

from dataclasses import replace

from kms.crypto import sealing
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.signing import SigningKey
from kms.statements.codec import decode, encode
from kms.statements.envelope import Envelope
from kms.statements.release import ReleaseRequest
from kms_client.requesting import Prepared
from tests.protocol.adversary import reason_of, resigned, with_payload
from tests.protocol.world import World, evidence_for


def swapped(prepared: Prepared, key: SealingPrivateKey) -> bytes:
    request = prepared.opened.request
    return encode(replace(request, recipient_key=key.public))


def test_whoever_seals_to_an_unsigned_recipient_serves_the_host(world: World) -> None:
    owner, host = world.device("alice"), SealingPrivateKey.generate()
    prepared = world.prepare(owner, world.create(owner))
    naive = decode(ReleaseRequest, swapped(prepared, host))  # read without looking at the signature
    assert host.open(b"", sealing.seal(naive.recipient_key, b"", b"shares")) == b"shares"


def decide(world: World, prepared: Prepared, envelope: Envelope) -> str:
    return reason_of(world.nodes[1].decide, envelope, evidence_for(prepared, 1))


def test_a_request_with_another_recipient_is_refused(world: World) -> None:
    owner, host = world.device("alice"), SealingPrivateKey.generate()
    prepared = world.prepare(owner, world.create(owner))
    payload = swapped(prepared, host)
    assert decide(world, prepared, with_payload(prepared.message.request, payload)) == "BAD_SIGNATURE"
    own = resigned(prepared.message.request, payload, SigningKey.generate())
    assert decide(world, prepared, own) == "WRONG_SIGNER"


def test_the_evidence_of_another_request_does_not_open_for_the_hosts_own(world: World) -> None:
    """The host signs a request of its own for the same keys and attaches the evidence that it recorded."""
    owner, host = world.device("alice"), world.device("host", "service", ("b",))
    keys = world.create(owner)
    recorded = world.prepare(owner, keys)
    own = world.prepare(host, keys)
    targets = tuple(
        replace(target, blob_hash=sealing.blob_hash(evidence_for(recorded, target.index)))
        for target in own.opened.request.evidence
    )
    payload = encode(replace(own.opened.request, evidence=targets))
    envelope = resigned(own.message.request, payload, host.key)
    assert reason_of(world.nodes[1].decide, envelope, evidence_for(recorded, 1)) == "CANNOT_OPEN"
