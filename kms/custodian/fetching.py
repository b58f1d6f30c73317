"""Asking a provider for its keys, over TLS that only the manifest's authorities vouch for.

What comes back is read by `kms.policy.key_sets` and followed by `kms.custodian.providers`; nothing here is believed.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx2

from kms.errors import Unavailable
from kms.policy.key_sets import discovery_url, read_discovery, read_key_set
from kms.statements.manifest import Issuer
from kms.statements.providers import ProviderKey
from kms.transport import web

SECONDS: Final = 10.0
"""For both documents together: a provider that drips bytes holds nobody up for longer."""


async def fetch_keys(issuer: Issuer) -> tuple[ProviderKey, ...]:
    """The keys that this provider shows now. Unavailable if it cannot be asked, Invalid if what it shows is wrong."""
    try:
        async with asyncio.timeout(SECONDS), web.client(issuer.trust_anchors) as client:
            uri = read_discovery(await _get(client, discovery_url(issuer.iss)), issuer.iss)
            return read_key_set(await _get(client, uri))
    except TimeoutError:
        raise Unavailable("the provider did not answer in time", reason="PROVIDER_SLOW") from None


async def _get(client: httpx2.AsyncClient, url: str) -> bytes:
    answer = await web.ask(client, url)
    if answer.status != 200:
        raise Unavailable(f"the provider answered {answer.status}", reason="PROVIDER_UNREACHABLE")
    return answer.body
