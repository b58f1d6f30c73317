"""Custodians that never answer, or answer garbage: the others serve, and nobody waits for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from kms.dev.cluster import Cluster
from kms.transport.tls import TlsFiles
from kms_client import Client
from kms_client.errors import NotEnoughCustodians


class Garbage(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers every call with bytes that are no message."""

    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda data, context: b"\xff" * 40)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster.create(tmp_path / "c")
    made.start()
    yield made
    made.stop()


def reroute(cluster: Cluster, endpoints: dict[int, str]) -> None:
    """Give the coordinator other endpoints for some custodians, and restart it."""
    path = cluster.layout.folder / "coordinator" / "coordinator.toml"
    text = path.read_text()
    for index, endpoint in endpoints.items():
        text = text.replace(f'"{cluster.layout.custodians[index]}"', f'"{endpoint}"')
    cluster.kill("coordinator")
    path.write_text(text)
    cluster.start(["coordinator"])


def garbage_server(cluster: Cluster) -> tuple[grpc.Server, str]:
    home = cluster.layout.custodian_folder(4)
    files = TlsFiles(home / "tls.pem", home / "tls.key", cluster.layout.authorities)
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Garbage()])
    port = server.add_secure_port("127.0.0.1:0", files.server(mutual=True))
    server.start()
    return server, f"127.0.0.1:{port}"


def test_records_open_while_one_custodian_is_silent_and_one_babbles(cluster: Cluster) -> None:
    with Client(cluster.profile("alice", "device")) as kms, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # accepts connections into its queue and never says a word
        key = kms.create_key({"patient": "p", "category": "lab"})
        record = kms.encrypt(b"HbA1c", key)
        server, babbling = garbage_server(cluster)
        try:
            reroute(cluster, {4: babbling, 5: f"127.0.0.1:{silent.getsockname()[1]}"})
            kms.forget()
            assert kms.decrypt(record) == b"HbA1c"
            cluster.kill("custodian-1")
            kms.forget()
            with pytest.raises(NotEnoughCustodians) as caught:
                kms.decrypt(record)
            assert caught.value.failures[4] == "GARBAGE"
            assert set(caught.value.failures) == {1, 4, 5}
        finally:
            server.stop(0)
