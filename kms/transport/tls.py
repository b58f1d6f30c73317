"""TLS 1.3 credentials from PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from kms.errors import ConfigError

CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.max_send_message_length", 16 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.so_reuseport", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # In spite of its name the time that one attempt to connect is given: TLS to a far or busy machine takes a while.
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: this party's certificate chain and key, and the authorities it believes."""

    certificate: Path
    key: Path
    authorities: Path

    def server(self, *, mutual: bool) -> grpc.ServerCredentials:
        """Server credentials; with `mutual` a client must show a certificate of the authorities."""
        return grpc.ssl_server_credentials(
            [(read_pem(self.key), read_pem(self.certificate))],
            root_certificates=read_pem(self.authorities) if mutual else None,
            require_client_auth=mutual,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Client credentials that show this party's certificate."""
        return grpc.ssl_channel_credentials(
            read_pem(self.authorities), read_pem(self.key), read_pem(self.certificate)
        )


def client_credentials(authorities: Path) -> grpc.ChannelCredentials:
    """Client credentials of a device: it shows no certificate, its statements are signed."""
    return grpc.ssl_channel_credentials(read_pem(authorities))


def read_pem(path: Path) -> bytes:
    """The file's bytes; ConfigError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
