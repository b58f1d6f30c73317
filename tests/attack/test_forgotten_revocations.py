"""A custodian's disk is put back to before a grant was taken back, or a key was killed: neither opens anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.statements.envelope import Envelope, sign
from kms.statements.evidence import Grant, Revocation
from kms.statements.kills import KeyKill
from kms.statements.release import Purpose
from kms_client.cache import OpenKey
from tests.protocol.adversary import ruling
from tests.protocol.peering import Peering, bring_back, put_back, snapshot
from tests.protocol.world import LAB, Device, World

TREATMENT = Purpose.TREATMENT


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


class Case:
    """A patient's key, a doctor with a grant, and custodian 1, whose disk was copied when both stood."""

    def __init__(self, world: World) -> None:
        self.world, self.peering = world, Peering(world)
        self.patient = world.device("patient")
        self.doctor = world.device("doctor", issuers=("a",))
        self.key: OpenKey = world.create(self.patient, (LAB,))[0]
        self.grant = world.grant(self.patient, self.doctor, keys=(self.key,))
        self.peering.all()
        snapshot(world, 1)

    def put_back(self) -> None:
        """The others have copied what was logged since; the disk is put back, and the log brought back."""
        self.peering.all()
        self.peering.all()
        put_back(self.world, 1)
        self.world.clock.turn(60)
        assert bring_back(self.world, 1, self.peering) is not None
        self.world.start(1)

    def decides(self, device: Device, *grants: Grant) -> str:
        """What custodian 1 decides on a request of this device."""
        envelopes = [sign(grant, self.patient.key).envelope for grant in grants]
        purpose = TREATMENT if grants else Purpose.PATIENT_ACCESS
        prepared = self.world.prepare(device, (self.key,), purpose=purpose, grants=envelopes)
        return ruling(self.world.decide_at(1, prepared))[0]


def revocation(case: Case, *, up_to: int = 0) -> Envelope:
    """The owner takes the grant back, or all up to a sequence."""
    world = case.world
    said = Revocation(
        world.keyring.keyring_id,
        world.keyring.manifest_hash,
        case.patient.thumbprint,
        b"" if up_to else case.grant.grant_id,
        up_to,
        world.clock(),
    )
    return sign(said, case.patient.key).message


def test_a_grant_that_was_taken_back_does_not_come_back(world: World) -> None:
    case = Case(world)
    assert case.decides(case.doctor, case.grant) == "ALLOW"
    taken_back = revocation(case)
    for node in world.nodes.values():
        node.revoke(taken_back)
    case.put_back()
    assert case.decides(case.doctor, case.grant) != "ALLOW"
    # It does not know which one it was: none of that owner's counts here, until it is told again.
    other = world.grant(case.patient, case.doctor, keys=(case.key,), sequence=2)
    assert case.decides(case.doctor, other) != "ALLOW"
    assert case.decides(case.patient) == "ALLOW", "the owner reads on"
    world.nodes[1].revoke(taken_back)
    assert case.decides(case.doctor, other) == "ALLOW"
    assert case.decides(case.doctor, case.grant) != "ALLOW"
    assert world.nodes[1].context.store.mirrors.untold() == []


def test_an_owner_who_lost_the_statement_takes_back_all_before(world: World) -> None:
    case = Case(world)
    for node in world.nodes.values():
        node.revoke(revocation(case))
    case.put_back()
    world.nodes[1].revoke(revocation(case, up_to=1))
    other = world.grant(case.patient, case.doctor, keys=(case.key,), sequence=2)
    assert case.decides(case.doctor, other) == "ALLOW"
    assert case.decides(case.doctor, case.grant) != "ALLOW"


def test_nobody_elses_grants_are_held_up(world: World) -> None:
    case = Case(world)
    stranger = world.device("stranger")
    theirs = world.grant(stranger, case.doctor, category="laboratory")
    for node in world.nodes.values():
        node.revoke(sign(revocation_of(world, stranger, theirs), stranger.key).message)
    case.put_back()
    assert case.decides(case.doctor, case.grant) == "ALLOW"


def revocation_of(world: World, owner: Device, grant: Grant) -> Revocation:
    keyring = world.keyring
    return Revocation(
        keyring.keyring_id, keyring.manifest_hash, owner.thumbprint, grant.grant_id, 0, world.clock()
    )


def test_a_killed_key_stays_dead(world: World) -> None:
    case = Case(world)
    keyring, thief = world.keyring, case.doctor
    assert case.decides(thief, case.grant) == "ALLOW"
    killed = sign(
        KeyKill(keyring.keyring_id, keyring.manifest_hash, thief.thumbprint, world.clock()), thief.key
    )
    for node in world.nodes.values():
        node.kill(killed.message)
    case.put_back()
    assert case.decides(thief, case.grant) == "DENY"
    world.nodes[1].kill(killed.message)
    assert world.nodes[1].context.store.mirrors.untold() == []
    assert case.decides(thief, case.grant) == "DENY"
