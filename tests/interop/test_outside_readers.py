"""A program that knows C2SP's logs and nothing of this project reads ours: Go's tlog and note, and torchwood.

It verifies the checkpoint's signature, every entry against the root, and that the log grew from an earlier one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kms.audit.export import export_log
from kms.custodian import log_http
from kms.custodian.ledger import Event
from kms.custodian.stopped_log import StoppedLog
from kms.dev.founding import free_ports
from kms.statements.audit import LogKind
from kms.statements.checkpoint import Checkpoint, log_origin, verifier_key
from tests.protocol.world import World
from tests.unit.custodian.test_log_http import Served

pytestmark = pytest.mark.xdist_group("readlog")  # on one worker: built once, and that takes a minute
SOURCE = Path(__file__).parent / "readlog"


class FileServer(ThreadingHTTPServer):
    request_queue_size = 512
    """Who is turned away comes again after many seconds."""


def go() -> str | None:
    return shutil.which("go") or shutil.which("/usr/local/go/bin/go")


@pytest.fixture(scope="session")
def readlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built once; skipped where there is no Go, or its modules cannot be had."""
    found = go()
    if found is None:
        pytest.skip("no Go here: an outside program that reads the log is not built")
    made = tmp_path_factory.mktemp("readlog") / "readlog"
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    fetched = subprocess.run(
        [found, "mod", "download"], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        pytest.skip(f"the modules of an outside program cannot be had: {fetched.stderr.strip()[-200:]}")
    subprocess.run([found, "build", "-o", str(made), "."], cwd=SOURCE, env=environment, check=True)
    return made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.found(tmp_path / "world", n=3, threshold=2)
    yield made
    made.close()


def lengthen(world: World, count: int) -> Checkpoint:
    context = world.nodes[1].context
    now = world.clock()
    with context.store.transaction():
        context.ledger.append_many([Event(LogKind.STARTED, now, bytes(32), count=i) for i in range(count)])
    return world.nodes[1].checkpoint().checkpoint


def key(world: World) -> str:
    origin = log_origin(world.keyring.keyring_id, 1)
    return verifier_key(origin, world.keyring.custodian(1).identity_key)


def digest(world: World) -> str:
    """Of all entries, one after the other."""
    log = world.nodes[1].context.store.log
    return base64.b64encode(hashlib.sha256(b"".join(log.entries(0, log.size()))).digest()).decode()


def arguments(program: Path, url: str, key: str, old: Checkpoint) -> list[str]:
    return [str(program), url, key, str(old.size), base64.b64encode(old.root).decode()]


@pytest.mark.parametrize("more", [1, 300, 66_000])
def test_an_outside_program_accepts_the_exported_log(
    world: World, readlog: Path, tmp_path: Path, more: int
) -> None:
    old = lengthen(world, 200)
    new = lengthen(world, more)
    export_log(StoppedLog(world.nodes[1].context.store), tmp_path / "export")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "export"))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with FileServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            arguments(readlog, url, key(world), old), capture_output=True, text=True, timeout=300, check=False
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "origin": new.origin,
        "size": new.size,
        "entries": new.size,
        "digest": digest(world),
    }


def read_over_http(world: World, program: Path, key: str, old: Checkpoint) -> tuple[int, str, str]:
    async def main() -> tuple[int, str, str]:
        (port,) = free_ports(1)
        stop = await log_http.start(f"127.0.0.1:{port}", Served(world.nodes[1]))
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments(program, f"http://127.0.0.1:{port}", key, old),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, problem = await process.communicate()
        finally:
            await stop()
        return process.returncode or 0, out.decode(), problem.decode()

    return asyncio.run(main())


def test_an_outside_program_accepts_the_log_of_a_running_node(world: World, readlog: Path) -> None:
    old = lengthen(world, 10)
    new = lengthen(world, 600)
    status, out, problem = read_over_http(world, readlog, key(world), old)
    assert status == 0, problem
    assert json.loads(out)["entries"] == new.size


def test_an_outside_program_refuses_the_log_under_another_key_or_with_another_past(
    world: World, readlog: Path
) -> None:
    old = lengthen(world, 300)
    lengthen(world, 300)
    origin = log_origin(world.keyring.keyring_id, 1)
    other = verifier_key(origin, world.keyring.custodian(2).identity_key)
    assert read_over_http(world, readlog, other, old)[0] == 1
    never = Checkpoint(origin, old.size, bytes(32))
    assert read_over_http(world, readlog, key(world), never)[0] == 1
