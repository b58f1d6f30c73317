"""HTTPS to other people's servers: who vouches for them is given, and nothing of the environment counts."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from kms.errors import Invalid, Unavailable

MAX_DOCUMENT: Final = 256 << 10
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Headers by lower-case name; the body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def client(anchors: Iterable[bytes]) -> httpx2.AsyncClient:
    """Believes servers of the right name under these authorities (DER certificates), and no others.

    No proxy, no .netrc and no further authorities from the environment; no redirects.
    """
    return httpx2.AsyncClient(
        verify=believing(anchors),
        trust_env=False,
        follow_redirects=False,
        timeout=10.0,
        headers={"accept": "application/json", "accept-encoding": "identity"},
    )


def believing(anchors: Iterable[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An authority that is itself under another may be the one that was agreed on.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # As PEM: of DER, Python's ssl takes for an error of this call whatever another library of the process (a PKCS#11
    # token's) left in OpenSSL's queue of errors.
    context.load_verify_locations(cadata="".join(map(ssl.DER_cert_to_PEM_cert, anchors)))
    return context


async def ask(
    web: httpx2.AsyncClient,
    url: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """GET, or POST of a form. Unavailable if there is no answer, Invalid if it is too large."""
    try:
        async with web.stream("GET" if form is None else "POST", url, data=form, headers=headers) as response:
            body = bytearray()
            # As it came: what says it is compressed is no JSON, and what is large when unpacked never is.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_DOCUMENT:
                    raise Invalid("the provider's document is too large", reason="PROVIDER_MALFORMED")
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, named, bytes(body))
    except httpx2.TimeoutException:
        raise Unavailable("the provider did not answer in time", reason="PROVIDER_SLOW") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        if _is_about_trust(error):
            raise Unavailable(
                "the provider's certificate is not of the authorities in the manifest, or of another name",
                reason="PROVIDER_NOT_TRUSTED",
            ) from None
        raise Unavailable("the provider cannot be reached", reason="PROVIDER_UNREACHABLE") from None


def _is_about_trust(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
