"""The offline verifier over transcripts of keys that real nodes made jointly, and over bent ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from kms.ceremony.files import Attachment, Line, read_lines
from kms.ceremony.offline.attachments import Attachments
from kms.ceremony.offline.report import as_html, as_json, as_text
from kms.ceremony.proposals import line_of
from kms.coordinator.transcripts import Transcript
from kms.crypto import derivation, labels
from kms.crypto.group import SECP256K1
from kms.crypto.hashing import H
from kms.statements.ceremony import pack_points, points_hash, unpack_points
from kms.statements.codec import decode, encode
from kms.statements.envelope import Signed, sign
from kms.statements.pool import Generated, PoolDealing, PoolOrder, PoolPlan
from kms.wire.v1 import ceremony_pb2, pool_pb2
from tests.protocol.ceremonies import message
from tests.protocol.pools import case_of, collect, draw, hand_out, make_pool_order, terms_of
from tests.protocol.world import World, signing_key
from tests.unit.ceremony.bits import assert_every_flip_is_named
from tests.unit.ceremony.test_verify_resharing import account, kinds, problem, without

KEYS: Final = 2


def generate(world: World, folder: Path, count: int = KEYS, *keepers: int) -> tuple[Line, ...]:
    """The lines of a coordinator's transcript of making a pool, of which these keep their shares, or all."""
    order = make_pool_order(world, count)
    transcript = Transcript(folder, "pool")
    transcript.start([message(envelope) for envelope in world.chain.envelopes], order.message)
    case = case_of(world, order)
    collect(world, case)
    made = case.plan()
    transcript.write_pool_plan(made)
    assert transcript.has_pool_plan(made.opened.hash)
    assert not transcript.has_pool_plan(bytes(32))
    hand_out(world, case, made, *keepers)
    transcript.write_statements(signed.message for signed in case.heard_of(made))
    transcript.close()
    return read_lines(transcript.path.read_bytes())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.found(tmp_path / "world")


@pytest.fixture
def lines(world: World, tmp_path: Path) -> tuple[Line, ...]:
    return generate(world, tmp_path / "transcripts")


def test_keys_that_nobody_knows_are_told_and_their_sums_hold(lines: tuple[Line, ...]) -> None:
    told = account(lines)
    assert told.problem is None
    assert {"pool-order", "pool-dealing", "points", "pool-plan", "generated"} < set(kinds(lines))
    assert len(told.outcomes) == 1
    assert f"{KEYS} keys that nobody knows, the sum of what custodians 1, 2, 3 dealt" in told.outcomes[0]
    assert "kept by custodians 1, 2, 3, 4, 5 (5, 5 are needed: they can be drawn)" in told.outcomes[0]
    assert [event.line for event in told.events] == list(range(1, len(lines) + 1))
    assert sum("dealt random terms" in event.text for event in told.events) == 3
    for form in (as_text, as_json, as_html):
        assert "keys that nobody knows, the sum of what custodians 1, 2, 3 dealt" in form(told)


def test_every_changed_bit_is_named_by_its_line(lines: tuple[Line, ...]) -> None:
    assert_every_flip_is_named(lines)


def test_a_plan_that_too_few_keep_is_said_to_be_no_use(world: World, tmp_path: Path) -> None:
    told = account(generate(world, tmp_path / "t", KEYS, 1, 2))
    assert told.problem is None
    assert "kept by custodians 1, 2 (2, 5 are needed: NOT ENOUGH, nobody may draw them)" in told.outcomes[0]


def test_a_dealer_of_wrong_shares_is_accused_in_the_file(world: World, tmp_path: Path) -> None:
    order = make_pool_order(world, KEYS)
    transcript = Transcript(tmp_path / "t", "pool")
    transcript.start([message(envelope) for envelope in world.chain.envelopes], order.message)
    case = case_of(world, order)
    collect(world, case)
    honest = case.dealings[1]
    case.dealings[1] = terms_of(
        world,
        case,
        1,
        honest.rows,
        {i: [bytes(31) + b"\1" + bytes(31) + b"\1"] * KEYS for i in world.members},
    )
    made = case.plan()
    transcript.write_pool_plan(made)
    hand_out(world, case, made)
    transcript.write_statements(signed.message for signed in case.heard_of(made))
    transcript.close()
    told = account(read_lines(transcript.path.read_bytes()))
    assert told.problem is None
    accusations = [e for e in told.events if "complains of custodian 1: 2 sub-shares do not fit" in e.text]
    assert len(accusations) == len(world.members)
    assert "kept by custodians nobody" in told.outcomes[0]


def test_keys_that_were_drawn_are_known_by_their_descriptions(
    world: World, lines: tuple[Line, ...], tmp_path: Path
) -> None:
    plan = next(line for line in lines if isinstance(line, Attachment) and line.name.startswith("pool-plan"))
    name = decode(PoolPlan, plan.data, "plan").points_hash.hex()
    points = next(line for line in lines if isinstance(line, Attachment) and line.name.endswith(name))
    rows = [tuple(row) for row in unpack_points(points.data, KEYS, 3)]
    drawn = draw(world, world.device("bob"), rows[:1])
    payloads = world.nodes[1].descriptors(drawn)
    data = b"".join(len(payload).to_bytes(8, "big") + payload for payload in payloads)
    described = Attachment(f"descriptors {derivation.batch_root(list(drawn)).hex()}", data)
    told = account([*lines, described])
    assert told.problem is None
    assert "1 of the keys that are described in the file were drawn" in told.outcomes[-1]


@pytest.mark.parametrize(
    ("kind", "keep", "said"),
    [
        ("manifest", 0, "under a manifest that is not before it"),
        ("pool-order", 0, "under an order that is not before it"),
        ("pool-dealing", 2, "dealing of custodian 3 that it names is not in the file"),
        ("points", 3, "the plan's points are not in the file"),
        ("pool-plan", 0, "keeps a plan that is not in the file"),
    ],
)
def test_a_line_that_is_left_out_is_missed(lines: tuple[Line, ...], kind: str, keep: int, said: str) -> None:
    assert said in problem(without(lines, kind, keep))


def test_points_of_a_dealing_that_are_left_out_are_missed(lines: tuple[Line, ...]) -> None:
    at = [position for position, kind in enumerate(kinds(lines)) if kind == "points"][2]
    left = [*lines[:at], *lines[at + 1 :]]
    assert "points of custodian 3's dealing are not in the file" in problem(left)


def named(payload: bytes) -> Attachment:
    return Attachment(f"pool-plan {H(labels.POOL_PLAN, payload).hex()}", payload)


def bend(lines: Iterable[Line], change: Callable[[Any], Any], points: bytes | None = None) -> list[Line]:
    """The transcript with another plan (and other points beside it), and nobody's promise to keep it."""
    bent: list[Line] = []
    for line in without(lines, "generated"):
        if isinstance(line, Attachment) and line.name.startswith("pool-plan "):
            bent.append(named(encode(change(decode(PoolPlan, line.data, "plan")))))
        else:
            bent.append(line)
    if points is not None:
        bent.append(Attachment(f"points {points_hash(unpack_points(points, KEYS, 3)).hex()}", points))
    return bent


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: replace(p, batch=1), "not what its order demands"),
        (lambda p: replace(p, count=1), "not what its order demands"),
        (lambda p: replace(p, manifest_hash=bytes(32)), "not what its order demands"),
        (lambda p: replace(p, keyring_id=bytes(32)), "not what its order demands"),
        (lambda p: replace(p, threshold=2, dealings=p.dealings[:2]), "not what its order demands"),
        (lambda p: replace(p, order_hash=bytes(32)), "under an order that is not in the file"),
        (lambda p: replace(p, points_hash=bytes(32)), "the plan's points are not in the file"),
        (
            lambda p: replace(p, dealings=(*p.dealings[:2], replace(p.dealings[2], index=4))),
            "dealing of custodian 4 that it names is not in the file",
        ),
    ],
)
def test_a_plan_that_says_something_else_is_refused(
    lines: tuple[Line, ...], change: Callable[[Any], Any], said: str
) -> None:
    assert said in problem(bend(lines, change))


@pytest.mark.parametrize("indices", [(0, 1), (0, 1, 1), (1, 0, 2)])
def test_a_plan_of_fewer_dealers_or_of_one_twice_is_refused(
    lines: tuple[Line, ...], indices: tuple[int, ...]
) -> None:
    bent: list[Line] = []
    for line in without(lines, "generated"):
        if isinstance(line, Attachment) and line.name.startswith("pool-plan "):
            plan = pool_pb2.PoolPlan.FromString(line.data)
            dealings = [ceremony_pb2.PlannedDealing.FromString(d.SerializeToString()) for d in plan.dealings]
            del plan.dealings[:]
            plan.dealings.extend(dealings[at] for at in indices)
            bent.append(named(plan.SerializeToString(deterministic=True)))
        else:
            bent.append(line)
    assert "dealers are not 3 different ones" in problem(bent)


def test_keys_that_are_not_the_sum_of_what_was_dealt_are_refused(lines: tuple[Line, ...]) -> None:
    plan = next(line for line in lines if isinstance(line, Attachment) and line.name.startswith("pool-plan"))
    name = decode(PoolPlan, plan.data, "plan").points_hash.hex()
    data = next(line.data for line in lines if isinstance(line, Attachment) and line.name.endswith(name))
    point = SECP256K1.commit(5, 7)
    for other, said in (
        (point, f"commitments of key {KEYS - 1} are not the sum"),
        (b"\x05" + point[1:], "no point of the curve"),
    ):
        points = data[:-33] + other
        digest = points_hash(unpack_points(points, KEYS, 3))

        def change(plan: PoolPlan, digest: bytes = digest) -> PoolPlan:
            return replace(plan, points_hash=digest)

        assert said in problem(bend(lines, change, points))


def add(lines: Iterable[Line], *statements: Signed[Any]) -> list[Line]:
    return [*lines, *(line_of(signed.envelope) for signed in statements)]


def said_in(lines: Iterable[Line], kind: str, cls: type[Any]) -> Any:
    return next(decode(cls, line.payload, kind) for line in lines if kinds([line]) == [kind])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: replace(d, batch=1), "other keys than its order demands"),
        (lambda d: replace(d, count=1), "other keys than its order demands"),
        (lambda d: replace(d, order_hash=bytes(32)), "under an order that is not before it"),
        (lambda d: replace(d, targets=(replace(d.targets[0], index=9),)), "others than members"),
        (lambda d: replace(d, index=2), "not signed by custodian 2 alone"),
    ],
)
def test_a_dealing_that_does_not_fit_is_refused_at_its_line(
    world: World, lines: tuple[Line, ...], change: Callable[[Any], Any], said: str
) -> None:
    dealing = change(said_in(lines, "pool-dealing", PoolDealing))
    bent = add(lines, sign(dealing, world.identities[1]))
    found = account(bent).problem
    assert found is not None
    assert (found.line, said in found.text) == (len(bent), True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: replace(g, count=1), "something else than the plan"),
        (lambda g: replace(g, plan_hash=bytes(32)), "a plan that is not in the file"),
    ],
)
def test_a_promise_of_something_else_is_refused(
    world: World, lines: tuple[Line, ...], change: Callable[[Any], Any], said: str
) -> None:
    promise = said_in(lines, "generated", Generated)
    assert said in problem(add(lines, sign(change(promise), world.identities[1])))


def test_who_keeps_two_plans_of_a_batch_is_named(world: World, tmp_path: Path) -> None:
    order = make_pool_order(world, KEYS)
    transcript = Transcript(tmp_path / "t", "pool")
    transcript.start([message(envelope) for envelope in world.chain.envelopes], order.message)
    hashes = []
    for _ in range(2):
        case = case_of(world, order)
        collect(world, case)
        made = case.plan()
        transcript.write_pool_plan(made)
        hashes.append(made.opened.hash)
    transcript.close()
    lines = read_lines(transcript.path.read_bytes())
    assert problem(lines) == ""
    keyring = world.keyring
    two = [
        sign(
            Generated(keyring.keyring_id, keyring.manifest_hash, 2, name, KEYS, world.clock(), 1),
            world.identities[2],
        )
        for name in hashes
    ]
    assert problem(add(lines, two[0])) == ""
    assert "custodian 2 says of two plans that it keeps no other" in problem(add(lines, *two))


def test_an_order_without_its_quorum_is_refused(world: World, lines: tuple[Line, ...]) -> None:
    order = said_in(lines, "pool-order", PoolOrder)
    assert problem(add(lines, sign(order, signing_key("admin")))) == ""
    assert "admins sign an order" in problem(add(lines, sign(order, world.identities[1])))


def test_points_may_be_those_of_the_largest_threshold() -> None:
    rows = [[SECP256K1.commit(row + 1, k + 1) for k in range(32)] for row in range(2)]
    packed = pack_points(rows)
    held = Attachments()
    held.add(1, Attachment(f"points {points_hash(rows).hex()}", packed))
    assert held.points == {points_hash(rows): packed}
