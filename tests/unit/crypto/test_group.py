"""The fast group against plain affine arithmetic, and what it must refuse."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto.group import H_POINT, SECP256K1, PointAtInfinity, Q, check_scalar
from kms.errors import CryptoError
from tests.reference import curve, sharing
from tests.reference.edges import BAD_POINTS, BAD_SCALARS, EDGE_SCALARS

SCALARS = st.one_of(st.sampled_from(EDGE_SCALARS), st.integers(1, Q - 1))
COM = SECP256K1.commit(1, 2)
OTHER = SECP256K1.commit(5, 7)


def negated(point: bytes) -> bytes:
    return bytes([point[0] ^ 1]) + point[1:]


def test_h_is_bip_341_s_point_and_even() -> None:
    assert curve.compress(curve.H) == H_POINT
    assert H_POINT[0] == 2


def test_h_follows_from_g_by_hashing_so_nobody_knows_its_logarithm() -> None:
    # BIP 341: the x-coordinate is SHA-256 of G's uncompressed encoding.
    assert curve.G is not None
    uncompressed = b"\x04" + b"".join(c.to_bytes(32, "big") for c in curve.G)
    assert H_POINT[1:] == hashlib.sha256(uncompressed).digest()


def test_q_is_the_order_of_g() -> None:
    assert curve.add(curve.multiply(Q - 1, curve.G), curve.G) is None
    assert Q == curve.Q


@settings(max_examples=25)
@given(SCALARS, SCALARS)
def test_a_commitment_is_ag_plus_bh(a: int, b: int) -> None:
    assert SECP256K1.commit(a, b) == curve.compress(sharing.commitment(a, b))


@settings(max_examples=25)
@given(SCALARS, SCALARS, SCALARS, SCALARS)
def test_commitments_add_up(a: int, b: int, c: int, d: int) -> None:
    if (a + c) % Q and (b + d) % Q:
        total = SECP256K1.combine([[SECP256K1.commit(a, b)], [SECP256K1.commit(c, d)]], 1, [1, 1])
        assert total == SECP256K1.commit((a + c) % Q, (b + d) % Q)


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=4), min_size=1, max_size=3),
    st.one_of(st.integers(1, 65535), SCALARS),
    st.data(),
)
def test_combine_is_the_weighted_sum_of_powers(
    rows: list[list[tuple[int, int]]], x: int, data: st.DataObject
) -> None:
    weights = [data.draw(SCALARS) for _ in rows]
    points = [[SECP256K1.commit(a, b) for a, b in row] for row in rows]
    expected: curve.Point = None
    vanishes = False
    for row, weight in zip(points, weights, strict=True):
        partial: curve.Point = None
        for k, point in enumerate(row):
            term = curve.multiply(weight * pow(x, k, Q), curve.decompress(point))
            expected = curve.add(expected, term)
        for point in reversed(row):
            partial = curve.add(curve.decompress(point), curve.multiply(x, partial))
            vanishes |= partial is None
    if vanishes or expected is None:
        with pytest.raises(PointAtInfinity):
            SECP256K1.combine(points, x, weights)
    else:
        assert SECP256K1.combine(points, x, weights) == curve.compress(expected)


@pytest.mark.parametrize("name", BAD_SCALARS)
def test_a_scalar_outside_1_to_q_minus_1_is_refused_everywhere(name: str) -> None:
    bad = BAD_SCALARS[name]
    for attempt in (
        lambda: check_scalar(bad),
        lambda: SECP256K1.commit(bad, 1),
        lambda: SECP256K1.commit(1, bad),
        lambda: SECP256K1.combine([[COM, OTHER]], bad, [1]),
        lambda: SECP256K1.combine([[COM]], bad, [1]),
        lambda: SECP256K1.combine([[COM]], 1, [bad]),
    ):
        with pytest.raises(CryptoError, match="scalar") as caught:
            attempt()
        assert caught.value.reason == "INVALID_SCALAR"


@pytest.mark.parametrize("value", [1, Q - 1])
def test_the_ends_of_the_scalars_are_taken(value: int) -> None:
    assert check_scalar(value) == value
    assert SECP256K1.commit(value, value) == curve.compress(sharing.commitment(value, value))


@pytest.mark.parametrize("name", BAD_POINTS)
@pytest.mark.parametrize("place", ["alone", "first", "last", "second row"])
def test_a_bad_point_is_refused_wherever_it_stands(name: str, place: str) -> None:
    bad = BAD_POINTS[name]
    rows = {
        "alone": [[bad]],
        "first": [[bad, COM]],
        "last": [[COM, bad]],
        "second row": [[COM], [bad]],
    }[place]
    with pytest.raises(CryptoError) as caught:
        SECP256K1.combine(rows, 3, [1] * len(rows))
    assert caught.value.reason == "INVALID_POINT"


def test_a_point_has_one_encoding_here() -> None:
    # Were any second form accepted, a replayed C_0 would look like one never seen before.
    x, y = curve.decompress(COM) or (0, 0)
    assert SECP256K1.combine([[COM]], 1, [1]) == COM
    for prefix in (4, 6, 7):
        with pytest.raises(CryptoError, match="33 bytes"):
            SECP256K1.combine([[bytes([prefix]) + x.to_bytes(32, "big") + y.to_bytes(32, "big")]], 1, [1])


@pytest.mark.parametrize(
    ("rows", "x", "weights"),
    [
        ([[COM], [negated(COM)]], 1, [1, 1]),
        ([[COM], [negated(COM)]], 9, [5, 5]),
        ([[COM], [COM]], 9, [5, Q - 5]),
        ([[COM, negated(COM)]], 1, [1]),
        ([[SECP256K1.commit(3, 6), negated(COM)]], 3, [1]),
        ([[OTHER, SECP256K1.commit(3, 6), negated(COM)]], 3, [1]),
    ],
    ids=["opposites", "weighted opposites", "opposite weights", "in a row", "at one index", "on the way"],
)
def test_a_sum_at_infinity_is_an_error(rows: list[list[bytes]], x: int, weights: list[int]) -> None:
    with pytest.raises(PointAtInfinity) as caught:
        SECP256K1.combine(rows, x, weights)
    assert caught.value.reason == "INVALID_POINT"


def test_a_commitment_to_opposite_values_of_g_and_h_cannot_be_met_but_doubling_works() -> None:
    # aG + bH with a point met twice takes the tangent rule, which naive addition gets wrong.
    assert SECP256K1.combine([[COM], [COM]], 1, [1, 1]) == SECP256K1.commit(2, 4)
    assert SECP256K1.combine([[COM, COM]], 1, [1]) == SECP256K1.commit(2, 4)


@pytest.mark.parametrize("rows", [[], [[]], [[COM], []]])
def test_nothing_to_combine_is_an_error_and_does_not_end_the_process(rows: list[list[bytes]]) -> None:
    with pytest.raises(CryptoError, match="nothing to combine"):
        SECP256K1.combine(rows, 1, [1] * len(rows))


@pytest.mark.parametrize("weights", [[], [1, 1]])
def test_weights_that_do_not_fit_the_rows_are_an_error(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="zip"):
        SECP256K1.combine([[COM]], 1, weights)


@pytest.mark.parametrize("module", ["kms.crypto.reference_group", "kms.ceremony.verify"])
def test_the_second_implementation_leaves_deep_json_an_error(module: str) -> None:
    """py_ecc raises the limit of recursion so far that the process would end instead."""
    script = (
        f"import {module}, json\ntry:\n json.loads('[' * 99_999)\nexcept RecursionError:\n print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (0, "refused\n")
