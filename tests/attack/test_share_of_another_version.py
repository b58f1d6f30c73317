"""Shares of different sharings of one key never add up to a secret: versions do not mix."""

from __future__ import annotations

from collections.abc import Callable

from kms.crypto import sealing
from kms.crypto.sharing import evaluate, interpolate
from kms.statements.codec import decode
from kms.statements.envelope import sign
from kms.statements.ids import Version
from kms.statements.keys import unpack_openings
from kms.statements.release import (
    ReleasedShares,
    ShareRelease,
    VersionGroup,
    release_info,
    share_leaf,
    shares_hash,
)
from kms.wire.v1 import release_pb2
from kms_client.requesting import Prepared
from tests.protocol.coordinator import Event, Events, delivery, kind
from tests.protocol.world import World

NEWER = Version(b"v" * 32)


def test_interpolating_shares_of_two_sharings_gives_a_third_secret() -> None:
    old, new = [42, 7, 9], [42, 1000, 3]
    mixed = [evaluate(old, 1), evaluate(old, 2), evaluate(new, 3)]
    assert interpolate((1, 2, 3), mixed) != 42


def relabelled(world: World, prepared: Prepared, index: int, version: Version) -> Callable[[Events], Events]:
    """Custodian `index` delivers its share under another version, properly signed and sealed."""

    def bend(events: Events) -> Events:
        return [redo(e) if kind(e) == "shares" else e for e in events]

    def redo(event: Event) -> Event:
        release = decode(ShareRelease, event.shares.share_release.payload)
        if release.index != index:
            return event
        order = release.in_order()
        info = release_info(prepared.opened, release.certificate_hash, index, order)
        plain = release_pb2.ReleasedShares.FromString(prepared.recipient.open(info, event.shares.sealed))
        openings = unpack_openings(plain.salts, plain.contexts, plain.context_of, len(order))
        order = [(position, version) for position, _ in order]
        sealed = sealing.seal(
            prepared.opened.request.recipient_key,
            release_info(prepared.opened, release.certificate_hash, index, order),
            ReleasedShares(tuple(plain.shares), openings).to_bytes(),
        )
        changed = ShareRelease(
            release.keyring_id,
            release.manifest_hash,
            index,
            release.request_hash,
            release.certificate_hash,
            (VersionGroup(version, tuple(p for p, _ in order)),),
            sealing.blob_hash(sealed),
            release.released_at,
            release.log_index,
            shares_hash(
                share_leaf(prepared.opened.request.key_ids[p], v, share)
                for (p, v), share in zip(order, plain.shares, strict=True)
            ),
        )
        return delivery(sign(changed, world.identities[index]).envelope, sealed)

    return bend


def test_shares_under_two_versions_do_not_add_up(world: World) -> None:
    owner = world.device("alice")
    prepared = world.prepare(owner, world.create(owner), to=[1, 2, 3])
    assert not world.collect(prepared, relabelled(world, prepared, 2, NEWER)).opened


def test_a_version_with_a_quorum_opens_beside_a_stray_one(world: World) -> None:
    owner = world.device("alice")
    keys = world.create(owner)
    prepared = world.prepare(owner, keys)
    collector = world.collect(prepared, relabelled(world, prepared, 2, NEWER))
    assert set(collector.opened) == {keys[0].key_id}
