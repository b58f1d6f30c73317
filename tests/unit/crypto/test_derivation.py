from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.crypto import derivation
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import KeySecret
from tests.reference import naming as reference
from tests.vectors import load

VECTORS = load("derivation")
DIGEST = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_names_and_keys_are_the_frozen_ones(case: dict[str, Any]) -> None:
    secret = KeySecret(bytes.fromhex(case["secret"]))
    core, descriptor = bytes.fromhex(case["core"]), bytes.fromhex(case["descriptor"])
    digest = derivation.core_hash(core)
    assert digest.hex() == case["core_hash"]
    check_value = derivation.key_check_value(derivation.prk(secret.reveal()), digest)
    assert check_value.hex() == case["key_check_value"]
    assert derivation.matches(secret.reveal(), digest, check_value)
    key_id = derivation.key_id(descriptor)
    assert key_id.hex() == case["key_id"]
    assert derivation.data_key(secret, key_id).reveal().hex() == case["data_key"]
    seed = derivation.inbox_seed(secret, digest)
    assert seed.reveal().hex() == case["inbox_seed"]
    if case["public_key"]:
        assert SealingPrivateKey(seed).public.hex() == case["public_key"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_context_commitments_are_the_frozen_ones(case: dict[str, Any]) -> None:
    salt, context = bytes.fromhex(case["salt"]), bytes.fromhex(case["context"])
    commitment = derivation.context_commitment(salt, context)
    assert commitment.hex() == case["fields"]["context_commitment"]


def test_batch_roots_and_versions_are_the_frozen_ones() -> None:
    batch, dealt = VECTORS["batch_root"], VECTORS["dealt_version"]
    key_ids = [bytes.fromhex(key_id) for key_id in batch["key_ids"]]
    assert derivation.batch_root(key_ids).hex() == batch["root"]
    assert derivation.batch_root(key_ids[::-1]).hex() != batch["root"]
    keyring, manifest = bytes.fromhex(dealt["keyring_id"]), bytes.fromhex(dealt["manifest_hash"])
    assert derivation.dealt_version(keyring, manifest).hex() == dealt["version"]
    assert derivation.dealt_version(manifest, keyring).hex() != dealt["version"]


@given(DIGEST, DIGEST)
def test_derivation_agrees_with_the_reference(secret: bytes, name: bytes) -> None:
    assert derivation.prk(secret) == reference.pseudorandom_key(secret)
    check_value = derivation.key_check_value(derivation.prk(secret), name)
    assert check_value == reference.key_check_value(secret, name)
    data_key = derivation.data_key(KeySecret(secret), name).reveal()
    assert data_key == reference.data_key(secret, name)
    seed = derivation.inbox_seed(KeySecret(secret), name).reveal()
    assert seed == reference.inbox_seed(secret, name)
    assert len({check_value, data_key, seed}) == 3


@given(DIGEST, DIGEST, DIGEST)
def test_one_secret_under_another_description_opens_nothing(secret: bytes, a: bytes, b: bytes) -> None:
    same = a == b
    first, second = (derivation.data_key(KeySecret(secret), name) for name in (a, b))
    assert (first == second) is same
    expected = derivation.key_check_value(derivation.prk(secret), a)
    assert derivation.matches(secret, b, expected) is same


@given(DIGEST, DIGEST, DIGEST, st.integers(0, 255))
def test_another_secret_or_check_value_does_not_match(
    secret: bytes, other: bytes, digest: bytes, bit: int
) -> None:
    expected = derivation.key_check_value(derivation.prk(secret), digest)
    assert derivation.matches(other, digest, expected) is (other == secret)
    changed = bytearray(expected)
    changed[bit // 8] ^= 1 << bit % 8
    assert not derivation.matches(secret, digest, bytes(changed))
    assert not derivation.matches(secret, digest, expected[:-1])
    assert not derivation.matches(secret, digest, b"")
