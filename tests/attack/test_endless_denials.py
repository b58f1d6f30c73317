"""Whoever makes a key can sign requests: what is denied to strangers must not fill a custodian's disk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.custodian.node import CustodianNode
from kms.statements.envelope import sign
from kms.statements.release import Cancellation
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of, ruling
from tests.protocol.world import Device, World, signing_key


@pytest.fixture
def keys(world: World) -> tuple[OpenKey, ...]:
    return world.create(world.device("alice"))


@pytest.fixture
def node(world: World, keys: tuple[OpenKey, ...]) -> CustodianNode:
    """Custodian 1, which denies three strangers an hour, and none more than twice."""
    made = world.nodes[1]
    made.context = replace(made.context, denials_per_hour=3, denials_per_key_per_hour=2)
    return made


def stranger(world: World, name: str) -> Device:
    """A key for which the credentials are signed by nobody whom the manifest names."""
    return world.device(name, issuers=("x",))


@pytest.fixture(autouse=True)
def unknown_issuer(world: World) -> None:
    world.issuer_keys = {**world.issuer_keys, "x": signing_key("issuer x")}


def ask(world: World, device: Device, keys: tuple[OpenKey, ...]) -> str:
    return reason_of(world.decide_at, 1, world.prepare(device, keys, to=(1,)))


def trace(node: CustodianNode) -> int:
    return node.context.store.log.size()


def test_one_key_is_denied_so_often_and_then_leaves_nothing(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    mallory = stranger(world, "mallory")
    assert [ask(world, mallory, keys) for _ in range(2)] == ["", ""]
    prepared, before = world.prepare(mallory, keys, to=(1,)), trace(node)
    assert reason_of(world.decide_at, 1, prepared) == "TOO_MANY_DENIALS"
    assert trace(node) == before
    assert node.context.store.request(prepared.opened.hash) is None


def test_fresh_keys_do_not_get_round_the_bound(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    asked = [ask(world, stranger(world, f"mallory {n}"), keys) for n in range(5)]
    assert asked == ["", "", "", "TOO_MANY_DENIALS", "TOO_MANY_DENIALS"]


def test_whoever_has_a_valid_credential_is_served_meanwhile(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    for n in range(4):
        ask(world, stranger(world, f"mallory {n}"), keys)
    alice = world.prepare(world.device("alice"), keys, to=(1,))
    assert ruling(world.decide_at(1, alice))[0] == "ALLOW"


def test_after_an_hour_denials_are_signed_again(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    mallory = stranger(world, "mallory")
    for _ in range(3):
        ask(world, mallory, keys)
    world.clock.turn(2 * 3600)
    assert ask(world, mallory, keys) == ""


def test_a_strangers_request_is_not_kept_with_its_denial(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    prepared = world.prepare(stranger(world, "mallory"), keys, to=(1,))
    denial = world.decide_at(1, prepared)
    stored = node.context.store.request(prepared.opened.hash)
    assert stored is not None
    assert (stored.envelope, stored.decision) == (b"", denial)
    assert world.decide_at(1, prepared) == denial


def test_what_is_closed_already_is_not_cancelled_line_by_line(
    world: World, node: CustodianNode, keys: tuple[OpenKey, ...]
) -> None:
    mallory = stranger(world, "mallory")
    prepared = world.prepare(mallory, keys, to=(1,))
    world.decide_at(1, prepared)
    before = trace(node)
    cancellation = Cancellation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        prepared.opened.hash,
        mallory.thumbprint,
        world.clock(),
    )
    assert node.cancel(sign(cancellation, mallory.key).message) == prepared.opened.hash
    assert trace(node) == before
