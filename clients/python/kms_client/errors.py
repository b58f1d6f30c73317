"""What a caller of the client may catch. All are `KmsError`s with a stable `reason`."""

from __future__ import annotations

from collections.abc import Mapping

from kms.crypto.records import RecordError
from kms.crypto.sharing import DealerAtFault as KeyMalformed
from kms.errors import (
    BadSignature,
    ConfigError,
    Conflict,
    DeadlineExceeded,
    Denied,
    EvidenceRefused,
    Exhausted,
    Fork,
    Invalid,
    KmsError,
    NotFound,
    Stale,
    Unavailable,
)
from kms.statements.ids import KeyId, RequestHash

__all__ = [
    "ApprovalPending",
    "BadSignature",
    "ConfigError",
    "Conflict",
    "DeadlineExceeded",
    "Denied",
    "EvidenceRefused",
    "Exhausted",
    "Fork",
    "Invalid",
    "KeyDestroyScheduled",
    "KeyDestroyed",
    "KeyMalformed",
    "KmsError",
    "NotDurable",
    "NotEnoughCustodians",
    "NotFound",
    "RecordError",
    "ReleaseDenied",
    "Stale",
    "Unavailable",
]


class ReleaseDenied(Denied):
    """So many custodians denied a key that no quorum is left; `reasons` says why, custodian by custodian."""

    reason = "RELEASE_DENIED"

    def __init__(self, key_id: KeyId, reasons: Mapping[int, str]) -> None:
        words = ", ".join(f"{index}: {reason}" for index, reason in sorted(reasons.items()))
        super().__init__(f"key {key_id.hex()[:16]} is not released to you ({words})")
        self.key_id, self.reasons = key_id, dict(reasons)


class KeyDestroyed(ReleaseDenied):
    """The key was destroyed: nobody opens its record any more. What was read before is with who read it."""

    reason = "KEY_DESTROYED"


class KeyDestroyScheduled(ReleaseDenied):
    """The key is to be destroyed and opens nothing; whoever may call the order off brings it back."""

    reason = "KEY_DESTROY_SCHEDULED"


class ApprovalPending(Unavailable):
    """Humans at these custodians are asked. Call `resume` with `request_hash`, or release with `wait`."""

    reason = "APPROVAL_PENDING"

    def __init__(self, key_id: KeyId, request_hash: RequestHash, waiting: tuple[int, ...]) -> None:
        super().__init__(
            f"key {key_id.hex()[:16]} waits for people at custodians {', '.join(map(str, waiting))}"
        )
        self.key_id, self.request_hash, self.waiting = key_id, request_hash, waiting


class NotEnoughCustodians(Unavailable):
    """Fewer custodians answered than the threshold; `failures` says what became of the others."""

    reason = "NOT_ENOUGH_CUSTODIANS"

    def __init__(self, have: int, threshold: int, failures: Mapping[int, str]) -> None:
        words = ", ".join(f"{index}: {reason}" for index, reason in sorted(failures.items()))
        super().__init__(
            f"{have} custodians answered with shares, {threshold} are needed ({words or 'no others'})"
        )
        self.have, self.threshold, self.failures = have, threshold, dict(failures)


class NotDurable(Unavailable):
    """Fewer custodians than the manifest's quorum have a new key on disk: nothing may be encrypted with it yet.

    Calling again with the same keys is safe: whoever has them answers with the same receipt.
    """

    reason = "NOT_DURABLE"

    def __init__(self, have: int, needed: int, failures: Mapping[int, str]) -> None:
        words = ", ".join(f"{index}: {reason}" for index, reason in sorted(failures.items()))
        super().__init__(f"{have} of {needed} custodians have the new keys ({words or 'no refusals'})")
        self.have, self.needed, self.failures = have, needed, dict(failures)
