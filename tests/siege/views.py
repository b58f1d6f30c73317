"""What an adversary knows of a secret, as linear algebra over Z_q.

Every share is a sum of coefficients that somebody drew at random, and each of those has a commitment. So a share, a
sub-share or a piece of a repair is a *form*: commitment -> factor. The adversary's view of a key is the span of all
forms that it saw, and it knows the secret exactly if the form {C_0: 1} lies in that span (Blakley, Kabatianskii 1995).

Commitments are public, Com(a, b) = aG + bH, and whoever breaks logarithms reads a + hb from each. That tells
nothing more: both halves of a share have the same form, so modulo these relations the second half is -1/h times the
first, and one half's span decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kms.crypto.group import Q
from kms.crypto.sharing import lagrange
from kms.statements.ids import KeyId, Version

Form = Mapping[bytes, int]
"""Commitment (33 bytes) of a coefficient -> its factor in Z_q; nothing is zero."""


def total(terms: Iterable[tuple[int, Form]]) -> Form:
    """Sum of factor * form."""
    found: dict[bytes, int] = {}
    for factor, form in terms:
        for name, value in form.items():
            found[name] = (found.get(name, 0) + factor * value) % Q
    return {name: value for name, value in found.items() if value}


def evaluate(rows: Sequence[Form], x: int) -> Form:
    """The form of a polynomial's value at x; `rows` are its coefficients' forms, the lowest first."""
    return total((pow(x, k, Q), row) for k, row in enumerate(rows))


class Span:
    """Rows in reduced echelon form: no row has another's pivot."""

    def __init__(self) -> None:
        self._rows: dict[bytes, dict[bytes, int]] = {}

    def _rest(self, form: Form) -> dict[bytes, int]:
        pivots = [(Q - value, self._rows[name]) for name, value in form.items() if name in self._rows]
        return dict(total([(1, form), *pivots]))

    def __contains__(self, form: Form) -> bool:
        return not self._rest(form)

    def add(self, form: Form) -> None:
        rest = self._rest(form)
        if not rest:
            return
        pivot = min(rest)
        inverse = pow(rest[pivot], -1, Q)
        new = {name: value * inverse % Q for name, value in rest.items()}
        for name, row in self._rows.items():
            if pivot in row:
                self._rows[name] = dict(total([(1, row), (Q - row[pivot], new)]))
        self._rows[pivot] = new

    @property
    def rank(self) -> int:
        return len(self._rows)


Told = Mapping[KeyId, Form]
"""What one sealed blob says of each key."""


@dataclass(slots=True)
class Forms:
    """The polynomials of every version of every key, as forms of the coefficients that dealers drew."""

    rows: dict[tuple[Version, KeyId], tuple[Form, ...]] = field(default_factory=dict)

    def dealt(self, version: Version, key: KeyId, commitments: Sequence[bytes]) -> None:
        """A key as its first dealer made it: every coefficient is drawn."""
        self.rows[version, key] = tuple({point: 1} for point in commitments)

    def planned(
        self, version: Version, old: Version, key: KeyId, dealt: Mapping[int, Sequence[bytes]], threshold: int
    ) -> None:
        """The version that a plan makes of these dealers' points (D_1..D_(t'-1)); C'_0 is the old C_0."""
        dealers = tuple(sorted(dealt))
        weights = lagrange(dealers)
        self.rows[version, key] = (
            self.rows[old, key][0],
            *(
                total((w, {dealt[i][k]: 1}) for w, i in zip(weights, dealers, strict=True))
                for k in range(threshold - 1)
            ),
        )

    def share(self, version: Version, key: KeyId, index: int) -> Form:
        return evaluate(self.rows[version, key], index)

    def sub_share(
        self, version: Version, key: KeyId, dealer: int, points: Sequence[bytes], index: int
    ) -> Form:
        """What dealer `dealer` deals of its own share to `index`."""
        own = self.share(version, key, dealer)
        return evaluate((own, *({point: 1} for point in points)), index)

    def pieces(
        self,
        version: Version,
        key: KeyId,
        helper: int,
        helpers: Sequence[int],
        lost: int,
        points: Sequence[bytes],
    ) -> dict[int, Form]:
        """A helper's term of a repair in pieces, by who gets them; all but the last are drawn."""
        weight = lagrange(tuple(helpers), lost)[list(helpers).index(helper)]
        drawn: list[Form] = [{point: 1} for point in points]
        last = total([(weight, self.share(version, key, helper)), *((Q - 1, piece) for piece in drawn)])
        return dict(zip(helpers, (*drawn, last), strict=True))


@dataclass(slots=True)
class Adversary:
    """All that the corrupted custodians and the coordinator ever saw together, and what they recorded unread."""

    secrets: Mapping[KeyId, bytes]
    """C_0 of each key."""
    corrupted: set[int] = field(default_factory=set)
    spans: dict[KeyId, Span] = field(default_factory=lambda: defaultdict(Span))
    _known: set[bytes] = field(default_factory=set)
    _recorded: dict[bytes, list[Told]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, told: Told) -> None:
        for key, form in told.items():
            self.spans[key].add(form)

    def record(self, receiver: int, sealing_key: bytes, told: Told) -> None:
        """A blob on its way: read where the key is known, else kept until it is."""
        if receiver in self.corrupted or sealing_key in self._known:
            self.learn(told)
        else:
            self._recorded[sealing_key].append(told)

    def corrupt(self, index: int, sealing_keys: Iterable[bytes], shares: Iterable[Told]) -> None:
        """Take over a custodian with its disk: its shares, and all that was recorded for keys that still live."""
        self.corrupted.add(index)
        for told in shares:
            self.learn(told)
        for name in sealing_keys:
            self._known.add(name)
            for told in self._recorded.pop(name, ()):
                self.learn(told)

    def leave(self, index: int) -> None:
        """Give a custodian up; what was seen there stays known."""
        self.corrupted.discard(index)

    def determined(self) -> list[KeyId]:
        """Keys whose secret follows from the view."""
        return [key for key, c0 in self.secrets.items() if {c0: 1} in self.spans[key]]
