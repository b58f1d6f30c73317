"""Who says of which key that it is destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.coordinator.destroyed_keys import DestroyedKeys
from kms.custodian.tombstones import refuse_destroyed
from kms.errors import Denied, KmsError
from kms.statements.ids import KeyId
from tests.protocol.destroying import destroy
from tests.protocol.world import LAB, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


KEYS = [KeyId(bytes([n]) * 32) for n in range(11)]


def refusal(**details: str) -> KmsError:
    return Denied("some are destroyed", reason="KEY_DESTROYED", details=details)


def test_a_nodes_refusal_is_understood(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 11)
    ids = [key.key_id for key in keys]
    destroy(world, alice, [keys[2], keys[9]], 1)
    with pytest.raises(Denied) as refused:
        refuse_destroyed(world.nodes[1].context, ids)
    heard = DestroyedKeys()
    heard.hear(1, ids, refused.value)
    assert [n for n, key_id in enumerate(ids) if heard.by(key_id)] == [2, 9]
    assert heard.by(ids[2]) == {1}


@pytest.mark.parametrize("said", ["", "no hex", "80", "ff" * 40], ids=["nothing", "junk", "short", "long"])
def test_nonsense_of_a_custodian_is_borne(said: str) -> None:
    heard = DestroyedKeys()
    heard.hear(3, KEYS, refusal(destroyed=said))
    heard.hear(4, KEYS, refusal())
    heard.hear(5, KEYS, Denied("something else", reason="NOT_A_HOLDER", details={"destroyed": "ffff"}))
    named = [n for n, key_id in enumerate(KEYS) if heard.by(key_id)]
    assert named == {"80": [0], "ff" * 40: list(range(11))}.get(said, [])
    assert all(heard.by(key_id) <= {3} for key_id in KEYS)
