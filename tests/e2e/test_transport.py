"""Doors: TLS 1.3 only, certificates both ways between coordinator and custodians, health, reflection, limits."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from kms.dev.certificates import Authority
from kms.errors import Unavailable
from kms.wire.v1 import coordinator_pb2, custodian_pb2
from tests.e2e.site import COORDINATOR, CUSTODIAN, Refusal, Site, call, raw

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


def handshake(site: Site, target: str, version: ssl.TLSVersion) -> str | None:
    """The TLS version agreed on when nothing but `version` is offered, with the coordinator's certificate."""
    context = ssl.create_default_context(cafile=str(site.layout.authorities))
    home = site.layout.folder / "coordinator"
    context.load_cert_chain(home / "tls.pem", home / "tls.key")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        return secured.version()


def doors(site: Site) -> list[str]:
    return [site.layout.coordinator, site.layout.custodians[1], site.layout.public[1]]


def test_every_door_speaks_tls_1_3(site: Site) -> None:
    assert [handshake(site, door, ssl.TLSVersion.TLSv1_3) for door in doors(site)] == ["TLSv1.3"] * 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_door_speaks_an_older_tls(site: Site) -> None:
    for door in doors(site):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(site, door, ssl.TLSVersion.TLSv1_2)


def test_no_door_speaks_in_clear(site: Site) -> None:
    for door in doors(site):
        with grpc.insecure_channel(door) as channel:
            answer = call(channel, HEALTH, "Check", b"")
        assert isinstance(answer, Refusal)
        assert answer.code == "UNAVAILABLE"


def sealing_key_request(site: Site) -> bytes:
    return custodian_pb2.GetSealingKeyRequest(keyring_id=site.layout.keyring_id).SerializeToString()


def test_a_custodian_answers_the_coordinator(site: Site) -> None:
    answer = call(site.relay(1), CUSTODIAN, "GetSealingKey", sealing_key_request(site))
    assert isinstance(answer, bytes)
    assert custodian_pb2.GetSealingKeyResponse.FromString(answer).sealing_key.signatures


def test_a_custodian_does_not_talk_to_who_shows_no_certificate(site: Site) -> None:
    channel = site.channel(site.layout.custodians[1])
    answer = call(channel, CUSTODIAN, "GetSealingKey", sealing_key_request(site))
    assert isinstance(answer, Refusal)
    assert answer.code == "UNAVAILABLE"


def test_a_custodian_does_not_talk_to_a_certificate_of_another_authority(site: Site, tmp_path: Path) -> None:
    Authority.create(tmp_path / "ca").issue(tmp_path, "coordinator")
    stranger = grpc.ssl_channel_credentials(
        site.layout.authorities.read_bytes(),
        (tmp_path / "tls.key").read_bytes(),
        (tmp_path / "tls.pem").read_bytes(),
    )
    answer = call(
        site.channel(site.layout.custodians[1], stranger),
        CUSTODIAN,
        "GetSealingKey",
        sealing_key_request(site),
    )
    assert isinstance(answer, Refusal)
    assert answer.code == "UNAVAILABLE"


def test_a_custodian_refuses_a_good_certificate_of_somebody_else(site: Site) -> None:
    channel = site.channel(site.layout.custodians[1], site.certificate_of("booking"))
    answer = call(channel, CUSTODIAN, "GetSealingKey", sealing_key_request(site))
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "UNKNOWN_PEER")


def test_the_public_door_of_a_custodian_takes_revocations_only(site: Site) -> None:
    channel = site.channel(site.layout.public[1])
    deposit = call(channel, CUSTODIAN, "Deposit", b"")
    revocation = call(channel, CUSTODIAN, "RevokeGrant", b"")
    assert isinstance(deposit, Refusal)
    assert isinstance(revocation, Refusal)
    assert (deposit.code, revocation.code) == ("UNIMPLEMENTED", "INVALID_ARGUMENT")


def test_a_device_that_believes_another_authority_never_gets_through(site: Site) -> None:
    home = site.folder / "elsewhere"
    authority = Authority.create(home)
    credentials = grpc.ssl_channel_credentials(authority.path.read_bytes())
    answer = call(site.channel(site.layout.coordinator, credentials), HEALTH, "Check", b"")
    assert isinstance(answer, Refusal)
    assert answer.code == "UNAVAILABLE"


def test_every_service_reports_its_health(site: Site) -> None:
    for channel, service in (
        (site.channel(site.layout.coordinator), COORDINATOR),
        (site.relay(1), CUSTODIAN),
    ):
        for name in ("", service):
            request = health_pb2.HealthCheckRequest(service=name).SerializeToString()
            answer = call(channel, HEALTH, "Check", request)
            assert isinstance(answer, bytes)
            assert health_pb2.HealthCheckResponse.FromString(answer).status == 1


def test_health_can_be_watched(site: Site) -> None:
    stream = raw(site.relay(2)).unary_stream(f"/{HEALTH}/Watch")(b"", timeout=20)
    assert health_pb2.HealthCheckResponse.FromString(next(iter(stream))).status == 1
    stream.cancel()


def reflect(channel: grpc.Channel) -> str:
    """The status of a reflection call that lists the services (field 7 of the request, empty)."""
    try:
        answers = raw(channel).stream_stream(f"/{REFLECTION}/ServerReflectionInfo")(
            iter([b"\x3a\x00"]), timeout=20
        )
        return b" ".join(answers).decode("latin-1")
    except grpc.RpcError as error:
        code: str = error.code().name
        return code


def test_reflection_is_off_at_custodians_and_on_at_the_coordinator(site: Site) -> None:
    assert reflect(site.relay(1)) == "UNIMPLEMENTED"
    assert reflect(site.channel(site.layout.public[1])) == "UNIMPLEMENTED"
    assert COORDINATOR in reflect(site.channel(site.layout.coordinator))


def test_an_oversized_request_is_refused_with_the_limit(site: Site) -> None:
    answer = call(site.relay(1), CUSTODIAN, "LookUpKeys", bytes((1 << 20) + 1))
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert str(1 << 20) in answer.message


def test_a_request_beyond_every_limit_is_refused_and_the_connection_lives(site: Site) -> None:
    huge = b"\x0a" + bytes(20 << 20)
    with grpc.secure_channel(
        site.layout.coordinator,
        grpc.ssl_channel_credentials(site.layout.authorities.read_bytes()),
        options=(("grpc.max_send_message_length", -1),),
    ) as channel:
        answer = call(channel, COORDINATOR, "GetKeyring", huge)
        assert isinstance(answer, Refusal)
        assert answer.code == "RESOURCE_EXHAUSTED"
        request = coordinator_pb2.GetKeyringRequest(keyring_id=site.layout.keyring_id)
        assert isinstance(call(channel, COORDINATOR, "GetKeyring", request.SerializeToString()), bytes)


def test_a_node_whose_consoles_port_is_taken_ends_with_that_as_its_last_word(
    own_site: Callable[..., Site],
) -> None:
    site = own_site(start=False, consoles=True)
    port = int(site.layout.consoles[1].rpartition(":")[2])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1:{port}: is the port taken\?"),
    ):
        site.start("custodian-1")
