"""Whoever reads a custodian's log, or copies its store without the root, looks for an owner or a key in it.

Thumbprints and key ids are known to many: the coordinator has them all. What the log says of owners must not be open to
guessing them, and what one owner is shown must say nothing of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.crypto import merkle
from kms.errors import Invalid
from kms.statements.audit import LogEntry, LogKind, read_entry
from kms.statements.codec import encode
from kms.statements.details import OwnerDetail, OwnerLeaf, OwnerOutcome
from kms.statements.envelope import sign
from kms.statements.release import Purpose
from tests.protocol.logs import entries_of
from tests.protocol.world import LAB, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def test_the_same_deposit_to_two_custodians_gives_roots_that_have_nothing_in_common(world: World) -> None:
    world.create(world.device("alice"))
    roots = {
        entry.detail_root
        for node in world.nodes.values()
        for entry in entries_of(node)
        if entry.kind is LogKind.DEPOSIT
    }
    assert len(roots) == len(world.nodes)


def test_who_knows_owner_key_and_outcome_cannot_tell_whether_an_entry_is_about_them(world: World) -> None:
    alice = world.device("alice")
    (key,) = world.create(alice)
    (entry,) = [one for one in entries_of(world.nodes[1]) if one.kind is LogKind.DEPOSIT]
    told = (OwnerOutcome("KEPT", "", (key.key_id,)),)
    for salt in (bytes(16), entry.subject_hash[:16], world.keyring.keyring_id[:16]):
        guess = OwnerDetail(salt, alice.thumbprint, 0, (), told)
        assert merkle.leaf_hash(encode(guess)) != entry.detail_root
    (event,) = world.nodes[1].owner_events(alice.thumbprint, 0, 10)
    opened = event.leaf.opened(entry, alice.thumbprint)
    assert opened.outcomes == told
    assert opened.owner_thumbprint == alice.thumbprint  # all but the salt was guessed right


def test_the_store_without_its_root_names_no_owner_and_no_key_of_an_entry(world: World) -> None:
    alice, bob = world.device("alice"), world.device("bob")
    keys = world.create(alice, [LAB] * 2)
    grant = sign(world.grant(alice, bob, keys=keys), alice.key).envelope
    assert world.release(bob, keys, purpose=Purpose.TREATMENT, grants=[grant]).opened
    after_deposit = (
        world.nodes[1].owner_events(alice.thumbprint, 0, 1)[0].log_index
    )  # where alice acts herself
    events = world.nodes[1].owner_events(alice.thumbprint, after_deposit, 10)
    rows = [event.entry for event in events] + _details_on_disk(world)
    assert len(events) == 2
    for secret in (alice.thumbprint, keys[0].key_id, keys[1].key_id, b"|bob"):
        assert not any(secret in row for row in rows)


def _details_on_disk(world: World) -> list[bytes]:
    store = world.nodes[1].context.store
    db = store._db  # type: ignore[attr-defined]
    return [b"".join(row) for row in db.execute("SELECT tag, sealed FROM owner_details").fetchall()]


def test_what_an_owner_is_shown_holds_nothing_of_another(world: World) -> None:
    alice, carol, bob = (world.device(name) for name in ("alice", "carol", "bob"))
    hers, others = world.create(alice), world.create(carol)
    world.decide_at(1, world.prepare(bob, [*hers, *others], purpose=Purpose.TREATMENT))
    event = world.nodes[1].owner_events(alice.thumbprint, 0, 10)[-1]
    shown = event.entry + encode(event.leaf)
    assert event.leaf.count == 2
    assert bytes(carol.thumbprint) not in shown
    assert bytes(others[0].key_id) not in shown


def test_a_custodian_that_tells_an_owner_something_else_than_it_logged_is_caught(world: World) -> None:
    alice = world.device("alice")
    (key,) = world.create(alice)
    event = world.nodes[1].owner_events(alice.thumbprint, 0, 10)[-1]
    entry = read_entry(event.entry, event.log_index)
    nicer = OwnerDetail.salted(alice.thumbprint, 0, (), [OwnerOutcome("REFUSED", "", (key.key_id,))])
    with pytest.raises(Invalid) as refused:
        OwnerLeaf(encode(nicer), 0, 1, ()).opened(entry, alice.thumbprint)
    assert refused.value.reason == "NOT_IN_LOG"
    with pytest.raises(Invalid) as refused:
        OwnerLeaf(event.leaf.detail, 0, 2, (bytes(32),)).opened(entry, alice.thumbprint)
    assert refused.value.reason == "NOT_IN_LOG"


def test_an_entry_without_details_shows_an_owner_nothing() -> None:
    detail = OwnerDetail.salted(b"o" * 32, 0, (), [OwnerOutcome("KEPT", "", (b"k" * 32,))])  # type: ignore[arg-type]
    entry = LogEntry(3, LogKind.DEPOSIT, 1, b"s" * 32)
    with pytest.raises(Invalid):
        OwnerLeaf(encode(detail), 0, 1, ()).opened(entry, detail.owner_thumbprint)
