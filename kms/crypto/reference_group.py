"""The same port on py_ecc: slow, independent, the second opinion of tests and of the offline verifier."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from py_ecc.secp256k1 import secp256k1 as curve

from kms.crypto.group import H_POINT, POINT_SIZE, PointAtInfinity, check_rows, check_scalar
from kms.errors import CryptoError

# py_ecc raises it to 100,000 as it is imported, and JSON nested that deep overflows the stack of C: a crash, no error.
sys.setrecursionlimit(1000)

Affine = tuple[int, int]
_INFINITY: Affine = (0, 0)


class ReferenceSecp256k1:
    """py_ecc's secp256k1; about 1.5 ms a multiplication."""

    def commit(self, a: int, b: int) -> bytes:
        g = curve.multiply(curve.G, check_scalar(a))
        h = curve.multiply(_parse(H_POINT), check_scalar(b))
        return _format(curve.add(g, h))

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        check_rows(rows)
        check_scalar(x)
        total = _INFINITY
        for row, weight in zip(rows, weights, strict=True):
            points = [_parse(point) for point in row]
            value = points[-1]
            for point in reversed(points[:-1]):
                value = _finite(curve.add(point, curve.multiply(value, x)))
            total = curve.add(total, curve.multiply(value, check_scalar(weight)))
        return _format(total)


def _finite(point: Affine) -> Affine:
    if point == _INFINITY:
        raise PointAtInfinity("the sum is the point at infinity")
    return point


def _parse(point: bytes) -> Affine:
    if len(point) != POINT_SIZE or point[0] not in (2, 3):
        raise CryptoError("a point must be 33 bytes", reason="INVALID_POINT")
    x = int.from_bytes(point[1:], "big")
    square = (pow(x, 3, curve.P) + 7) % curve.P
    y = pow(square, (curve.P + 1) // 4, curve.P)
    if x >= curve.P or y * y % curve.P != square:
        raise CryptoError("not a point of secp256k1", reason="INVALID_POINT")
    return x, (y if y % 2 == point[0] % 2 else curve.P - y)


def _format(point: Affine) -> bytes:
    x, y = _finite(point)
    return bytes([2 + y % 2]) + x.to_bytes(32, "big")
