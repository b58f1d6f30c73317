"""An approval is for one request, custodian, text and count, by a registered human who is not the requester."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kms.crypto.signing import SigningKey, verify
from kms.statements.approver import ApproverKey
from kms.statements.envelope import Envelope, Signed, sign
from kms.statements.evidence import Approval
from kms.statements.registry import Approver
from kms.statements.release import HUMAN_LIFETIME, Purpose, Verdict
from kms_client.requesting import Prepared
from tests.protocol.adversary import decision, reason_of, ruling, with_payload
from tests.protocol.world import LAB, Device, World, signing_key


@pytest.fixture
def waiting(world: World) -> Prepared:
    """A request of a device with no grant, which waits for people at custodian 1."""
    prepared = asked(world, world.device("bob"))
    assert ruling(world.decide_at(1, prepared)) == ("PENDING", "NEEDS_HUMAN")
    return prepared


def asked(world: World, reader: Device, count: int = 1) -> Prepared:
    keys = world.create(world.device("alice"), [LAB] * count)
    return world.prepare(reader, keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)


def answer(world: World, approval: Approval, by: SigningKey | None = None, at: int = 1) -> str:
    """The reason with which custodian `at` refuses this approval; empty if it is taken."""
    signed = sign(approval, by or world.approvers[at])
    return reason_of(world.nodes[at].answer, signed.message)


def test_the_approver_s_own_word_is_taken_once(world: World, waiting: Prepared) -> None:
    approval = world.approval(1, waiting.opened.hash)
    assert answer(world, approval) == ""
    assert answer(world, approval) == "NOT_WAITING"


def test_a_stranger_s_word_is_not(world: World, waiting: Prepared) -> None:
    stranger = signing_key("stranger")
    forged = world.approval(1, waiting.opened.hash, by=stranger)
    assert answer(world, forged, stranger) == "NOT_AN_APPROVER"


def test_the_node_s_own_administrator_cannot_sign_for_a_human(world: World, waiting: Prepared) -> None:
    approval = world.approval(1, waiting.opened.hash)
    assert answer(world, approval, world.identities[1]) == "NOT_AN_APPROVER"
    posing = sign(approval, world.identities[1]).message
    posing.signatures[0].keyid = world.approvers[1].public
    assert reason_of(world.nodes[1].answer, posing) == "BAD_SIGNATURE"


def test_two_signatures_are_none(world: World, waiting: Prepared) -> None:
    message = sign(world.approval(1, waiting.opened.hash), world.approvers[1]).message
    message.signatures.append(message.signatures[0])
    assert reason_of(world.nodes[1].answer, message) == "NOT_AN_APPROVER"


def test_an_altered_word_is_not_theirs(world: World, waiting: Prepared) -> None:
    signed: Signed[Approval] = sign(world.approval(1, waiting.opened.hash), world.approvers[1])
    other = sign(replace(signed.statement, count=2), signing_key("x"))
    altered: Envelope = with_payload(signed.message, other.payload)
    assert reason_of(world.nodes[1].answer, altered) == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"index": 2}, "WRONG_CUSTODIAN"),
        ({"count": 2}, "WRONG_COUNT"),
        ({"purpose": Purpose.RESEARCH}, "WRONG_COUNT"),
        ({"text_hash": bytes(32)}, "WRONG_TEXT"),
        ({"approver_thumbprint": bytes(32)}, "WRONG_APPROVER"),
        ({"request_hash": bytes(32)}, "NOT_WAITING"),
        ({"manifest_hash": bytes(32)}, "STALE_MANIFEST"),
        ({"keyring_id": bytes(32)}, "WRONG_KEYRING"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_an_approval_is_for_what_it_says(
    world: World, waiting: Prepared, changed: dict[str, Any], reason: str
) -> None:
    approval = replace(world.approval(1, waiting.opened.hash), **changed)
    assert answer(world, approval) == reason
    assert ruling(world.nodes[1].latest(waiting.opened.hash).envelope)[0] == "PENDING"  # type: ignore[union-attr]


def test_another_custodian_s_approver_has_no_say_here(world: World, waiting: Prepared) -> None:
    world.decide_at(2, waiting)
    approval = world.approval(2, waiting.opened.hash)
    assert answer(world, approval, world.approvers[2], at=1) == "NOT_AN_APPROVER"


def test_an_approval_for_one_request_does_nothing_for_another(world: World, waiting: Prepared) -> None:
    second = asked(world, world.device("bob"), count=2)
    world.decide_at(1, second)
    lent = replace(world.approval(1, waiting.opened.hash), request_hash=second.opened.hash)
    assert answer(world, lent) == "WRONG_TEXT"


def test_an_approval_ends_at_its_time(world: World, waiting: Prepared) -> None:
    approval = world.approval(1, waiting.opened.hash)
    world.clock.turn(approval.not_after - world.clock())
    assert answer(world, approval) == "APPROVAL_EXPIRED"


def test_no_word_counts_after_the_request_s_end_even_before_the_node_noticed(
    world: World, waiting: Prepared
) -> None:
    world.clock.turn(HUMAN_LIFETIME)
    approval = replace(world.approval(1, waiting.opened.hash), not_after=world.clock() + 600)
    assert answer(world, approval) == "REQUEST_EXPIRED"


def test_a_time_out_is_a_deny(world: World, waiting: Prepared) -> None:
    world.clock.turn(HUMAN_LIFETIME)
    assert world.nodes[1].tick() == [waiting.opened.hash]
    latest = world.nodes[1].latest(waiting.opened.hash)
    assert latest is not None
    assert not latest.waiting
    assert ruling(latest.envelope) == ("DENY", "TIMED_OUT")


def test_nobody_approves_their_own_request_with_the_key_that_asked(world: World) -> None:
    approver = Device("approver", world.approvers[1])
    prepared = asked(world, approver)
    world.decide_at(1, prepared)
    assert answer(world, world.approval(1, prepared.opened.hash)) == "SELF_APPROVAL"


def test_nobody_approves_their_own_request_from_another_device(world: World) -> None:
    prepared = asked(world, world.device("dr-self"))  # the subject that approver 1 is registered with
    world.decide_at(1, prepared)
    assert answer(world, world.approval(1, prepared.opened.hash)) == "SELF_APPROVAL"


def test_nobody_approves_their_own_request_from_another_account_of_the_same_address(world: World) -> None:
    key = ApproverKey.of_key(world.approvers[1].public)
    world.people[1] = [Approver("approver", key, email=" Dr@Clinic.example")]
    world.forget(1)
    world.start(1)
    prepared = asked(world, replace(world.device("dr-elsewhere"), email="dr@clinic.example"))
    world.decide_at(1, prepared)
    assert answer(world, world.approval(1, prepared.opened.hash)) == "SELF_APPROVAL"
    stranger = asked(world, replace(world.device("somebody"), email="other@clinic.example"))
    world.decide_at(1, stranger)
    assert answer(world, world.approval(1, stranger.opened.hash)) == ""


def test_a_human_s_no_is_final(world: World, waiting: Prepared) -> None:
    denied = world.approval(1, waiting.opened.hash, verdict=Verdict.DENY)
    assert answer(world, denied) == ""
    latest = world.nodes[1].latest(waiting.opened.hash)
    assert latest is not None
    assert ruling(latest.envelope) == ("DENY", "HUMAN_DENIED")
    assert answer(world, replace(denied, verdict=Verdict.ALLOW)) == "NOT_WAITING"


def test_an_approval_names_its_human_in_the_decision(world: World, waiting: Prepared) -> None:
    (only,) = decision(world.approve(1, waiting.opened.hash)).rulings
    assert only.verdict is Verdict.ALLOW
    assert only.approver_thumbprint == world.approvers[1].thumbprint


def test_a_naive_node_that_takes_any_signed_yes_opens_another_request(world: World) -> None:
    """Why the text, the count and the request are inside what is signed: a bare yes fits every request."""
    human = world.approvers[1]
    yes = human.sign("yes", b"yes")

    def naive_answer(request: bytes, signature: bytes) -> str:
        verify(human.public, "yes", b"yes", signature)
        return f"{request.hex()} may open"

    meant, other = (asked(world, world.device(name)).opened.hash for name in ("bob", "mallory"))
    assert naive_answer(meant, yes) != naive_answer(other, yes)  # two requests open by one word
