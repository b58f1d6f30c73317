"""A key does not open: was it a custodian who lied, or the dealer? The answer must be right, and provable.

Without commitments and key check value nobody can tell: a reader gets a wrong key, without an error, and a
liar is as good as anyone. With them, a wrong share names its custodian, a wrong check value its dealer, and
neither can shift the blame on the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kms.crypto import derivation
from kms.crypto.group import Q
from kms.crypto.secret import KeySecret
from kms.crypto.sharing import (
    DealerAtFault,
    Dealing,
    NotEnoughShares,
    Reconstruction,
    deal,
    decode_share,
    encode_share,
    interpolate,
    lagrange,
    reconstruct,
)
from tests.reference import naming

T, INDICES = 3, [1, 2, 3, 4, 5]


def described(dealing: Dealing, check_value: bytes | None = None) -> tuple[bytes, bytes]:
    """(core hash, key check value) of a dealing's descriptor; the value is the true one unless given."""
    core = naming.core(
        keyring_id=bytes(31) + b"k",
        manifest_hash=bytes(31) + b"m",
        threshold=T,
        spec=naming.SPEC_DATA,
        owner_thumbprint=bytes(31) + b"o",
        creator_thumbprint=bytes(31) + b"c",
        created_at=1,
        context_commitment=bytes(31) + b"x",
        commitments=dealing.commitments,
    )
    digest = derivation.core_hash(core)
    true_value = derivation.key_check_value(derivation.prk(dealing.secret.reveal()), digest)
    return digest, true_value if check_value is None else check_value


def opened(dealing: Dealing, shares: Mapping[int, bytes], check_value: bytes | None = None) -> Reconstruction:
    digest, expected = described(dealing, check_value)
    return reconstruct(shares, dealing.commitments, T, lambda s: derivation.matches(s, digest, expected))


def naive_open(shares: Mapping[int, bytes]) -> KeySecret:
    """Shamir 1979 and no more: whatever the first t shares give."""
    base = tuple(shares)[:T]
    return KeySecret(interpolate(base, [decode_share(shares[i])[0] for i in base]).to_bytes(32, "big"))


def bent(share: bytes, by_f: int, by_g: int = 0) -> bytes:
    f, g = decode_share(share)
    return encode_share((f + by_f) % Q, (g + by_g) % Q)


@pytest.fixture
def dealing() -> Dealing:
    return deal(T, INDICES)


@pytest.fixture
def shares(dealing: Dealing) -> dict[int, bytes]:
    return {index: share.reveal() for index, share in dealing.shares.items()}


def test_a_wrong_share_gives_a_naive_reader_a_wrong_key_and_nobody_to_blame(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    shares[2] = bent(shares[2], 1)
    found = naive_open(shares)
    assert found != dealing.secret
    key_id = bytes(32)
    assert derivation.data_key(found, key_id) != derivation.data_key(dealing.secret, key_id)


def test_one_liar_can_choose_what_key_a_naive_reader_gets(dealing: Dealing, shares: dict[int, bytes]) -> None:
    # Who answers last and saw the others' shares adds what moves the sum to any key it likes: then the
    # reader encrypts its next record under a key that the liar knows.
    chosen = 4711
    weight = lagrange((1, 2, 3))[1]
    honest = int.from_bytes(dealing.secret.reveal(), "big")
    shares[2] = bent(shares[2], (chosen - honest) * pow(weight, -1, Q) % Q)
    assert naive_open(shares).reveal() == chosen.to_bytes(32, "big")
    found = opened(dealing, shares)
    assert (found.secret, found.wrong) == (dealing.secret, (2,))


@pytest.mark.parametrize("liar", INDICES)
def test_a_custodian_that_lies_is_named_and_the_key_opens_all_the_same(
    dealing: Dealing, shares: dict[int, bytes], liar: int
) -> None:
    shares[liar] = bent(shares[liar], 1)
    found = opened(dealing, shares)
    assert (found.secret, found.wrong) == (dealing.secret, (liar,))


def test_with_too_few_good_shares_the_liar_is_named_and_not_the_dealer(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    with pytest.raises(NotEnoughShares) as caught:
        opened(dealing, {1: shares[1], 2: bent(shares[2], 1), 3: shares[3]})
    assert caught.value.details["wrong"] == "2"


def test_liars_cannot_have_the_honest_named_in_their_place(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    # A reader that compares the rest with whatever polynomial the first t fit, once the secret is right,
    # blames exactly the honest: the liars left the secret alone and bent everything else.
    by_liars = dict(shares)
    weights = lagrange((1, 2, 3))
    by_liars[1] = bent(shares[1], 1)
    by_liars[2] = bent(shares[2], -weights[0] * pow(weights[1], -1, Q) % Q)
    assert naive_open(by_liars) == dealing.secret
    base = (1, 2, 3)
    fitted = [decode_share(by_liars[i])[0] for i in base]
    naive_blame = [i for i in (4, 5) if interpolate(base, fitted, i) != decode_share(shares[i])[0]]
    assert naive_blame == [4, 5]
    found = opened(dealing, by_liars)
    assert (found.secret, found.wrong) == (dealing.secret, (1, 2))


@pytest.mark.parametrize("liar", INDICES)
def test_a_lie_in_the_blinding_half_alone_names_its_custodian_only(
    dealing: Dealing, shares: dict[int, bytes], liar: int
) -> None:
    shares[liar] = bent(shares[liar], 0, 1)
    assert opened(dealing, shares).wrong == (liar,)


def test_a_dealer_with_a_wrong_check_value_is_named_and_no_custodian(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    digest, _ = described(dealing)
    of_another_secret = derivation.key_check_value(derivation.prk(bytes(31) + b"\1"), digest)
    for wrong in (of_another_secret, bytes(32), of_another_secret[:31]):
        with pytest.raises(DealerAtFault) as caught:
            opened(dealing, shares, wrong)
        assert caught.value.reason == "KEY_MALFORMED"
        assert "wrong" not in caught.value.details


def test_a_check_value_of_the_same_secret_under_another_description_is_the_dealer_s_fault(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    elsewhere = derivation.key_check_value(derivation.prk(dealing.secret.reveal()), bytes(32))
    with pytest.raises(DealerAtFault):
        opened(dealing, shares, elsewhere)


def test_a_dealer_cannot_shift_the_blame_on_a_custodian_by_one_bad_share(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    # A custodian refuses such a share when it is deposited, and signs no receipt for it: whoever returns it
    # later has vouched for it.
    with pytest.raises(DealerAtFault):
        opened(dealing, {**shares, 4: bent(shares[4], 1)}, bytes(32))


def test_dealer_and_custodian_together_cannot_have_another_custodian_named(
    dealing: Dealing, shares: dict[int, bytes]
) -> None:
    for liar in INDICES:
        with pytest.raises(DealerAtFault):
            opened(dealing, {**shares, liar: bent(shares[liar], 1)}, bytes(32))
