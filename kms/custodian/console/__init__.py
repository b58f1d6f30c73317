"""The custodian's console: a small web app for approvers, served by the node itself on a port of its own.

It decides nothing. It shows what the node verified, and forwards what an approver's passkey signed: whether that
is an approval is the node's to say. `app` puts it together, `doors` and `sessions` keep others out, `desk` asks
the node, each page has a module of its own, and `words` says everything in English and French.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kms.errors import ConfigError

if TYPE_CHECKING:
    from kms.custodian.config import CustodianConfig
    from kms.custodian.console.desk import Service


async def start(config: CustodianConfig, service: Service) -> Callable[[], Awaitable[None]]:
    """Serve the approvers' pages beside the node's calls; returns what stops that."""
    try:
        from kms.custodian.console import server
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[console] needs the extra [web], {error.name} is missing: pip install 'threshold-kms[web]'"
        ) from None
    return await server.start(config, service)
