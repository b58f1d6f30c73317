"""The long look at a store: the whole log, and every share against its commitments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kms.crypto.sharing import verify_batch
from kms.custodian.ledger import Ledger
from kms.custodian.store import CustodianStore, StoredKey
from kms.custodian.vault import Vault
from kms.errors import KmsError

PAGE = 256
Progress = Callable[[Iterable[Sequence[StoredKey]], int], Iterable[Sequence[StoredKey]]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `damaged` are key ids in hex whose share is missing, altered or wrong."""

    index: int
    log_entries: int
    keys: int
    damaged: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_store(store: CustodianStore, vault: Vault, progress: Progress = lambda pages, n: pages) -> Report:
    """Raises StoreError if the log is broken; damaged shares are listed."""
    _, index = store.identity()
    entries = Ledger(store, vault).check()
    keys = store.count_keys()
    damaged: list[str] = []
    for page in progress(store.all_keys(PAGE), -(-keys // PAGE)):
        damaged += damaged_keys(page, vault, index)
    return Report(index, entries, keys, tuple(damaged))


def damaged_keys(page: Sequence[StoredKey], vault: Vault, index: int) -> list[str]:
    """Ids in hex of those keys whose share does not open or does not fit its commitments."""
    damaged, good, shares = [], [], []
    for key in page:
        try:
            shares.append(vault.open_share(key.key_id, key.row))
            good.append(key)
        except KmsError:
            damaged.append(key.key_id.hex())
    for threshold in {key.descriptor.core.threshold for key in good}:
        same = [n for n, key in enumerate(good) if key.descriptor.core.threshold == threshold]
        rows = [good[n].descriptor.core.commitments for n in same]
        wrong = verify_batch(index, [shares[n] for n in same], rows, threshold)
        damaged += [good[same[position]].key_id.hex() for position in wrong]
    return damaged
