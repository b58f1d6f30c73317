"""What anybody may read of a node's log: from the node itself, and over its public port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kms.crypto import merkle
from kms.custodian import audit_service, own_log
from kms.custodian.own_log import OwnLog
from kms.custodian.service import CustodianService
from kms.errors import Invalid, KmsError, NotFound
from kms.statements.audit import LogEntry, LogKind, read_entry
from kms.statements.checkpoint import Checkpoint, CheckpointNote, log_origin, read_note, verify_checkpoint
from kms.statements.ids import RequestHash
from kms.statements.release import open_certificate
from kms.statements.tiles import ENTRIES, Tile, read_bundle, tiles_of
from kms.transport.client import Channel
from kms.transport.process import Port, Server
from kms.transport.server import Call, Endpoint
from kms.wire.v1 import audit_service_pb2 as pb
from kms_client.requesting import Prepared
from tests.protocol.logs import entries_of
from tests.protocol.world import LAB, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def seen(world: World, note: CheckpointNote) -> Checkpoint:
    """A checkpoint of custodian 1 as somebody reads it who knows the manifest."""
    origin = log_origin(world.keyring.keyring_id, 1)
    return verify_checkpoint(note, origin, world.keyring.custodian(1).identity_key)


def long_log(world: World, count: int) -> None:
    context = world.nodes[1].context
    with context.store.transaction():
        for _ in range(count - context.store.log.size()):
            context.ledger.append(LogKind.STARTED, world.clock(), b"s" * 32)


def test_a_checkpoint_is_signed_by_the_identity_key_for_the_log_as_it_is_now(world: World) -> None:
    node = world.nodes[1]
    first = seen(world, node.checkpoint())
    assert first.size == node.context.store.log.size()
    world.create(world.device("alice"))
    second = seen(world, node.checkpoint())
    assert second.size == first.size + 1
    proof = node.consistency_proof(first.size, second.size)
    merkle.check_consistency(first.size, first.root, second.size, second.root, proof)
    assert node.checkpoint() == node.checkpoint()  # nothing is signed or written where nothing is new
    note = node.checkpoint()
    assert node.context.store.log.checkpoint() == note.to_bytes()


def test_a_checkpoint_is_on_disk_before_it_leaves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node = world.nodes[1]

    def fails(note: bytes) -> None:
        raise OSError("disk")

    monkeypatch.setattr(node.context.store.log, "set_checkpoint", fails)
    with pytest.raises(OSError, match="disk"):
        node.checkpoint()


def test_entries_and_proofs_lead_to_the_checkpoints_root(world: World) -> None:
    long_log(world, 700)
    node = world.nodes[1]
    shown = seen(world, node.checkpoint())
    for index in (0, 255, 256, 699):
        entry, proof = node.inclusion(index, shown.size)
        assert read_entry(entry, index).index == index
        merkle.check_inclusion(merkle.leaf_hash(entry), index, shown.size, proof, shown.root)


def test_tiles_and_bundles_are_the_whole_log(world: World) -> None:
    long_log(world, 65536 + 700)
    node = world.nodes[1]
    shown = seen(world, node.checkpoint())
    found: dict[Tile, bytes] = {}
    wanted = tiles_of(shown.size)
    while wanted:
        got = node.tiles([tile.path for tile in wanted[:32]])
        found |= dict(zip(wanted, got, strict=False))
        wanted = wanted[len(got) :]
    edge = merkle.Edge()
    for tile, data in found.items():
        if tile.level == ENTRIES:
            for entry in read_bundle(data, tile.width):
                edge.append(merkle.leaf_hash(entry))
    assert (edge.size, edge.root) == (shown.size, shown.root)

    def row(level: int, number: int, width: int) -> bytes:
        (full,) = [data for tile, data in found.items() if (tile.level, tile.number) == (level, number)]
        return full[: width * 32]

    assert merkle.root(merkle.tiled(row), shown.size) == shown.root


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("tile/0/000", "NO_SUCH_TILE"),
        ("tile/1/000.p/1", "NO_SUCH_TILE"),
        ("tile/63/000.p/1", "NO_SUCH_TILE"),
        ("tile/entries/000.p/200", "NO_SUCH_TILE"),
        ("tile/0/x001/x234/067.p/5", "NO_SUCH_TILE"),
        ("tile/0/../000", "NO_SUCH_TILE"),
        ("checkpoint", "NO_SUCH_TILE"),
    ],
)
def test_what_the_log_does_not_have_is_not_shown(world: World, path: str, reason: str) -> None:
    long_log(world, 100)
    with pytest.raises((NotFound, Invalid)) as refused:
        world.nodes[1].tiles([path])
    assert refused.value.reason == reason


def test_a_partial_tile_of_an_earlier_size_is_still_shown(world: World) -> None:
    long_log(world, 300)
    whole, part = world.nodes[1].tiles(["tile/0/000", "tile/0/000.p/7"])
    assert part == whole[: 7 * 32]


def test_an_answer_holds_as_many_tiles_as_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    long_log(world, 600)
    monkeypatch.setattr(own_log, "MAX_TILES", 9000)
    assert [len(tile) for tile in world.nodes[1].tiles(["tile/0/000", "tile/0/001", "tile/0/000"])] == [
        8192,
        8192,
    ]


@pytest.mark.parametrize(
    ("index", "size", "reason"),
    [(0, 101, "LOG_SHORTER"), (100, 100, "NO_SUCH_ENTRY"), (5, 3, "NO_SUCH_ENTRY"), (0, 0, "NO_SUCH_ENTRY")],
)
def test_there_is_no_proof_beyond_the_log(world: World, index: int, size: int, reason: str) -> None:
    long_log(world, 100)
    with pytest.raises(KmsError) as refused:
        world.nodes[1].inclusion(index, size)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("old", "new"), [(5, 101), (7, 6)])
def test_there_is_no_consistency_with_a_log_that_never_was(world: World, old: int, new: int) -> None:
    long_log(world, 100)
    with pytest.raises(KmsError) as refused:
        world.nodes[1].consistency_proof(old, new)
    assert refused.value.reason == "LOG_SHORTER"


# -- what a release rested on ------------------------------------------------------------------------------


def released(world: World) -> Prepared:
    alice = world.device("alice")
    prepared = world.prepare(alice, world.create(alice, [LAB] * 2))
    assert len(world.collect(prepared).opened) == 2
    return prepared


def last_release(world: World, index: int = 1) -> LogEntry:
    return [one for one in entries_of(world.nodes[index]) if one.kind is LogKind.RELEASE][-1]


def test_a_release_names_the_decisions_that_it_rests_on_where_they_stand(world: World) -> None:
    prepared = released(world)
    entry = last_release(world)
    assert len(entry.basis) >= world.keyring.threshold
    for one in entry.basis:
        decision = entries_of(world.nodes[one.index])[one.log_index]
        assert (decision.kind, decision.subject_hash) == (LogKind.DECISION, prepared.opened.hash)
        assert decision.outcome == "ALLOW"


def test_the_certificate_of_a_release_is_kept_as_it_came(world: World) -> None:
    prepared = released(world)
    (kept,) = world.nodes[1].certificates(prepared.opened.hash)
    opened = open_certificate(kept, world.keyring, prepared.opened.hash, 2)
    assert opened.basis == last_release(world).basis
    assert world.nodes[1].certificates(prepared.opened.hash, opened.hash) == [kept]
    for name in (b"x" * 32, prepared.opened.hash):
        with pytest.raises(NotFound) as refused:
            world.nodes[1].certificates(prepared.opened.hash, name)
        assert refused.value.reason == "NO_CERTIFICATE"
    with pytest.raises(NotFound):
        world.nodes[1].certificates(RequestHash(b"r" * 32))
    with pytest.raises(Invalid):
        world.nodes[1].certificates(prepared.opened.hash, b"short")


def test_certificates_are_forgotten_with_the_history(world: World) -> None:
    prepared = released(world)
    days = world.nodes[1].context.history_days
    world.clock.turn(days * 86400)
    world.nodes[1].tick()
    assert world.nodes[1].certificates(prepared.opened.hash)
    world.clock.turn(1)
    world.nodes[1].tick()
    with pytest.raises(NotFound):
        world.nodes[1].certificates(prepared.opened.hash)


# -- over the public port ----------------------------------------------------------------------------------


def ask(world: World, *calls: tuple[str, object, type], still: bool = False) -> list[object]:
    """Answers of custodian 1's AuditService; a KmsError's reason in the place of one that was refused.

    `still`: the node was found to lack what it has signed.
    """

    async def run() -> list[object]:
        service = CustodianService(world.nodes[1])
        if still:
            service.stand_still()
        socket = world.folder / "public.sock"
        server = Server(
            [Port(f"unix:{socket}", None, [Endpoint(audit_service.SERVICE, service.audit_methods())])]
        )
        await server.start()
        channel = Channel(f"unix:{socket}", None)
        answers: list[object] = []
        try:
            for method, request, response in calls:
                try:
                    answers.append(
                        await channel.call(audit_service.SERVICE, method, request, response, timeout=20)  # type: ignore[arg-type]
                    )
                except KmsError as error:
                    answers.append(error.reason)
        finally:
            await channel.close()
            await server.stop(0)
        return answers

    return asyncio.run(run())


def ask_all(
    world: World, request: RequestHash, size: int, still: bool = False
) -> tuple[
    pb.GetCheckpointResponse,
    pb.GetTilesResponse,
    pb.GetInclusionProofResponse,
    pb.GetConsistencyProofResponse,
    pb.GetCertificateResponse,
]:
    """An answer to each question that there is, of a log of `size` entries."""
    keyring = world.keyring.keyring_id
    checkpoint, tiles, inclusion, consistency, certificate = ask(
        world,
        ("GetCheckpoint", pb.GetCheckpointRequest(keyring_id=keyring), pb.GetCheckpointResponse),
        (
            "GetTiles",
            pb.GetTilesRequest(keyring_id=keyring, paths=[f"tile/entries/000.p/{size}"]),
            pb.GetTilesResponse,
        ),
        (
            "GetInclusionProof",
            pb.GetInclusionProofRequest(keyring_id=keyring, index=1, size=size),
            pb.GetInclusionProofResponse,
        ),
        (
            "GetConsistencyProof",
            pb.GetConsistencyProofRequest(keyring_id=keyring, old_size=2, new_size=size),
            pb.GetConsistencyProofResponse,
        ),
        (
            "GetCertificate",
            pb.GetCertificateRequest(keyring_id=keyring, request_hash=request),
            pb.GetCertificateResponse,
        ),
        still=still,
    )
    assert isinstance(checkpoint, pb.GetCheckpointResponse)
    assert isinstance(tiles, pb.GetTilesResponse)
    assert isinstance(inclusion, pb.GetInclusionProofResponse)
    assert isinstance(consistency, pb.GetConsistencyProofResponse)
    assert isinstance(certificate, pb.GetCertificateResponse)
    return checkpoint, tiles, inclusion, consistency, certificate


def test_anybody_reads_the_log_over_the_public_port(world: World) -> None:
    prepared = released(world)
    node = world.nodes[1]
    size = node.context.store.log.size()
    checkpoint, tiles, inclusion, consistency, certificate = ask_all(world, prepared.opened.hash, size)
    shown = seen(world, read_note(checkpoint.checkpoint))
    entries = read_bundle(tiles.tiles[0], size)
    assert shown.size == size
    assert entries[1] == inclusion.entry
    merkle.check_inclusion(merkle.leaf_hash(inclusion.entry), 1, size, list(inclusion.proof), shown.root)
    assert list(consistency.proof) == node.consistency_proof(2, size)
    assert list(certificate.certificates) == node.certificates(prepared.opened.hash)


def test_a_node_answers_for_its_own_keyring_alone_and_in_bounds(world: World) -> None:
    other, keyring = b"k" * 32, world.keyring.keyring_id
    assert (
        ask(
            world,
            ("GetCheckpoint", pb.GetCheckpointRequest(keyring_id=other), pb.GetCheckpointResponse),
            ("GetTiles", pb.GetTilesRequest(keyring_id=other, paths=["tile/0/000"]), pb.GetTilesResponse),
            (
                "GetInclusionProof",
                pb.GetInclusionProofRequest(keyring_id=other),
                pb.GetInclusionProofResponse,
            ),
            (
                "GetConsistencyProof",
                pb.GetConsistencyProofRequest(keyring_id=other),
                pb.GetConsistencyProofResponse,
            ),
            (
                "GetCertificate",
                pb.GetCertificateRequest(keyring_id=other, request_hash=other),
                pb.GetCertificateResponse,
            ),
            (
                "GetTiles",
                pb.GetTilesRequest(keyring_id=keyring, paths=["tile/0/000"] * 33),
                pb.GetTilesResponse,
            ),
            ("GetTiles", pb.GetTilesRequest(keyring_id=keyring), pb.GetTilesResponse),
        )
        == ["WRONG_KEYRING"] * 5 + ["INVALID_FIELD"] * 2
    )


# -- of a node that stands still -----------------------------------------------------------------------------------


def test_a_node_that_stands_still_shows_what_it_has_signed_and_signs_nothing(world: World) -> None:
    prepared = released(world)
    node = world.nodes[1]
    signed = node.checkpoint()
    size = signed.checkpoint.size
    world.create(world.device("bob"))
    checkpoint, tiles, inclusion, consistency, certificate = ask_all(
        world, prepared.opened.hash, size, still=True
    )
    assert checkpoint.checkpoint == signed.to_bytes()
    assert node.context.store.log.checkpoint() == signed.to_bytes()
    assert node.context.store.log.size() > size
    entries = read_bundle(tiles.tiles[0], size)
    assert entries[1] == inclusion.entry
    merkle.check_inclusion(
        merkle.leaf_hash(inclusion.entry), 1, size, list(inclusion.proof), signed.checkpoint.root
    )
    assert list(consistency.proof) == node.consistency_proof(2, size)
    assert list(certificate.certificates) == node.certificates(prepared.opened.hash)


def test_nor_a_checkpoint_that_was_asked_for_before_it_stood_still(world: World) -> None:
    node = world.nodes[1]
    signed = node.checkpoint().to_bytes()
    world.create(world.device("bob"))
    request = pb.GetCheckpointRequest(keyring_id=world.keyring.keyring_id)

    async def scene() -> bytes:
        service = CustodianService(node)
        (method,) = (one for one in service.audit_methods() if one.name == "GetCheckpoint")
        async with service._turn:
            waiting = asyncio.ensure_future(method.answer(request, Call("", 60.0)))
            await asyncio.sleep(0)
            service.stand_still()
        shown: pb.GetCheckpointResponse = await waiting
        service._thread.shutdown()
        return shown.checkpoint

    assert asyncio.run(scene()) == signed
    assert node.context.store.log.checkpoint() == signed


def test_of_what_was_cut_off_nothing_is_shown(world: World) -> None:
    """The last checkpoint on an old disk may be of a history that is being put aside; then an earlier one is shown."""
    node = world.nodes[1]
    store, log = node.context.store, OwnLog(node.context.store)
    early = node.checkpoint()
    store.mirrors.set_cosigned_note(early.to_bytes())
    world.create(world.device("bob"))
    late = node.checkpoint()
    assert log.signed() == late
    with store.transaction():
        node.context.ledger.cut(early.checkpoint.size)
    assert log.signed() == early
    with store.transaction():
        node.context.ledger.append(LogKind.STARTED, world.clock(), b"t" * 32)
    assert log.signed() == early, "of that size, and another history"
    with store.transaction():
        node.context.ledger.cut(1)
    with pytest.raises(NotFound) as refused:
        log.signed()
    assert refused.value.reason == "NO_CHECKPOINT"
