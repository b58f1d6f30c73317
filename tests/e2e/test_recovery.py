"""A custodian of real processes is put back to an old copy of its disk: it stands still until it is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kms.dev.founding import commands
from kms.statements.checkpoint import log_origin, read_note
from kms.wire.v1 import custodian_pb2, witness_pb2
from tests.e2e.site import CUSTODIAN, Site, await_condition, read_refusal
from tests.e2e.test_audits import audit

CONTEXT = {"patient": "p", "category": "lab"}
WITNESS = "kms.v1.WitnessService"
FIRST = "custodian-1"
A = TypeVar("A", bound=Message)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(log={"witness_seconds": 1})
    yield made
    made.close()


def ask_about_logs(site: Site, index: int, method: str, request: Message, response: type[A]) -> A:
    """What a custodian says at its public port."""
    call = site.channel(site.layout.public[index]).unary_unary(
        f"/{WITNESS}/{method}", lambda message: message.SerializeToString(), response.FromString
    )
    answer: A = call(request, timeout=10)
    return answer


def copied(site: Site, at: int, of: int) -> int:
    """How many entries of a log a custodian has a copy of."""
    request, response = witness_pb2.ListWitnessedRequest(), witness_pb2.ListWitnessedResponse
    origin = log_origin(site.layout.keyring_id, of)
    for log in ask_about_logs(site, at, "ListWitnessed", request, response).logs:
        if read_note(log.note).checkpoint.origin == origin:
            return log.kept
    return 0


def entries(site: Site, at: int, of: int) -> list[bytes]:
    request = witness_pb2.GetEntriesRequest(origin=log_origin(site.layout.keyring_id, of), start=0)
    return list(ask_about_logs(site, at, "GetEntries", request, witness_pb2.GetEntriesResponse).entries)


def settle(site: Site) -> None:
    """Until both others have copied all of the first one's log."""
    size = len(entries(site, 1, 1))
    await_condition(lambda: all(copied(site, at, 1) >= size for at in (2, 3)), "a copy of the log")


def health(site: Site, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(site.channel(site.layout.public[1]))
    try:
        return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status)
    except grpc.RpcError:
        return int(health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)


def start_alone(site: Site) -> None:
    """Start the first custodian without waiting for it to serve."""
    site.cluster.spawn(FIRST, commands(site.layout)[FIRST])


def custodian(site: Site, *command: str) -> str:
    """What a command about the first custodian prints."""
    done = subprocess.run(
        [sys.executable, "-m", "kms.cli", "custodian", *command, "--config", str(site.config(FIRST))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recover(site: Site) -> dict[str, object]:
    found: dict[str, object] = json.loads(custodian(site, "recover", "--json"))
    return found


def refused(site: Site, method: str, request: Message) -> str:
    """Why the first custodian does not do this for the coordinator."""
    channel = site.channel(site.layout.custodians[1], site.certificate_of("coordinator"))
    call = channel.unary_unary(f"/{CUSTODIAN}/{method}", lambda message: message.SerializeToString(), bytes)
    with pytest.raises(grpc.RpcError) as raised:
        call(request, timeout=10)
    return read_refusal(raised.value).reason


def assert_stands_still(site: Site) -> None:
    said = health_pb2.HealthCheckResponse
    assert health(site, "") == said.NOT_SERVING
    assert health(site, CUSTODIAN) == said.NOT_SERVING
    assert health(site, "RECOVERY") == said.SERVING
    assert health(site, "kms.v1.AuditService") == said.SERVING
    keyring = site.layout.keyring_id
    assert (
        refused(site, "GetSealingKey", custodian_pb2.GetSealingKeyRequest(keyring_id=keyring)) == "RECOVERY"
    )
    votes = custodian_pb2.ReleaseSharesRequest(request_hash=bytes(32), certificate=b"c")
    assert refused(site, "ReleaseShares", votes) == "RECOVERY"


def test_a_snapshot_that_is_put_back_answers_nothing_until_it_is_whole(site: Site, tmp_path: Path) -> None:
    profile = site.profile()
    device = site.client_of(profile)
    before = device.create_key(CONTEXT)
    first = device.encrypt(b"before", before)
    settle(site)
    site.terminate(FIRST)
    home = site.store(FIRST).parent
    shutil.copytree(home, tmp_path / "snapshot")
    site.start(FIRST)
    device.create_key(CONTEXT)
    settle(site)
    log = entries(site, 2, 1)

    site.kill(FIRST)
    for file in home.glob("custodian.db*"):
        file.unlink()
    for file in (tmp_path / "snapshot").glob("custodian.db*"):
        shutil.copy(file, home)
    start_alone(site)
    assert_stands_still(site)
    assert len(entries(site, 1, 1)) < len(log), "what there is of its log is still shown"
    shown = json.loads(custodian(site, "log", "checkpoint", "--json"))
    assert 0 < shown["size"] < len(log), "and what it has signed of that, for auditors"
    status, report = audit(site, tmp_path)
    assert (status, report["accused"]) == (1, [1])
    assert [(one["custodian"], one["kind"]) for one in report["findings"]] == [(1, "ROLLED_BACK")]
    assert device.decrypt(first) == b"before", "two of three serve"

    # It does not forget that it must not: not even where nobody can be asked.
    site.kill(FIRST, "custodian-2", "custodian-3")
    start_alone(site)
    assert health(site, "RECOVERY") == health_pb2.HealthCheckResponse.SERVING
    site.kill(FIRST)
    for name in ("custodian-2", "custodian-3"):
        site.cluster.spawn(name, commands(site.layout)[name])

    done = recover(site)
    assert done["heard"] == 2
    brought = done["recovered"]
    assert isinstance(brought, dict)
    assert brought["brought"] > 0
    assert brought["displaced"] == 0
    site.start(FIRST)
    assert health(site, "") == health_pb2.HealthCheckResponse.SERVING
    assert entries(site, 1, 1)[: len(log)] == log
    site.kill("custodian-3")
    assert site.client_of(profile).decrypt(first) == b"before", "it votes and releases again"


def test_a_disk_that_is_gone_gets_its_log_back_and_then_its_shares(site: Site) -> None:
    profile = site.profile()
    device = site.client_of(profile)
    record = device.encrypt(b"result", device.create_key(CONTEXT))
    settle(site)
    log = entries(site, 2, 1)
    site.kill(FIRST)
    for file in site.store(FIRST).parent.glob("custodian.db*"):
        file.unlink()
    custodian(site, "join")
    start_alone(site)
    assert_stands_still(site)
    site.kill(FIRST)
    told = custodian(site, "recover")
    assert f"{len(log)} entries came back" in told
    assert "the log is whole" in custodian(site, "recover")
    site.start(FIRST)
    assert entries(site, 1, 1)[: len(log)] == log
    custodian(site, "repair", "--coordinator", site.layout.coordinator)
    site.kill("custodian-3")
    assert site.client_of(profile).decrypt(record) == b"result"


def test_a_restored_store_serves_nobody_before_enough_others_have_seen_its_log(site: Site) -> None:
    copy = site.config(FIRST).with_name("copy")
    site.terminate(FIRST)
    custodian(site, "backup", str(copy))
    site.kill("custodian-2", "custodian-3")
    for file in site.store(FIRST).parent.glob("custodian.db*"):
        file.unlink()
    custodian(site, "restore", str(copy))
    start_alone(site)
    site.cluster.spawn("custodian-2", commands(site.layout)["custodian-2"])
    await_condition(lambda: bool(entries(site, 2, 2)), "the second one")
    assert health(site, "") == health_pb2.HealthCheckResponse.NOT_SERVING, "one alone may be wrong"
    site.cluster.spawn("custodian-3", commands(site.layout)["custodian-3"])
    await_condition(lambda: health(site, "") == health_pb2.HealthCheckResponse.SERVING, "the start")
    site.kill(FIRST, "custodian-2", "custodian-3")
    start_alone(site)  # it was found whole, and need not ask again
    await_condition(lambda: health(site, "") == health_pb2.HealthCheckResponse.SERVING, "a start alone")


def test_a_node_waits_at_its_start_for_as_many_as_it_was_told(site: Site) -> None:
    for name in site.custodians:
        site.kill(name)
    config = site.config(FIRST)
    config.write_text(config.read_text().replace("[log]", "[log]\nstart_peers = 2\nstart_seconds = 1"))
    start_alone(site)
    assert health(site, "") == health_pb2.HealthCheckResponse.NOT_SERVING
    site.cluster.spawn("custodian-2", commands(site.layout)["custodian-2"])
    keyring = site.layout.keyring_id
    asked = custodian_pb2.GetSealingKeyRequest(keyring_id=keyring)
    assert refused(site, "GetSealingKey", asked) == "STARTING"
    site.cluster.spawn("custodian-3", commands(site.layout)["custodian-3"])
    await_condition(lambda: health(site, "") == health_pb2.HealthCheckResponse.SERVING, "the start")
