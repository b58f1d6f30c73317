"""What an approver is shown of a request that waits, as facts: the page and the text are both made of these."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from kms.statements.budgets import Budget
from kms.statements.codec import decode, encode, message
from kms.statements.ids import RequestHash
from kms.statements.release import Purpose, Verdict
from kms.wire.v1 import approver_pb2


class EvidenceKind(enum.IntEnum):
    ISSUERS = 1
    OWNER = 2
    GRANT = 3
    REASON = 4


@message(approver_pb2.WaitingKind)
@dataclass(frozen=True, slots=True)
class Kind:
    """So many keys of one category; clinical unless it is known not to be."""

    category: str
    count: int
    clinical: bool


@message(approver_pb2.WaitingAsker)
@dataclass(frozen=True, slots=True)
class Asker:
    """What one issuer verifiably says of who asks."""

    subject: str
    holder_class: str
    issuer: str
    controlled_by: str
    organisation: str
    email: str


@message(approver_pb2.WaitingEvidence)
@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence that is there, and how much there could be: of the keys, or of a number that rules look for."""

    kind: EvidenceKind
    have: int
    of: int

    @property
    def there(self) -> bool:
        return self.have >= self.of


@message(approver_pb2.WaitingExpected)
@dataclass(frozen=True, slots=True)
class Expected:
    """What the rules would say of so many keys, once people here have said yes."""

    verdict: Verdict
    reason: str
    count: int


@message(approver_pb2.WaitingHeld)
@dataclass(frozen=True, slots=True)
class Held:
    """So many keys that a rule would allow go beyond this budget."""

    budget: Budget
    keys: int


@message(approver_pb2.WaitingFacts)
@dataclass(frozen=True, slots=True)
class WaitingFacts:
    """A request that waits, as one custodian verified it when it came. Times in unix seconds."""

    request_hash: RequestHash
    keyring_name: str
    index: int
    organisation: str
    purpose: Purpose
    count: int
    kinds: tuple[Kind, ...]
    askers: tuple[Asker, ...]
    evidence: tuple[Evidence, ...]
    refused_grants: tuple[str, ...]
    justification: str = field(repr=False)
    expected: tuple[Expected, ...]
    asked_at: int
    expires_at: int
    held: tuple[Held, ...] = ()

    def to_bytes(self) -> bytes:
        return encode(self)

    @classmethod
    def parse(cls, data: bytes) -> WaitingFacts:
        return decode(cls, data, "facts")
