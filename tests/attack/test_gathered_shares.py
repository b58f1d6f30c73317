"""A reader whom no quorum lets in gathers shares: one custodian allows here, another there, over many requests.

Each custodian by itself was right to allow: one had not heard of a revocation, another's human was talked
into it. A custodian that answers with its share at once (one phase) gives the reader t of them in the end. So
nobody gives anything before t custodians allowed the same request, and the proof of that cannot be pieced
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kms.crypto import derivation, labels
from kms.crypto.hashing import H
from kms.custodian import releases
from kms.statements.envelope import Signed, open_signed, sign
from kms.statements.ids import CertificateHash, RequestHash
from kms.statements.manifest import Keyring
from kms.statements.release import Certificate, Decision, Purpose, build_certificate
from kms.wire.v1 import release_pb2
from kms_client.cache import OpenKey
from kms_client.requesting import Prepared
from tests.protocol.adversary import opened_shares, reason_of, ruling, secret_of
from tests.protocol.coordinator import Event, delivery
from tests.protocol.world import World

Decisions = dict[int, Signed[Decision]]


class Refused:
    """Two requests of one reader. Neither has a quorum; between them, three custodians allow."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owner, self.reader = world.device("alice"), world.device("bob")
        self.key: OpenKey = world.create(self.owner)[0]
        grant = world.grant(self.owner, self.reader, keys=[self.key])
        # The host keeps the revocation from custodians 4 and 5: they allow as if it had not been.
        world.revoke(self.owner, grant, at=[1, 2, 3])
        self.by_grant = self.ask(grants=[sign(grant, self.owner.key).envelope])
        self.by_human = self.ask()
        self.decided_by_grant = self.decide(self.by_grant)
        self.decided_by_human = self.decide(self.by_human)
        self.decided_by_human[1] = self.opened(1, world.approve(1, self.by_human.opened.hash))

    def ask(self, grants: Sequence[bytes] = ()) -> Prepared:
        return self.world.prepare(self.reader, [self.key], purpose=Purpose.TREATMENT, grants=grants)

    def decide(self, prepared: Prepared) -> Decisions:
        return {i: self.opened(i, self.world.decide_at(i, prepared)) for i in self.world.nodes}

    def opened(self, index: int, envelope: bytes) -> Signed[Decision]:
        return open_signed(Decision, envelope, self.world.identities[index].public)

    def release(self, index: int, prepared: Prepared, certificate: bytes) -> Event:
        return delivery(*self.world.nodes[index].release(prepared.opened.hash, certificate))


@pytest.fixture
def refused(world: World) -> Refused:
    made = Refused(world)
    allowed = {
        (name, index)
        for name, decisions in (("grant", made.decided_by_grant), ("human", made.decided_by_human))
        for index, signed in decisions.items()
        if ruling(signed.envelope)[0] == "ALLOW"
    }
    assert allowed == {("grant", 4), ("grant", 5), ("human", 1)}
    return made


def naive_certificate(payload: bytes, keyring: Keyring, request: RequestHash, count: int) -> Certificate:
    """One phase: whoever allows, gives."""
    return Certificate(
        payload, CertificateHash(H(labels.CERTIFICATE, payload)), frozenset(range(count)), (99,) * count
    )


def test_one_phase_lets_a_refused_reader_gather_a_quorum(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "open_certificate", naive_certificate)
    shares = {
        **opened_shares(refused.by_grant, [refused.release(i, refused.by_grant, b"") for i in (4, 5)])[0],
        **opened_shares(refused.by_human, [refused.release(1, refused.by_human, b"")])[0],
    }
    assert derivation.data_key(secret_of(shares), refused.key.key_id) == refused.key.secret


@pytest.mark.parametrize("quorum", [(4, 5), (1, 4, 5), (1, 2, 3, 4, 5)])
def test_nobody_gives_a_share_for_a_request_that_no_quorum_allows(
    refused: Refused, quorum: tuple[int, ...]
) -> None:
    for prepared, decisions in (
        (refused.by_grant, refused.decided_by_grant),
        (refused.by_human, refused.decided_by_human),
    ):
        certificate = build_certificate(prepared.opened.hash, [decisions[i] for i in quorum])
        for index in refused.world.nodes:
            assert reason_of(refused.release, index, prepared, certificate) == "NO_QUORUM"


def test_the_honest_way_ends_without_a_key_and_without_a_culprit(refused: Refused) -> None:
    for prepared in (refused.by_grant, refused.by_human):
        collector = refused.world.collect(prepared)
        assert not collector.opened
        assert not collector.faults
        assert collector.failure(0).reason == "APPROVAL_PENDING"


def test_allows_of_two_requests_do_not_add_up(refused: Refused) -> None:
    mixed = [refused.decided_by_human[1], refused.decided_by_grant[4], refused.decided_by_grant[5]]
    for prepared in (refused.by_grant, refused.by_human):
        certificate = build_certificate(prepared.opened.hash, mixed)
        for index in (1, 4, 5):
            assert reason_of(refused.release, index, prepared, certificate) == "WRONG_DECISION"


def test_one_custodian_s_allow_counts_once(refused: Refused) -> None:
    four, five = refused.decided_by_grant[4], refused.decided_by_grant[5]
    for doubled in ([four, four, five], [four, five, five], [four] * 3):
        certificate = build_certificate(refused.by_grant.opened.hash, doubled)
        assert reason_of(refused.release, 4, refused.by_grant, certificate) == "WRONG_CERTIFICATE"


def test_a_certificate_of_another_request_proves_nothing(refused: Refused) -> None:
    world = refused.world
    own = world.prepare(refused.owner, [refused.key])
    decisions = [refused.opened(i, world.decide_at(i, own)) for i in (1, 2, 3)]
    good = build_certificate(own.opened.hash, decisions)
    assert reason_of(refused.release, 4, refused.by_grant, good) == "WRONG_CERTIFICATE"
    renamed = build_certificate(refused.by_grant.opened.hash, decisions)
    assert reason_of(refused.release, 4, refused.by_grant, renamed) == "WRONG_DECISION"


def test_allows_by_strangers_and_liars_do_not_count(refused: Refused) -> None:
    world, request = refused.world, refused.by_grant.opened.hash
    four, five = refused.decided_by_grant[4], refused.decided_by_grant[5]
    stranger = sign(four.statement, world.device("stranger").key)
    certificate = build_certificate(request, [four, five, stranger])
    assert reason_of(refused.release, 4, refused.by_grant, certificate) == "WRONG_CERTIFICATE"
    # Two corrupted custodians may sign what they like, in anybody's name, but only with their own keys.
    for index in (1, 2, 3):
        posing = four.message
        posing.signatures[0].keyid = world.identities[index].public
        forged = Signed(four.statement, four.payload, four.signers, posing.SerializeToString())
        certificate = build_certificate(request, [four, five, forged])
        assert reason_of(refused.release, 4, refused.by_grant, certificate) == "BAD_SIGNATURE"
        lent = sign(four.statement, world.identities[index])
        certificate = build_certificate(request, [four, five, lent])
        assert reason_of(refused.release, 4, refused.by_grant, certificate) == "WRONG_DECISION"


def test_an_allow_by_another_policy_does_not_count(refused: Refused) -> None:
    own = refused.world.prepare(refused.owner, [refused.key])
    decisions = [refused.opened(i, refused.world.decide_at(i, own)) for i in (1, 2, 3)]
    laxer = replace(decisions[0].statement, policy_hash=bytes(32))
    lax = sign(laxer, refused.world.identities[decisions[0].statement.index])
    certificate = build_certificate(own.opened.hash, [lax, *decisions[1:]])
    assert reason_of(refused.release, 2, own, certificate) == "WRONG_POLICY"


def test_a_certificate_has_one_encoding(refused: Refused) -> None:
    decisions = [refused.decided_by_grant[i] for i in (4, 5)]
    certificate = build_certificate(refused.by_grant.opened.hash, decisions)
    assert reason_of(refused.release, 4, refused.by_grant, certificate + b"\x78\x01") == "NOT_CANONICAL"
    lone = release_pb2.ReleaseCertificate(
        request_hash=refused.by_grant.opened.hash, decisions=[decisions[0].message]
    ).SerializeToString()
    assert reason_of(refused.release, 4, refused.by_grant, lone) == "INVALID_FIELD"


def test_who_did_not_allow_gives_nothing_even_against_a_certificate(world: World) -> None:
    owner, reader = world.device("alice"), world.device("bob")
    key = world.create(owner)[0]
    grant = world.grant(owner, reader, keys=[key])
    world.revoke(owner, grant, at=[1])
    envelope = sign(grant, owner.key).envelope
    prepared = world.prepare(reader, [key], purpose=Purpose.TREATMENT, grants=[envelope])
    decisions = [
        open_signed(Decision, world.decide_at(i, prepared), world.identities[i].public) for i in (1, 2, 3, 4)
    ]
    certificate = build_certificate(prepared.opened.hash, decisions[1:])
    assert reason_of(world.nodes[1].release, prepared.opened.hash, certificate) == "NOT_ALLOWED"
    assert reason_of(world.nodes[5].release, prepared.opened.hash, certificate) == "NOT_DECIDED"
    assert reason_of(world.nodes[2].release, prepared.opened.hash, certificate) == ""


def test_one_human_at_two_custodians_is_one_opinion(world: World) -> None:
    # The same approver was registered by custodians 1 and 2, and nobody noticed.
    world.approvers = {**world.approvers, 2: world.approvers[1]}
    world.forget(2)
    world.start(2)
    owner, reader = world.device("alice"), world.device("bob")
    key = world.create(owner)[0]
    prepared = world.prepare(reader, [key], purpose=Purpose.TREATMENT)
    name = prepared.opened.hash
    for index in world.nodes:
        world.decide_at(index, prepared)
    decided = [open_signed(Decision, world.approve(i, name), world.identities[i].public) for i in (1, 2, 3)]
    assert [ruling(signed.envelope) for signed in decided] == [("ALLOW", "HUMAN_APPROVED")] * 3
    for index in (1, 2, 3):
        assert reason_of(world.nodes[index].release, name, build_certificate(name, decided)) == "NO_QUORUM"
    assert not world.collect(prepared).opened
    world.approve(4, name)
    assert world.collect(prepared).opened[key.key_id].secret == key.secret


def test_three_humans_at_three_custodians_are_enough(world: World) -> None:
    owner, reader = world.device("alice"), world.device("bob")
    key = world.create(owner)[0]
    prepared = world.prepare(reader, [key], purpose=Purpose.TREATMENT)
    assert not world.collect(prepared).opened
    for index in (1, 2, 3):
        world.approve(index, prepared.opened.hash)
    assert world.collect(prepared).opened[key.key_id].secret == key.secret
