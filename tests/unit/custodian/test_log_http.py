"""The log over HTTP: what C2SP's readers and witnesses get, and our own client of outside witnesses against it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest

from kms.crypto.merkle import check_inclusion, leaf_hash
from kms.custodian import log_http
from kms.custodian.log_config import OutsideWitness
from kms.custodian.node import CustodianNode
from kms.custodian.outside_witness import HttpWitness
from kms.custodian.witness import MAX_REQUEST, Addition
from kms.custodian.witnessing import Witnessing
from kms.dev.founding import free_ports
from kms.errors import ConfigError, Denied, Stale, Unavailable
from kms.statements.checkpoint import (
    cosigned_at,
    read_note,
    read_signatures,
    verifier_key,
    verify_checkpoint,
    witness_key,
)
from kms.statements.tiles import read_bundle
from tests.protocol.peering import run, size_of
from tests.protocol.world import World

R = TypeVar("R")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path)
    yield made
    made.close()


class Served:
    """A node's service, without gRPC."""

    def __init__(self, node: CustodianNode) -> None:
        self.node, self.watch, self.heard_of = node, node.watch, 0

    async def run(self, step: Callable[..., R], *arguments: object) -> R:
        return step(*arguments)

    async def read(self, step: Callable[..., R], *arguments: object) -> R:
        return await self.run(step, *arguments)

    def heard(self) -> None:
        self.heard_of += 1


def with_port(node: CustodianNode, work: Callable[[str, Served], Awaitable[R]]) -> R:
    """Do `work` with the address at which this node's log is served."""

    async def main() -> R:
        (port,) = free_ports(1)
        served = Served(node)
        stop = await log_http.start(f"127.0.0.1:{port}", served)
        try:
            return await work(f"http://127.0.0.1:{port}", served)
        finally:
            await stop()

    return asyncio.run(main())


def ask(node: CustodianNode, method: str, path: str, body: bytes = b"") -> httpx2.Response:
    async def work(url: str, served: Served) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False) as web:
            return await web.request(method, url + path, content=body)

    return with_port(node, work)


def test_a_reader_gets_checkpoint_entries_and_hashes(world: World) -> None:
    node = world.nodes[1]
    note = read_note(ask(node, "GET", "/checkpoint").content)
    checkpoint = verify_checkpoint(note, node.watch.own, world.identities[1].public)
    bundle = ask(node, "GET", f"/tile/entries/000.p/{checkpoint.size}")
    entries = read_bundle(bundle.content, checkpoint.size)
    hashes = ask(node, "GET", f"/tile/0/000.p/{checkpoint.size}").content
    assert hashes == b"".join(map(leaf_hash, entries))
    assert bundle.headers["cache-control"] == "no-store"
    proof = node.inclusion(2, checkpoint.size)[1]
    check_inclusion(leaf_hash(entries[2]), 2, checkpoint.size, proof, checkpoint.root)


@pytest.mark.parametrize(
    "path", ["/tile/entries/001", "/tile/0/000", "/tile/x", "/tile/%2e%2e/checkpoint", "/other"]
)
def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    assert ask(world.nodes[1], "GET", path).status_code == 404


def addition(world: World, index: int, old: int = 0) -> bytes:
    node = world.nodes[index]
    note = node.checkpoint()
    return Addition(old, tuple(node.consistency_proof(old, note.checkpoint.size)), note).to_bytes()


def test_a_witness_answers_as_c2sp_says(world: World) -> None:
    witness = world.nodes[1]
    good = addition(world, 2)
    answer = ask(witness, "POST", "/add-checkpoint", good)
    assert answer.status_code == 200
    note = read_note(good.partition(b"\n\n")[2]).with_signatures(read_signatures(answer.text))
    assert cosigned_at(note, witness.witness.name, world.identities[1].public) == world.clock()
    size = note.checkpoint.size

    again = ask(witness, "POST", "/add-checkpoint", good)
    assert (again.status_code, again.headers["content-type"], again.text) == (
        409,
        "text/x.tlog.size",
        f"{size}\n",
    )
    assert ask(witness, "POST", "/add-checkpoint", addition(world, 1)).status_code == 404
    assert ask(witness, "POST", "/add-checkpoint", b"old 0\n").status_code == 400
    assert ask(witness, "POST", "/add-checkpoint", bytes(MAX_REQUEST + 1)).status_code == 413
    assert ask(witness, "GET", "/add-checkpoint").status_code == 405
    forged = good.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())
    assert ask(witness, "POST", "/add-checkpoint", forged).status_code == 403
    world.create(world.device("patient"))
    spoilt = bytearray(addition(world, 2, size))
    spoilt[len(f"old {size}\n")] ^= 1
    assert ask(witness, "POST", "/add-checkpoint", bytes(spoilt)).status_code == 422


def outside(world: World, index: int, url: str) -> OutsideWitness:
    return OutsideWitness(url, witness_key(world.nodes[index].witness.name, world.identities[index].public))


def test_an_outside_witness_cosigns_and_is_told_what_it_wants(world: World) -> None:
    logging = world.nodes[1]

    async def work(url: str, served: Served) -> None:
        witness = HttpWitness(outside(world, 2, url))
        watching = Witnessing(lambda: logging, run, lambda: (), outside=[witness])
        assert (await watching.round()).cosigned == {witness.name}
        world.create(world.device("patient"))
        fresh = Witnessing(
            lambda: logging, run, lambda: (), outside=[witness]
        )  # it does not know the old size
        assert (await fresh.round()).cosigned == {witness.name}
        assert served.heard_of == 2
        (kept,) = logging.context.store.mirrors.cosigned()
        assert (kept.witness, kept.size) == (witness.name, size_of(logging))
        await witness.close()

    with_port(world.nodes[2], work)


def test_another_keys_cosignature_does_not_count(world: World) -> None:
    async def work(url: str, served: Served) -> None:
        witness = HttpWitness(outside(world, 3, url))
        done = await Witnessing(lambda: world.nodes[1], run, lambda: (), outside=[witness]).round()
        assert done.problems == [(witness.name, "NOT_COSIGNED")]
        assert world.nodes[1].context.store.mirrors.cosigned() == []
        await witness.close()

    with_port(world.nodes[2], work)


def test_refusals_and_silence_are_told_apart(world: World) -> None:
    async def work(url: str, served: Served) -> None:
        witness = HttpWitness(outside(world, 2, url))
        with pytest.raises(Denied) as refused:
            await witness.add_checkpoint(addition(world, 2))
        assert refused.value.reason == "WITNESS_404"
        await witness.add_checkpoint(addition(world, 1))
        with pytest.raises(Stale) as stale:
            await witness.add_checkpoint(addition(world, 1))
        assert stale.value.details["size"] == str(size_of(world.nodes[1]))
        await witness.close()
        (port,) = free_ports(1)
        nobody = HttpWitness(outside(world, 2, f"http://127.0.0.1:{port}"))
        with pytest.raises(Unavailable):
            await nobody.add_checkpoint(addition(world, 1))
        await nobody.close()

    with_port(world.nodes[2], work)


def test_only_witnesses_over_tls_are_configured(world: World) -> None:
    with pytest.raises(ConfigError, match="https"):
        outside(world, 2, "http://witness.example")
    with pytest.raises(ConfigError, match="not that of a witness"):
        OutsideWitness("https://witness.example", verifier_key("w", world.identities[2].public))


def test_of_a_node_that_stands_still_what_it_has_signed_is_read(world: World) -> None:
    node = world.nodes[1]
    signed = node.checkpoint()
    world.create(world.device("bob"))

    class Still(Served):
        @property
        def node(self) -> CustodianNode:
            raise Unavailable("it stands still", reason="RECOVERY")

        @node.setter
        def node(self, node: CustodianNode) -> None:
            self.opened = node

    async def main() -> tuple[httpx2.Response, httpx2.Response, httpx2.Response]:
        (port,) = free_ports(1)
        stop = await log_http.start(f"127.0.0.1:{port}", Still(node))
        try:
            async with httpx2.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as web:
                return (
                    await web.get("/checkpoint"),
                    await web.get(f"/tile/entries/000.p/{signed.checkpoint.size}"),
                    await web.post("/add-checkpoint", content=b"old 0"),
                )
        finally:
            await stop()

    checkpoint, bundle, cosigning = asyncio.run(main())
    assert checkpoint.content == signed.to_bytes()
    assert len(read_bundle(bundle.content, signed.checkpoint.size)) == signed.checkpoint.size
    assert cosigning.status_code >= 400
    assert node.context.store.log.checkpoint() == signed.to_bytes()
