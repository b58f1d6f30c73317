"""Manifests of another world: rolled back, forked, expired, or of a keyring that the host founded itself."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kms.errors import Fork, KmsError
from kms.statements.chain import extend
from kms.statements.envelope import sign
from kms.statements.ids import ManifestHash
from kms.statements.manifest import Keyring, Seen, advance, open_genesis
from kms_client.profile import SeenFile
from tests.protocol.adversary import reason_of
from tests.protocol.ceremonies import change_committee, next_manifest
from tests.protocol.world import World, signing_key


def offered(keyring: Keyring, sequence: int, digest: bytes) -> Keyring:
    manifest = replace(keyring.manifest, sequence=sequence)
    return replace(keyring, manifest=manifest, manifest_hash=ManifestHash(digest))


def test_trust_on_first_use_takes_the_hosts_own_keyring(world: World, tmp_path: Path) -> None:
    forged = World.found(tmp_path / "forged", name="forged")
    try:
        naive = open_genesis(forged.keyring.envelope, forged.keyring.keyring_id, world.clock())
        assert naive.manifest.name == "forged"  # whoever pins nothing is served this
        refused = reason_of(open_genesis, forged.keyring.envelope, world.keyring.keyring_id, world.clock())
        assert refused == "WRONG_KEYRING"
    finally:
        forged.close()


def test_a_manifest_that_goes_back_is_refused(world: World) -> None:
    seen = Seen(3, ManifestHash(b"n" * 32))
    assert reason_of(advance, seen, offered(world.keyring, 2, b"o" * 32)) == "MANIFEST_ROLLBACK"
    assert advance(seen, offered(world.keyring, 4, b"p" * 32)).sequence == 4


def test_two_manifests_of_one_sequence_are_a_fork_and_both_are_shown(world: World) -> None:
    seen = Seen(3, ManifestHash(b"n" * 32))
    with pytest.raises(Fork) as caught:
        advance(seen, offered(world.keyring, 3, b"o" * 32))
    assert (b"n" * 32).hex() in caught.value.message
    assert (b"o" * 32).hex() in caught.value.message


def test_a_device_remembers_what_it_saw_and_does_not_start_from_a_damaged_memory(
    world: World, tmp_path: Path
) -> None:
    path, pinned = tmp_path / "seen.json", world.keyring.keyring_id
    old = world.chain
    new = change_committee(world, range(1, 6), 3)
    SeenFile(path, pinned).advance(new)
    again = SeenFile(path, pinned)
    assert again.chain is not None
    assert again.chain.envelopes == new.envelopes
    assert reason_of(again.advance, old) == "MANIFEST_ROLLBACK"
    path.write_text("{")
    assert reason_of(SeenFile, path, pinned) == "CONFIG"


def test_a_device_keeps_both_sides_of_a_fork(world: World, tmp_path: Path) -> None:
    seen = SeenFile(tmp_path / "seen.json", world.keyring.keyring_id)
    before = world.chain
    one = change_committee(world, range(1, 6), 3, name="one")
    world.chain = before
    manifest = next_manifest(world, name="other")
    other = extend(before, sign(manifest, signing_key("admin"), *world.identities.values()).envelope)
    seen.advance(one)
    assert reason_of(seen.advance, other) == "FORK"
    kept = json.loads((tmp_path / "seen.json.fork").read_text())["statements"]
    assert [base64.b64decode(s) for s in kept] == [one.last.envelope, other.last.envelope]
    assert reason_of(world.nodes[1].follow_chain, other.envelopes) == "FORK"


def test_a_node_that_saw_a_later_manifest_does_not_start_on_an_earlier_one(world: World) -> None:
    store = world.nodes[1].context.store
    with store.transaction():
        store.set_seen(Seen(5, ManifestHash(b"n" * 32)))
    with pytest.raises(KmsError) as caught:
        world.start(1)
    assert caught.value.reason == "MANIFEST_ROLLBACK"


def test_an_expired_manifest_serves_nothing(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    world.clock.turn(world.keyring.manifest.expires_at - world.clock())
    assert (
        reason_of(open_genesis, world.keyring.envelope, world.keyring.keyring_id, world.clock())
        == "MANIFEST_EXPIRED"
    )
    assert reason_of(world.nodes[1].decide, None, b"") == "MANIFEST_EXPIRED"
    assert keys
