"""A provider whose clock lies, or whose answers do: credentials of tomorrow, for ever, and keys that never grow old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms.custodian.fetching import fetch_keys
from kms.custodian.vouching import vouch
from kms.errors import EvidenceRefused
from kms.policy.credentials import LEEWAY, MAX_LIFETIME
from tests.protocol.providers import AGE, issuer_of, key_set, provider_world, show_usual, usual, world_of
from tests.protocol.world import START, Device, World, iss
from tests.reference.https import Answer, serving
from tests.reference.tokens import Ed25519Signer, b64, compact

YEARS = 10 * 365 * 86400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = provider_world(tmp_path / "world")
    show_usual(made)
    yield made
    made.close()


def said(world: World, **times: Any) -> list[str]:
    """What each custodian says to a credential that provider a signs with these times."""
    kid, key = usual(world, "a")
    device: Device = world.device("reader", "device", ("a",))
    claims = {
        "iss": iss("a"),
        "sub": "reader",
        "aud": world.keyring.keyring_id.hex(),
        "cnf": {"jkt": b64(device.thumbprint)},
        "holder_class": "device",
        **times,
    }
    token = compact({"alg": "EdDSA", "kid": kid}, claims, Ed25519Signer(key.seed.reveal()))
    reasons = []
    for node in world.members.values():
        try:
            vouch(node.context, [token], device.thumbprint, world.clock())
            reasons.append("")
        except EvidenceRefused as error:
            reasons.append(error.reason)
    assert len(set(reasons)) == 1
    return reasons[:1]


@pytest.mark.parametrize(
    ("issued", "expires", "reason"),
    [
        (0, 3600, ""),
        (LEEWAY, 3600, ""),
        (LEEWAY + 1, 3600, "CREDENTIAL_NOT_YET_VALID"),
        (86400, 86400 + 3600, "CREDENTIAL_NOT_YET_VALID"),
        (0, MAX_LIFETIME, ""),
        (0, MAX_LIFETIME + 1, "CREDENTIAL_LIFETIME"),
        (0, YEARS, "CREDENTIAL_LIFETIME"),
        (YEARS, 2 * YEARS, "CREDENTIAL_LIFETIME"),
        (-YEARS, 3600, "CREDENTIAL_LIFETIME"),
        (-MAX_LIFETIME, 0, "CREDENTIAL_EXPIRED"),
        (3600, 0, "CREDENTIAL_LIFETIME"),
    ],
)
def test_a_credentials_times_are_held_against_the_custodians_own_clock(
    world: World, issued: int, expires: int, reason: str
) -> None:
    assert said(world, iat=START + issued, exp=START + expires) == [reason]


def test_a_credential_lives_by_the_custodians_clock_however_the_providers_goes(world: World) -> None:
    times = {"iat": START, "exp": START + 3600}
    assert said(world, **times) == [""]
    world.clock.turn(3599)
    assert said(world, **times) == [""]
    world.clock.turn(1)
    assert said(world, **times) == ["CREDENTIAL_EXPIRED"]


@pytest.mark.parametrize(
    "value", [1e308, 1800000000.5, "1800000000", True, None, [START], 10**400, -1], ids=str
)
@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
def test_what_is_no_second_is_no_time(world: World, name: str, value: Any) -> None:
    assert said(world, **({"iat": START, "exp": START + 60} | {name: value}))[0].startswith(
        "CREDENTIAL_"
    ) or (
        (name, value) == ("nbf", -1)  # long valid
    )


async def test_keys_grow_old_by_the_custodians_clock_whatever_the_answer_says(tmp_path: Path) -> None:
    with serving("eternal") as site:
        headers = {
            "Expires": "Fri, 31 Dec 2099 23:59:59 GMT",
            "Cache-Control": f"max-age={YEARS}, immutable",
            "Age": "0",
        }
        plain = provider_world(tmp_path / "plain")
        keys = key_set(usual(plain, "a"))
        site.describe(keys)
        site.answers["/keys"] = Answer(keys, headers=headers)
        issuer = replace(issuer_of(plain, "a"), iss=site.address, trust_anchors=(site.anchor.der,))
        plain.close()
        world = world_of(tmp_path / "world", [issuer], START)
        node = world.nodes[1]
        node.take_issuer_keys(issuer, await fetch_keys(issuer))
        (known,) = node.context.issuers
        known.check_usable(START + AGE - 1)
        with pytest.raises(EvidenceRefused) as caught:
            known.check_usable(START + AGE)
        assert caught.value.reason == "ISSUER_KEYS_STALE"
        world.close()
