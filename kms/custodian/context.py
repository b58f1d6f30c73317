"""What every step of a node needs, built once at the start."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kms.crypto.signing import SigningKey
from kms.custodian.ledger import Ledger
from kms.custodian.providers import Providers
from kms.custodian.sealing_keys import SealingKeys
from kms.custodian.store import CustodianStore
from kms.custodian.vault import Vault
from kms.policy.counters import Counters
from kms.policy.credentials import CredentialCache
from kms.policy.engine import PolicyEngine
from kms.policy.issuers import IssuerKeys
from kms.statements.chain import Chain
from kms.statements.ids import RequestHash
from kms.statements.manifest import Custodian, Keyring
from kms.statements.passkeys import RelyingParty
from kms.statements.registry import Registry

T = TypeVar("T")


class Recent(Generic[T]):
    """The last few values by request, so that phase two need not build again what phase one built."""

    def __init__(self, limit: int = 32) -> None:
        self._limit = limit
        self._values: OrderedDict[RequestHash, tuple[T, int]] = OrderedDict()
        self._epoch = 0

    def put(self, request: RequestHash, value: T) -> None:
        self._values[request] = (value, self._epoch)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)

    def get(self, request: RequestHash) -> T | None:
        known = self._values.get(request)
        return known[0] if known else None

    def unchanged(self, request: RequestHash) -> bool:
        """Whether nothing that bears on policy happened here since `put`."""
        known = self._values.get(request)
        return known is not None and known[1] == self._epoch

    def turn(self) -> None:
        """Something was counted: what policy said before is to be asked again."""
        self._epoch += 1

    def clear(self) -> None:
        """Something was revoked: what was built before is to be built again."""
        self._values.clear()


@dataclass(frozen=True, slots=True)
class DestroyLimits:
    """This custodian's own brakes: seconds that it waits at least, keys a day that it takes orders for."""

    floor: int = 0
    keys_a_day: int = 20_000
    keys_a_day_of_owner: int = 5000


@dataclass(frozen=True, slots=True)
class NodeContext:
    """One custodian: who it is, what it trusts, where it writes, what time it is (unix seconds)."""

    chain: Chain
    keyring: Keyring
    """The manifest in force."""
    me: Custodian
    identity: SigningKey
    store: CustodianStore
    vault: Vault
    ledger: Ledger
    sealing: SealingKeys
    policy: PolicyEngine
    counters: Counters
    providers: Providers
    issuers: tuple[IssuerKeys, ...]
    """Of the manifest in force, with the keys that count now."""
    credential_cache: CredentialCache
    registry: Registry
    """Who may approve here."""
    party: RelyingParty | None
    """Whose passkeys count here; None: keys only."""
    now: Callable[[], int]
    recent: Recent[Any]
    """Cases of requests that were just decided."""
    deposit_quota_per_hour: int = 1_000_000
    denials_per_hour: int = 1000
    denials_per_key_per_hour: int = 60
    statements_per_hour: int = 1000
    statements_per_key_per_hour: int = 60
    history_days: int = 400
    history_rows: int = 1_000_000
    destroying: DestroyLimits = DestroyLimits()

    @property
    def audience(self) -> str:
        """What a credential's `aud` must be: the keyring id in hex."""
        return self.keyring.keyring_id.hex()
