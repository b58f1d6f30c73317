"""A signed statement that names an entry of its custodian's log: which entries keep it, and whose word it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms.errors import KmsError
from kms.statements.audit import LogEntry, LogKind
from kms.statements.codec import encode
from kms.statements.consent import ConsentReceipt
from kms.statements.envelope import sign, unpack
from kms.statements.ids import ManifestHash
from kms.statements.keys import Receipt
from kms.statements.promises import Promise, open_promise
from kms.statements.release import Decision, Ruling, ShareRelease, Verdict, VersionGroup
from kms.wire.v1 import keyring_pb2
from tests.protocol.logs import entries_of
from tests.protocol.world import START, World, signing_key


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A keyring in which one record was deposited and read."""
    made = World.found(tmp_path_factory.mktemp("world"))
    owner = made.device("owner")
    made.release(owner, made.create(owner))
    yield made
    made.close()


def receipt(world: World, **changes: Any) -> Receipt:
    keyring = world.keyring
    return replace(
        Receipt(keyring.keyring_id, keyring.manifest_hash, 1, b"d" * 32, b"b" * 32, 3, (), START, 7),  # type: ignore[arg-type]
        **changes,
    )


def opened(world: World, statement: Any, signer: int = 1) -> Promise:
    return open_promise(sign(statement, world.identities[signer]).envelope, world.chain)


def refusal(world: World, envelope: bytes) -> str:
    try:
        open_promise(envelope, world.chain)
    except KmsError as error:
        return error.reason
    return ""


def test_every_promise_of_a_real_node_is_kept_by_its_log(world: World) -> None:
    owner = world.device("owner")
    dealt = world.deal(owner, [{"category": "laboratory"}])
    sent = world.send(owner, dealt)
    envelopes = [world.deposit_at(1, sent)]
    prepared = world.prepare(owner, dealt.keys)
    for index in (2, 3):
        world.deposit_at(index, sent)
    decisions = {index: world.decide_at(index, prepared) for index in (1, 2, 3)}
    envelopes.append(decisions[1])
    certificate = _certificate(prepared.opened.hash, [decisions[i] for i in (1, 2, 3)])
    envelopes.append(world.nodes[1].release(prepared.opened.hash, certificate)[0])
    log = entries_of(world.nodes[1])
    promises = [open_promise(envelope, world.chain) for envelope in envelopes]
    assert [p.name for p in promises] == ["receipt", "decision", "share-release"]
    assert [p.broken_by(log[p.log_index]) for p in promises] == ["", "", ""]
    assert all(p.broken_by(log[p.log_index - 1]) for p in promises)


def _certificate(request: bytes, decisions: list[bytes]) -> bytes:
    from kms.statements.envelope import open_signed
    from kms.statements.ids import RequestHash
    from kms.statements.release import build_certificate

    opened = [open_signed(Decision, one, unpack(one)[2][0][0]) for one in decisions]
    return build_certificate(RequestHash(request), opened)


def entry(**changes: Any) -> LogEntry:
    fields: dict[str, Any] = {
        "index": 7,
        "kind": LogKind.DEPOSIT,
        "at": START,
        "subject_hash": b"d" * 32,
        "principal": b"p" * 32,
        "outcome": "KEPT",
        "count": 3,
        "previous_hash": b"h" * 32,
    }
    return LogEntry(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 8},
        {"kind": LogKind.RELEASE},
        {"subject_hash": b"e" * 32},
        {"at": START + 1},
        {"outcome": "REFUSED"},
        {"count": 2},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_entry_that_differs_in_anything_promised_breaks_it(world: World, changes: dict[str, Any]) -> None:
    promise = opened(world, receipt(world))
    assert promise.broken_by(entry()) == ""
    assert promise.broken_by(entry(**changes))


def test_a_decision_promises_what_was_decided(world: World) -> None:
    keyring = world.keyring
    rulings = (Ruling(Verdict.DENY, "NO_RULE", (1,)), Ruling(Verdict.ALLOW, "RULE", (0, 2)))
    decision = Decision(
        keyring.keyring_id,
        keyring.manifest_hash,
        1,
        b"r" * 32,  # type: ignore[arg-type]
        rulings,
        keyring.policy_hash,
        START,
        7,
    )
    promise = opened(world, decision)
    kept = entry(kind=LogKind.DECISION, subject_hash=b"r" * 32, outcome="ALLOW+DENY", count=2)
    assert promise.broken_by(kept) == ""
    assert promise.broken_by(replace(kept, outcome="DENY"))
    assert promise.broken_by(replace(kept, count=3))


def test_a_release_under_two_versions_promises_each_key_once(world: World) -> None:
    keyring = world.keyring
    release = ShareRelease(
        keyring.keyring_id,
        keyring.manifest_hash,
        1,
        b"r" * 32,  # type: ignore[arg-type]
        b"c" * 32,  # type: ignore[arg-type]
        (VersionGroup(b"v" * 32, (0, 1)), VersionGroup(b"w" * 32, (0,))),  # type: ignore[arg-type]
        b"b" * 32,
        START,
        7,
        b"s" * 32,
    )
    kept = entry(kind=LogKind.RELEASE, subject_hash=b"r" * 32, outcome="AGAIN", count=2)
    assert opened(world, release).broken_by(kept) == ""


def test_a_receipt_for_consent_may_stand_as_a_revocation(world: World) -> None:
    keyring = world.keyring
    said = ConsentReceipt(keyring.keyring_id, keyring.manifest_hash, 1, b"d" * 32, START, 7)
    promise = opened(world, said)
    assert promise.broken_by(entry(kind=LogKind.REVOCATION, outcome="REVOKED", count=0)) == ""
    assert promise.broken_by(entry(kind=LogKind.CONSENT, outcome="GUARDIAN_ADDED", count=0)) == ""
    assert promise.broken_by(entry(kind=LogKind.DEPOSIT))


def test_nobody_promises_in_anothers_name(world: World) -> None:
    assert refusal(world, sign(receipt(world), world.identities[2]).envelope) == "WRONG_SIGNER"
    assert refusal(world, sign(receipt(world), signing_key("a stranger")).envelope) == "WRONG_SIGNER"


def test_an_altered_promise_is_none(world: World) -> None:
    signed = sign(receipt(world), world.identities[1])
    message = keyring_pb2.Envelope.FromString(signed.envelope)
    message.payload = encode(receipt(world, log_index=8))
    assert refusal(world, message.SerializeToString(deterministic=True)) == "BAD_SIGNATURE"


def test_a_promise_under_another_manifest_or_keyring_is_none(world: World) -> None:
    key = world.identities[1]
    other = sign(receipt(world, manifest_hash=ManifestHash(b"m" * 32)), key)
    assert refusal(world, other.envelope) == "UNKNOWN_MANIFEST"
    assert refusal(world, sign(receipt(world, keyring_id=b"k" * 32), key).envelope) == "WRONG_KEYRING"


def test_a_statement_without_a_place_in_the_log_promises_nothing(world: World) -> None:
    assert refusal(world, world.nodes[1].status()) == "NO_PROMISE"
    assert refusal(world, b"junk") != ""


def test_words_on_the_end_of_keys_are_promises_that_logs_keep(tmp_path: Path) -> None:
    from tests.protocol.destroying import (
        destroy,
        make_cancellation,
        make_hold,
        make_order,
        submission,
        tell,
    )

    world = World.found(tmp_path / "world")
    owner = world.device("owner")
    first, second, third = world.create(owner, [{"category": "laboratory"}] * 3)
    _, words = destroy(world, owner, [first])
    order = make_order(world, owner, [second])
    scheduled = tell(world, submission(world, order, by=owner), 1)[1]
    off = submission(world, make_cancellation(world, owner, order), order=order)
    cancelled = tell(world, off, 1)[1]
    held = tell(world, submission(world, make_hold(world, [third])), 1)[1]
    log = entries_of(world.nodes[1])
    said = [words[1], scheduled, cancelled, held]
    promises = [open_promise(one, world.chain) for one in said if isinstance(one, bytes)]
    assert [p.name for p in promises] == ["destroyed", "destroy-scheduled", "destroy-cancelled", "hold-taken"]
    assert [p.broken_by(log[p.log_index]) for p in promises] == [""] * 4
    assert all(p.broken_by(log[p.log_index - 1]) for p in promises)
    world.close()
