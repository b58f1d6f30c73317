"""A custodian that lies: it decides and signs as it should, and delivers other shares than the dealt ones."""

from __future__ import annotations

from dataclasses import replace

from kms.crypto.group import Q
from kms.crypto.secret import Secret
from kms.crypto.sharing import decode_share, encode_share
from kms.custodian.config import CustodianConfig, open_node
from kms.custodian.node import CustodianNode
from kms.custodian.vault import SealedRow, Vault


class _LyingVault(Vault):
    def open_share(self, key_id: bytes, row: SealedRow) -> bytes:
        a, b = decode_share(super().open_share(key_id, row))
        return encode_share(a % (Q - 1) + 1, b)


def open_liar(config: CustodianConfig, root: Secret | None = None) -> CustodianNode:
    """An honest node, as it must be to start, whose vault lies from then on. Its store stays whole."""
    node = open_node(config, root, accept_clock=True)
    vault = node.context.vault
    node.context = replace(node.context, vault=vault.with_opener(_LyingVault))
    return node
