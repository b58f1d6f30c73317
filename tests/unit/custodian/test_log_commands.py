"""`kms custodian log`: what an operator reads of the own log, of a running node and of a stopped one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.audit.export import export_log
from kms.audit.logs import FolderLog
from kms.cli import logs as commands
from kms.crypto import merkle
from kms.custodian import audit_service
from kms.custodian.service import CustodianService
from kms.custodian.stopped_log import StoppedLog
from kms.errors import Invalid, KmsError, NotFound
from kms.statements.audit import LogKind
from kms.statements.checkpoint import log_origin, read_note, read_verifier_key, verify_checkpoint
from kms.statements.release import open_certificate
from kms.statements.tiles import ENTRIES, Tile, read_bundle
from kms.transport.process import Port, Server
from kms.transport.server import Endpoint
from tests.protocol.world import LAB, World

pytestmark = pytest.mark.in_files


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


@pytest.fixture
def config(world: World, tmp_path: Path) -> Path:
    """The configuration of custodian 1."""
    manifest = tmp_path / "manifest.bin"
    manifest.write_bytes(world.chain.envelopes[0])
    file = tmp_path / "custodian.toml"
    names = {
        "keyring_id": world.keyring.keyring_id.hex(),
        "manifest": str(manifest),
        "store": str(world.folder / "custodian-1.db"),
        "storage_root": "root.key",
        "identity": "identity.key",
        "listen": "localhost:1",
    }
    lines = [f'{name} = "{value}"' for name, value in names.items()]
    tls = '\n[tls]\ncertificate = "c.pem"\nkey = "k.pem"\nauthorities = "a.pem"\n'
    file.write_text("\n".join([*lines, "relays = []", tls]))
    return file


def kms(config: Path, *arguments: str) -> str:
    done = CliRunner().invoke(commands.app, [*arguments, "--config", str(config)])
    if isinstance(done.exception, KmsError):
        return done.exception.reason
    assert done.exit_code == 0, done.output
    # The node answers in this very process, and what it logs goes the same way.
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "[info " not in line)


def while_running(world: World, work: Callable[[], None]) -> None:
    """Do `work` in another thread while custodian 1 answers at its local socket."""

    async def main() -> None:
        service = CustodianService(world.nodes[1])
        endpoint = Endpoint(audit_service.SERVICE, service.audit_methods())
        server = Server([Port(f"unix:{world.folder / 'approvals.sock'}", None, [endpoint])])
        await server.start()
        try:
            await asyncio.to_thread(work)
        finally:
            await server.stop(0)

    asyncio.run(main())


def lengthen(world: World, count: int) -> None:
    context = world.nodes[1].context
    with context.store.transaction():
        for _ in range(count):
            context.ledger.append(LogKind.STARTED, world.clock(), b"s" * 32)


def stopped(world: World) -> None:
    world.nodes[1].checkpoint()
    world.nodes.pop(1).close()


def test_a_running_node_shows_its_log(world: World, config: Path) -> None:
    alice = world.device("alice")
    world.release(alice, world.create(alice))
    size = world.nodes[1].context.store.log.size()

    def work() -> None:
        lines = kms(config, "show", "--count", "2").splitlines()
        assert len(lines) == 2
        assert "DECISION ALLOW" in lines[0]
        assert "RELEASE RELEASED" in lines[1]
        shown = [
            json.loads(line)
            for line in kms(config, "show", "--first", "0", "--count", "999", "--json").splitlines()
        ]
        assert [entry["index"] for entry in shown] == list(range(size))
        assert shown[-1]["kind"] == "RELEASE"
        assert {one["index"] for one in shown[-1]["basis"]} <= {1, 2, 3}
        facts = json.loads(kms(config, "checkpoint", "--json"))
        assert (facts["size"], facts["origin"]) == (size, log_origin(world.keyring.keyring_id, 1))
        note = kms(config, "checkpoint").encode()
        origin, public, _ = read_verifier_key(json.loads(kms(config, "key", "--json").splitlines()[0])["log"])
        assert verify_checkpoint(read_note(note), origin, public).size == size
        assert "witness" in kms(config, "key")

    while_running(world, work)


def test_a_stopped_node_shows_its_log_as_far_as_it_signed_it(world: World, config: Path) -> None:
    lengthen(world, 300)
    node = world.nodes[1]
    signed = node.checkpoint().checkpoint.size
    lengthen(world, 5)
    node.close()
    world.nodes.pop(1)
    shown = kms(config, "show", "--first", str(signed - 1), "--count", "5", "--json").splitlines()
    assert [json.loads(line)["index"] for line in shown] == [signed - 1]
    assert json.loads(kms(config, "checkpoint", "--json"))["size"] == signed


def test_a_node_that_never_signed_says_so(world: World, config: Path) -> None:
    world.nodes.pop(1).close()
    assert kms(config, "checkpoint") == "NO_CHECKPOINT"


def test_an_export_is_the_whole_log_and_grows_by_what_is_new(
    world: World, config: Path, tmp_path: Path
) -> None:
    alice = world.device("alice")
    prepared = world.prepare(alice, world.create(alice, [LAB]))
    assert world.collect(prepared).opened
    lengthen(world, 600)
    folder, sizes = tmp_path / "export", []

    def work() -> None:
        for _ in range(2):
            facts = json.loads(kms(config, "export", str(folder), "--certificates", "--json"))
            sizes.append((facts["size"], facts["new"], facts["certificates"]))

    while_running(world, work)
    size = world.nodes[1].context.store.log.size()
    assert sizes == [(size, size, 1), (size, 0, 0)]
    lengthen(world, 300)
    stopped(world)
    assert f"{size + 300} entries" in kms(config, "export", str(folder))
    log = FolderLog(folder)
    shown = read_note(log.checkpoint()).checkpoint
    edge = merkle.Edge()
    for number in range(-(-shown.size // 256)):
        width = min(256, shown.size - 256 * number)
        (data,) = log.tiles([Tile(ENTRIES, number, width)])
        for entry in read_bundle(data, width):
            edge.append(merkle.leaf_hash(entry))
    assert (edge.size, edge.root) == (shown.size, shown.root)
    (certificate,) = log.certificate(prepared.opened.hash)
    assert open_certificate(certificate, world.keyring, prepared.opened.hash, 1).basis


class Bent(StoppedLog):
    """A log that shows other hashes than those of its entries."""

    def tiles(self, wanted: object) -> list[bytes]:
        tiles = super().tiles(wanted)  # type: ignore[arg-type]
        return [bytes(len(tile)) if n == len(tiles) - 1 else tile for n, tile in enumerate(tiles)]


def test_a_log_that_does_not_lead_to_its_checkpoint_is_not_published(world: World, tmp_path: Path) -> None:
    world.nodes[1].checkpoint()
    with pytest.raises(Invalid) as refused:
        export_log(Bent(world.nodes[1].context.store), tmp_path / "export")
    assert refused.value.reason == "LOG_INCONSISTENT"
    with pytest.raises(NotFound):
        FolderLog(tmp_path / "export").checkpoint()


def test_a_folder_that_holds_another_or_a_longer_log_is_left_alone(world: World, tmp_path: Path) -> None:
    for node in world.nodes.values():
        node.checkpoint()
    first = StoppedLog(world.nodes[1].context.store)
    export_log(StoppedLog(world.nodes[2].context.store), tmp_path / "other")
    with pytest.raises(Invalid) as refused:
        export_log(first, tmp_path / "other")
    assert refused.value.reason == "WRONG_LOG"
    export_log(first, tmp_path / "export")
    earlier = first.checkpoint()
    lengthen(world, 3)
    world.nodes[1].checkpoint()
    export_log(first, tmp_path / "export")
    world.nodes[1].context.store.log.set_checkpoint(earlier)
    with pytest.raises(Invalid) as refused:
        export_log(first, tmp_path / "export")
    assert refused.value.reason == "LOG_SHORTER"
