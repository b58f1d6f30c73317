"""A certificate that proves less than it says: words counted twice, of former members, of other orders or keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.errors import KmsError
from kms.statements.destruction_certificate import (
    DestructionCertificate,
    build_certificate,
    open_destruction_certificate,
)
from kms.statements.envelope import sign
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import change_committee
from tests.protocol.destroying import (
    WEEK,
    destroy,
    make_order,
    pass_time,
    read_word,
    submission,
    tell,
    words_on,
)
from tests.protocol.world import LAB, Device, World, signing_key


@pytest.fixture
def alice(world: World) -> Device:
    return world.device("alice")


@pytest.fixture
def keys(world: World, alice: Device) -> tuple[OpenKey, ...]:
    found = world.create(alice, [LAB] * 2)
    return tuple(sorted(found, key=lambda key: key.key_id))


def certify(
    world: World, order: bytes, keys: Sequence[OpenKey], words: Sequence[bytes], manifests: int = 0
) -> DestructionCertificate:
    chain = world.chain.envelopes[: manifests or len(world.chain.envelopes)]
    payload = build_certificate(chain, order, [key.descriptor.payload for key in keys], words)
    return open_destruction_certificate(payload, world.keyring.keyring_id, world.chain)


def reason_of(*arguments: object) -> str:
    try:
        certify(*arguments)  # type: ignore[arg-type]
    except KmsError as error:
        return error.reason
    return ""


def test_it_says_how_many_may_lie(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order, words = destroy(world, alice, keys)
    for r, tolerates in ((5, 2), (4, 1), (3, 0), (2, -1)):
        proof = certify(world, order.envelope, keys, list(words.values())[:r])
        assert (proof.present.tolerates, proof.complete) == (tolerates, tolerates >= 0)
    said = [certify(world, order.envelope, keys, list(words.values())[:r]).text() for r in (5, 2)]
    assert "Even if any 2 of those who signed lied" in said[0]
    assert "THAT IS NOT ENOUGH: 1 more must sign" in said[1]


def test_it_lists_every_release_and_how_long_recordings_open(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    for wanted in (keys, keys[:1]):
        assert len(world.release(alice, wanted).opened) == len(wanted)
    order, words = destroy(world, alice, keys)
    proof = certify(world, order.envelope, keys, list(words.values()))
    assert [word.statement.releases for word in proof.words] == [(2, 1)] * 5
    assert proof.readable_until > world.clock()
    assert "had given out its share 3 times before" in proof.text()
    # Nothing of it opens once the last period has ended, and who signs anew then says so.
    world.clock.turn(proof.readable_until - world.clock())
    for node in world.nodes.values():
        node.tick()
    later = [world.nodes[i].destruction(order.hash).word for i in world.nodes]
    ends = {
        p.not_after
        for w in certify(world, order.envelope, keys, later).words
        for p in w.statement.live_periods
    }
    assert proof.readable_until not in ends


def test_a_custodian_is_not_counted_twice(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order, words = destroy(world, alice, keys, 1, 2)
    again = read_word(world, order, words[1])
    second = sign(replace(again, destroyed_at=again.destroyed_at + 1), world.identities[1]).envelope
    for extra in (words[1], second):
        assert reason_of(world, order.envelope, keys, [*words.values(), extra]) == "DUPLICATE_RECEIPT"


def test_words_from_a_former_manifest_make_none(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    order, words = destroy(world, alice, keys)
    former = list(words.values())
    change_committee(world, (1, 2, 3, 6, 7), 3)  # 4 and 5 left, and whose their keys are now nobody knows
    assert reason_of(world, order.envelope, keys, former) == "STALE_MANIFEST"
    assert (
        reason_of(world, order.envelope, keys, former, 1) == "STALE_MANIFEST"
    )  # a chain that ends before it
    fresh = [world.nodes[i].destruction(order.hash).word for i in (1, 2, 3)]
    proof = certify(world, order.envelope, keys, fresh)
    assert proof.complete
    ((before,), text) = proof.earlier, " ".join(proof.text().split())
    assert (before.sequence, before.words, before.tolerates, len(before.left)) == (0, 3, 0, 2)
    assert "who left since manifest 0 was not asked" in text
    assert reason_of(world, order.envelope, keys, [*fresh[:2], former[3]]) in (
        "WRONG_SIGNER",
        "STALE_MANIFEST",
    )


def test_too_few_of_an_older_committee_is_said(
    world: World, alice: Device, keys: tuple[OpenKey, ...]
) -> None:
    """Newcomers who never had a share fill the number; the older shares still open the key."""
    order = make_order(world, alice, keys)
    change_committee(world, range(1, 8), 4)
    described = [key.descriptor.payload for key in keys]
    tell(world, submission(world, order, by=alice, descriptors=described), 4, 5, 6, 7)
    pass_time(world, WEEK)
    words = words_on(world, order, 4, 5, 6, 7)
    assert len(words) == 4
    proof = certify(world, order.envelope, keys, list(words.values()))
    assert [one.tolerates for one in proof.earlier] == [-1]
    assert not proof.complete
    assert "THAT IS NOT ENOUGH: 1 more of the 5 custodians of manifest 0" in " ".join(proof.text().split())
    assert "of the 5 custodians of manifest 0 only 2 signed here" in " ".join(proof.text().split())


@pytest.mark.parametrize("spoil", ["order", "keys", "stranger", "descriptor", "altered"])
def test_words_on_something_else_make_none(
    world: World, alice: Device, keys: tuple[OpenKey, ...], spoil: str
) -> None:
    order, words = destroy(world, alice, keys, 1, 2, 3)
    said = read_word(world, order, words[3])
    other = world.create(alice)
    envelope, described, bad = order.envelope, list(keys), words[3]
    if spoil == "order":
        bad = sign(replace(said, order_hash=b"o" * 32), world.identities[3]).envelope
    elif spoil == "keys":
        bad = sign(replace(said, key_ids=said.key_ids[:1], releases=(0,)), world.identities[3]).envelope
    elif spoil == "stranger":
        bad = sign(said, signing_key("mallory")).envelope
    elif spoil == "descriptor":
        described = [keys[0], *other]
    else:
        bad = bad[:-1] + bytes([bad[-1] ^ 1])
    assert (
        reason_of(world, envelope, described, [words[1], words[2], bad])
        in {
            "order": {"WRONG_ORDER"},
            "keys": {"WRONG_ORDER"},
            "stranger": {"WRONG_SIGNER"},
            "descriptor": {"INVALID_FIELD"},
            "altered": {"BAD_SIGNATURE"},
        }[spoil]
    )


def test_it_is_of_the_keyring_that_was_pinned(world: World, alice: Device, keys: tuple[OpenKey, ...]) -> None:
    order, words = destroy(world, alice, keys)
    payload = build_certificate(
        world.chain.envelopes, order.envelope, [k.descriptor.payload for k in keys], list(words.values())
    )
    with pytest.raises(KmsError) as refused:
        open_destruction_certificate(payload, b"k" * 32)
    assert refused.value.reason == "WRONG_KEYRING"
