"""The owners' part of the custodian's store, as the node asks for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from kms.statements.ids import Thumbprint


@dataclass(frozen=True, slots=True)
class StoredMandate:
    """That a key acts for an owner, as the signed statement says; `kind` is one of `kms.custodian.owners`."""

    owner: Thumbprint
    key: Thumbprint
    kind: str
    sequence: int
    envelope: bytes


class ConsentStore(Protocol):
    """What the node asks about owners' statements (`SqliteConsent` is one)."""

    def receipt(self, statement: bytes) -> bytes | None:
        """The receipt that was given for a statement, by its hash."""
        ...

    def add_receipt(self, statement: bytes, envelope: bytes) -> None: ...
    def mandates(self, owners: Collection[Thumbprint]) -> list[StoredMandate]:
        """Who acts or acted for these owners, ended and revoked ones included."""
        ...

    def put_mandate(self, mandate: StoredMandate) -> None:
        """Add it, or put it in the place of the earlier one of that kind."""
        ...

    def owners_of(self, key: Thumbprint) -> list[Thumbprint]:
        """For whom a key acts or acted, beside itself."""
        ...

    def revoke_key(self, owner: Thumbprint, key: Thumbprint) -> None: ...
    def revoked_keys(self, owners: Collection[Thumbprint]) -> set[tuple[Thumbprint, Thumbprint]]:
        """(owner, key) of keys that act for these owners no more."""
        ...

    def binding(self, owner: Thumbprint) -> tuple[int, bytes] | None:
        """(sequence, hashes of subjects one after the other) that an owner's key bound last."""
        ...

    def put_binding(self, owner: Thumbprint, sequence: int, subjects: bytes) -> None: ...
    def add_notice(self, owner_tag: bytes, at: int, sealed: bytes) -> None: ...
    def notices(self, owner_tag: bytes, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(number, sealed) of the next ones."""
        ...

    def forget_notices(self, before: int) -> None: ...
