"""One seed: a relay that plays with everything it ever saw, liars, deaths, wrong clocks; and a quiet end."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from kms.coordinator.resharing import HeldDealing, MadePlan, ReshareCase
from kms.crypto.hashing import equal
from kms.custodian.node import CustodianNode
from kms.custodian.repairing import Pieces, Repair, SummedPieces
from kms.custodian.resharing import Batch, OldPlan
from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.ceremony import Complaint, Installed, ReshareOrder, open_order, parse_plan
from kms.statements.chain import extend
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, Signed, sign, unpack
from kms.statements.ids import KeyId, Version
from kms.statements.manifest import Custodian, Keyring, SealingKey
from tests.protocol.ceremonies import Resharing, make_order, message, next_manifest
from tests.protocol.world import custodian_of, signing_key
from tests.simulation.disks import Death
from tests.simulation.invariants import Broken, Invariants, check_secrecy
from tests.simulation.keyrings import MortalWorld, pick, policies_remembered, template, world_of
from tests.simulation.views import Form, Views

R = TypeVar("R")
SHAPES = {(2, 3): 6, (2, 4): 2, (3, 5): 2}
"""(t, n) -> how often."""
GROWS_TO = {2: ((2, 3), (2, 4), (3, 5)), 3: ((3, 5), (3, 6), (4, 7))}
STEPS = 30
DAY = 86400
SKEW = 100
"""Seconds by which a clock may be wrong."""

CHANCES = {
    "deal": 9,
    "plan": 7,
    "install": 12,
    "erase": 6,
    "lie": 2,
    "repeat": 3,
    "kill": 3,
    "tell": 2,
    "clock": 2,
    "order": 1,
    "manifest": 1,
    "repair": 2,
    "wipe": 1,
}


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, of which order and for which committee."""

    order: Signed[ReshareOrder]
    keyring: Keyring
    keys: tuple[KeyId, ...]
    plan: MadePlan


@dataclass(slots=True)
class Play:
    """The state of one seed. `story` says what happened, a line a step."""

    seed: int
    rng: random.Random = field(init=False)
    world: MortalWorld = field(init=False)
    invariants: Invariants = field(init=False)
    views: dict[KeyId, Views] = field(init=False)
    liars: frozenset[int] = field(init=False)
    story: list[str] = field(default_factory=list)
    orders: list[Signed[ReshareOrder]] = field(default_factory=list)
    dealings: list[tuple[ReshareCase, int, HeldDealing]] = field(default_factory=list)
    plans: list[Made] = field(default_factory=list)
    words: dict[Version, dict[int, Envelope]] = field(default_factory=dict)
    thresholds: dict[Version, int] = field(default_factory=dict)
    sent: list[tuple[str, int, Callable[[CustodianNode], Any]]] = field(default_factory=list)
    lying: bool = False
    lowest: int = 2

    def run(self) -> None:
        """Play the seed; Broken if an invariant does not hold."""
        with policies_remembered():
            self._begin()
            for _ in range(self.rng.randint(5, STEPS)):
                self._step()
                self.invariants.check()
            self._end_quietly()

    # -- beginning ----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        rng = self.rng = random.Random(self.seed)
        threshold, n = rng.choices(tuple(SHAPES), tuple(SHAPES.values()))[0]
        made = template(threshold, n)
        world = self.world = world_of(made, n)
        self.lowest = threshold
        # Up to t-1 in all: who lies, and who will have lost a disk and with it what it promised to keep.
        self.liars = frozenset(rng.sample(range(1, n + 1), rng.randint(0, threshold - 1)))
        world.liars, world.lying = self.liars, lambda: self.lying
        world.skews = {i: rng.randint(-SKEW, SKEW) for i in range(1, 8)}
        for index in made.disks:
            world.start(index)
        self.invariants = Invariants(world, made.keys, made.secrets, set(self.liars))
        self.views = {key.key_id: Views(threshold) for key in made.keys}
        version = made.keys[0].descriptor.version
        self.thresholds[version] = threshold
        for view in self.views.values():
            view.deal_first(version, range(1, n + 1))
        self._note(f"{threshold} of {n}, liars {sorted(self.liars)}")
        self._order()
        self._spy()

    def _note(self, line: str) -> None:
        self.story.append(line)

    def _ask(
        self, index: int, what: str, work: Callable[[CustodianNode], R], *, again: bool = True
    ) -> R | None:
        """One call of a node; None if it refuses, or dies (and is started again)."""
        if again:
            self.sent.append((what, index, work))
        try:
            answer = work(self.world.nodes[index])
        except KmsError as error:
            self._note(f"{what} at {index}: {error.reason}")
            return None
        except Death:
            self._note(f"{what} at {index}: dies")
            self.world.start(index)
            return None
        self._note(f"{what} at {index}")
        return answer

    # -- steps ---------------------------------------------------------------------------------------------

    def _step(self) -> None:
        self.lying = self.rng.random() < 0.5
        getattr(self, "_" + pick(self.rng, CHANCES))()
        self._spy()

    @property
    def _keyring(self) -> Keyring:
        return self.world.chain.in_force(self.world.clock())

    def _order(self) -> None:
        """The admins order that keys be dealt anew; the relay may go on with the order before all the same."""
        if len(self.orders) < 3:
            self.orders.append(make_order(self.world, len(self.orders) + 1))
            self._note(f"order {len(self.orders)}")

    def _deal(self) -> None:
        rng, world = self.rng, self.world
        order, index = rng.choice(self.orders), rng.choice(tuple(world.nodes))
        try:
            opened = open_order(order.envelope, world.chain, world.clock())
        except KmsError:
            return  # of a manifest before this one
        keyring = self._keyring
        version = self._some_version(index)
        ids = [key.key_id for key in self.invariants.keys]
        keys = tuple(ids if rng.random() < 0.7 else [rng.choice(ids)])
        members = [i for i in keyring.manifest.indices if i in world.nodes]
        receivers = members if rng.random() < 0.8 else rng.sample(members, rng.randint(1, len(members)))
        sealing = {i: world.nodes[i].sealing_key() for i in receivers}
        newcomers = frozenset(i for i in receivers if len(world.nodes[i].descriptors(keys)) < len(keys))
        envelopes = [message(s.envelope) for s in sealing.values()]
        dealt = self._ask(
            index,
            "deal",
            lambda node: node.deal(order.message, version, keys, envelopes, newcomers),
            again=False,
        )
        if dealt is None:
            return
        case = ReshareCase(world.chain, keyring, opened, version, self.thresholds[version], keys)
        try:
            case.add_dealing(index, message(dealt.dealing), dealt.points, dealt.blobs)
        except KmsError as error:
            if index not in self.liars:
                raise Broken(f"honest {index} made a dealing that is none: {error.reason}") from None
            return
        held = case.dealings[index]
        self.dealings.append((case, index, held))
        targets = {t.index: t.sealing_key_id for t in held.signed.statement.targets}
        for key_id in keys:
            self.views[key_id].deal_on(
                version, index, keyring.threshold, held.signed.hash, targets, index in self.liars
            )

    def _some_version(self, index: int) -> Version:
        """Mostly one that the custodian has, so that something comes of it."""
        known = tuple(self.thresholds)
        if self.rng.random() < 0.9:
            view = next(iter(self.views.values()))
            mine = [v for v in known if (v, index) in view.shares]
            if mine:
                return self.rng.choice(mine)
        return self.rng.choice(known)

    def _plan(self) -> None:
        """Any t dealings of one version, order and batch, of different dealers: not always the first ones."""
        if not self.dealings:
            return
        case, _, _ = self.rng.choice(self.dealings)
        alike: dict[int, HeldDealing] = {}
        for other, index, held in self.rng.sample(self.dealings, len(self.dealings)):
            same = (
                equal(other.from_version, case.from_version)
                and other.key_ids == case.key_ids
                and equal(other.order.hash, case.order.hash)
            )
            if same:
                alike.setdefault(index, held)
        if len(alike) < case.from_threshold:
            return
        chosen = self.rng.sample(sorted(alike), case.from_threshold)
        mine = ReshareCase(
            case.chain, case.keyring, case.order, case.from_version, case.from_threshold, case.key_ids
        )
        mine.dealings.update((i, alike[i]) for i in chosen)
        try:
            plan = mine.plan()
        except KmsError as error:
            self._note(f"no plan: {error.reason}")
            return
        self.plans.append(Made(case.order, case.keyring, case.key_ids, plan))
        self.thresholds[plan.version] = case.keyring.threshold
        self._note(f"plan {plan.version.hex()[:6]} of {sorted(chosen)}")

    def _batch(self, made: Made, index: int) -> Batch:
        blobs = {i: d.blobs[index] for i, d in made.plan.dealings.items() if index in d.blobs}
        if self.rng.random() < 0.1 and len(blobs) > 1:  # a relay that swaps what it carries
            (a, x), (b, y) = list(blobs.items())[:2]
            blobs[a], blobs[b] = y, x
        descriptors = tuple(key.descriptor.payload for key in self.invariants.keys if key.key_id in made.keys)
        return Batch(
            made.order.message,
            made.plan.payload,
            made.keys,
            made.plan.points,
            tuple(d.signed.message for d in made.plan.dealings.values()),
            blobs,
            descriptors,
        )

    def _install(self) -> None:
        if not self.plans:
            return
        made = self.rng.choice(self.plans[-3:])
        index = self.rng.choice(tuple(self.world.nodes))
        batch = self._batch(made, index)
        self._ask(index, "install", lambda node: self._installed(node, made, index, batch))

    def _installed(self, node: CustodianNode, made: Made, index: int, batch: Batch) -> None:
        version = made.plan.version
        dealings = {i: d.signed.hash for i, d in made.plan.dealings.items()}
        for key_id in made.keys:  # before the call: who dies after the write has it all the same
            self.views[key_id].install(version, index, dealings)
        try:
            word = message(node.install(batch))
        except KmsError as error:
            if error.reason == "COMBINED_WRONG":
                self._find_cheat(node, made, index, batch)
            raise
        self.words.setdefault(version, {})[index] = word

    def _find_cheat(self, node: CustodianNode, made: Made, index: int, batch: Batch) -> None:
        points = [d.packed_points for d in made.plan.dealings.values()]
        old = next(
            (p for p in self.plans if equal(p.plan.version, parse_plan(batch.plan).from_version)), None
        )
        planned = OldPlan(old.plan.payload, old.keys, old.plan.points) if old else OldPlan()
        for envelope in node.find_cheat(batch, points, planned):
            accused = decode(Complaint, unpack(envelope)[1]).dealer
            if index not in self.liars and accused not in self.liars:
                raise Broken(f"honest {index} complains of honest {accused}")

    def _lie(self) -> None:
        """A liar says that it installed what it never did."""
        if not self.plans or not self.liars:
            return
        made, index = self.rng.choice(self.plans), self.rng.choice(sorted(self.liars))
        plan = parse_plan(made.plan.payload)
        word = Installed(
            made.keyring.keyring_id,
            made.keyring.manifest_hash,
            index,
            made.plan.version,
            plan.sequence,
            plan.count,
            self.world.clock(),
            0,
        )
        self.words.setdefault(made.plan.version, {}).setdefault(
            index, sign(word, self.world.identities[index]).message
        )
        self._note(f"{index} says that it installed {made.plan.version.hex()[:6]}")

    def _erase(self) -> None:
        if not self.plans:
            return
        made = self.rng.choice(self.plans)
        words = list(self.words.get(made.plan.version, {}).values())
        if self.rng.random() < 0.2:
            words = self.rng.sample(words, self.rng.randint(0, len(words))) * 2
        index = self.rng.choice(tuple(self.world.nodes))
        self._ask(index, "erase", lambda node: self._erased(node, made, index, words))

    def _erased(self, node: CustodianNode, made: Made, index: int, words: Sequence[Envelope]) -> None:
        node.erase(made.plan.payload, made.keys, words)
        sequence = parse_plan(made.plan.payload).sequence
        for key_id, key in node.context.store.keys(made.keys).items():
            if key.share_of(made.plan.version) is not None:
                known = self.invariants.erased.get((index, key_id), 0)
                self.invariants.erased[index, key_id] = max(known, sequence)

    def _repeat(self) -> None:
        """Something that was asked before, again: of whomever it was asked, as it was."""
        if self.sent:
            what, index, work = self.rng.choice(self.sent)
            if index in self.world.nodes:
                self._ask(index, f"again: {what}", work, again=False)

    def _kill(self) -> None:
        """The process dies now, or at one of its next writes, before or after it is durable."""
        index = self.rng.choice(tuple(self.world.nodes))
        if self.rng.random() < 0.3:
            self.world.start(index)
            self._note(f"{index} is started again")
        else:
            self.world.fuses[index].left = self.rng.randint(1, 6)
            self._note(f"{index} will die")

    def _tell_chain(self, index: int, envelopes: Sequence[bytes]) -> None:
        self._ask(index, "chain", lambda node: node.follow_chain(envelopes))

    def _clock(self) -> None:
        """Time goes on; now and then so long that sealing keys of before are erased."""
        seconds = self.rng.choice((1, 60, 600, 4 * DAY))
        self.world.clock.turn(seconds)
        self._note(f"{seconds} s later")
        self.world.skews[self.rng.choice(tuple(self.world.nodes))] = self.rng.randint(-SKEW, SKEW)
        for index in tuple(self.world.nodes):
            self._ask(index, "tick", lambda node: node.tick(), again=False)

    def _manifest(self) -> None:
        """Another committee or threshold. Everybody who must has signed; who hears of it is up to the relay."""
        world = self.world
        if len(world.chain.links) > 2:
            return
        threshold, n = self.rng.choice(GROWS_TO[self.lowest])
        last = world.chain.last.manifest
        stay = [i for i in last.indices if self.rng.random() < 0.8 or i in self.liars]
        fresh = [i for i in range(1, 12) if not any(i in link.manifest.indices for link in world.chain.links)]
        indices = tuple(sorted((stay + fresh)[:n]))
        if len(indices) < n:
            return
        for index in indices:
            world.admit(index)
        manifest = next_manifest(
            world,
            custodians=tuple(_elsewhere(custodian_of(i, world.identities[i])) for i in indices),
            threshold=threshold,
            durable_quorum=max(quorums.durable(threshold), threshold + 1),
            change_delay=0,
        )
        signers = {i: world.identities[i] for i in (*last.indices, *indices)}
        signed = sign(manifest, signing_key("admin"), *signers.values())
        world.chain = extend(world.chain, signed.envelope)
        for index in indices:
            if index not in world.nodes:
                world.start(index)
        self._note(f"manifest: {threshold} of {indices}")

    def _tell(self) -> None:
        """Some hear of a manifest, or of an old chain again."""
        envelopes = self.world.chain.envelopes
        if self.rng.random() < 0.3:
            envelopes = envelopes[: self.rng.randint(1, len(envelopes))]
        for index in tuple(self.world.nodes):
            if self.rng.random() < 0.6:
                self._tell_chain(index, envelopes)

    def _wipe(self) -> None:
        """A disk is lost. Its custodian counts among the faulty from now on: what it promised is gone."""
        if len(self.invariants.faulty) >= self.lowest - 1:
            return
        index = self.rng.choice([i for i in self.world.nodes if i not in self.invariants.faulty])
        self.invariants.faulty.add(index)
        self.world.wipe(index)
        self._note(f"{index} loses its disk")

    def _repair(self) -> None:
        """Bring a share back to somebody, at any moment and in any version that the relay likes to name."""
        world, rng = self.world, self.rng
        members = self._keyring.manifest.indices
        lost = rng.choice([i for i in members if i in world.nodes])
        version = rng.choice(tuple(self.thresholds))
        keys = tuple(key.key_id for key in self.invariants.keys)
        others = [i for i in members if i != lost and i in world.nodes]
        if len(others) < self.thresholds[version]:
            return
        helpers = tuple(sorted(rng.sample(others, self.thresholds[version])))
        task = self._ask(lost, "repair", lambda node: node.start_repair(version, helpers, keys), again=False)
        if task is not None:
            _Repairing(self, lost, version, helpers, keys, message(task)).run()

    # -- what the adversary sees ---------------------------------------------------------------------------

    def _spy(self) -> None:
        """Read the liars' disks: their shares, and whatever was sealed to sealing keys that they still have."""
        for index in self.liars:
            context = self.world.nodes[index].context
            mine = [_sealing_key_id(s.envelope) for s in context.store.sealing_keys()]
            for view in self.views.values():
                view.corrupt(index, self.thresholds, mine)

    # -- the end -------------------------------------------------------------------------------------------

    def _end_quietly(self) -> None:
        """The adversary goes quiet: then a resharing comes to its end, and every key opens."""
        check_secrecy(self.views)
        self.lying = False
        for fuse in self.world.fuses.values():
            fuse.left = 0
        self.world.clock.turn(2 * SKEW)  # the last manifest is in force by everybody's clock
        for index in tuple(self.world.nodes):
            self._tell_chain(index, self.world.chain.envelopes)
        self.world.keyring = self._keyring
        self._finish()
        self.invariants.check()
        check_secrecy(self.views)
        self._read()

    def _finish(self) -> None:
        self.orders.append(make_order(self.world, len(self.orders) + 1))
        resharing = Resharing(self.world, self.orders[-1])
        for version, threshold, keys in resharing.batches():
            if not self._finish_batch(resharing, version, threshold, keys):
                for other in resharing.common(keys):
                    self._finish_batch(resharing, *other)
        if resharing.batches():
            raise Broken("a quiet resharing did not come to its end")

    def _finish_batch(
        self, resharing: Resharing, version: Version, threshold: int, keys: tuple[KeyId, ...]
    ) -> bool:
        case = resharing.case(version, threshold, keys)
        resharing.collect_dealings(case)
        try:
            made = case.plan()
        except KmsError as error:
            self._note(f"end: no plan of {version.hex()[:6]}: {error.reason} {case.refused}")
            return False
        refused = resharing.install(case, made)
        self._note(f"end: {made.version.hex()[:6]} {sorted(case.installed)} {refused}")
        if case.durable():
            resharing.erase(case, made)
        self._record_end(case, {i: d.signed.hash for i, d in made.dealings.items()}, made)
        return True

    def _record_end(self, case: ReshareCase, dealings: dict[int, bytes], made: MadePlan) -> None:
        self.thresholds[made.version] = case.keyring.threshold
        for key_id in case.key_ids:
            view = self.views[key_id]
            for index, held in made.dealings.items():
                targets = {t.index: t.sealing_key_id for t in held.signed.statement.targets}
                view.deal_on(
                    case.from_version,
                    index,
                    case.keyring.threshold,
                    held.signed.hash,
                    targets,
                    index in self.liars,
                )
            for index in case.installed:
                view.install(made.version, index, dealings)
        self._spy()

    def _read(self) -> None:
        self.world.skews.clear()  # clocks that are as wrong as here refuse fresh credentials, as they should
        self.world.clock.turn(SKEW)
        owner = self.world.device("owner")
        collected = self.world.release(owner, self.invariants.keys)
        for key in self.invariants.keys:
            opened = collected.opened.get(key.key_id)
            if opened is None:
                raise Broken(f"a key does not open at the end: {collected.failure(0).message}")
            if opened.secret != key.secret:
                raise Broken("a key opens to something else")
        if any(fault.index not in self.liars for fault in collected.faults):
            raise Broken(f"an honest custodian is blamed: {collected.faults}")


@dataclass(slots=True)
class _Repairing:
    """One repair, which the relay may break off anywhere."""

    play: Play
    lost: int
    version: Version
    helpers: tuple[int, ...]
    keys: tuple[KeyId, ...]
    task: Envelope

    def run(self) -> None:
        play, world = self.play, self.play.world
        sealing = {i: world.nodes[i].sealing_key() for i in (*self.helpers, self.lost)}
        envelopes = [message(sealing[i].envelope) for i in self.helpers]
        ids = {i: s.statement.id for i, s in sealing.items()}
        made, forms = {}, {}
        for helper in self.helpers:
            answer = play._ask(
                helper, "pieces", lambda node: node.make_pieces(self.task, self.keys, envelopes), again=False
            )
            if answer is None:
                return
            made[helper] = answer
            forms[helper] = self._note_pieces(helper, ids)
        pieces = Pieces(
            self.task,
            self.keys,
            tuple(message(made[i].statement) for i in self.helpers),
            tuple(made[i].points for i in self.helpers),
        )
        sums, to = {}, message(sealing[self.lost].envelope)
        for helper in self.helpers:
            blobs = {i: m.blobs[helper] for i, m in made.items()}
            summed = play._ask(helper, "sums", partial(_sum, pieces, blobs, to), again=False)
            if summed is None:
                return
            sums[helper] = summed
            for key_id in self.keys:
                got = [forms[i][key_id][helper] for i in self.helpers]
                play.views[key_id].pass_on(got, self.lost, ids[self.lost])
        plan = next((p for p in play.plans if equal(p.plan.version, self.version)), None)
        repair = Repair(
            pieces,
            tuple(key.descriptor.payload for key in play.invariants.keys if key.key_id in self.keys),
            tuple(message(sums[i].statement) for i in self.helpers),
            {i: s.sealed for i, s in sums.items()},
            OldPlan(plan.plan.payload, plan.keys, plan.plan.points) if plan else OldPlan(),
        )
        play._ask(self.lost, "brought back", lambda node: self._bring_back(node, repair))

    def _note_pieces(self, helper: int, ids: dict[int, bytes]) -> dict[KeyId, dict[int, Form]]:
        forms = {}
        for key_id in self.keys:
            view = self.play.views[key_id]
            forms[key_id] = view.piece(self.version, self.lost, helper, self.helpers, ids)
            if helper in self.play.liars:
                view.made_by(forms[key_id])
        return forms

    def _bring_back(self, node: CustodianNode, repair: Repair) -> None:
        for key_id in self.keys:
            self.play.views[key_id].bring_back(self.version, self.lost, self.helpers)
        node.finish_repair(repair)


def _sum(pieces: Pieces, blobs: dict[int, bytes], to: Envelope, node: CustodianNode) -> SummedPieces:
    return node.sum_pieces(pieces, blobs, to)


def _elsewhere(custodian: Custodian) -> Custodian:
    """In a place of its own, as lint wants it."""
    index = custodian.index
    return replace(
        custodian, jurisdiction=f"{custodian.jurisdiction}{index}", hosting=f"{custodian.hosting} {index}"
    )


def _sealing_key_id(envelope: bytes) -> bytes:
    return decode(SealingKey, unpack(envelope)[1]).id


def play(seed: int) -> Play:
    """Play one seed; Broken, with the story so far and how to play it again, if an invariant does not hold."""
    played = Play(seed)
    try:
        played.run()
    except Exception as error:
        story = "\n".join(f"  {line}" for line in played.story)
        raise Broken(f"seed {seed}: {error}\n{story}\nplay it again: scripts/simulate {seed}") from error
    return played
