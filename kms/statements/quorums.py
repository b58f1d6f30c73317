"""The named quorums of n custodians with threshold t, in one place."""

from __future__ import annotations

from typing import Final

MAX_CUSTODIANS: Final = 64


def agreement(n: int, t: int) -> int:
    """ceil((n+t)/2): two such quorums share an honest member, with up to t-1 corrupted."""
    return -(-(n + t) // 2)


def durable(t: int) -> int:
    """2t-1: holds at least t honest members."""
    return 2 * t - 1


def erased(n: int, t: int) -> int:
    """n-t+1: fewer than t are left who could still answer."""
    return n - t + 1


def exclusive(n: int, t: int, q: int) -> int:
    """So many receipts, and at least q, that no second draw of the same key can have as many."""
    return max(agreement(n, t), q)


def permitted(n: int, t: int) -> bool:
    """Whether a keyring may have this shape: t >= 2 and 2t-1 <= n <= 64."""
    return t >= 2 and durable(t) <= n <= MAX_CUSTODIANS


def warning(n: int, t: int) -> str | None:
    """What an admin should hear about a permitted but tight shape; None if n >= 3t-2."""
    if n >= 3 * t - 2:
        return None
    return (
        f"{t} of {n}: ceremonies need {agreement(n, t)} nodes up and new keys {durable(t)}; "
        f"release needs only {t}. Recommended: at least {3 * t - 2} custodians."
    )
