"""A record is destroyed while one custodian is down; it comes back, and neither it nor a ceremony opens it again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.coordinator.destructions import DESTROYED, SCHEDULED
from kms.custodian.destruction_service import SERVICE
from kms.custodian.sqlite import SqliteCustodianStore
from kms.statements.destruction import DestroyOrder, DestroyReason
from kms.statements.destruction_certificate import open_destruction_certificate
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.manifest import open_genesis
from kms.wire.v1 import coordinator_pb2, destruction_pb2
from kms_client import Client
from kms_client.errors import KeyDestroyed, KeyDestroyScheduled
from kms_client.profile import Profile
from tests.e2e.site import COORDINATOR, Site, await_condition, call
from tests.e2e.test_ceremonies import Ceremony, kms

ANSWER = b"negative"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(tick_seconds=1)
    yield made
    made.close()


def test_a_node_that_was_away_follows_and_nothing_brings_it_back(site: Site, tmp_path: Path) -> None:
    profile = site.profile("alice")
    alice = site.client_of(profile)
    gone, kept = alice.create_keys([{"patient": "p", "category": "lab"}] * 2)
    record, other = alice.encrypt(ANSWER, gone), alice.encrypt(ANSWER, kept)
    site.terminate("custodian-3")
    ordered = alice.destroy_keys([gone.key_id])
    assert (set(ordered.scheduled), ordered.needed) == ({1, 2}, 2)
    assert ordered.accepted
    alice.forget()
    with pytest.raises(KeyDestroyScheduled):
        alice.decrypt(record)
    await_condition(
        lambda: alice.destruction(ordered.order).state == "DESTROYED", "destruction at two of three"
    )
    # It comes back with its share, and with nothing that tells it; the others do.
    site.start("custodian-3")
    await_condition(lambda: 3 in alice.destruction(ordered.order).destroyed, "the word of who was away")
    await_condition(lambda: _state(site, gone.key_id) == DESTROYED, "the host's word on the key")
    assert _state(site, kept.key_id) < SCHEDULED
    for client in (alice, site.client("somebody else")):
        with pytest.raises(KeyDestroyed):
            client.decrypt(record)
    assert alice.decrypt(other) == ANSWER
    _certificate(site, alice.destruction_certificate(ordered.order), tmp_path)
    ceremony = Ceremony(site, tmp_path)
    assert ceremony.reshare(1)["failed"] == 0
    # A key that one custodian has destroyed, and the others have not: the rest of its batch is dealt on to all.
    partly = _destroy_at_one(site, alice, profile)
    with pytest.raises(AssertionError, match='"keys": 1, "failed": 1'):
        ceremony.reshare(2)
    alice.forget()
    assert alice.decrypt(partly) == ANSWER
    assert ceremony.repair(2)["failed"] == 0
    alice.forget()
    with pytest.raises(KeyDestroyed):
        alice.decrypt(record)
    assert alice.decrypt(other) == ANSWER
    site.kill(*site.custodians)
    for name in site.custodians:
        store = SqliteCustodianStore.open(site.store(name))
        assert set(store.keys([gone.key_id, kept.key_id])) == {kept.key_id}
        assert set(store.destructions.tombstones([KeyId(gone.key_id)])) == {gone.key_id}
        store.close()


def _state(site: Site, key_id: KeyId) -> int:
    """A key's state in the host's directory."""
    request = coordinator_pb2.LookUpKeysRequest(keyring_id=site.layout.keyring_id, key_ids=[key_id])
    door = site.channel(site.layout.coordinator)
    told = call(door, COORDINATOR, "LookUpKeys", request.SerializeToString())
    assert isinstance(told, bytes), told
    (found,) = coordinator_pb2.LookUpKeysResponse.FromString(told).keys
    return found.state


def _destroy_at_one(site: Site, alice: Client, profile: Profile) -> bytes:
    """An order that was shown to custodian 1 alone: a record whose key it has destroyed, and nobody else."""
    key = alice.create_key({"patient": "p", "category": "lab"})
    record = alice.encrypt(ANSWER, key)
    keyring = open_genesis(
        (site.layout.folder / "manifest.bin").read_bytes(), site.layout.keyring_id, int(time.time())
    )
    order = DestroyOrder(
        keyring.keyring_id,
        keyring.manifest_hash,
        b"o" * 16,
        (key.key_id,),
        DestroyReason.MISTAKE,
        b"",
        0,
        int(time.time()),
        Thumbprint(profile.device_key.thumbprint),
    )
    signed = sign(order, profile.device_key)
    tokens = asyncio.run(
        profile.credentials.credentials(profile.device_key.thumbprint, keyring.keyring_id.hex())
    )
    request = destruction_pb2.SubmitDestructionRequest(statement=signed.message, credentials=tokens)
    door = site.channel(site.layout.public[1])
    assert isinstance(call(door, SERVICE, "SubmitDestruction", request.SerializeToString()), bytes)

    def done() -> bool:
        asked = destruction_pb2.GetDestructionRequest(order_hash=signed.hash).SerializeToString()
        told = call(door, SERVICE, "GetDestruction", asked)
        assert isinstance(told, bytes), told
        state = destruction_pb2.GetDestructionResponse.FromString(told).destruction.state
        return state == destruction_pb2.DESTRUCTION_STATE_DESTROYED

    await_condition(done, "destruction at custodian 1")
    return record


def _certificate(site: Site, payload: bytes, folder: Path) -> None:
    proof = open_destruction_certificate(payload, site.layout.keyring_id)
    assert [word.statement.index for word in proof.words] == [1, 2, 3]
    assert [word.statement.at_once for word in proof.words] == [False, False, True]
    assert (proof.complete, proof.present.tolerates) == (True, 1)
    file = folder / "destruction.certificate"
    file.write_bytes(payload)
    checked = ("key", "certificate", "verify", file, "--keyring", site.layout.keyring_id.hex())
    assert "Even if any 1 of those who signed lied" in kms(*checked)
    assert json.loads(kms(*checked, "--json"))["tolerates_liars"] == 1
