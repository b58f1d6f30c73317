"""Keys and their deposit: descriptor, context, deposit, receipt."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError

from kms.crypto import derivation, labels
from kms.crypto.hashing import H, equal, u16, u64
from kms.errors import Invalid
from kms.statements.codec import SignerRole, decode, encode, message, parse_strict, require
from kms.statements.envelope import Signed, open_named, open_signed
from kms.statements.ids import DepositHash, KeyId, KeyringId, ManifestHash, Thumbprint, Version
from kms.statements.manifest import Keyring, check_binding
from kms.wire.v1 import keyring_pb2, keys_pb2

MAX_BATCH = 4096
CATEGORY: Final = "category"
"""The name in a context that policy asks for."""
MAX_CLOCK_SKEW = 300
"""Seconds by which a statement's time may run ahead of the clock of who checks it."""


class KeySpec(enum.IntEnum):
    """What a key is for: a symmetric data key, or an inbox that anybody can seal to."""

    DATA = 1
    INBOX = 2


_SPECS = {int(spec): spec for spec in KeySpec}


@message(keys_pb2.Core)
@dataclass(frozen=True, slots=True)
class Core:
    """What a key is, before its name exists. Commitments are 33-byte points, t of them."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    threshold: int
    spec: KeySpec
    owner_thumbprint: Thumbprint
    creator_thumbprint: Thumbprint
    created_at: int
    context_commitment: bytes
    commitments: tuple[bytes, ...]

    def __post_init__(self) -> None:
        # A list longer or shorter than t would raise or lower the threshold silently.
        if len(self.commitments) != self.threshold:
            require(False, "commitments", f"must be {self.threshold} points")


@message(keys_pb2.Descriptor)
@dataclass(frozen=True, slots=True)
class _Descriptor:
    core: bytes
    key_check_value: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A key's public description, its exact bytes, and the name that follows from them."""

    payload: bytes
    core: Core
    core_bytes: bytes
    key_check_value: bytes
    public_key: bytes
    key_id: KeyId

    def __post_init__(self) -> None:
        size = 1216 if self.core.spec is KeySpec.INBOX else 0
        if len(self.public_key) != size:
            require(False, "public_key", "stands in inbox keys, and only there")
        # An inbox's public half follows from its secret, which nobody has known here.
        if self.jointly_made and self.core.spec is not KeySpec.DATA:
            require(False, "key_check_value", "must be there in an inbox key")

    @property
    def jointly_made(self) -> bool:
        """Whether custodians made the key, so that there is no dealer and no key check value: C_0 is the check."""
        return not self.key_check_value

    @property
    def core_hash(self) -> bytes:
        return derivation.core_hash(self.core_bytes)

    @property
    def version(self) -> Version:
        """The version of its shares as they were first dealt."""
        return Version(derivation.dealt_version(self.core.keyring_id, self.core.manifest_hash))


def describe(
    core: Core, key_check_value: bytes, public_key: bytes = b"", core_bytes: bytes = b""
) -> Descriptor:
    """The descriptor of a key that was just dealt; `core_bytes` is its core where it is encoded already."""
    core_bytes = core_bytes or encode(core)
    payload = encode(_Descriptor(core_bytes, key_check_value, public_key))
    return Descriptor(
        payload, core, core_bytes, key_check_value, public_key, KeyId(derivation.key_id(payload))
    )


def parse_descriptor(payload: bytes, path: str = "descriptor") -> Descriptor:
    """The descriptor of which these are the exact bytes, else Invalid."""
    outer = parse_strict(keys_pb2.Descriptor, payload, path)
    core = parse_strict(keys_pb2.Core, outer.core, f"{path}.core")
    require(core.suite == labels.SUITE_1, f"{path}.core.suite", f"must be {labels.SUITE_1}")
    return _descriptor(payload, outer, core)


def read_descriptor(payload: bytes) -> Descriptor:
    """A descriptor that was checked when it came and whose bytes were kept: no shape is checked again.

    Its name follows from the bytes, so a store that altered them gives another key, not another meaning.
    """
    outer = keys_pb2.Descriptor.FromString(payload)
    return _descriptor(payload, outer, keys_pb2.Core.FromString(outer.core))


def read_commitments(payload: bytes) -> tuple[bytes, ...]:
    """C_0.. alone of such a descriptor, at a fifth of the cost."""
    return tuple(keys_pb2.Core.FromString(keys_pb2.Descriptor.FromString(payload).core).commitments)


def _descriptor(payload: bytes, outer: keys_pb2.Descriptor, core: keys_pb2.Core) -> Descriptor:
    # By hand and not by `codec`: batches parse thousands of these.
    return Descriptor(
        payload,
        Core(
            KeyringId(core.keyring_id),
            ManifestHash(core.manifest_hash),
            core.threshold,
            _SPECS[core.spec],
            Thumbprint(core.owner_thumbprint),
            Thumbprint(core.creator_thumbprint),
            core.created_at,
            core.context_commitment,
            tuple(core.commitments),
        ),
        outer.core,
        outer.key_check_value,
        outer.public_key,
        KeyId(derivation.key_id(payload)),
    )


@message(keys_pb2.ContextPair)
@dataclass(frozen=True, slots=True)
class _ContextPair:
    name: str
    value: str


@message(keys_pb2.Context)
@dataclass(frozen=True, slots=True)
class _Context:
    pairs: tuple[_ContextPair, ...]

    def __post_init__(self) -> None:
        names = [pair.name for pair in self.pairs]
        require(names == sorted(set(names)), "context.pairs", "must be sorted by name, names unique")


def encode_context(context: Mapping[str, str]) -> bytes:
    """The exact bytes of a context: at most 16 pairs, names up to 64 characters, values up to 256."""
    return encode(_Context(tuple(_ContextPair(name, context[name]) for name in sorted(context))))


def parse_context(data: bytes) -> Mapping[str, str]:
    """A context from its exact bytes."""
    return {pair.name: pair.value for pair in decode(_Context, data, "context").pairs}


def read_category(data: bytes) -> str:
    """The category in a context, "" if it names none; much faster than `parse_context`.

    For bytes that `parse_context` took when they came, and that were kept under a tag since.
    """
    try:
        for pair in keys_pb2.Context.FromString(data).pairs:
            if pair.name == CATEGORY:
                return str(pair.value)
    except DecodeError:
        raise Invalid("a context that was kept cannot be read", reason="MALFORMED") from None
    return ""


@message(keys_pb2.DepositTarget)
@dataclass(frozen=True, slots=True)
class DepositTarget:
    index: int
    sealing_key_id: bytes
    blob_hash: bytes
    evidence_hash: bytes


@message(keys_pb2.Deposit, name="deposit", role=SignerRole.DEALER)
@dataclass(frozen=True, slots=True)
class Deposit:
    """A dealer's order to keep 1 to 4096 keys, with the hash of each custodian's sealed blob."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    dealer_thumbprint: Thumbprint
    created_at: int
    descriptors: tuple[bytes, ...]
    batch_root: bytes
    targets: tuple[DepositTarget, ...]

    def __post_init__(self) -> None:
        indices = [target.index for target in self.targets]
        require(indices == sorted(set(indices)), "targets.index", "must be sorted and unique")

    def target(self, index: int) -> DepositTarget:
        """The part for custodian `index`; Invalid if there is none."""
        for target in self.targets:
            if target.index == index:
                return target
        raise Invalid(f"the deposit has nothing for custodian {index}", reason="NO_TARGET")


@dataclass(frozen=True, slots=True)
class OpenedDeposit:
    """A deposit whose signature, binding and names were checked."""

    signed: Signed[Deposit]
    descriptors: tuple[Descriptor, ...]
    hash: DepositHash

    @property
    def deposit(self) -> Deposit:
        return self.signed.statement


def deposit_hash(payload: bytes) -> DepositHash:
    return DepositHash(H(labels.DEPOSIT_HASH, payload))


def open_deposit(envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, now: int) -> OpenedDeposit:
    """A deposit signed by its dealer, for this keyring and manifest, every key of which is the dealer's own work.

    Raises BadSignature, Stale, NotFound, or Invalid with the field's path.
    """
    signed = open_named(Deposit, envelope, lambda d: d.dealer_thumbprint, "deposit")
    deposit = signed.statement
    check_binding(keyring, deposit.keyring_id, deposit.manifest_hash)
    require(deposit.created_at <= now + MAX_CLOCK_SKEW, "deposit.created_at", "lies in the future")
    require(
        {target.index for target in deposit.targets} <= set(keyring.manifest.indices),
        "deposit.targets",
        "must be custodians of the manifest",
    )
    descriptors = tuple(
        _check_descriptor(parse_descriptor(payload, f"deposit.descriptors[{position}]"), deposit, keyring)
        for position, payload in enumerate(deposit.descriptors)
    )
    ids: list[bytes] = [d.key_id for d in descriptors]
    require(len(set(ids)) == len(ids), "deposit.descriptors", "must differ")
    require(equal(derivation.batch_root(ids), deposit.batch_root), "deposit.batch_root", "does not match")
    return OpenedDeposit(signed, descriptors, deposit_hash(signed.payload))


def _check_descriptor(descriptor: Descriptor, deposit: Deposit, keyring: Keyring) -> Descriptor:
    core = descriptor.core
    check_binding(keyring, core.keyring_id, core.manifest_hash)
    require(core.threshold == keyring.threshold, "deposit.descriptors.threshold", "is not the manifest's")
    # Else a host could put its own name as owner of a victim's commitments into a deposit of somebody else.
    require(
        equal(core.creator_thumbprint, deposit.dealer_thumbprint),
        "deposit.descriptors.creator_thumbprint",
        "must be the dealer's",
    )
    return descriptor


def deposit_info(
    deposit_root: bytes,
    count: int,
    dealer: Thumbprint,
    keyring: Keyring,
    index: int,
    sealing_key_id: bytes,
    *,
    evidence: bool = False,
) -> bytes:
    """HPKE info of a custodian's deposit blob (or of its evidence): all that the message means.

    A host that re-posts a recorded blob under a deposit of its own changes dealer or batch root, and the
    blob no longer opens.
    """
    return H(
        labels.SEAL_DEPOSIT_EVIDENCE if evidence else labels.SEAL_DEPOSIT,
        keyring.keyring_id,
        keyring.manifest_hash,
        u16(index),
        sealing_key_id,
        dealer,
        deposit_root,
        u64(count),
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a context commitment: 32-byte salt, exact bytes of the context. Health data."""

    salt: bytes = field(repr=False)
    context: bytes = field(repr=False)

    def opens(self, commitment: bytes) -> bool:
        return equal(derivation.context_commitment(self.salt, self.context), commitment)


@dataclass(frozen=True, slots=True)
class DepositSecrets:
    """What one custodian gets: 64-byte shares and openings, in the batch's order."""

    shares: tuple[bytes, ...] = field(repr=False)
    openings: tuple[Opening, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        salts, contexts, context_of = pack_openings(self.openings)
        return keys_pb2.DepositSecrets(
            shares=self.shares, salts=salts, contexts=contexts, context_of=context_of
        ).SerializeToString(deterministic=True)

    @classmethod
    def parse(cls, data: bytes, count: int) -> DepositSecrets:
        """Invalid unless it holds `count` shares of 64 bytes and as many openings."""
        parsed = parse_strict(keys_pb2.DepositSecrets, data, "blob")
        require(len(parsed.shares) == count, "blob.shares", f"must be {count}")
        return cls(
            tuple(parsed.shares), unpack_openings(parsed.salts, parsed.contexts, parsed.context_of, count)
        )


def pack_openings(openings: Sequence[Opening]) -> tuple[list[bytes], list[bytes], list[int]]:
    """Columns for the wire, each distinct context once."""
    places: dict[bytes, int] = {}
    context_of = [places.setdefault(opening.context, len(places)) for opening in openings]
    return [opening.salt for opening in openings], list(places), context_of


def unpack_openings(
    salts: Sequence[bytes], contexts: Sequence[bytes], context_of: Sequence[int], count: int
) -> tuple[Opening, ...]:
    """The reverse of `pack_openings`; Invalid if the columns do not fit each other."""
    require(len(salts) == len(context_of) == count, "blob.salts", f"must be {count}, as the contexts")
    require(all(len(salt) == 32 for salt in salts), "blob.salts", "must be 32 bytes each")
    require(all(n < len(contexts) for n in context_of), "blob.context_of", "points beyond the contexts")
    return tuple(Opening(salt, contexts[n]) for salt, n in zip(salts, context_of, strict=True))


@message(keys_pb2.KeyRefusal)
@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """Keys of a batch, by position, that a custodian did not take, and the stable reason."""

    reason: str
    positions: tuple[int, ...]


@message(keys_pb2.Receipt, name="receipt", role=SignerRole.CUSTODIAN)
@dataclass(frozen=True, slots=True)
class Receipt:
    """A custodian's word that all keys of a deposit but the refused ones are on its disk."""

    keyring_id: KeyringId
    manifest_hash: ManifestHash
    index: int
    deposit_hash: DepositHash
    batch_root: bytes
    count: int
    refusals: tuple[KeyRefusal, ...]
    received_at: int
    log_index: int

    def __post_init__(self) -> None:
        positions = [p for refusal in self.refusals for p in refusal.positions]
        require(all(p < self.count for p in positions), "refusals.positions", "point beyond the batch")
        require(len(set(positions)) == len(positions), "refusals.positions", "must be unique")

    @property
    def refused(self) -> Mapping[int, str]:
        """Position -> reason."""
        return {p: refusal.reason for refusal in self.refusals for p in refusal.positions}


def open_receipt(
    envelope: bytes | keyring_pb2.Envelope, keyring: Keyring, index: int, deposit: Signed[Deposit]
) -> Signed[Receipt]:
    """Custodian `index`'s receipt for exactly this deposit."""
    signed = open_signed(Receipt, envelope, keyring.custodian(index).identity_key, "receipt")
    receipt = signed.statement
    check_binding(keyring, receipt.keyring_id, receipt.manifest_hash)
    if (
        receipt.index != index
        or not equal(receipt.deposit_hash, deposit_hash(deposit.payload))
        or not equal(receipt.batch_root, deposit.statement.batch_root)
        or receipt.count != len(deposit.statement.descriptors)
    ):
        raise Invalid("a receipt for another deposit or custodian", reason="WRONG_RECEIPT")
    return signed
