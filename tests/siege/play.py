"""One seed: a keyring, an adversary of its own, a few dozen steps in an order nobody would choose, then peace."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial

from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.chain import extend
from kms.statements.envelope import sign
from kms.statements.ids import KeyId, Version
from tests.protocol import coordinator as bends
from tests.protocol.ceremonies import next_manifest
from tests.protocol.world import custodian_of, signing_key
from tests.siege.byzantine import Liar
from tests.siege.invariants import Law, Violation
from tests.siege.network import Coordinator
from tests.siege.peace import Peace
from tests.siege.records import Records
from tests.siege.repairs import Repairs
from tests.siege.thief import ask_without_a_right
from tests.siege.views import Adversary, Forms, Told
from tests.siege.world import DAY, Founded, Site, founded

SHAPES = [((3, 2), 50), ((4, 2), 20), ((5, 3), 20), ((7, 3), 7), ((7, 4), 3)]
"""(n, t), and how often."""
WEIGHTS = (72, 2, 2, 3, 5, 5, 2, 2, 0.6, 0.7, 0.5)
"""How often what happens, in the order of `Play.step`."""
PAUSES = (30, 600, 3600, DAY, 4 * DAY, 8 * DAY)


@dataclass(slots=True)
class Play:
    """A seed's state. `story` says in words what happened, the same words for the same seed."""

    seed: int
    rng: random.Random
    template: Founded
    site: Site
    law: Law
    adversary: Adversary
    coordinator: Coordinator
    repairs: Repairs
    mobile: bool
    story: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> Play:
        rng = random.Random(f"schedule {seed}")
        ((n, t),) = rng.choices([s for s, _ in SHAPES], [w for _, w in SHAPES])
        template = founded(n, t, rng.choices([1, 2, 3], [5, 3, 2])[0])
        site = template.copy()
        mobile = rng.random() < 0.15
        bad = rng.sample(range(1, n + 1), rng.choice([t - 1, t - 1, t - 1, rng.randrange(t)]))
        corrupted = len(bad) if mobile or rng.random() < 0.7 else rng.randrange(len(bad) + 1)
        site.liars, site.lossy = set(bad[:corrupted]), set(bad[corrupted:])
        site.make_liar = partial(Liar, random.Random(f"mood {seed}"))
        keys = {key.key_id: key for key in template.keys}
        adversary = Adversary({k: key.descriptor.core.commitments[0] for k, key in keys.items()})
        law = Law(site, adversary, keys, set(bad))
        forms = Forms()
        for key_id, key in keys.items():
            forms.dealt(key.descriptor.version, key_id, key.descriptor.core.commitments)
        story: list[str] = []
        coordinator = Coordinator(site, Records(site, forms, adversary), law, rng, story.append)
        play = cls(
            seed,
            rng,
            template,
            site,
            law,
            adversary,
            coordinator,
            Repairs(coordinator),
            mobile,
            story,
        )
        # Every seed has a temper of its own: what never happens in one is all that happens in another.
        play.weights = [WEIGHTS[0], *(w * rng.choice((0, 0.5, 1, 1, 4)) for w in WEIGHTS[1:])]
        coordinator.losses = rng.choice((0, 0, 0.05, 0.15))
        coordinator.repeats = rng.choice((0, 0.05, 0.15))
        if not site.lossy:
            play.weights[7] = 0
        play.tell(f"{t} of {n}, {len(keys)} keys, corrupted {sorted(site.liars)}, lossy {sorted(site.lossy)}")
        return play

    def tell(self, line: str) -> None:
        self.story.append(line)

    # -- the whole of it -----------------------------------------------------------------------------------

    def run(self) -> None:
        Peace(self).set_clocks()
        for index in sorted(self.site.disks):
            self.site.start(index)
        self._record_deposit()
        for index in sorted(self.site.liars):
            self._corrupt(index)
        self.law.check()
        for _ in range(2 if self.mobile else 1):
            for _ in range(self.rng.choice((10, 20, 35, 50))):
                self.step()
            if self.mobile:
                self._move()
        Peace(self).make()

    def step(self) -> None:
        """One thing happens, then power may come back somewhere, and everything is checked."""
        deliver = self.coordinator.deliver_any if self.coordinator.waiting else self._order
        weights = self.weights
        (act,) = self.rng.choices(
            [
                deliver,
                self._order,
                self._go_on,
                self.coordinator.erase_early,
                self._repair,
                self._arm,
                self._wait,
                self._lose_disk,
                self._hand_over,
                self._release,
                self._steal,
            ],
            weights,
        )
        try:
            act()
        except KmsError as error:  # a power cut in the middle of what is not a message
            self.tell(f"{act.__name__}: {error.reason}")
        self._restart()
        self.law.check()

    def _restart(self) -> None:
        for index in self.site.reap():
            self.coordinator.count("power cuts")
            self.tell(f"power cut at {index}")
        for index in self.site.down():
            if self.rng.random() < 0.4:
                self.start(index)

    def start(self, index: int) -> None:
        try:
            self.site.start(index)
            self.tell(f"{index} starts")
        except KmsError as error:
            self.site.nodes.pop(index, None)
            self.tell(f"{index} does not start: {error.reason}")
            if error.reason not in ("POWER_LOSS", "UNAVAILABLE"):
                raise Violation(f"custodian {index} does not start again: {error.reason}") from error
            self.coordinator.count("power cuts")

    # -- what may happen -----------------------------------------------------------------------------------

    def _order(self) -> None:
        self.coordinator.begin(self.coordinator.order(careless=self.rng.random() < 0.1))

    def _go_on(self) -> None:
        """An order that was given before, again."""
        if self.coordinator.orders:
            self.coordinator.begin(self.rng.choice(self.coordinator.orders[-3:]))

    def _repair(self) -> None:
        listed = [*self.coordinator.listed((1 << 63) - 1), *self._old_versions()]
        members = self.site.keyring.manifest.indices
        if listed:
            # Best of all one that some have erased and enough still have.
            common = [one for one in listed if self.law.can_come_back(*one)]
            version, threshold, keys = self.rng.choice(common or listed)
            # Those who hold none of it can be asked to want it; liars want what they have, too.
            lacking = [
                i
                for i in members
                if (i in self.site.liars and not common) or not self.law.holds(i, keys, version)
            ] or list(members)
            self.repairs.begin(self.rng.choice(lacking), version, threshold, keys)

    def _old_versions(self) -> list[tuple[Version, int, tuple[KeyId, ...]]]:
        first = self.template.keys[0].descriptor
        found = [(first.version, first.core.threshold, tuple(self.law.keys))]
        found += [(v, p.case.keyring.threshold, p.case.key_ids) for v, p in self.coordinator.plans.items()]
        return found

    def _arm(self) -> None:
        index = self.rng.choice(sorted(self.site.disks))
        how = self.rng.choice(("before", "after", "after", "full"))
        self.site.powers[index].arm(how, self.rng.choice((0, 0, 0, 1, 2)))

    def _wait(self) -> None:
        seconds = self.rng.choice(PAUSES)
        self.site.clock.turn(seconds)
        self.tell(f"{seconds} s pass")
        for index in list(self.site.nodes):
            if self.rng.random() < 0.6:
                try:
                    self.site.nodes[index].tick()
                except KmsError as error:
                    self.tell(f"tick at {index}: {error.reason}")

    def _lose_disk(self) -> None:
        index = self.rng.choice(sorted(self.site.lossy))
        self.site.wipe(index)
        self.coordinator.count("lost disks")
        self.tell(f"the disk of {index} is lost")
        self.start(index)

    def _hand_over(self) -> None:
        """The next manifest: other custodians, another threshold."""
        site, rng = self.site, self.rng
        (shape,) = rng.choices([s for s, _ in SHAPES], [w for _, w in SHAPES])
        n, threshold = shape
        old = site.keyring.manifest.indices
        stay = rng.sample(old, min(len(old), n, rng.randrange(1, n + 1)))
        others = [i for i in range(1, 10) if i not in stay]
        indices = tuple(sorted((*stay, *rng.sample(others, n - len(stay)))))
        if len(self.law.faulty & set(indices)) >= threshold or len(site.chain.links) > 2:
            return
        for index in indices:
            site.admit(index)
        manifest = next_manifest(
            site,
            name=site.chain.last.manifest.name,
            custodians=tuple(custodian_of(i, site.identities[i]) for i in indices),
            threshold=threshold,
            durable_quorum=max(quorums.durable(threshold), threshold + 1),
        )
        signers = [site.identities[i] for i in sorted({*old, *indices})]
        site.chain = extend(site.chain, sign(manifest, signing_key("admin"), *signers).envelope)
        site.keyring = site.chain.in_force(site.clock())
        self.coordinator.count("manifests")
        self.tell(f"manifest {manifest.sequence}: {threshold} of {list(indices)}")
        for index in indices:
            if index not in site.disks:
                self.start(index)
        chain = site.chain.envelopes
        for index in sorted(site.disks):
            self.coordinator.push("follow chain", index, lambda n: n.follow_chain(chain), lambda _: None)

    def _release(self) -> None:
        bend = self.rng.choice(
            [
                bends.honest,
                bends.withholding(self.rng),
                bends.repeated(2),
                bends.shuffled(self.rng),
            ]
        )
        collected = self.site.release(self.template.owner, self.template.keys, bend=bend)
        self.check_opened(collected.opened, [fault.index for fault in collected.faults])
        self.tell(f"{len(collected.opened)} keys open")

    def check_opened(self, opened: object, blamed: list[int]) -> None:
        for key_id, key in dict(opened).items():  # type: ignore[call-overload]
            if key.secret != self.law.keys[key_id].secret:
                raise Violation("Same: a release gave another secret")
        honest = [i for i in blamed if i not in self.site.liars]
        if honest:
            raise Violation(f"Fair: a reader blames honest custodians {honest}")

    def _steal(self) -> None:
        ask_without_a_right(self.coordinator, self.template.keys)
        self.tell("a stranger asks, and the liars allow it")

    # -- an adversary that moves ---------------------------------------------------------------------------

    def _record_deposit(self) -> None:
        for target in self.template.sent.signed.statement.targets:
            told = {
                key_id: self.coordinator.records.forms.share(key.descriptor.version, key_id, target.index)
                for key_id, key in self.law.keys.items()
            }
            self.adversary.record(target.index, target.sealing_key_id, told)

    def _corrupt(self, index: int) -> None:
        self.law.look(index)
        told: list[Told] = [
            {key: self.coordinator.records.forms.share(version, key, index)}
            for key, versions in self.law.held[index].items()
            for version in versions
        ]
        self.adversary.corrupt(index, list(self.site.nodes[index].context.sealing._live), told)

    def _move(self) -> None:
        """The adversary gives up whom it holds; keys of old periods and old shares go; it takes others.

        A custodian that is cleaned takes part in a whole refresh, with sealing keys that the adversary never had,
        before others may be taken: that is what "at most t-1 at a time" means for somebody who moves.
        """
        self.tell("the adversary leaves")
        left, self.site.liars = self.site.liars, set()
        for index in sorted(left):
            self.adversary.leave(index)
        Peace(self).calm()
        self.site.clock.turn(8 * DAY)
        Peace(self).tick_all()
        Peace(self).refresh()
        self.law.faulty = set()
        self.law.check()
        Peace(self).tick_all()
        t = self.site.keyring.threshold
        self.site.liars = set(self.rng.sample(self.site.keyring.manifest.indices, t - 1))
        self.law.faulty = set(self.site.liars)
        for index in sorted(self.site.liars):
            self.start(index)
            self._corrupt(index)
        self.coordinator.count("moves")
        self.tell(f"the adversary takes {sorted(self.site.liars)}")
        self.law.check()
