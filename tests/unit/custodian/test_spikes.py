"""More is asked for than a budget allows: approvers read which one, and are told that there is a spike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian.notifying import SPIKE, WAITS, Notifier, NotifyConfig
from kms.custodian.service import CustodianService
from kms.statements.budgets import Budget, BudgetExcess, BudgetScope, BudgetWindow
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms.statements.waiting import WaitingFacts
from kms.wire.v1 import custodian_pb2
from kms_client.requesting import Prepared
from tests.protocol.adversary import ruling
from tests.protocol.world import LAB, World, evidence_for

HOLDS = Budget(BudgetScope.PRINCIPAL, BudgetWindow.HOUR, 4, BudgetExcess.HOLD)
DENIES = Budget(BudgetScope.KEYRING, BudgetWindow.DAY, 8, BudgetExcess.DENY)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2, budgets=(HOLDS, DENIES))
    yield made
    made.close()


def asked(world: World, keys: int) -> Prepared:
    created = world.create(world.device("alice"), [LAB] * keys)
    doctor = world.device("dr", "professional")
    return world.prepare(doctor, created, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)


def test_the_text_that_is_signed_names_the_budget_in_both_languages(world: World) -> None:
    prepared = asked(world, 5)
    assert ruling(world.decide_at(1, prepared)) == ("PENDING", "BUDGET_HELD")
    view = world.nodes[1].waiting_view(prepared.opened.hash)
    assert "\nBudget       5 beyond the 4 keys an hour of who asks\n" in view.text("en")
    assert "\nPlafond      5 au-delà des 4 clés par heure du demandeur\n" in view.text("fr")
    assert WaitingFacts.parse(view.facts.to_bytes()) == view.facts


def test_where_no_budget_holds_it_the_text_says_nothing_of_one(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    assert "Budget" not in world.nodes[1].waiting_view(prepared.opened.hash).text("en")


@pytest.mark.parametrize(
    ("keys", "told"), [(4, []), (5, [SPIKE, WAITS]), (9, [SPIKE])], ids=["within", "held", "denied"]
)
async def test_a_spike_is_told_of_whether_it_is_held_or_denied(
    world: World, keys: int, told: list[str]
) -> None:
    heard: list[str] = []

    class Listening(Notifier):
        def tell(self, event: str = WAITS) -> None:
            heard.append(event)

    async def nobody() -> list[object]:
        return []

    service = CustodianService(world.nodes[1])
    service.notifier = Listening(NotifyConfig("https://console.example/"), nobody)  # type: ignore[arg-type]
    prepared = asked(world, keys)
    request = custodian_pb2.DecideRequest(request=prepared.message.request)
    request.blob.sealed_evidence = evidence_for(prepared, 1)
    for _ in range(2):  # the same request again is no other spike
        await service.decide(request, None)  # type: ignore[arg-type]
    assert heard == told
