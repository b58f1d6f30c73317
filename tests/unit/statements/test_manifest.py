"""Which manifests are refused, whoever signed them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kms.errors import Invalid, KmsError
from kms.statements.codec import decode, encode
from kms.statements.envelope import sign
from kms.statements.manifest import (
    Custodian,
    IssuerKey,
    IssuerKeyType,
    Keyring,
    Manifest,
    genesis_keyring_id,
    open_genesis,
)
from kms.wire.v1 import keyring_pb2
from tests.protocol.adversary import reason_of
from tests.protocol.world import START, found_keyring, signing_key

IDENTITIES = {i: signing_key(f"custodian {i}") for i in range(1, 6)}
ISSUERS = {name: signing_key(f"issuer {name}") for name in ("a", "b")}
KEYRING: Keyring = found_keyring("test", IDENTITIES, ISSUERS, 3, START)
MANIFEST = KEYRING.manifest


def custodians(change: Callable[[int, Custodian], Custodian]) -> dict[str, Any]:
    return {"custodians": tuple(change(n, c) for n, c in enumerate(MANIFEST.custodians))}


def all_in(**place: Any) -> dict[str, Any]:
    """Three of five custodians in one place: a quorum."""
    return custodians(lambda n, c: replace(c, **place) if n < 3 else c)


REFUSED: dict[str, dict[str, Any]] = {
    "t = 1": {"threshold": 1},
    "n < 2t-1": {"threshold": 4},
    "a durable quorum of t": {"durable_quorum": 3},
    "a durable quorum beyond n": {"durable_quorum": 6},
    "more admins needed than there are": {"admin_quorum": 2},
    "an end before its beginning": {"expires_at": MANIFEST.created_at},
    "one index twice": custodians(lambda n, c: replace(c, index=1) if n == 1 else c),
    "one identity key twice": custodians(
        lambda n, c: replace(c, identity_key=MANIFEST.custodians[0].identity_key) if n == 1 else c
    ),
    "an admin who is a custodian": {"admins": (MANIFEST.custodians[0].identity_key,)},
    "one organisation twice": custodians(lambda n, c: replace(c, organisation="one") if n < 2 else c),
    "a quorum under one court": all_in(jurisdiction="FR"),
    "a quorum at one hoster": all_in(hosting="one"),
    "a quorum of one owner": all_in(parent="one"),
    "one issuer twice": {"issuers": MANIFEST.issuers[:1] * 2},
}


@pytest.mark.parametrize("why", REFUSED)
def test_no_such_manifest_exists(why: str) -> None:
    with pytest.raises(Invalid):
        replace(MANIFEST, **REFUSED[why])


def test_two_of_five_in_one_place_are_fewer_than_t() -> None:
    replace(MANIFEST, **custodians(lambda n, c: replace(c, jurisdiction="FR" if n < 2 else f"X{n}")))


@pytest.mark.parametrize(("kind", "size"), [(IssuerKeyType.ED25519, 65), (IssuerKeyType.P256, 32)])
def test_an_issuer_s_key_is_of_its_type(kind: IssuerKeyType, size: int) -> None:
    with pytest.raises(Invalid):
        IssuerKey("1", kind, bytes(size))


def signed(manifest: Manifest, *without: bytes) -> bytes:
    keys = [signing_key("admin"), *IDENTITIES.values()]
    return sign(manifest, *(key for key in keys if key.public not in without)).envelope


def opened(manifest: Manifest, envelope: bytes | None = None, now: int = START) -> str:
    """Why this is no genesis, for who pinned exactly it; empty if it is one."""
    pinned = genesis_keyring_id(encode(manifest))
    return reason_of(open_genesis, envelope or signed(manifest), pinned, now)


def test_the_founders_manifest_opens_the_keyring() -> None:
    assert opened(MANIFEST) == ""


@pytest.mark.parametrize(
    "changes",
    [{"sequence": 1}, {"previous_hash": bytes(32)}, {"keyring_id": bytes(32)}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_later_manifest_is_no_genesis(changes: dict[str, Any]) -> None:
    assert opened(replace(MANIFEST, **changes)) in ("NOT_GENESIS", "INVALID_FIELD")


def test_each_founder_must_have_signed() -> None:
    for missing in (signing_key("admin").public, *(key.public for key in IDENTITIES.values())):
        assert opened(MANIFEST, signed(MANIFEST, missing)) != ""


def test_a_stranger_s_signature_does_not_stand_in_for_a_founder_s() -> None:
    message = keyring_pb2.Envelope.FromString(signed(MANIFEST))
    stranger = signing_key("stranger")
    payload_type = message.payload_type
    message.signatures[2].keyid = stranger.public
    message.signatures[2].sig = stranger.sign(payload_type, message.payload)
    assert opened(MANIFEST, message.SerializeToString()) != ""


def test_another_keyring_than_the_pinned_one_is_not_opened() -> None:
    other = found_keyring("other", IDENTITIES, ISSUERS, 3, START)
    assert reason_of(open_genesis, other.envelope, KEYRING.keyring_id, START) == "WRONG_KEYRING"


def test_an_expired_manifest_is_not_opened() -> None:
    assert opened(MANIFEST, now=MANIFEST.expires_at) == "MANIFEST_EXPIRED"
    assert opened(MANIFEST, now=MANIFEST.expires_at - 1) == ""


def test_a_manifest_survives_its_bytes() -> None:
    assert decode(Manifest, encode(MANIFEST)) == MANIFEST


def test_an_index_outside_the_manifest_is_nobody() -> None:
    with pytest.raises(KmsError) as caught:
        KEYRING.custodian(6)
    assert caught.value.reason == "UNKNOWN_CUSTODIAN"
