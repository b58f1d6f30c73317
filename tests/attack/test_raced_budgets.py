"""A budget holds however requests are raced, split, repeated, spread over custodians, or timed around a restart.

Whoever finds a way around it reads a practice while every single request looks harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, cycle
from pathlib import Path
from typing import Any

import pytest

from kms.custodian.service import SERVICE, CustodianService
from kms.statements.audit import LogEntry, LogKind
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope, BudgetWindow
from kms.statements.codec import decode
from kms.statements.envelope import open_signed, sign
from kms.statements.release import RULE_LIFETIME, Decision, Purpose, Verdict, build_certificate
from kms.transport.client import Channel
from kms.transport.process import Port, Server
from kms.transport.server import Endpoint
from kms.wire.v1 import coordinator_pb2, custodian_pb2
from kms_client.cache import OpenKey
from kms_client.requesting import Prepared
from tests.protocol.adversary import ruling
from tests.protocol.world import BOOKING, LAB, Device, World, evidence_for, signing_key

HOUR = 3600
LIMIT = 4
PRINCIPAL, ORGANISATION, OWNER, KEYRING = BudgetScope
ALLOWED = "ALLOW"


def budget(
    scope: BudgetScope,
    on_excess: BudgetExcess = BudgetExcess.DENY,
    *,
    limit: int = LIMIT,
    window: BudgetWindow = BudgetWindow.HOUR,
) -> Budget:
    return Budget(scope, window, limit, on_excess)


Found = Callable[..., World]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Found]:
    """Founds 2 of 3 with these budgets."""
    made: list[World] = []

    def make(*budgets: Budget) -> World:
        made.append(World.found(tmp_path / f"{len(made)}", n=3, threshold=2, budgets=budgets))
        return made[-1]

    yield make
    for world in made:
        world.close()


def doctor(world: World, name: str = "dr", **changes: Any) -> Device:
    return replace(world.device(name, "professional"), **changes)


def asks(
    world: World,
    who: Device,
    keys: Sequence[OpenKey],
    *,
    to: Sequence[int] = (),
    lifetime: int = RULE_LIFETIME,
) -> Prepared:
    return world.prepare(who, keys, purpose=Purpose.TREATMENT, to=to, lifetime=lifetime)


def answers(world: World, prepared: Sequence[Prepared], index: int = 1) -> list[tuple[str, str]]:
    return [ruling(world.decide_at(index, one)) for one in prepared]


def released(world: World, prepared: Prepared, at: Sequence[int]) -> bool:
    """Whether these custodians' allows make a certificate on which shares go out."""
    signed = [open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in at]
    if any(s.statement.rulings[0].verdict is not Verdict.ALLOW for s in signed):
        return False
    certificate = build_certificate(prepared.opened.hash, signed)
    return all(world.nodes[i].release(prepared.opened.hash, certificate)[1] for i in at)


def test_requests_that_are_all_decided_before_any_release_share_one_budget(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * 6)
    verdicts = answers(world, [asks(world, doctor(world), [key]) for key in keys])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * LIMIT + ["DENY"] * 2
    assert verdicts[-1][1] == "BUDGET_EXCEEDED"


def test_spread_over_custodians_no_more_goes_out_than_the_published_bound(found: Found) -> None:
    limit = budget(PRINCIPAL)
    world = found(limit)
    keys = world.create(world.device("alice"), [LAB] * 12)
    who = doctor(world)
    # The best that a coordinator can do: each pair of custodians in turn.
    out = sum(
        released(world, asks(world, who, [key]), at)
        for key, at in zip(keys, cycle(combinations((1, 2, 3), 2)), strict=False)
    )
    assert out == limit.bound(3, 2) == 6


def test_parallel_calls_to_a_real_server_share_one_budget(found: Found, tmp_path: Path) -> None:
    world = found(budget(PRINCIPAL), budget(KEYRING, limit=LIMIT + 1))
    keys = world.create(world.device("alice"), [LAB] * 12)
    requests = [asks(world, doctor(world), [key]) for key in keys]

    async def scene() -> list[str]:
        service = CustodianService(world.nodes[1])
        address = f"unix:{tmp_path}/s"
        server = Server([Port(address, None, [Endpoint(SERVICE, service.relay_methods())])])
        await server.start()
        channels = [Channel(address, None) for _ in range(4)]
        try:
            said = await asyncio.gather(
                *(_decide(channel, one) for channel, one in zip(cycle(channels), requests, strict=False))
            )
        finally:
            for channel in channels:
                await channel.close()
            await server.stop()
            service._thread.shutdown()
        return said

    assert sorted(asyncio.run(scene())) == [ALLOWED] * LIMIT + ["DENY"] * 8


async def _decide(channel: Channel, prepared: Prepared) -> str:
    blob = coordinator_pb2.TargetBlob(index=1, sealed_evidence=evidence_for(prepared, 1))
    answer = await channel.call(
        SERVICE,
        "Decide",
        custodian_pb2.DecideRequest(request=prepared.message.request, blob=blob),
        custodian_pb2.DecideResponse,
        timeout=60,
    )
    return ruling(answer.decision.SerializeToString())[0]


def test_a_restart_forgets_nothing(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    answers(world, [asks(world, doctor(world), [key]) for key in keys[:LIMIT]])
    world.start(1)
    assert answers(world, [asks(world, doctor(world), keys[LIMIT:])]) == [("DENY", "BUDGET_EXCEEDED")]


def test_a_kill_before_the_decision_is_on_disk_leaves_neither_decision_nor_count(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    first = asks(world, doctor(world), keys[:1])
    with monkeypatch.context() as killed:
        killed.setattr(type(world.nodes[1].context.store), "put_request", _die)
        for _ in range(LIMIT):
            with pytest.raises(SystemExit):
                world.decide_at(1, first)
    world.start(1)
    verdicts = answers(world, [first, first, *(asks(world, doctor(world), [key]) for key in keys[1:])])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * (LIMIT + 1) + ["DENY"]


def _die(*_: object) -> None:
    raise SystemExit


def test_what_was_allowed_and_never_released_stays_counted_until_the_window_has_passed(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * LIMIT)
    assert answers(world, [asks(world, doctor(world), keys)]) == [(ALLOWED, "PROFESSIONAL_BY_TWO_ISSUERS")]
    world.clock.turn(RULE_LIFETIME + 1)
    world.nodes[1].tick()
    # Its allow may stand in a certificate by which the two others released: this one would not know.
    assert answers(world, [asks(world, doctor(world), keys[:1])]) == [("DENY", "BUDGET_EXCEEDED")]
    world.clock.turn(HOUR)
    assert answers(world, [asks(world, doctor(world), keys[:1])])[0][0] == ALLOWED


@pytest.mark.parametrize("window", list(BudgetWindow))
def test_no_window_lets_more_through_at_its_edge(found: Found, window: BudgetWindow) -> None:
    limit = budget(KEYRING, window=window)
    world = found(limit)
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    assert answers(world, [asks(world, doctor(world), keys[:LIMIT])])[0][0] == ALLOWED
    world.clock.turn(limit.seconds - 1)
    world.nodes[1].tick()
    assert answers(world, [asks(world, doctor(world), keys[LIMIT:])]) == [("DENY", "BUDGET_EXCEEDED")]


def test_a_batch_is_not_cut_to_what_still_fits(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    decided = world.decide_at(1, asks(world, doctor(world), keys))
    assert {ruling(decided, position)[1] for position in range(len(keys))} == {"BUDGET_EXCEEDED"}
    assert answers(world, [asks(world, doctor(world), keys[:LIMIT])])[0][0] == ALLOWED


def test_fresh_keys_for_one_person_share_one_budget(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    same = [doctor(world, key=signing_key(f"phone {n}")) for n in range(LIMIT + 1)]
    verdicts = answers(world, [asks(world, who, [key]) for who, key in zip(same, keys, strict=True)])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * LIMIT + ["DENY"]


def test_many_persons_of_one_organisation_share_its_budget_however_they_spell_it(found: Found) -> None:
    world = found(budget(ORGANISATION))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    names = cycle(["Clinic Nord", "clinic  NORD", "\uff23linic Nord"])
    staff = [doctor(world, f"dr-{n}", organisation=next(names)) for n in range(LIMIT + 1)]
    verdicts = answers(world, [asks(world, who, [key]) for who, key in zip(staff, keys, strict=True)])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * LIMIT + ["DENY"]
    elsewhere = doctor(world, "other", organisation="Clinic Sud")
    assert answers(world, [asks(world, elsewhere, keys[:1])])[0][0] == ALLOWED


def test_who_leaves_the_organisation_out_is_braked_alone(found: Found) -> None:
    world = found(budget(ORGANISATION))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 1))
    verdicts = answers(world, [asks(world, doctor(world), [key]) for key in keys])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * LIMIT + ["DENY"]


def test_many_readers_of_one_owner_share_the_owners_budget_and_no_others(found: Found) -> None:
    world = found(budget(OWNER))
    alice, bob = world.device("alice"), world.device("bob")
    hers, his = world.create(alice, [LAB] * (LIMIT + 1)), world.create(bob, [LAB])
    readers = [doctor(world, f"dr-{n}") for n in range(LIMIT + 1)]
    verdicts = answers(world, [asks(world, who, [key]) for who, key in zip(readers, hers, strict=True)])
    assert [verdict for verdict, _ in verdicts] == [ALLOWED] * LIMIT + ["DENY"]
    mixed = asks(world, readers[0], [hers[0], *his])
    decided = world.decide_at(1, mixed)
    by_key = {key: ruling(decided, n)[0] for n, key in enumerate(mixed.opened.request.key_ids)}
    assert (by_key[hers[0].key_id], by_key[his[0].key_id]) == ("DENY", ALLOWED)


def test_a_spike_is_held_for_people_logged_and_counted_when_they_allow_it(found: Found) -> None:
    world = found(budget(PRINCIPAL, BudgetExcess.HOLD))
    keys = world.create(world.device("alice"), [LAB] * (LIMIT + 2))
    who = doctor(world)
    answers(world, [asks(world, who, keys[:LIMIT])])
    spike = asks(world, who, keys[LIMIT:])
    assert answers(world, [spike]) == [("PENDING", "BUDGET_HELD")]
    entries = _log(world, LogKind.BUDGET)
    assert [(e.outcome, e.count, e.subject_hash) for e in entries] == [
        ("HELD_PRINCIPAL_HOUR", 2, spike.opened.hash)
    ]
    assert [u.used for u in world.nodes[1].usage()] == [LIMIT]
    assert ruling(world.approve(1, spike.opened.hash)) == (ALLOWED, "HUMAN_APPROVED")
    assert [u.used for u in world.nodes[1].usage()] == [LIMIT + 2]


def test_people_do_not_lift_a_budget_that_denies(found: Found) -> None:
    world = found(budget(PRINCIPAL, BudgetExcess.HOLD, limit=1), budget(KEYRING, limit=2))
    keys = world.create(world.device("alice"), [LAB] * 3)
    who = doctor(world)
    spike = asks(world, who, keys[:2])
    assert answers(world, [spike]) == [("PENDING", "BUDGET_HELD")]
    assert answers(world, [asks(world, doctor(world, "another"), keys[2:])])[0][0] == ALLOWED
    assert ruling(world.approve(1, spike.opened.hash)) == ("DENY", "BUDGET_EXCEEDED")


def test_asking_for_nothing_but_people_still_counts(found: Found) -> None:
    world = found(budget(PRINCIPAL, limit=1))
    keys = world.create(world.device("alice"), [LAB] * 2)
    known = doctor(world, issuers=("b",))
    waiting = [asks(world, known, [key]) for key in keys]
    assert answers(world, waiting) == [("PENDING", "NEEDS_HUMAN")] * 2
    assert [ruling(world.approve(1, one.opened.hash)) for one in waiting] == [
        (ALLOWED, "HUMAN_APPROVED"),
        ("DENY", "BUDGET_EXCEEDED"),
    ]


def test_a_denied_request_uses_nothing_up(found: Found) -> None:
    world = found(budget(KEYRING))
    keys = world.create(world.device("alice"), [LAB, BOOKING] * LIMIT)
    stranger = world.device("backend", "service", issuers=("b",))
    for _ in range(2):
        assert answers(world, [asks(world, stranger, keys)])[0][0] == "DENY"
    assert [u.used for u in world.nodes[1].usage()] == [0]


def test_grants_and_budgets_hold_side_by_side(found: Found) -> None:
    world = found(budget(PRINCIPAL))
    alice, reader = world.device("alice"), world.device("bob")
    keys = world.create(alice, [LAB] * LIMIT)
    grant = sign(world.grant(alice, reader, keys=keys, max_count=2), alice.key).envelope
    assert len(world.release(reader, keys, purpose=Purpose.TREATMENT, grants=[grant]).opened) == 2
    assert [u.used for u in world.nodes[1].usage()] == [LIMIT]


def _log(world: World, kind: LogKind) -> list[LogEntry]:
    entries = [
        decode(LogEntry, payload, "log") for payload in world.nodes[1].context.store.log.entries(0, 1000)
    ]
    return [entry for entry in entries if entry.kind is kind]
