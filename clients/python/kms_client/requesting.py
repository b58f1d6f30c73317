"""A release request and its evidence, sealed to each custodian and signed once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto import sealing
from kms.crypto.signing import SigningKey
from kms.statements.envelope import sign
from kms.statements.evidence import Evidence
from kms.statements.ids import KeyId, Thumbprint
from kms.statements.manifest import Keyring, SealingKey
from kms.statements.release import (
    EvidenceTarget,
    OpenedRequest,
    Purpose,
    ReleaseRequest,
    evidence_info,
    justification_hash,
    request_hash,
)
from kms.wire.v1 import coordinator_pb2, keyring_pb2


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent, as often as needed, and the one-time key that its answer is sealed to."""

    opened: OpenedRequest
    message: coordinator_pb2.ReleaseKeysRequest = field(repr=False)
    recipient: sealing.SealingPrivateKey = field(repr=False)


def prepare_request(
    keyring: Keyring,
    key_ids: Sequence[KeyId],
    purpose: Purpose,
    justification: str,
    credentials: Sequence[str],
    grants: Sequence[bytes],
    sealing_keys: Mapping[int, SealingKey],
    requester: SigningKey,
    now: int,
    lifetime: int,
    omit_descriptors: bool,
) -> Prepared:
    """Build, seal and sign. `lifetime` in seconds."""
    recipient = sealing.SealingPrivateKey.generate()
    ids = tuple(sorted(set(key_ids)))
    request_id, salt = secrets.token_bytes(16), secrets.token_bytes(32)
    thumbprint = Thumbprint(requester.thumbprint)
    evidence = Evidence(
        tuple(credentials),
        tuple(keyring_pb2.Envelope.FromString(grant) for grant in grants),
        salt,
        justification,
    ).to_bytes()
    targets: list[EvidenceTarget] = []
    blobs: list[coordinator_pb2.TargetBlob] = []
    for index, key in sorted(sealing_keys.items()):
        info = evidence_info(keyring, index, key.id, thumbprint, request_id, recipient.public, ids)
        sealed = sealing.seal(key.public_key, info, evidence)
        targets.append(EvidenceTarget(index, key.id, sealing.blob_hash(sealed)))
        blobs.append(coordinator_pb2.TargetBlob(index=index, sealed_evidence=sealed))
    request = ReleaseRequest(
        keyring.keyring_id,
        keyring.manifest_hash,
        request_id,
        ids,
        purpose,
        justification_hash(salt, justification),
        recipient.public,
        thumbprint,
        now,
        now + lifetime,
        tuple(targets),
    )
    signed = sign(request, requester)
    message = coordinator_pb2.ReleaseKeysRequest(
        request=signed.message, blobs=blobs, omit_descriptors=omit_descriptors
    )
    return Prepared(OpenedRequest(signed, request_hash(signed.payload)), message, recipient)
