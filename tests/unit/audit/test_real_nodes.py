"""The audit of five real nodes, of which three lie: it names all three, each for what it did, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kms.audit.evidence import check
from kms.audit.parties import Parties
from kms.audit.run import Audit, Given, Report
from kms.ceremony.files import Enveloped
from kms.custodian.ledger import Ledger
from kms.statements.envelope import open_signed, pack, unpack
from kms.statements.promises import may_promise
from kms.statements.release import Decision, build_certificate
from kms_client.cache import OpenKey
from tests.protocol.audited import kinds
from tests.protocol.coordinator import kind
from tests.protocol.destroying import destroy
from tests.protocol.node_logs import NodeLog, put_back, take_snapshot
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, Device, World
from tests.unit.ceremony.test_verify_pools import generate
from tests.unit.ceremony.test_verify_resharing import reshare


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world")
    yield made
    made.close()


def audit(world: World, promises: Sequence[bytes] = ()) -> Report:
    parties = Parties.of(world.chain, world.clock())
    sources = {index: NodeLog(world, index) for index in world.nodes}
    state = world.folder / "auditor"
    return Audit(parties, sources, state, world.clock(), workers=1).run(Given(promises))


def read(world: World, owner: Device, keys: Sequence[OpenKey]) -> list[bytes]:
    """Somebody reads a record; what custodians promised meanwhile, as a coordinator relays it."""
    found = []
    for event in world.coordinator().release(world.prepare(owner, keys)):
        match kind(event):
            case "decision":
                found.append(event.decision.SerializeToString(deterministic=True))
            case "shares":
                found.append(event.shares.share_release.SerializeToString(deterministic=True))
    return found


def test_honest_nodes_leave_nothing_to_say(world: World) -> None:
    owner = world.device("owner")
    keys = world.create(owner)
    promises = [promise for _ in range(4) for promise in read(world, owner, keys)]
    report = audit(world, promises)
    assert report.clean
    assert report.promises == len(promises) == 40
    assert report.checked_decisions == 4 * 5 * 3
    promises = read(world, owner, keys)
    report = audit(world, promises)
    assert report.clean
    assert [log.size - log.since for log in report.logs] == [2] * 5


def test_the_three_that_lie_are_named_and_nobody_else(world: World) -> None:
    owner = world.device("owner")
    keys = world.create(owner)
    for index in (3, 4):
        take_snapshot(world, index, "early")
    promises = [promise for _ in range(3) for promise in read(world, owner, keys)]
    assert audit(world, promises).clean

    # The second releases, and puts its disk back before anybody asks for its log.
    prepared = world.prepare(owner, keys)
    decisions = [
        open_signed(Decision, envelope, unpack(envelope)[2][0][0])
        for envelope in (world.decide_at(index, prepared) for index in (1, 2, 3, 4, 5))
    ]
    certificate = build_certificate(prepared.opened.hash, decisions[:3])
    take_snapshot(world, 2, "before the release")
    promises += (world.nodes[i].release(prepared.opened.hash, certificate)[0] for i in (1, 2, 3, 4, 5))
    promises += (decision.envelope for decision in decisions)
    put_back(world, 2, "before the release")
    promises += read(world, owner, keys)

    # The third goes on from an old disk in another way; the fourth from an old disk, and does nothing more.
    put_back(world, 3, "early")
    for _ in range(12):
        world.create(owner, at=(3,))
    put_back(world, 4, "early")

    report = audit(world, promises)
    assert kinds(report) == [(2, "PROMISE_BROKEN"), (3, "TWO_HISTORIES"), (4, "ROLLED_BACK")]
    omitted = [finding for finding in report.findings if finding.index == 2]
    assert len(omitted) == 1
    assert "share-release" in omitted[0].summary
    parties = Parties.of(world.chain, world.clock())
    for finding in report.findings:
        if finding.transferable:
            check(finding, parties)
    assert {f.index for f in report.findings if f.transferable} == {2, 3}
    # They stay named, and honest ones stay unnamed, when nothing new is brought.
    again = audit(world)
    assert kinds(again) == kinds(report)


def test_one_that_releases_without_allowing_it_is_named_by_its_own_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fifth was bought: it denies for the record, and gives its share to whom three others allow."""
    owner = world.device("owner")
    keys = world.create(owner)
    read(world, owner, keys)
    assert audit(world).clean
    prepared = world.prepare(owner, keys)
    honest = Ledger.append

    def deny(ledger: Ledger, *entry: object, **parts: object) -> int:
        return honest(ledger, *entry, **{**parts, "outcome": "DENY"})  # type: ignore[arg-type]

    decisions = [world.decide_at(index, prepared) for index in (1, 2, 3)]
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", deny)
        world.decide_at(5, prepared)
    certificate = build_certificate(
        prepared.opened.hash, [open_signed(Decision, one, unpack(one)[2][0][0]) for one in decisions]
    )
    for index in (1, 2, 3, 5):
        world.nodes[index].release(prepared.opened.hash, certificate)
    assert kinds(audit(world)) == [(5, "NOT_ALLOWED")]


def promises_of(lines: Sequence[object]) -> list[bytes]:
    """What `kms audit run --transcript` reads of a ceremony's transcript."""
    found = [line for line in lines if isinstance(line, Enveloped) and may_promise(line.payload_type)]
    return [pack(line.payload_type, line.payload, line.signatures) for line in found]


def test_honest_ceremonies_keep_what_they_promised(world: World, tmp_path: Path) -> None:
    owner = world.device("owner")
    keys = world.create(owner, [LAB] * 3)
    promises = promises_of([*reshare(world, tmp_path / "t"), *generate(world, tmp_path / "t")])
    names = {unpack(one)[0].split(".")[-1] for one in promises}
    assert len(promises) == 15, names  # installed, erased, kept of a pool: five of each
    _, words = destroy(world, owner, keys[:1])
    report = audit(world, [*promises, *words.values()])
    assert report.clean
    assert report.promises == 20
    assert report.refused_promises == 0
    assert audit(world, promises_of(reshare(world, tmp_path / "u", 2))).clean


def test_a_repair_keeps_what_it_promised(world: World) -> None:
    keys = world.create(world.device("owner"), [LAB] * 3)
    lose_store(world, 2)
    repair = Repairing(world, 2, keys[0].descriptor.version, tuple(key.key_id for key in keys))
    report = audit(world, [repair.run()])
    assert report.promises == 1
    assert report.clean


def test_a_custodian_that_left_its_part_in_a_ceremony_out_of_its_log_is_named(
    world: World, tmp_path: Path
) -> None:
    world.create(world.device("owner"), [LAB] * 3)
    take_snapshot(world, 2, "before")
    lines = reshare(world, tmp_path / "t")
    put_back(world, 2, "before")
    assert audit(world).clean, "without the transcript nobody knows"
    for _ in range(8):
        world.create(world.device("owner"), [LAB])
    report = audit(world, promises_of(lines))
    assert {index for index, _ in kinds(report)} == {2}
    assert "PROMISE_BROKEN" in {what for _, what in kinds(report)}
