"""What a custodian keeps of an OpenID Connect provider: the keys that it showed, and since when each counts.

Nobody signs this: it lies sealed in the custodian's own store, and its people see it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kms.crypto import labels
from kms.crypto.hashing import H
from kms.statements.codec import decode, encode, message
from kms.statements.manifest import IssuerKeyType
from kms.wire.v1 import provider_pb2

Material = tuple[IssuerKeyType, bytes]
"""What a key is, whatever it is called."""


@message(provider_pb2.ProviderKey)
@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key as a provider showed it. `since` 0: it does not count yet; `until` 0: it is still shown. Unix seconds."""

    kid: str
    type: IssuerKeyType
    public_key: bytes
    alg: str = ""
    first_seen: int = 0
    since: int = 0
    until: int = 0

    @property
    def material(self) -> Material:
        return self.type, self.public_key

    @property
    def hash(self) -> bytes:
        """H("issuer key", kid, kind, public key, algorithm)."""
        kind = int(self.type).to_bytes(1, "big")
        return H(labels.ISSUER_KEY, self.kid.encode(), kind, self.public_key, self.alg.encode())


@message(provider_pb2.ProviderState)
@dataclass(frozen=True, slots=True)
class ProviderState:
    """Of one provider. `exchanged` is the last set that shared no key with what counted; `refused`: it still stands."""

    iss: str
    fetched_at: int = 0
    keys: tuple[ProviderKey, ...] = ()
    exchanged: tuple[ProviderKey, ...] = ()
    exchanged_at: int = 0
    exchanged_seen: int = 0
    refused: bool = False

    @property
    def shown(self) -> tuple[ProviderKey, ...]:
        """The keys of the last set that was taken."""
        return tuple(key for key in self.keys if not key.until)

    def to_bytes(self) -> bytes:
        return encode(self)

    @classmethod
    def parse(cls, data: bytes) -> ProviderState:
        return decode(cls, data, "provider")


def fingerprint(iss: str, keys: Iterable[ProviderKey]) -> bytes:
    """H("issuer keys", issuer, hashes of its keys, sorted): names a set, whatever is made of it."""
    return H(labels.ISSUER_KEYS, iss.encode(), *sorted(key.hash for key in keys))
