"""A thief who has everything that lies on disks, and tries all of it: the attacker of stolen disks.

Given are raw bytes (images of whole disks, copies of stores, recordings of the wire) and secrets that stay the same:
storage roots, which open identity keys too. From the bytes come row roots, wherever their file's mark stands; row
keys and sealing keys, wherever bytes stand that open under one of the row roots; shares, from the rows behind
their keys and from recorded deposits; and keys, from any t shares that fit their commitments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms.crypto import derivation
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import Secret
from kms.crypto.sharing import decode_share, interpolate, verify_batch
from kms.custodian.vault import WRAPPED_SIZE, RowRoot, Vault
from kms.errors import KmsError
from kms.statements.ids import KeyId
from kms.statements.keys import DepositSecrets, Descriptor
from kms.storage import erasable

SHARE = 64 + 16
"""Bytes of a sealed share."""
SEED = 4 + 12 + 32 + 16
"""Bytes of a sealed sealing key."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A blob of a deposit as it went over the wire, with what it is bound to: nothing of it is secret."""

    index: int
    sealed: bytes
    info: bytes
    key_ids: tuple[KeyId, ...]


@dataclass(slots=True)
class Thief:
    """What was taken, and what was found in it."""

    disks: Sequence[bytes]
    storage_roots: Sequence[Secret]
    descriptors: Sequence[Descriptor]
    recorded: Sequence[Recorded] = ()
    row_roots: dict[bytes, tuple[Secret, RowRoot]] = field(default_factory=dict)
    row_keys: int = 0
    seeds: set[bytes] = field(default_factory=set)
    shares: dict[KeyId, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))

    def try_everything(self) -> dict[KeyId, bytes]:
        """The secrets of all keys that open."""
        bodies = [_written(body) for body in self.disks]
        for body in bodies:
            self._find_row_roots(body)
        for storage_root, rows in self.row_roots.values():
            vault = Vault(storage_root, rows)
            for body in bodies:
                for at in _places(body, rows.generation):
                    self._try_row(vault, body, at)
                    self._try_seed(vault, body, at)
        for seed in self.seeds:
            private = SealingPrivateKey(Secret(seed))
            for blob in self.recorded:
                self._try_blob(private, blob)
        return dict(self._combine())

    def _find_row_roots(self, body: bytes) -> None:
        for at in _all(body, erasable.MAGIC):
            content = body[at : at + erasable.SIZE]
            for storage_root in self.storage_roots:
                try:
                    generation, key = erasable.parse(content, storage_root)
                except KmsError:
                    continue
                self.row_roots[key.reveal()] = storage_root, RowRoot(generation, key)

    def _try_row(self, vault: Vault, body: bytes, at: int) -> None:
        wrapped = body[at : at + WRAPPED_SIZE]
        if wrapped.count(0) > 8 + 3:
            return  # no key looks like this
        try:
            row_key = vault._unwrap(wrapped)
        except KmsError:
            return
        self.row_keys += 1
        aead = AESGCM(row_key)
        sealed = body[at + WRAPPED_SIZE :][:SHARE]
        for descriptor in self.descriptors:
            try:
                self._keep(descriptor, aead.decrypt(bytes(12), sealed, descriptor.key_id))
            except InvalidTag:
                continue

    def _try_seed(self, vault: Vault, body: bytes, at: int) -> None:
        try:
            self.seeds.add(vault.open_erasable("sealing key", body[at : at + SEED]))
        except KmsError:
            return

    def _try_blob(self, private: SealingPrivateKey, blob: Recorded) -> None:
        try:
            secrets = DepositSecrets.parse(private.open(blob.info, blob.sealed), len(blob.key_ids))
        except KmsError:
            return
        by_id = {descriptor.key_id: descriptor for descriptor in self.descriptors}
        for key_id, share in zip(blob.key_ids, secrets.shares, strict=True):
            if key_id in by_id:
                self._keep(by_id[key_id], share, (blob.index,))

    def _keep(self, descriptor: Descriptor, share: bytes, indices: Iterable[int] = range(1, 65)) -> None:
        core = descriptor.core
        for index in indices:
            if not verify_batch(index, [share], [core.commitments], core.threshold):
                self.shares[descriptor.key_id][index] = share

    def _combine(self) -> Iterator[tuple[KeyId, bytes]]:
        for descriptor in self.descriptors:
            found = self.shares.get(descriptor.key_id, {})
            indices = tuple(sorted(found))[: descriptor.core.threshold]
            if len(indices) == descriptor.core.threshold:
                values = [decode_share(found[index])[0] for index in indices]
                yield descriptor.key_id, interpolate(indices, values).to_bytes(32, "big")

    def count(self, key_id: KeyId) -> int:
        """How many shares of a key were found."""
        return len(self.shares.get(key_id, {}))


def data_key(secret: bytes, key_id: KeyId) -> bytes:
    """What a record under this key is encrypted with."""
    return derivation.data_key_from(derivation.prk(secret), key_id).reveal()


def _written(body: bytes) -> bytes:
    """Without the blocks that hold nothing but zeros."""
    empty = bytes(4096)
    blocks = (body[at : at + 4096] for at in range(0, len(body), 4096))
    return b"".join(block for block in blocks if block != empty)


def _places(body: bytes, generation: int) -> Iterator[int]:
    yield from _all(body, generation.to_bytes(4, "big"))


def _all(body: bytes, mark: bytes) -> Iterator[int]:
    at = body.find(mark)
    while at >= 0:
        yield at
        at = body.find(mark, at + 1)
