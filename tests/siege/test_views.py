"""Forms are what shares really are, and a span determines what linear algebra says that it does."""

from __future__ import annotations

import random

import pytest

from kms.crypto.group import Q
from kms.crypto.resharing import SubDealing, combine_shares, redeal, split_for_repair
from kms.crypto.sharing import deal, decode_share
from kms.statements.ids import KeyId, Version
from tests.siege.views import Adversary, Form, Forms, Span, evaluate

KEY, FIRST, SECOND = KeyId(b"k" * 32), Version(b"1" * 32), Version(b"2" * 32)


class Drawn:
    """A generator that remembers what it drew."""

    def __init__(self) -> None:
        self._draw = random.Random(7)
        self.values: list[int] = []

    def __call__(self) -> int:
        self.values.append(self._draw.randrange(1, Q))
        return self.values[-1]

    def names(self, points: tuple[bytes, ...], skip: int = 0) -> dict[bytes, int]:
        """Each point's coefficient: f's were drawn first."""
        return dict(zip(points, self.values[skip:], strict=False))


def value(form: Form, drawn: dict[bytes, int]) -> int:
    return sum(factor * drawn[name] for name, factor in form.items()) % Q


def half(share: bytes) -> int:
    return decode_share(share)[0]


def test_forms_of_dealt_reshared_and_repaired_shares_are_their_values() -> None:
    draw = Drawn()
    first = deal(3, (1, 2, 3, 4, 5), scalar=draw)
    known = draw.names(first.commitments)
    forms = Forms()
    forms.dealt(FIRST, KEY, first.commitments)
    for index, share in first.shares.items():
        assert value(forms.share(FIRST, KEY, index), known) == half(share.reveal())
    dealt: dict[int, SubDealing] = {}
    for dealer in (1, 4, 5):
        draw.values.clear()
        dealt[dealer] = redeal(first.shares[dealer].reveal(), 2, (1, 2, 3), scalar=draw)
        known |= draw.names(dealt[dealer].points)
        for index, sub in dealt[dealer].shares.items():
            form = forms.sub_share(FIRST, KEY, dealer, dealt[dealer].points, index)
            assert value(form, known) == half(sub.reveal())
    forms.planned(SECOND, FIRST, KEY, {i: d.points for i, d in dealt.items()}, 2)
    for index in (1, 2, 3):
        new = combine_shares({i: d.shares[index].reveal() for i, d in dealt.items()})
        assert value(forms.share(SECOND, KEY, index), known) == half(new.reveal())
    draw.values.clear()
    made = split_for_repair(first.shares[2].reveal(), 2, (1, 2, 4), 5, 3, scalar=draw)
    known |= dict(zip(made.points, draw.values[::2], strict=True))  # a pair for each piece
    for helper, form in forms.pieces(FIRST, KEY, 2, (1, 2, 4), 5, made.points).items():
        assert value(form, known) == half(made.pieces[helper].reveal())


@pytest.mark.parametrize(("held", "determined"), [((1,), False), ((1, 2), False), ((1, 2, 5), True)])
def test_t_shares_determine_a_secret_and_fewer_do_not(held: tuple[int, ...], determined: bool) -> None:
    rows: list[Form] = [{bytes([k]): 1} for k in range(3)]
    span = Span()
    for index in held:
        span.add(evaluate(rows, index))
        span.add(evaluate(rows, index))  # twice says nothing new
    assert span.rank == len(held)
    assert ({bytes([0]): 1} in span) is determined


def test_what_was_recorded_is_read_when_its_key_is_found_and_lost_when_it_was_erased() -> None:
    rows: list[Form] = [{b"c0": 1}, {b"c1": 1}]
    adversary = Adversary({KEY: b"c0"})
    adversary.record(1, b"key of 1", {KEY: evaluate(rows, 1)})
    adversary.record(2, b"old key of 2", {KEY: evaluate(rows, 2)})
    adversary.corrupt(1, [b"key of 1"], [])
    adversary.leave(1)
    adversary.corrupt(2, [b"new key of 2"], [])
    assert adversary.determined() == []
    adversary.corrupt(2, [b"old key of 2"], [])
    assert adversary.determined() == [KEY]
