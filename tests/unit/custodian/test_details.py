"""What owners find in the log of what concerns them, and nobody else finds there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.custodian import details
from kms.custodian.decisions import STRANGERS_TOLD
from kms.custodian.details import OwnerEvent
from kms.errors import Invalid, StoreError
from kms.statements.audit import LogEntry, LogKind, read_entry
from kms.statements.codec import encode
from kms.statements.details import OwnerDetail, OwnerOutcome, leaves_of
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.release import Purpose
from tests.protocol.world import LAB, Device, World, iss, signing_key


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def events(world: World, owner: Device, after: int = 0) -> list[OwnerEvent]:
    return world.nodes[1].owner_events(owner.thumbprint, after, 200)


def told(world: World, owner: Device, after: int = 0) -> list[tuple[LogEntry, OwnerDetail]]:
    """What an owner reads there, each leaf held against its entry."""
    found = []
    for event in events(world, owner, after):
        entry = read_entry(event.entry, event.log_index)
        found.append((entry, event.leaf.opened(entry, owner.thumbprint)))
    return found


def test_an_owner_finds_deposit_decision_and_release(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * 2)
    assert len(world.release(alice, keys).opened) == 2
    ids = tuple(key.key_id for key in keys)
    deposit, decision, release = told(world, alice)
    assert [entry.kind for entry, _ in (deposit, decision, release)] == [
        LogKind.DEPOSIT,
        LogKind.DECISION,
        LogKind.RELEASE,
    ]
    assert deposit[1].outcomes == (OwnerOutcome("KEPT", "", ids),)
    asked = tuple(sorted(ids))
    assert decision[1].outcomes == (OwnerOutcome("ALLOW", "OWNER_READS_OWN", asked),)
    assert release[1].outcomes == (OwnerOutcome("RELEASED", "", asked),)
    assert release[1].purpose == Purpose.PATIENT_ACCESS
    assert release[1].people == (f"{iss('a')}|alice", f"{iss('b')}|alice")
    assert (deposit[1].purpose, deposit[1].people) == (0, ())


def test_an_owner_finds_who_else_asked_and_what_came_of_it(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob")
    keys = world.create(alice)
    grant = sign(world.grant(alice, bob, keys=keys), alice.key).envelope
    before = told(world, alice)[-1][0].index
    assert world.release(bob, keys, purpose=Purpose.TREATMENT, grants=[grant]).opened
    assert not world.release(bob, keys, purpose=Purpose.BILLING).opened
    found = told(world, alice, before)
    assert [(e.kind.name, e.principal == bob.thumbprint, d.outcomes[0].outcome) for e, d in found] == [
        ("DECISION", True, "ALLOW"),
        ("RELEASE", True, "RELEASED"),
        ("DECISION", True, "PENDING"),
    ]
    assert all(d.people[0] == f"{iss('a')}|bob" for _, d in found)


def test_an_owner_finds_strangers_whom_nobody_vouches_for(world: World) -> None:
    alice = world.device("alice")
    keys = world.create(alice, [LAB] * (STRANGERS_TOLD + 1))
    before = told(world, alice)[-1][0].index
    world.issuer_keys = {**world.issuer_keys, "x": signing_key("an issuer that no manifest names")}
    world.decide_at(1, world.prepare(world.device("mallory", issuers=("x",)), keys))
    ((entry, detail),) = told(world, alice, before)
    assert (entry.kind, detail.people) == (LogKind.DECISION, ())
    (outcome,) = detail.outcomes
    assert outcome.outcome == "DENY"
    assert outcome.key_ids == tuple(sorted(key.key_id for key in keys))[:STRANGERS_TOLD]


def test_an_owner_finds_that_a_waiting_request_was_closed(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob")
    keys = world.create(alice)
    world.decide_at(1, world.prepare(bob, keys, purpose=Purpose.TREATMENT))
    world.clock.turn(3 * 86400)
    world.nodes[1].tick()
    outcomes = [detail.outcomes[0] for _, detail in told(world, alice)]
    assert [(one.outcome, one.reason) for one in outcomes[-2:]] == [
        ("PENDING", outcomes[-2].reason),
        ("DENY", "TIMED_OUT"),
    ]


def test_owners_of_one_request_find_their_own_keys_alone(world: World) -> None:
    alice, carol, bob = (world.device(name) for name in ("alice", "carol", "bob"))
    hers, others = world.create(alice, [LAB] * 2), world.create(carol)
    grants = [
        sign(world.grant(owner, bob, keys=keys), owner.key).envelope
        for owner, keys in ((alice, hers), (carol, others))
    ]
    assert len(world.release(bob, [*hers, *others], purpose=Purpose.TREATMENT, grants=grants).opened) == 3
    mine, theirs = told(world, alice)[-1], told(world, carol)[-1]
    assert mine[0] == theirs[0]  # one entry, one root
    assert mine[1].outcomes[0].key_ids == tuple(sorted(key.key_id for key in hers))
    assert theirs[1].outcomes[0].key_ids == tuple(key.key_id for key in others)
    assert told(world, world.device("dave")) == []


def test_pages_follow_each_other(world: World) -> None:
    alice = world.device("alice")
    for _ in range(5):
        world.create(alice, at=[1])
    node = world.nodes[1]
    whole = node.owner_events(alice.thumbprint, 0, 200)
    assert len(whole) == 5
    first = node.owner_events(alice.thumbprint, 0, 3)
    rest = node.owner_events(alice.thumbprint, first[-1].log_index, 3)
    assert first + rest == whole
    assert node.owner_events(alice.thumbprint, whole[-1].log_index, 3) == []


def test_an_answer_has_two_hundred_at_most(world: World) -> None:
    alice = world.device("alice")
    context = world.nodes[1].context
    made = details.details({alice.thumbprint: [OwnerOutcome("KEPT", "", (KeyId(b"k" * 32),))]})
    with context.store.transaction():
        for _ in range(details.MAX_EVENTS + 1):
            index = context.ledger.append(LogKind.DEPOSIT, 1, b"s" * 32, detail_root=made.root)
            details.keep(context, index, world.clock(), made)
    assert len(world.nodes[1].owner_events(alice.thumbprint, 0, 10_000)) == details.MAX_EVENTS


def test_leaves_are_forgotten_with_the_history_and_entries_stay(world: World) -> None:
    alice = world.device("alice")
    world.create(alice)
    size = world.nodes[1].context.store.log.size()
    world.clock.turn(world.nodes[1].context.history_days * 86400)
    world.nodes[1].tick()
    assert len(events(world, alice)) == 1
    world.clock.turn(1)
    world.nodes[1].tick()
    assert events(world, alice) == []
    assert world.nodes[1].context.store.log.size() >= size


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 300])
def test_every_owners_leaf_leads_to_the_one_root(count: int) -> None:
    owners = [Thumbprint(n.to_bytes(32, "big")) for n in range(count)]
    made = [
        OwnerDetail.salted(owner, 1, (), [OwnerOutcome("ALLOW", "", (KeyId(owner),))]) for owner in owners
    ]
    root, leaves = leaves_of(made)
    entry = LogEntry(0, LogKind.DECISION, 1, b"s" * 32, detail_root=root)
    for owner, detail, leaf in zip(owners, made, leaves, strict=True):
        assert details.unpack(details.pack(leaf)).opened(entry, owner) == detail
        with pytest.raises(Invalid) as refused:
            leaf.opened(entry, Thumbprint(b"x" * 32))
        assert refused.value.reason == "WRONG_OWNER"


def test_a_detail_is_written_as_every_statement_is() -> None:
    outcomes = [OwnerOutcome("ALLOW", "OWNER_READS_OWN", (KeyId(b"k" * 32),))]
    detail = OwnerDetail.salted(Thumbprint(b"o" * 32), 3, ("a|b",), outcomes)
    _, (leaf,) = leaves_of([detail])
    assert leaf.detail == encode(detail)


def test_a_row_that_was_moved_to_another_entry_or_owner_is_noticed(world: World) -> None:
    alice, carol = world.device("alice"), world.device("carol")
    world.create(alice)
    world.create(carol)
    context = world.nodes[1].context
    (mine,), (theirs,) = events(world, alice), events(world, carol)
    with context.store.transaction():
        row = (
            details._tag(context.vault, alice.thumbprint),
            context.vault.seal(details.SEALED_FOR, details.pack(theirs.leaf)),
        )
        context.store.details.add(theirs.log_index, world.clock(), [row])
    with pytest.raises(StoreError, match="moved or altered"):
        events(world, alice)
    with context.store.transaction():
        row = (
            details._tag(context.vault, carol.thumbprint),
            context.vault.seal(details.SEALED_FOR, details.pack(theirs.leaf)),
        )
        context.store.details.add(mine.log_index, world.clock(), [row])
    with pytest.raises(StoreError, match="moved or altered"):
        events(world, carol)
