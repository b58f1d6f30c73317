"""A quota that counts only what was kept is none: junk costs its custodian the same checks and the same log."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol.adversary import reason_of, refusals
from tests.protocol.world import LAB, World, signing_key


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


def test_a_person_with_many_device_keys_has_one_quota(world: World) -> None:
    node, first = world.nodes[1], world.device("mallory")
    second = replace(first, key=signing_key("mallory's other device"))
    node.context = replace(node.context, deposit_quota_per_hour=3)
    world.deposit_at(1, world.send(first, world.deal(first, [LAB] * 2)))
    assert reason_of(world.deposit_at, 1, world.send(second, world.deal(second, [LAB] * 2))) == "QUOTA"


def test_one_persons_quota_is_not_anothers(world: World) -> None:
    node = world.nodes[1]
    node.context = replace(node.context, deposit_quota_per_hour=3)
    for name in ("mallory", "alice"):
        dealer = world.device(name)
        sent = world.send(dealer, world.deal(dealer, [LAB] * 2))
        assert reason_of(world.deposit_at, 1, sent) == ""


def test_who_may_not_deposit_at_all_leaves_no_key(world: World) -> None:
    operator = world.device("operator", "operator", ("b",))
    sent = world.send(operator, world.deal(operator, [LAB]))
    assert reason_of(world.deposit_at, 1, sent) == "NO_RULE_ALLOWS"
    assert world.nodes[1].context.store.count_keys() == 0
