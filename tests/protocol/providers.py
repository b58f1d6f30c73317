"""A world whose issuers are OpenID Connect providers, and what these show to the custodians that fetch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kms.crypto.signing import SigningKey
from kms.dev.issuer import KID
from kms.dev.tokens import issue_credential
from kms.policy.key_sets import read_key_set
from kms.statements.manifest import Issuer
from kms.statements.providers import ProviderKey
from tests.protocol.world import START, Clock, Device, World, found_keyring, iss, parties, signing_key
from tests.reference.tokens import b64
from tests.unit.policy.certificates import authority

DELAY, AGE = 86400, 6 * 3600
"""Seconds before a new key counts, and for which fetched keys count."""
Shown = tuple[str, SigningKey]
"""(kid, key)."""


def provider_world(folder: Path, *, pinned: bool = False) -> World:
    """Two of three custodians; both issuers are providers, whose keys are those of every world, under the usual kid."""
    identities, _, issuer_keys = parties(3)
    plain = found_keyring("providers", identities, issuer_keys, 2, START).manifest.issuers
    issuers = tuple(
        replace(
            issuer,
            keys=issuer.keys if pinned else (),
            trust_anchors=(authority(f"authority of {issuer.iss}", now=START).der,),
            key_delay=DELAY,
            max_key_age=AGE,
        )
        for issuer in plain
    )
    world = world_of(folder, issuers, START)
    world.issuer_keys = issuer_keys
    return world


def world_of(folder: Path, issuers: Sequence[Issuer], now: int) -> World:
    """Two of three custodians who believe these issuers; the clock begins at `now`."""
    identities, approvers, issuer_keys = parties(3)
    keyring = found_keyring("providers", identities, issuer_keys, 2, now, issuers=tuple(issuers))
    world = World(folder, Clock(now), keyring, identities, approvers, {})
    for index in identities:
        world.start(index)
    return world


def issuer_of(world: World, name: str) -> Issuer:
    return next(i for i in world.keyring.manifest.issuers if i.iss == iss(name))


def usual(world: World, name: str) -> Shown:
    """The key with which the world's credentials of this issuer are signed."""
    return KID, world.issuer_keys[name]


def other(kid: str) -> Shown:
    """A key that the world does not know."""
    return kid, signing_key(f"provider's {kid}")


def key_set(*keys: Shown) -> bytes:
    """As a provider shows it."""
    shown = [
        {"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": b64(key.public)} for kid, key in keys
    ]
    return json.dumps({"keys": shown}).encode()


def read(*keys: Shown) -> tuple[ProviderKey, ...]:
    return read_key_set(key_set(*keys))


def show(world: World, name: str, *keys: Shown, at: Iterable[int] = ()) -> list[str]:
    """Let these custodians, or all, fetch this set now; what it meant to each."""
    return [
        world.nodes[index].take_issuer_keys(issuer_of(world, name), read(*keys))
        for index in sorted(set(at) or set(world.members))
    ]


def show_usual(world: World) -> None:
    for name in world.issuer_keys:
        show(world, name, usual(world, name))


def token(world: World, name: str, device: Device, shown: Shown, lifetime: int = 3600) -> str:
    """A credential that this provider, or who has taken it over, signs with this key."""
    kid, key = shown
    return issue_credential(
        key,
        kid,
        iss(name),
        device.name,
        device.holder_class,
        "",
        device.key.thumbprint,
        world.keyring.keyring_id.hex(),
        world.clock(),
        lifetime,
    )
