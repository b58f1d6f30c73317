"""Whoever makes keys can sign and watch: strangers fill no disk, and take no place from those who are known."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

import pytest

from kms.crypto.sealing import SealingPrivateKey
from kms.custodian import killing
from kms.custodian.consent_service import ConsentService
from kms.custodian.node import CustodianNode
from kms.custodian.seats import Seats
from kms.custodian.strangers import Bound
from kms.errors import Exhausted
from kms.statements.envelope import sign
from kms.statements.evidence import Revocation
from kms.statements.kills import KeyKill
from kms.statements.release import Purpose
from kms.transport.server import Call
from kms.wire.v1 import consent_pb2 as pb
from tests.protocol.adversary import reason_of, ruling
from tests.protocol.world import Device, World

R = TypeVar("R")
CALL = Call("", 60.0)


@pytest.fixture
def node(world: World) -> CustodianNode:
    """Custodian 1, which takes three statements of strangers an hour, and two of one key."""
    made = world.nodes[1]
    made.context = replace(made.context, statements_per_hour=3, statements_per_key_per_hour=2)
    return made


@pytest.fixture
def few_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killing, "OWN_KILLS", Bound(b"key kills", 3, 2))


def says(world: World, owner: Device, sequence: int = 1) -> str:
    statement = world.owner_key(
        owner, world.device("third" if owner.name == "second" else "second"), sequence=sequence
    )
    return reason_of(world.nodes[1].submit_consent, sign(statement, owner.key).message)


def ends_itself(world: World, device: Device, created_at: int = 0) -> str:
    keyring = world.keyring
    at = created_at or world.clock()
    said = KeyKill(keyring.keyring_id, keyring.manifest_hash, device.thumbprint, at)
    return reason_of(world.nodes[1].kill, sign(said, device.key).message)


def crowd(world: World, act: Callable[[World, Device], str], size: int) -> list[str]:
    return [act(world, world.device(f"stranger {n}")) for n in range(size)]


def trace(node: CustodianNode) -> int:
    return node.context.store.log.size()


# -- owners' statements ------------------------------------------------------------------------------------


def test_strangers_statements_fill_no_disk(world: World, node: CustodianNode) -> None:
    assert crowd(world, says, 3) == ["", "", ""]
    before = trace(node)
    assert crowd(world, says, 5)[3:] == ["TOO_MANY_STATEMENTS"] * 2
    assert trace(node) == before
    world.clock.turn(2 * 3600)
    assert says(world, world.device("stranger 4")) == ""


def test_one_key_says_so_much_an_hour_however_well_it_is_known(world: World, node: CustodianNode) -> None:
    alice = world.device("alice")
    world.create(alice)
    assert [says(world, alice, n) for n in (1, 2, 3)] == ["", "", "TOO_MANY_STATEMENTS"]
    world.clock.turn(2 * 3600)
    assert says(world, alice, 3) == ""


def test_strangers_use_up_nothing_of_an_owner(world: World, node: CustodianNode) -> None:
    alice, doctor = world.device("alice"), world.device("doctor", "professional")
    keys = world.create(alice)
    crowd(world, says, 4)
    grant = world.grant(alice, doctor, keys=keys)
    taken_back = Revocation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        alice.thumbprint,
        grant.grant_id,
        0,
        world.clock(),
    )
    assert reason_of(node.submit_consent, sign(taken_back, alice.key).message) == ""


def test_a_key_that_acts_for_an_owner_is_known_as_the_owner_is(world: World, node: CustodianNode) -> None:
    alice, second = world.device("alice"), world.device("second")
    world.create(alice)
    assert says(world, alice) == ""
    crowd(world, says, 4)
    revocation = world.key_revocation(alice, second, alice)
    assert reason_of(node.submit_consent, sign(revocation, second.key).message) == ""


def test_strangers_make_each_other_no_better_known(world: World, node: CustodianNode) -> None:
    crowd(world, says, 3)  # each of them names "second"
    assert says(world, world.device("second")) == "TOO_MANY_STATEMENTS"


# -- kills -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_kills")
def test_strangers_cannot_fill_a_disk_with_keys_that_they_end(world: World) -> None:
    assert crowd(world, ends_itself, 3) == ["", "", "TOO_MANY_KILLS"]
    world.clock.turn(2 * 3600)
    assert ends_itself(world, world.device("stranger 2")) == ""


@pytest.mark.usefixtures("few_kills")
def test_strangers_do_not_keep_an_owner_from_ending_a_lost_key(world: World) -> None:
    alice = world.device("alice")
    world.create(alice)
    crowd(world, ends_itself, 3)
    assert ends_itself(world, alice) == ""


@pytest.mark.usefixtures("few_kills")
def test_nor_a_reader_whom_an_issuer_vouched_for(world: World) -> None:
    alice, doctor = world.device("alice"), world.device("doctor", "professional")
    keys = world.create(alice)
    assert ruling(world.decide_at(1, world.prepare(doctor, keys, purpose=Purpose.TREATMENT, to=(1,))))
    crowd(world, ends_itself, 3)
    assert ends_itself(world, doctor) == ""


@pytest.mark.usefixtures("few_kills")
def test_to_have_been_denied_makes_nobody_known(world: World) -> None:
    keys = world.create(world.device("alice"))
    world.issuer_keys = {**world.issuer_keys, "x": world.device("x").key}
    mallory = world.device("mallory", issuers=("x",))
    assert ruling(world.decide_at(1, world.prepare(mallory, keys, to=(1,))))[0] == "DENY"
    crowd(world, ends_itself, 3)
    assert ends_itself(world, mallory) == "TOO_MANY_KILLS"


@pytest.mark.usefixtures("few_kills")
def test_a_known_key_that_ends_itself_again_and_again_fills_no_disk(world: World) -> None:
    alice = world.device("alice")
    world.create(alice)
    said = [ends_itself(world, alice, world.clock() - n) for n in range(4)]
    assert said == ["", "", "", "TOO_MANY_KILLS"]


def test_what_lay_here_before_owners_were_listed_is_known(world: World) -> None:
    alice, store = world.device("alice"), world.nodes[1].context.store
    world.create(alice)
    db = store._db  # type: ignore[attr-defined]
    db.execute("DROP TABLE frame_owners")
    db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm_frame_owners'")
    world.start(1)
    kept = world.nodes[1].context.store
    assert kept.owns_keys(alice.thumbprint)
    assert not kept.owns_keys(world.device("bob").thumbprint)


# -- places to watch -----------------------------------------------------------------------------------------


async def in_turn(step: Callable[..., R], *arguments: object) -> R:
    return step(*arguments)


def watch(service: ConsentService, world: World, owner: Device) -> AsyncGenerator[pb.WatchAccountResponse]:
    question = sign(world.question(1, owner, SealingPrivateKey.generate()), owner.key).message
    stream = service.watch_account(pb.WatchAccountRequest(question=question), CALL)
    assert isinstance(stream, AsyncGenerator)
    return stream


async def test_strangers_take_no_owners_place_to_watch(world: World) -> None:
    alice = world.device("alice")
    world.create(alice)
    service = ConsentService(lambda: world.nodes[1], in_turn)
    service.seats = Seats(places=5, per_owner=2, strangers=2)
    crowd = [watch(service, world, world.device(f"stranger {n}")) for n in range(3)]
    await anext(crowd[0])
    await anext(crowd[1])
    with pytest.raises(Exhausted, match="too many watch"):
        await anext(crowd[2])
    hers = [watch(service, world, alice) for _ in range(3)]
    await anext(hers[0])
    await anext(hers[1])
    with pytest.raises(Exhausted, match="too many watch"):  # nor does one owner take them all
        await anext(hers[2])
    await crowd[0].aclose()
    async with aclosing(watch(service, world, world.device("stranger 4"))) as late:
        await anext(late)
    for stream in (crowd[1], *hers[:2]):
        await stream.aclose()


async def test_all_places_together_are_bounded(world: World) -> None:
    owners = [world.device(f"owner {n}") for n in range(3)]
    for owner in owners:
        world.create(owner)
    service = ConsentService(lambda: world.nodes[1], in_turn)
    service.seats = Seats(places=2)
    streams = [watch(service, world, owner) for owner in owners]
    await anext(streams[0])
    await anext(streams[1])
    with pytest.raises(Exhausted):
        await anext(streams[2])
    for stream in streams[:2]:
        await stream.aclose()
