"""A quota that counts only what was kept is none: junk costs its custodian the same checks and the same log."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol.adversary import reason_of, refusals
from tests.protocol.world import LAB, World


def test_keys_that_are_refused_spend_the_quota_too(world: World) -> None:
    dealer, node = world.device("mallory"), world.nodes[1]
    dealt = world.deal(dealer, [LAB] * 2)
    node.context = replace(node.context, deposit_quota_per_hour=5)
    world.deposit_at(1, world.send(dealer, dealt))
    again = world.deposit_at(1, world.send(dealer, dealt))  # other bytes, the same keys: all refused
    assert set(refusals(again)) == {0, 1}
    assert reason_of(world.deposit_at, 1, world.send(dealer, dealt)) == "QUOTA"


def test_a_retry_of_the_same_deposit_spends_nothing(world: World) -> None:
    dealer, node = world.device("alice"), world.nodes[1]
    node.context = replace(node.context, deposit_quota_per_hour=2)
    sent = world.send(dealer, world.deal(dealer, [LAB] * 2))
    assert world.deposit_at(1, sent) == world.deposit_at(1, sent)
