"""Verifiable Shamir sharing with Pedersen commitments (Shamir 1979; Pedersen, CRYPTO '91).

A dealer shares `s = f(0)` over indices 1..65535 with polynomials f, g of degree t-1 and publishes
`C_k = Com(f_k, g_k)`. Share i is `f(i) || g(i)`, 64 bytes. t shares give s, t-1 give nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from kms.crypto.group import SCALAR_SIZE, SECP256K1, Group, PointAtInfinity, Q, check_scalar
from kms.crypto.hashing import equal
from kms.crypto.secret import KeySecret, ShareBytes
from kms.errors import CryptoError

SHARE_SIZE: Final = 2 * SCALAR_SIZE
MAX_INDEX: Final = 65535
_WEIGHT_BITS: Final = 128

RandomScalar = Callable[[], int]


def random_scalar() -> int:
    """Uniform in 1..q-1, from the system's generator."""
    return secrets.randbelow(Q - 1) + 1


@dataclass(frozen=True, slots=True)
class Dealing:
    """A shared secret: s, the t commitments (33-byte points), and the share of each index."""

    secret: KeySecret
    commitments: tuple[bytes, ...]
    shares: Mapping[int, ShareBytes]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The secret, and the indices whose shares do not lie on its polynomial."""

    secret: KeySecret
    wrong: tuple[int, ...]


class WrongShare(CryptoError):
    """A share does not match its commitments: whoever vouched for it is at fault."""

    reason = "WRONG_SHARE"


class NotEnoughShares(CryptoError):
    """Fewer than t good shares: ask more custodians."""

    status, reason = "UNAVAILABLE", "NOT_ENOUGH_SHARES"


class DealerAtFault(CryptoError):
    """Every share matches the commitments, and yet the secret is not what the descriptor says."""

    status, reason = "DATA_LOSS", "KEY_MALFORMED"


def check_indices(indices: Sequence[int], threshold: int) -> None:
    """Refuse index 0 (it *is* the secret), equal indices (fewer than t shares would pose as t), and t < 2."""
    if threshold < 2:
        raise CryptoError("the threshold must be at least 2", reason="INVALID_THRESHOLD")
    if any(not 1 <= i <= MAX_INDEX for i in indices):
        raise CryptoError("an index must lie in 1..65535", reason="INVALID_INDEX")
    if len(set(indices)) != len(indices):
        raise CryptoError("indices must differ", reason="INVALID_INDEX")


def deal(
    threshold: int,
    indices: Sequence[int],
    *,
    group: Group = SECP256K1,
    scalar: RandomScalar = random_scalar,
) -> Dealing:
    """Share a fresh uniform nonzero secret over `indices`.

    Deals again in the one case of 2^250 that a share would hold a zero scalar, which has no encoding here.
    """
    check_indices(indices, threshold)
    if len(indices) < threshold:
        raise CryptoError("fewer indices than the threshold", reason="INVALID_THRESHOLD")
    while True:
        f = [scalar() for _ in range(threshold)]
        g = [scalar() for _ in range(threshold)]
        values = {i: (evaluate(f, i), evaluate(g, i)) for i in indices}
        if all(a and b for a, b in values.values()):
            break
    return Dealing(
        secret=KeySecret(f[0].to_bytes(SCALAR_SIZE, "big")),
        commitments=tuple(group.commit(a, b) for a, b in zip(f, g, strict=True)),
        shares={i: ShareBytes(encode_share(a, b)) for i, (a, b) in values.items()},
    )


def evaluate(coefficients: Sequence[int], x: int) -> int:
    """The polynomial's value at x modulo q, by Horner's rule; lowest coefficient first."""
    value = 0
    for c in reversed(coefficients):
        value = (value * x + c) % Q
    return value


def encode_share(a: int, b: int) -> bytes:
    """f(i) || g(i), 64 bytes big-endian."""
    return a.to_bytes(SCALAR_SIZE, "big") + b.to_bytes(SCALAR_SIZE, "big")


def decode_share(share: bytes) -> tuple[int, int]:
    """(f(i), g(i)); CryptoError if not 64 bytes or a half is 0 or not reduced."""
    if len(share) != SHARE_SIZE:
        raise CryptoError("a share must be 64 bytes", reason="INVALID_SHARE")
    a = int.from_bytes(share[:SCALAR_SIZE], "big")
    b = int.from_bytes(share[SCALAR_SIZE:], "big")
    return check_scalar(a), check_scalar(b)


def check_commitments(commitments: Sequence[bytes], threshold: int) -> None:
    """Exactly t of them, before any arithmetic: one more would silently raise t, one less lower it."""
    if len(commitments) != threshold:
        raise CryptoError(
            f"a key of threshold {threshold} has {threshold} commitments, not {len(commitments)}",
            reason="WRONG_DEGREE",
        )


def verify(
    index: int, share: bytes, commitments: Sequence[bytes], threshold: int, *, group: Group = SECP256K1
) -> None:
    """WrongShare unless `share` is what the dealer committed to for `index`."""
    check_commitments(commitments, threshold)
    check_indices([index], threshold)
    a, b = decode_share(share)
    try:
        holds = equal(group.commit(a, b), group.combine([commitments], index, [1]))
    except PointAtInfinity:
        holds = False  # a dealer can make its commitments vanish at one index; no share matches that
    if not holds:
        raise WrongShare(f"the share of index {index} does not match its commitments")


def verify_batch(
    index: int,
    shares: Sequence[bytes],
    rows: Sequence[Sequence[bytes]],
    threshold: int,
    *,
    group: Group = SECP256K1,
) -> dict[int, CryptoError]:
    """Positions of the shares that are wrong, each with its error; empty if all are right.

    One random linear combination decides the common case (Bellare, Garay, Rabin, EUROCRYPT '98: small
    exponents, odd and of 128 bits, so a wrong batch passes with probability 2^-127); only if it fails is each
    share checked by itself, so that a bad key is named and the others stand.
    """
    problems: dict[int, CryptoError] = {}
    good: list[int] = []
    scalars: list[tuple[int, int]] = []
    for position, (share, row) in enumerate(zip(shares, rows, strict=True)):
        try:
            check_commitments(row, threshold)
            check_indices([index], threshold)
            scalars.append(decode_share(share))
            good.append(position)
        except CryptoError as error:
            problems[position] = error
    if len(good) > 1 and _batch_holds(index, scalars, [rows[p] for p in good], group):
        return problems
    for position in good:
        try:
            verify(index, shares[position], rows[position], threshold, group=group)
        except CryptoError as error:
            problems[position] = error
    return problems


def _batch_holds(
    index: int, scalars: Sequence[tuple[int, int]], rows: Sequence[Sequence[bytes]], group: Group
) -> bool:
    weights = [secrets.randbits(_WEIGHT_BITS) | 1 for _ in rows]
    a = sum(w * f for w, (f, _) in zip(weights, scalars, strict=True)) % Q
    b = sum(w * g for w, (_, g) in zip(weights, scalars, strict=True)) % Q
    try:
        return equal(group.commit(a, b), group.combine(rows, index, weights))
    except CryptoError:
        return False


@lru_cache(maxsize=4096)
def lagrange(indices: tuple[int, ...], x: int = 0) -> tuple[int, ...]:
    """Coefficients that give the polynomial's value at x from its values at `indices` (all distinct)."""
    result = []
    for i in indices:
        top = bottom = 1
        for j in indices:
            if j != i:
                top = top * (x - j) % Q
                bottom = bottom * (i - j) % Q
        result.append(top * pow(bottom, -1, Q) % Q)
    return tuple(result)


def interpolate(indices: tuple[int, ...], values: Sequence[int], x: int = 0) -> int:
    """The value at x of the polynomial through (indices, values), modulo q."""
    return sum(c * v for c, v in zip(lagrange(indices, x), values, strict=True)) % Q


def reconstruct(
    shares: Mapping[int, bytes],
    commitments: Sequence[bytes],
    threshold: int,
    matches: Callable[[bytes], bool] | None,
    *,
    group: Group = SECP256K1,
) -> Reconstruction:
    """The secret of which `matches` (the key check value) is true, and whose shares were wrong.

    Without `matches` (a key that nobody dealt has no check value) it is the one that opens C_0.

    All `shares` must be of one version. The first t are tried without any group arithmetic but that; if they do
    not match, or the rest differs from them, each share is held against the commitments, which costs n checks
    instead of n-choose-t attempts and tells a lying custodian from a lying dealer.

    Raises NotEnoughShares, or DealerAtFault when t good shares do not give the secret described.
    """
    check_commitments(commitments, threshold)
    check_indices(list(shares), threshold)
    decoded: dict[int, tuple[int, int]] = {}
    wrong: list[int] = []
    for index, share in shares.items():
        try:
            decoded[index] = decode_share(share)
        except CryptoError:
            wrong.append(index)
    right = matches_opening(commitments[0], matches, group)
    secret = _try_subset(decoded, threshold, right)
    if secret is not None and _on_one_polynomial(decoded, threshold):
        return Reconstruction(secret, tuple(sorted(wrong)))
    # That shares differ does not say whose are wrong: one liar among the first t can alter g, and two can
    # bend f around its value at 0, and then it is the honest rest that seems to differ. The commitments know.
    for index in tuple(decoded):
        try:
            verify(index, shares[index], commitments, threshold, group=group)
        except WrongShare:
            wrong.append(index)
            del decoded[index]
    if secret is None:
        if len(decoded) < threshold:
            raise NotEnoughShares(
                f"{len(decoded)} good shares of the {threshold} needed",
                details={"wrong": ",".join(map(str, sorted(wrong)))},
            )
        secret = _try_subset(decoded, threshold, right)
    if secret is None:
        raise DealerAtFault("every share matches the commitments, but the key check value does not")
    return Reconstruction(secret, tuple(sorted(wrong)))


Opens = Callable[[int, int], bool]
"""Whether (f(0), g(0)) are the ones that are looked for."""


def matches_opening(
    commitment: bytes, matches: Callable[[bytes], bool] | None, group: Group = SECP256K1
) -> Opens:
    """A check of f(0) alone where there is a check value, else of the opening of C_0 = Com(f(0), g(0))."""
    if matches is not None:
        return lambda a, b: matches(a.to_bytes(SCALAR_SIZE, "big"))

    def opens(a: int, b: int) -> bool:
        try:
            return equal(group.commit(a, b), commitment)
        except CryptoError:
            return False

    return opens


def reconstruct_by_check(
    shares: Mapping[int, bytes], opens: Opens, attempts: int = 256
) -> tuple[KeySecret, tuple[int, ...]] | None:
    """The secret and the indices whose shares gave it, where neither threshold nor later commitments are at hand.

    Shares of a polynomial of degree t-1 give its value at 0 however many more than t are taken, so all are tried,
    then all but one, and so on, at most `attempts` times. None if no subset gives what `opens` says it should.
    """
    decoded = {}
    for index, share in shares.items():
        with contextlib.suppress(CryptoError):
            decoded[index] = decode_share(share)
    tries = itertools.chain.from_iterable(
        itertools.combinations(sorted(decoded), size) for size in range(len(decoded), 1, -1)
    )
    for base in itertools.islice(tries, attempts):
        secret = _open_at_zero(decoded, base, opens)
        if secret is not None:
            return secret, base
    return None


def all_consistent(rows: Sequence[Mapping[int, bytes]], threshold: int) -> bool:
    """Whether in every row all shares lie on one pair of polynomials of degree t-1.

    All rows must hold the same indices. One random linear combination stands for all of them (wrong rows pass
    with probability 2^-127); who is wrong, only the commitments tell.
    """
    if not rows:
        return True
    sums: dict[int, tuple[int, int]] = dict.fromkeys(rows[0], (0, 0))
    try:
        for row in rows:
            weight = secrets.randbits(_WEIGHT_BITS) | 1
            for index, (f, g) in sums.items():
                a, b = decode_share(row[index])
                sums[index] = (f + weight * a, g + weight * b)
    except (CryptoError, KeyError):
        return False
    return _on_one_polynomial({i: (f % Q, g % Q) for i, (f, g) in sums.items()}, threshold)


def _try_subset(decoded: Mapping[int, tuple[int, int]], threshold: int, opens: Opens) -> KeySecret | None:
    if len(decoded) < threshold:
        return None
    return _open_at_zero(decoded, tuple(decoded)[:threshold], opens)


def _open_at_zero(
    decoded: Mapping[int, tuple[int, int]], base: tuple[int, ...], opens: Opens
) -> KeySecret | None:
    a, b = (interpolate(base, [decoded[i][half] for i in base]) for half in (0, 1))
    return KeySecret(a.to_bytes(SCALAR_SIZE, "big")) if opens(a, b) else None


def _on_one_polynomial(decoded: Mapping[int, tuple[int, int]], threshold: int) -> bool:
    base = tuple(decoded)[:threshold]
    return all(
        interpolate(base, [decoded[i][half] for i in base], index) == decoded[index][half]
        for index in tuple(decoded)[threshold:]
        for half in (0, 1)
    )
