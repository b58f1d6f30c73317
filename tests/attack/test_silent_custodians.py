"""A custodian hides an owner's event, bends it, or tells without end: it is refused, or named since others tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from kms.errors import KmsError
from kms.statements.audit import LogKind
from kms.statements.codec import decode, encode
from kms.statements.details import OwnerDetail, OwnerLeaf
from kms.statements.history import OwnerHistory, read_history
from kms_client.history import History, merged, read
from tests.protocol.histories import ask, history
from tests.protocol.world import Device, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An owner's record that was read, after another owner's."""
    made = World.found(tmp_path_factory.mktemp("world"))
    for name in ("other", "owner"):
        device = made.device(name)
        made.release(device, made.create(device))
    yield made
    made.close()


@pytest.fixture
def owner(world: World) -> Device:
    return world.device("owner")


def said(world: World, index: int, owner: Device) -> OwnerHistory:
    return decode(OwnerHistory, ask(world, index, owner))


def retold(found: History, index: int, pages: Sequence[bytes]) -> History:
    return merged(found.chain, found.owner, {**found.answers, index: list(pages)}, found.failures)


def refused(world: World, index: int, owner: Device, told: OwnerHistory) -> bool:
    try:
        read_history(told.to_bytes(), world.keyring, index, owner.thumbprint)
    except KmsError:
        return True
    return False


def decision_of(world: World, index: int, owner: Device) -> int:
    """The place in custodian `index`'s answer at which it tells of its decision."""
    told, _, _ = read_history(ask(world, index, owner), world.keyring, index, owner.thumbprint)
    return next(n for n, one in enumerate(told) if one.entry.kind is LogKind.DECISION)


def test_a_hidden_decision_is_named_by_the_releases_that_rest_on_it(world: World, owner: Device) -> None:
    found = history(world, owner)
    assert found.silences == ()
    cited = next(one.entry.basis for one in found.told if one.entry.kind is LogKind.RELEASE)
    index = cited[0].index
    whole = said(world, index, owner)
    place = decision_of(world, index, owner)
    hidden = replace(whole, events=whole.events[:place] + whole.events[place + 1 :])
    [silence] = retold(found, index, [hidden.to_bytes()]).silences
    assert (silence.index, silence.entry) == (index, cited[0].log_index)
    nothing = replace(whole, events=())
    assert [one.index for one in retold(found, index, [nothing.to_bytes()]).silences] == [index]


def test_who_is_away_is_told_and_not_named_as_hiding(world: World, owner: Device) -> None:
    found = history(world, owner)
    away = merged(found.chain, found.owner, {**found.answers, 1: []}, {1: "UNAVAILABLE"})
    assert away.silences == ()
    assert away.failures == {1: "UNAVAILABLE"}


def test_an_event_that_does_not_stand_in_the_log_is_refused(world: World, owner: Device) -> None:
    whole = said(world, 1, owner)
    event = whole.events[0]
    for bent in (
        replace(event, entry=event.entry.replace(b"KEPT", b"KEPP")),
        replace(event, proof=event.proof[:-1]),
        replace(event, proof=()),
        replace(event, proof=tuple(reversed(event.proof))),
    ):
        assert refused(world, 1, owner, replace(whole, events=(bent, *whole.events[1:])))


def test_another_meaning_than_the_logged_one_is_refused(world: World, owner: Device) -> None:
    whole = said(world, 1, owner)
    event = whole.events[decision_of(world, 1, owner)]
    leaf = decode(OwnerLeaf, event.leaf)
    detail = decode(OwnerDetail, leaf.detail)
    lie = replace(detail, outcomes=(replace(detail.outcomes[0], outcome="DENY"),))
    bent = replace(event, leaf=encode(replace(leaf, detail=encode(lie))))
    assert refused(world, 1, owner, replace(whole, events=(bent,)))


def test_another_owners_event_is_refused(world: World, owner: Device) -> None:
    other = said(world, 1, world.device("other"))
    assert refused(world, 1, owner, other)
    assert not refused(world, 1, world.device("other"), other)


def test_one_custodians_words_are_not_anothers(world: World, owner: Device) -> None:
    assert refused(world, 2, owner, said(world, 1, owner))


def test_events_told_twice_or_out_of_order_are_refused(world: World, owner: Device) -> None:
    whole = said(world, 1, owner)
    assert refused(world, 1, owner, replace(whole, events=(whole.events[0], *whole.events)))
    assert refused(world, 1, owner, replace(whole, events=tuple(reversed(whole.events))))
    found = history(world, owner)
    with pytest.raises(KmsError):
        retold(found, 1, [whole.to_bytes(), whole.to_bytes()])


def test_a_saved_history_that_was_altered_is_refused(world: World, owner: Device) -> None:
    saved = history(world, owner).to_bytes()
    other = history(world, world.device("other"))
    for junk in (b"", b"{}", b"[]", b"[" * 100_000, saved.replace(b'"1": [', b'"7": ['), saved[:-9]):
        with pytest.raises(KmsError):
            read(junk, world.keyring.keyring_id)
    mixed = replace(other, owner=owner.thumbprint)
    with pytest.raises(KmsError):
        read(mixed.to_bytes(), world.keyring.keyring_id)
