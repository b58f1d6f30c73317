"""What the verdict looks for beside the records: every share, as it lies sealed at the custodians.

Each custodian is stopped and its store opened with its own storage root, as nobody but itself could.
"""

from __future__ import annotations

import time
from pathlib import Path

from kms.custodian.config import CustodianConfig, open_store, open_vault
from kms.dev.founding import Layout
from kms.storage.config import load
from kms.storage.keyfile import read_secret

PAGE = 500


def shares_of(layout: Layout, index: int) -> set[bytes]:
    """Every share (64 bytes) of a custodian that is not running."""
    config = _config(layout, index)
    vault = open_vault(config)
    store, _ = open_store(config, vault, int(time.time()))
    try:
        return {vault.open_share(key.key_id, key.row) for page in store.all_keys(PAGE) for key in page}
    finally:
        store.close()


def approver_secrets(layout: Layout) -> set[bytes]:
    """The approvers' private keys (32 bytes)."""
    return {read_secret(layout.approver_key(index)).reveal() for index in layout.custodians}


def _config(layout: Layout, index: int) -> CustodianConfig:
    path: Path = layout.custodian_folder(index) / "custodian.toml"
    return load(CustodianConfig, path)
