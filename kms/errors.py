"""The one error tree. Each class carries its gRPC status and a stable reason; `transport` maps it once.

A message says what was wrong, with which value, and what to do. Nothing secret and nothing about a patient
stands in it: it travels to callers and into logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that was refused: its path (`deposit.blobs[2].index`) and why."""

    path: str
    problem: str


class KmsError(Exception):
    """Base of every error that this project raises on purpose.

    `status` is a gRPC status code name, `reason` a stable upper-case word that programs may compare,
    `details` short public facts (counts, indices, hex hashes).
    """

    status: str = "INTERNAL"
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        fields: tuple[FieldProblem, ...] = (),
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason
        self.fields = fields
        self.details: Mapping[str, str] = dict(details or {})


class Invalid(KmsError):
    """The input is malformed: no state of ours could make it right."""

    status, reason = "INVALID_ARGUMENT", "INVALID"


class CryptoError(Invalid):
    """A point, scalar, share or ciphertext is not what it must be."""

    reason = "INVALID_CRYPTO"


class BadSignature(KmsError):
    """A signature does not verify under the key that was expected."""

    status, reason = "UNAUTHENTICATED", "BAD_SIGNATURE"


class EvidenceRefused(KmsError):
    """A credential, grant or approval was refused; `reason` says why."""

    status, reason = "UNAUTHENTICATED", "EVIDENCE_REFUSED"


class Denied(KmsError):
    """Policy says no, or something that must be known is not."""

    status, reason = "PERMISSION_DENIED", "DENIED"


class Stale(KmsError):
    """Manifest, request or key version is not the current one."""

    status, reason = "FAILED_PRECONDITION", "STALE"


class Fork(KmsError):
    """Two different manifests for one sequence: somebody shows different worlds to different parties.

    `evidence` holds both envelopes, which prove it to anybody.
    """

    status, reason = "DATA_LOSS", "FORK"

    def __init__(self, message: str, *, evidence: tuple[bytes, ...] = (), reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.evidence = evidence


class Conflict(KmsError):
    """The thing exists already, under another meaning (a replayed commitment, a reused request id)."""

    status, reason = "ALREADY_EXISTS", "CONFLICT"


class NotFound(KmsError):
    """No such key, request or keyring here."""

    status, reason = "NOT_FOUND", "NOT_FOUND"


class Exhausted(KmsError):
    """A quota, a size limit or the disk is used up."""

    status, reason = "RESOURCE_EXHAUSTED", "EXHAUSTED"


class Unavailable(KmsError):
    """Try again later: a party is away, a clock is unsure, a store is busy."""

    status, reason = "UNAVAILABLE", "UNAVAILABLE"


class DeadlineExceeded(KmsError):
    """The answer did not come within the caller's deadline."""

    status, reason = "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"


class StoreError(KmsError):
    """The store cannot be used: locked, truncated, of a newer schema, or not of this node."""

    status, reason = "FAILED_PRECONDITION", "STORE_UNUSABLE"


class ConfigError(KmsError):
    """A configuration file is wrong; the message names the key and what would be right."""

    status, reason = "FAILED_PRECONDITION", "CONFIG"
