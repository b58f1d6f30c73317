"""Keys fetched in the background of a running service, and the people's commands over its local socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kms.cli import issuers as commands
from kms.custodian import issuer_service
from kms.custodian.issuer_service import IssuerService
from kms.custodian.service import CustodianService
from kms.errors import KmsError, Unavailable
from kms.statements.manifest import Issuer, IssuerKey, IssuerKeyType
from kms.statements.providers import ProviderKey
from kms.transport.process import Port, Server
from kms.transport.server import Endpoint
from tests.protocol.providers import other, provider_world, read, usual
from tests.protocol.world import World, iss

NEW = other("new")
PINNED_KEYS = (IssuerKey("new", IssuerKeyType.ED25519, NEW[1].public),)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = provider_world(tmp_path / "world")
    yield made
    made.close()


class Internet:
    """What providers show, by issuer; none: it is away. `held` keeps every answer back."""

    def __init__(self, world: World) -> None:
        self.shown: dict[str, tuple[ProviderKey, ...] | None] = {
            iss(name): read(usual(world, name)) for name in world.issuer_keys
        }
        self.asked = 0
        self.held: asyncio.Event | None = None

    async def fetch(self, issuer: Issuer) -> tuple[ProviderKey, ...]:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        shown = self.shown[issuer.iss]
        if shown is None:
            raise Unavailable("away", reason="PROVIDER_UNREACHABLE")
        return shown


@asynccontextmanager
async def running(world: World, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """Custodian 1's node with its background task and its local socket."""
    monkeypatch.setattr(issuer_service, "LOOK_SECONDS", 0.01)
    service = CustodianService(world.nodes[1])
    issuers = IssuerService(lambda: world.nodes[1], service._run, internet.fetch)
    socket = world.folder / "approvals.sock"
    server = Server([Port(f"unix:{socket}", None, [Endpoint(issuer_service.SERVICE, issuers.methods())])])
    await server.start()
    opened = asyncio.Event()
    opened.set()
    task = asyncio.create_task(issuers.keep_keys(opened))
    try:
        yield socket
    finally:
        task.cancel()
        await server.stop(0)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what changes is the node's, and it tells nobody
        await asyncio.sleep(0.01)


def statuses(world: World) -> list[str]:
    return [keys.refused or ("current" if keys.keys else "none") for keys in world.nodes[1].context.issuers]


async def test_keys_are_fetched_at_the_start_and_again_when_they_are_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet(world)
    async with running(world, internet, monkeypatch):
        await until(lambda: statuses(world) == ["current", "current"])
        assert internet.asked == 2
        internet.shown[iss("a")] = read(NEW)
        world.clock.turn(900)
        await until(lambda: statuses(world) == ["ISSUER_SWITCHED", "current"])


async def test_no_step_of_the_node_waits_for_a_provider(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet(world)
    internet.held = asyncio.Event()
    async with running(world, internet, monkeypatch) as socket:
        await until(lambda: internet.asked == 2)
        assert len(await issuer_service.list_issuers(socket)) == 2
        internet.held.set()
        await until(lambda: statuses(world) == ["current", "current"])


async def test_a_failure_of_one_does_not_stop_the_other_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet(world)
    shown, internet.shown[iss("a")] = internet.shown[iss("a")], None
    async with running(world, internet, monkeypatch) as socket:
        await until(lambda: statuses(world) == ["none", "current"])
        known = await issuer_service.list_issuers(socket)
        assert [k.failure for k in known] == ["PROVIDER_UNREACHABLE", ""]
        internet.shown[iss("a")] = shown
        world.clock.turn(30)
        await until(lambda: statuses(world) == ["current", "current"])


async def test_what_nobody_thought_of_is_a_miss_that_people_see(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet(world)
    shown = internet.shown.pop(iss("a"))  # its lookup raises KeyError
    async with running(world, internet, monkeypatch) as socket:
        await until(lambda: statuses(world) == ["none", "current"])
        await until(lambda: world.nodes[1].known_issuers()[0].failure != "")
        known = await issuer_service.list_issuers(socket)
        assert [k.failure for k in known] == [issuer_service.FETCH_FAILED, ""]
        asked = internet.asked
        world.clock.turn(29)
        await asyncio.sleep(0.1)  # several looks
        assert internet.asked == asked
        internet.shown[iss("a")] = shown
        world.clock.turn(1)
        await until(lambda: statuses(world) == ["current", "current"])


async def test_people_see_a_switch_and_accept_it(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    internet = Internet(world)
    async with running(world, internet, monkeypatch) as socket:
        await until(lambda: statuses(world) == ["current", "current"])
        internet.shown[iss("a")] = read(NEW)
        world.clock.turn(900)
        await until(lambda: "ISSUER_SWITCHED" in statuses(world))
        config = custodian_toml(tmp_path, socket)

        async def kms(*arguments: str, status: int = 0) -> str:
            # The commands start a loop of their own.
            done = await asyncio.to_thread(
                CliRunner().invoke, commands.app, [*arguments, "--config", str(config)]
            )
            if isinstance(done.exception, KmsError):
                return done.exception.reason
            assert done.exit_code == status, done.output
            return done.output

        listed = {
            i["iss"]: i["status"]
            for i in json.loads((await kms("list", "--json", status=1)).splitlines()[-1])
        }
        assert listed == {iss("a"): "switched", iss("b"): "current"}
        assert "switched" in await kms("list", status=1)
        shown = json.loads((await kms("show", iss("a"), "--json")).splitlines()[-1])
        assert [key["kid"] for key in shown["exchanged"]] == ["new"]
        named = shown["exchanged_fingerprint"]
        text = await kms("show", iss("a"))
        assert named in text
        assert shown["exchanged"][0]["thumbprint"] in text
        assert await kms("show", "https://nobody.example") == "UNKNOWN_ISSUER"
        assert await kms("accept", iss("a"), "00" * 32, "--yes") == "NO_SUCH_KEYS"
        assert await kms("accept", iss("a"), "what", "--yes") == "INVALID_FINGERPRINT"
        assert "accepted" in await kms("accept", iss("a"), named, "--yes")
        assert json.loads((await kms("list", "--json")).splitlines()[-1])[0]["status"] == "current"


def custodian_toml(folder: Path, socket: Path) -> Path:
    """Only the socket matters here."""
    file = folder / "custodian.toml"
    names = ("manifest", "store", "storage_root", "identity", "listen")
    lines = [f'{name} = "unused"' for name in names]
    tls = '[tls]\ncertificate = "unused"\nkey = "unused"\nauthorities = "unused"\n'
    head = f'keyring_id = "{"00" * 32}"\nrelays = []\napprovals_socket = "{socket}"\n'
    file.write_text(head + "\n".join(lines) + "\n" + tls)
    return file


def test_each_issuer_is_called_by_where_its_keys_come_from(world: World) -> None:
    (known, _) = world.nodes[1].known_issuers()
    pinned = replace(known.issuer, keys=PINNED_KEYS, trust_anchors=(), key_delay=0, max_key_age=0)
    certified = replace(pinned, keys=(), authorities=known.issuer.trust_anchors)
    said = []
    for issuer in (known.issuer, pinned, certified):
        shown = issuer_service._shown(replace(known, issuer=issuer))
        said.append(commands._as_dict(shown)["status"])
    assert said == ["never seen", "pinned", "certified"]
