from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto import sealing
from kms.crypto.sealing import SealingPrivateKey, blob_hash, seal
from kms.crypto.secret import Secret
from kms.errors import CryptoError
from tests.reference import hpke, mlkem, xwing
from tests.vectors import load

XWING = load("xwing")["cases"]
BLOBS = load("sealing")["cases"]
KEY = SealingPrivateKey(Secret(bytes(range(32))))
INFO = bytes(32)
MLKEM_PUBLIC = 1184


@pytest.mark.parametrize("case", XWING, ids=lambda case: case["seed"][:8])
def test_x_wing_keys_expand_as_published(case: dict[str, str]) -> None:
    key = SealingPrivateKey(Secret(bytes.fromhex(case["seed"])))
    assert key.public.hex() == case["pk"]
    assert key.seed.reveal().hex() == case["sk"]


@pytest.mark.parametrize("case", XWING, ids=lambda case: case["seed"][:8])
def test_the_published_x_wing_encapsulations_open(case: dict[str, str]) -> None:
    # The product has no bare decapsulation, so a message under the published ciphertext and secret is made.
    key, nonce = hpke.key_and_nonce(bytes.fromhex(case["ss"]), INFO)
    body = AESGCM(key).encrypt(nonce, b"published", b"")
    private = SealingPrivateKey(Secret(bytes.fromhex(case["seed"])))
    assert private.open(INFO, bytes.fromhex(case["ct"]) + body) == b"published"


@pytest.mark.parametrize("case", XWING, ids=lambda case: case["seed"][:8])
def test_the_reference_encapsulates_and_decapsulates_as_published(case: dict[str, str]) -> None:
    shared, ciphertext = xwing.encapsulate(bytes.fromhex(case["pk"]), bytes.fromhex(case["eseed"]))
    assert (shared.hex(), ciphertext.hex()) == (case["ss"], case["ct"])
    assert xwing.decapsulate(bytes.fromhex(case["sk"]), ciphertext) == shared


@settings(max_examples=10)
@given(st.binary(min_size=64, max_size=64), st.binary(min_size=32, max_size=32), st.integers(0, 1087))
def test_the_reference_ml_kem_is_the_library_s_with_altered_ciphertexts_too(
    seed: bytes, message: bytes, place: int
) -> None:
    theirs = MLKEM768PrivateKey.from_seed_bytes(seed)
    public, private = mlkem.key_pair(seed)
    assert theirs.public_key().public_bytes_raw() == public
    shared, ciphertext = mlkem.encapsulate(public, message)
    assert theirs.decapsulate(ciphertext) == shared == mlkem.decapsulate(private, ciphertext)
    altered = bytearray(ciphertext)
    altered[place] ^= 1
    assert theirs.decapsulate(bytes(altered)) == mlkem.decapsulate(private, bytes(altered)) != shared


@pytest.mark.parametrize("case", BLOBS, ids=lambda case: case["name"])
def test_frozen_blobs_open_and_have_their_hash(case: dict[str, str]) -> None:
    value = {name: bytes.fromhex(text) for name, text in case.items() if name != "name"}
    private = SealingPrivateKey(Secret(value["seed"]))
    assert private.public == value["public_key"]
    assert private.open(value["info"], value["blob"]) == value["plaintext"]
    assert blob_hash(value["blob"]) == value["blob_hash"]


@settings(max_examples=10)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=60), st.binary(max_size=300))
def test_what_one_seals_the_other_opens(seed: bytes, info: bytes, plaintext: bytes) -> None:
    private = SealingPrivateKey(Secret(seed))
    blob = seal(private.public, info, plaintext)
    assert len(blob) == sealing.ENCAPSULATION_SIZE + len(plaintext) + sealing.TAG_SIZE
    assert hpke.open_sealed(seed, info, blob) == plaintext
    assert private.open(info, hpke.seal(private.public, info, plaintext, seed * 2)) == plaintext


def test_two_seals_of_one_message_share_nothing() -> None:
    a, b = seal(KEY.public, INFO, b"message"), seal(KEY.public, INFO, b"message")
    assert a[:1088] != b[:1088]
    assert a[1088:1120] != b[1088:1120]
    assert a[1120:] != b[1120:]


def test_a_blob_opens_under_its_info_and_key_only() -> None:
    blob = seal(KEY.public, INFO, b"message")
    assert KEY.open(INFO, blob) == b"message"
    for info in (b"", INFO[:-1], INFO + b"\0", b"\1" + INFO[1:]):
        with pytest.raises(CryptoError, match="does not open"):
            KEY.open(info, blob)
    with pytest.raises(CryptoError, match="does not open"):
        SealingPrivateKey.generate().open(INFO, blob)


@given(st.data())
def test_one_changed_bit_anywhere_closes_a_blob(data: st.DataObject) -> None:
    blob = bytearray(bytes.fromhex(BLOBS[1]["blob"]))
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    private = SealingPrivateKey(Secret(bytes.fromhex(BLOBS[1]["seed"])))
    if bit == 8 * 1119 + 7:
        # X25519 ignores the top bit of a point (RFC 7748 section 5), but X-Wing hashes the bytes as sent.
        assert xwing.decapsulate(private.seed.reveal(), bytes(blob[:1120])) != xwing.decapsulate(
            private.seed.reveal(), bytes.fromhex(BLOBS[1]["blob"])[:1120]
        )
    with pytest.raises(CryptoError, match="does not open"):
        private.open(bytes.fromhex(BLOBS[1]["info"]), bytes(blob))


def test_the_ignored_bit_of_a_point_is_not_ignored_here() -> None:
    blob = bytearray(seal(KEY.public, INFO, b"message"))
    blob[1119] ^= 0x80
    with pytest.raises(CryptoError, match="does not open"):
        KEY.open(INFO, bytes(blob))


@pytest.mark.parametrize("size", [0, 1, 1087, 1088, 1119, 1120, 1135, 1136, 1142])
def test_a_blob_cut_short_does_not_open(size: int) -> None:
    with pytest.raises(CryptoError, match="does not open"):
        KEY.open(INFO, seal(KEY.public, INFO, b"message")[:size])


def test_a_blob_with_a_byte_after_it_does_not_open() -> None:
    with pytest.raises(CryptoError, match="does not open"):
        KEY.open(INFO, seal(KEY.public, INFO, b"message") + b"\0")


@pytest.mark.parametrize("size", [0, 32, 1215, 1217])
def test_a_public_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(CryptoError, match="1216 bytes"):
        seal(bytes(size), INFO, b"")


@pytest.mark.parametrize(
    "low_order",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 18).to_bytes(32, "little"),
    ],
)
def test_a_curve_point_of_low_order_is_refused_on_both_sides(low_order: bytes) -> None:
    with pytest.raises(CryptoError, match="not an X-Wing public key"):
        seal(KEY.public[:MLKEM_PUBLIC] + low_order, INFO, b"")
    blob = seal(KEY.public, INFO, b"message")
    with pytest.raises(CryptoError, match="does not open"):
        KEY.open(INFO, blob[:1088] + low_order + blob[1120:])


def test_an_ml_kem_key_with_a_coefficient_that_is_not_reduced_is_refused() -> None:
    # FIPS 203 section 7.2, modulus check: 3329 in the first 12 bits.
    first = (int.from_bytes(KEY.public[:2], "little") & 0xF000) | 3329
    with pytest.raises(CryptoError, match="not an X-Wing public key"):
        seal(first.to_bytes(2, "little") + KEY.public[2:], INFO, b"")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(CryptoError, match="32 bytes"):
        SealingPrivateKey(Secret(bytes(size)))


def test_fresh_keys_differ() -> None:
    assert SealingPrivateKey.generate().public != SealingPrivateKey.generate().public
