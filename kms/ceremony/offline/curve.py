"""secp256k1 on py_ecc: is this a point, and do the new commitments follow from those that were dealt?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from py_ecc.secp256k1 import secp256k1 as curve

from kms.ceremony.offline.attachments import POINT_SIZE
from kms.errors import Invalid

# py_ecc raises it to 100,000 as it is imported, and JSON nested that deep overflows the stack of C: a crash, no error.
sys.setrecursionlimit(1000)

Affine = tuple[int, int]
_INFINITY: Final[Affine] = (0, 0)


def parse(point: bytes) -> Affine:
    """A 33-byte compressed point; Invalid if it is none."""
    x = int.from_bytes(point[1:], "big")
    square = (pow(x, 3, curve.P) + 7) % curve.P
    y = pow(square, (curve.P + 1) // 4, curve.P)
    if len(point) != POINT_SIZE or point[0] not in (2, 3) or x >= curve.P or y * y % curve.P != square:
        raise Invalid(f"{point.hex()} is no point of the curve", reason="INVALID_POINT")
    return x, (y if y % 2 == point[0] % 2 else curve.P - y)


def weights(indices: Sequence[int]) -> list[int]:
    """Lagrange's coefficients for the value at 0, modulo the group's order; the indices must differ."""
    found = []
    for i in indices:
        top = bottom = 1
        for j in indices:
            if j != i:
                top = top * -j % curve.N
                bottom = bottom * (i - j) % curve.N
        found.append(top * pow(bottom, -1, curve.N) % curve.N)
    return found


def is_weighted_sum(total: bytes, points: Sequence[bytes], factors: Sequence[int]) -> bool:
    """Whether `total` is the sum of factor times point; about 1.5 ms a point."""
    value = _INFINITY
    for point, factor in zip(points, factors, strict=True):
        term = parse(point)
        value = curve.add(value, term if factor == 1 else curve.multiply(term, factor))
    return value == parse(total)
