"""A share that could not be delivered while its sealing key lived is given up, said to be, and brought by repair."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kms.coordinator.deposits import Deposits
from kms.coordinator.pools import Pools
from kms.coordinator.runs import Feed
from kms.coordinator.store import SqliteCoordinatorStore
from kms.custodian import repairing
from kms.errors import KmsError
from kms.statements.keys import open_deposit
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from tests.protocol.world import LAB
from tests.siege import quiet
from tests.siege.records import Records
from tests.siege.test_every_write import begin
from tests.siege.world import DAY, Site, founded, seeded

LATE = 5


class Relay(quiet.LocalRelay):
    """One that brings deposits too; `refused` says why one was not taken."""

    refused: list[str]

    async def deposit(
        self, index: int, deposit: keyring_pb2.Envelope, blob: coordinator_pb2.TargetBlob
    ) -> keyring_pb2.Envelope:
        try:
            receipt = self._node(index).deposit(deposit, blob.sealed, blob.sealed_evidence)
        except KmsError as error:
            self.refused.append(error.reason)
            raise
        return keyring_pb2.Envelope.FromString(receipt)


async def at_once(step: Callable[..., Any], *arguments: object) -> Any:
    return step(*arguments)


@pytest.fixture
def place() -> Iterator[tuple[Site, Records]]:
    with seeded("missed deposits"):
        site, records, _ = begin(founded(5, 3, 1))
        yield site, records
        site.close()


def deposits_of(site: Site, records: Records, folder: Path) -> tuple[Deposits, Relay, SqliteCoordinatorStore]:
    store = SqliteCoordinatorStore.open(folder / "coordinator.db")
    relay = Relay(site, site.keyring, records)
    relay.refused = []
    no_pools = cast(Pools, None)  # nothing is drawn here
    return Deposits(store, relay, at_once, no_pools, site.clock), relay, store


def test_a_deposit_that_missed_its_sealing_key_is_given_up_and_repaired(
    place: tuple[Site, Records], tmp_path: Path
) -> None:
    site, records = place
    deposits, relay, store = deposits_of(site, records, tmp_path)
    alice = site.device("alice")
    dealt = site.deal(alice, [LAB] * 3)
    sent = site.send(alice, dealt)
    ids = [key.key_id for key in dealt.keys]
    version = dealt.keys[0].descriptor.version

    site.nodes.pop(LATE)  # it is down while the deposit is made, and for longer than its sealing key lives
    opened = open_deposit(sent.envelope, site.keyring, site.clock())
    request = coordinator_pb2.CreateKeysRequest(deposit=sent.envelope, blobs=sent.blobs)
    asyncio.run(deposits.bring(opened, request, Feed()))
    asyncio.run(deposits.redeliver())
    assert [missed.custodian for missed in store.undelivered(LATE, 10)] == [LATE]
    site.clock.turn(8 * DAY)
    for index in sorted(site.nodes):
        site.nodes[index].tick()
    site.start(LATE)

    relay.refused.clear()
    asyncio.run(deposits.redeliver())
    assert relay.refused == ["SEALING_KEY_UNKNOWN"]
    assert store.undelivered(LATE, 10) == []
    late = site.nodes[LATE]
    assert repairing.missing(late.context, version, ids) == ids

    done = quiet.repair(site, LATE, records)
    assert (done.done, done.failed) == (len(ids), 0)
    assert repairing.missing(late.context, version, ids) == []
    for index in (1, 2):
        site.nodes.pop(index)
    assert set(site.release(alice, dealt.keys).opened) == set(ids)
    store.close()
