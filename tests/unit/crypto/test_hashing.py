from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms.crypto.hashing import H, equal, expand, extract, hkdf, u16, u64
from tests.reference import hashing as reference
from tests.vectors import load

VECTORS = load("hashing")
LABELS = st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=40)
PARTS = st.lists(st.binary(max_size=40), max_size=5)


@pytest.mark.parametrize("case", VECTORS["H"], ids=lambda case: f"{case['label']}-{len(case['parts'])}")
def test_h_gives_the_frozen_digest(case: dict[str, Any]) -> None:
    parts = [bytes.fromhex(part) for part in case["parts"]]
    assert H(case["label"], *parts).hex() == case["digest"]


@pytest.mark.parametrize("case", VECTORS["hkdf"])
def test_hkdf_gives_the_answers_of_rfc_5869(case: dict[str, Any]) -> None:
    ikm, salt, info, okm = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info", "okm"))
    prk = extract(salt, ikm)
    assert prk.hex() == case["prk"]
    assert expand(prk, info, len(okm)) == okm
    assert hkdf(salt, ikm, info, len(okm)) == okm


@given(LABELS, PARTS)
def test_h_agrees_with_the_reference(label: str, parts: list[bytes]) -> None:
    assert H(label, *parts) == reference.hash_labelled(label, *parts)


@given(LABELS, st.lists(st.sampled_from([0, 1, 4095, 4096, 4097, 70000]).map(bytes), max_size=5))
def test_h_agrees_with_the_reference_on_long_parts_and_short_ones(label: str, parts: list[bytes]) -> None:
    assert H(label, *parts) == reference.hash_labelled(label, *parts)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 100))
def test_hkdf_agrees_with_the_reference(salt: bytes, secret: bytes, info: bytes, length: int) -> None:
    prk = reference.hkdf_extract(salt, secret)
    assert extract(salt, secret) == prk
    assert hkdf(salt, secret, info, length) == reference.hkdf_expand(prk, info, length)


@given(LABELS, PARTS, LABELS, PARTS)
def test_different_inputs_never_hash_the_same_bytes(
    label: str, parts: list[bytes], other_label: str, other_parts: list[bytes]
) -> None:
    same = (label, parts) == (other_label, other_parts)
    assert (H(label, *parts) == H(other_label, *other_parts)) is same


@given(st.binary(min_size=2, max_size=20), st.data())
def test_a_boundary_between_parts_cannot_be_moved(joined: bytes, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(joined) - 1))
    j = data.draw(st.integers(i + 1, len(joined)))
    assert H("key", joined[:i], joined[i:]) != H("key", joined[:j], joined[j:])
    assert H("key", joined[:i], joined[i:]) != H("key", joined)


def test_a_label_outside_ascii_or_too_long_for_its_length_byte_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        H("clé")
    with pytest.raises(ValueError, match="256"):
        H("a" * 256)


def test_numbers_are_big_endian_and_of_fixed_size() -> None:
    assert (u16(1), u64(1)) == (b"\0\1", bytes(7) + b"\1")
    with pytest.raises(OverflowError):
        u16(65536)
    with pytest.raises(OverflowError):
        u64(-1)


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_equal_is_equality(a: bytes, b: bytes) -> None:
    assert equal(a, b) is (a == b)
    assert equal(a, bytes(a))
