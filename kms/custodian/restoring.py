"""A lost custodian comes back from the copy that `kms custodian backup` made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kms.custodian.config import CustodianConfig, open_store, open_vault, read_identity
from kms.custodian.ledger import Ledger
from kms.custodian.sqlite import SqliteCustodianStore
from kms.errors import ConfigError, StoreError
from kms.statements.chain_file import read_chain
from kms.storage import database, erasable


@dataclass(frozen=True, slots=True)
class Restored:
    """Whose store it is, how many log entries it has, and keys whose shares are to be repaired."""

    index: int
    log_entries: int
    missing: int


def restore(config: CustodianConfig, backup: Path, now: int) -> Restored:
    """A store of a copy, with a new row root. StoreError if there is a store, or the copy is not this custodian's.

    Its log may be behind what others have seen of it, and shares and sealing keys are not in it.
    """
    if config.place != config.store:
        raise ConfigError("a copy is restored into a file: configure `store` without `postgres`")
    vault = open_vault(config)
    identity = read_identity(config, vault)
    keyring = read_chain(config.manifest, config.keyring_id).current(now)
    mine = [c.index for c in keyring.manifest.custodians if c.identity_key == identity.public]
    store = SqliteCustodianStore.restore(backup, config.store, now, vault.tag_of_copy)
    try:
        if store.identity() not in [(keyring.keyring_id, index) for index in mine]:
            raise StoreError("the copy is of another custodian or another keyring", reason="STORE_FOREIGN")
        # Under the storage root: somebody else's idea of this custodian's log is refused here.
        entries = Ledger(store, vault).check()
        _, index = store.identity()
        missing = store.count_missing()
    except BaseException:
        store.close()
        config.store.unlink()
        database.remove_side_files(config.store)
        raise
    store.close()
    # Of the store that was lost: copies of it that lie anywhere are to open no more.
    erasable.discard(config.row_root())
    open_store(config, vault, now)[0].close()
    return Restored(index, entries, missing)
