"""The long look at a store: the whole log, and every share against its commitments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kms.crypto.sharing import verify_batch
from kms.custodian import approvers
from kms.custodian.ledger import Ledger
from kms.custodian.store import CustodianStore, StoredKey, StoredVersion
from kms.custodian.vault import Vault
from kms.errors import KmsError, StoreError
from kms.statements.checkpoint import read_note
from kms.statements.ids import Version
from kms.statements.registry import Place

PAGE = 256
Tell = Callable[[str, int, int], None]
"""Hears how far it is: of what, how much is done, how much there is."""


def _silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: `damaged` are key ids in hex whose share is altered or wrong, `missing` are keys without one."""

    index: int
    log_entries: int
    keys: int
    damaged: tuple[str, ...]
    missing: int = 0
    forks: tuple[tuple[str, str], ...] = ()
    """Envelopes (hex) of two manifests of one sequence that this node was shown: evidence against who signed both."""

    misbehaviour: tuple[tuple[str, str, str], ...] = ()
    """(log, kind, evidence in hex) of logs that showed two histories."""
    ahead: int = 0
    """Entries that this custodian has signed and its log does not have; 0 if it has them."""

    untold: tuple[tuple[str, str], ...] = ()
    """(kind, statement hash) of what was said before this log came back, and must be told again."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_store(store: CustodianStore, vault: Vault, tell: Tell = _silent) -> Report:
    """Raises StoreError if the log is broken; damaged shares are listed."""
    _, index = store.identity()
    entries = Ledger(store, vault).check(tell=lambda done, total: tell("log entries", done, total))
    keys, looked_at = store.count_keys(), 0
    damaged: list[str] = []
    for page in store.all_keys(PAGE):
        damaged += damaged_keys(page, vault, index, store.versions.version)
        looked_at += len(page)
        tell("keys", looked_at, keys)
    forks = tuple((ours.hex(), theirs.hex()) for ours, theirs in store.versions.forks())
    evidence = tuple(
        (one.checkpoints[0].origin, one.kind.name, one.to_bytes().hex()) for one in store.witness.evidence()
    )
    note = store.mirrors.ahead()
    ahead = read_note(note).checkpoint.size if note else 0
    untold = tuple((one.kind.name, one.subject.hex()) for one in store.mirrors.untold())
    missing = store.count_missing()
    return Report(index, entries, keys, tuple(damaged), missing, forks, evidence, ahead, untold)


def registry_problems(store: CustodianStore, vault: Vault, place: Place) -> tuple[str, ...]:
    """What lies among the approvers' entries and was refused, or why none of them is believed."""
    try:
        return approvers.load(store, vault, place).problems
    except StoreError as error:
        return (error.message,)


def damaged_keys(
    page: Sequence[StoredKey],
    vault: Vault,
    index: int,
    version_of: Callable[[Version], StoredVersion | None] = lambda version: None,
) -> list[str]:
    """Ids in hex of those keys of which a share does not open or does not fit its commitments."""
    damaged: set[str] = set()
    looks: dict[int, list[tuple[StoredKey, bytes, tuple[bytes, ...]]]] = defaultdict(list)
    for key in page:
        commitments = key.commitments
        try:
            if key.kept:
                vault.open_opening(key.key_id, key.row)
            if key.dealt:
                looks[key.threshold].append((key, vault.open_share(key.key_id, key.row), commitments))
            for share in key.reshared:
                stored = version_of(share.version)
                plain = vault.open_reshared(key.key_id, share.version, share.wrapped_key, share.share)
                if stored is None:
                    damaged.add(key.key_id.hex())
                else:
                    row = (commitments[0], *stored.points_of(key.key_id))
                    looks[share.threshold].append((key, plain, row))
        except KmsError:
            damaged.add(key.key_id.hex())
    for threshold, same in looks.items():
        wrong = verify_batch(index, [plain for _, plain, _ in same], [row for *_, row in same], threshold)
        damaged.update(same[position][0].key_id.hex() for position in wrong)
    return [key.key_id.hex() for key in page if key.key_id.hex() in damaged]
