"""An approval by passkey is its holder's: verified, at this console, over this very statement, counted upwards."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kms.custodian.node import NodeOptions
from kms.statements.approver import ToSign
from kms.statements.passkeys import Passkey, RelyingParty
from kms.statements.release import HUMAN_LIFETIME, Purpose, Verdict
from kms_client.requesting import Prepared
from tests.protocol.adversary import reason_of, ruling
from tests.protocol.people import invite, join_by_passkey
from tests.protocol.world import LAB, World
from tests.reference.authenticator import EDDSA, ES256, PRESENT, VERIFIED, Authenticator

RP, ORIGIN = "console.example", "https://console.example:8446"
OPTIONS = NodeOptions(party=RelyingParty(RP, (ORIGIN,)))


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(RP)


@pytest.fixture
def waiting(world: World, device: Authenticator) -> Prepared:
    """A request that waits at custodian 1, whose approver has this passkey."""
    keep(world, device)
    return asked(world)


def keep(world: World, *devices: Authenticator) -> None:
    """Let custodian 1's approvers be the holders of these passkeys."""
    world.start(1, options=OPTIONS)
    for n, device in enumerate(devices):
        token = invite(world, 1, f"{n}@clinic.example")
        join_by_passkey(world, 1, token, device, ORIGIN)


def asked(world: World, name: str = "bob", count: int = 1) -> Prepared:
    keys = world.create(world.device("alice"), [LAB] * count)
    prepared = world.prepare(world.device(name), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    return prepared


def to_sign(
    world: World, prepared: Prepared, device: Authenticator, verdict: Verdict = Verdict.ALLOW
) -> ToSign:
    thumbprint = Passkey(device.credential_id, device.cose).thumbprint
    return world.nodes[1].approval_to_sign(prepared.opened.hash, thumbprint, verdict)


def answer(world: World, word: ToSign, assertion: str) -> str:
    return reason_of(world.nodes[1].answer_by_passkey, word.payload, assertion)


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_a_passkey_s_own_yes_opens(world: World, algorithm: int) -> None:
    device = Authenticator(RP, algorithm)
    keep(world, device)
    prepared = asked(world)
    word = to_sign(world, prepared, device)
    assert answer(world, word, device.sign(word.challenge, ORIGIN)) == ""
    latest = world.nodes[1].latest(prepared.opened.hash)
    assert latest is not None
    assert ruling(latest.envelope) == ("ALLOW", "HUMAN_APPROVED")


def test_a_passkey_s_no_is_a_deny(world: World, waiting: Prepared, device: Authenticator) -> None:
    word = to_sign(world, waiting, device, Verdict.DENY)
    assert answer(world, word, device.sign(word.challenge, ORIGIN)) == ""
    latest = world.nodes[1].latest(waiting.opened.hash)
    assert latest is not None
    assert ruling(latest.envelope) == ("DENY", "HUMAN_DENIED")


SIGNS: dict[str, tuple[Callable[[Authenticator, bytes], str], str]] = {
    "no user verification": (lambda d, c: d.sign(c, ORIGIN, flags=PRESENT), "NOT_VERIFIED"),
    "nobody there": (lambda d, c: d.sign(c, ORIGIN, flags=VERIFIED), "BAD_PASSKEY"),
    "a look-alike's origin": (lambda d, c: d.sign(c, "https://console.example.evil.example"), "BAD_PASSKEY"),
    "another port": (lambda d, c: d.sign(c, "https://console.example:9999"), "BAD_PASSKEY"),
    "no encryption": (lambda d, c: d.sign(c, "http://console.example:8446"), "BAD_PASSKEY"),
    "a frame in another site": (lambda d, c: d.sign(c, ORIGIN, crossOrigin=True), "BAD_PASSKEY"),
    "a frame, told otherwise": (
        lambda d, c: d.sign(c, ORIGIN, topOrigin="https://evil.example"),
        "BAD_PASSKEY",
    ),
    "another challenge": (lambda d, c: d.sign(hashlib.sha256(c).digest(), ORIGIN), "BAD_PASSKEY"),
    "a registration": (lambda d, c: d.sign(c, ORIGIN, type="webauthn.create"), "BAD_PASSKEY"),
    "another party's name": (
        lambda d, c: replace(d, rp_id="other.example").sign(c, ORIGIN),
        "BAD_PASSKEY",
    ),
    "another key under this id": (
        lambda d, c: Authenticator(RP, credential_id=d.credential_id).sign(c, ORIGIN),
        "BAD_PASSKEY",
    ),
    "an unknown passkey": (lambda d, c: Authenticator(RP).sign(c, ORIGIN), "NOT_AN_APPROVER"),
}


@pytest.mark.parametrize("how", SIGNS)
def test_any_other_assertion_is_refused(
    world: World, waiting: Prepared, device: Authenticator, how: str
) -> None:
    sign, reason = SIGNS[how]
    word = to_sign(world, waiting, device)
    assert answer(world, word, sign(device, word.challenge)) == reason
    latest = world.nodes[1].latest(waiting.opened.hash)
    assert latest is not None
    assert latest.waiting


def test_an_assertion_over_a_no_is_no_yes(world: World, waiting: Prepared, device: Authenticator) -> None:
    no, yes = (to_sign(world, waiting, device, verdict) for verdict in (Verdict.DENY, Verdict.ALLOW))
    assert answer(world, yes, device.sign(no.challenge, ORIGIN)) == "BAD_PASSKEY"


def test_an_assertion_for_one_request_opens_no_other(
    world: World, waiting: Prepared, device: Authenticator
) -> None:
    other = asked(world, "mallory", count=2)
    meant, wanted = (to_sign(world, prepared, device) for prepared in (waiting, other))
    assertion = device.sign(meant.challenge, ORIGIN)
    assert answer(world, wanted, assertion) == "BAD_PASSKEY"
    assert answer(world, meant, assertion) == ""


def test_another_approver_s_passkey_signs_for_nobody_else(world: World, device: Authenticator) -> None:
    other = Authenticator(RP)
    keep(world, device, other)
    word = to_sign(world, asked(world), device)
    assert answer(world, word, other.sign(word.challenge, ORIGIN)) == "WRONG_APPROVER"


@pytest.mark.parametrize("count", [0, 6, 7])
def test_a_count_that_does_not_grow_is_a_copy(
    world: World, waiting: Prepared, device: Authenticator, count: int
) -> None:
    device.count = 6
    first = to_sign(world, waiting, device)
    assert answer(world, first, device.sign(first.challenge, ORIGIN)) == ""  # 7
    word = to_sign(world, asked(world), device)
    copy = replace(device, count=count, step=0)
    assert answer(world, word, copy.sign(word.challenge, ORIGIN)) == "COUNTER_WENT_BACK"
    world.start(1, options=OPTIONS)  # it is on disk
    assert answer(world, word, copy.sign(word.challenge, ORIGIN)) == "COUNTER_WENT_BACK"
    assert answer(world, word, device.sign(word.challenge, ORIGIN)) == ""


def test_an_authenticator_that_never_counts_is_taken(world: World, device: Authenticator) -> None:
    device.step = 0
    keep(world, device)
    for _ in range(2):
        word = to_sign(world, asked(world), device)
        assert answer(world, word, device.sign(word.challenge, ORIGIN)) == ""


def test_a_node_without_a_console_takes_no_passkeys(world: World, device: Authenticator) -> None:
    keep(world, device)
    word = to_sign(world, asked(world), device)
    world.start(1)
    assert answer(world, word, device.sign(word.challenge, ORIGIN)) == "NOT_AN_APPROVER"
    assert "NO_PASSKEYS_HERE" in world.nodes[1].registry_problems()[0]


@pytest.mark.parametrize("junk", ["", "[]", "{}", '{"type": "public-key"}', "[" * 100_000])
def test_junk_from_a_browser_is_refused(
    world: World, waiting: Prepared, device: Authenticator, junk: str
) -> None:
    assert answer(world, to_sign(world, waiting, device), junk) == "MALFORMED"


@pytest.mark.parametrize("part", ["authenticatorData", "clientDataJSON", "signature"])
def test_no_part_of_an_assertion_may_be_altered(
    world: World, waiting: Prepared, device: Authenticator, part: str
) -> None:
    word = to_sign(world, waiting, device)
    assertion = json.loads(device.sign(word.challenge, ORIGIN))
    text = assertion["response"][part]
    assertion["response"][part] = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]
    assert answer(world, word, json.dumps(assertion)) == "BAD_PASSKEY"


def test_a_naive_node_that_asks_with_a_random_challenge_takes_a_sign_in_for_an_approval() -> None:
    """Why the challenge is the statement: an assertion over a random one says "I am here", and fits anything."""
    device = Authenticator(RP)
    challenge = b"a random challenge of some page  "

    def naive_answer(statement: str, assertion: dict[str, Any]) -> str:
        said, data = unb64(assertion["clientDataJSON"]), unb64(assertion["authenticatorData"])
        public = device.key.public_key()
        public.verify(
            unb64(assertion["signature"]), data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256())
        )
        return f"approved: {statement}"

    sign_in = json.loads(device.sign(challenge, ORIGIN))["response"]
    assert naive_answer("request 1", sign_in) != naive_answer("request 2", sign_in)
    with pytest.raises(InvalidSignature):
        naive_answer("request 1", sign_in | {"clientDataJSON": "e30"})


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
