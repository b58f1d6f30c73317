"""Ports for a cluster: free, never given out twice, of a range that whoever tries it may choose."""

from __future__ import annotations

import socket

import pytest

from kms.dev.founding import free_ports
from kms.errors import ConfigError


def test_no_port_is_given_out_twice_and_none_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMS_DEV_PORTS", "32100-32107")
    with socket.create_server(("127.0.0.1", 32103)):
        given = free_ports(3) + free_ports(4)
        with pytest.raises(ConfigError, match="no port is left of 32100 to 32107"):
            free_ports(1)
    assert sorted(given) == [32100, 32101, 32102, 32104, 32105, 32106, 32107]


@pytest.mark.parametrize(
    "text", ["", "32100", "32100-", "a-b", "80-90", "32107-32100", "65000-70000", "-1-9"]
)
def test_what_is_no_range_of_ports_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("KMS_DEV_PORTS", text)
    with pytest.raises(ConfigError, match="KMS_DEV_PORTS is no range"):
        free_ports(1)
