"""A cluster of real processes as tests see it: small, with metrics, its logs as values, its doors as raw bytes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from kms.crypto.signing import SigningKey
from kms.dev import toml
from kms.dev.cluster import Cluster
from kms.dev.founding import Layout, commands, free_ports
from kms.dev.tokens import DevCredentials
from kms.statements.manifest import Issuer
from kms.transport.failures import DETAILS_KEY
from kms.transport.tls import CHANNEL_OPTIONS
from kms_client import Client
from kms_client.profile import Profile

COORDINATOR = "kms.v1.CoordinatorService"
CUSTODIAN = "kms.v1.CustodianService"
PATIENCE = 60.0
"""Seconds until a condition that should become true counts as never; no test passes by waiting this long."""


def await_condition(condition: Callable[[], bool], what: str) -> None:
    """Until it holds; AssertionError if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.02)


def set_keys(config: Path, **values: object) -> None:
    """Set top-level keys of a TOML file, whether or not they stand there already."""
    lines = config.read_text().splitlines()
    kept = [line for line in lines if line.split(" = ")[0] not in values]
    extra = config.with_name("extra.toml")
    toml.write(extra, values)
    config.write_text(extra.read_text() + "\n".join(kept) + "\n")
    extra.unlink()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call's failure as a caller sees it."""

    code: str
    message: str
    infos: tuple[error_details_pb2.ErrorInfo, ...]
    paths: tuple[str, ...]
    request_ids: tuple[str, ...]

    @property
    def reason(self) -> str:
        return self.infos[0].reason if self.infos else ""


def read_refusal(error: grpc.RpcError) -> Refusal:
    """The rich details of an RPC error."""
    call: Any = error
    details = dict(call.trailing_metadata() or ()).get(DETAILS_KEY, b"")
    infos, paths, ids = [], [], []
    for packed in status_pb2.Status.FromString(details).details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        request = error_details_pb2.RequestInfo()
        if packed.Unpack(info):
            infos.append(info)
        elif packed.Unpack(bad):
            paths += [violation.field for violation in bad.field_violations]
        elif packed.Unpack(request):
            ids.append(request.request_id)
    return Refusal(call.code().name, call.details() or "", tuple(infos), tuple(paths), tuple(ids))


class Site:
    """One cluster. `names` are the processes that it needs; the rest stays off."""

    def __init__(
        self,
        *,
        n: int = 3,
        threshold: int = 2,
        start: bool = True,
        more_issuers: Sequence[Issuer] = (),
        consoles: bool = False,
        **custodian_options: object,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kms"))  # short: local sockets' paths are limited
        self.cluster = Cluster.create(
            self.folder / "c",
            n=n,
            threshold=threshold,
            custodian_options=custodian_options or None,
            more_issuers=more_issuers,
            consoles=consoles,
        )
        self.layout: Layout = self.cluster.layout
        self.metrics: dict[str, str] = {}
        self._clients: list[Client] = []
        self._channels: list[grpc.Channel] = []
        ports = iter(free_ports(n + 1))
        for name in self.nodes:
            self.metrics[name] = f"127.0.0.1:{next(ports)}"
            set_keys(self.config(name), metrics=self.metrics[name])
        set_keys(self.config("coordinator"), refresh_seconds=1)
        if start:
            self.start()

    @property
    def nodes(self) -> list[str]:
        return [*self.custodians, "coordinator"]

    @property
    def custodians(self) -> list[str]:
        return [f"custodian-{index}" for index in self.layout.custodians]

    def config(self, name: str) -> Path:
        kind = "coordinator" if name == "coordinator" else "custodian"
        return self.layout.folder / name / f"{kind}.toml"

    def store(self, name: str) -> Path:
        kind = "coordinator" if name == "coordinator" else "custodian"
        return self.layout.folder / name / f"{kind}.db"

    def start(self, *names: str) -> None:
        """Start these processes, or all that tests need."""
        self.cluster.start(list(names) or [*self.nodes, "issuer-a"])

    def kill(self, *names: str) -> None:
        for name in names:
            self.cluster.kill(name)

    def terminate(self, *names: str) -> None:
        """Stop gracefully, one after the other."""
        for name in names:
            self.cluster.kill(name, 15)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for channel in self._channels:
            channel.close()
        self.cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- users -----------------------------------------------------------------------------------------

    def profile(self, subject: str = "alice", holder_class: str = "device", **changes: Any) -> Profile:
        return Profile(
            **{
                "coordinator": self.layout.coordinator,
                "authorities": self.layout.authorities,
                "keyring_id": self.layout.keyring_id,
                "device_key": SigningKey.generate(),
                "credentials": DevCredentials(self.cluster.issuers(["a"]), subject, holder_class),
                **changes,
            }
        )

    def client(self, subject: str = "alice", holder_class: str = "device", **options: Any) -> Client:
        """A device of that person; closed with the site."""
        return self.client_of(self.profile(subject, holder_class), **options)

    def client_of(self, profile: Profile, **options: Any) -> Client:
        client = Client(profile, **options)
        self._clients.append(client)
        return client

    # -- doors -----------------------------------------------------------------------------------------

    def channel(self, target: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.Channel:
        """A plain channel, by default as a device has it (no certificate of its own); closed with the site."""
        credentials = credentials or grpc.ssl_channel_credentials(self.layout.authorities.read_bytes())
        channel = grpc.secure_channel(target, credentials, options=CHANNEL_OPTIONS)
        self._channels.append(channel)
        return channel

    def local_channel(self, socket: Path) -> grpc.Channel:
        channel = grpc.insecure_channel(f"unix:{socket}", options=CHANNEL_OPTIONS)
        self._channels.append(channel)
        return channel

    def certificate_of(self, name: str) -> grpc.ChannelCredentials:
        """Credentials that show a party's certificate."""
        home = self.layout.folder / name
        return grpc.ssl_channel_credentials(
            self.layout.authorities.read_bytes(),
            (home / "tls.key").read_bytes(),
            (home / "tls.pem").read_bytes(),
        )

    def relay(self, index: int) -> grpc.Channel:
        """The door of a custodian that only the coordinator may use, as the coordinator."""
        return self.channel(self.layout.custodians[index], self.certificate_of("coordinator"))

    # -- what processes say ------------------------------------------------------------------------------

    def log_text(self, name: str) -> str:
        return self.cluster.log(name).read_text(errors="replace")

    def log_lines(self, name: str) -> list[dict[str, Any]]:
        """Every line that is a JSON object."""
        return [json.loads(line) for line in self.log_text(name).splitlines() if line.startswith("{")]

    def read_metrics(self, name: str) -> Mapping[str, float]:
        """Sample -> value, as a scraper reads them."""
        with urllib.request.urlopen(f"http://{self.metrics[name]}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {sample: float(value) for sample, value in samples}

    def calls_answered(self, name: str, method: str) -> float:
        """How many calls of a method the process has answered, whatever the status."""
        return sum(
            value
            for sample, value in self.read_metrics(name).items()
            if sample.startswith("kms_rpc_total{") and f'method="{method}"' in sample
        )


def raw(channel: grpc.Channel) -> Any:
    """The channel without types: serializers are optional, which its stubs do not know."""
    return channel


def call(
    channel: grpc.Channel,
    service: str,
    method: str,
    data: bytes,
    *,
    timeout: float = 20.0,
    request_id: str = "",
) -> bytes | Refusal:
    """Raw bytes to a unary method; the raw answer, or the refusal."""
    metadata = [("x-request-id", request_id)] if request_id else []
    try:
        answer: bytes = raw(channel).unary_unary(f"/{service}/{method}")(
            data, timeout=timeout, metadata=metadata
        )
        return answer
    except grpc.RpcError as error:
        return read_refusal(error)


def call_stream(
    channel: grpc.Channel, service: str, method: str, data: bytes, *, timeout: float = 20.0
) -> list[bytes] | Refusal:
    """Raw bytes to a server-streaming method; all raw answers, or the refusal."""
    try:
        return list(raw(channel).unary_stream(f"/{service}/{method}")(data, timeout=timeout))
    except grpc.RpcError as error:
        return read_refusal(error)


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`kms` with these arguments, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "kms.cli", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def serve_command(site: Site, name: str) -> Sequence[str]:
    """The arguments of `kms` that run a process of the site in the foreground."""
    return commands(site.layout)[name]
