"""Encrypting and decrypting records on a device, against one raw call of the cipher and other libraries."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.timing import median_ratio, median_us
from kms.crypto import records
from kms.crypto.secret import DataKey

LARGE = 10 << 20
SMALL = 1024


def measure(quick: bool) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Figures and their profile."""
    key = DataKey(secrets.token_bytes(32))
    key_id, context = secrets.token_bytes(32), secrets.token_bytes(32)
    raw = AESGCM(secrets.token_bytes(32))
    nonce = bytes(12)
    large, small = os.urandom(LARGE), os.urandom(SMALL)
    repeats = 15 if quick else 60
    record = records.encrypt(key, records.new_header(key_id, context), large)
    sealed = raw.encrypt(nonce, large, None)

    def encrypt(plain: bytes) -> bytes:
        return records.encrypt(key, records.new_header(key_id, context), plain)

    encrypt_ratio = median_ratio(lambda: raw.encrypt(nonce, large, None), lambda: encrypt(large), repeats)
    decrypt_ratio = median_ratio(
        lambda: raw.decrypt(nonce, sealed, None), lambda: records.decrypt(key, record), repeats
    )
    ours = median_us(lambda: encrypt(small), repeats, 200)
    esdk = _aws(small)
    tink = _tink(small)
    profile = {
        "raw_10MiB_us": median_us(lambda: raw.encrypt(nonce, large, None), 9),
        "raw_1KiB_us": median_us(lambda: raw.encrypt(nonce, small, None), 9, 200),
        "hkdf_us": median_us(
            lambda: records._keys(key, records.new_header(key_id, context), bytes(127)), 9, 200
        ),
        "aws_esdk_1KiB_us": esdk and esdk[0],
        "aws_esdk_overhead_bytes": esdk and esdk[1],
        "tink_aes_gcm_1KiB_us": tink and tink[0],
        "tink_overhead_bytes": tink and tink[1],
    }
    figures: dict[str, float | None] = {
        "encrypt_10MiB_vs_raw": encrypt_ratio,
        "decrypt_10MiB_vs_raw": decrypt_ratio,
        "encrypt_1KiB_us": ours,
        "encrypt_1KiB_vs_aws_esdk": esdk[0] / ours if esdk else None,
        "overhead_bytes": float(len(encrypt(small)) - SMALL),
    }
    return figures, profile


def _aws(plain: bytes) -> tuple[float, int] | None:
    """AWS Encryption SDK, raw AES keyring, committing, unsigned: (us, overhead); None if it is not installed."""
    try:
        import aws_encryption_sdk
        from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
        from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
        from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
    except ImportError:
        return None
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=aws_encryption_sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    )
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = providers.create_raw_aes_keyring(
        input=CreateRawAesKeyringInput(
            key_namespace="bench",
            key_name="bench",
            wrapping_key=secrets.token_bytes(32),
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    algorithm = aws_encryption_sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY

    def encrypt() -> bytes:
        return client.encrypt(source=plain, keyring=keyring, algorithm=algorithm)[0]  # type: ignore[no-any-return]

    return median_us(encrypt, 15, 5), len(encrypt()) - len(plain)


def _tink(plain: bytes) -> tuple[float, int] | None:
    try:
        import tink
        from tink import aead
    except ImportError:
        return None
    aead.register()
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    primitive: Any = handle.primitive(aead.Aead)
    work: Callable[[], bytes] = lambda: primitive.encrypt(plain, b"")  # noqa: E731
    return median_us(work, 15, 50), len(work()) - len(plain)
