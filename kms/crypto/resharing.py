"""Handing shares on: to another committee or threshold, to the same one afresh, and back to one that lost its own.

Resharing (Herzberg, Jarecki, Krawczyk, Yung, CRYPTO '95; Desmedt, Jajodia 1997), with Pedersen's commitments: old
holder i shares out its own share over polynomials f_i, g_i of degree t'-1 with f_i(0) = f(i), g_i(0) = g(i). For t
dealers Q the new share of j is the sum of lambda_i (f_i(j), g_i(j)), and the new commitments are C'_0 = C_0 and
C'_k = sum of lambda_i D_{i,k}. What dealer i committed to at 0 is implied by the old commitments: it cannot deal
another secret than its own share.

Repair (enrolment: Laing, Stinson 2017): t helpers give r its share f(r) = sum of lambda_i(r) f(i) without learning it
and without r learning theirs: each splits its term into t random pieces, one for each helper, and each helper
hands r the sum of what it got.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto.group import SECP256K1, Group, PointAtInfinity, Q
from kms.crypto.hashing import equal
from kms.crypto.secret import ShareBytes
from kms.crypto.sharing import (
    RandomScalar,
    WrongShare,
    check_commitments,
    check_indices,
    decode_share,
    encode_share,
    evaluate,
    lagrange,
    random_scalar,
)
from kms.errors import CryptoError


@dataclass(frozen=True, slots=True)
class SubDealing:
    """A share that was shared out: the points D_1..D_(t'-1) (33 bytes each) and a 64-byte sub-share per index."""

    points: tuple[bytes, ...]
    shares: Mapping[int, ShareBytes] = field(repr=False)


def redeal(
    share: bytes,
    threshold: int,
    indices: Sequence[int],
    *,
    group: Group = SECP256K1,
    scalar: RandomScalar = random_scalar,
) -> SubDealing:
    """Share out one's own 64-byte share over `indices` with the new `threshold`."""
    check_indices(indices, threshold)
    if len(indices) < threshold:
        raise CryptoError("fewer indices than the threshold", reason="INVALID_THRESHOLD")
    a, b = decode_share(share)
    while True:
        f = [a, *(scalar() for _ in range(threshold - 1))]
        g = [b, *(scalar() for _ in range(threshold - 1))]
        values = {i: (evaluate(f, i), evaluate(g, i)) for i in indices}
        if all(x and y for x, y in values.values()):
            break
    return SubDealing(
        tuple(group.commit(x, y) for x, y in zip(f[1:], g[1:], strict=True)),
        {i: ShareBytes(encode_share(x, y)) for i, (x, y) in values.items()},
    )


def combine_shares(sub_shares: Mapping[int, bytes]) -> ShareBytes:
    """The new share of who got these sub-shares, by dealer: all dealers of Q, and only they."""
    dealers = tuple(sorted(sub_shares))
    check_indices(dealers, 2)
    decoded = [decode_share(sub_shares[i]) for i in dealers]
    weights = lagrange(dealers)
    a = sum(w * x for w, (x, _) in zip(weights, decoded, strict=True)) % Q
    b = sum(w * y for w, (_, y) in zip(weights, decoded, strict=True)) % Q
    if not a or not b:
        raise CryptoError("the new share would hold a zero", reason="INVALID_SCALAR")
    return ShareBytes(encode_share(a, b))


def combine_points(
    points: Mapping[int, Sequence[bytes]], threshold: int, *, group: Group = SECP256K1
) -> tuple[bytes, ...]:
    """C'_1..C'_(t'-1), from the points that each dealer of Q published; CryptoError if one is no point."""
    dealers = tuple(sorted(points))
    check_indices(dealers, 2)
    for row in points.values():
        if len(row) != threshold - 1:
            raise CryptoError(
                f"a dealer publishes {threshold - 1} points, not {len(row)}", reason="WRONG_DEGREE"
            )
    weights = lagrange(dealers)
    return tuple(group.combine([(points[i][k],) for i in dealers], 1, weights) for k in range(threshold - 1))


def verify_sub_share(
    dealer: int,
    index: int,
    sub_share: bytes,
    commitments: Sequence[bytes],
    points: Sequence[bytes],
    threshold: int,
    *,
    group: Group = SECP256K1,
) -> None:
    """WrongShare unless this is what `dealer`'s own share and points give to `index`.

    `commitments` are those of the old version, `threshold` is the new one. D_0 = sum of dealer^k C_k is never
    taken from the dealer: it would deal another secret than its share.
    """
    check_indices([dealer], max(2, len(commitments)))
    check_indices([index], threshold)
    if len(points) != threshold - 1:
        raise CryptoError(
            f"a dealer publishes {threshold - 1} points, not {len(points)}", reason="WRONG_DEGREE"
        )
    a, b = decode_share(sub_share)
    try:
        own = group.combine([commitments], dealer, [1])
        holds = equal(group.commit(a, b), group.combine([(own, *points)], index, [1]))
    except PointAtInfinity:
        holds = False
    if not holds:
        raise WrongShare(f"the sub-share of dealer {dealer} for index {index} does not match its commitments")


# -- repair ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pieces:
    """One helper's term in pieces: a 64-byte piece per helper, and the points E of all helpers but the last."""

    points: tuple[bytes, ...]
    pieces: Mapping[int, ShareBytes] = field(repr=False)


def check_helpers(helpers: Sequence[int], lost: int, threshold: int) -> None:
    """Exactly t of them, sorted; the one repaired is none of them, and no repair gives the share of index 0."""
    check_indices([*helpers, lost], threshold)
    if len(helpers) != threshold or list(helpers) != sorted(helpers):
        raise CryptoError(f"a repair has {threshold} helpers, sorted", reason="INVALID_HELPERS")


def split_for_repair(
    share: bytes,
    helper: int,
    helpers: Sequence[int],
    lost: int,
    threshold: int,
    *,
    group: Group = SECP256K1,
    scalar: RandomScalar = random_scalar,
) -> Pieces:
    """Helper `helper`'s term lambda * share, in as many random pieces as there are helpers."""
    check_helpers(helpers, lost, threshold)
    weight = lagrange(tuple(helpers), lost)[list(helpers).index(helper)]
    a, b = (weight * half % Q for half in decode_share(share))
    while True:
        pieces = [(scalar(), scalar()) for _ in helpers[:-1]]
        last = ((a - sum(x for x, _ in pieces)) % Q, (b - sum(y for _, y in pieces)) % Q)
        if all(last):
            break
    return Pieces(
        tuple(group.commit(x, y) for x, y in pieces),
        {k: ShareBytes(encode_share(*piece)) for k, piece in zip(helpers, (*pieces, last), strict=True)},
    )


def piece_commitments(
    commitments: Sequence[bytes],
    points: Sequence[bytes],
    helper: int,
    helpers: Sequence[int],
    lost: int,
    threshold: int,
    *,
    group: Group = SECP256K1,
) -> tuple[bytes, ...]:
    """E of every helper, 33 bytes each; the last follows from the helper's own commitment: no term can be another."""
    check_commitments(commitments, threshold)
    check_helpers(helpers, lost, threshold)
    if len(points) != threshold - 1:
        raise CryptoError(
            f"a helper publishes {threshold - 1} points, not {len(points)}", reason="WRONG_DEGREE"
        )
    weight = lagrange(tuple(helpers), lost)[list(helpers).index(helper)]
    own = group.combine([commitments], helper, [1])
    rows = [(own,), *((point,) for point in points)]
    return (*points, group.combine(rows, 1, [weight, *([Q - 1] * len(points))]))


def sums_hold(
    sums: Sequence[bytes],
    commitments: Sequence[Sequence[bytes]],
    points: Sequence[Sequence[Sequence[bytes]]],
    place: int,
    lost: int,
    *,
    group: Group = SECP256K1,
) -> bool:
    """Whether the 64-byte sums of the helper at `place`, one for each key, are what all helpers' points say.

    `commitments` are each key's, `points[key][helper]` what a helper published. What is committed to for the last
    helper is the lost share's commitment less all points, since the terms add up to the lost share. One random
    combination stands for all keys (see `sharing.verify_batch`); who is wrong, `verify_piece` tells.
    """
    rows: list[Sequence[bytes]] = []
    weights: list[int] = []
    a = b = 0
    try:
        for total, row, published in zip(sums, commitments, points, strict=True):
            weight = secrets.randbits(128) | 1
            x, y = decode_share(total)
            a, b = a + weight * x, b + weight * y
            if place < len(row) - 1:
                mine = [(by_helper[place],) for by_helper in published]
                rows.append((group.combine(mine, 1, [1] * len(mine)),))
                weights.append(weight)
            else:
                others = [(point,) for by_helper in published for point in by_helper]
                rows += [row, (group.combine(others, 1, [1] * len(others)),)]
                weights += [weight, Q - weight]
        return equal(group.commit(a % Q, b % Q), group.combine(rows, lost, weights))
    except CryptoError:
        return False


def verify_piece(piece: bytes, commitment: bytes, *, group: Group = SECP256K1) -> None:
    """WrongShare unless this piece (or sum of pieces) is what was committed to."""
    a, b = decode_share(piece)
    if not equal(group.commit(a, b), commitment):
        raise WrongShare("a piece does not match its commitment")


def add_pieces(pieces: Sequence[bytes]) -> ShareBytes:
    """The sum of some 64-byte pieces: what a helper sends on, and, of t sums, the share that was lost."""
    decoded = [decode_share(piece) for piece in pieces]
    a, b = sum(x for x, _ in decoded) % Q, sum(y for _, y in decoded) % Q
    if not a or not b:
        raise CryptoError("a sum of pieces would hold a zero", reason="INVALID_SCALAR")
    return ShareBytes(encode_share(a, b))
