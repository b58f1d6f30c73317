"""The port to a custodian's disk. Writes happen inside `transaction()` and are durable when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from kms.custodian.vault import SealedRow
from kms.statements.ids import DepositHash, GrantId, KeyId, RequestHash, Thumbprint, Version
from kms.statements.keys import Descriptor, read_descriptor
from kms.statements.manifest import Seen


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it lies on disk: public description, sealed share and opening.

    What a release needs of the description stands beside it; the rest is parsed when it is asked for.
    """

    key_id: KeyId
    owner: Thumbprint
    version: Version
    payload: bytes
    row: SealedRow

    @property
    def descriptor(self) -> Descriptor:
        """Parsed anew at each call."""
        return read_descriptor(self.payload)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request that was decided: exact bytes (none of a denied stranger's), sealed
    evidence (gone once final), latest decision."""

    request_hash: RequestHash
    envelope: bytes
    evidence: bytes = field(repr=False)
    decision: bytes
    state: str
    received_at: int
    expires_at: int
    text: bytes = field(repr=False)
    """What approvers are shown, sealed; empty unless the request waits."""


@dataclass(frozen=True, slots=True)
class StoredSealingKey:
    """One period's key: sealed 32-byte seed, signed public half."""

    period: int
    seed: bytes = field(repr=False)
    envelope: bytes
    not_after: int


WAITING, DECIDED, CLOSED = "waiting", "decided", "closed"
"""States of a request: waits for humans; final, with something allowed; nothing goes out any more."""


class CustodianStore(Protocol):
    """What the node asks of its disk. `add` and `total` make it the counters' store too."""

    def transaction(self) -> AbstractContextManager[object]: ...
    def identity(self) -> tuple[bytes, int]:
        """(keyring id, index) that this store was made for."""
        ...

    def seen(self) -> Seen | None: ...
    def set_seen(self, seen: Seen) -> None: ...

    def log_head(self) -> tuple[int, bytes]:
        """(number of entries, hash of the last)."""
        ...

    def append_log(self, index: int, payload: bytes, digest: bytes, head_record: bytes) -> None:
        """Add an entry, and put `head_record` in the place of the one before."""
        ...

    def log_head_record(self) -> bytes:
        """What came with the last `append_log`; empty if nothing was appended yet."""
        ...

    def log_entries(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """(exact bytes, hash) from entry `start` on."""
        ...

    def known_keys(self, descriptors: Sequence[Descriptor]) -> Mapping[int, str]:
        """Positions whose key id or C_0 was ever seen, with the reason."""
        ...

    def add_keys(self, keys: Sequence[tuple[Descriptor, SealedRow]]) -> None: ...
    def keys(self, key_ids: Sequence[KeyId]) -> Mapping[KeyId, StoredKey]: ...
    def count_keys(self) -> int: ...
    def sample_keys(self, limit: int) -> Sequence[StoredKey]:
        """Up to `limit` keys, drawn at random."""
        ...

    def all_keys(self, page: int) -> Iterator[Sequence[StoredKey]]:
        """Every key, in pages."""
        ...

    def receipt(self, deposit: DepositHash) -> bytes | None: ...
    def add_receipt(self, deposit: DepositHash, envelope: bytes) -> None: ...

    def request(self, request: RequestHash) -> StoredRequest | None: ...
    def put_request(self, request: StoredRequest) -> None: ...
    def waiting(self) -> Sequence[StoredRequest]: ...
    def forget_evidence(self, before: int) -> None:
        """Erase the evidence of requests that expired before then and no longer wait."""
        ...

    def forget_requests(self, before: int) -> None:
        """Remove requests that expired before then."""
        ...

    def counted(self, request: RequestHash) -> frozenset[int]:
        """Positions of a request that were released and counted."""
        ...

    def set_counted(self, request: RequestHash, positions: frozenset[int]) -> None: ...

    def grant_uses(self, grant: GrantId) -> int: ...
    def use_grant(self, grant: GrantId, keys: int) -> None: ...
    def revoke(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> None: ...
    def has_revocation(self, owner: Thumbprint, grant_id: bytes, up_to_sequence: int) -> bool: ...
    def revoked(self, owner: Thumbprint, grant: GrantId, sequence: int) -> bool: ...

    def sealing_keys(self) -> Sequence[StoredSealingKey]: ...
    def add_sealing_key(self, key: StoredSealingKey) -> None: ...
    def erase_sealing_key(self, period: int) -> None: ...
    def empty_journal(self) -> None:
        """Let nothing that was overwritten stay in the journal."""
        ...

    def add(self, key: bytes, at: int, n: int) -> None: ...
    def total(self, key: bytes, since: int) -> int: ...
    def forget_counts(self, before: int) -> None: ...
    def close(self) -> None: ...
