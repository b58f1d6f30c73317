"""A device is stolen with all that is on it: its key, its credentials, and requests that are under way.

Its holder, or the admins, end it at the custodians. From then on the thief gets nothing; and nobody can end what is
not theirs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kms.crypto.signing import SigningKey
from kms.custodian.vouching import vouch
from kms.errors import EvidenceRefused, Invalid, KmsError
from kms.policy.issuers import issuer_keys
from kms.statements.envelope import Envelope, open_signed, sign
from kms.statements.kills import (
    KeyKill,
    Killed,
    KillKind,
    KillOrder,
    credential_name,
    open_killed,
    person_name,
)
from kms.statements.manifest import HolderClass, Issuer, IssuerKey, IssuerKeyType
from kms.statements.release import HUMAN_LIFETIME, Decision, Purpose, build_certificate
from kms.wire.v1 import keyring_pb2
from kms_client.cache import OpenKey
from tests.protocol.adversary import reason_of, ruling
from tests.protocol.world import LAB, Clock, Device, World, found_keyring, iss, parties, signing_key
from tests.reference.tokens import P256Signer, b64, compact, seed

ADMINS = [signing_key(f"admin {n}") for n in range(3)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two of three custodians, two of three admins."""
    identities, approvers, issuer_keys = parties(3)
    clock = Clock()
    keyring = found_keyring(
        "kills",
        identities,
        issuer_keys,
        2,
        clock(),
        founders=ADMINS,
        admins=tuple(admin.public for admin in ADMINS),
        admin_quorum=2,
    )
    made = World(tmp_path / "world", clock, keyring, identities, approvers, issuer_keys)
    for index in identities:
        made.start(index)
    yield made
    made.close()


def own(world: World, device: Device, **changes: object) -> KeyKill:
    said = KeyKill(world.keyring.keyring_id, world.keyring.manifest_hash, device.thumbprint, world.clock())
    return replace(said, **changes)  # type: ignore[arg-type]


def order(world: World, kind: KillKind, name: bytes, until: int = 0) -> KillOrder:
    return KillOrder(
        world.keyring.keyring_id, world.keyring.manifest_hash, kind, name, until, "stolen", world.clock()
    )


def by(said: KeyKill | KillOrder, *keys: SigningKey) -> Envelope:
    return sign(said, *keys).message


def kill(world: World, envelope: Envelope, at: Sequence[int] = (1, 2, 3)) -> list[bytes]:
    return [world.nodes[index].kill(envelope)[0] for index in at]


def said_to(world: World, device: Device, index: int = 1) -> tuple[str, str]:
    """The verdict on a read of the device's own key, and why."""
    return ruling(world.decide_at(index, world.prepare(device, KEYS[device.name])))


KEYS: dict[str, Sequence[OpenKey]] = {}


@pytest.fixture
def patient(world: World) -> Device:
    device = world.device("p-1")
    KEYS[device.name] = world.create(device)
    return device


@pytest.mark.parametrize("who", ["holder", "admins"])
def test_a_killed_key_opens_nothing_and_deposits_nothing(world: World, patient: Device, who: str) -> None:
    assert said_to(world, patient)[0] == "ALLOW"
    said = (
        by(own(world, patient), patient.key)
        if who == "holder"
        else by(order(world, KillKind.KEY, patient.thumbprint), *ADMINS[:2])
    )
    kill(world, said)
    assert [said_to(world, patient, index) for index in (1, 2, 3)] == [("DENY", "CREDENTIAL_KILLED")] * 3
    sent = world.send(patient, world.deal(patient, [LAB]))
    assert reason_of(world.deposit_at, 1, sent) == "CREDENTIAL_KILLED"


def test_what_was_allowed_before_goes_out_no_more(world: World, patient: Device) -> None:
    prepared = world.prepare(patient, KEYS[patient.name])
    decided = [
        open_signed(Decision, world.decide_at(index, prepared), world.identities[index].public)
        for index in (1, 2, 3)
    ]
    proof = build_certificate(prepared.opened.hash, decided)
    assert world.nodes[3].release(prepared.opened.hash, proof)[1]
    kill(world, by(own(world, patient), patient.key), at=[1, 2])
    for index in (1, 2):
        assert reason_of(world.nodes[index].release, prepared.opened.hash, proof) == "CREDENTIAL_KILLED"
    assert world.nodes[3].release(prepared.opened.hash, proof)[1]  # it was not told: one is less than two


def test_what_waits_for_people_is_denied_at_once(world: World, patient: Device) -> None:
    reader = world.device("reader", "professional", ("a",))
    keys = KEYS[patient.name]
    waiting = world.prepare(reader, keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    assert ruling(world.decide_at(1, waiting))[0] == "PENDING"
    assert len(world.nodes[1].context.store.waiting()) == 1
    _, closed = world.nodes[1].kill(by(own(world, reader), reader.key))
    assert closed == [waiting.opened.hash]
    assert world.nodes[1].context.store.waiting() == []
    latest = world.nodes[1].latest(waiting.opened.hash)
    assert latest is not None
    assert ruling(latest.envelope) == ("DENY", "CREDENTIAL_KILLED")


def test_a_person_is_out_with_every_device_until_the_day_that_was_said(world: World, patient: Device) -> None:
    other = replace(patient, key=signing_key("another device of p-1"))
    until = world.clock() + 86400
    named = person_name(world.keyring.keyring_id, iss("b"), patient.name)
    kill(world, by(order(world, KillKind.PERSON, named, until), *ADMINS[1:]))
    keys = KEYS[patient.name]
    for device in (patient, other):
        assert ruling(world.decide_at(1, world.prepare(device, keys)))[1] == "CREDENTIAL_KILLED"
    alone = replace(patient, issuers=("a",))  # to the other issuer this is another person
    assert ruling(world.decide_at(1, world.prepare(alone, keys)))[0] == "ALLOW"
    world.clock.turn(86400)
    assert said_to(world, patient)[0] == "ALLOW"


def test_one_credential_can_be_killed_alone(world: World, patient: Device) -> None:
    stolen, fresh = world.credentials(patient)[0], world.credentials(patient)[0]
    node = world.nodes[1].context
    world.nodes[1].kill(by(order(world, KillKind.CREDENTIAL, credential_name(stolen)), *ADMINS[:2]))
    with pytest.raises(EvidenceRefused) as caught:
        vouch(node, [stolen], patient.thumbprint, world.clock())
    assert caught.value.reason == "CREDENTIAL_KILLED"
    assert vouch(node, [fresh], patient.thumbprint, world.clock())


def test_a_killed_credential_does_not_come_back_under_another_signature(
    world: World, patient: Device
) -> None:
    order_of_curve = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    insurer = P256Signer(seed("insurer"))
    key = IssuerKey("i1", IssuerKeyType.P256, insurer.public)
    issuer = issuer_keys(Issuer("https://insurer.example", "Insurer", (HolderClass.DEVICE,), (key,)))
    node = replace(world.nodes[1].context, issuers=(issuer,))
    now = world.clock()
    said = {
        "iss": issuer.iss,
        "sub": patient.name,
        "aud": node.audience,
        "iat": now,
        "exp": now + 3600,
        "cnf": {"jkt": b64(patient.thumbprint)},
    }
    stolen = compact({"alg": "ES256", "kid": "i1"}, said, insurer)
    signed, _, signature = stolen.rpartition(".")
    r, s = (base64.urlsafe_b64decode(signature + "==")[at : at + 32] for at in (0, 32))
    # Whoever holds one ECDSA signature has another of the same text: (r, n - s).
    again = f"{signed}.{b64(r + (order_of_curve - int.from_bytes(s)).to_bytes(32))}"
    assert vouch(node, [again], patient.thumbprint, now)
    world.nodes[1].kill(by(order(world, KillKind.CREDENTIAL, credential_name(stolen)), *ADMINS[:2]))
    for token in (stolen, again):
        with pytest.raises(EvidenceRefused) as caught:
            vouch(node, [token], patient.thumbprint, now)
        assert caught.value.reason == "CREDENTIAL_KILLED"


def test_a_thief_with_a_killed_owners_key_lets_nobody_in(world: World, patient: Device) -> None:
    accomplice = world.device("accomplice", "professional", ("a",))
    grant = sign(world.grant(patient, accomplice, category=LAB["category"]), patient.key).envelope
    keys = KEYS[patient.name]

    def says() -> tuple[str, str]:
        prepared = world.prepare(accomplice, keys, purpose=Purpose.TREATMENT, grants=[grant])
        return ruling(world.decide_at(1, prepared))

    assert says()[0] == "ALLOW"
    kill(world, by(own(world, patient), patient.key))
    assert says()[0] != "ALLOW"


def test_a_kill_survives_a_restart(world: World, patient: Device) -> None:
    kill(world, by(own(world, patient), patient.key))
    world.start(1)
    assert said_to(world, patient) == ("DENY", "CREDENTIAL_KILLED")


# -- who may not ---------------------------------------------------------------------------------------------


def test_nobody_ends_anothers_key(world: World, patient: Device) -> None:
    thief = world.device("thief")
    stranger = signing_key("a stranger")
    orders = order(world, KillKind.KEY, patient.thumbprint)
    for envelope, reason in (
        (by(own(world, patient), thief.key), "WRONG_SIGNER"),
        (by(orders, ADMINS[0]), "SIGNATURES_MISSING"),
        (by(orders, stranger, thief.key), "WRONG_SIGNER"),
        (by(orders, *ADMINS[:2], stranger), "WRONG_SIGNER"),
        (by(orders, patient.key), "WRONG_SIGNER"),
    ):
        assert reason_of(world.nodes[1].kill, envelope) == reason
    assert said_to(world, patient)[0] == "ALLOW"


def test_two_signatures_of_one_admin_are_one(world: World, patient: Device) -> None:
    once = by(order(world, KillKind.KEY, patient.thumbprint), ADMINS[0])
    twice = keyring_pb2.Envelope()
    twice.CopyFrom(once)
    twice.signatures.append(once.signatures[0])
    assert reason_of(world.nodes[1].kill, twice) == "DUPLICATE_SIGNATURE"


def test_a_kill_of_another_keyring_or_of_the_future_is_refused(world: World, patient: Device) -> None:
    for changes, reason in (
        ({"keyring_id": bytes(32)}, "WRONG_KEYRING"),
        ({"manifest_hash": bytes(32)}, "STALE_MANIFEST"),
        ({"created_at": world.clock() + 3600}, "INVALID_FIELD"),
    ):
        assert reason_of(world.nodes[1].kill, by(own(world, patient, **changes), patient.key)) == reason
    ended = order(world, KillKind.KEY, patient.thumbprint, world.clock() + 10)
    world.clock.turn(10)
    assert reason_of(world.nodes[1].kill, by(ended, *ADMINS[:2])) == "KILL_ENDED"
    assert said_to(world, patient)[0] == "ALLOW"


def test_no_person_is_out_for_good(world: World) -> None:
    now = world.clock()
    for until in (0, now, now + 90 * 86400 + 1):
        with pytest.raises(Invalid):
            order(world, KillKind.PERSON, bytes(32), until)


def test_said_twice_it_is_one_word_and_one_line_of_the_log(world: World, patient: Device) -> None:
    envelope = by(own(world, patient), patient.key)
    one, other = world.nodes[1].kill(envelope)[0], world.nodes[1].kill(envelope)[0]
    assert one == other
    size = world.nodes[1].context.store.log.size()
    world.nodes[1].kill(envelope)
    assert world.nodes[1].context.store.log.size() == size


def test_only_a_custodians_own_word_on_this_very_kill_counts(world: World, patient: Device) -> None:
    envelope = by(own(world, patient), patient.key)
    word = world.nodes[1].kill(envelope)[0]
    message = keyring_pb2.Envelope.FromString(word)
    named = open_signed(Killed, message, world.identities[1].public).statement.statement_hash
    assert open_killed(message, world.keyring, 1, named).statement.index == 1
    for index, what in ((2, named), (1, bytes(32))):
        with pytest.raises(KmsError):
            open_killed(message, world.keyring, index, what)
    forged = sign(
        replace(open_signed(Killed, message, world.identities[1].public).statement, index=2),
        signing_key("host"),
    )
    with pytest.raises(KmsError):
        open_killed(forged.message, world.keyring, 2, named)
