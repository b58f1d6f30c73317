"""Asking a provider for its keys, over TLS that only the manifest's authorities vouch for.

What comes back is read by `kms.policy.key_sets` and followed by `kms.custodian.providers`; nothing here is believed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final

import httpx2

from kms.errors import Invalid, Unavailable
from kms.policy.key_sets import MAX_DOCUMENT, discovery_url, read_discovery, read_key_set
from kms.statements.manifest import Issuer
from kms.statements.providers import ProviderKey

SECONDS: Final = 10.0
"""For both documents together: a provider that drips bytes holds nobody up for longer."""


async def fetch_keys(issuer: Issuer) -> tuple[ProviderKey, ...]:
    """The keys that this provider shows now. Unavailable if it cannot be asked, Invalid if what it shows is wrong."""
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    try:
        async with (
            asyncio.timeout(SECONDS),
            # No proxy, no .netrc and no further authorities from the environment; no redirects.
            httpx2.AsyncClient(
                verify=tls_of(issuer.trust_anchors), trust_env=False, follow_redirects=False, headers=headers
            ) as client,
        ):
            uri = read_discovery(await _get(client, discovery_url(issuer.iss)), issuer.iss)
            return read_key_set(await _get(client, uri))
    except TimeoutError:
        raise Unavailable("the provider did not answer in time", reason="PROVIDER_SLOW") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = "PROVIDER_NOT_TRUSTED" if _is_about_trust(error) else "PROVIDER_UNREACHABLE"
        raise Unavailable(f"the provider cannot be asked: {type(error).__name__}", reason=reason) from None


async def _get(client: httpx2.AsyncClient, url: str) -> bytes:
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise Unavailable(f"the provider answered {response.status_code}", reason="PROVIDER_UNREACHABLE")
        body = bytearray()
        # As it came: what says it is compressed is no JSON, and what is large when unpacked never is.
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_DOCUMENT:
                raise Invalid("the provider's document is too large", reason="PROVIDER_MALFORMED")
        return bytes(body)


def tls_of(anchors: Iterable[bytes]) -> ssl.SSLContext:
    """Believes these authorities (DER certificates) and no other, for servers of the right name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An authority that is itself under another may be the one that was agreed on.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(anchors))
    return context


def _is_about_trust(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
