"""A dealer raises the degree: then t custodians can never open what they hold, and only the dealer knows.

The shares of a polynomial of degree t (not t-1) look like any others. A custodian that takes the threshold
from the length of the list of commitments finds them in order, stores them and signs its receipt; a patient's
record is then lost, or held to ransom for one more share, while every custodian has done its duty.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import (
    WrongShare,
    deal,
    decode_share,
    interpolate,
    reconstruct,
    verify,
    verify_batch,
)
from kms.errors import CryptoError

T, INDICES = 3, [1, 2, 3, 4, 5]
HIGH = deal(T + 1, INDICES)  # what the dealer really made
SHARES = {index: share.reveal() for index, share in HIGH.shares.items()}


def naive_verify(index: int, share: bytes, commitments: Sequence[bytes]) -> bool:
    """Feldman's and Pedersen's equation alone: as many commitments as the dealer cares to send."""
    return SECP256K1.commit(*decode_share(share)) == SECP256K1.combine([commitments], index, [1])


def test_the_attack_works_on_a_verifier_that_counts_nothing() -> None:
    assert all(naive_verify(i, share, HIGH.commitments) for i, share in SHARES.items())
    for subset in combinations(INDICES, T):
        opened = interpolate(subset, [decode_share(SHARES[i])[0] for i in subset])
        assert opened.to_bytes(32, "big") != HIGH.secret.reveal()
    ransom = tuple(INDICES[: T + 1])
    opened = interpolate(ransom, [decode_share(SHARES[i])[0] for i in ransom])
    assert opened.to_bytes(32, "big") == HIGH.secret.reveal()


def test_t_plus_1_commitments_are_refused_by_every_custodian() -> None:
    for index, share in SHARES.items():
        with pytest.raises(CryptoError) as caught:
            verify(index, share, HIGH.commitments, T)
        assert caught.value.reason == "WRONG_DEGREE"


def test_t_plus_1_commitments_are_refused_in_a_batch_and_the_other_keys_stand() -> None:
    honest = [deal(T, INDICES) for _ in range(2)]
    shares = [honest[0].shares[2].reveal(), SHARES[2], honest[1].shares[2].reveal()]
    rows = [honest[0].commitments, HIGH.commitments, honest[1].commitments]
    problems = verify_batch(2, shares, rows, T)
    assert {position: error.reason for position, error in problems.items()} == {1: "WRONG_DEGREE"}


def test_shares_of_degree_t_fail_against_any_t_of_the_commitments() -> None:
    for kept in combinations(HIGH.commitments, T):
        for index, share in SHARES.items():
            with pytest.raises(WrongShare):
                verify(index, share, kept, T)


def test_a_top_coefficient_folded_into_the_others_satisfies_one_custodian_at_most() -> None:
    # C_0 + i C_1 + i^2 C_2 + i^3 C_3 can be had with t points for one i: custodian 1 is satisfied, no other.
    top = SECP256K1.combine([HIGH.commitments[2:3], HIGH.commitments[3:]], 1, [1, 1])
    folded = [*HIGH.commitments[:2], top]
    verify(1, SHARES[1], folded, T)
    for index in INDICES[1:]:
        with pytest.raises(WrongShare):
            verify(index, SHARES[index], folded, T)


def test_a_reader_refuses_such_a_list_too() -> None:
    with pytest.raises(CryptoError) as caught:
        reconstruct(SHARES, HIGH.commitments, T, lambda secret: secret == HIGH.secret.reveal())
    assert caught.value.reason == "WRONG_DEGREE"


def test_a_lower_degree_is_refused_as_well() -> None:
    # The other direction: degree t-2 lets t-1 custodians open alone what t were to guard.
    low = deal(T - 1, INDICES)
    pair = (1, 2)
    opened = interpolate(pair, [decode_share(low.shares[i].reveal())[0] for i in pair])
    assert opened.to_bytes(32, "big") == low.secret.reveal()
    for index, share in low.shares.items():
        assert naive_verify(index, share.reveal(), low.commitments)
        with pytest.raises(CryptoError) as caught:
            verify(index, share.reveal(), low.commitments, T)
        assert caught.value.reason == "WRONG_DEGREE"


def test_padding_a_lower_degree_with_a_point_at_infinity_is_refused() -> None:
    # A top coefficient of zero needs a commitment to (0, 0): it has no encoding that is accepted.
    low = deal(T - 1, INDICES)
    for padding in (bytes(33), b"\0", b"\2" + bytes(32)):
        with pytest.raises(CryptoError) as caught:
            verify(1, low.shares[1].reveal(), [*low.commitments, padding], T)
        assert caught.value.reason == "INVALID_POINT"
    with pytest.raises(CryptoError) as caught:
        SECP256K1.commit(0, Q - 1)
    assert caught.value.reason == "INVALID_SCALAR"
