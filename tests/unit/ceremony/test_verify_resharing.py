"""The offline verifier over transcripts that a coordinator wrote of real nodes' resharings, and over bent ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from kms.ceremony.files import Attachment, Enveloped, Line, read_lines, write_lines
from kms.ceremony.offline.account import Account
from kms.ceremony.proposals import line_of
from kms.ceremony.verify import verify
from kms.coordinator.transcripts import Transcript
from kms.crypto import derivation
from kms.crypto.group import SECP256K1
from kms.statements.ceremony import (
    Complaint,
    encode_plan,
    parse_plan,
    plan_version,
    points_hash,
)
from kms.statements.envelope import Signed, sign
from kms.statements.ids import KeyId
from tests.protocol.ceremonies import Resharing, change_committee, make_order, message
from tests.protocol.world import LAB, World
from tests.unit.ceremony.bits import assert_every_flip_is_named

KEYS: Final = 3


def reshare(world: World, folder: Path, sequence: int = 1, *, erase: bool = True) -> tuple[Line, ...]:
    """The lines of a coordinator's transcript of dealing all keys anew."""
    order = make_order(world, sequence)
    transcript = Transcript(folder, f"reshare-{sequence}")
    transcript.start([message(envelope) for envelope in world.chain.envelopes], order.message)
    run = Resharing(world, order)
    for version, threshold, keys in run.batches():
        case = run.case(version, threshold, keys)
        run.collect_dealings(case)
        made = case.plan()
        assert not run.install(case, made)
        transcript.write_plan(case, made)
        if erase:
            transcript.write_statements(
                message(world.nodes[i].erase(made.payload, case.key_ids, case.certificate())) for i in run.up
            )
    transcript.close()
    return read_lines(transcript.path.read_bytes())


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.found(tmp_path / "world")
    world.create(world.device("alice"), [LAB] * KEYS)
    return world


@pytest.fixture
def lines(world: World, tmp_path: Path) -> tuple[Line, ...]:
    return reshare(world, tmp_path / "transcripts")


def account(lines: Iterable[Line]) -> Account:
    return verify(write_lines(lines))


def problem(lines: Iterable[Line]) -> str:
    """The problem that is named; empty if all holds."""
    found = account(lines).problem
    return found.text if found else ""


def kinds(lines: Iterable[Line]) -> list[str]:
    return [line.name.split()[0] if isinstance(line, Attachment) else line.kind for line in lines]


def without(lines: Iterable[Line], kind: str, keep: int = 0) -> list[Line]:
    """All lines but those of a kind, of which the first `keep` stay."""
    left: list[Line] = []
    for line in lines:
        if kinds([line]) == [kind]:
            keep -= 1
            if keep < 0:
                continue
        left.append(line)
    return left


def test_a_refresh_is_told_and_its_arithmetic_holds(lines: tuple[Line, ...]) -> None:
    told = account(lines)
    assert told.problem is None
    assert {
        "manifest",
        "reshare-order",
        "dealing",
        "points",
        "keys",
        "plan",
        "plan-points",
        "installed",
    } < set(kinds(lines))
    assert len(told.outcomes) == 1
    assert f"{KEYS} keys, dealt on by custodians 1, 2, 3" in told.outcomes[0]
    assert "on the disks of custodians 1, 2, 3, 4, 5 (5, 5 are needed: it lasts)" in told.outcomes[0]
    assert [event.line for event in told.events] == list(range(1, len(lines) + 1))


def test_how_far_it_is_is_told_by_line_and_by_plan(lines: tuple[Line, ...]) -> None:
    heard: list[tuple[str, int, int]] = []
    found = verify(write_lines(lines), tell=lambda *said: heard.append(said))
    assert found.problem is None
    count = len(lines)
    assert heard == [("lines", n, count) for n in range(1, count + 1)] + [("plans", 1, 1)]


def test_every_changed_bit_is_named_by_its_line(lines: tuple[Line, ...]) -> None:
    assert_every_flip_is_named(lines)


def test_a_committee_and_threshold_that_change_are_told(world: World, tmp_path: Path) -> None:
    change_committee(world, range(1, 8), 4)
    told = account(reshare(world, tmp_path / "t"))
    assert told.problem is None
    assert "dealt on by custodians 1, 2, 3" in told.outcomes[0]
    assert "(7, 7 are needed: it lasts)" in told.outcomes[0]


def test_who_left_may_say_that_it_erased(world: World, tmp_path: Path) -> None:
    change_committee(world, (1, 2, 3, 4, 6), 3)
    lines = reshare(world, tmp_path / "t")
    told = account(lines)
    assert told.problem is None
    assert sum(kind == "erased" for kind in kinds(lines)) == 6


def test_two_refreshes_in_one_file_follow_each_other(world: World, tmp_path: Path) -> None:
    first = reshare(world, tmp_path / "t")
    second = reshare(world, tmp_path / "t", 2)
    told = account([*first, *second[1:]])
    assert told.problem is None
    assert len(told.outcomes) == 2
    assert "not higher" in problem([*first, *first[1:]])


def test_descriptors_in_place_of_key_names_give_the_old_threshold(
    world: World, lines: tuple[Line, ...]
) -> None:
    keys = next(line for line in lines if isinstance(line, Attachment) and line.name.startswith("keys "))
    ids = [keys.data[at : at + 32] for at in range(0, len(keys.data), 32)]
    payloads = sorted(
        world.nodes[1].descriptors([KeyId(key) for key in ids]), key=lambda p: ids.index(derivation.key_id(p))
    )
    data = b"".join(len(payload).to_bytes(8, "big") + payload for payload in payloads)
    described = Attachment(keys.name.replace("keys", "descriptors"), data)
    assert problem([described if line is keys else line for line in lines]) == ""
    for spoiled in (data[:-1], data[:4], data[8:]):
        bent = replace(described, data=spoiled)
        assert problem([bent if line is keys else line for line in lines])


def test_too_few_promises_are_said_and_no_share_may_have_been_erased(lines: tuple[Line, ...]) -> None:
    unfinished = without(without(lines, "erased"), "installed", 4)
    told = account(unfinished)
    assert told.problem is None
    assert "NOT ENOUGH" in told.outcomes[0]
    assert "erased shares when 4 had installed" in problem(without(lines, "installed", 4))


@pytest.mark.parametrize(
    ("kind", "keep", "said"),
    [
        ("manifest", 0, "under a manifest that is not before it"),
        ("reshare-order", 0, "under an order that is not before it"),
        ("dealing", 2, "dealing of custodian 3 that it names is not in the file"),
        ("points", 2, "points of custodian 3's dealing are not in the file"),
        ("plan", 0, "points of a plan that is not in the file"),
        ("plan-points", 0, "not those that the plan names"),
    ],
)
def test_a_line_that_is_left_out_is_missed(lines: tuple[Line, ...], kind: str, keep: int, said: str) -> None:
    assert said in problem(without(lines, kind, keep))


def test_a_promise_about_a_plan_that_is_not_there_is_refused(lines: tuple[Line, ...]) -> None:
    assert "a plan that is not in the file" in problem(without(without(lines, "plan"), "plan-points"))


def bend(lines: Iterable[Line], change: Callable[[Any], Any], points: bytes | None = None) -> list[Line]:
    """The transcript with another plan (and other points of it), and nobody's promise about it."""
    bent: list[Line] = []
    version = ""
    for line in without(without(lines, "installed"), "erased"):
        if isinstance(line, Attachment) and line.name.startswith("plan "):
            payload = encode_plan(change(parse_plan(line.data)))
            version = plan_version(payload).hex()
            bent.append(Attachment(f"plan {version}", payload))
        elif isinstance(line, Attachment) and line.name.startswith("plan-points "):
            bent.append(Attachment(f"plan-points {version}", line.data if points is None else points))
        else:
            bent.append(line)
    return bent


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: replace(p, threshold=2), "not what its order demands"),
        (lambda p: replace(p, sequence=9), "not what its order demands"),
        (lambda p: replace(p, order_hash=bytes(32)), "not what its order demands"),
        (lambda p: replace(p, to_manifest_hash=bytes(32)), "not what its order demands"),
        (lambda p: replace(p, keyring_id=bytes(32)), "not what its order demands"),
        (lambda p: replace(p, from_version=bytes(32)), "dealing of custodian 1"),
        (lambda p: replace(p, batch_root=bytes(32)), "dealing of custodian 1"),
        (lambda p: replace(p, count=2), "counts 2 keys"),
        (lambda p: replace(p, points_hash=bytes(32)), "not those that the plan names"),
        (lambda p: replace(p, dealings=p.dealings[:2]), "do not follow from the dealings"),
    ],
)
def test_a_plan_that_says_something_else_is_refused(
    lines: tuple[Line, ...], change: Callable[[Any], Any], said: str
) -> None:
    assert problem(bend(lines, lambda plan: plan)) == ""
    assert said in problem(bend(lines, change))


def test_commitments_that_do_not_follow_from_the_dealings_are_refused(lines: tuple[Line, ...]) -> None:
    point = SECP256K1.commit(5, 7)
    old = next(line for line in lines if isinstance(line, Attachment) and line.name.startswith("plan-points"))
    data = old.data[:-33] + point
    rows = [[data[at : at + 33], data[at + 33 : at + 66]] for at in range(0, len(data), 66)]
    forged = bend(lines, lambda plan: replace(plan, points_hash=points_hash(rows)), data)
    assert f"commitments of key {KEYS - 1} do not follow" in problem(forged)
    spoiled = data[:-33] + b"\x05" + point[1:]
    rows[-1][-1] = spoiled[-33:]
    forged = bend(lines, lambda plan: replace(plan, points_hash=points_hash(rows)), spoiled)
    assert "no point of the curve" in problem(forged)


def add(lines: Iterable[Line], *statements: Signed[Any]) -> list[Line]:
    return [*lines, *(line_of(signed.envelope) for signed in statements)]


def test_complaints_are_told(world: World, lines: tuple[Line, ...]) -> None:
    keyring, me = world.keyring, world.identities[2]
    complaint = Complaint(
        keyring.keyring_id, keyring.manifest_hash, 2, 1, bytes(32), (0, 2), "WRONG_SHARE", 5
    )
    told = account(add(lines, sign(complaint, me)))
    assert told.problem is None
    assert "complains of custodian 1: 2 sub-shares do not fit" in told.events[-1].text
    assert "not signed by custodian 2 alone" in problem(add(lines, sign(complaint, world.identities[3])))
    assert "not signed by custodian 2 alone" in problem(add(lines, sign(complaint, me, world.identities[3])))
    assert "no manifest has a custodian 9" in problem(add(lines, sign(replace(complaint, index=9), me)))


def test_an_order_without_its_quorum_is_refused(world: World, lines: tuple[Line, ...]) -> None:
    stranger = make_order(world, 2, world.identities[1])
    assert "admins sign an order" in problem(add(lines, stranger))


@pytest.mark.parametrize(
    "line",
    [
        Attachment("holiday pictures", b""),
        Attachment("keys " + "0" * 64, bytes(32)),
        Attachment("keys " + "0" * 64, b""),
        Attachment("keys " + "0" * 63, bytes(32)),
        Attachment("points " + "0" * 64, bytes(33)),
        Attachment("points " + "0" * 64, bytes(32)),
        Attachment("plan " + "0" * 64, b"x"),
        Enveloped("application/vnd.threshold-kms.manifest.v1+protobuf", b"x", ()),
    ],
)
def test_what_is_not_what_it_says_is_refused_at_its_line(lines: tuple[Line, ...], line: Line) -> None:
    found = account([*lines, line]).problem
    assert found is not None
    assert found.line == len(lines) + 1


def test_a_signed_statement_of_another_kind_is_refused(world: World, lines: tuple[Line, ...]) -> None:
    assert "no statement of a ceremony" in problem(add(lines, world.nodes[1].sealing_key()))
