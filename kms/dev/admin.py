"""What a development cluster's own admin orders, with the key that lies beside the cluster."""

from __future__ import annotations

from kms.crypto.signing import SigningKey
from kms.dev.founding import Layout
from kms.statements.chain_file import read_chain
from kms.statements.envelope import sign
from kms.statements.pool import PoolOrder
from kms.storage.keyfile import read_secret


def order_pool(layout: Layout, keys: int, now: int) -> bytes:
    """The envelope of an order to make so many keys."""
    chain = read_chain(layout.folder / "manifest.bin", layout.keyring_id)
    current = chain.in_force(now)
    order = PoolOrder(current.keyring_id, current.manifest_hash, keys, "trying it out", now)
    return sign(order, SigningKey(read_secret(layout.folder / "admin.key"))).envelope
