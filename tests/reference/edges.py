"""Bad points and scalars at the edges of secp256k1, each with a name, for every test that must refuse it."""

from __future__ import annotations

from typing import Final

from tests.reference import curve
from tests.reference.curve import P, Q

_G = curve.compress(curve.G)
_X, _Y = curve.G if curve.G is not None else (0, 0)


def _without_point() -> int:
    x = 1
    while True:
        try:
            curve.lift_x(x)
        except ValueError:
            return x
        x += 1


def _small_x_with_point() -> int:
    """The least x that is on the curve and small enough that x + p still fits 32 bytes."""
    x = 1
    while True:
        try:
            curve.lift_x(x)
        except ValueError:
            x += 1
        else:
            return x


BAD_POINTS: Final[dict[str, bytes]] = {
    "empty": b"",
    "32 bytes": _G[1:],
    "34 bytes": _G + b"\0",
    "uncompressed": b"\x04" + _X.to_bytes(32, "big") + _Y.to_bytes(32, "big"),
    "hybrid even": b"\x06" + _X.to_bytes(32, "big") + _Y.to_bytes(32, "big"),
    "hybrid odd": b"\x07" + _X.to_bytes(32, "big") + _Y.to_bytes(32, "big"),
    "infinity, one byte": b"\0",
    "infinity, padded": bytes(33),
    "prefix 0": b"\0" + _G[1:],
    "prefix 1": b"\1" + _G[1:],
    "prefix 4, 33 bytes": b"\4" + _G[1:],
    "prefix 5": b"\5" + _G[1:],
    "prefix 6, 33 bytes": b"\6" + _G[1:],
    "prefix 255": b"\xff" + _G[1:],
    "not on the curve": b"\2" + _without_point().to_bytes(32, "big"),
    "x on the curve, in 31 bytes": b"\2" + _small_x_with_point().to_bytes(31, "big"),
    "x on the curve, in 33 bytes": b"\2" + _small_x_with_point().to_bytes(33, "big"),
    "x = 0": b"\2" + bytes(32),
    "x = p": b"\2" + P.to_bytes(32, "big"),
    "x on the curve, plus p": b"\2" + (P + _small_x_with_point()).to_bytes(32, "big"),
    "x = 2^256 - 1": b"\3" + b"\xff" * 32,
}
"""x = 0 is no point, since 7 is not a square; x + p would give one point a second encoding."""

BAD_SCALARS: Final[dict[str, int]] = {
    "zero": 0,
    "q": Q,
    "q + 1": Q + 1,
    "2q - 1": 2 * Q - 1,
    "2^256 - 1": 2**256 - 1,
    "2^256": 2**256,
    "minus one": -1,
}

EDGE_SCALARS: Final[tuple[int, ...]] = (1, 2, 3, Q // 2, Q // 2 + 1, Q - 2, Q - 1, 2**128, 2**128 - 1)
