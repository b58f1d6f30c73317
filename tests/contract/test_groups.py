"""libsecp256k1 and py_ecc behind one port: they agree on all that they answer and on all that they refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto.group import SECP256K1, Group, PointAtInfinity, Q
from kms.crypto.reference_group import ReferenceSecp256k1
from kms.crypto.sharing import WrongShare, deal, reconstruct, verify, verify_batch
from kms.errors import CryptoError
from tests.reference.edges import BAD_POINTS, BAD_SCALARS, EDGE_SCALARS

FAST, SLOW = SECP256K1, ReferenceSecp256k1()
BOTH: list[Group] = [FAST, SLOW]
SCALARS = st.one_of(st.sampled_from(EDGE_SCALARS), st.integers(1, Q - 1))
POINTS = st.builds(FAST.commit, SCALARS, SCALARS)
COM = FAST.commit(1, 2)
each_group = pytest.mark.parametrize("group", BOTH, ids=["libsecp256k1", "py_ecc"])


def negated(point: bytes) -> bytes:
    return bytes([point[0] ^ 1]) + point[1:]


def outcome(
    group: Group, rows: list[list[bytes]], x: int, weights: list[int]
) -> bytes | tuple[type[CryptoError], str]:
    try:
        return group.combine(rows, x, weights)
    except CryptoError as error:
        return type(error), error.reason


@settings(max_examples=30, deadline=None)
@given(SCALARS, SCALARS)
def test_both_commit_alike(a: int, b: int) -> None:
    assert FAST.commit(a, b) == SLOW.commit(a, b)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(POINTS, min_size=1, max_size=3), min_size=1, max_size=3),
    st.one_of(st.integers(1, 65535), SCALARS),
    st.data(),
)
def test_both_combine_alike(rows: list[list[bytes]], x: int, data: st.DataObject) -> None:
    weights = [data.draw(SCALARS) for _ in rows]
    fast, slow = (outcome(group, rows, x, weights) for group in BOTH)
    assert fast == slow


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.binary(min_size=33, max_size=33), st.binary(max_size=70)))
def test_both_read_any_bytes_as_the_same_point_or_refuse_them(data: bytes) -> None:
    fast, slow = (outcome(group, [[data]], 1, [1]) for group in BOTH)
    assert fast == slow


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 3]), st.binary(min_size=32, max_size=32))
def test_both_decide_alike_which_x_is_on_the_curve(prefix: int, x: bytes) -> None:
    point = bytes([prefix]) + x
    fast, slow = (outcome(group, [[point]], 1, [1]) for group in BOTH)
    assert fast == slow
    assert fast in (point, (CryptoError, "INVALID_POINT"))


@each_group
@pytest.mark.parametrize("name", BAD_POINTS)
def test_both_refuse_the_same_points(group: Group, name: str) -> None:
    for rows in ([[BAD_POINTS[name]]], [[COM, BAD_POINTS[name]]], [[COM], [BAD_POINTS[name], COM]]):
        with pytest.raises(CryptoError) as caught:
            group.combine(rows, 2, [1] * len(rows))
        assert caught.value.reason == "INVALID_POINT"


@each_group
@pytest.mark.parametrize("name", BAD_SCALARS)
def test_both_refuse_the_same_scalars(group: Group, name: str) -> None:
    bad = BAD_SCALARS[name]
    attempts: list[Callable[[], bytes]] = [
        lambda: group.commit(bad, 1),
        lambda: group.commit(1, bad),
        lambda: group.combine([[COM, COM]], bad, [1]),
        lambda: group.combine([[COM]], 1, [bad]),
    ]
    for attempt in attempts:
        with pytest.raises(CryptoError) as caught:
            attempt()
        assert caught.value.reason == "INVALID_SCALAR"


@each_group
@pytest.mark.parametrize("rows", [[], [[]], [[COM], []]])
def test_both_refuse_to_combine_nothing(group: Group, rows: list[list[bytes]]) -> None:
    with pytest.raises(CryptoError, match="nothing to combine"):
        group.combine(rows, 1, [1] * len(rows))


@each_group
def test_both_refuse_infinity_at_the_end_and_on_the_way(group: Group) -> None:
    tripled = FAST.combine([[COM]], 1, [3])
    for rows, x, weights in (
        ([[COM], [negated(COM)]], 1, [1, 1]),
        ([[COM], [COM]], 1, [7, Q - 7]),
        ([[tripled, negated(COM)]], 3, [1]),
        ([[COM, tripled, negated(COM)]], 3, [1]),
    ):
        with pytest.raises(PointAtInfinity):
            group.combine(rows, x, weights)


@each_group
def test_a_sum_that_passes_through_infinity_between_rows_is_answered(group: Group) -> None:
    other = FAST.commit(8, 9)
    assert group.combine([[COM], [negated(COM)], [other]], 1, [1, 1, 1]) == other


@pytest.mark.parametrize(("dealer", "reader"), [(FAST, SLOW), (SLOW, FAST)])
def test_what_is_dealt_on_one_holds_on_the_other(dealer: Group, reader: Group) -> None:
    dealing = deal(3, [1, 2, 65535], group=dealer)
    shares = {index: share.reveal() for index, share in dealing.shares.items()}
    for index, share in shares.items():
        verify(index, share, dealing.commitments, 3, group=reader)
    with pytest.raises(WrongShare):
        verify(2, shares[1], dealing.commitments, 3, group=reader)
    found = reconstruct(shares, dealing.commitments, 3, lambda s: s == dealing.secret.reveal(), group=reader)
    assert (found.secret, found.wrong) == (dealing.secret, ())


@each_group
def test_both_name_the_wrong_share_of_a_batch(group: Group) -> None:
    dealings = [deal(2, [1, 2, 3]) for _ in range(3)]
    shares = [dealing.shares[2].reveal() for dealing in dealings]
    shares[1] = dealings[1].shares[3].reveal()
    rows = [dealing.commitments for dealing in dealings]
    problems = verify_batch(2, shares, rows, 2, group=group)
    assert {position: type(error) for position, error in problems.items()} == {1: WrongShare}
