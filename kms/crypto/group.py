"""secp256k1 behind a small port: two operations are all that sharing needs.

`Secp256k1` runs on libsecp256k1 (`coincurve`); `reference_group` on py_ecc, as a second opinion. Points are
33 bytes compressed (SEC 1, 2.3.3), scalars are integers in 1..q-1. Zero and the point at infinity are errors:
libsecp256k1 has neither, and an honest dealer meets them with probability 2^-256.

libsecp256k1's base-point multiplication is constant-time; its multiplication of H is not. Pedersen's
commitment hides the value all the same, but a dealer should not be timed from the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from coincurve import PublicKey

from kms.errors import CryptoError

Q: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of the group (SEC 2, 2.4.1)."""

H_POINT: Final = bytes.fromhex("02" + "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
"""BIP-341's point of unknown discrete logarithm, even y."""

POINT_SIZE: Final = 33
SCALAR_SIZE: Final = 32


class PointAtInfinity(CryptoError):
    """A sum of points is the point at infinity, which has no encoding here."""

    reason = "INVALID_POINT"


def check_scalar(value: int) -> int:
    """`value` if 0 < value < q, else CryptoError. Unreduced scalars would have two encodings."""
    if not 0 < value < Q:
        raise CryptoError("a scalar must lie in 1..q-1", reason="INVALID_SCALAR")
    return value


def check_rows(rows: Sequence[Sequence[bytes]]) -> None:
    """CryptoError unless there is a row and each has a point: libsecp256k1 aborts on an empty sum."""
    if not rows or not all(rows):
        raise CryptoError("nothing to combine", reason="INVALID_POINT")


class Group(Protocol):
    """What sharing asks of a group of order q with two generators."""

    def commit(self, a: int, b: int) -> bytes:
        """Pedersen 1991: Com(a, b) = aG + bH, 33 bytes."""
        ...

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        """Sum over rows of weight * (C_0 + x(C_1 + x(C_2 + ...))), 33 bytes.

        One row with weight 1 is Feldman's evaluation in the exponent, by Horner's rule.
        """
        ...


class Secp256k1:
    """The fast group."""

    def commit(self, a: int, b: int) -> bytes:
        g = PublicKey.from_valid_secret(check_scalar(a).to_bytes(SCALAR_SIZE, "big"))
        h = _H.multiply(check_scalar(b).to_bytes(SCALAR_SIZE, "big"))
        return _sum([g, h]).format()

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        check_rows(rows)
        scalar = check_scalar(x).to_bytes(SCALAR_SIZE, "big")
        terms: list[PublicKey] = []
        for row, weight in zip(rows, weights, strict=True):
            points = [_parse(point) for point in row]
            value = points[-1]
            for point in reversed(points[:-1]):
                value = _sum([point, value.multiply(scalar)])
            if weight != 1:
                value = value.multiply(check_scalar(weight).to_bytes(SCALAR_SIZE, "big"))
            terms.append(value)
        return (terms[0] if len(terms) == 1 else _sum(terms)).format()


def _parse(point: bytes) -> PublicKey:
    # Only the compressed form: libsecp256k1 would also take 65-byte and hybrid points, and then one
    # commitment would have several encodings and slip past "C_0 never seen before".
    if len(point) != POINT_SIZE:
        raise CryptoError("a point must be 33 bytes", reason="INVALID_POINT")
    try:
        return PublicKey(point)
    except ValueError:
        raise CryptoError("not a point of secp256k1", reason="INVALID_POINT") from None


def _sum(points: list[PublicKey]) -> PublicKey:
    try:
        return PublicKey.combine_keys(points)
    except ValueError:
        raise PointAtInfinity("the sum is the point at infinity") from None


_H: Final = _parse(H_POINT)
SECP256K1: Final = Secp256k1()
