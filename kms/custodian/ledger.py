"""The node's own append-only log. An entry is on disk before the answer that it is about leaves."""

from __future__ import annotations

from collections.abc import Callable

from kms.crypto.hashing import equal, u64
from kms.custodian.store import CustodianStore
from kms.custodian.vault import Vault
from kms.errors import StoreError
from kms.statements.audit import START, LogEntry, LogKind, check_link, entry_hash

_PAGE = 1000


class Ledger:
    """Appends inside the caller's transaction, so that what is done and what is logged stand or fall together.

    Beside the entries lies one record of how many there are and which is the last, tagged under the storage
    root: rows deleted from the end, or a chain written anew, do not agree with it.
    """

    def __init__(self, store: CustodianStore, vault: Vault) -> None:
        self._store, self._vault = store, vault

    def append(
        self,
        kind: LogKind,
        at: int,
        subject_hash: bytes,
        *,
        principal: bytes = b"",
        outcome: str = "",
        count: int = 0,
    ) -> int:
        """The new entry's index."""
        index, previous = self._store.log_head()
        entry = LogEntry(index, kind, at, subject_hash, principal, outcome, count, previous or START)
        payload = entry.to_bytes()
        digest = entry_hash(payload)
        self._store.append_log(index, payload, digest, self._head_record(index + 1, digest))
        return index

    def _head_record(self, size: int, digest: bytes) -> bytes:
        """u64be number of entries || 32-byte tag over it and the last entry's hash."""
        return u64(size) + self._vault.tag("log head", u64(size) + digest)

    def check(
        self, last: int | None = None, tell: Callable[[int, int], None] = lambda done, total: None
    ) -> int:
        """Follow the chain (its last `last` entries, or all) and return the number of entries.

        `tell` hears how many were followed, and how many there are.
        StoreError if an entry is missing (at the end too), altered or out of place.
        """
        size, head = self._store.log_head()
        self._check_head(size, head)
        start = 0 if last is None else max(0, size - last)
        previous = START if start == 0 else self._store.log_entries(start - 1, 1)[0][1]
        position = start
        while position < size:
            page = self._store.log_entries(position, _PAGE)
            if not page:
                raise StoreError(f"the log ends at entry {position}, not {size}", reason="LOG_BROKEN")
            for payload, digest in page:
                if check_link(payload, position, previous) != digest:
                    raise StoreError(f"the log is broken at entry {position}", reason="LOG_BROKEN")
                previous, position = digest, position + 1
            tell(position - start, size - start)
        if size and previous != head:
            raise StoreError("the log's head is not its last entry", reason="LOG_BROKEN")
        return size

    def _check_head(self, size: int, head: bytes) -> None:
        record = self._store.log_head_record()
        if size == 0 and not record:
            return
        if equal(record, self._head_record(size, head)):
            return
        written = int.from_bytes(record[:8], "big")
        if written != size:
            raise StoreError(f"{written} entries were logged, but the log holds {size}", reason="LOG_BROKEN")
        raise StoreError("the log's last entry is not the one that was logged last", reason="LOG_BROKEN")
