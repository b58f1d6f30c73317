"""One key goes first, and until its new shares have opened a record every old share stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kms.errors import KmsError
from kms.statements.ceremony import parse_plan, plan_version
from kms.statements.ids import Version
from kms_client.collecting import Collector
from tests.protocol.ceremonies import make_order
from tests.protocol.world import World
from tests.siege import quiet
from tests.siege.invariants import Law
from tests.siege.records import Records
from tests.siege.test_every_write import begin
from tests.siege.world import Site, founded, seeded

Place = tuple[Site, Records, Law]


@pytest.fixture
def place() -> Iterator[Place]:
    with seeded("canary"):
        template = founded(5, 3, 3)
        site, records, law = begin(template)
        yield site, records, law
        site.close()


def orders_of(law: Law, site: Site) -> dict[bytes, set[int]]:
    """Of each key, the orders whose shares lie anywhere; 0 as dealt."""
    return {
        key: {h.sequence for i in site.disks for h in law.held[i].get(key, {}).values()} for key in law.keys
    }


def test_the_canary_alone_is_dealt_anew_and_nothing_is_erased_until_the_order_is_given_again(
    place: Place,
) -> None:
    site, records, law = place
    order = make_order(site)
    canary, *others = law.keys
    done = quiet.reshare(site, order, records, canary)
    law.check()
    assert (done.keys, done.done, done.erased) == (1, 1, 0)
    assert orders_of(law, site) == {canary: {0, 1}} | {key: {0} for key in others}

    again = quiet.reshare(site, order, records, canary)
    assert again.canary_plan == done.canary_plan  # it is tried as often as one likes

    everything = quiet.reshare(site, order, records)
    law.check()
    assert (everything.failed, everything.done) == (0, len(others))
    assert orders_of(law, site) == {key: {1} for key in law.keys}


def through(world: World, law: Law, version: Version) -> bool:
    """Whether a device opens the first key with shares of this version alone."""
    (key, *_) = law.keys
    prepared = world.prepare(world.device("alice"), [key])
    collector = Collector(world.keyring, prepared.opened, prepared.recipient, version)
    for event in world.coordinator().release(prepared):
        collector.add(event)
    return key in collector.opened


def test_a_device_tries_the_new_shares_alone(place: Place) -> None:
    site, records, law = place
    canary = next(iter(law.keys))
    dealt = law.keys[canary].descriptor.version
    assert through(site, law, dealt)
    done = quiet.reshare(site, make_order(site), records, canary)
    version = plan_version(done.canary_plan)
    assert parse_plan(done.canary_plan).from_version == dealt
    assert through(site, law, version)
    assert through(site, law, dealt)
    assert not through(site, law, Version(bytes(32)))
    for index in (1, 2, 3):  # only two are left that hold the new shares
        site.nodes.pop(index)
    assert not through(site, law, version)


def test_a_key_that_nobody_holds_is_no_canary(place: Place) -> None:
    site, records, _ = place
    with pytest.raises(KmsError) as caught:
        quiet.reshare(site, make_order(site), records, bytes(32))  # type: ignore[arg-type]
    assert caught.value.reason == "NO_CANARY"
