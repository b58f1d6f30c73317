"""Signing in at a provider of the manifest: through a browser on this machine, or through any other device.

Either way what comes of it is bound from the start to the key of the device that asked, so that a stolen token opens
nothing with another key. It does not help who is talked into entering somebody else's code (RFC 8628 section 5.4):
that sign-in is bound to the other's key. The browser's way has no such gap: its answer only comes back to this machine.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from kms.crypto.hashing import equal
from kms.errors import Invalid, Unavailable
from kms.transport import web
from kms_client.loopback import Redirect
from kms_client.provider import (
    Endpoints,
    LoginRefused,
    Party,
    Refused,
    Tokens,
    ask_for_tokens,
    challenge,
    read_object,
)

SCOPE: Final = "openid offline_access"
BROWSER_SECONDS: Final = 600.0
MAX_DEVICE_SECONDS: Final = 1800
_DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SAYS: Final = {
    "access_denied": "the sign-in was declined at the provider",
    "expired_token": "nobody entered the code in time: start again",
    "invalid_client": "the provider does not know this client: give its id with --client",
    "unauthorized_client": "the provider does not let this client sign in this way",
    "invalid_scope": "the provider does not give this client the scopes asked for: see --scope",
    "invalid_target": "the provider knows no resource of the manifest's audience",
    "invalid_grant": "the provider does not accept the sign-in any more: start again",
}


@dataclass(frozen=True, slots=True)
class DevicePrompt:
    """What a person types where (RFC 8628): shown on this device, entered on another one."""

    address: str
    code: str
    complete: str
    """The address with the code in it, for a QR code; empty if the provider gives none."""
    seconds: int


async def by_browser(
    party: Party, endpoints: Endpoints, show: Callable[[str], object], scope: str = SCOPE
) -> Tokens:
    """Sign in through a browser on this machine, to which `show` brings the address (RFC 8252, PKCE)."""
    if not endpoints.authorization:
        raise Invalid("this provider knows no sign-in by browser", reason="PROVIDER_NO_BROWSER")
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    async with Redirect(state) as redirect:
        asked = {
            "response_type": "code",
            "client_id": party.client_id,
            "redirect_uri": redirect.uri,
            "scope": scope,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **party.binding,
        }
        if "offline_access" in scope.split():
            asked["prompt"] = "consent"  # OpenID Connect Core section 11: no lasting access without asking
        joint = "&" if "?" in endpoints.authorization else "?"
        show(endpoints.authorization + joint + urlencode(asked))
        try:
            async with asyncio.timeout(BROWSER_SECONDS):
                came = await redirect.wait()
        except TimeoutError:
            raise Unavailable("nobody signed in in time: start again", reason="LOGIN_TIMED_OUT") from None
        # Else a provider that is asked at the same time could have its answer taken for this one's (mix-up).
        if "iss" in came or endpoints.names_itself:
            named = came.get("iss", "")
            if not equal(named.encode(), party.issuer.iss.encode()):
                raise LoginRefused("the answer is of another provider", reason="LOGIN_WRONG_ISSUER")
        if "code" not in came:
            raise _refused(came.get("error", ""))
        form = {
            "grant_type": "authorization_code",
            "code": came["code"],
            "redirect_uri": redirect.uri,
            "code_verifier": verifier,
        }
        return await _tokens(party, endpoints.token, form)


async def by_device(
    party: Party,
    endpoints: Endpoints,
    show: Callable[[DevicePrompt], object],
    scope: str = SCOPE,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Tokens:
    """Sign in on any other device, where a person enters the code that `show` gets (RFC 8628)."""
    if not endpoints.device:
        raise Invalid("this provider knows no sign-in by code", reason="PROVIDER_NO_DEVICE_FLOW")
    form = {"client_id": party.client_id, "scope": scope, **party.binding}
    form.pop("dpop_jkt", None)  # of requests for a code only; here each question shows its own proof
    async with web.client(party.issuer.trust_anchors) as client:
        answer = await web.ask(client, endpoints.device, form)
    given = read_object(answer.body)
    if answer.status != 200:
        raise _refused(given.get("error"))
    prompt, code, pause = _read_prompt(given)
    show(prompt)
    waited = 0.0
    while waited < prompt.seconds:
        await sleep(pause)
        waited += pause
        try:
            return await ask_for_tokens(
                party, endpoints.token, {"grant_type": _DEVICE_CODE, "device_code": code}
            )
        except Refused as error:
            if error.code == "slow_down":
                pause += 5
            elif error.code != "authorization_pending":
                raise _refused(error.code) from None
        except LoginRefused as error:
            if error.reason == "LOGIN_NOT_BOUND" and party.issuer.nonce_bound:
                raise LoginRefused(
                    "this provider forgets the nonce when it is asked by code: sign in by browser instead",
                    reason="LOGIN_NOT_BOUND",
                ) from None
            raise
        except Unavailable:
            pause = min(pause * 2, 60)  # section 3.5: back off where the provider does not answer
    raise _refused("expired_token")


def _read_prompt(given: dict[str, object]) -> tuple[DevicePrompt, str, float]:
    """(what to show, device code, seconds between questions); Invalid if the answer is none."""
    address, user, code = given.get("verification_uri"), given.get("user_code"), given.get("device_code")
    complete = given.get("verification_uri_complete", "")
    texts = (address, user, code, complete)
    # It is printed on a terminal and opened in a browser.
    if not all(isinstance(t, str) and len(t) <= 2048 and t.isascii() and t.isprintable() for t in texts):
        raise Invalid("the provider's answer is no prompt", reason="PROVIDER_MALFORMED")
    address, user, code, complete = map(str, texts)
    if not (user and code) or not all(a.startswith("https://") for a in (address, complete or address)):
        raise Invalid("the provider's answer is no prompt", reason="PROVIDER_MALFORMED")
    seconds, pause = given.get("expires_in"), given.get("interval", 5)
    if type(seconds) is not int or type(pause) is not int or not seconds > 0 or not 0 < pause <= 60:
        raise Invalid("the provider's answer is no prompt", reason="PROVIDER_MALFORMED")
    return DevicePrompt(address, user, complete, min(seconds, MAX_DEVICE_SECONDS)), code, float(pause)


async def renew(party: Party, token_endpoint: str, refresh: str) -> Tokens:
    """New tokens for a refresh token. LoginRefused if the provider wants to see the person again."""
    return await _tokens(party, token_endpoint, {"grant_type": "refresh_token", "refresh_token": refresh})


async def _tokens(party: Party, endpoint: str, form: dict[str, str]) -> Tokens:
    try:
        return await ask_for_tokens(party, endpoint, form)
    except Refused as error:
        raise _refused(error.code) from None


def _refused(code: object) -> LoginRefused:
    # Only codes that are known are repeated: a provider's prose, or a redirect's, is not ours to print.
    known = code if isinstance(code, str) else ""
    return LoginRefused(_SAYS.get(known, "the provider refused the sign-in"))
