"""A coordinator and one custodian build certificates for one request without end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kms.custodian.grounds import AGAIN_AN_HOUR, MAX_CERTIFICATES
from kms.errors import KmsError
from kms.statements.audit import read_entry
from kms.statements.envelope import Signed, open_signed, sign, unpack
from kms.statements.release import Decision, build_certificate
from kms_client.requesting import Prepared
from tests.protocol.world import World


def decisions_on(world: World, prepared: Prepared) -> list[Signed[Decision]]:
    envelopes = (world.decide_at(index, prepared) for index in (1, 2, 3))
    return [open_signed(Decision, envelope, unpack(envelope)[2][0][0]) for envelope in envelopes]


def asked(world: World) -> Prepared:
    owner = world.device("owner")
    return world.prepare(owner, world.create(owner))


def release(world: World, prepared: Prepared, certificate: bytes) -> str:
    """What custodian 1 refuses it for; empty if it releases."""
    try:
        world.nodes[1].release(prepared.opened.hash, certificate)
    except KmsError as error:
        return error.reason
    return ""


def test_the_certificate_that_convicts_is_shown_however_many_came_after_it(world: World) -> None:
    prepared = asked(world)
    one, two, three = decisions_on(world, prepared)
    # The third's decision stands nowhere in its log, and it signs as many of them as are wanted.
    unlogged = [
        sign(replace(three.statement, log_index=1_000_000 + n), world.identities[3]) for n in range(100)
    ]
    made = [build_certificate(prepared.opened.hash, [one, two, lie]) for lie in unlogged]
    outcomes = [release(world, prepared, certificate) for certificate in made]
    assert outcomes[:MAX_CERTIFICATES] == [""] * MAX_CERTIFICATES
    assert set(outcomes[MAX_CERTIFICATES:]) == {"TOO_MANY_CERTIFICATES"}
    shown = world.nodes[1].certificates(prepared.opened.hash)
    assert set(made[:MAX_CERTIFICATES]) == set(shown)
    # Nothing is logged that cannot be shown to rest on something.
    cited = {log_index for entry in entries_since(world) for index, log_index in entry if index == 3}
    assert cited == {1_000_000 + n for n in range(MAX_CERTIFICATES)}
    # A client that lost its answer still gets it under the one that it has.
    assert release(world, prepared, made[0]) == ""


def entries_since(world: World) -> list[list[tuple[int, int]]]:
    store = world.nodes[1].context.store
    entries = store.log.entries(0, store.log.size())
    return [[(one.index, one.log_index) for one in read_entry(raw, n).basis] for n, raw in enumerate(entries)]


def test_one_release_again_and_again_fills_no_disk(world: World) -> None:
    prepared = asked(world)
    certificate = build_certificate(prepared.opened.hash, decisions_on(world, prepared))
    assert [release(world, prepared, certificate) for _ in range(1 + AGAIN_AN_HOUR)] == [""] * (
        1 + AGAIN_AN_HOUR
    )
    size = world.nodes[1].context.store.log.size()
    assert release(world, prepared, certificate) == "RELEASED_TOO_OFTEN"
    assert world.nodes[1].context.store.log.size() == size


@pytest.mark.parametrize("other", [2, 3])
def test_another_custodian_and_another_request_are_not_held_up_by_it(world: World, other: int) -> None:
    prepared = asked(world)
    certificate = build_certificate(prepared.opened.hash, decisions_on(world, prepared))
    for _ in range(2 + AGAIN_AN_HOUR):
        release(world, prepared, certificate)
    assert world.nodes[other].release(prepared.opened.hash, certificate)
    owner = world.device("owner")
    following = world.prepare(owner, world.create(owner))
    assert (
        release(world, following, build_certificate(following.opened.hash, decisions_on(world, following)))
        == ""
    )
