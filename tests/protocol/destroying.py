"""Orders to destroy keys over a world's nodes, brought by the owner, the admins, or whoever has them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kms.crypto.signing import SigningKey
from kms.custodian.destroy_rights import Submission
from kms.errors import KmsError
from kms.statements.codec import payload_type
from kms.statements.destroyed import Destroyed, open_destroyed
from kms.statements.destruction import (
    AdminDestroyCancellation,
    AdminDestroyOrder,
    DestroyCancellation,
    DestroyOrder,
    DestroyReason,
    LegalHold,
    Order,
    open_destroy_order,
    reason_hash,
)
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.ids import KeyId
from kms_client.cache import OpenKey
from tests.protocol.ceremonies import message
from tests.protocol.world import Device, World, signing_key

DAY = 86400
WEEK = 7 * DAY
"""How long custodians wait where nothing else is said."""
TEXT = "the court of Berlin, file 7"


def ids_of(keys: Sequence[OpenKey] | Sequence[KeyId]) -> tuple[KeyId, ...]:
    return tuple(sorted(key.key_id if isinstance(key, OpenKey) else key for key in keys))


def make_order(
    world: World, by: Device, keys: Sequence[OpenKey] | Sequence[KeyId], **changes: Any
) -> Signed[DestroyOrder]:
    """What an owner signs; nobody has it yet."""
    order = DestroyOrder(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        secrets.token_bytes(16),
        ids_of(keys),
        DestroyReason.OWNER_WISH,
        b"",
        0,
        world.clock(),
        by.thumbprint,
    )
    return sign(replace(order, **changes), by.key)


def make_admin_order(
    world: World,
    keys: Sequence[OpenKey] | Sequence[KeyId],
    *signers: SigningKey,
    **changes: Any,
) -> Signed[AdminDestroyOrder]:
    """What the admin, or these keys, sign."""
    order_id = secrets.token_bytes(16)
    order = AdminDestroyOrder(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        order_id,
        ids_of(keys),
        DestroyReason.LEGAL_DUTY,
        reason_hash(order_id, TEXT),
        0,
        world.clock(),
    )
    return sign(replace(order, **changes), *(signers or (signing_key("admin"),)))


def make_hold(
    world: World,
    keys: Sequence[OpenKey] | Sequence[KeyId] = (),
    *signers: SigningKey,
    owner: Device | None = None,
    days: int = 100,
    **changes: Any,
) -> Signed[LegalHold]:
    """What the admin, or these keys, sign to have keys kept."""
    hold_id = secrets.token_bytes(16)
    hold = LegalHold(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        hold_id,
        ids_of(keys),
        owner.thumbprint if owner else b"",
        world.clock() + days * DAY,
        False,
        reason_hash(hold_id, TEXT),
        world.clock(),
    )
    return sign(replace(hold, **changes), *(signers or (signing_key("admin"),)))


def make_cancellation(world: World, by: Device, order: Signed[Any]) -> Signed[DestroyCancellation]:
    keyring = world.keyring
    said = DestroyCancellation(
        keyring.keyring_id, keyring.manifest_hash, order.hash, by.thumbprint, world.clock()
    )
    return sign(said, by.key)


def make_admin_cancellation(world: World, order: Signed[Any]) -> Signed[AdminDestroyCancellation]:
    keyring = world.keyring
    said = AdminDestroyCancellation(keyring.keyring_id, keyring.manifest_hash, order.hash, world.clock())
    return sign(said, signing_key("admin"))


def submission(
    world: World,
    statement: Signed[Any] | Envelope,
    *,
    by: Device | None = None,
    words: Iterable[bytes] = (),
    descriptors: Sequence[bytes] = (),
    order: Signed[Any] | None = None,
) -> Submission:
    """A statement as it travels, with credentials of `by`."""
    return Submission(
        statement.message if isinstance(statement, Signed) else statement,
        tuple(world.credentials(by)) if by else (),
        tuple(descriptors),
        tuple(message(word) for word in words),
        order.message if order else None,
    )


def tell(world: World, sent: Submission, *indices: int) -> dict[int, bytes | str]:
    """Hand it to these custodians, or to all that are up: their words, or why not."""
    answers: dict[int, bytes | str] = {}
    for index in indices or tuple(world.members):
        try:
            answers[index] = world.nodes[index].destroy(sent)
        except KmsError as error:
            answers[index] = error.reason
        if world.nodes[index].context.store.destructions.in_state("erased"):  # signed after the next roll
            roll(world, index)
            answers[index] = world.nodes[index].destroy(sent)
    return answers


def roll(world: World, index: int) -> None:
    """Roll a custodian's row root, once more if it was being rolled, and let the node look."""
    node = world.nodes[index]
    for _ in range(2):
        told = node.roll(at_once=True)
        while told is not None and not told.ended:
            told = node.roll()
    node.tick()


def destroy(
    world: World, by: Device, keys: Sequence[OpenKey] | Sequence[KeyId], *indices: int
) -> tuple[Signed[DestroyOrder], dict[int, bytes]]:
    """Order, wait a week, destroy at these custodians or all; their words."""
    order = make_order(world, by, keys)
    answers = tell(world, submission(world, order, by=by), *indices)
    assert all(isinstance(answer, bytes) for answer in answers.values()), answers
    pass_time(world, WEEK)
    return order, words_on(world, order, *answers)


def pass_time(world: World, seconds: int) -> None:
    """Turn the clock, and let whoever is up look at it."""
    world.clock.turn(seconds)
    for index, node in world.nodes.items():
        node.tick()
        if node.context.store.destructions.in_state("erased"):  # on a store that keeps what was erased
            roll(world, index)


def words_on(world: World, order: Signed[Any], *indices: int) -> dict[int, bytes]:
    """Destroyed of these custodians, or of all, that have carried the order out."""
    found = {}
    for index in indices or tuple(world.members):
        known = world.nodes[index].context.store.destructions.find(order.hash)
        if known is not None and known.state == "destroyed":
            found[index] = known.word
    return found


def opened(world: World, order: Signed[Any]) -> Order:
    return open_destroy_order(order.envelope, world.chain, world.keyring, world.clock())


def read_word(world: World, order: Signed[Any], word: bytes) -> Destroyed:
    return open_destroyed(message(word), world.keyring, opened(world, order)).statement


def holds_nothing(world: World, index: int, keys: Sequence[OpenKey] | Sequence[KeyId]) -> bool:
    """Whether no share of these keys is in a custodian's tables, and tombstones are."""
    store = world.nodes[index].context.store
    wanted = ids_of(keys)
    return not store.keys(wanted) and set(store.destructions.tombstones(wanted)) == set(wanted)


def is_word(kind: type[Any], answer: bytes | str) -> bool:
    """Whether an answer is a statement of this kind."""
    return isinstance(answer, bytes) and message(answer).payload_type == payload_type(kind)
