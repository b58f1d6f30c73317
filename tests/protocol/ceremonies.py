"""Ceremonies over a world's nodes, carried out by the coordinator's own logic without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from kms.coordinator.resharing import MadePlan, ReshareCase, held_in_common
from kms.crypto.signing import SigningKey
from kms.custodian.resharing import Batch, OldPlan
from kms.errors import KmsError
from kms.statements import quorums
from kms.statements.ceremony import ReshareOrder, open_order
from kms.statements.chain import Chain, extend
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.ids import KeyId, Version
from kms.statements.manifest import Manifest
from kms.wire.v1 import keyring_pb2
from tests.protocol.world import World, custodian_of, signing_key


def message(envelope: bytes) -> Envelope:
    return keyring_pb2.Envelope.FromString(envelope)


def make_order(
    world: World, sequence: int = 1, *signers: SigningKey, reason: str = "refresh"
) -> Signed[ReshareOrder]:
    """An order to the committee of the manifest in force, by the admin or by these keys."""
    keyring = world.chain.in_force(world.clock())
    order = ReshareOrder(keyring.keyring_id, keyring.manifest_hash, sequence, reason, world.clock())
    return sign(order, *(signers or (signing_key("admin"),)))


def next_manifest(world: World, **changes: object) -> Manifest:
    """What follows the last manifest, with these changes."""
    last = world.chain.last
    return replace(
        last.manifest,
        sequence=last.manifest.sequence + 1,
        previous_hash=last.manifest_hash,
        keyring_id=last.keyring_id,
        created_at=world.clock(),
        **changes,  # type: ignore[arg-type]
    )


def change_committee(
    world: World, indices: Iterable[int], threshold: int, *, start: bool = True, **changes: object
) -> Chain:
    """The chain with a manifest of these custodians, signed by all whom it concerns; newcomers are started."""
    indices = tuple(indices)
    for index in indices:
        world.admit(index)
    changes = {"name": world.chain.last.manifest.name, **changes}
    manifest = next_manifest(
        world,
        custodians=tuple(custodian_of(i, world.identities[i]) for i in indices),
        threshold=threshold,
        durable_quorum=max(quorums.durable(threshold), threshold + 1),
        **changes,
    )
    signers = {i: world.identities[i] for i in (*world.chain.last.manifest.indices, *indices)}
    world.chain = extend(world.chain, sign(manifest, signing_key("admin"), *signers.values()).envelope)
    for node in world.nodes.values():
        node.follow_chain(world.chain.envelopes)
    world.keyring = world.chain.in_force(world.clock())
    for index in indices if start else ():
        if index not in world.nodes:
            world.start(index)
    return world.chain


@dataclass(slots=True)
class Resharing:
    """A resharing of all keys, batch by batch; tests step in wherever they like."""

    world: World
    order: Signed[ReshareOrder]
    away: set[int] = field(default_factory=set)
    batch_size: int = 16
    cases: list[ReshareCase] = field(default_factory=list)

    @property
    def up(self) -> list[int]:
        return [i for i in self.world.nodes if i not in self.away]

    def batches(self) -> list[tuple[Version, int, tuple[KeyId, ...]]]:
        """(version, threshold, keys) that still lack a share of the order, over what every node that is up lists."""
        found: dict[tuple[Version, int], dict[KeyId, None]] = {}
        for index in self.up:
            after = 0
            while True:
                listed, after = self.world.nodes[index].list_keys(self.order.statement.sequence, after, 100)
                for version, threshold, key_id in listed:
                    found.setdefault((version, threshold), {})[key_id] = None
                if not after:
                    break
        return [
            (version, threshold, tuple(keys)[at : at + self.batch_size])
            for (version, threshold), keys in found.items()
            for at in range(0, len(keys), self.batch_size)
        ]

    def common(self, keys: Sequence[KeyId]) -> list[tuple[Version, int, tuple[KeyId, ...]]]:
        """What enough nodes hold of these keys."""
        return held_in_common({i: self.world.nodes[i].list_versions(keys) for i in self.up})

    def case(self, version: Version, threshold: int, keys: Sequence[KeyId]) -> ReshareCase:
        world = self.world
        order = open_order(self.order.envelope, world.chain, world.clock())
        case = ReshareCase(
            world.chain, world.chain.in_force(world.clock()), order, version, threshold, tuple(keys)
        )
        self.cases.append(case)
        return case

    def newcomers(self, case: ReshareCase) -> frozenset[int]:
        """Members that lack one of the keys."""
        return frozenset(
            i
            for i in case.keyring.manifest.indices
            if i in self.up and len(self.world.nodes[i].descriptors(case.key_ids)) < len(case.key_ids)
        )

    def collect_dealings(self, case: ReshareCase) -> None:
        world = self.world
        members = [i for i in case.keyring.manifest.indices if i in self.up]
        sealing_keys = [message(world.nodes[i].sealing_key().envelope) for i in members]
        newcomers = self.newcomers(case)
        for index in case.holders():
            if not case.missing_dealers():
                return
            if index in self.up and index not in case.dealings and index not in case.refused:
                try:
                    dealt = world.nodes[index].deal(
                        message(self.order.envelope), case.from_version, case.key_ids, sealing_keys, newcomers
                    )
                    case.add_dealing(index, message(dealt.dealing), dealt.points, dealt.blobs)
                except KmsError as error:
                    case.refused.setdefault(index, error.reason)

    def batch_for(self, case: ReshareCase, made: MadePlan, index: int) -> Batch:
        """What custodian `index` is handed of a plan."""
        descriptors: tuple[bytes, ...] = ()
        if index in self.newcomers(case):
            holder = next(i for i in made.dealers if i in self.world.nodes)
            descriptors = tuple(self.world.nodes[holder].descriptors(case.key_ids))
        return Batch(
            message(self.order.envelope),
            made.payload,
            case.key_ids,
            made.points,
            tuple(d.signed.message for d in made.dealings.values()),
            {i: d.blobs[index] for i, d in made.dealings.items()},
            descriptors,
        )

    def install(self, case: ReshareCase, made: MadePlan, *indices: int) -> dict[int, str]:
        """Hand the plan to these members, or to all that are up; who refused, and why."""
        refused = {}
        for index in indices or case.keyring.manifest.indices:
            if index in self.up:
                try:
                    envelope = self.world.nodes[index].install(self.batch_for(case, made, index))
                    case.add_installed(index, message(envelope))
                except KmsError as error:
                    refused[index] = error.reason
        return refused

    def find_cheats(self, case: ReshareCase, made: MadePlan, index: int) -> list[int]:
        """Let one member hold every dealing against its points; whom it complains of."""
        complaints = self.world.nodes[index].find_cheat(
            self.batch_for(case, made, index),
            [d.packed_points for d in made.dealings.values()],
            OldPlan(),
        )
        return [case.add_complaint(index, message(envelope)) for envelope in complaints]

    def erase(self, case: ReshareCase, made: MadePlan) -> None:
        for index in self.up:
            self.world.nodes[index].erase(made.payload, case.key_ids, case.certificate())

    def run(self, *, erase: bool = True) -> None:
        """All of it, on nodes that behave."""
        for version, threshold, keys in self.batches():
            case = self.case(version, threshold, keys)
            self.collect_dealings(case)
            made = case.plan()
            refused = self.install(case, made)
            assert not refused, refused
            if erase and case.durable():
                self.erase(case, made)
