"""Nobody approves for two custodians: by no credential of theirs, at no pair of custodians, in no certificate."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kms.statements.approver import person
from kms.statements.envelope import Signed, open_signed, sign
from kms.statements.ids import KeyringId, ManifestHash, Thumbprint
from kms.statements.release import (
    HUMAN_LIFETIME,
    Decision,
    Purpose,
    Ruling,
    Verdict,
    build_certificate,
    count_allows,
    open_certificate,
)
from tests.protocol.adversary import reason_of
from tests.protocol.people import admit_key
from tests.protocol.world import LAB, World, signing_key


def allow(index: int, *humans: str, last: str = "") -> Decision:
    """Custodian `index` allows the one key, on these persons' word."""
    names = tuple(sorted(name.encode().ljust(32) for name in humans))
    ruling = Ruling(Verdict.ALLOW, "HUMAN_APPROVED", (0,), last.encode().ljust(32) if last else b"", names)
    blank = bytes(32)
    return Decision(blank, ManifestHash(blank), index, blank, (ruling,), blank, 1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decisions", "counted"),
    [
        ([allow(1, "ann"), allow(2, "bea"), allow(3, "cid")], 3),
        ([allow(1, "ann"), allow(2, "ann"), allow(3, "cid")], 2),
        ([allow(1, "ann", last="key 1"), allow(2, "ann", last="key 2")], 1),
        ([allow(1, "ann", last="key"), allow(2, "bea", last="key")], 1),
        ([allow(1, "ann", "bea"), allow(2, "bea", "cid")], 1),
        ([allow(1, "ann", "bea"), allow(2, "ann"), allow(3, "bea")], 2),
        ([allow(1), allow(2), allow(3, "ann")], 3),
    ],
)
def test_decisions_that_share_a_person_count_once(decisions: Sequence[Decision], counted: int) -> None:
    assert count_allows(decisions, 1) == (counted,)
    assert count_allows(list(reversed(decisions)), 1) == (counted,)


@pytest.mark.parametrize(
    "other",
    [
        "Ann@Clinic.Example",
        " ann@clinic.example",
        "ann@clinic.example.",
        "ann+kms@clinic.example",
        "\uff21nn@clinic.example",  # a full-width A
        "ann@\uff23linic.example",
    ],
)
def test_one_mailbox_is_one_person_however_it_is_written(other: str) -> None:
    name = KeyringId(bytes(32))
    first, second = (Thumbprint(bytes([n]) * 32) for n in (1, 2))
    assert person(name, other, second) == person(name, "ann@clinic.example", first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ren\u00e9@clinic.example", "rene\u0301@clinic.example"),
    ],
)
def test_an_accent_makes_no_second_person(one: str, other: str) -> None:
    name, key = KeyringId(bytes(32)), Thumbprint(bytes(32))
    assert person(name, one, key) == person(name, other, key)


def test_two_mailboxes_and_two_who_have_none_are_two() -> None:
    name = KeyringId(bytes(32))
    first, second = (Thumbprint(bytes([n]) * 32) for n in (1, 2))
    assert person(name, "ann@clinic.example", first) != person(name, "anna@clinic.example", first)
    assert person(name, "", first) != person(name, "", second)
    assert person(name, "+a@clinic.example", first) != person(name, "+b@clinic.example", first)


def test_a_certificate_of_one_person_s_words_at_three_custodians_is_refused(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    signed: list[Signed[Decision]] = []
    for index in (1, 2, 3):  # with another key at each
        ann = signing_key(f"ann at {index}")
        admit_key(world, index, ann, "Ann@clinic.example" if index == 2 else "ann@clinic.example")
        world.decide_at(index, prepared)
        approval = world.approval(index, prepared.opened.hash, by=ann)
        _, decided = world.nodes[index].answer(sign(approval, ann).message)
        signed.append(open_signed(Decision, decided.envelope, world.identities[index].public))
    certificate = build_certificate(prepared.opened.hash, signed)
    assert reason_of(open_certificate, certificate, world.keyring, prepared.opened.hash, 1) == "NO_QUORUM"
    assert reason_of(world.nodes[1].release, prepared.opened.hash, certificate) == "NO_QUORUM"


def test_three_people_at_three_custodians_open_the_key(world: World) -> None:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    for index in (1, 2, 3):
        world.decide_at(index, prepared)
        world.approve(index, prepared.opened.hash)
    collector = world.collect(prepared)
    assert collector.opened


def test_a_naive_count_by_custodian_lets_one_person_be_three() -> None:
    decisions = [allow(1, "ann"), allow(2, "ann"), allow(3, "ann")]
    assert len({decision.index for decision in decisions}) == 3
    assert count_allows(decisions, 1) == (1,)
