"""A host that forks, rolls back or freezes the chain of manifests: what a device tells of it, on the command line.

The custodians are real nodes; the coordinator of the cluster is stopped, and the host answers in its place.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from kms.crypto.signing import SigningKey
from kms.custodian.config import CustodianConfig, open_vault, read_identity
from kms.dev import toml
from kms.statements.chain import Chain, extend, open_chain
from kms.statements.envelope import sign
from kms.statements.manifest import Manifest
from kms.storage.config import load
from kms.storage.keyfile import read_secret
from kms.wire.v1 import ceremony_service_pb2 as pb
from kms.wire.v1 import coordinator_pb2, keyring_pb2
from kms_client.profile import write_device_key
from tests.e2e.site import COORDINATOR, Site, call, run_command

CEREMONIES = "kms.v1.CustodianCeremonyService"


@dataclass
class Host:
    """A coordinator whose owner says which manifests and whose words it shows."""

    site: Site
    chain: Chain
    statuses: list[bytes] = field(default_factory=list)

    def answer(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        return coordinator_pb2.GetKeyringResponse(
            manifests=[keyring_pb2.Envelope.FromString(e) for e in self.chain.envelopes],
            statuses=[keyring_pb2.Envelope.FromString(s) for s in self.statuses],
        ).SerializeToString()

    def listen(self) -> Any:
        home = self.site.layout.folder / "coordinator"
        untyped: Any = grpc
        server = untyped.server(ThreadPoolExecutor(2))
        handler = untyped.unary_unary_rpc_method_handler(self.answer)
        server.add_generic_rpc_handlers(
            (untyped.method_handlers_generic_handler(COORDINATOR, {"GetKeyring": handler}),)
        )
        pair = ((home / "tls.key").read_bytes(), (home / "tls.pem").read_bytes())
        server.add_secure_port(self.site.layout.coordinator, grpc.ssl_server_credentials([pair]))
        server.start()
        return server

    def next(self, chain: Chain, **changes: Any) -> Chain:
        """The chain with one more manifest, which the admin and all custodians sign."""
        last = chain.last
        manifest: Manifest = replace(
            last.manifest,
            sequence=last.manifest.sequence + 1,
            previous_hash=last.manifest_hash,
            keyring_id=chain.keyring_id,
            **changes,
        )
        admin = SigningKey(read_secret(self.site.layout.folder / "admin.key"))
        configs = [load(CustodianConfig, self.site.config(name)) for name in self.site.custodians]
        identities = [read_identity(config, open_vault(config)) for config in configs]
        return extend(chain, sign(manifest, admin, *identities).envelope)

    def ask(self, index: int, method: str, request: Any) -> bytes:
        answer = call(self.site.relay(index), CEREMONIES, method, request.SerializeToString())
        assert isinstance(answer, bytes), answer
        return answer

    def let_follow(self, chain: Chain) -> None:
        manifests = [keyring_pb2.Envelope.FromString(e) for e in chain.envelopes]
        for index in self.site.layout.custodians:
            self.ask(index, "FollowChain", pb.FollowChainRequest(manifests=manifests))

    def hear(self) -> list[bytes]:
        """Every custodian's signed word of where it stands now."""
        answers = [self.ask(i, "GetStatus", pb.GetStatusRequest()) for i in self.site.layout.custodians]
        return [pb.GetStatusResponse.FromString(a).status.SerializeToString() for a in answers]


@pytest.fixture
def host(own_site: Callable[..., Site]) -> Iterator[Host]:
    site = own_site(start=False)
    site.start(*site.custodians)
    genesis = (site.layout.folder / "manifest.bin").read_bytes()
    host = Host(site, open_chain([genesis], site.layout.keyring_id))
    server = host.listen()
    yield host
    server.stop(None).wait()


@pytest.fixture
def device(host: Host, tmp_path: Path) -> Path:
    folder = tmp_path / "device"
    folder.mkdir(mode=0o700)
    write_device_key(folder / "device.pem")
    toml.write(
        folder / "profile.toml",
        {
            "coordinator": host.site.layout.coordinator,
            "authorities": str(host.site.layout.authorities),
            "keyring_id": host.site.layout.keyring_id.hex(),
            "device_key": "device.pem",
        },
    )
    return folder


def status(device: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_command(["keyring", "status", str(device), *options])


def facts(device: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status(device, "--json", *options).stdout)
    return found


def test_a_device_tells_which_manifest_it_follows_and_who_says_so(host: Host, device: Path) -> None:
    assert "no manifest of it was ever seen here" in status(device, "--offline").stdout
    host.statuses = host.hear()[:2]
    told = status(device)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "manifest  0, " in told.stdout
    assert "2 of 3 custodians open" in told.stdout
    assert re.search(r"custodian 1 \(.*\) lives by manifest 0, it said \d+ s ago", told.stdout)
    assert re.search(r"custodian 3 \(.*\) says nothing", told.stdout)
    assert "2 of 3 said lately" in told.stdout
    assert "no evidence against anybody" in told.stdout
    host.statuses = []
    assert "would withhold the others" in status(device).stdout
    said = facts(device, "--offline")
    assert (said["manifest"]["sequence"], said["evidence"], said["words"]) == (0, [], [])

    now = int(time.time())
    host.chain = host.next(host.chain, change_delay=7 * 86400, created_at=now, expires_at=now + 20 * 86400)
    host.chain = host.next(host.chain, name="later", created_at=now)
    said = facts(device)
    assert said["manifest"]["sequence"] == 1
    assert said["manifest"]["days_left"] in (19, 20)
    assert [a["sequence"] for a in said["announced"]] == [2]
    assert any("its admins must renew it" in notice for notice in said["notices"])
    assert any("manifest 2 is signed by all and holds from" in notice for notice in said["notices"])


def test_both_sides_of_a_fork_are_spelt_out_with_who_signed_both(host: Host, device: Path) -> None:
    genesis = host.chain
    host.chain = host.next(genesis, name="one")
    assert status(device).returncode == 0
    host.chain = other = host.next(genesis, name="other", durable_quorum=3)
    told = status(device)
    assert told.returncode == 1
    assert "[FORK]" in told.stdout
    assert "EVIDENCE of fork" in told.stdout
    assert "SIGNED BOTH: admin " in told.stdout
    assert told.stdout.count("SIGNED BOTH: custodian ") == 3
    (evidence,) = facts(device, "--offline")["evidence"]
    assert evidence["kind"] == "fork"
    assert evidence["sides"][1]["hash"] == other.last.manifest_hash.hex()
    assert len(evidence["signed_all"]) == 4
    host.chain = host.next(genesis, name="one")
    assert status(device).returncode == 1, "what was proven once stays proven, whatever the host shows later"

    # The proof is verified again: a signature that was put there by somebody else counts for nothing.
    kept = device / "seen.json.fork"
    one, two = map(base64.b64decode, json.loads(kept.read_text())["statements"])
    bent = keyring_pb2.Envelope.FromString(two)
    bent.signatures[1].sig = bytes(64)
    statements = [base64.b64encode(s).decode() for s in (one, bent.SerializeToString())]
    kept.write_text(json.dumps({"statements": statements}))
    (evidence,) = facts(device, "--offline")["evidence"]
    assert len(evidence["signed_all"]) == 3
    kept.write_text("{")
    (evidence,) = facts(device, "--offline")["evidence"]
    assert (evidence["kind"], evidence["sides"]) == ("fork", [])


def test_a_chain_that_goes_back_is_refused_and_kept(host: Host, device: Path) -> None:
    genesis = host.chain
    host.chain = longer = host.next(genesis, name="next")
    assert status(device).returncode == 0
    host.chain = genesis
    told = status(device)
    assert told.returncode == 1
    assert "[MANIFEST_ROLLBACK]" in told.stdout
    (evidence,) = facts(device, "--offline")["evidence"]
    hashes = [side["hash"] for side in evidence["sides"]]
    assert (evidence["kind"], hashes) == (
        "rollback",
        [longer.last.manifest_hash.hex(), genesis.last.manifest_hash.hex()],
    )


def test_a_frozen_chain_is_known_by_what_custodians_sign(host: Host, device: Path) -> None:
    host.statuses = host.hear()
    assert status(device).returncode == 0
    host.let_follow(host.next(host.chain, name="next"))
    host.statuses = host.hear()
    host.statuses[0] = host.statuses[1]
    host.statuses = host.statuses[:2]
    assert status(device).returncode == 0, "one custodian may lie"
    host.statuses = host.hear()[:2]
    told = status(device)
    assert told.returncode == 1
    assert "[MANIFEST_FROZEN]" in told.stdout
    assert told.stdout.count("- I live by manifest 1 on ") == 2
    (evidence,) = facts(device, "--offline")["evidence"]
    assert [side["signers"][0].split(" (")[0] for side in evidence["sides"]] == ["custodian 1", "custodian 2"]
