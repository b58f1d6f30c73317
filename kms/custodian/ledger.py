"""The node's own append-only log. An entry is on disk before the answer that it is about leaves."""

from __future__ import annotations

from kms.custodian.store import CustodianStore
from kms.errors import StoreError
from kms.statements.audit import START, LogEntry, LogKind, check_link, entry_hash

_PAGE = 1000


class Ledger:
    """Appends inside the caller's transaction, so that what is done and what is logged stand or fall together."""

    def __init__(self, store: CustodianStore) -> None:
        self._store = store

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
        self._store.append_log(index, payload, entry_hash(payload))
        return index

    def check(self, last: int | None = None) -> int:
        """Follow the chain (its last `last` entries, or all) and return the number of entries.

        StoreError if an entry is missing, altered or out of place.
        """
        size, head = self._store.log_head()
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
        if size and previous != head:
            raise StoreError("the log's head is not its last entry", reason="LOG_BROKEN")
        return size
