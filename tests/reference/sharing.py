"""Shamir with Pedersen commitments, from given coefficients, by the defining sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.reference import curve
from tests.reference.curve import Point, Q


def power_sum(coefficients: Sequence[int], x: int) -> int:
    """sum c_k x^k modulo q."""
    return sum(c * pow(x, k, Q) for k, c in enumerate(coefficients)) % Q


def commitment(a: int, b: int) -> Point:
    """aG + bH."""
    return curve.add(curve.multiply(a, curve.G), curve.multiply(b, curve.H))


def share(f: Sequence[int], g: Sequence[int], index: int) -> bytes:
    """f(i) || g(i), 64 bytes."""
    return power_sum(f, index).to_bytes(32, "big") + power_sum(g, index).to_bytes(32, "big")


def commitments(f: Sequence[int], g: Sequence[int]) -> list[bytes]:
    """C_k = f_k G + g_k H, 33 bytes each."""
    return [curve.compress(commitment(a, b)) for a, b in zip(f, g, strict=True)]


def holds(index: int, piece: bytes, row: Sequence[bytes], threshold: int) -> bool:
    """Whether a share is what was committed to: Com(f(i), g(i)) = sum i^k C_k, with exactly t commitments."""
    if len(row) != threshold or len(piece) != 64 or not 1 <= index <= 65535:
        return False
    a, b = int.from_bytes(piece[:32], "big"), int.from_bytes(piece[32:], "big")
    if not (0 < a < Q and 0 < b < Q):
        return False
    right: Point = None
    for k, point in enumerate(row):
        right = curve.add(right, curve.multiply(pow(index, k, Q), curve.decompress(point)))
    return commitment(a, b) == right


def secret(shares: Mapping[int, bytes]) -> bytes:
    """f(0) by Lagrange over all the shares given."""
    total = 0
    for i, piece in shares.items():
        weight = 1
        for j in shares:
            if j != i:
                weight = weight * -j * pow(i - j, -1, Q) % Q
        total += weight * int.from_bytes(piece[:32], "big")
    return (total % Q).to_bytes(32, "big")
