"""secp256k1 in affine coordinates (SEC 2, section 2.4.1): y^2 = x^3 + 7, the schoolbook way."""

from __future__ import annotations

from typing import Final

P: Final = 2**256 - 2**32 - 977
Q: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Point = tuple[int, int] | None  # None is the point at infinity

G: Final[Point] = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a: Point, b: Point) -> Point:
    """The chord-and-tangent rule, with all its cases."""
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def negate(a: Point) -> Point:
    return None if a is None else (a[0], -a[1] % P)


def multiply(k: int, a: Point) -> Point:
    """k times a, by doubling and adding; k is reduced modulo the order first."""
    k %= Q
    result: Point = None
    while k:
        if k & 1:
            result = add(result, a)
        a = add(a, a)
        k >>= 1
    return result


def lift_x(x: int, odd: bool = False) -> Point:
    """The point of this x-coordinate whose y is even (or odd). ValueError if there is none."""
    y = pow((pow(x, 3, P) + 7) % P, (P + 1) // 4, P)
    if not 0 <= x < P or (y * y - x * x * x - 7) % P:
        raise ValueError("no point has this x-coordinate")
    return x, (y if y % 2 == int(odd) else P - y)


def compress(a: Point) -> bytes:
    """SEC 1, section 2.3.3, compressed: 33 bytes. Infinity has no such form: ValueError."""
    if a is None:
        raise ValueError("the point at infinity")
    return bytes([2 + a[1] % 2]) + a[0].to_bytes(32, "big")


def decompress(data: bytes) -> Point:
    """SEC 1, section 2.3.4, compressed points only."""
    if len(data) != 33 or data[0] not in (2, 3):
        raise ValueError("not a compressed point")
    return lift_x(int.from_bytes(data[1:], "big"), odd=data[0] == 3)


# BIP-341's point of unknown discrete logarithm, even y.
H: Final[Point] = lift_x(0x50929B74C1A04954B78B4B6035E97A5E078A5A0F28EC96D547BFEE9ACE803AC0)
