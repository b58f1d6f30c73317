"""A log at its custodian's port, answered by whoever listens there: pages, refusals, junk, lists without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from kms.audit.remote import COORDINATOR, SERVICE, WITNESS_SERVICE, RemoteLog, RemoteSource, promises_at
from kms.dev.certificates import Authority
from kms.errors import Invalid, KmsError
from kms.statements.tiles import ENTRIES, Tile
from kms.wire.v1 import audit_service_pb2, coordinator_pb2, keyring_pb2

KEYRING = bytes(32)
Answers = dict[str, Callable[[bytes], bytes]]


class Door:
    """Answers methods with the bytes that a test says."""

    def __init__(self, folder: Path) -> None:
        self.answers: Answers = {}
        authority = Authority.create(folder / "ca")
        authority.issue(folder, "custodian")
        untyped: Any = grpc
        self._server = untyped.server(ThreadPoolExecutor(2))
        for service, methods in (
            (SERVICE, ("GetCheckpoint", "GetTiles", "GetCertificate")),
            (WITNESS_SERVICE, ("ListWitnessed", "ListMisbehaviour")),
            (COORDINATOR, ("ListPromises",)),
        ):
            handlers = {
                name: untyped.unary_unary_rpc_method_handler(
                    lambda data, context, name=name: self.answers[name](data)
                )
                for name in methods
            }
            self._server.add_generic_rpc_handlers(
                (untyped.method_handlers_generic_handler(service, handlers),)
            )
        pair = ((folder / "tls.key").read_bytes(), (folder / "tls.pem").read_bytes())
        port = self._server.add_secure_port("127.0.0.1:0", untyped.ssl_server_credentials([pair]))
        self.address = f"127.0.0.1:{port}"
        self.authorities = authority.path
        self._server.start()

    def log(self) -> RemoteLog:
        return RemoteSource(self.address, self.authorities, KEYRING).open()

    def close(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(tmp_path_factory.mktemp("door"))
    yield made
    made.close()


@pytest.fixture
def log(door: Door) -> Iterator[RemoteLog]:
    made = door.log()
    yield made
    made.close()


def tiles(*answer: bytes) -> Callable[[bytes], bytes]:
    return lambda data: audit_service_pb2.GetTilesResponse(tiles=answer).SerializeToString()


def test_tiles_that_go_into_several_answers_are_put_together(door: Door, log: RemoteLog) -> None:
    def two(data: bytes) -> bytes:
        asked = audit_service_pb2.GetTilesRequest.FromString(data)
        return tiles(*(path.encode() for path in asked.paths[:2]))(data)

    door.answers["GetTiles"] = two
    wanted = [Tile(ENTRIES, number) for number in range(5)]
    assert list(log.tiles(wanted)) == [tile.path.encode() for tile in wanted]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (tiles(), "GARBAGE"),
        (tiles(b"one", b"more"), "GARBAGE"),
        (tiles(bytes(8193)), "TOO_LARGE"),
        (lambda data: b"\xff", "GARBAGE"),
    ],
    ids=["none", "too many", "too large", "junk"],
)
def test_an_answer_that_is_none_is_refused(
    door: Door, log: RemoteLog, answer: Callable[[bytes], bytes], reason: str
) -> None:
    door.answers["GetTiles"] = answer
    with pytest.raises(Invalid) as error:
        log.tiles([Tile(0, 0)])
    assert error.value.reason == reason


def test_a_bundle_of_entries_may_be_larger_than_a_tile_of_hashes(door: Door, log: RemoteLog) -> None:
    door.answers["GetTiles"] = tiles(bytes(8193))
    assert list(log.tiles([Tile(ENTRIES, 0)])) == [bytes(8193)]


def test_a_method_that_fails_and_a_port_where_nobody_listens_are_plain_errors(
    door: Door, log: RemoteLog
) -> None:
    def fail(data: bytes) -> bytes:
        raise RuntimeError("a node that breaks")

    door.answers |= dict.fromkeys(
        ("GetCheckpoint", "GetCertificate", "ListWitnessed", "ListMisbehaviour"), fail
    )
    for ask in (log.checkpoint, log.seen, log.misbehaviour, lambda: log.certificate(bytes(32))):
        with pytest.raises(KmsError):
            ask()


def promises(count: int, token: str) -> bytes:
    one = keyring_pb2.Envelope(
        payload_type="x", payload=b"p", signatures=[keyring_pb2.Signature(keyid=bytes(32), sig=bytes(64))]
    )
    return coordinator_pb2.ListPromisesResponse(
        promises=[one] * count, next_page_token=token
    ).SerializeToString()


def test_promises_are_read_to_where_the_list_ends(door: Door) -> None:
    pages = {"": ("a", 2), "a": ("b", 2), "b": ("b", 0)}

    def page(data: bytes) -> bytes:
        token, count = pages[coordinator_pb2.ListPromisesRequest.FromString(data).page_token]
        return promises(count, token)

    door.answers["ListPromises"] = page
    found, place = promises_at(door.address, door.authorities, KEYRING, "")
    assert (len(found), place) == (4, "b")
    assert promises_at(door.address, door.authorities, KEYRING, "b") == ([], "b")


def test_a_coordinator_whose_list_stands_still_is_left(door: Door) -> None:
    door.answers["ListPromises"] = lambda data: promises(3, "a")
    found, _ = promises_at(door.address, door.authorities, KEYRING, "")
    assert len(found) == 6


def test_a_coordinator_whose_list_never_ends_is_left(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from kms.audit import remote

    monkeypatch.setattr(remote, "MAX_PROMISES", 50)
    seen: list[str] = []

    def page(data: bytes) -> bytes:
        seen.append("x")
        return promises(10, f"{len(seen)}")

    door.answers["ListPromises"] = page
    found, _ = promises_at(door.address, door.authorities, KEYRING, "")
    assert len(found) == 50
