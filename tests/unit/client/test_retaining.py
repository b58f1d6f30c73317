"""What custodians say is due, put together: fewer than `t` that lie raise no number and have nothing ordered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kms.errors import Denied, KmsError
from kms.statements.destruction import DestroyReason, open_destroy_order
from kms.statements.ids import KeyId
from kms.wire.v1 import retention_pb2 as pb
from kms_client import retaining
from kms_client.retaining import by_owner, outlook, write_order
from kms_client.session import Session
from tests.protocol.world import LAB, World, signing_key


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.found(Path(tmp_path_factory.mktemp("world")))
    yield made
    made.close()


def name(number: int) -> bytes:
    return hashlib.sha256(b"key %d" % number).digest()


@dataclass
class Custodians:
    """What each custodian answers, page by page; an error is raised."""

    pages: dict[int, list[Any]]
    asked: list[pb.GetRetentionRequest] = field(default_factory=list)

    def channel(self, endpoint: str, credentials: object) -> Any:
        index = int(endpoint.rsplit(":", 1)[1]) - 9000
        answers = iter(self.pages.get(index, [Denied("no", reason="NOT_A_MESSENGER")]))

        async def call(_service: str, _method: str, request: Any, _answer: Any, timeout: float) -> Any:
            copy = pb.GetRetentionRequest()
            copy.CopyFrom(request)
            self.asked.append(copy)
            answer = next(answers)
            if isinstance(answer, KmsError):
                raise answer
            return answer

        async def close() -> None:
            return None

        return SimpleNamespace(call=call, close=close)


def session(world: World, monkeypatch: pytest.MonkeyPatch, custodians: Custodians | None = None) -> Session:
    async def keyring() -> Any:
        return world.keyring

    async def credentials() -> Sequence[str]:
        return ["a token"]

    if custodians is not None:
        monkeypatch.setattr(retaining, "Channel", custodians.channel)
    monkeypatch.setattr("kms.transport.tls.client_credentials", lambda authorities: None)
    made = SimpleNamespace(
        directory=SimpleNamespace(keyring=keyring),
        profile=SimpleNamespace(authorities=None, device_key=signing_key("night watch")),
        credentials=credentials,
        now=world.clock,
        timeout=1.0,
    )
    return cast(Session, made)


def page(*due: int, next_page: int = 0, **counts: int) -> pb.GetRetentionResponse:
    row = pb.RetentionRow(category="laboratory", seconds=100, rules=["laboratory-ends"], due=len(due))
    for field_name, count in counts.items():
        setattr(row, field_name, count)
    return pb.GetRetentionResponse(rows=[row], due_keys=[name(n) for n in due], next=next_page)


async def test_what_enough_call_due_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Custodians({1: [page(1, 2)], 2: [page(2, 1)], 3: [page(1, 2, 3)], 4: [page(3)], 5: [page()]})
    found = await outlook(session(world, monkeypatch, asked))
    assert found.needed == 3
    assert found.due == (name(1), name(2))
    assert found.answered == (1, 2, 3, 4, 5)
    assert all(request.credentials == ["a token"] for request in asked.asked)


async def test_two_that_lie_have_nothing_ordered_and_raise_no_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = [page(*range(100), kept=10**9, next_due_at=1)]
    honest = [page(1, kept=7, next_due_at=500)]
    found = await outlook(
        session(world, monkeypatch, Custodians({1: lie, 2: lie, 3: honest, 4: honest, 5: honest}))
    )
    assert found.due == (name(1),)
    (line,) = found.lines
    assert (line.counts["due"], line.counts["kept"], line.next_due_at) == (1, 7, 500)


async def test_fewer_than_t_say_nothing_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await outlook(session(world, monkeypatch, Custodians({1: [page(1)], 2: [page(1)]})))
    assert (found.lines, found.due) == ((), ())
    assert found.failures == {3: "NOT_A_MESSENGER", 4: "NOT_A_MESSENGER", 5: "NOT_A_MESSENGER"}


async def test_a_list_that_does_not_go_on_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = [page(1, next_page=5), page(2, next_page=5)]
    found = await outlook(session(world, monkeypatch, Custodians({1: endless})))
    assert found.failures[1] == "ENDLESS_LIST"


async def test_so_many_categories_are_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [pb.RetentionRow(category=str(n), due=1) for n in range(retaining.MAX_ROWS + 1)]
    flood = [pb.GetRetentionResponse(rows=rows)]
    found = await outlook(session(world, monkeypatch, Custodians({1: flood})))
    assert found.failures[1] == "ENDLESS_LIST"


async def test_pages_add_up_and_the_limit_bounds_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [page(1, 2, next_page=2), page(3, 4, next_page=4), page(5)]
    asked = Custodians({index: list(pages) for index in range(1, 6)})
    found = await outlook(session(world, monkeypatch, asked))
    assert found.due == tuple(map(name, (1, 2, 3, 4, 5)))
    assert found.lines[0].counts["due"] == 5
    few = Custodians({index: list(pages) for index in range(1, 6)})
    found = await outlook(session(world, monkeypatch, few), limit=3, due_only=True)
    assert found.due == tuple(map(name, (1, 2, 3)))
    assert [request.after for request in few.asked].count(4) == 0
    assert all(request.due_only for request in few.asked)


async def test_an_admin_asks_in_their_own_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Custodians({index: [page()] for index in range(1, 6)})
    await outlook(session(world, monkeypatch, asked), signing_key("admin"), "a policy")
    for request in asked.asked:
        assert not request.credentials
        assert request.question.signatures[0].keyid == signing_key("admin").public


async def test_orders_field_nameone_owners_keys_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, carol = world.device("alice"), world.device("carol")
    keys = [*world.create(alice, [LAB] * 3), *world.create(carol, [LAB] * 2)]
    known = {key.key_id: key.descriptor.payload for key in keys}

    async def described(_session: object, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        return {key_id: known[KeyId(key_id)] for key_id in key_ids if key_id in known}

    monkeypatch.setattr(retaining, "described", described)
    monkeypatch.setattr(retaining, "MAX_ORDER_KEYS", 2)
    made = session(world, monkeypatch)
    portions = await by_owner(made, [*(key.key_id for key in keys), KeyId(name(1))])
    owners = {key.key_id: key.descriptor.core.owner_thumbprint for key in keys}
    assert sorted(map(len, portions)) == [1, 2, 2]
    assert all(len({owners[key_id] for key_id in portion}) == 1 for portion in portions)
    assert sorted(key_id for portion in portions for key_id in portion) == sorted(owners)
    order = open_destroy_order(
        await write_order(made, portions[0], waiting=60), world.chain, world.keyring, world.clock()
    )
    assert (order.key_ids, order.waiting, order.by_rule) == (portions[0], 60, True)
    assert (order.reason, order.signer) == (DestroyReason.RETENTION, signing_key("night watch").thumbprint)
