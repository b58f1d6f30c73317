"""Dealing and verifying: the algebra, and every way in which a dealing or a share can be bent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto import sharing
from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import WrongShare, deal, decode_share, encode_share, evaluate, interpolate, verify
from kms.errors import CryptoError
from tests.reference import sharing as reference
from tests.reference.edges import BAD_POINTS, BAD_SCALARS, EDGE_SCALARS
from tests.vectors import load

VECTORS = load("sharing")["cases"]
SCALARS = st.one_of(st.sampled_from(EDGE_SCALARS), st.integers(1, Q - 1))
INDICES = st.lists(st.integers(1, 65535), min_size=2, max_size=7, unique=True)
DEALING = deal(3, [1, 2, 3, 4, 5])
SHARES = {index: share.reveal() for index, share in DEALING.shares.items()}


def scalars(case: dict[str, Any], name: str) -> list[int]:
    return [int(text, 16) for text in case[name]]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_fixed_coefficients_give_the_frozen_dealing(case: dict[str, Any]) -> None:
    coefficients = iter(scalars(case, "f") + scalars(case, "g"))
    indices = [int(index) for index in case["shares"]]
    dealing = deal(case["threshold"], indices, scalar=lambda: next(coefficients))
    assert [point.hex() for point in dealing.commitments] == case["commitments"]
    assert {str(i): share.reveal().hex() for i, share in dealing.shares.items()} == case["shares"]
    assert dealing.secret.reveal().hex() == case["secret"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_frozen_shares_verify_and_every_t_of_them_give_the_secret(case: dict[str, Any]) -> None:
    shares = {int(i): bytes.fromhex(share) for i, share in case["shares"].items()}
    commitments = [bytes.fromhex(point) for point in case["commitments"]]
    for index, share in shares.items():
        verify(index, share, commitments, case["threshold"])
    for subset in combinations(shares, case["threshold"]):
        values = [int.from_bytes(shares[i][:32], "big") for i in subset]
        assert interpolate(subset, values).to_bytes(32, "big").hex() == case["secret"]


@settings(max_examples=25)
@given(INDICES, st.data())
def test_any_t_shares_give_the_secret_and_every_share_verifies(
    indices: list[int], data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(2, len(indices)))
    dealing = deal(threshold, indices)
    shares = {i: share.reveal() for i, share in dealing.shares.items()}
    assert list(shares) == indices
    for i, share in shares.items():
        verify(i, share, dealing.commitments, threshold)
        assert reference.holds(i, share, dealing.commitments, threshold)
    subset = tuple(data.draw(st.permutations(indices))[:threshold])
    values = [int.from_bytes(shares[i][:32], "big") for i in subset]
    assert interpolate(subset, values).to_bytes(32, "big") == dealing.secret.reveal()
    assert reference.secret({i: shares[i] for i in subset}) == dealing.secret.reveal()


@given(st.lists(SCALARS, min_size=1, max_size=6), st.integers(0, 65535))
def test_evaluate_is_the_sum_of_powers(coefficients: list[int], x: int) -> None:
    assert evaluate(coefficients, x) == reference.power_sum(coefficients, x)


@given(INDICES, st.integers(0, 65535), st.data())
def test_interpolation_gives_the_polynomial_back_at_any_place(
    indices: list[int], x: int, data: st.DataObject
) -> None:
    coefficients = [data.draw(SCALARS) for _ in indices]
    values = [evaluate(coefficients, i) for i in indices]
    assert interpolate(tuple(indices), values, x) == evaluate(coefficients, x)


@given(INDICES, st.data())
def test_fewer_than_t_shares_fit_every_secret_alike(indices: list[int], data: st.DataObject) -> None:
    # t-1 values and any secret at all lie on one polynomial of degree t-1: they say nothing about it.
    values = [data.draw(SCALARS) for _ in indices]
    secret = data.draw(st.integers(0, Q - 1))
    points = (0, *indices)
    assert interpolate(points, [secret, *values], 0) == secret
    assert [interpolate(points, [secret, *values], i) for i in indices] == values


@settings(max_examples=25)
@given(SCALARS, SCALARS, st.integers(1, 65535))
def test_sums_of_dealings_are_dealings_of_the_sum(a: int, b: int, index: int) -> None:
    first = deal(2, [index, index % 65535 + 1])
    second = deal(2, [index, index % 65535 + 1])
    f1, g1 = decode_share(first.shares[index].reveal())
    f2, g2 = decode_share(second.shares[index].reveal())
    total = SECP256K1.combine([first.commitments, second.commitments], index, [a, b])
    assert total == SECP256K1.commit((a * f1 + b * f2) % Q, (a * g1 + b * g2) % Q)


def test_two_dealings_share_nothing() -> None:
    other = deal(3, [1, 2, 3, 4, 5])
    assert other.secret != DEALING.secret
    assert not set(other.commitments) & set(DEALING.commitments)
    assert len({*other.commitments}) == 3


def test_both_polynomials_are_random() -> None:
    # With g fixed or equal to f, C_0 would be a plain function of the secret, and guesses could be checked.
    halves = [decode_share(share) for share in SHARES.values()]
    assert len({value for pair in halves for value in pair}) == 10


def test_random_scalars_reach_both_ends_of_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda bound: 0)
    assert sharing.random_scalar() == 1
    monkeypatch.setattr("secrets.randbelow", lambda bound: bound - 1)
    assert sharing.random_scalar() == Q - 1


@pytest.mark.parametrize("half", ["f", "g"])
def test_a_dealing_with_a_zero_share_is_dealt_again(half: str) -> None:
    vanishing = [Q - 1, 1]  # x - 1, which is zero at index 1
    plain, again = [5, 6], [7, 8, 9, 10]
    first = [*vanishing, *plain] if half == "f" else [*plain, *vanishing]
    source = iter([*first, *again])
    dealing = deal(2, [1, 2], scalar=lambda: next(source))
    assert dealing.shares[1].reveal() == encode_share(15, 19)
    assert dealing.secret.reveal() == (7).to_bytes(32, "big")
    assert next(source, None) is None


@pytest.mark.parametrize(
    "indices",
    [
        [0, 1, 2],
        [-1, 1, 2],
        [1, 2, 65536],
        [1, 2, Q],
        [1, 2, 1],
        [3, 3, 3],
        [1, 2, Q + 1],
        [1, 2, 65537],
    ],
    ids=["0", "-1", "65536", "q, which is 0", "equal", "all equal", "equal modulo q", "equal modulo 2^16"],
)
def test_an_index_that_is_zero_equal_or_too_large_is_refused(indices: list[int]) -> None:
    with pytest.raises(CryptoError) as caught:
        deal(2, indices)
    assert caught.value.reason == "INVALID_INDEX"
    with pytest.raises(CryptoError) as caught:
        sharing.check_indices(indices, 2)
    assert caught.value.reason == "INVALID_INDEX"


@pytest.mark.parametrize("index", [0, -1, 65536, Q, Q + 1])
def test_a_share_of_an_impossible_index_never_verifies(index: int) -> None:
    with pytest.raises(CryptoError) as caught:
        verify(index, SHARES[1], DEALING.commitments, 3)
    assert caught.value.reason == "INVALID_INDEX"


def test_the_secret_posing_as_the_share_of_index_zero_is_refused() -> None:
    # C_0 commits to (s, g_0): f(0) || g(0) would satisfy the equation at x = 0.
    coefficients = [11, 12, 13, 14]
    source = iter(coefficients)
    dealing = deal(2, [1, 2], scalar=lambda: next(source))
    with pytest.raises(CryptoError) as caught:
        verify(0, encode_share(11, 13), dealing.commitments, 2)
    assert caught.value.reason == "INVALID_INDEX"


@pytest.mark.parametrize("threshold", [-1, 0, 1])
def test_a_threshold_below_two_is_refused(threshold: int) -> None:
    with pytest.raises(CryptoError) as caught:
        deal(threshold, [1, 2, 3])
    assert caught.value.reason == "INVALID_THRESHOLD"
    with pytest.raises(CryptoError):
        verify(1, SHARES[1], DEALING.commitments[: max(threshold, 0)], threshold)


def test_a_threshold_of_one_is_refused_even_with_a_matching_commitment() -> None:
    # A constant polynomial: each share is the secret.
    share = encode_share(5, 6)
    with pytest.raises(CryptoError) as caught:
        verify(1, share, [SECP256K1.commit(5, 6)], 1)
    assert caught.value.reason == "INVALID_THRESHOLD"


def test_fewer_indices_than_the_threshold_are_refused() -> None:
    with pytest.raises(CryptoError) as caught:
        deal(3, [1, 2])
    assert caught.value.reason == "INVALID_THRESHOLD"


class NoArithmetic:
    """A group that must not be asked anything."""

    def commit(self, a: int, b: int) -> bytes:
        raise AssertionError("arithmetic before the length of the list was checked")

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        raise AssertionError("arithmetic before the length of the list was checked")


@pytest.mark.parametrize("count", [0, 1, 2, 4, 6])
def test_a_list_of_commitments_that_is_not_t_long_is_refused_before_any_arithmetic(count: int) -> None:
    row = (DEALING.commitments * 2)[:count]
    with pytest.raises(CryptoError) as caught:
        verify(1, SHARES[1], row, 3, group=NoArithmetic())
    assert caught.value.reason == "WRONG_DEGREE"
    with pytest.raises(CryptoError) as caught:
        sharing.reconstruct(SHARES, row, 3, lambda _: True, group=NoArithmetic())
    assert caught.value.reason == "WRONG_DEGREE"
    problems = sharing.verify_batch(1, [SHARES[1]] * 2, [row] * 2, 3, group=NoArithmetic())
    assert {error.reason for error in problems.values()} == {"WRONG_DEGREE"}
    assert sorted(problems) == [0, 1]


def test_t_minus_1_commitments_that_fit_the_share_are_refused() -> None:
    # A dealing of degree t-2 verifies against its own list; it would lower the threshold silently.
    lower = deal(2, [1, 2, 3])
    with pytest.raises(CryptoError) as caught:
        verify(1, lower.shares[1].reveal(), lower.commitments, 3)
    assert caught.value.reason == "WRONG_DEGREE"


@pytest.mark.parametrize("half", [0, 1], ids=["f", "g"])
@pytest.mark.parametrize("name", [name for name, value in BAD_SCALARS.items() if 0 <= value < 2**256])
def test_a_share_with_a_scalar_outside_1_to_q_minus_1_is_refused(half: int, name: str) -> None:
    encoded = BAD_SCALARS[name].to_bytes(32, "big")
    good = SHARES[1]
    share = encoded + good[32:] if half == 0 else good[:32] + encoded
    for attempt in (decode_share, lambda s: verify(1, s, DEALING.commitments, 3)):
        with pytest.raises(CryptoError) as caught:
            attempt(share)
        assert caught.value.reason == "INVALID_SCALAR"


def test_a_right_share_with_q_added_is_refused_though_it_is_equal_modulo_q() -> None:
    source = iter([1, 1, 1, 1])
    dealing = deal(2, [1, 2], scalar=lambda: next(source))
    share = dealing.shares[1].reveal()
    verify(1, share, dealing.commitments, 2)
    with pytest.raises(CryptoError) as caught:
        verify(1, (2 + Q).to_bytes(32, "big") + share[32:], dealing.commitments, 2)
    assert caught.value.reason == "INVALID_SCALAR"


@pytest.mark.parametrize("size", [0, 32, 63, 65, 128])
def test_a_share_that_is_not_64_bytes_is_refused(size: int) -> None:
    share = (SHARES[1] * 2)[:size]
    for attempt in (decode_share, lambda s: verify(1, s, DEALING.commitments, 3)):
        with pytest.raises(CryptoError) as caught:
            attempt(share)
        assert caught.value.reason == "INVALID_SHARE"


@given(SCALARS, SCALARS)
def test_shares_are_encoded_one_to_one(a: int, b: int) -> None:
    share = encode_share(a, b)
    assert len(share) == 64
    assert decode_share(share) == (a, b)


@settings(max_examples=60)
@given(st.binary(min_size=64, max_size=64))
def test_any_64_bytes_are_a_share_with_one_encoding_or_refused(data: bytes) -> None:
    valid = all(0 < int.from_bytes(half, "big") < Q for half in (data[:32], data[32:]))
    if valid:
        assert encode_share(*decode_share(data)) == data
    else:
        with pytest.raises(CryptoError):
            decode_share(data)


@pytest.mark.parametrize("name", BAD_POINTS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_point_among_the_commitments_is_refused_and_no_share_is_blamed(name: str, place: int) -> None:
    row = list(DEALING.commitments)
    row[place] = BAD_POINTS[name]
    with pytest.raises(CryptoError) as caught:
        verify(1, SHARES[1], row, 3)
    assert caught.value.reason == "INVALID_POINT"
    assert not isinstance(caught.value, WrongShare)


@settings(max_examples=40)
@given(st.integers(0, 511), st.sampled_from([1, 2, 3, 4, 5]))
def test_one_changed_bit_of_a_share_is_seen(bit: int, index: int) -> None:
    share = bytearray(SHARES[index])
    share[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        verify(index, bytes(share), DEALING.commitments, 3)
    assert not reference.holds(index, bytes(share), DEALING.commitments, 3)


@pytest.mark.parametrize(
    "bent",
    [
        lambda f, g: (f, g % (Q - 1) + 1),
        lambda f, g: (f % (Q - 1) + 1, g),
        lambda f, g: (g, f),
        lambda f, g: (Q - f, Q - g),
    ],
    ids=["g only", "f only", "halves swapped", "negated"],
)
def test_a_share_that_is_wrong_in_either_half_is_refused(bent: Any) -> None:
    with pytest.raises(WrongShare, match="index 2"):
        verify(2, encode_share(*bent(*decode_share(SHARES[2]))), DEALING.commitments, 3)


def test_the_share_of_one_index_is_not_that_of_another() -> None:
    for index in (2, 3, 4, 5, 65535):
        with pytest.raises(WrongShare):
            verify(index, SHARES[1], DEALING.commitments, 3)


@pytest.mark.parametrize("row", [(0, 2, 1), (2, 1, 0), (1, 1, 1), (0, 0, 0)])
def test_commitments_in_another_order_do_not_match(row: tuple[int, int, int]) -> None:
    with pytest.raises(WrongShare):
        verify(2, SHARES[2], [DEALING.commitments[k] for k in row], 3)


def test_a_share_is_refused_where_the_commitments_vanish() -> None:
    # C_0 = -2 C_1: at index 2 the commitments sum to infinity, which no share matches and none may crash on.
    row = [SECP256K1.commit(Q - 10, Q - 14), SECP256K1.commit(5, 7)]
    with pytest.raises(WrongShare):
        verify(2, SHARES[2], row, 2)
    verify(1, encode_share(Q - 5, Q - 7), row, 2)
