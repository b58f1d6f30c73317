"""What an adversary knows, as linear forms over everything that was drawn at random; and whether that is the secret.

Each coefficient that some dealer or helper drew is a variable. A share, sub-share or piece is a linear form in them,
the same for f and for g. Commitments add nothing: with forms K known for f and for g, and f_v + x g_v for every
variable v, the secret e_0 = a + c with a in span(K) and 0 = b + x c with b in span(K); so c, and e_0, lie in
span(K). Hence not even who takes discrete logarithms (x) learns more, and g need not be kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kms.crypto.group import Q
from kms.crypto.sharing import lagrange

Form = dict[int, int]
"""Variable -> coefficient modulo q."""


def add(*terms: tuple[int, Form]) -> Form:
    """The sum of forms, each times a number."""
    total: Form = defaultdict(int)
    for factor, form in terms:
        for variable, coefficient in form.items():
            total[variable] = (total[variable] + factor * coefficient) % Q
    return {variable: coefficient for variable, coefficient in total.items() if coefficient}


class Span:
    """The forms that follow from those that are known: a basis in echelon form."""

    def __init__(self) -> None:
        self._rows: dict[int, Form] = {}

    def learn(self, form: Form) -> None:
        rest = self._reduce(form)
        if rest:
            pivot = min(rest)
            inverse = pow(rest[pivot], -1, Q)
            self._rows[pivot] = {v: c * inverse % Q for v, c in rest.items()}

    def knows(self, form: Form) -> bool:
        return not self._reduce(form)

    def _reduce(self, form: Form) -> Form:
        rest = dict(form)
        while True:
            pivot = next((v for v in sorted(rest) if v in self._rows), None)
            if pivot is None:
                return rest
            rest = add((1, rest), (Q - rest[pivot], self._rows[pivot]))


@dataclass(slots=True)
class Recorded:
    """A sealed form on the wire: whoever gets the key that it is sealed to learns it."""

    receiver: int
    sealing_key: bytes
    form: Form


@dataclass(slots=True)
class Views:
    """One key's randomness, what travelled, and what the adversary knows of it."""

    threshold: int
    secret: Form = field(default_factory=dict)
    shares: dict[tuple[bytes, int], Form] = field(default_factory=dict)
    """(version, custodian) -> its share."""
    subs: dict[tuple[bytes, int], Form] = field(default_factory=dict)
    """(dealing's hash, receiver) -> sub-share."""
    wire: list[Recorded] = field(default_factory=list)
    known: Span = field(default_factory=Span)
    _next: int = 0

    def __post_init__(self) -> None:
        self.secret = self.fresh()

    def fresh(self) -> Form:
        """Something drawn at random."""
        self._next += 1
        return {self._next: 1}

    def deal_first(self, version: bytes, indices: Iterable[int]) -> None:
        """The key's own polynomial."""
        self._polynomial(self.secret, self.threshold, {i: (version, i) for i in indices}, self.shares)

    def deal_on(
        self,
        version: bytes,
        dealer: int,
        threshold: int,
        dealing: bytes,
        receivers: Mapping[int, bytes],
        known: bool,
    ) -> None:
        """A dealing of a share; receivers with the sealing keys that they get it under."""
        drawn = self._polynomial(
            self.shares[version, dealer], threshold, {j: (dealing, j) for j in receivers}, self.subs
        )
        for index, key in receivers.items():
            self.wire.append(Recorded(index, key, self.subs[dealing, index]))
        if known:
            for form in drawn:
                self.known.learn(form)

    def _polynomial(
        self,
        constant: Form,
        threshold: int,
        places: Mapping[int, tuple[bytes, int]],
        into: dict[tuple[bytes, int], Form],
    ) -> list[Form]:
        drawn = [self.fresh() for _ in range(threshold - 1)]
        for index, place in places.items():
            into[place] = add((1, constant), *((pow(index, k, Q), form) for k, form in enumerate(drawn, 1)))
        return drawn

    def install(self, version: bytes, index: int, dealings: Mapping[int, bytes]) -> None:
        """The share that a plan's dealings (dealer -> hash) add up to, if all of them have something for this one."""
        if any((dealing, index) not in self.subs for dealing in dealings.values()):
            return
        weights = lagrange(tuple(sorted(dealings)))
        terms = zip(weights, sorted(dealings), strict=True)
        self.shares[version, index] = add(*((w, self.subs[dealings[i], index]) for w, i in terms))

    def piece(
        self, version: bytes, lost: int, helper: int, helpers: tuple[int, ...], keys: Mapping[int, bytes]
    ) -> dict[int, Form]:
        """One helper's term of a lost share, in pieces for all helpers; by receiver."""
        weight = lagrange(helpers, lost)[helpers.index(helper)]
        drawn = [self.fresh() for _ in helpers[:-1]]
        rest = add((weight, self.shares[version, helper]), *((Q - 1, form) for form in drawn))
        pieces = dict(zip(helpers, (*drawn, rest), strict=True))
        for receiver, form in pieces.items():
            self.wire.append(Recorded(receiver, keys[receiver], form))
        return pieces

    def made_by(self, pieces: Mapping[int, Form]) -> None:
        """The helper that made these is the adversary's."""
        for form in pieces.values():
            self.known.learn(form)

    def pass_on(self, forms: Iterable[Form], lost: int, key: bytes) -> None:
        """The sum of the pieces that one helper got, sealed to who is repaired."""
        self.wire.append(Recorded(lost, key, add(*((1, form) for form in forms))))

    def bring_back(self, version: bytes, lost: int, helpers: tuple[int, ...]) -> None:
        weights = zip(lagrange(helpers, lost), helpers, strict=True)
        self.shares[version, lost] = add(*((w, self.shares[version, i]) for w, i in weights))

    def corrupt(self, index: int, versions: Iterable[bytes], sealing_keys: Iterable[bytes]) -> None:
        """The adversary reads a custodian's disk: shares of these versions, and what is sealed to these keys."""
        alive = set(sealing_keys)
        for version in versions:
            if (version, index) in self.shares:
                self.known.learn(self.shares[version, index])
        for recorded in self.wire:
            if recorded.receiver == index and recorded.sealing_key in alive:
                self.known.learn(recorded.form)
