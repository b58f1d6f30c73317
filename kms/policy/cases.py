"""A case as people write it down: who asks for what, on which evidence. What follows from it cannot be written.

`controllers`, `independent` and `clinical` are derived as a custodian derives them, so that no table rests on a case
that cannot occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kms.errors import ConfigError
from kms.policy.attributes import (
    CLASSES,
    HUMAN,
    OWNER,
    DepositAttributes,
    ExpiryAttributes,
    ReleaseAttributes,
    is_clinical,
    issuer_group,
)
from kms.statements.release import Purpose

ACTIONS: Final = ("release", "deposit", "destroy", "expire")
PURPOSES: Final = tuple(purpose.name.lower() for purpose in Purpose)
_NUMBERS: Final = (
    "approvals",
    "keys",
    "released_last_hour",
    "released_last_day",
    "owner_released_last_hour",
    "age_days",
)
DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `holder` is the class of who asks, `vouched_by` the owners of the issuers that vouch for it.

    `owner`: who asks is the key's owner; `granted`: the owner's grant covers it; `guardian`: who asks is the owner's;
    `keys`: how many at once. Of `expire` nobody asks: `age_days` is for how long custodians have had the key.
    """

    action: str = "release"
    holder: str = "unknown"
    vouched_by: tuple[str, ...] = ()
    owner: bool = False
    granted: bool = False
    approvals: int = 0
    category: str = ""
    purpose: str = "treatment"
    keys: int = 1
    released_last_hour: int = 0
    released_last_day: int = 0
    owner_released_last_hour: int = 0
    guardian: bool = False
    age_days: int = 0

    def __post_init__(self) -> None:
        for name, known in (("action", ACTIONS), ("holder", CLASSES), ("purpose", PURPOSES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: {getattr(self, name)!r} is none of {', '.join(known)}")
        for name in _NUMBERS:
            if not 0 <= getattr(self, name) < 2**53:
                raise ConfigError(f"{name}: {getattr(self, name)} must be between 0 and 2**53")
        if (self.holder == "unknown") != (not self.vouched_by):
            raise ConfigError("holder: who is vouched for by nobody is unknown, and nobody else is")

    def attributes(self) -> ReleaseAttributes | DepositAttributes | ExpiryAttributes:
        """What the policy sees of it."""
        if self.action == "expire":
            return ExpiryAttributes(self.category, self.age_days * DAY)
        groups = {issuer_group(name) for name in self.vouched_by}
        if self.action == "deposit":
            return DepositAttributes(self.holder, frozenset(groups), self.keys)
        groups |= {OWNER} if self.owner or self.granted or self.guardian else set()
        groups |= {HUMAN} if self.approvals else set()
        return ReleaseAttributes(
            principal_class=self.holder,
            controllers=frozenset(groups),
            is_owner=self.owner,
            granted=self.granted,
            approvals=self.approvals,
            category=self.category,
            clinical=is_clinical(self.category),
            purpose=self.purpose,
            batch_count=self.keys,
            released_last_hour_principal=self.released_last_hour,
            released_last_hour_owner=self.owner_released_last_hour,
            released_last_day_principal=self.released_last_day,
            guardian=self.guardian,
        )
