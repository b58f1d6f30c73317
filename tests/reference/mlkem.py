"""ML-KEM-768 (FIPS 203), slow: multiplication in Z_q[X]/(X^256+1) goes through the plain NTT of section 4.3.

Written so that encapsulation can be repeated from its 32 random bytes, which no library here offers.
"""

from __future__ import annotations

import hashlib
from typing import Final

Poly = list[int]

K: Final = 3
DU: Final = 10
DV: Final = 4
PRIME: Final = 3329
CIPHERTEXT_SIZE: Final = 32 * (DU * K + DV)


def _reversed_bits(i: int) -> int:
    return int(f"{i:07b}"[::-1], 2)


_ZETAS: Final = [pow(17, _reversed_bits(i), PRIME) for i in range(128)]
_GAMMAS: Final = [pow(17, 2 * _reversed_bits(i) + 1, PRIME) for i in range(128)]


def _ntt(f: Poly) -> Poly:
    """Algorithm 9."""
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            for j in range(start, start + length):
                t = _ZETAS[i] * f[j + length]
                f[j], f[j + length] = (f[j] + t) % PRIME, (f[j] - t) % PRIME
            i += 1
        length //= 2
    return f


def _inverse_ntt(f: Poly) -> Poly:
    """Algorithm 10."""
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % PRIME
                f[j + length] = _ZETAS[i] * (f[j + length] - t) % PRIME
            i -= 1
        length *= 2
    return [c * 3303 % PRIME for c in f]  # 3303 is 128^-1


def _multiply(a: Poly, b: Poly) -> Poly:
    """Algorithms 11 and 12."""
    out = []
    for i in range(128):
        a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
        out += [(a0 * b0 + a1 * b1 * _GAMMAS[i]) % PRIME, (a0 * b1 + a1 * b0) % PRIME]
    return out


def _plus(*polys: Poly) -> Poly:
    return [sum(column) % PRIME for column in zip(*polys, strict=True)]


def _dot(a: list[Poly], b: list[Poly]) -> Poly:
    return _plus(*(_multiply(x, y) for x, y in zip(a, b, strict=True)))


def _encode(f: Poly, bits: int) -> bytes:
    """Algorithm 5: the coefficients as one little-endian number."""
    return sum(c << (bits * i) for i, c in enumerate(f)).to_bytes(32 * bits, "little")


def _decode(data: bytes, bits: int) -> Poly:
    """Algorithm 6."""
    number = int.from_bytes(data, "little")
    return [number >> (bits * i) & ((1 << bits) - 1) for i in range(256)]


def _compress(f: Poly, bits: int) -> Poly:
    """Formula 4.7: round(2^d/q x), halves up, modulo 2^d."""
    return [((c << bits) * 2 + PRIME) // (2 * PRIME) % (1 << bits) for c in f]


def _decompress(f: Poly, bits: int) -> Poly:
    """Formula 4.8."""
    return [(c * PRIME * 2 + (1 << bits)) // (2 << bits) for c in f]


def _sample_uniform(seed: bytes) -> Poly:
    """Algorithm 7; 4096 bytes of SHAKE128 are enough but for a chance of 2^-1000."""
    stream, at = hashlib.shake_128(seed).digest(4096), 0
    out: Poly = []
    while len(out) < 256:
        low, middle, high = stream[at : at + 3]
        out += [d for d in (low + 256 * (middle % 16), middle // 16 + 16 * high) if d < PRIME]
        at += 3
    return out[:256]


def _sample_noise(seed: bytes, counter: int) -> Poly:
    """Algorithm 8 with eta = 2."""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([counter])).digest(128), "little")
    nibbles = [bits >> (4 * i) & 15 for i in range(256)]
    return [((n & 1) + (n >> 1 & 1) - (n >> 2 & 1) - (n >> 3)) % PRIME for n in nibbles]


def _matrix(rho: bytes) -> list[list[Poly]]:
    return [[_sample_uniform(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """(1184-byte encapsulation key, 2400-byte decapsulation key) from d || z, 64 bytes (algorithm 16)."""
    expanded = hashlib.sha3_512(seed[:32] + bytes([K])).digest()
    rho, sigma = expanded[:32], expanded[32:]
    s = [_ntt(_sample_noise(sigma, i)) for i in range(K)]
    e = [_ntt(_sample_noise(sigma, K + i)) for i in range(K)]
    t = [_plus(_dot(row, s), noise) for row, noise in zip(_matrix(rho), e, strict=True)]
    public = b"".join(_encode(f, 12) for f in t) + rho
    private = b"".join(_encode(f, 12) for f in s)
    return public, private + public + hashlib.sha3_256(public).digest() + seed[32:]


def _encrypt(public: bytes, message: bytes, randomness: bytes) -> bytes:
    """K-PKE.Encrypt, algorithm 14."""
    t = [_decode(public[384 * i : 384 * (i + 1)], 12) for i in range(K)]
    rows = _matrix(public[-32:])
    y = [_ntt(_sample_noise(randomness, i)) for i in range(K)]
    e1 = [_sample_noise(randomness, K + i) for i in range(K)]
    e2 = _sample_noise(randomness, 2 * K)
    columns = [[rows[j][i] for j in range(K)] for i in range(K)]
    u = [_plus(_inverse_ntt(_dot(column, y)), noise) for column, noise in zip(columns, e1, strict=True)]
    v = _plus(_inverse_ntt(_dot(t, y)), e2, _decompress(_decode(message, 1), 1))
    return b"".join(_encode(_compress(f, DU), DU) for f in u) + _encode(_compress(v, DV), DV)


def _decrypt(private: bytes, ciphertext: bytes) -> bytes:
    """K-PKE.Decrypt, algorithm 15."""
    size = 32 * DU
    u = [_ntt(_decompress(_decode(ciphertext[size * i : size * (i + 1)], DU), DU)) for i in range(K)]
    v = _decompress(_decode(ciphertext[size * K :], DV), DV)
    s = [_decode(private[384 * i : 384 * (i + 1)], 12) for i in range(K)]
    difference = [(a - b) % PRIME for a, b in zip(v, _inverse_ntt(_dot(s, u)), strict=True)]
    return _encode(_compress(difference, 1), 1)


def encapsulate(public: bytes, message: bytes) -> tuple[bytes, bytes]:
    """(shared secret, ciphertext) from 32 random bytes (algorithm 17)."""
    expanded = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    return expanded[:32], _encrypt(public, message, expanded[32:])


def decapsulate(private: bytes, ciphertext: bytes) -> bytes:
    """The shared secret, or the pseudorandom one that answers an altered ciphertext (algorithm 18)."""
    public, digest, z = private[384 * K : 768 * K + 32], private[-64:-32], private[-32:]
    message = _decrypt(private[: 384 * K], ciphertext)
    expanded = hashlib.sha3_512(message + digest).digest()
    if _encrypt(public, message, expanded[32:]) != ciphertext:
        return hashlib.shake_256(z + ciphertext).digest(32)
    return expanded[:32]
