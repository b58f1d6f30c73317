"""The console's port: in the loop of the node's process, so that pages and calls take turns at one node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kms.custodian.console.app import Console
from kms.custodian.console.desk import Service
from kms.custodian.neighbours import Neighbours
from kms.errors import ConfigError
from kms.statements.manifest import Custodian
from kms.transport import http, tls

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig


async def start(config: CustodianConfig, service: Service) -> Callable[[], Awaitable[None]]:
    """Listen, and return what stops it. ConfigError if something is missing or the port is taken."""
    settings, party = config.console, config.passkeys
    assert settings is not None
    if party is None:
        raise ConfigError("[console] needs [passkeys]: approvers sign in with nothing else")

    def others() -> list[Custodian]:
        context = service.node.context
        return [c for c in context.keyring.manifest.custodians if c.index != context.me.index]

    neighbours = Neighbours(others, tls.client_credentials(config.tls.authorities))
    console = Console(service, party.origins[0], party.rp_id, neighbours.look)
    return await http.start(
        console.app(), settings.listen, "console.listen", settings.certificate, settings.key
    )
