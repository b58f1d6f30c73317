"""A coordinator that is the adversary's: it lets messages wait, repeats them, drops them, mixes and forks them.

What it does on the way is the product's own logic (`ReshareCase` and the rest); what it adds is malice. Every message
that it ever sent may be sent again at any time, and everything that it relays is recorded for `views`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kms.coordinator.resharing import MadePlan, ReshareCase
from kms.custodian.node import CustodianNode
from kms.custodian.resharing import Batch, Dealt, OldPlan
from kms.errors import KmsError, Unavailable
from kms.statements import quorums
from kms.statements.ceremony import (
    ReshareOrder,
    open_order,
)
from kms.statements.envelope import Envelope, Signed
from kms.statements.ids import KeyId, Version
from kms.statements.manifest import open_sealing_key
from tests.protocol.ceremonies import make_order, message
from tests.siege.byzantine import bend, words_of
from tests.siege.invariants import Law
from tests.siege.records import Records
from tests.siege.world import Site


@dataclass(slots=True)
class Message:
    """One call of one custodian: what to ask it, and what to make of the answer."""

    what: str
    to: int
    ask: Callable[[CustodianNode], Any]
    heard: Callable[[Any], None]
    refused: Callable[[KmsError], None] = lambda error: None


@dataclass(slots=True)
class Planned:
    """A plan with all that its erasing needs."""

    name: str
    case: ReshareCase
    made: MadePlan
    words: dict[int, Envelope] = field(default_factory=dict)

    @property
    def old_plan(self) -> OldPlan:
        return OldPlan(self.made.payload, self.case.key_ids, self.made.points)


@dataclass(slots=True)
class Coordinator:
    """`tell` writes the story; `waiting` are messages on their way, `sent` those that arrived somewhere."""

    site: Site
    records: Records
    law: Law
    rng: random.Random
    tell: Callable[[str], None]
    waiting: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    orders: list[Signed[ReshareOrder]] = field(default_factory=list)
    plans: dict[Version, Planned] = field(default_factory=dict)
    cases: list[ReshareCase] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    losses: float = 0.0
    repeats: float = 0.0
    """How often a message is dropped, and how often an old one comes instead."""
    _old_keys: dict[int, Envelope] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # -- messages ------------------------------------------------------------------------------------------

    def push(self, what: str, to: int, ask: Any, heard: Any, refused: Any = lambda error: None) -> None:
        self.waiting.append(Message(what, to, ask, heard, refused))

    def deliver_any(self) -> None:
        """Any message that waits; now and then it arrives twice, or never, or an old one does."""
        chance = self.rng.random()
        if self.sent and (chance < self.repeats or not self.waiting):
            self.deliver(self.rng.choice(self.sent), "again: ")
        elif self.waiting:
            # Mostly of the latest: what is long overtaken seldom leads anywhere.
            (latest,) = self.rng.choices((2, 4, 10, 100), (4, 3, 2, 1))
            latest = min(latest, len(self.waiting))
            taken = self.waiting.pop(-1 - self.rng.randrange(latest))
            if chance < self.repeats + self.losses:
                self.tell(f"withheld: {taken.what} -> {taken.to}")
                return
            self.sent.append(taken)
            self.deliver(taken)

    def deliver(self, sent: Message, how: str = "") -> None:
        line = f"{how}{sent.what} -> {sent.to}"
        node = self.site.nodes.get(sent.to)
        try:
            if node is None:
                raise Unavailable("it is down")
            answer = sent.ask(node)
        except KmsError as error:
            self.tell(f"{line}: {error.reason}")
            self.count(f"refused {error.reason}")
            self.law.blamed(sent.to, error)
            sent.refused(error)
            return
        self.tell(line)
        sent.heard(answer)

    # -- resharing -----------------------------------------------------------------------------------------

    def order(self, *, careless: bool = False) -> Signed[ReshareOrder]:
        """The admins' next order; careless ones give a number twice."""
        sequence = len({o.statement.sequence for o in self.orders}) + (0 if careless and self.orders else 1)
        self.orders.append(make_order(self.site, sequence, reason=f"order {len(self.orders)}"))
        self.tell(f"admins order {sequence}")
        return self.orders[-1]

    def begin(self, order: Signed[ReshareOrder]) -> None:
        """Ask for dealings of all that some custodian lists under this order."""
        for version, threshold, key_ids in self.listed(order.statement.sequence):
            self._ask_to_deal(order, version, threshold, key_ids)

    def listed(self, sequence: int) -> list[tuple[Version, int, tuple[KeyId, ...]]]:
        found: dict[tuple[Version, int], dict[KeyId, None]] = {}
        for node in list(self.site.nodes.values()):
            try:
                for version, threshold, key in node.list_keys(sequence, 0, 100)[0]:
                    found.setdefault((version, threshold), {})[key] = None
            except KmsError as error:
                self.count(f"refused {error.reason}")
        return [(version, threshold, tuple(keys)) for (version, threshold), keys in found.items()]

    def sealing_keys(self, members: Sequence[int]) -> list[Envelope]:
        """Those of now; of some custodians, one that it had before."""
        found = []
        for index in members:
            node = self.site.nodes.get(index)
            old = self._old_keys.get(index)
            if old is not None and (node is None or self.rng.random() < 0.1):
                found.append(old)
            elif node is not None:
                try:
                    key = message(node.sealing_key().envelope)
                    if self.rng.random() < 0.9:  # dealers refuse to deal to a bad one: it is left out, mostly
                        open_sealing_key(key, self.site.keyring, index, self.site.clock())
                    self._old_keys[index] = key
                    found.append(key)
                except KmsError as error:
                    self.count(f"refused {error.reason}")
        return found

    def _ask_to_deal(
        self, order: Signed[ReshareOrder], version: Version, threshold: int, key_ids: tuple[KeyId, ...]
    ) -> None:
        site = self.site
        keyring = site.chain.in_force(site.clock())
        try:
            opened = open_order(order.envelope, site.chain, site.clock())
        except KmsError:
            return  # of a manifest before
        case = ReshareCase(site.chain, keyring, opened, version, threshold, key_ids)
        self.cases.append(case)
        number = len(self.cases)
        members = [i for i in keyring.manifest.indices if i in site.nodes]
        sealing_keys = self.sealing_keys(members)
        newcomers = frozenset(i for i in members if len(site.nodes[i].descriptors(key_ids)) < len(key_ids))
        for index in case.holders():
            self.push(
                f"deal c{number}",
                index,
                lambda node: node.deal(order.message, version, key_ids, sealing_keys, newcomers),
                lambda dealt, index=index: self._dealt(case, number, index, dealt),
            )

    def _dealt(self, case: ReshareCase, number: int, index: int, dealt: Dealt) -> None:
        envelope = message(dealt.dealing)
        self.records.dealing(index, case.key_ids, envelope, dealt.points)
        before = len(case.dealings)
        try:
            case.add_dealing(index, envelope, dealt.points, dealt.blobs)
        except KmsError as error:
            self.law.blamed(index, error)
            return
        enough = case.from_threshold
        if len(case.dealings) >= enough and (before < enough or self.rng.random() < 0.3):
            self.plan(case, number, fork=before >= enough)

    def plan(self, case: ReshareCase, number: int, *, fork: bool = False) -> None:
        """A plan of the dealings that there are; a fork takes others of them."""
        if fork:
            taken = self.rng.sample(sorted(case.dealings), case.from_threshold)
            case = replace(case, dealings={i: case.dealings[i] for i in taken}, installed={}, made=None)
            self.count("forks")
        try:
            made = case.plan()
        except KmsError:
            return
        if made.version in self.plans:
            return
        planned = self.plans[made.version] = Planned(f"p{len(self.plans) + 1}", case, made)
        dealings = [held.signed.message for held in made.dealings.values()]
        self.records.plan(made.payload, case.key_ids, dealings)
        self.tell(f"{planned.name} planned of c{number} by {list(made.dealers)}")
        for index in case.keyring.manifest.indices:
            if all(index in held.blobs for held in made.dealings.values()):
                self.push(
                    f"install {planned.name}",
                    index,
                    lambda node, index=index: node.install(self._batch(planned, index)),
                    lambda word, index=index: self._installed(planned, index, word),
                    lambda error, index=index: self._not_installed(planned, index, error),
                )

    def _batch(self, planned: Planned, index: int) -> Batch:
        case, made = planned.case, planned.made
        batch = Batch(
            case.order.message,
            made.payload,
            case.key_ids,
            made.points,
            tuple(held.signed.message for held in made.dealings.values()),
            {i: held.blobs[index] for i, held in made.dealings.items()},
            self.descriptors(case.key_ids),
        )
        if self.rng.random() < 0.92:
            return batch
        other = self.rng.choice(list(self.plans.values())).made
        return bend(batch, other.payload, other.points, self.rng.choice(self.orders).message, self.rng)

    def descriptors(self, key_ids: Sequence[KeyId]) -> tuple[bytes, ...]:
        for node in self.site.nodes.values():
            found = node.descriptors(key_ids)
            if len(found) == len(key_ids):
                return tuple(found)
        return ()

    def _installed(self, planned: Planned, index: int, word: bytes) -> None:
        envelope = message(word)
        case = planned.case
        try:
            case.add_installed(index, envelope)
        except KmsError:
            return  # of another plan: the batch was bent; or of a repair
        new = index not in planned.words
        planned.words[index] = envelope
        self.count("installed")
        if new and len(planned.words) == quorums.durable(case.keyring.threshold):
            self.count("certificates")
            self.erase(planned)

    def _not_installed(self, planned: Planned, index: int, error: KmsError) -> None:
        if error.reason != "COMBINED_WRONG":
            return
        made = planned.made
        old = self.plans.get(planned.case.from_version)
        points = [held.packed_points for held in made.dealings.values()]
        self.push(
            f"find cheat {planned.name}",
            index,
            lambda node: node.find_cheat(
                self._batch(planned, index), points, old.old_plan if old else OldPlan()
            ),
            lambda complaints: self._complained(planned, index, complaints),
        )

    def _complained(self, planned: Planned, index: int, complaints: Sequence[bytes]) -> None:
        for envelope in complaints:
            try:
                dealer = planned.case.add_complaint(index, message(envelope))
            except KmsError:
                continue  # about a dealing that is left out by now
            self.count("complaints")
            self.law.accused(index, dealer)
        if len(planned.case.choose_dealers(sorted(planned.case.dealings))) == planned.case.from_threshold:
            self.plan(planned.case, 0)

    # -- erasing -------------------------------------------------------------------------------------------

    def erase(self, planned: Planned, words: Mapping[int, Envelope] | None = None) -> None:
        """Bring a certificate to everybody: of all words that there are, or of these."""
        chosen = list((words or planned.words).values())
        for index in sorted(self.site.disks):
            self.push(
                f"erase {planned.name} ({len(chosen)} words)",
                index,
                lambda node: node.erase(planned.made.payload, planned.case.key_ids, chosen),
                lambda word, index=index: self._erased(planned, index),
            )

    def erase_early(self) -> None:
        """A certificate of the words so far, and of whatever the liars sign."""
        if self.plans:
            planned = self.rng.choice(list(self.plans.values()))
            liars = {i: self.site.nodes[i] for i in self.site.liars if i in self.site.nodes}
            self.erase(planned, {**planned.words, **words_of(liars, planned.made.payload)})

    def _erased(self, planned: Planned, index: int) -> None:
        self.count("erased")
        case = planned.case
        members = case.keyring.manifest.indices
        sequence = case.order.statement.sequence
        self.law.erased(index, case.key_ids, planned.made.version, sequence, members)
