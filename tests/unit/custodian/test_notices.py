"""Notices at a custodian: sealed, in pages, as a stream that ends with the asker's standing, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kms.crypto.sealing import SealingPrivateKey
from kms.custodian.consent_service import ConsentService
from kms.custodian.notices import notify
from kms.errors import Denied
from kms.statements.consent import Account, NoticeKind, open_account
from kms.statements.envelope import sign
from kms.transport.server import Call
from kms.wire.v1 import consent_pb2 as pb
from tests import stores
from tests.protocol.world import Device, World

R = TypeVar("R")
CALL = Call("", 60.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.found(tmp_path_factory.mktemp("notices") / "world")
    yield made
    made.close()


async def in_turn(step: Callable[..., R], *arguments: object) -> R:
    return step(*arguments)


async def watching(
    service: ConsentService, world: World, asker: Device, owner: Device
) -> AsyncIterator[Account]:
    recipient = SealingPrivateKey.generate()
    asked = sign(world.question(1, asker, recipient, owner=owner), asker.key)
    async for told in service.watch_account(pb.WatchAccountRequest(question=asked.message), CALL):
        yield open_account(told.answer, told.sealed, world.keyring, asked, recipient)


async def test_who_watches_is_told_at_once_and_only_while_it_acts_for_the_owner(world: World) -> None:
    alice, second, third = (world.device(name) for name in ("alice", "second", "third"))
    world.tell(world.owner_key(alice, second), alice)
    service = ConsentService(lambda: world.nodes[1], in_turn)
    stream = watching(service, world, second, alice)
    first = await anext(stream)
    assert [n.kind for n in first.notices] == [NoticeKind.OWNER_KEY_ADDED]

    async def submit(statement: object, by: Device) -> None:
        signed = sign(statement, by.key)  # type: ignore[type-var]
        await service.submit_consent(pb.SubmitConsentRequest(statement=signed.message), CALL)

    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    await submit(world.owner_key(alice, third), alice)
    assert [n.key_thumbprint for n in (await waiting).notices] == [third.thumbprint]
    waiting = asyncio.ensure_future(anext(stream))
    await submit(world.key_revocation(alice, alice, second), alice)
    with pytest.raises(Denied):
        await waiting


def test_notices_come_in_pages_are_sealed_and_go_after_a_year(world: World, tmp_path: Path) -> None:
    bob, node = world.device("bob"), world.nodes[1].context
    now = world.clock()
    with node.store.transaction():
        for number in range(450):
            subject = number.to_bytes(32, "big")
            notify(node, bob.thumbprint, NoticeKind.READ_BY_GRANT, subject, bob.thumbprint, now, 1)
    seen: list[bytes] = []
    after = 0
    while page := world.account(1, bob, notices_after=after).notices:
        assert len(page) <= 200
        seen += [n.subject_hash for n in page]
        after = page[-1].number
    assert seen == [number.to_bytes(32, "big") for number in range(450)]
    database: Any = node.store
    cells = [cell for row in database._db.execute("SELECT * FROM notices").fetchall() for cell in row]
    assert len(cells) > 450
    assert not any(bytes(bob.thumbprint) in bytes(cell) for cell in cells if not isinstance(cell, int | str))
    if isinstance(stores.place(world.folder / "custodian-1.db"), Path):
        assert bytes(bob.thumbprint) not in (world.folder / "custodian-1.db").read_bytes()
        assert bytes(bob.thumbprint) not in (world.folder / "custodian-1.db-wal").read_bytes()

    with node.store.transaction():
        node.store.consent.forget_notices(now)
    assert world.account(1, bob, notices_after=0).notices
    with node.store.transaction():
        node.store.consent.forget_notices(now + 1)
    assert not world.account(1, bob, notices_after=0).notices


def test_a_row_that_somebody_moved_to_another_owner_tells_them_nothing(world: World) -> None:
    carol, dave, node = world.device("carol"), world.device("dave"), world.nodes[1].context
    with node.store.transaction():
        notify(node, carol.thumbprint, NoticeKind.KEY_REVOKED, bytes(32), carol.thumbprint, world.clock())
    assert world.account(1, carol).notices
    store: Any = node.store
    tags = [node.vault.tag("notices of", owner.thumbprint) for owner in (dave, carol)]
    with node.store.transaction():
        moved = store._db.execute("UPDATE notices SET owner_tag = ? WHERE owner_tag = ?", tags)
        assert moved.rowcount == 1
    assert not world.account(1, carol).notices
    assert not world.account(1, dave).notices
