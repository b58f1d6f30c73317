"""Everything that policy sees of a deposit or a release: verified facts, hashable, so equal ones cost one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from kms.statements.manifest import HolderClass

NON_CLINICAL: Final = frozenset({"booking", "contact"})
"""Categories that are not about health. Any other, unknown ones included, is clinical."""

OWNER: Final = "owner"
HUMAN: Final = "human"
"""Groups of control beside the issuers': the owner's own key or grant, a custodian's own human."""

CLASSES: Final = ("operator", "service", "unknown", "professional", "device")
"""What a principal may be, the most restricted first. Who shows no credential is unknown."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What an issuer verifiably says about the holder of a signing key; `expires` in unix seconds."""

    iss: str
    controlled_by: str
    subject: str
    holder_class: str
    organisation: str
    key_thumbprint: bytes
    expires: int
    email: str = ""
    """Lower-case; only where the issuer says that it verified it."""
    guardian_of: tuple[tuple[str, int], ...] = ()
    """Of whom, as this issuer names them, and until when (unix seconds)."""


@dataclass(frozen=True, slots=True)
class ReleaseAttributes:
    """One key's side of a release request. `controllers`: who, independently, vouches for it.

    A further attribute has a default here, a line in `context` and in the schema, words in `rule_words`, and a place
    in `cases`.
    """

    principal_class: str
    controllers: frozenset[str]
    is_owner: bool
    granted: bool
    approvals: int
    category: str
    clinical: bool
    purpose: str
    batch_count: int
    released_last_hour_principal: int
    released_last_hour_owner: int
    released_last_day_principal: int
    guardian: bool = False

    def context(self) -> dict[str, Any]:
        """As Cedar's context record."""
        return {
            "controllers": sorted(self.controllers),
            "independent": len(self.controllers),
            "isOwner": self.is_owner,
            "granted": self.granted,
            "guardian": self.guardian,
            "approvals": self.approvals,
            "category": self.category,
            "clinical": self.clinical,
            "purpose": self.purpose,
            "batchCount": self.batch_count,
            "releasedLastHour": self.released_last_hour_principal,
            "releasedLastDay": self.released_last_day_principal,
            "ownerReleasedLastHour": self.released_last_hour_owner,
        }


@dataclass(frozen=True, slots=True)
class DepositAttributes:
    """A deposit as a whole; `count` keys."""

    principal_class: str
    controllers: frozenset[str]
    count: int

    def context(self) -> dict[str, Any]:
        """As Cedar's context record."""
        return {
            "controllers": sorted(self.controllers),
            "independent": len(self.controllers),
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class ExpiryAttributes:
    """A record that nobody asks for: only its category, and for how many seconds custodians have had its key."""

    category: str
    age: int
    principal_class: str = "operator"
    """Whose acts a policy's time limits are like: what is forbidden to operators they do not do either."""

    def context(self) -> dict[str, Any]:
        """As Cedar's context record."""
        return {"category": self.category, "clinical": is_clinical(self.category)}


def is_clinical(category: str) -> bool:
    """Health data unless the category is known not to be: an unknown or missing one counts as the worst."""
    return category not in NON_CLINICAL


def controllers(credentials: Iterable[Credential]) -> frozenset[str]:
    """The distinct groups that control the issuers of this evidence: two brands of one owner count once."""
    return frozenset(issuer_group(credential.controlled_by) for credential in credentials)


def issuer_group(controlled_by: str) -> str:
    """The group of an issuer's owner; prefixed, so that none can be named like OWNER or HUMAN."""
    return f"issuer:{controlled_by}"


def principal_class(credentials: Iterable[Credential]) -> str:
    """The most restricted class that any credential gives: nobody sheds "service" by adding another card."""
    classes = {credential.holder_class for credential in credentials}
    return next((klass for klass in CLASSES if klass in classes), "unknown")


def class_name(holder_class: HolderClass) -> str:
    """A class as credentials and policies spell it."""
    return holder_class.name.lower()
