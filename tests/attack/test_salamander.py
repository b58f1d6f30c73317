"""An invisible salamander: one ciphertext, two keys, two plaintexts, both authentic.

AES-GCM does not bind a ciphertext to a key. Who knows two keys can solve GHASH's linear equation for one
block, so that one tag holds under both: a doctor opens one record, an auditor another, and both are told that
it is authentic (Dodis, Grubbs, Ristenpart, Woodage, CRYPTO 2018). The record format carries a commitment to
its key in front of the body.
"""

from __future__ import annotations

import io

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms.crypto import records
from kms.crypto.records import RecordError
from kms.crypto.secret import DataKey
from tests.reference import records as reference

BLOCK = 16
FOR_THE_DOCTOR = b"Penicillin: no known allergy. Dose as usual.".ljust(48)
FOR_THE_AUDITOR = b"PENICILLIN: ANAPHYLAXIS IN 2019. DO NOT GIVE".ljust(48)
REDUCTION = 0xE1 << 120  # x^128 = x^7 + x^2 + x + 1, in GCM's reflected order


def multiply(a: int, b: int) -> int:
    """The product in GCM's field GF(2^128) (NIST SP 800-38D, algorithm 1)."""
    product = 0
    for i in range(127, -1, -1):
        if a >> i & 1:
            product ^= b
        b = b >> 1 ^ (REDUCTION if b & 1 else 0)
    return product


def power(a: int, exponent: int) -> int:
    product = 1 << 127  # the field's one
    for _ in range(exponent):
        product = multiply(product, a)
    return product


def inverse(a: int) -> int:
    """a^(2^128 - 2), by squaring."""
    result, square = 1 << 127, a
    for _ in range(127):
        square = multiply(square, square)
        result = multiply(result, square)
    return result


def encrypt_block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def ghash(h: int, blocks: list[bytes]) -> int:
    value = 0
    for block in blocks:
        value = multiply(value ^ int.from_bytes(block, "big"), h)
    return value


def keystream(key: bytes, nonce: bytes, blocks: range) -> bytes:
    """GCM's counter blocks: the first block of text has counter 2."""
    return b"".join(encrypt_block(key, nonce + (2 + i).to_bytes(4, "big")) for i in blocks)


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def salamander(key_a: bytes, text_a: bytes, key_b: bytes, text_b: bytes, nonce: bytes) -> bytes:
    """A ciphertext and tag that open under both keys: text_a comes first under A, text_b second under B.

    The last block is free, and is chosen so that both keys give one tag: GHASH is linear in it.
    """
    half = len(text_a) // BLOCK
    count = 2 * half + 1
    body = xor(text_a, keystream(key_a, nonce, range(half)))
    body += xor(text_b, keystream(key_b, nonce, range(half, 2 * half)))
    blocks = [body[i : i + BLOCK] for i in range(0, len(body), BLOCK)]
    lengths = (0).to_bytes(8, "big") + (8 * BLOCK * count).to_bytes(8, "big")
    difference, factor = 0, 0
    for key in (key_a, key_b):
        h = int.from_bytes(encrypt_block(key, bytes(BLOCK)), "big")
        mask = int.from_bytes(encrypt_block(key, nonce + b"\0\0\0\1"), "big")
        difference ^= ghash(h, [*blocks, bytes(BLOCK), lengths]) ^ mask
        factor ^= power(h, 2)
    solved = multiply(difference, inverse(factor)).to_bytes(BLOCK, "big")
    h = int.from_bytes(encrypt_block(key_a, bytes(BLOCK)), "big")
    mask = int.from_bytes(encrypt_block(key_a, nonce + b"\0\0\0\1"), "big")
    tag = ghash(h, [*blocks, solved, lengths]) ^ mask
    return body + solved + tag.to_bytes(BLOCK, "big")


def naive_open(key: bytes, record: bytes) -> bytes:
    """A format of plain AES-GCM: nonce || ciphertext || tag."""
    return AESGCM(key).decrypt(record[:12], record[12:], None)


KEYS = (bytes(range(32)), bytes(range(32, 64)))


def test_the_field_arithmetic_is_gcm_s_own() -> None:
    # The tag of an ordinary message, computed by hand, is the one that the library appends.
    key, nonce, text = KEYS[0], bytes(12), bytes(range(64))
    sealed = AESGCM(key).encrypt(nonce, text, None)
    blocks = [sealed[i : i + BLOCK] for i in range(0, 64, BLOCK)]
    lengths = (0).to_bytes(8, "big") + (8 * 64).to_bytes(8, "big")
    h = int.from_bytes(encrypt_block(key, bytes(BLOCK)), "big")
    tag = ghash(h, [*blocks, lengths]) ^ int.from_bytes(encrypt_block(key, nonce + b"\0\0\0\1"), "big")
    assert tag.to_bytes(BLOCK, "big") == sealed[-BLOCK:]
    assert multiply(h, inverse(h)) == 1 << 127


def test_the_attack_works_on_plain_aes_gcm() -> None:
    nonce = b"\x07" * 12
    record = nonce + salamander(KEYS[0], FOR_THE_DOCTOR, KEYS[1], FOR_THE_AUDITOR, nonce)
    first, second = (naive_open(key, record) for key in KEYS)
    assert first.startswith(FOR_THE_DOCTOR)
    assert second[len(FOR_THE_DOCTOR) :].startswith(FOR_THE_AUDITOR)
    assert first != second
    with pytest.raises(InvalidTag):
        naive_open(bytes(32), record)


def test_a_record_cannot_carry_a_salamander() -> None:
    # The strongest form: both data keys are known, and the body opens under what both derive from one header.
    header = records.Header(bytes(32), bytes(32), bytes(32), bytes(16), 1)
    head = header.to_bytes()
    (aes_a, commitment_a), (aes_b, commitment_b) = (reference.keys(key, header.salt, head) for key in KEYS)
    body = salamander(aes_a, FOR_THE_DOCTOR, aes_b, FOR_THE_AUDITOR, reference.nonce(0, last=True))
    # Without the commitment it is done: this is the record format, read by somebody who skips the comparison.
    opened = [AESGCM(aes).decrypt(reference.nonce(0, last=True), body, None) for aes in (aes_a, aes_b)]
    assert opened[0].startswith(FOR_THE_DOCTOR)
    assert FOR_THE_AUDITOR in opened[1]
    # With it, a record has one key: whichever commitment stands in front, the other key is refused.
    for commitment, owner, other in ((commitment_a, 0, 1), (commitment_b, 1, 0)):
        record = head + commitment + body
        assert records.decrypt(DataKey(KEYS[owner]), record) == opened[owner]
        with pytest.raises(RecordError, match="the key is not the one"):
            records.decrypt(DataKey(KEYS[other]), record)
        source = io.BytesIO(record)
        with pytest.raises(RecordError, match="the key is not the one"):
            list(records.decrypt_stream(DataKey(KEYS[other]), records.read_header(source), source))


def test_no_mixture_of_two_commitments_satisfies_both_keys() -> None:
    header = records.Header(bytes(32), bytes(32), bytes(32), bytes(16), 1)
    head = header.to_bytes()
    (aes_a, commitment_a), (aes_b, commitment_b) = (reference.keys(key, header.salt, head) for key in KEYS)
    body = salamander(aes_a, FOR_THE_DOCTOR, aes_b, FOR_THE_AUDITOR, reference.nonce(0, last=True))
    for cut in range(1, 32):
        record = head + commitment_a[:cut] + commitment_b[cut:] + body
        for key in KEYS:
            with pytest.raises(RecordError, match="the key is not the one"):
                records.decrypt(DataKey(key), record)
