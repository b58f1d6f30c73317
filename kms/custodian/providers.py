"""Which keys of OpenID Connect providers count here: they are followed from set to set, never just replaced.

The first set is believed because the manifest's authorities vouch for who showed it (and, where the manifest pins
keys too, only if it holds one of these, which then are all that count at first). From then on

- a set must share a key with what counts, else all was exchanged at once: nothing of that provider counts any more,
  until its keys are back or people here accept the others. Who took a provider over looks like this;
- a new key counts after it was seen beside one that counts for `key_delay`, at its begin and at its end;
- a key that is shown no more counts no more, except for what came while it was. One that comes back is new.

Keys that could not be fetched for `max_key_age` count no more, until they can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kms.crypto.hashing import equal
from kms.custodian.ledger import Ledger
from kms.custodian.store import CustodianStore
from kms.custodian.vault import Vault
from kms.errors import NotFound
from kms.policy.issuers import IssuerKeys, PinnedKey, issuer_keys, pin
from kms.statements.audit import LogKind
from kms.statements.manifest import Issuer, IssuerKey
from kms.statements.providers import ProviderKey, ProviderState, fingerprint
from kms.statements.release import HUMAN_LIFETIME

SWITCHED: Final = "ISSUER_SWITCHED"
KEEP_GONE: Final = HUMAN_LIFETIME + 86400
"""Seconds for which a key that is gone still verifies what came before: people may answer as late as that."""
MAX_GONE: Final = 128
REFRESH_SECONDS: Final = range(60, 901)
"""How often keys are fetched: often enough to see two sets in `key_delay` and to bear an outage in `max_key_age`."""
RETRY_SECONDS: Final = 30
ASKED_SECONDS: Final = 60
"""Strangers can ask for keys that nobody has: they cause no more than one fetch in this time."""
_SEALED: Final = "provider"


def follow(state: ProviderState, issuer: Issuer, shown: Sequence[ProviderKey], now: int) -> ProviderState:
    """What to make of a set that was just fetched."""
    pinned = {(key.type, key.public_key) for key in issuer.keys}
    counting = {key.material for key in state.shown if key.since} | pinned
    if state.fetched_at == 0 and not pinned:
        counting = {key.material for key in shown}
    if not any(key.material in counting for key in shown):
        same = state.refused and fingerprint(issuer.iss, shown) == fingerprint(issuer.iss, state.exchanged)
        return replace(
            state,
            exchanged=tuple(shown),
            exchanged_at=state.exchanged_at if same else now,
            exchanged_seen=now,
            refused=True,
        )
    known = {(key.kid, key.material): key for key in state.shown}
    keys = []
    for key in shown:
        before = known.get((key.kid, key.material), replace(key, first_seen=now))
        ripe = key.material in counting or now - before.first_seen >= issuer.key_delay
        keys.append(replace(key, first_seen=before.first_seen, since=before.since or (now if ripe else 0)))
    return replace(state, fetched_at=now, keys=(*keys, *_gone(state, keys, now)), refused=False)


def accept(state: ProviderState, keys: Sequence[ProviderKey], now: int) -> ProviderState:
    """All of these count from now on; what counted before and is not among them is gone."""
    counting = [
        replace(key, first_seen=key.first_seen or now, since=key.since or now, until=0) for key in keys
    ]
    return ProviderState(
        state.iss,
        # People say which keys, not that anybody has seen them lately.
        state.exchanged_seen if state.refused else state.fetched_at,
        (*counting, *_gone(state, counting, now)),
    )


def _gone(state: ProviderState, shown: Iterable[ProviderKey], now: int) -> list[ProviderKey]:
    still = {(key.kid, key.material) for key in shown}
    gone = [
        replace(key, until=key.until or now)
        for key in state.keys
        if key.since and (key.until or (key.kid, key.material) not in still)
    ]
    return [key for key in gone if key.until > now - KEEP_GONE][-MAX_GONE:]


def usable_keys(issuer: Issuer, state: ProviderState | None) -> IssuerKeys:
    """An issuer's keys to verify with, of the manifest or as they were followed."""
    pinned = issuer_keys(issuer)
    if not issuer.is_provider:
        # What it showed while it was followed says nothing of keys that admins and custodians have signed since.
        return pinned
    if state is None or not state.fetched_at:
        return replace(pinned, refused=SWITCHED) if state is not None and state.refused else pinned
    keys = {key.kid: _pin(key) for key in state.keys if key.until}
    keys |= {key.kid: _pin(key) for key in state.shown if key.since}
    return replace(
        pinned,
        keys=keys,
        fresh_until=state.fetched_at + issuer.max_key_age,
        young=frozenset(key.kid for key in state.shown if not key.since),
        refused=SWITCHED if state.refused else "",
    )


def _pin(key: ProviderKey) -> PinnedKey:
    return pin(IssuerKey(key.kid, key.type, key.public_key), key.since, key.until or None, key.alg)


@dataclass(frozen=True, slots=True)
class KnownIssuer:
    """An issuer of the manifest, what is known of its keys, and for how long that lasts (seconds)."""

    issuer: Issuer
    state: ProviderState | None
    seconds_left: int
    failure: str


class Providers:
    """What one node knows of the providers in its manifest. Fetching is for others: here is only what came of it."""

    def __init__(self, store: CustodianStore, vault: Vault, ledger: Ledger) -> None:
        self._store, self._vault, self._ledger = store, vault, ledger
        self._states: dict[str, ProviderState] = {}
        for sealed in store.providers.all():
            state = ProviderState.parse(vault.open(_SEALED, sealed))
            self._states[state.iss] = state
        self._tried: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._wanted: set[str] = set()

    def issuers(self, issuers: Iterable[Issuer]) -> tuple[IssuerKeys, ...]:
        """Of a manifest, ready to verify with."""
        return tuple(usable_keys(issuer, self._states.get(issuer.iss)) for issuer in issuers)

    def want(self, iss: str) -> None:
        """A credential names a key that is not known: look again soon."""
        self._wanted.add(iss)

    def due(self, issuers: Iterable[Issuer], now: int) -> list[Issuer]:
        """Providers to fetch from now."""
        due = []
        for issuer in issuers:
            tried = self._tried.get(issuer.iss)
            if issuer.is_provider and (tried is None or now - tried >= self._interval(issuer)):
                due.append(issuer)
        return due

    def _interval(self, issuer: Issuer) -> int:
        if issuer.iss in self._failed:
            return RETRY_SECONDS
        if issuer.iss in self._wanted:
            return ASKED_SECONDS
        usual = min(issuer.max_key_age, issuer.key_delay) // 4
        return min(max(usual, REFRESH_SECONDS[0]), REFRESH_SECONDS[-1])

    def take(self, issuer: Issuer, shown: Sequence[ProviderKey], now: int) -> str:
        """Follow a set that was fetched; what that meant (empty: nothing new)."""
        self._tried[issuer.iss] = now
        self._failed.pop(issuer.iss, None)
        self._wanted.discard(issuer.iss)
        before = self._states.get(issuer.iss, ProviderState(issuer.iss))
        state = follow(before, issuer, shown, now)
        outcome = _outcome(before, state)
        self._keep(state, outcome, now)
        return outcome

    def look_again(self) -> None:
        """Another manifest may pin other keys: a set that was refused is looked at by it as soon as it is shown."""
        self._tried.clear()

    def miss(self, iss: str, reason: str, now: int) -> None:
        """Nothing could be fetched: what is known goes on counting while it is fresh."""
        self._tried[iss] = now
        self._failed[iss] = reason

    def accept(self, iss: str, named: bytes, now: int) -> None:
        """Let a set count at once, by its fingerprint. NotFound if it is none that this provider showed last."""
        state = self._states.get(iss, ProviderState(iss))
        for keys in (state.exchanged if state.refused else (), state.shown):
            if keys and equal(fingerprint(iss, keys), named):
                self._keep(accept(state, keys, now), "ACCEPTED", now)
                return
        raise NotFound(
            f"{iss} shows no such set of keys: look again with `kms custodian issuers show`",
            reason="NO_SUCH_KEYS",
        )

    def known(self, issuers: Iterable[Issuer], now: int) -> list[KnownIssuer]:
        """Every issuer of the manifest, for people."""
        found = []
        for issuer in issuers:
            state = self._states.get(issuer.iss) if issuer.is_provider else None
            left = state.fetched_at + issuer.max_key_age - now if state else 0
            found.append(KnownIssuer(issuer, state, max(0, left), self._failed.get(issuer.iss, "")))
        return found

    def _keep(self, state: ProviderState, outcome: str, now: int) -> None:
        with self._store.transaction():
            if outcome:
                keys = state.exchanged if state.refused else state.shown
                self._ledger.append(
                    LogKind.ISSUER_KEYS,
                    now,
                    fingerprint(state.iss, keys),
                    outcome=outcome,
                    count=sum(bool(key.since) for key in state.shown),
                )
            self._store.providers.put(state.iss, self._vault.seal(_SEALED, state.to_bytes()))
        self._states[state.iss] = state


def _outcome(before: ProviderState, after: ProviderState) -> str:
    if after.refused:
        return "" if before.refused and before.exchanged == after.exchanged else "SWITCHED"
    if before.refused:
        return "RETURNED"
    if not before.fetched_at:
        return "FIRST"
    return "" if before.keys == after.keys else "CHANGED"
