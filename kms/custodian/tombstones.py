"""Which keys open nothing here any more, and which a legal hold keeps: what every step that could open one asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kms.custodian.context import NodeContext
from kms.errors import Denied
from kms.statements.ids import KeyId
from kms.statements.keys import Descriptor

Gone = Mapping[KeyId, str]


def gone(node: NodeContext, key_ids: Sequence[KeyId], now: int) -> Gone:
    """Those of the keys that open nothing here (any more), with the reason.

    One that waits for its end opens nothing, so that a mistake shows before it is too late; while a legal hold lies on
    it, its order sleeps and it opens as policy says.
    """
    if not node.store.destructions.any():
        return {}
    found: dict[KeyId, str] = dict.fromkeys(node.store.destructions.tombstones(key_ids), "KEY_DESTROYED")
    waiting = node.store.destructions.scheduled(key_ids)
    if waiting:
        keys = node.store.keys(list(waiting))
        names = {key_id: {key_id, keys[key_id].owner} if key_id in keys else {key_id} for key_id in waiting}
        held = node.store.destructions.held({name for both in names.values() for name in both}, now)
        found |= {
            k: "KEY_DESTROY_SCHEDULED" for k, both in names.items() if k not in found and not both & held
        }
    return found


def held_keys(node: NodeContext, keys: Sequence[Descriptor], now: int) -> set[KeyId]:
    """Those of the keys that a hold on them, or on their owner, keeps."""
    names = {d.key_id for d in keys} | {d.core.owner_thumbprint for d in keys}
    held = node.store.destructions.held(names, now)
    return {d.key_id for d in keys if d.key_id in held or d.core.owner_thumbprint in held}


def refuse_destroyed(node: NodeContext, key_ids: Sequence[KeyId]) -> None:
    """Denied KEY_DESTROYED if one of the keys was destroyed here: no share of it is dealt, made or taken again.

    `details` has which, as hex of one bit a key, the first key's highest: so that the others can go on without them.
    """
    dead = node.store.destructions.tombstones(key_ids)
    if dead:
        bits = "".join("1" if key_id in dead else "0" for key_id in key_ids)
        size = -(-len(bits) // 8)
        raise Denied(
            f"{len(dead)} of the keys are destroyed here",
            reason="KEY_DESTROYED",
            details={"destroyed": int(bits.ljust(8 * size, "0"), 2).to_bytes(size).hex()},
        )
