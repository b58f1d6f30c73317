"""A batch names exactly its wrong shares, also when the errors were made to cancel."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import WrongShare, deal, decode_share, encode_share, evaluate, verify_batch
from kms.errors import CryptoError
from tests.reference.edges import BAD_POINTS

INDEX = 3
DEALINGS = [deal(2, [1, 2, 3]) for _ in range(6)]
ROWS = [dealing.commitments for dealing in DEALINGS]
SHARES = [dealing.shares[INDEX].reveal() for dealing in DEALINGS]


class Counting:
    """The fast group, counting what it is asked."""

    def __init__(self) -> None:
        self.commits = 0
        self.weights: list[Sequence[int]] = []

    def commit(self, a: int, b: int) -> bytes:
        self.commits += 1
        return SECP256K1.commit(a, b)

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        self.weights.append(tuple(weights))
        return SECP256K1.combine(rows, x, weights)


def shifted(share: bytes, by_f: int, by_g: int = 0) -> bytes:
    f, g = decode_share(share)
    return encode_share((f + by_f) % Q, (g + by_g) % Q)


BENDS: dict[str, Callable[[bytes], bytes]] = {
    "f": lambda share: shifted(share, 1),
    "g": lambda share: shifted(share, 0, 1),
    "swapped": lambda share: share[32:] + share[:32],
    "zero": lambda share: bytes(64),
    "short": lambda share: share[:63],
    "long": lambda share: share + b"\0",
    "unreduced": lambda share: b"\xff" * 64,
}


@settings(max_examples=30)
@given(st.dictionaries(st.integers(0, 5), st.sampled_from(sorted(BENDS))))
def test_exactly_the_wrong_positions_are_named(bent: dict[int, str]) -> None:
    shares = [BENDS[bent[p]](share) if p in bent else share for p, share in enumerate(SHARES)]
    assert sorted(verify_batch(INDEX, shares, ROWS, 2)) == sorted(bent)


@pytest.mark.parametrize("size", [0, 1, 2, 6])
def test_a_right_batch_has_no_problems(size: int) -> None:
    assert verify_batch(INDEX, SHARES[:size], ROWS[:size], 2) == {}


def test_a_right_batch_costs_one_comparison() -> None:
    group = Counting()
    verify_batch(INDEX, SHARES, ROWS, 2, group=group)
    assert (group.commits, len(group.weights)) == (1, 1)


@pytest.mark.parametrize("half", [0, 1], ids=["f", "g"])
def test_two_errors_that_sum_to_zero_are_both_named(half: int) -> None:
    by = (12345, 0) if half == 0 else (0, 12345)
    shares = list(SHARES)
    shares[1] = shifted(shares[1], *by)
    shares[4] = shifted(shares[4], *(-b for b in by))
    # The plain sum, which a verifier without random weights would compare, holds in spite of both.
    halves = [decode_share(share) for share in shares]
    left = SECP256K1.commit(sum(f for f, _ in halves) % Q, sum(g for _, g in halves) % Q)
    assert left == SECP256K1.combine(ROWS, INDEX, [1] * len(ROWS))
    problems = verify_batch(INDEX, shares, ROWS, 2)
    assert {position: type(error) for position, error in problems.items()} == {1: WrongShare, 4: WrongShare}


def test_shares_of_two_keys_that_were_swapped_are_both_named() -> None:
    shares = [SHARES[1], SHARES[0], *SHARES[2:]]
    assert sorted(verify_batch(INDEX, shares, ROWS, 2)) == [0, 1]


def test_a_batch_of_another_index_is_wrong_throughout() -> None:
    assert sorted(verify_batch(2, SHARES, ROWS, 2)) == list(range(6))


def test_weights_are_fresh_random_nonzero_and_of_128_bits() -> None:
    groups = [Counting(), Counting()]
    for group in groups:
        verify_batch(INDEX, SHARES, ROWS, 2, group=group)
    weights = [weight for group in groups for row in group.weights for weight in row]
    assert len(set(weights)) == len(weights) == 12
    assert all(0 < weight < 1 << 128 for weight in weights)
    assert max(weights).bit_length() > 112


def test_errors_that_cancel_under_known_weights_pass_so_the_weights_must_not_be_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The control of the test above it: with predictable weights the crafted pair is let through.
    monkeypatch.setattr(secrets, "randbits", lambda bits: 7)
    shares = [shifted(SHARES[0], 1), shifted(SHARES[1], -1), *SHARES[2:]]
    assert verify_batch(INDEX, shares, ROWS, 2) == {}
    monkeypatch.undo()
    assert sorted(verify_batch(INDEX, shares, ROWS, 2)) == [0, 1]


@pytest.mark.parametrize("name", BAD_POINTS)
def test_a_key_with_a_bad_commitment_is_named_and_the_others_stand(name: str) -> None:
    rows = [list(row) for row in ROWS]
    rows[2][1] = BAD_POINTS[name]
    problems = verify_batch(INDEX, SHARES, rows, 2)
    assert {position: error.reason for position, error in problems.items()} == {2: "INVALID_POINT"}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_key_of_another_degree_is_named_and_the_others_stand(count: int) -> None:
    rows: list[Sequence[bytes]] = list(ROWS)
    rows[5] = (ROWS[5] * 2)[:count]
    problems = verify_batch(INDEX, SHARES, rows, 2)
    assert {position: error.reason for position, error in problems.items()} == {5: "WRONG_DEGREE"}


def test_a_key_whose_commitments_vanish_at_this_index_is_named_and_the_others_stand() -> None:
    rows = [list(row) for row in ROWS]
    rows[0] = [SECP256K1.commit(Q - 15, Q - 21), SECP256K1.commit(5, 7)]
    problems = verify_batch(INDEX, SHARES, rows, 2)
    assert {position: type(error) for position, error in problems.items()} == {0: WrongShare}


def test_two_keys_whose_commitments_cancel_each_other_do_not_spoil_the_batch() -> None:
    # One row is the negative of another: their plain sum is infinity, and each is right by itself.
    f, g = decode_share(SHARES[0])
    opposite = [bytes([point[0] ^ 1]) + point[1:] for point in ROWS[0]]
    shares, rows = [SHARES[0], encode_share(Q - f, Q - g)], [list(ROWS[0]), opposite]
    assert verify_batch(INDEX, shares, rows, 2) == {}


@pytest.mark.parametrize("index", [0, 65536, Q])
def test_an_impossible_index_is_a_problem_of_every_key(index: int) -> None:
    problems = verify_batch(index, SHARES, ROWS, 2)
    assert {position: error.reason for position, error in problems.items()} == dict.fromkeys(
        range(6), "INVALID_INDEX"
    )


def test_an_index_too_large_is_refused_in_a_batch_even_if_the_shares_fit() -> None:
    f, g = [3, 5], [7, 11]
    row = [SECP256K1.commit(a, b) for a, b in zip(f, g, strict=True)]
    share = encode_share(evaluate(f, 65536), evaluate(g, 65536))
    assert SECP256K1.commit(*decode_share(share)) == SECP256K1.combine([row], 65536, [1])
    problems = verify_batch(65536, [share, share], [row, row], 2)
    assert [error.reason for error in problems.values()] == ["INVALID_INDEX", "INVALID_INDEX"]


def test_a_batch_whose_columns_differ_in_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        verify_batch(INDEX, SHARES, ROWS[:5], 2)


def test_problems_are_typed_and_do_not_show_the_share() -> None:
    problems = verify_batch(INDEX, [shifted(SHARES[0], 1), *SHARES[1:]], ROWS, 2)
    (error,) = problems.values()
    assert isinstance(error, CryptoError)
    assert str(error) == f"the share of index {INDEX} does not match its commitments"
    assert error.reason == "WRONG_SHARE"
