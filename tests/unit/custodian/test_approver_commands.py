"""Approvers in a terminal, on a node's real socket: requests, history, inviting, joining, revoking; two languages."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from kms.cli.app import command_line
from kms.custodian import approver_service
from kms.custodian.approvers import ApproverQuorum
from kms.custodian.node import NodeOptions
from kms.custodian.service import APPROVALS, CustodianService
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms.storage.keyfile import write_secret
from kms.transport.process import Port, Server
from kms.transport.server import Endpoint
from tests.protocol.adversary import ruling
from tests.protocol.world import LAB, World, signing_key

APP = command_line()

Run = Callable[..., Any]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Custodian 1's local doors on a socket, and keys of people in files."""
    made = World.found(tmp_path / "world", n=3, threshold=2)
    monkeypatch.setattr(time, "time", lambda: float(made.clock()))
    await serve(made, tmp_path)
    for name, key in {"one": made.approvers[1], "ann": signing_key("ann"), "bea": signing_key("bea")}.items():
        write_secret(tmp_path / f"{name}.key", key.seed)
    with capture_logs():  # they would stand between what commands print
        yield made
    await doors.pop().stop()
    made.close()


doors: list[Server] = []


async def serve(world: World, folder: Path) -> None:
    service = CustodianService(world.nodes[1])
    endpoints = [
        Endpoint(APPROVALS, service.approval_methods()),
        Endpoint(approver_service.SERVICE, service.approver_methods()),
    ]
    server = Server([Port(f"unix:{folder}/a.sock", None, endpoints)])
    await server.start()
    doors.append(server)
    names = ["manifest", "store", "storage_root", "identity", "listen"]
    (folder / "custodian.toml").write_text(
        f'keyring_id = "{bytes(32).hex()}"\nrelays = []\napprovals_socket = "a.sock"\n'
        + "".join(f'{name} = "x"\n' for name in names)
        + '[tls]\ncertificate = "x"\nkey = "x"\nauthorities = "x"\n'
    )


@pytest.fixture
def kms(tmp_path: Path) -> Run:
    """`kms custodian ...` in a thread beside the node; what it printed, as JSON where that was asked for.

    `aside` gets what it printed on the other side.
    """

    async def run(*words: str, stdin: str = "", fails: bool = False, aside: list[str] | None = None) -> Any:
        line = ["custodian", *words, "--config", str(tmp_path / "custodian.toml")]
        line = [str(tmp_path / word) if word.endswith(".key") else word for word in line]
        result = await asyncio.to_thread(CliRunner().invoke, APP, line, input=stdin)
        assert (result.exit_code != 0) is fails, result.output + repr(result.exception)
        if aside is not None:
            aside.append(result.stderr)
        if fails:
            return getattr(result.exception, "reason", result.output)
        # What was typed stands before it, as on a terminal.
        return json.loads(result.stdout.splitlines()[-1]) if "--json" in words else result.stdout

    return run


def ask(world: World) -> str:
    keys = world.create(world.device("alice"), [LAB])
    prepared = world.prepare(world.device("bob"), keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME)
    assert ruling(world.decide_at(1, prepared))[0] == "PENDING"
    return prepared.opened.hash.hex()


async def test_an_approver_reads_answers_and_looks_back(world: World, kms: Run) -> None:
    assert await kms("pending") == "no request waits\n"
    first, second = ask(world), ask(world)
    listed = await kms("pending", "--json")
    assert [(each["request"], each["approved"], each["needed"]) for each in listed] == [
        (first, 0, 1),
        (second, 0, 1),
    ]
    assert "0 oui sur 1" in await kms("pending", "--language", "fr")
    english, french = await kms("show", first), await kms("show", first, "--language", "fr")
    assert english.startswith("Custodian 1")
    assert french.startswith("Dépositaire 1")
    shown = await kms("show", first[:12], "--json")
    assert (shown["text"], shown["facts"]["kinds"][0]["category"]) == (english, "laboratory")
    answered = await kms("approve", first, "--key", "one.key", "--language", "fr", "--yes")
    assert answered == french + "\nsigné : oui\n"
    denied = await kms("deny", second, "--key", "one.key", "--json", "--yes")
    assert denied == {"request": second, "answer": "deny", "outcome": "decided"}
    rows = await kms("history", "--json")
    assert [row["outcome"] for row in rows] == ["deny", "allow", "pending", "pending"]
    (row,) = await kms("history", "--json", "--outcome", "allow", "--purpose", "treatment")
    assert (row["categories"], row["approver"]) == ({"laboratory": 1}, world.approvers[1].thumbprint.hex())
    assert len((await kms("history", "--csv", "--limit", "2")).splitlines()) == 3
    assert "allow (HUMAN_APPROVED): 1 laboratory, answered after 0 s" in await kms("history")
    assert await kms("history", "--until", "2020-01-01", "--json") == []
    for wrong in (("--since", "tomorrow"), ("--purpose", "fun"), ("--principal", "xyz")):
        await kms("history", *wrong, fails=True)


async def test_asking_first_is_the_default(world: World, kms: Run) -> None:
    request = ask(world)
    await kms("approve", request, "--key", "one.key", stdin="n\n", fails=True)
    assert len(await kms("pending", "--json")) == 1
    assert "signed: approve" in await kms("approve", request, "--key", "one.key", stdin="y\n")


async def test_whoever_is_asked_is_shown_the_text_and_json_stays_json(world: World, kms: Run) -> None:
    request = ask(world)
    text = await kms("show", request)
    aside: list[str] = []
    line = ("approve", request, "--key", "one.key", "--json")
    assert await kms(*line, stdin="n\n", fails=True, aside=aside)
    assert await kms(*line, stdin="y\n", aside=aside) == {
        "request": request,
        "answer": "approve",
        "outcome": "decided",
    }
    assert all(text in said and "Approve this?" in said for said in aside)


async def test_approvers_invite_join_and_revoke(world: World, kms: Run) -> None:
    token = (await kms("approver", "invite", "Ann", "ann@clinic.example", "--key", "one.key")).strip()
    assert re.fullmatch(r"[\w-]{43}", token)
    listed = await kms("approver", "list")
    assert "invited: Ann <ann@clinic.example>, 1 of 1 signed" in listed
    assert token not in listed
    joined = await kms("approver", "join", "--key", "ann.key", "--json", stdin=token + "\n")
    assert joined == {"name": "Ann", "thumbprint": signing_key("ann").thumbprint.hex()}
    assert await kms("approver", "join", "--key", "bea.key", stdin=token, fails=True) == "INVITATION_SPENT"
    request = ask(world)
    assert "signed: approve" in await kms("approve", request, "--key", "ann.key", "--yes")
    revoked = await kms("approver", "revoke", joined["thumbprint"][:8], "--key", "one.key", "--yes", "--json")
    assert revoked["done"]
    people = (await kms("approver", "list", "--json"))["approvers"]
    assert [(a["name"], a["first"], bool(a["revoked_at"])) for a in people] == [
        ("approver 1", True, False),
        ("Ann", False, True),
    ]
    assert await kms("approver", "revoke", "00", "--key", "one.key", fails=True) == "NOT_AN_APPROVER"
    again = await kms("approver", "invite", "X", "x@y.example", "--first", fails=True)
    assert again == "REGISTRY_BEGUN"
    await kms("approver", "invite", "X", "x@y.example", fails=True)  # signed by nobody


async def test_an_approver_calls_an_invitation_off(world: World, kms: Run) -> None:
    token = (await kms("approver", "invite", "Ann", "ann@clinic.example", "--key", "one.key")).strip()
    (entry,) = (await kms("approver", "list", "--json"))["invitations"]
    digits = entry["terms_hash"][:10]
    await kms("approver", "withdraw", digits, "--key", "one.key", stdin="n\n", fails=True)
    assert (
        await kms("approver", "withdraw", digits, "--key", "ann.key", "--yes", fails=True)
        == "NOT_AN_APPROVER"
    )
    assert len((await kms("approver", "list", "--json"))["invitations"]) == 1
    told = await kms("approver", "withdraw", digits, "--key", "one.key", "--yes", "--json")
    assert told == {"withdrawn": entry["terms_hash"], "name": "Ann"}
    assert (await kms("approver", "list", "--json"))["invitations"] == []
    assert (
        await kms("approver", "join", "--key", "ann.key", stdin=token, fails=True) == "INVITATION_WITHDRAWN"
    )
    again = await kms("approver", "withdraw", digits, "--key", "one.key", "--yes", fails=True)
    assert again == "INVITATION_UNKNOWN"
    token = (await kms("approver", "invite", "Ann", "ann@clinic.example", "--key", "one.key")).strip()
    (entry,) = (await kms("approver", "list", "--json"))["invitations"]
    line = ("approver", "withdraw", entry["terms_hash"][:10], "--key", "one.key")
    assert "called off: Ann\n" in await kms(*line, stdin="y\n")


async def test_two_of_them_where_two_are_needed(world: World, kms: Run, tmp_path: Path) -> None:
    await doors.pop().stop()
    world.forget(1)
    world.people[1] = []
    world.start(1, options=NodeOptions(approver_quorum=ApproverQuorum(2, 2)))
    await serve(world, tmp_path)
    token = await kms("approver", "invite", "One", "one@clinic.example", "--first", "--language", "fr")
    await kms("approver", "join", "--key", "one.key", stdin=token)
    token = await kms("approver", "invite", "Ann", "ann@clinic.example", "--key", "one.key")
    await kms("approver", "join", "--key", "ann.key", stdin=token)
    invited = await kms("approver", "invite", "Bea", "bea@clinic.example", "--key", "ann.key", "--json")
    assert (invited["signed"], invited["needed"]) == (1, 2)
    (entry,) = (await kms("approver", "list", "--json"))["invitations"]
    signed = await kms("approver", "cosign", entry["terms_hash"][:10], "--key", "one.key")
    assert signed == "Bea: 2 of 2 signed\n"
    await kms("approver", "join", "--key", "bea.key", stdin=invited["token"])
    request = ask(world)
    first = await kms("approve", request, "--key", "bea.key", "--yes", "--json")
    assert first["outcome"] == "pending"
    assert (await kms("pending", "--json"))[0]["approved"] == 1
    second = await kms("approve", request, "--key", "ann.key", "--yes", "--json")
    assert second["outcome"] == "decided"
    bea = signing_key("bea").thumbprint.hex()
    assert (
        await kms("approver", "revoke", bea, "--key", "one.key", "--yes")
        == "1 of 2 signed: others must too\n"
    )
    assert "to be revoked: 1 of 2 signed" in await kms("approver", "list")
    assert await kms("approver", "revoke", bea, "--key", "bea.key", "--yes") == "revoked\n"
