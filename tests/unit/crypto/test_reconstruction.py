"""The secret comes back from any t good shares, and who lies is named: custodian or dealer, never another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kms.crypto.group import SECP256K1, Q
from kms.crypto.sharing import (
    DealerAtFault,
    NotEnoughShares,
    Reconstruction,
    deal,
    decode_share,
    encode_share,
    evaluate,
    lagrange,
    reconstruct,
)
from kms.errors import CryptoError
from tests.reference.edges import BAD_POINTS

T, N = 3, 5
INDICES = [1, 2, 3, 4, 5]
DEALING = deal(T, INDICES)
SHARES = {index: share.reveal() for index, share in DEALING.shares.items()}


class NoArithmetic:
    """A group that must not be asked anything."""

    def commit(self, a: int, b: int) -> bytes:
        raise AssertionError("the common case needs no group arithmetic")

    def combine(self, rows: Sequence[Sequence[bytes]], x: int, weights: Sequence[int]) -> bytes:
        raise AssertionError("the common case needs no group arithmetic")


def right(secret: bytes) -> bool:
    return secret == DEALING.secret.reveal()


def shifted(share: bytes, by_f: int = 0, by_g: int = 0) -> bytes:
    f, g = decode_share(share)
    return encode_share((f + by_f) % Q, (g + by_g) % Q)


def unrelated(share: bytes) -> int:
    # Errors that follow a pattern (all 1, say) may cancel at 0, and then the secret does come out.
    return int.from_bytes(hashlib.sha256(share).digest()[:16], "big") + 1


LIES: dict[str, Callable[[bytes], bytes]] = {
    "another f": lambda share: shifted(share, by_f=unrelated(share)),
    "another g": lambda share: shifted(share, by_g=unrelated(share)),
    "zeros": lambda share: bytes(64),
    "q": lambda share: Q.to_bytes(32, "big") + share[32:],
    "too short": lambda share: share[:63],
    "too long": lambda share: share + b"\0",
    "nothing": lambda share: b"",
    "another index's": lambda share: SHARES[5] if share != SHARES[5] else SHARES[4],
    "random": lambda share: deal(2, [1, 2]).shares[1].reveal(),
}
LIES_IN_F = sorted(set(LIES) - {"another g"})


def answer(shares: Mapping[int, bytes]) -> Reconstruction:
    return reconstruct(shares, DEALING.commitments, T, right)


@pytest.mark.parametrize("subset", list(combinations(INDICES, T)))
def test_any_t_shares_suffice_without_group_arithmetic(subset: tuple[int, ...]) -> None:
    shares = {i: SHARES[i] for i in subset}
    found = reconstruct(shares, DEALING.commitments, T, right, group=NoArithmetic())
    assert (found.secret, found.wrong) == (DEALING.secret, ())


def test_all_n_right_shares_need_no_group_arithmetic_either() -> None:
    found = reconstruct(SHARES, DEALING.commitments, T, right, group=NoArithmetic())
    assert (found.secret, found.wrong) == (DEALING.secret, ())


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("liar", INDICES)
def test_one_liar_is_named_wherever_it_stands(liar: int, lie: str) -> None:
    shares = {**SHARES, liar: LIES[lie](SHARES[liar])}
    for order in (INDICES, INDICES[::-1], [liar, *(i for i in INDICES if i != liar)]):
        found = answer({i: shares[i] for i in order})
        assert (found.secret, found.wrong) == (DEALING.secret, (liar,))


@settings(max_examples=50)
@given(
    st.permutations(INDICES),
    st.dictionaries(st.sampled_from(INDICES), st.sampled_from(sorted(LIES)), max_size=N - T),
)
def test_any_n_minus_t_liars_in_any_order_are_named_and_nobody_else(
    order: list[int], liars: dict[int, str]
) -> None:
    found = answer({i: LIES[liars[i]](SHARES[i]) if i in liars else SHARES[i] for i in order})
    assert (found.secret, found.wrong) == (DEALING.secret, tuple(sorted(liars)))


@pytest.mark.parametrize("liar", [1, 2, 3])
def test_a_liar_in_g_alone_among_the_first_t_does_not_make_the_honest_look_guilty(liar: int) -> None:
    # f is untouched, so the first t shares give the right secret, and a g-polynomial that only they fit.
    found = answer({**SHARES, liar: shifted(SHARES[liar], by_g=1)})
    assert (found.secret, found.wrong) == (DEALING.secret, (liar,))


@pytest.mark.parametrize("liars", list(combinations([1, 2, 3], 2)))
def test_two_liars_who_bend_f_around_its_value_at_zero_do_not_make_the_honest_look_guilty(
    liars: tuple[int, int],
) -> None:
    # Their errors cancel at 0 alone: lambda_a e_a + lambda_b e_b = 0. The secret is right, the rest differs.
    weights = dict(zip([1, 2, 3], lagrange((1, 2, 3)), strict=True))
    a, b = liars
    error_b = -weights[a] * pow(weights[b], -1, Q) % Q
    shares = {**SHARES, a: shifted(SHARES[a], by_f=1), b: shifted(SHARES[b], by_f=error_b)}
    found = answer(shares)
    assert (found.secret, found.wrong) == (DEALING.secret, liars)


@settings(max_examples=25)
@given(
    st.permutations(INDICES),
    st.dictionaries(st.sampled_from(INDICES), st.sampled_from(LIES_IN_F), min_size=N - T + 1),
)
def test_with_fewer_than_t_good_shares_there_is_no_secret_but_the_liars_are_named(
    order: list[int], liars: dict[int, str]
) -> None:
    with pytest.raises(NotEnoughShares) as caught:
        answer({i: LIES[liars[i]](SHARES[i]) if i in liars else SHARES[i] for i in order})
    assert caught.value.details == {"wrong": ",".join(map(str, sorted(liars)))}
    assert caught.value.status == "UNAVAILABLE"


@pytest.mark.parametrize("count", range(T))
def test_fewer_than_t_shares_are_not_enough_and_nobody_is_blamed(count: int) -> None:
    with pytest.raises(NotEnoughShares, match=f"{count} good shares of the {T} needed") as caught:
        answer({i: SHARES[i] for i in INDICES[:count]})
    assert caught.value.details == {"wrong": ""}


@pytest.mark.parametrize("count", [T, T + 1, N])
def test_a_wrong_check_value_with_good_shares_is_the_dealer_s_fault(count: int) -> None:
    asked: list[bytes] = []

    def never(secret: bytes) -> bool:
        asked.append(secret)
        return False

    with pytest.raises(DealerAtFault) as caught:
        reconstruct({i: SHARES[i] for i in INDICES[:count]}, DEALING.commitments, T, never)
    assert (caught.value.reason, caught.value.status) == ("KEY_MALFORMED", "DATA_LOSS")
    assert set(asked) == {DEALING.secret.reveal()}


def test_a_liar_cannot_make_a_good_dealer_look_guilty() -> None:
    for liar in INDICES[:T]:
        with pytest.raises(NotEnoughShares) as caught:
            answer({i: shifted(SHARES[i], by_f=i == liar) for i in INDICES[:T]})
        assert caught.value.details == {"wrong": str(liar)}


def test_a_bad_dealer_cannot_hide_behind_a_liar() -> None:
    shares = {**SHARES, 1: shifted(SHARES[1], by_f=1)}
    with pytest.raises(DealerAtFault):
        reconstruct(shares, DEALING.commitments, T, lambda _: False)


def test_the_check_value_decides_even_if_something_else_matches_too() -> None:
    # A dealer's second secret, smuggled in by t consistent shares, is not what the descriptor names.
    other = deal(T, INDICES)
    shares = {i: other.shares[i].reveal() for i in INDICES}
    with pytest.raises(NotEnoughShares) as caught:
        answer(shares)
    assert caught.value.details == {"wrong": "1,2,3,4,5"}


def test_shares_of_two_dealings_do_not_mix() -> None:
    other = deal(T, INDICES)
    found = answer({**SHARES, 1: other.shares[1].reveal(), 4: other.shares[4].reveal()})
    assert (found.secret, found.wrong) == (DEALING.secret, (1, 4))


@pytest.mark.parametrize("index", [0, -1, 65536, Q])
def test_an_impossible_index_is_refused_whole(index: int) -> None:
    with pytest.raises(CryptoError) as caught:
        answer({**SHARES, index: SHARES[1]})
    assert caught.value.reason == "INVALID_INDEX"


@pytest.mark.parametrize("index", [0, 65536])
def test_an_impossible_index_is_refused_even_if_its_share_fits(index: int) -> None:
    # At index 0 the share *is* the secret: whoever holds it needs nobody.
    f, g = [3, 5], [7, 11]
    row = [SECP256K1.commit(a, b) for a, b in zip(f, g, strict=True)]
    shares = {i: encode_share(evaluate(f, i), evaluate(g, i)) for i in (index, 1)}
    secret = (3).to_bytes(32, "big")
    with pytest.raises(CryptoError) as caught:
        reconstruct(shares, row, 2, lambda s: s == secret)
    assert caught.value.reason == "INVALID_INDEX"


def test_a_threshold_of_one_is_refused() -> None:
    with pytest.raises(CryptoError) as caught:
        reconstruct({1: encode_share(3, 7)}, [SECP256K1.commit(3, 7)], 1, lambda _: True)
    assert caught.value.reason == "INVALID_THRESHOLD"


def test_fewer_than_t_shares_are_not_even_tried() -> None:
    # A dealer whose f has a lower degree than its g says: t-1 shares would give the secret it described.
    asked: list[bytes] = []

    def always(secret: bytes) -> bool:
        asked.append(secret)
        return True

    with pytest.raises(NotEnoughShares):
        reconstruct({1: SHARES[1], 2: SHARES[2]}, DEALING.commitments, T, always)
    assert asked == []


@pytest.mark.parametrize("count", [0, 2, 4])
def test_commitments_of_another_degree_are_refused_whole(count: int) -> None:
    with pytest.raises(CryptoError) as caught:
        reconstruct(SHARES, (DEALING.commitments * 2)[:count], T, right)
    assert caught.value.reason == "WRONG_DEGREE"


@pytest.mark.parametrize("name", BAD_POINTS)
def test_a_bad_point_in_the_descriptor_blames_no_custodian(name: str) -> None:
    row = [BAD_POINTS[name], *DEALING.commitments[1:]]
    with pytest.raises(CryptoError) as caught:
        reconstruct(SHARES, row, T, lambda _: False)
    assert caught.value.reason == "INVALID_POINT"


def test_a_share_where_the_commitments_vanish_is_named_and_the_key_still_opens() -> None:
    # Dealer and custodian 2 together: C_0 + 2 C_1 is infinity, so no share of index 2 can be right.
    f, g = [Q - 10, 5], [Q - 14, 7]
    row = [SECP256K1.commit(a, b) for a, b in zip(f, g, strict=True)]
    shares = {2: SHARES[2], 1: encode_share(Q - 5, Q - 7), 3: encode_share(5, 7)}
    secret = (Q - 10).to_bytes(32, "big")
    found = reconstruct(shares, row, 2, lambda s: s == secret)
    assert (found.secret.reveal(), found.wrong) == (secret, (2,))
