"""Keys that nobody deals: each custodian shares out a random term, and the secret is the sum of them.

Joint generation with Pedersen's commitments (Pedersen, EUROCRYPT '91; Gennaro, Jarecki, Krawczyk, Rabin, EUROCRYPT
'99): dealer i runs `sharing.deal`, forgets the secret, and hands out shares. For t dealers Q the share of j is the
sum of theirs, and `C_k` the sum of their C_{i,k}. One honest dealer makes the sum uniform and unknown to the
others. The commitments hide the terms perfectly, so who deals last cannot bend the sum by looking at the others'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kms.crypto.group import SECP256K1, Group, Q
from kms.crypto.secret import ShareBytes
from kms.crypto.sharing import check_commitments, check_indices, decode_share, encode_share
from kms.errors import CryptoError


def add_shares(shares: Mapping[int, bytes]) -> ShareBytes:
    """The 64-byte share of who got these, by dealer; CryptoError if the sum holds a zero."""
    check_indices(tuple(shares), 2)
    decoded = [decode_share(share) for share in shares.values()]
    a, b = sum(x for x, _ in decoded) % Q, sum(y for _, y in decoded) % Q
    if not a or not b:
        raise CryptoError("the sum of shares would hold a zero", reason="INVALID_SCALAR")
    return ShareBytes(encode_share(a, b))


def add_commitments(
    commitments: Mapping[int, Sequence[bytes]], threshold: int, *, group: Group = SECP256K1
) -> tuple[bytes, ...]:
    """C_0..C_(t-1) of the sum; CryptoError if a dealer's are not t points, or cancel out."""
    check_indices(tuple(commitments), 2)
    for row in commitments.values():
        check_commitments(row, threshold)
    rows = list(commitments.values())
    return tuple(group.combine([(row[k],) for row in rows], 1, [1] * len(rows)) for k in range(threshold))
