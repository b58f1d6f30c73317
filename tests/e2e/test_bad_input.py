"""Input of any kind at every door: a typed refusal that says what was wrong, never a traceback, never a hang."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf.message import Message

from kms.wire.v1 import coordinator_pb2, custodian_pb2, keyring_pb2
from tests.e2e.site import COORDINATOR, CUSTODIAN, Refusal, Site, call_stream

APPROVALS = "kms.v1.ApprovalService"
LOCKS = "kms.v1.LockService"
EMPTY = ("ListWaiting", "GetLock")
"""Methods that ask for nothing, so nothing can be missing."""
MAY_BE_MISSING = ("page_token", "words", "cancellation")
TYPED = {
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED",
}
"""What a caller may be told about its own input."""


@dataclass(frozen=True, slots=True)
class Door:
    """One method with a well-shaped request for it."""

    service: str
    method: str
    valid: bytes


def envelope(kind: str) -> keyring_pb2.Envelope:
    """Well-shaped, and signed by nobody."""
    return keyring_pb2.Envelope(
        payload_type=f"application/vnd.threshold-kms.{kind}.v1+protobuf",
        payload=secrets.token_bytes(200),
        signatures=[keyring_pb2.Signature(keyid=secrets.token_bytes(32), sig=secrets.token_bytes(64))],
    )


def doors(keyring_id: bytes) -> list[Door]:
    """Every method of every service, once."""
    c, k = coordinator_pb2, custodian_pb2
    blob = c.TargetBlob(index=1, sealed=secrets.token_bytes(300), sealed_evidence=secrets.token_bytes(300))
    name = secrets.token_bytes(32)
    messages: dict[str, dict[str, Message]] = {
        COORDINATOR: {
            "GetKeyring": c.GetKeyringRequest(keyring_id=keyring_id),
            "CreateKeys": c.CreateKeysRequest(deposit=envelope("deposit"), blobs=[blob]),
            "LookUpKeys": c.LookUpKeysRequest(keyring_id=keyring_id, key_ids=[name]),
            "ReleaseKeys": c.ReleaseKeysRequest(request=envelope("release-request"), blobs=[blob]),
            "CancelRelease": c.CancelReleaseRequest(cancellation=envelope("cancellation")),
            "RevokeGrant": c.RevokeGrantRequest(revocation=envelope("revocation")),
            "ListPromises": c.ListPromisesRequest(keyring_id=keyring_id),
            "KeepDestruction": c.KeepDestructionRequest(order=envelope("destroy-order")),
        },
        CUSTODIAN: {
            "GetSealingKey": k.GetSealingKeyRequest(keyring_id=keyring_id),
            "Deposit": k.DepositRequest(deposit=envelope("deposit"), blob=blob),
            "Decide": k.DecideRequest(request=envelope("release-request"), blob=blob),
            "WatchDecision": k.WatchDecisionRequest(request_hash=name),
            "ReleaseShares": k.ReleaseSharesRequest(request_hash=name, certificate=secrets.token_bytes(400)),
            "CancelRelease": k.CustodianServiceCancelReleaseRequest(cancellation=envelope("cancellation")),
            "RevokeGrant": k.CustodianServiceRevokeGrantRequest(revocation=envelope("revocation")),
            "LookUpKeys": k.CustodianServiceLookUpKeysRequest(key_ids=[name]),
        },
        APPROVALS: {
            "ListWaiting": k.ListWaitingRequest(),
            "ShowWaiting": k.ShowWaitingRequest(request_hash=name),
            "Answer": k.AnswerRequest(approval=envelope("approval")),
        },
        LOCKS: {"GetLock": k.GetLockRequest(), "Unlock": k.UnlockRequest(words="academic acid acrobat")},
    }
    return [
        Door(service, method, message.SerializeToString())
        for service, methods in messages.items()
        for method, message in methods.items()
    ]


DOORS = [(door.service, door.method) for door in doors(bytes(32))]


def test_every_method_of_the_contract_is_tried_here() -> None:
    declared = {
        (service.full_name, method.name)
        for file in (coordinator_pb2.DESCRIPTOR, custodian_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
        for method in service.methods
    }
    assert declared == set(DOORS)


@pytest.fixture(scope="module")
def channels(site: Site) -> dict[str, grpc.Channel]:
    return {
        COORDINATOR: site.channel(site.layout.coordinator),
        CUSTODIAN: site.relay(1),
        APPROVALS: site.local_channel(site.layout.approvals_socket(1)),
        LOCKS: site.local_channel(site.layout.approvals_socket(1)),
    }


Try = Callable[[str, str, bytes], "list[bytes] | Refusal"]


@pytest.fixture
def attempt(site: Site, channels: dict[str, grpc.Channel]) -> Iterator[Try]:
    """Sends bytes to a method; afterwards, no process had met anything that it did not expect."""
    before = {name: len(site.log_text(name)) for name in site.nodes}

    def send(service: str, method: str, data: bytes) -> list[bytes] | Refusal:
        # On the wire a unary answer is a stream of one.
        return call_stream(channels[service], service, method, data)

    yield send
    for name in site.nodes:
        assert site.cluster.running(name), f"{name} ended"
        said = site.log_text(name)[before[name] :]
        assert "Traceback" not in said, f"a traceback in the log of {name}:\n{said}"
        assert '"unexpected"' not in said, f"an unexpected error in the log of {name}:\n{said}"


def assert_typed(answer: list[bytes] | Refusal, what: str) -> None:
    """An answer, or a refusal of a known status with exactly one ErrorInfo and, for wrong shapes, a path."""
    if not isinstance(answer, Refusal):
        return
    assert answer.code in TYPED, f"{what}: {answer}"
    assert len(answer.infos) == 1, f"{what}: {answer}"
    assert answer.infos[0].domain == "threshold-kms"
    assert answer.reason.isupper(), f"{what}: {answer}"
    if answer.code == "INVALID_ARGUMENT" and answer.reason in ("MALFORMED", "INVALID_FIELD", "NOT_CANONICAL"):
        assert answer.paths, f"{what} has no field path: {answer}"


@pytest.mark.parametrize(("service", "method"), DOORS)
def test_bytes_that_are_no_message_are_an_invalid_argument(attempt: Try, service: str, method: str) -> None:
    for data in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05abc", b"\x0f\x00", b"\x0b" * 50):
        answer = attempt(service, method, data)
        assert isinstance(answer, Refusal)
        assert answer.code == "INVALID_ARGUMENT"
        assert_typed(answer, f"{method} {data!r}")


@pytest.mark.parametrize(("service", "method"), [d for d in DOORS if d[1] not in EMPTY])
def test_an_empty_message_is_refused_with_the_path_of_what_is_missing(
    attempt: Try, service: str, method: str
) -> None:
    answer = attempt(service, method, b"")
    assert isinstance(answer, Refusal)
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.paths
    assert answer.paths[0].split(".")[0].split("[")[0].isidentifier()


@pytest.mark.parametrize(("service", "method"), [d for d in DOORS if d[1] not in EMPTY])
def test_every_refused_field_is_named_by_its_path(attempt: Try, service: str, method: str) -> None:
    """Each field of the request, spoilt alone: the refusal names that field and nothing beside it."""
    door = next(d for d in doors(secrets.token_bytes(32)) if (d.service, d.method) == (service, method))
    request_type = _request_type(service, method)
    for name in (field.name for field in request_type.DESCRIPTOR.fields):
        spoilt = request_type.FromString(door.valid)
        if not _spoil(spoilt, name):
            continue
        answer = attempt(service, method, spoilt.SerializeToString())
        assert isinstance(answer, Refusal)
        assert answer.code == "INVALID_ARGUMENT"
        assert {path.split(".")[0].split("[")[0] for path in answer.paths} == {name}


def _request_type(service: str, method: str) -> type[Message]:
    for module in (coordinator_pb2, custodian_pb2):
        for descriptor in module.DESCRIPTOR.services_by_name.values():
            if descriptor.full_name == service:
                return getattr(module, str(descriptor.methods_by_name[method].input_type.name))  # type: ignore[no-any-return]
    raise AssertionError(f"no {service}.{method}")


def _spoil(message: Message, name: str) -> bool:
    """Break one field's shape; False if it has none that could be broken."""
    value = getattr(message, name)
    if isinstance(value, bool) or name in MAY_BE_MISSING:
        return False
    if isinstance(value, bytes):
        setattr(message, name, b"" if name == "certificate" else value + b"\x00")
    elif name == "language":  # may be left out
        setattr(message, name, "english")
    else:
        message.ClearField(name)
    return True


def mutations(valid: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut, flipped, repeated, spliced, lengthened forms of a message."""
    while True:
        data = bytearray(valid)
        for _ in range(rng.randint(1, 4)):
            kind = rng.randrange(6)
            at = rng.randrange(len(data)) if data else 0
            if kind == 0 and data:
                data[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                del data[at:]
            elif kind == 2:
                data[at:at] = rng.randbytes(rng.randint(1, 16))
            elif kind == 3:
                data += data[at:]
            elif kind == 4:
                data[at : at + 1] = b"\xff\xff\xff\xff\x0f"  # a length far beyond the end
            elif kind == 5 and data:
                del data[at : at + rng.randint(1, 40)]
        yield bytes(data)


def fuzz(site: Site, attempt: Try, seed: int, rounds: int) -> None:
    rng = random.Random(seed)
    for door in doors(site.layout.keyring_id):
        mutated = mutations(door.valid, rng)
        for number in range(rounds):
            data = rng.randbytes(rng.choice((1, 2, 7, 64, 1000))) if number % 4 == 0 else next(mutated)
            answer = attempt(door.service, door.method, data)
            assert_typed(answer, f"seed {seed}, {door.service}.{door.method}, {data.hex()}")


def test_mutated_and_random_messages_are_refused_by_type(site: Site, attempt: Try) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    fuzz(site, attempt, seed, 60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_long_runs_of_mutated_messages_are_refused_by_type(site: Site, attempt: Try, seed: int) -> None:
    fuzz(site, attempt, seed, 1500)


def test_the_processes_still_work_after_all_of_that(site: Site, attempt: Try) -> None:
    fuzz(site, attempt, 1, 10)
    client = site.client()
    key = client.create_key({"patient": "p-1", "category": "lab"})
    assert client.decrypt(client.encrypt(b"still here", key)) == b"still here"
