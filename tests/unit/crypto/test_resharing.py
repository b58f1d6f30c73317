"""Resharing and repair as algebra: what comes out is the same secret, and cheats are caught by the commitments."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto.group import SECP256K1, Group, Q
from kms.crypto.reference_group import ReferenceSecp256k1
from kms.crypto.resharing import (
    add_pieces,
    check_helpers,
    combine_points,
    combine_shares,
    piece_commitments,
    redeal,
    split_for_repair,
    sums_hold,
    verify_piece,
    verify_sub_share,
)
from kms.crypto.sharing import (
    Dealing,
    WrongShare,
    deal,
    decode_share,
    encode_share,
    interpolate,
    verify,
)
from kms.errors import CryptoError

OLD, NEW = (1, 2, 3, 4, 5), (2, 3, 5, 8, 9, 11, 12)
GROUPS: Mapping[str, Group] = {"fast": SECP256K1, "reference": ReferenceSecp256k1()}


def secret_of(shares: Mapping[int, bytes]) -> bytes:
    indices = tuple(shares)
    return interpolate(indices, [decode_share(shares[i])[0] for i in indices]).to_bytes(32, "big")


def reshare(
    dealing: Dealing, dealers: tuple[int, ...], threshold: int, receivers: tuple[int, ...], group: Group
) -> tuple[dict[int, bytes], tuple[bytes, ...]]:
    dealt = {i: redeal(dealing.shares[i].reveal(), threshold, receivers, group=group) for i in dealers}
    for i in dealers:
        for j in receivers[:2]:
            sub = dealt[i].shares[j].reveal()
            verify_sub_share(i, j, sub, dealing.commitments, dealt[i].points, threshold, group=group)
    new = {j: combine_shares({i: dealt[i].shares[j].reveal() for i in dealers}).reveal() for j in receivers}
    points = combine_points({i: dealt[i].points for i in dealers}, threshold, group=group)
    return new, (dealing.commitments[0], *points)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize(("old", "new"), [(3, 3), (3, 4), (4, 2)])
def test_new_shares_open_the_old_secret_and_fit_the_new_commitments(name: str, old: int, new: int) -> None:
    group = GROUPS[name]
    dealing = deal(old, OLD)
    shares, commitments = reshare(dealing, OLD[:old], new, NEW, group)
    for index in NEW[:3]:
        verify(index, shares[index], commitments, new, group=group)
    assert secret_of({j: shares[j] for j in NEW[-new:]}) == dealing.secret.reveal()
    assert commitments[0] == dealing.commitments[0]


def test_fewer_new_shares_than_the_new_threshold_give_another_value() -> None:
    dealing = deal(2, OLD)
    shares, _ = reshare(dealing, OLD[:2], 4, NEW, SECP256K1)
    assert secret_of({j: shares[j] for j in NEW[:3]}) != dealing.secret.reveal()


@settings(max_examples=25, deadline=None)
@given(dealers=st.permutations(OLD), threshold=st.integers(2, 4))
def test_any_t_dealers_give_the_same_secret(dealers: list[int], threshold: int) -> None:
    dealing = deal(3, OLD)
    shares, _ = reshare(dealing, tuple(sorted(dealers[:3])), threshold, NEW, SECP256K1)
    assert secret_of({j: shares[j] for j in NEW[:threshold]}) == dealing.secret.reveal()


def test_shares_of_two_dealings_do_not_mix() -> None:
    dealing = deal(3, OLD)
    (first, _), (second, _) = (reshare(dealing, OLD[:3], 3, NEW, SECP256K1) for _ in range(2))
    mixed = {NEW[0]: first[NEW[0]], NEW[1]: first[NEW[1]], NEW[2]: second[NEW[2]]}
    assert secret_of(mixed) != dealing.secret.reveal()


def test_a_dealer_that_deals_another_share_than_its_own_is_named() -> None:
    dealing = deal(3, OLD)
    other = redeal(deal(3, OLD).shares[2].reveal(), 3, NEW)
    with pytest.raises(WrongShare):
        verify_sub_share(2, 8, other.shares[8].reveal(), dealing.commitments, other.points, 3)


def test_a_bent_sub_share_is_named_and_an_honest_one_is_not() -> None:
    dealing = deal(3, OLD)
    honest = redeal(dealing.shares[4].reveal(), 3, NEW)
    a, b = decode_share(honest.shares[9].reveal())
    with pytest.raises(WrongShare):
        verify_sub_share(4, 9, encode_share((a + 1) % Q, b), dealing.commitments, honest.points, 3)
    verify_sub_share(4, 9, honest.shares[9].reveal(), dealing.commitments, honest.points, 3)


def test_a_dealer_of_another_degree_is_refused() -> None:
    dealing = deal(3, OLD)
    sub = redeal(dealing.shares[1].reveal(), 4, NEW)
    with pytest.raises(CryptoError, match="publishes 2 points"):
        combine_points({1: sub.points, 2: sub.points}, 3)
    with pytest.raises(CryptoError, match="publishes 2 points"):
        verify_sub_share(1, 8, sub.shares[8].reveal(), dealing.commitments, sub.points, 3)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("threshold", [2, 3, 4])
def test_helpers_bring_a_lost_share_back(name: str, threshold: int) -> None:
    group = GROUPS[name]
    dealing = deal(threshold, NEW)
    helpers, lost = NEW[1 : threshold + 1], NEW[0]
    made = {
        i: split_for_repair(dealing.shares[i].reveal(), i, helpers, lost, threshold, group=group)
        for i in helpers
    }
    public = {
        i: piece_commitments(dealing.commitments, made[i].points, i, helpers, lost, threshold, group=group)
        for i in helpers
    }
    sums = {}
    for place, k in enumerate(helpers):
        for i in helpers:
            verify_piece(made[i].pieces[k].reveal(), public[i][place], group=group)
        sums[k] = add_pieces([made[i].pieces[k].reveal() for i in helpers]).reveal()
        whole = group.combine([(public[i][place],) for i in helpers], 1, [1] * threshold)
        verify_piece(sums[k], whole, group=group)
    assert add_pieces(list(sums.values())).reveal() == dealing.shares[lost].reveal()


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("bent", [None, 0, 1], ids=["honest", "first key bent", "second key bent"])
def test_a_helpers_sums_are_checked_in_one_go(name: str, bent: int | None) -> None:
    group, helpers, lost = GROUPS[name], (2, 3, 5), 1
    dealings = [deal(3, OLD), deal(3, OLD)]
    made = [
        {i: split_for_repair(d.shares[i].reveal(), i, helpers, lost, 3, group=group) for i in helpers}
        for d in dealings
    ]
    points = [[by[i].points for i in helpers] for by in made]
    for place, k in enumerate(helpers):
        sums = [add_pieces([by[i].pieces[k].reveal() for i in helpers]).reveal() for by in made]
        if bent is not None:
            a, b = decode_share(sums[bent])
            sums[bent] = encode_share(a % (Q - 1) + 1, b)
        held = sums_hold(sums, [d.commitments for d in dealings], points, place, lost, group=group)
        assert held is (bent is None)


def test_a_helper_cannot_give_another_term_than_its_own() -> None:
    dealing, helpers = deal(3, OLD), (1, 2, 3)
    other = split_for_repair(deal(3, OLD).shares[2].reveal(), 2, helpers, 5, 3)
    public = piece_commitments(dealing.commitments, other.points, 2, helpers, 5, 3)
    with pytest.raises(WrongShare):
        verify_piece(other.pieces[3].reveal(), public[2])


@pytest.mark.parametrize(
    ("helpers", "lost"),
    [((1, 2, 3), 0), ((1, 2, 3), 3), ((1, 2), 4), ((1, 2, 3, 4), 5), ((2, 1, 3), 4), ((0, 1, 2), 4)],
)
def test_no_repair_of_the_secret_itself_or_with_other_helpers_than_t(
    helpers: tuple[int, ...], lost: int
) -> None:
    with pytest.raises(CryptoError):
        check_helpers(helpers, lost, 3)


@pytest.mark.parametrize("indices", [(0, 1, 2), (1, 1, 2), (1, 2)])
def test_no_redealing_to_index_0_or_twice_or_to_too_few(indices: tuple[int, ...]) -> None:
    share = deal(3, OLD).shares[1].reveal()
    with pytest.raises(CryptoError):
        redeal(share, 3, indices)
