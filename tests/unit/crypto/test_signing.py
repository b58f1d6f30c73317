from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.crypto.secret import Secret
from kms.crypto.signing import SigningKey, pae, thumbprint, verify
from kms.errors import BadSignature, CryptoError
from tests.reference import published
from tests.reference import signing as reference
from tests.vectors import load

VECTORS = load("signing")
KEY = SigningKey(Secret(bytes.fromhex(VECTORS["seed"])))
TYPE = "application/vnd.tkms.example.v1"


@pytest.mark.parametrize("case", VECTORS["statements"], ids=lambda case: case["type"])
def test_encoding_and_signature_are_the_frozen_ones(case: dict[str, Any]) -> None:
    payload, signature = bytes.fromhex(case["payload"]), bytes.fromhex(case["signature"])
    assert pae(case["type"], payload).hex() == case["encoding"]
    assert KEY.sign(case["type"], payload) == signature
    verify(bytes.fromhex(VECTORS["public_key"]), case["type"], payload, signature)


def test_the_encoding_is_the_one_that_dsse_publishes() -> None:
    assert pae(published.DSSE_TYPE, published.DSSE_PAYLOAD) == published.DSSE_ENCODING


def test_the_thumbprint_is_the_one_that_rfc_8037_publishes() -> None:
    found = base64.urlsafe_b64encode(KEY.thumbprint).rstrip(b"=").decode()
    assert found == published.JWK_THUMBPRINT
    assert KEY.thumbprint.hex() == VECTORS["thumbprint"]


@given(st.binary(min_size=32, max_size=32))
def test_thumbprints_agree_with_the_reference(public: bytes) -> None:
    assert thumbprint(public) == reference.thumbprint(public)


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_no_two_statements_have_one_encoding(
    kind: str, payload: bytes, other_kind: str, other_payload: bytes
) -> None:
    same = (kind, payload) == (other_kind, other_payload)
    assert (pae(kind, payload) == pae(other_kind, other_payload)) is same
    assert pae(kind, payload) == reference.pre_authentication_encoding(kind, payload)


@given(st.binary(max_size=60), st.data())
def test_one_changed_bit_anywhere_breaks_a_signature(payload: bytes, data: st.DataObject) -> None:
    signature = KEY.sign(TYPE, payload)
    verify(KEY.public, TYPE, payload, signature)
    parts = {"key": KEY.public, "payload": payload or b"\0", "signature": signature}
    part = data.draw(st.sampled_from(sorted(parts)))
    bit = data.draw(st.integers(0, 8 * len(parts[part]) - 1))
    changed = bytearray(parts[part])
    changed[bit // 8] ^= 1 << bit % 8
    parts[part] = bytes(changed)
    with pytest.raises(BadSignature):
        verify(parts["key"], TYPE, parts["payload"], parts["signature"])


def test_a_statement_of_one_type_is_not_one_of_another() -> None:
    signature = KEY.sign(TYPE, b"payload")
    for other in (TYPE + "1", TYPE[:-1], "", TYPE + " 7"):
        with pytest.raises(BadSignature):
            verify(KEY.public, other, b"payload", signature)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_verifies_nothing_and_has_no_thumbprint(size: int) -> None:
    with pytest.raises(BadSignature):
        verify(bytes(size), TYPE, b"", bytes(64))
    with pytest.raises(CryptoError, match="32 bytes"):
        thumbprint(bytes(size))
    with pytest.raises(CryptoError, match="32 bytes"):
        SigningKey(Secret(bytes(size)))


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_a_signature_of_another_size_is_refused(size: int) -> None:
    signature = (KEY.sign(TYPE, b"payload") * 2)[:size]
    with pytest.raises(BadSignature):
        verify(KEY.public, TYPE, b"payload", signature)


def test_a_signature_whose_scalar_is_not_reduced_is_refused() -> None:
    # RFC 8032 section 5.1.7: without this, anyone could make a second valid signature from one.
    order = 2**252 + 27742317777372353535851937790883648493
    signature = KEY.sign(TYPE, b"payload")
    scalar = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(BadSignature):
        verify(KEY.public, TYPE, b"payload", signature[:32] + scalar.to_bytes(32, "little"))


def test_fresh_keys_differ() -> None:
    assert SigningKey.generate().public != SigningKey.generate().public
