"""Rotation of a custodian's sealing keys: a new one each period, the old one erased a period later.

What was sealed to an erased key is gone: a host that recorded everything cannot open it years later with a
stolen disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kms.crypto.hashing import equal
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey
from kms.custodian.ledger import Ledger
from kms.custodian.store import CustodianStore, StoredSealingKey
from kms.custodian.vault import Vault
from kms.errors import Stale
from kms.statements.audit import LogKind
from kms.statements.codec import require
from kms.statements.envelope import Signed, open_signed, sign
from kms.statements.manifest import MAX_SEALING_LIFETIME, Keyring, SealingKey

DEFAULT_PERIOD = MAX_SEALING_LIFETIME // 2
"""Seconds. A key lives two periods: one as the newest, one more for what was sealed to it meanwhile."""


@dataclass(frozen=True, slots=True)
class _Live:
    signed: Signed[SealingKey]
    private: SealingPrivateKey


class SealingKeys:
    """The live sealing keys of one node."""

    def __init__(
        self,
        keyring: Keyring,
        index: int,
        identity: SigningKey,
        store: CustodianStore,
        vault: Vault,
        ledger: Ledger,
        period_seconds: int = DEFAULT_PERIOD,
    ) -> None:
        require(0 < 2 * period_seconds <= MAX_SEALING_LIFETIME, "sealing_period", "must be at most 3.5 days")
        self._keyring, self._index, self._identity = keyring, index, identity
        self._store, self._vault, self._ledger = store, vault, ledger
        self._length = period_seconds
        self._live: dict[bytes, _Live] = {}
        for stored in store.sealing_keys():
            signed = open_signed(SealingKey, stored.envelope, identity.public, "sealing_key")
            private = SealingPrivateKey(Secret(vault.open_erasable("sealing key", stored.seed)))
            self._live[signed.statement.id] = _Live(signed, private)

    def bind(self, keyring: Keyring) -> None:
        """Sign the live keys under another manifest: a key's statement names the one that it is for."""
        self._keyring = keyring
        for key_id, live in list(self._live.items()):
            key = live.signed.statement
            if not equal(key.manifest_hash, keyring.manifest_hash):
                signed = sign(replace(key, manifest_hash=keyring.manifest_hash), self._identity)
                with self._store.transaction():
                    self._store.resign_sealing_key(key.period, signed.envelope)
                self._live[key_id] = _Live(signed, live.private)

    def rotate(self, now: int) -> Signed[SealingKey]:
        """Erase what is past, make this period's key if it is missing, and return the newest."""
        for key_id, live in list(self._live.items()):
            if now >= live.signed.statement.not_after:
                with self._store.transaction():
                    self._store.erase_sealing_key(live.signed.statement.period)
                    self._ledger.append(LogKind.SEALING_KEY_ERASED, now, key_id)
                self._store.empty_journal()
                del self._live[key_id]
        period = now // self._length
        for live in self._live.values():
            if live.signed.statement.period == period:
                return live.signed
        return self._make(period, now)

    def _make(self, period: int, now: int) -> Signed[SealingKey]:
        private = SealingPrivateKey.generate()
        start = period * self._length
        key = SealingKey(
            self._keyring.keyring_id,
            self._keyring.manifest_hash,
            self._index,
            period,
            private.public,
            start,
            start + 2 * self._length,
        )
        signed = sign(key, self._identity)
        seed = self._vault.seal_erasable("sealing key", private.seed.reveal())
        with self._store.transaction():
            self._store.add_sealing_key(StoredSealingKey(period, seed, signed.envelope, key.not_after))
            self._ledger.append(LogKind.SEALING_KEY, now, key.id)
        self._live[key.id] = _Live(signed, private)
        return signed

    def open(self, key_id: bytes, info: bytes, sealed: bytes, now: int) -> bytes:
        """What was sealed to our key `key_id`. Stale if that key is not ours or was erased."""
        live = self._live.get(key_id)
        if live is None or now >= live.signed.statement.not_after:
            raise Stale(
                "sealed to a key that is not in use here: fetch the current one", reason="SEALING_KEY_UNKNOWN"
            )
        return live.private.open(info, sealed)
