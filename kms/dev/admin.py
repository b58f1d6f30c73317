"""What a development cluster's own admin orders, with the key that lies beside the cluster."""

from __future__ import annotations

from kms.crypto.signing import SigningKey
from kms.dev.founding import Layout
from kms.statements.ceremony import ReshareOrder
from kms.statements.chain_file import read_chain
from kms.statements.envelope import sign
from kms.statements.manifest import Keyring
from kms.statements.pool import PoolOrder
from kms.storage.keyfile import read_secret

REASON = "trying it out"


def order_pool(layout: Layout, keys: int, now: int) -> bytes:
    """The envelope of an order to make so many keys."""
    current = _current(layout, now)
    order = PoolOrder(current.keyring_id, current.manifest_hash, keys, REASON, now)
    return sign(order, _admin(layout)).envelope


def order_refresh(layout: Layout, sequence: int, now: int) -> bytes:
    """The envelope of an order to deal every key anew to the same committee."""
    current = _current(layout, now)
    order = ReshareOrder(current.keyring_id, current.manifest_hash, sequence, REASON, now)
    return sign(order, _admin(layout)).envelope


def _current(layout: Layout, now: int) -> Keyring:
    return read_chain(layout.folder / "manifest.bin", layout.keyring_id).in_force(now)


def _admin(layout: Layout) -> SigningKey:
    return SigningKey(read_secret(layout.folder / "admin.key"))
