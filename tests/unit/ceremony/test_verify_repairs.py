"""The offline verifier over transcripts of real nodes' repairs and of manifests that were handed round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from kms.ceremony.files import Enveloped, Line, read_lines
from kms.ceremony.proposals import line_of
from kms.coordinator.transcripts import RepairedBatch, Transcript
from kms.crypto import derivation
from kms.statements.ceremony import (
    Repaired,
    RepairPieces,
    RepairSums,
    RepairTask,
    SealedTarget,
    Status,
    task_hash,
)
from kms.statements.codec import decode, encode
from kms.statements.envelope import open_signed, sign, sign_payload
from kms.statements.ids import Version
from kms.statements.pool import PoolOrder
from kms.wire.v1 import ceremony_pb2
from tests.protocol.ceremonies import message
from tests.protocol.repairs import Repairing, lose_store
from tests.protocol.world import LAB, World, signing_key
from tests.unit.ceremony.bits import assert_every_flip_is_named
from tests.unit.ceremony.test_verify_resharing import account, kinds, problem, without

KEYS: Final = 3
LOST: Final = 2
HELPERS: Final = (1, 3, 4)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path / "world")


@pytest.fixture
def lines(world: World, tmp_path: Path) -> tuple[Line, ...]:
    """The transcript of a repair of every key."""
    keys = world.create(world.device("alice"), [LAB] * KEYS)
    lose_store(world, LOST)
    repair = Repairing(world, LOST, keys[0].descriptor.version, tuple(key.key_id for key in keys), HELPERS)
    done = message(repair.run())
    transcript = Transcript(tmp_path / "transcripts", "repair-2")
    transcript.start([message(envelope) for envelope in world.chain.envelopes])
    transcript.write_repair(
        RepairedBatch(
            message(repair.task),
            repair.key_ids,
            repair.pieces().statements,
            repair.pieces().points,
            [message(repair.sums[i].statement) for i in HELPERS],
            done,
        )
    )
    transcript.close()
    return read_lines(transcript.path.read_bytes())


def test_a_repair_is_told_with_everybody_s_part(lines: tuple[Line, ...]) -> None:
    told = account(lines)
    assert told.problem is None
    assert set(kinds(lines)) == {
        "manifest",
        "repair-task",
        "keys",
        "repair-pieces",
        "points",
        "repair-sums",
        "repaired",
    }
    assert told.outcomes == ["custodian 2: 3 of 3 lost shares are back, with the help of custodians 1, 3, 4"]
    assert "asks custodians 1, 3, 4 for 3 shares that it lost" in told.events[1].text


def test_every_changed_bit_is_named_by_its_line(lines: tuple[Line, ...]) -> None:
    assert_every_flip_is_named(lines)


@pytest.mark.parametrize(
    ("kind", "keep", "said"),
    [
        ("repair-task", 0, "of a repair that is not before it"),
        ("repair-pieces", 2, "other pieces than those before it"),
        ("repair-sums", 2, "not all helpers have added up"),
        ("keys", 0, "names of its 3 keys are not in the file"),
        ("points", 2, "points of a helper's pieces are not in the file"),
    ],
)
def test_a_line_that_is_left_out_is_missed(lines: tuple[Line, ...], kind: str, keep: int, said: str) -> None:
    assert said in problem(without(lines, kind, keep))


def test_a_repair_that_did_not_end_is_not_counted_as_back(lines: tuple[Line, ...]) -> None:
    told = account(without(lines, "repaired"))
    assert told.problem is None
    assert told.outcomes[0].startswith(
        "custodian 2: 0 of 3 lost shares are back, with the help of custodians nobody"
    )


def said(lines: Iterable[Line], kind: str) -> list[Enveloped]:
    return [line for line in lines if isinstance(line, Enveloped) and line.kind == kind]


def test_statements_that_do_not_fit_their_task_are_refused(world: World, lines: tuple[Line, ...]) -> None:
    ids = world.keyring.keyring_id, world.keyring.manifest_hash
    root = derivation.batch_root([bytes(32)])
    task = RepairTask(*ids, LOST, bytes(16), Version(bytes(32)), HELPERS, root, 1, 5)
    name = task_hash(sign(task, world.identities[LOST]).payload)
    target = SealedTarget(1, bytes(32), bytes(32))
    pieces = RepairPieces(*ids, 1, name, bytes(32), tuple(replace(target, index=i) for i in HELPERS), 5)
    sums = RepairSums(*ids, 1, name, (bytes(32),) * 3, replace(target, index=LOST), 5)

    def after(*statements: Any) -> str:
        told = [sign(each, world.identities[each.index]) for each in (task, *statements)]
        return problem([*lines[:1], *(line_of(signed.envelope) for signed in told)])

    assert after() == after(pieces) == ""
    assert "its pieces are not for the helpers" in after(replace(pieces, targets=pieces.targets[:2]))
    assert "no helper of this repair, or says it twice" in after(replace(pieces, index=5))
    assert "no helper of this repair, or says it twice" in after(pieces, replace(pieces, made_at=6))
    assert "other pieces than those before it" in after(pieces, sums)
    assert "not all helpers have added up" in after(pieces, Repaired(*ids, LOST, name, 1, 6, 7))
    assert "another custodian's repair" in after(Repaired(*ids, 3, name, 1, 6, 7))
    assert "not before it" in after(replace(pieces, task_hash=bytes(32)))


@pytest.mark.parametrize(
    ("helpers", "holds"),
    [
        ((1, 3, 4), True),
        ((3, 5), True),
        ((1, 3, 9), False),
        ((3, 1, 4), False),
        ((1, 1, 4), False),
        ((1, LOST, 4), False),
    ],
)
def test_helpers_are_other_members_in_order(world: World, helpers: tuple[int, ...], holds: bool) -> None:
    ids = world.keyring.keyring_id, world.keyring.manifest_hash
    task = RepairTask(*ids, LOST, bytes(16), Version(bytes(32)), HELPERS, bytes(32), 1, 5)
    # No node would say it: its bytes are made by hand.
    bent = ceremony_pb2.RepairTask.FromString(encode(task))
    bent.helpers[:] = helpers
    said = sign_payload(task, bent.SerializeToString(deterministic=True), world.identities[LOST])
    found = problem([*map(line_of, world.chain.envelopes), line_of(said.envelope)])
    assert found == "" if holds else "not other members" in found


def test_sums_and_a_last_word_are_held_against_what_was_asked(world: World, lines: tuple[Line, ...]) -> None:
    """The second saying of each is refused, and one of another count or for somebody else."""

    def instead(kind: str, cls: type[Any], **changes: Any) -> str:
        old = said(lines, kind)[0]
        statement: Any = decode(cls, old.payload, kind)
        new = line_of(sign(replace(statement, **changes), world.identities[statement.index]).envelope)
        return problem([new if line is old else line for line in lines])

    last = said(lines, "repair-sums")[-1]
    assert "says it twice" in problem([*lines[: lines.index(last)], last, last])
    assert "said before" in problem([*lines, said(lines, "repaired")[0]])
    stranger = sign(replace(decode(RepairSums, last.payload, "sums"), index=5), world.identities[5])
    assert "no helper of this repair" in problem([*lines[:-1], line_of(stranger.envelope)])
    elsewhere = SealedTarget(5, bytes(32), bytes(32))
    assert "not for who lost the shares" in instead("repair-sums", RepairSums, target=elsewhere)
    assert "3 shares were asked for, not 2" in instead("repaired", Repaired, count=2)


def test_who_lives_by_which_manifest_is_told(world: World) -> None:
    world.create(world.device("alice"), [LAB])
    chain = [line_of(envelope) for envelope in world.chain.envelopes]
    status = world.nodes[4].status()
    statement = open_signed(Status, status, world.identities[4].public).statement
    told = account([*chain, line_of(status)])
    assert told.problem is None
    assert "custodian 4" in told.events[-1].text
    assert "lives by manifest 0" in told.events[-1].text
    assert "holds 1 shares" in told.events[-1].text
    bent = sign(replace(statement, sequence=3), world.identities[4])
    assert "by another number" in problem([*chain, line_of(bent.envelope)])
    assert "not signed by custodian 4 alone" in problem(
        [*chain, line_of(sign(statement, world.identities[3]).envelope)]
    )


def test_an_order_of_a_pool_is_told_and_needs_its_admins(world: World) -> None:
    chain = [line_of(envelope) for envelope in world.chain.envelopes]
    order = PoolOrder(world.keyring.keyring_id, world.keyring.manifest_hash, 1000, "new clinic", 5)
    told = account([*chain, line_of(sign(order, signing_key("admin")).envelope)])
    assert told.problem is None
    assert "1000 keys that nobody knows" in told.events[-1].text
    assert "admins sign an order" in problem([*chain, line_of(sign(order, world.identities[1]).envelope)])
