"""Keys from the pool that custodians made: described and deposited here, known to nobody until they are released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kms.errors import Denied, Exhausted
from kms.statements import quorums
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.manifest import Keyring
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms_client.creating import DEPOSIT_BATCH, deposit
from kms_client.dealing import describe_drawn
from kms_client.session import Session, through_changes

CHANCES = 3
LOST = frozenset({"NOT_IN_POOL", "POOL_STALE", "COMMITMENT_SEEN"})
CEREMONIES = "kms.v1.CoordinatorCeremonyService"

Row = tuple[bytes, ...]


async def draw_keys(
    session: Session, contexts: Sequence[Mapping[str, str]], owner: Thumbprint
) -> list[KeyId]:
    """A key of the pool for each context, durable and nobody else's when this returns.

    Raises Exhausted POOL_EMPTY if there are too few, and as `create_keys` does.
    """

    async def attempt() -> list[KeyId]:
        keyring = await session.directory.keyring()
        drawn: list[KeyId] = []
        for start in range(0, len(contexts), DEPOSIT_BATCH):
            drawn += await _draw(session, keyring, contexts[start : start + DEPOSIT_BATCH], owner)
        return drawn

    return await through_changes(session, attempt, lambda keys: False)


async def _draw(
    session: Session, keyring: Keyring, contexts: Sequence[Mapping[str, str]], owner: Thumbprint
) -> list[KeyId]:
    for _ in range(CHANCES - 1):
        try:
            return await _draw_once(session, keyring, contexts, owner)
        except Denied as error:
            # Somebody else was offered one of them too, and was faster.
            if error.reason not in LOST:
                raise
    return await _draw_once(session, keyring, contexts, owner)


async def _draw_once(
    session: Session, keyring: Keyring, contexts: Sequence[Mapping[str, str]], owner: Thumbprint
) -> list[KeyId]:
    rows = await _offered(session, keyring, len(contexts))
    batch = describe_drawn(keyring, rows, contexts, owner, session.thumbprint, int(session.now()))
    manifest = keyring.manifest
    # Durable is not enough: so many must have given the keys to this deposit that no other can have as many.
    quorum = quorums.exclusive(len(manifest.custodians), keyring.threshold, manifest.durable_quorum)
    await deposit(session, keyring, batch, quorum)
    return [descriptor.key_id for descriptor in batch.descriptors]


async def _offered(session: Session, keyring: Keyring, count: int) -> list[Row]:
    answer = await session.channel.call(
        CEREMONIES,
        "OfferKeys",
        pb.OfferKeysRequest(keyring_id=keyring.keyring_id, count=count),
        pb.OfferKeysResponse,
        timeout=session.timeout,
    )
    rows = [tuple(key.commitments) for key in answer.keys][:count]
    if len(rows) < count or any(len(row) != keyring.threshold for row in rows):
        raise Exhausted(
            f"the pool holds {len(rows)} keys, {count} are wanted: admins order more", reason="POOL_EMPTY"
        )
    return rows
