"""Who approves at a custodian: how the list begins, and how people join and leave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kms.custodian.approvers import ApproverQuorum
from kms.custodian.node import NodeOptions
from kms.errors import ConfigError
from kms.statements.approver import ApproverKey
from kms.statements.audit import LogEntry, LogKind
from kms.statements.codec import decode
from kms.statements.envelope import Envelope, sign, sign_payload
from kms.statements.evidence import Approval
from kms.statements.ids import RequestHash, Thumbprint
from kms.statements.invitations import (
    MAX_INVITATION,
    ApproverRevocation,
    InvitationWithdrawal,
    new_token,
)
from kms.statements.passkeys import RelyingParty
from kms.statements.registry import Approver
from kms.statements.release import HUMAN_LIFETIME, Purpose, Verdict
from tests.protocol.adversary import decision, reason_of, ruling
from tests.protocol.people import (
    acceptance,
    admit_key,
    cosign,
    invite,
    join_by_key,
    join_by_passkey,
    revoke,
    withdraw,
    withdrawal,
)
from tests.protocol.world import LAB, World, signing_key
from tests.reference.authenticator import PRESENT, Authenticator

pytestmark = pytest.mark.each_store

RP, ORIGIN = "console.example", "https://console.example"
PARTY = RelyingParty(RP, (ORIGIN,))
ANN, BEA, CID, DAN, EVE = (signing_key(name) for name in ("ann", "bea", "cid", "dan", "eve"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def restart(world: World, **options: object) -> None:
    world.start(1, options=NodeOptions(party=PARTY, **options))  # type: ignore[arg-type]


def begin_with_nobody(world: World, quorum: ApproverQuorum | None = None) -> None:
    """Custodian 1 starts from nothing, with no approver in its configuration."""
    world.forget(1)
    world.people[1] = []
    restart(world, approver_quorum=quorum or ApproverQuorum())


def names(world: World) -> list[str]:
    return [a.name for a in world.nodes[1].approvers() if not a.revoked_at]


def logged(world: World, kind: LogKind) -> list[LogEntry]:
    entries = [decode(LogEntry, payload) for payload in world.nodes[1].context.store.log.entries(0, 1000)]
    return [entry for entry in entries if entry.kind is kind]


def asked(world: World, name: str = "bob") -> RequestHash:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device(name), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    return prepared.opened.hash


def yes(world: World, request: RequestHash, by: object, verdict: Verdict = Verdict.ALLOW) -> str:
    approval: Approval = world.approval(1, request, by=by, verdict=verdict)  # type: ignore[arg-type]
    return reason_of(world.nodes[1].answer, sign(approval, by).message)  # type: ignore[arg-type]


def outcome(world: World, request: RequestHash) -> str:
    latest = world.nodes[1].latest(request)
    assert latest is not None
    return ruling(latest.envelope)[0]


# -- the beginning -----------------------------------------------------------------------------------------


def test_the_configuration_s_approvers_are_the_first(world: World) -> None:
    (only,) = world.nodes[1].approvers()
    assert (only.name, only.first, only.added_by) == ("approver 1", True, ())
    assert [entry.outcome for entry in logged(world, LogKind.APPROVERS_FOUNDED)] == ["CONFIGURED"]


def test_later_the_configuration_adds_nobody(world: World) -> None:
    named = Approver("planted", ApproverKey.of_key(ANN.public))
    world.people[1] = [Approver("approver 1", ApproverKey.of_key(world.approvers[1].public)), named]
    restart(world)
    assert names(world) == ["approver 1"]
    assert world.nodes[1].registry_problems() == [
        "the configuration names the approver planted, whom no approver has invited: left out"
    ]
    assert yes(world, asked(world), ANN) == "NOT_AN_APPROVER"


def test_where_there_is_nobody_the_administrator_invites_one(world: World) -> None:
    begin_with_nobody(world)
    node = world.nodes[1]
    lost, token = (node.invite_first("Ann", "ann@clinic.example", "fr") for _ in range(2))
    assert reason_of(node.invitation, lost) == "INVITATION_UNKNOWN"  # the later one took its place
    assert node.invitation(token).terms.language == "fr"
    joined = join_by_passkey(world, 1, token, Authenticator(RP), ORIGIN)
    assert (joined.name, joined.first, joined.added_by) == ("Ann", True, ())
    assert reason_of(node.invite_first, "Eve", "eve@clinic.example", "en") == "REGISTRY_BEGUN"
    assert reason_of(node.invitation, token) == "INVITATION_SPENT"
    assert [e.outcome for e in logged(world, LogKind.APPROVERS_FOUNDED)] == ["INVITED_FIRST"] * 2
    restart(world)
    assert names(world) == ["Ann"]
    assert world.nodes[1].registry_problems() == []


def test_the_administrator_invites_nobody_where_approvers_are(world: World) -> None:
    refused = reason_of(world.nodes[1].invite_first, "Eve", "eve@clinic.example", "en")
    assert refused == "REGISTRY_BEGUN"


# -- joining -----------------------------------------------------------------------------------------------


def test_an_invited_one_joins_by_key_and_approves(world: World) -> None:
    admit_key(world, 1, ANN, "ann@clinic.example")
    restart(world)
    assert [a.added_by for a in world.nodes[1].approvers()] == [(), (world.approvers[1].thumbprint,)]
    request = asked(world)
    assert yes(world, request, ANN) == ""
    assert outcome(world, request) == "ALLOW"
    (added,) = logged(world, LogKind.APPROVER_ADDED)
    assert (added.principal, added.outcome, added.count) == (ANN.thumbprint, "KEY", 1)


def test_an_invited_one_joins_by_passkey_and_signs_in(world: World) -> None:
    restart(world)
    device = Authenticator(RP)
    joined = join_by_passkey(world, 1, invite(world, 1, "bea@clinic.example"), device, ORIGIN)
    node = world.nodes[1]
    assert node.sign_in(bytes(32), device.sign(bytes(32), ORIGIN)) == joined
    assert reason_of(node.sign_in, bytes(32), device.sign(b"\1" * 32, ORIGIN)) == "BAD_PASSKEY"
    assert reason_of(node.sign_in, bytes(32), device.sign(bytes(32), ORIGIN, flags=PRESENT)) == "NOT_VERIFIED"
    copied = replace(device, count=0).sign(bytes(32), ORIGIN)
    assert reason_of(node.sign_in, bytes(32), copied) == "COUNTER_WENT_BACK"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"flags": PRESENT}, "NOT_VERIFIED"),
        ({"crossOrigin": True}, "BAD_PASSKEY"),
        ({"type": "webauthn.get"}, "BAD_PASSKEY"),
        ({"origin": "https://evil.example"}, "BAD_PASSKEY"),
        ({"challenge": bytes(32)}, "BAD_PASSKEY"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_new_passkey_must_be_made_here_by_a_verified_person(
    world: World, how: dict[str, object], reason: str
) -> None:
    restart(world)
    token = invite(world, 1, "bea@clinic.example")
    challenge = world.nodes[1].invitation(token).challenge
    said = {"challenge": challenge, "origin": ORIGIN} | how
    registration = Authenticator(RP).register(**said)  # type: ignore[arg-type]
    assert reason_of(world.nodes[1].redeem_by_passkey, token, registration) == reason
    assert names(world) == ["approver 1"]


def test_a_passkey_made_for_one_invitation_accepts_no_other(world: World) -> None:
    restart(world)
    one, other = (invite(world, 1, f"{name}@clinic.example") for name in ("bea", "eve"))
    made = Authenticator(RP).register(world.nodes[1].invitation(one).challenge, ORIGIN)
    assert reason_of(world.nodes[1].redeem_by_passkey, other, made) == "BAD_PASSKEY"


def test_a_token_is_used_once_by_one_and_in_time(world: World) -> None:
    node = world.nodes[1]
    token = invite(world, 1, "ann@clinic.example")
    signed = sign(acceptance(world, 1, token, ANN), ANN).message
    later = sign(acceptance(world, 1, token, BEA), BEA).message
    node.redeem(token, signed)
    assert reason_of(node.redeem, token, later) == "INVITATION_SPENT"
    assert reason_of(node.redeem, new_token(), later) == "INVITATION_UNKNOWN"
    assert reason_of(node.redeem, "x", later) == "INVITATION_UNKNOWN"
    old = invite(world, 1, "bea@clinic.example", days=1)
    word = sign(acceptance(world, 1, old, BEA), BEA).message
    world.clock.turn(86400)
    assert reason_of(node.redeem, old, word) == "INVITATION_UNKNOWN"
    node.tick()
    assert node.context.store.approvers.subjects() == []  # nothing of it stays


def test_an_invitation_is_not_open_for_longer_than_two_weeks(world: World) -> None:
    assert MAX_INVITATION == 14 * 86400
    assert reason_of(lambda: invite(world, 1, "ann@clinic.example", days=15)) == "INVITATION_EXPIRED"


def test_an_acceptance_is_for_its_invitation_and_by_its_own_key(world: World) -> None:
    node = world.nodes[1]
    one, other = (invite(world, 1, f"{name}@clinic.example") for name in ("ann", "bea"))
    meant = acceptance(world, 1, one, ANN)
    assert reason_of(node.redeem, other, sign(meant, ANN).message) == "WRONG_INVITATION"
    assert reason_of(node.redeem, one, sign(meant, BEA).message) == "WRONG_INVITATION"
    assert reason_of(node.redeem, one, sign(replace(meant, index=2), ANN).message) == "WRONG_CUSTODIAN"


def test_a_credential_joins_once_and_never_again_after_it_was_revoked(world: World) -> None:
    admit_key(world, 1, ANN, "ann@clinic.example")
    assert reason_of(admit_key, world, 1, ANN, "other@clinic.example") == "APPROVER_KNOWN"
    assert revoke(world, 1, ANN, world.approvers[1]).done
    assert reason_of(admit_key, world, 1, ANN, "ann@clinic.example") == "APPROVER_KNOWN"


# -- an invitation is called off ----------------------------------------------------------------------------


def test_an_invitation_that_is_called_off_lets_nobody_in(world: World) -> None:
    node, by = world.nodes[1], world.approvers[1]
    token = invite(world, 1, "ann@clinic.example", name="Ann")
    joining = sign(acceptance(world, 1, token, ANN), ANN).message
    assert withdraw(world, 1, token, by).name == "Ann"
    assert node.invitations() == []
    assert reason_of(node.invitation, token) == "INVITATION_WITHDRAWN"
    assert reason_of(node.redeem, token, joining) == "INVITATION_WITHDRAWN"
    (entry,) = logged(world, LogKind.INVITATION_WITHDRAWN)
    assert entry.principal == by.thumbprint
    restart(world)
    assert world.nodes[1].registry_problems() == []
    assert reason_of(world.nodes[1].redeem, token, joining) == "INVITATION_WITHDRAWN"
    assert names(world) == ["approver 1"]
    admit_key(world, 1, ANN, "ann@clinic.example")  # invited again, by another token
    assert names(world) == ["approver 1", "Invited"]


def test_a_passkey_calls_an_invitation_off(world: World) -> None:
    restart(world)
    device = Authenticator(RP)
    bea = join_by_passkey(world, 1, invite(world, 1, "bea@clinic.example"), device, ORIGIN)
    token, node = invite(world, 1, "ann@clinic.example"), world.nodes[1]
    word = node.withdrawal_to_sign(bea.thumbprint, node.invitation(token).terms.hash)
    unverified = device.sign(word.challenge, ORIGIN, flags=PRESENT)
    assert reason_of(node.withdraw_by_passkey, word.payload, unverified) == "NOT_VERIFIED"
    said = device.sign(word.challenge, ORIGIN)
    node.withdraw_by_passkey(word.payload, said)
    assert node.invitations() == []
    # Its count is kept: the same answer again is a copy's.
    assert reason_of(node.withdraw_by_passkey, word.payload, said) == "COUNTER_WENT_BACK"
    restart(world)
    assert reason_of(world.nodes[1].invitation, token) == "INVITATION_WITHDRAWN"


def test_one_of_those_who_must_sign_together_calls_off_alone(world: World) -> None:
    three_of_whom_two(world)
    token = invite(world, 1, "dan@clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    withdraw(world, 1, token, CID)
    assert reason_of(world.nodes[1].invitation, token) == "INVITATION_WITHDRAWN"


def test_what_is_open_no_more_is_not_called_off(world: World) -> None:
    by, node = world.approvers[1], world.nodes[1]
    used, over, ended = (
        (token, withdrawal(world, 1, token, by))
        for token in (invite(world, 1, f"{name}@clinic.example") for name in ("ann", "bea", "cid"))
    )
    join_by_key(world, 1, used[0], ANN)
    node.withdraw_invitation(over[1])
    assert reason_of(node.withdraw_invitation, used[1]) == "INVITATION_CLOSED"
    assert reason_of(node.withdraw_invitation, over[1]) == "INVITATION_CLOSED"
    world.clock.turn(8 * 86400)
    gone = node.context.store.approvers.words(decode(InvitationWithdrawal, ended[1].payload).terms_hash)
    assert gone  # not tidied away yet
    late = replace(decode(InvitationWithdrawal, ended[1].payload), created_at=world.clock())
    assert reason_of(node.withdraw_invitation, sign(late, by).message) == "INVITATION_EXPIRED"
    assert names(world) == ["approver 1", "Invited"]


def test_a_withdrawal_is_an_approver_s_of_now_and_here(world: World) -> None:
    admit_key(world, 1, ANN, "ann@clinic.example")
    node, by = world.nodes[1], world.approvers[1]
    token = invite(world, 1, "dan@clinic.example")
    meant = decode(InvitationWithdrawal, withdrawal(world, 1, token, by).payload)

    def refused(key: object = by, **changed: object) -> str:
        word: Envelope = sign(replace(meant, **changed), key).message  # type: ignore[arg-type]
        return reason_of(node.withdraw_invitation, word)

    assert refused(EVE) == "NOT_AN_APPROVER"
    assert refused(world.approvers[2]) == "NOT_AN_APPROVER"
    assert refused(world.identities[1]) == "NOT_AN_APPROVER"
    assert refused(ANN) == "WRONG_APPROVER"
    assert refused(index=2) == "WRONG_CUSTODIAN"
    assert refused(keyring_id=bytes(32)) == "WRONG_KEYRING"
    assert refused(created_at=meant.created_at - 3600) == "INVALID_FIELD"
    assert refused(terms_hash=bytes(32)) == "INVITATION_CLOSED"
    assert revoke(world, 1, ANN, by).done
    assert refused(ANN, approver_thumbprint=ANN.thumbprint) == "NOT_AN_APPROVER"
    assert len(node.invitations()) == 1


# -- k of m ------------------------------------------------------------------------------------------------


def three_of_whom_two(world: World) -> None:
    """Ann, Bea and Cid approve at custodian 1; two of them for everything."""
    begin_with_nobody(world, ApproverQuorum(2, 2))
    join_by_key(world, 1, world.nodes[1].invite_first("ann", "ann@clinic.example", "en"), ANN)
    admit_key(world, 1, BEA, "bea@clinic.example", by=ANN)  # she alone is all there are
    token = invite(world, 1, "cid@clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    join_by_key(world, 1, token, CID)


def test_as_many_as_agreed_must_invite(world: World) -> None:
    three_of_whom_two(world)
    token = invite(world, 1, "dan@clinic.example", by=ANN)
    node = world.nodes[1]
    assert not node.invitation(token).complete
    joining = sign(acceptance(world, 1, token, DAN), DAN).message
    assert reason_of(node.redeem, token, joining) == "INVITATION_INCOMPLETE"
    assert len(cosign(world, 1, token, ANN).signers) == 1  # twice the same is once
    assert reason_of(node.redeem, token, joining) == "INVITATION_INCOMPLETE"
    assert cosign(world, 1, token, CID).complete
    assert node.redeem(token, joining).added_by == (ANN.thumbprint, CID.thumbprint)


def test_two_credentials_of_one_person_invite_as_one(world: World) -> None:
    three_of_whom_two(world)
    token = invite(world, 1, "Ann@Clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    join_by_key(world, 1, token, DAN)  # Ann's other key
    next_one = invite(world, 1, "eve@clinic.example", by=ANN)
    assert not cosign(world, 1, next_one, DAN).complete


def test_an_inviter_who_was_taken_off_meanwhile_does_not_count(world: World) -> None:
    three_of_whom_two(world)
    token = invite(world, 1, "dan@clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    revoke(world, 1, ANN, BEA)
    assert revoke(world, 1, ANN, CID).done
    assert not world.nodes[1].invitation(token).complete


def test_as_many_as_agreed_must_revoke_but_for_oneself(world: World) -> None:
    three_of_whom_two(world)
    first = revoke(world, 1, CID, ANN)
    assert (first.done, first.needed, names(world)) == (False, 2, ["ann", "Invited", "Invited"])
    assert world.nodes[1].revocations() == [first]
    assert revoke(world, 1, CID, BEA).done
    assert revoke(world, 1, BEA, BEA).done
    assert names(world) == ["ann"]
    assert reason_of(revoke, world, 1, ANN, ANN) == "LAST_APPROVER"
    restart(world)
    assert names(world) == ["ann"]


def test_fewer_than_must_approve_never_bring_in_the_others() -> None:
    with pytest.raises(ConfigError, match="at least as many must invite"):
        ApproverQuorum(approvals=2)


def test_the_file_asks_for_more_and_never_for_less(world: World) -> None:
    three_of_whom_two(world)
    restart(world, approver_quorum=ApproverQuorum(1, 1))
    assert world.nodes[1].quorums() == ApproverQuorum(2, 2)
    assert world.nodes[1].registry_problems() == [
        "the configuration asks for fewer approvals than at the beginning: left out",
        "the configuration asks for fewer inviters than at the beginning: left out",
    ]


def test_a_request_needs_as_many_people_as_agreed(world: World) -> None:
    three_of_whom_two(world)
    request = asked(world)
    assert yes(world, request, ANN) == ""
    assert outcome(world, request) == "PENDING"
    assert yes(world, request, ANN) == "ANSWERED_ALREADY"
    restart(world, approver_quorum=ApproverQuorum(2, 2))
    assert yes(world, request, CID) == ""
    latest = world.nodes[1].latest(request)
    assert latest is not None
    (only,) = decision(latest.envelope).rulings
    assert (only.verdict, only.approver_thumbprint) == (Verdict.ALLOW, CID.thumbprint)
    assert len(only.approver_persons) == 2


def test_who_said_yes_where_the_console_stood_before_says_it_again(world: World) -> None:
    three_of_whom_two(world)
    request = asked(world)
    token = invite(world, 1, "dan@clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    device, node = Authenticator(RP), world.nodes[1]
    dan = join_by_passkey(world, 1, token, device, ORIGIN)

    def says_yes(origin: str) -> str:
        word = node.approval_to_sign(request, dan.thumbprint, Verdict.ALLOW)
        return reason_of(node.answer_by_passkey, word.payload, device.sign(word.challenge, origin))

    assert says_yes(ORIGIN) == ""
    assert len(node.waiting_view(request).approved) == 1
    elsewhere = "https://new.console.example"
    node.context = replace(node.context, party=RelyingParty(RP, (elsewhere,)))
    assert node.waiting_view(request).approved == ()
    assert says_yes(elsewhere) == ""
    assert len(node.waiting_view(request).approved) == 1
    assert outcome(world, request) == "PENDING"
    assert yes(world, request, ANN) == ""
    assert outcome(world, request) == "ALLOW"


def test_one_no_denies(world: World) -> None:
    three_of_whom_two(world)
    request = asked(world)
    assert yes(world, request, ANN) == ""
    assert yes(world, request, BEA, Verdict.DENY) == ""
    assert outcome(world, request) == "DENY"


def test_one_person_s_two_credentials_are_one_yes(world: World) -> None:
    three_of_whom_two(world)
    token = invite(world, 1, "Ann@Clinic.example", by=ANN)
    cosign(world, 1, token, BEA)
    join_by_key(world, 1, token, DAN)
    request = asked(world)
    assert yes(world, request, ANN) == ""
    assert yes(world, request, DAN) == "ANSWERED_ALREADY"
    assert outcome(world, request) == "PENDING"


def test_the_yes_of_somebody_taken_off_meanwhile_does_not_count(world: World) -> None:
    three_of_whom_two(world)
    request = asked(world)
    assert yes(world, request, ANN) == ""
    assert revoke(world, 1, ANN, ANN).done
    assert yes(world, request, ANN) == "NOT_AN_APPROVER"
    assert yes(world, request, BEA) == ""
    assert outcome(world, request) == "PENDING"
    assert yes(world, request, CID) == ""
    assert outcome(world, request) == "ALLOW"


def test_an_old_statement_invites_and_revokes_nobody(world: World) -> None:
    admit_key(world, 1, ANN, "ann@clinic.example")
    node, by = world.nodes[1], world.approvers[1]
    kept = node.revocation_to_sign(Thumbprint(by.thumbprint), Thumbprint(ANN.thumbprint), "")
    world.clock.turn(3600)
    statement = decode(ApproverRevocation, kept.payload)
    assert (
        reason_of(node.revoke_approver, sign_payload(statement, kept.payload, by).message) == "INVALID_FIELD"
    )
