"""Who was caught, and the proof that anybody may check without trusting who shows it.

A proof of a wrong share holds that share alone. The key that opened the delivery stays with the reader: it would
open the other custodians' deliveries too, which the host has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kms.crypto import derivation, sealing
from kms.crypto.hashing import equal
from kms.crypto.sharing import DealerAtFault, WrongShare, reconstruct, verify
from kms.errors import CryptoError, Invalid
from kms.statements.ceremony import PlannedVersion, open_version
from kms.statements.envelope import open_signed
from kms.statements.ids import KeyId, Version
from kms.statements.keys import Descriptor, KeySpec, parse_descriptor
from kms.statements.manifest import Keyring, check_binding
from kms.statements.release import Decision, ShareRelease, share_leaf, shares_hash

WRONG_SHARE = "WRONG_SHARE"
KEY_MALFORMED = "KEY_MALFORMED"
EQUIVOCATION = "EQUIVOCATION"


@dataclass(frozen=True, slots=True)
class ShareProof:
    """One share, and that a custodian signed for it: its `ShareRelease` and the hashes of all that it delivered."""

    index: int
    release: bytes = field(repr=False)
    leaves: tuple[bytes, ...] = field(repr=False)
    place: int
    share: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """A custodian (or a key's dealer, index 0) was caught.

    `reason`: WRONG_SHARE (one share in `shares`), KEY_MALFORMED (t shares that are right, and yet not the key
    described), EQUIVOCATION (two decisions in `statements`), or BAD_DELIVERY: junk in a blob that only the
    recipient can open, so nobody else need believe it.
    """

    index: int
    reason: str
    key_id: KeyId | None
    descriptor: bytes = field(default=b"", repr=False)
    statements: tuple[bytes, ...] = field(default=(), repr=False)
    shares: tuple[ShareProof, ...] = field(default=(), repr=False)
    planned: PlannedVersion | None = field(default=None, repr=False)
    """Of the version of a wrong share that came by resharing."""

    def to_json(self) -> str:
        """For a file that is handed to others. A KEY_MALFORMED one gives the malformed key away."""
        planned = self.planned
        data = asdict(replace(self, planned=None))
        if planned is not None:
            data["planned"] = {
                "plan": planned.payload,
                "key_ids": list(planned.key_ids),
                "points": planned.points,
            }
        return json.dumps(data, default=bytes.hex)

    @classmethod
    def from_json(cls, text: str) -> Fault:
        """The fault in such a file; Invalid if it is none."""
        try:
            data = json.loads(text)
            return cls(
                int(data["index"]),
                str(data["reason"]),
                KeyId(bytes.fromhex(data["key_id"])) if data["key_id"] else None,
                bytes.fromhex(data["descriptor"]),
                tuple(bytes.fromhex(s) for s in data["statements"]),
                tuple(_proof(p) for p in data["shares"]),
                _planned(data.get("planned")),
            )
        except (ValueError, KeyError, TypeError):
            raise Invalid("this is no evidence of a fault", reason="INVALID_EVIDENCE") from None


def _planned(data: dict[str, Any] | None) -> PlannedVersion | None:
    if data is None:
        return None
    key_ids = [KeyId(bytes.fromhex(key_id)) for key_id in data["key_ids"]]
    return open_version(bytes.fromhex(data["plan"]), key_ids, bytes.fromhex(data["points"]))


def _proof(data: dict[str, Any]) -> ShareProof:
    leaves = tuple(bytes.fromhex(leaf) for leaf in data["leaves"])
    return ShareProof(
        int(data["index"]),
        bytes.fromhex(data["release"]),
        leaves,
        int(data["place"]),
        bytes.fromhex(data["share"]),
    )


def verify_fault(fault: Fault, keyring: Keyring) -> None:
    """Return if `fault` is proven under this keyring's manifest; raise Invalid NOT_PROVEN if not.

    Everything is checked anew from signatures and hashes, so an honest custodian or dealer cannot be framed.
    """
    if fault.reason == WRONG_SHARE and len(fault.shares) == 1:
        descriptor, (proof,) = _described(fault), fault.shares
        _check_signed(proof, descriptor, keyring, fault.planned)
        if proof.index == fault.index and not _matches(proof, descriptor, fault.planned):
            return
    elif fault.reason == KEY_MALFORMED and fault.index == 0:
        if _malformed(_described(fault), fault.shares, keyring):
            return
    elif (
        fault.reason == EQUIVOCATION
        and len(fault.statements) == 2
        and _contradict(fault.statements, fault.index, keyring)
    ):
        return
    raise Invalid("that proves nothing against anybody", reason="NOT_PROVEN")


def _described(fault: Fault) -> Descriptor:
    descriptor = parse_descriptor(fault.descriptor)
    if descriptor.key_id != fault.key_id:
        raise Invalid("the description is not of that key", reason="NOT_PROVEN")
    return descriptor


def _check_signed(
    proof: ShareProof, descriptor: Descriptor, keyring: Keyring, planned: PlannedVersion | None = None
) -> None:
    """That the custodian signed for this share of this key, in the version that was dealt, or planned."""
    signer = keyring.custodian(proof.index).identity_key
    release = open_signed(ShareRelease, proof.release, signer, "release").statement
    check_binding(keyring, release.keyring_id, release.manifest_hash)
    order = release.in_order()
    if release.index != proof.index or not 0 <= proof.place < len(order) == len(proof.leaves):
        raise Invalid("the share is not of that delivery", reason="NOT_PROVEN")
    version: Version = order[proof.place][1]
    leaf = share_leaf(descriptor.key_id, version, proof.share)
    signed = equal(shares_hash(proof.leaves), release.shares_hash)
    expected = descriptor.version if planned is None else planned.version
    if version != expected or not signed or not equal(proof.leaves[proof.place], leaf):
        raise Invalid("the custodian did not sign for that share", reason="NOT_PROVEN")


def _matches(proof: ShareProof, descriptor: Descriptor, planned: PlannedVersion | None = None) -> bool:
    commitments = descriptor.core.commitments if planned is None else planned.commitments(descriptor)
    try:
        verify(proof.index, proof.share, commitments, len(commitments))
    except WrongShare:
        return False
    except CryptoError as error:
        if error.reason in ("INVALID_SHARE", "INVALID_SCALAR"):
            return False  # no share at all; a commitment that is no point is the dealer's doing
        raise
    return True


def _malformed(descriptor: Descriptor, proofs: Sequence[ShareProof], keyring: Keyring) -> bool:
    for proof in proofs:
        _check_signed(proof, descriptor, keyring)
        if not _matches(proof, descriptor):
            return False
    core = descriptor.core
    shares = {p.index: p.share for p in proofs}
    try:
        found = reconstruct(shares, core.commitments, core.threshold, check_of(descriptor, []))
    except DealerAtFault:
        return True
    if core.spec is not KeySpec.INBOX:
        return False
    seed = derivation.inbox_seed(found.secret, descriptor.core_hash)
    return not equal(sealing.SealingPrivateKey(seed).public, descriptor.public_key)


def check_of(descriptor: Descriptor, opened: list[bytes]) -> Callable[[bytes], bool] | None:
    """Whether a secret has the descriptor's key check value, leaving its PRK in `opened`; None if it has none."""
    if descriptor.jointly_made:
        return None
    digest, expected = descriptor.core_hash, descriptor.key_check_value

    def matches(secret: bytes) -> bool:
        opened[:] = [derivation.prk(secret)]
        return equal(derivation.key_check_value(opened[0], digest), expected)

    return matches


def _contradict(statements: Sequence[bytes], index: int, keyring: Keyring) -> bool:
    """Two decisions that stand at one place of a custodian's log, which has room for one."""
    signer = keyring.custodian(index).identity_key
    a, b = (open_signed(Decision, statement, signer, "decision") for statement in statements)
    for signed in (a, b):
        check_binding(keyring, signed.statement.keyring_id, signed.statement.manifest_hash)
    return a.payload != b.payload and a.statement.log_index == b.statement.log_index
