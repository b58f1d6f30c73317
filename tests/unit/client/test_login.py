"""Signing in: what is asked of a provider, which of its answers are a credential, and what is kept of them."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from kms.cli import credential
from kms.cli.login import Waiting
from kms.crypto.signing import SigningKey
from kms.errors import ConfigError, KmsError
from kms.statements.manifest import HolderClass, Issuer
from kms_client.kept import Folder, Kept, KeptCredentials
from kms_client.killing import Effect
from kms_client.login import DevicePrompt, by_device, renew
from kms_client.profile import Profile, write_device_key
from kms_client.provider import Endpoints, Party, discover, proof
from tests.reference.https import Answer, Posted, Site, as_json, serving
from tests.reference.tokens import Ed25519Signer, b64, compact, seed

KEYRING = bytes(range(32))
KEY = SigningKey.generate()
EXPIRES = int(time.time()) + 3600
DISCOVERY = "/.well-known/openid-configuration"
PROMPT = {
    "device_code": "secret",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://login.example/device",
    "verification_uri_complete": "https://login.example/device?user_code=ABCD-EFGH",
    "expires_in": 600,
    "interval": 7,
}
PENDING = as_json({"error": "authorization_pending"}, 400)


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    with serving("login") as made:
        yield made


@pytest.fixture
def site(running: Site) -> Site:
    running.answers.clear()
    running.forms.clear()
    return running


def party(
    site: Site, *, nonce_bound: bool = False, key: SigningKey = KEY, audience: str = "records"
) -> Party:
    issuer = Issuer(
        site.address,
        "Login AG",
        (HolderClass.PROFESSIONAL,),
        (),
        trust_anchors=(site.anchor.der,),
        audience=audience,
        nonce_bound=nonce_bound,
        key_delay=60,
        max_key_age=60,
    )
    return Party(issuer, "kms", KEYRING, key)


def token(site: Site, **changes: Any) -> str:
    claims = {
        "iss": site.address,
        "sub": "dr-1",
        "aud": "records",
        "exp": EXPIRES,
        "cnf": {"jkt": b64(KEY.thumbprint)},
    }
    said = {name: value for name, value in (claims | changes).items() if value is not None}
    return compact({"alg": "EdDSA", "kid": "1"}, said, Ed25519Signer(seed("provider")))


def tokens(access: str, **changes: Any) -> dict[str, Any]:
    return {"access_token": access, "token_type": "DPoP", "refresh_token": "again"} | changes


async def refusal(site: Site, answer: Answer, who: Party | None = None) -> tuple[str, str]:
    """(reason, message) of an answer of the token endpoint that is refused."""
    site.forms["/token"] = lambda posted: answer
    with pytest.raises(KmsError) as caught:
        await renew(who or party(site), f"{site.address}/token", "before")
    return caught.value.reason, caught.value.message


def decoded(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


# -- discovery -------------------------------------------------------------------------------------------------


async def test_a_provider_is_asked_where_it_says_and_only_over_https(site: Site) -> None:
    site.describe(b"", token_endpoint=f"{site.address}/token", dpop_signing_alg_values_supported=["EdDSA"])
    assert (await discover(party(site).issuer)).token == f"{site.address}/token"
    for changes, reason in (
        ({"issuer": "https://evil.example"}, "PROVIDER_WRONG_ISSUER"),
        ({"token_endpoint": "http://login.example/token"}, "PROVIDER_MALFORMED"),
        ({"token_endpoint": "https://me@login.example/token"}, "PROVIDER_MALFORMED"),
        ({"token_endpoint": None}, "PROVIDER_MALFORMED"),
        ({"token_endpoint": ""}, "PROVIDER_MALFORMED"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "PROVIDER_MALFORMED"),
        ({"device_authorization_endpoint": "https://x/\x1b[2J"}, "PROVIDER_MALFORMED"),
        ({"dpop_signing_alg_values_supported": ["ES256"]}, "PROVIDER_NO_DPOP"),
    ):
        usual = {"token_endpoint": f"{site.address}/token", "dpop_signing_alg_values_supported": ["EdDSA"]}
        site.describe(b"", **(usual | changes))
        with pytest.raises(KmsError) as caught:
            await discover(party(site).issuer)
        assert caught.value.reason == reason


# -- tokens ----------------------------------------------------------------------------------------------------


async def test_a_bound_token_is_a_credential_and_its_key_was_proven(site: Site) -> None:
    seen: list[Posted] = []

    def answer(posted: Posted) -> Answer:
        seen.append(posted)
        return as_json(tokens(token(site)))

    site.forms["/token"] = answer
    given = await renew(party(site), f"{site.address}/token", "before")
    assert (given.credential, given.refresh) == (token(site), "again")
    assert seen[0].form == {"client_id": "kms", "grant_type": "refresh_token", "refresh_token": "before"}
    header, claims, signature = seen[0].headers["dpop"].split(".")
    assert decoded(header) == {
        "typ": "dpop+jwt",
        "alg": "EdDSA",
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64(KEY.public)},
    }
    assert decoded(claims)["htu"] == f"{site.address}/token"
    assert decoded(claims)["htm"] == "POST"
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(
        base64.urlsafe_b64decode(signature + "=="), f"{header}.{claims}".encode()
    )
    assert token(site) not in repr(given)


def test_no_two_proofs_are_alike_and_none_names_a_query() -> None:
    one, other = (decoded(proof(KEY, "https://x/token?a=1").split(".")[1]) for _ in range(2))
    assert one["jti"] != other["jti"]
    assert one["htu"] == "https://x/token"


async def test_a_provider_may_ask_for_a_proof_of_its_own_nonce_once(site: Site) -> None:
    proofs: list[dict[str, Any]] = []

    def answer(posted: Posted) -> Answer:
        proofs.append(decoded(posted.headers["dpop"].split(".")[1]))
        if "nonce" not in proofs[-1]:
            return as_json({"error": "use_dpop_nonce"}, 400, **{"DPoP-Nonce": "n1"})
        return as_json(tokens(token(site)))

    site.forms["/token"] = answer
    await renew(party(site), f"{site.address}/token", "before")
    assert [p.get("nonce") for p in proofs] == [None, "n1"]
    always = as_json({"error": "use_dpop_nonce"}, 400, **{"DPoP-Nonce": "n2"})
    assert (await refusal(site, always))[0] == "LOGIN_REFUSED"


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "Bearer"},
        {"access_token": None},
        {"access_token": 7},
        {"refresh_token": ["again"]},
        {"access_token": "opaque"},
        {"access_token": "a.b.c"},
    ],
    ids=str,
)
async def test_what_is_not_a_bound_jwt_is_no_credential(site: Site, changes: dict[str, Any]) -> None:
    assert (await refusal(site, as_json(tokens(token(site)) | changes)))[0] == "LOGIN_REFUSED"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example"}, "LOGIN_REFUSED"),
        ({"aud": ["records", "shop"]}, "LOGIN_REFUSED"),
        ({"aud": "shop"}, "LOGIN_REFUSED"),
        ({"cnf": None}, "LOGIN_NOT_BOUND"),
        ({"cnf": {"jkt": b64(bytes(32))}}, "LOGIN_NOT_BOUND"),
        ({"cnf": "jkt"}, "LOGIN_NOT_BOUND"),
        ({"exp": 1}, "LOGIN_REFUSED"),
        ({"exp": None}, "LOGIN_REFUSED"),
    ],
    ids=str,
)
async def test_what_custodians_would_refuse_is_refused_at_once(
    site: Site, claims: dict[str, Any], reason: str
) -> None:
    assert (await refusal(site, as_json(tokens(token(site, **claims)))))[0] == reason


async def test_an_id_token_is_bound_by_its_nonce(site: Site) -> None:
    me = party(site, nonce_bound=True)
    good = token(site, cnf=None, nonce=me.binding["nonce"])
    site.answer("/token", {"id_token": good, "token_type": "Bearer"})
    assert (await renew(me, f"{site.address}/token", "before")).credential == good
    bad = token(site, nonce=b64(bytes(32)))
    assert (await refusal(site, as_json({"id_token": bad}), me))[0] == "LOGIN_NOT_BOUND"


async def test_an_error_is_told_in_our_words(site: Site) -> None:
    for code in ("invalid_client", "invalid_grant", "\x1b[2J", 7):
        answer = as_json({"error": code, "error_description": "call +1 900"}, 400)
        reason, message = await refusal(site, answer)
        assert reason == "LOGIN_REFUSED"
        assert "900" not in message
    assert "--client" in (await refusal(site, as_json({"error": "invalid_client"}, 401)))[1]
    assert (await refusal(site, Answer(b"<html>", 502)))[0] == "PROVIDER_MALFORMED"


# -- by code ---------------------------------------------------------------------------------------------------


Asked = tuple[Any, list[float], list[DevicePrompt]]


async def by_code(site: Site, *answers: Answer, who: Party | None = None, **prompt: Any) -> Asked:
    """(tokens or the error, seconds slept between questions, what was shown)."""
    left, slept, shown = list(answers), list[float](), list[DevicePrompt]()
    site.answer("/device", {name: value for name, value in (PROMPT | prompt).items() if value is not None})
    site.forms["/token"] = lambda posted: left.pop(0)
    endpoints = Endpoints(f"{site.address}/token", "", f"{site.address}/device", False)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    try:
        return await by_device(who or party(site), endpoints, shown.append, sleep=sleep), slept, shown
    except KmsError as error:
        return error, slept, shown


async def test_a_code_is_shown_and_asked_about_as_often_as_the_provider_likes(site: Site) -> None:
    slow, done = as_json({"error": "slow_down"}, 400), as_json(tokens(token(site)))
    given, slept, shown = await by_code(site, PENDING, slow, PENDING, done)
    assert given.credential == token(site)
    assert slept == [7, 7, 12, 12]
    assert [(p.address, p.code, p.seconds) for p in shown] == [
        ("https://login.example/device", "ABCD-EFGH", 600)
    ]


async def test_a_provider_that_is_away_for_a_moment_is_asked_again_more_slowly(site: Site) -> None:
    given, slept, _ = await by_code(
        site, Answer(status=200, headers={"Content-Length": "9"}), as_json(tokens(token(site)))
    )
    assert given.credential == token(site)
    assert slept == [7, 14]


@pytest.mark.parametrize(("code", "says"), [("access_denied", "declined"), ("expired_token", "in time")])
async def test_a_no_ends_it(site: Site, code: str, says: str) -> None:
    error, slept, _ = await by_code(site, as_json({"error": code}, 400))
    assert says in error.message
    assert slept == [7]


async def test_nobody_waits_for_ever(site: Site) -> None:
    error, slept, _ = await by_code(site, *[PENDING] * 20, expires_in=60)
    assert "in time" in error.message
    assert sum(slept) <= 60 + 7


async def test_a_provider_that_forgets_the_nonce_is_said_to(site: Site) -> None:
    unbound = as_json({"id_token": token(site), "token_type": "Bearer"})
    error, _, _ = await by_code(site, unbound, who=party(site, nonce_bound=True))
    assert (error.reason, "by browser" in error.message) == ("LOGIN_NOT_BOUND", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"verification_uri": "http://login.example/device"},
        {"verification_uri": "https://login.example/\x1b]8;;"},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"user_code": "A\nB"},
        {"user_code": ""},
        {"user_code": None},
        {"device_code": None},
        {"expires_in": 0},
        {"expires_in": "600"},
        {"interval": 0},
        {"interval": 3600},
    ],
    ids=str,
)
async def test_a_prompt_that_is_none_is_not_shown(site: Site, changes: dict[str, Any]) -> None:
    error, _, shown = await by_code(site, **changes)
    assert (error.reason, shown) == ("PROVIDER_MALFORMED", [])


async def test_the_code_and_the_time_that_is_left_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    wait = Waiting(quiet=False)
    with wait:
        wait.begin(
            DevicePrompt("https://login.example/device", "ABCD-EFGH", "https://login.example/d?c", 600)
        )
        await wait.sleep(0)
        assert (wait._bar.tasks[0].completed, wait._bar.tasks[0].total) == (0, 600)
    out = capsys.readouterr().out
    assert "open https://login.example/device\nand enter ABCD-EFGH" in out


# -- kept ------------------------------------------------------------------------------------------------------


def kept(site: Site, **changes: Any) -> Kept:
    usual: dict[str, Any] = {
        "iss": site.address,
        "client_id": "kms",
        "audience": "records",
        "nonce_bound": False,
        "keyring_id": KEYRING,
        "key_thumbprint": KEY.thumbprint,
        "anchors": (site.anchor.der,),
        "token_endpoint": f"{site.address}/token",
        "token": token(site),
        "refresh": "again",
        "expires": int(time.time()) + 3600,
    }
    return Kept(**(usual | changes))


async def fresh(folder: Path) -> list[str]:
    return list(await KeptCredentials(folder, KEY).credentials(KEY.thumbprint, KEYRING.hex()))


async def test_what_is_kept_is_given_while_it_holds_and_only_for_its_key_and_keyring(
    site: Site, tmp_path: Path
) -> None:
    assert await fresh(tmp_path / "none") == []
    Folder(tmp_path / "c").put(kept(site))
    assert await fresh(tmp_path / "c") == [token(site)]
    source = KeptCredentials(tmp_path / "c", KEY)
    assert await source.credentials(bytes(32), KEYRING.hex()) == []
    assert await source.credentials(KEY.thumbprint, bytes(32).hex()) == []


def test_only_its_owner_can_read_it(site: Site, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "c")
    folder.put(kept(site))
    file = folder.put(kept(site))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        folder.all()
    file.chmod(0o600)
    file.write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        folder.all()


async def test_what_expires_is_renewed_once_and_kept(site: Site, tmp_path: Path) -> None:
    later = token(site, exp=int(time.time()) + 7200)
    asked: list[str] = []

    def answer(posted: Posted) -> Answer:
        asked.append(posted.form["refresh_token"])
        return as_json(tokens(later, refresh_token="third"))

    site.forms["/token"] = answer
    Folder(tmp_path / "c").put(kept(site, expires=int(time.time()) + 10))
    assert await fresh(tmp_path / "c") == [later]
    assert await fresh(tmp_path / "c") == [later]
    assert asked == ["again"]
    (now,) = Folder(tmp_path / "c").all()
    assert now.refresh == "third"


async def test_who_signs_in_during_a_renewal_is_not_replaced_by_what_was_renewed(
    site: Site, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "c")
    folder.put(kept(site, expires=int(time.time()) + 10))
    signed_in = kept(site, refresh="of the new sign-in")
    login = threading.Thread(target=folder.put, args=(signed_in,))

    def answer(posted: Posted) -> Answer:
        login.start()
        login.join(0.2)
        assert login.is_alive()  # it waits until the renewal has written
        return as_json(tokens(token(site), refresh_token="of the renewal"))

    site.forms["/token"] = answer
    await fresh(tmp_path / "c")
    await asyncio.to_thread(login.join)
    assert folder.all() == [signed_in]


async def test_a_renewal_does_not_bring_back_what_was_forgotten(site: Site, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "c")
    file = folder.put(kept(site, expires=int(time.time()) + 10))
    with folder.locked():
        renewal = asyncio.ensure_future(fresh(tmp_path / "c"))
        await asyncio.sleep(0)  # it has read what is kept, and waits for the lock
        file.unlink()
    await renewal
    assert folder.all() == []
    assert not folder.forget(site.address)


async def test_what_cannot_be_renewed_serves_to_its_end_and_then_says_what_to_do(
    site: Site, tmp_path: Path
) -> None:
    site.answer("/token", {"error": "invalid_grant"}, 400)
    for refresh in ("again", ""):
        Folder(tmp_path / "c").put(kept(site, refresh=refresh, expires=int(time.time()) + 30))
        assert await fresh(tmp_path / "c") == [token(site)]
        Folder(tmp_path / "c").put(kept(site, refresh=refresh, expires=int(time.time()) - 1))
        with pytest.raises(KmsError, match="kms login") as caught:
            await fresh(tmp_path / "c")
        assert caught.value.reason == "LOGIN_NEEDED"


def test_commands_show_whose_word_is_kept_and_never_a_token(site: Site, tmp_path: Path) -> None:
    write_device_key(tmp_path / "device.pem")
    lines = ['coordinator = "c:1"', 'authorities = "ca.pem"', f'keyring_id = "{KEYRING.hex()}"']
    (tmp_path / "profile.toml").write_text("\n".join([*lines, 'device_key = "device.pem"']))
    assert Profile.load(tmp_path).kept == tmp_path / "credentials"
    one = kept(site, token=token(site, email="\x1b[2Jdr@x", holder_class="professional"))
    Folder(tmp_path / "credentials").put(one)
    shown = []
    for command in (
        ["list", str(tmp_path)],
        ["list", str(tmp_path), "--json"],
        ["show", str(tmp_path), site.address],
        ["show", str(tmp_path), site.address, "--json"],
        ["forget", str(tmp_path), site.address],
    ):
        done = CliRunner().invoke(credential.app, command)
        assert done.exit_code == 0, done.output
        shown.append(done.output)
    text = "".join(shown)
    assert site.address in shown[0]
    assert json.loads(shown[1])[0]["claims"]["sub"] == "dr-1"
    assert "dr-1" in shown[2]
    assert "\x1b" not in text
    for secret in (one.token, one.token.split(".")[2], "again"):
        assert secret not in text
    assert "again" not in repr(one)
    assert Folder(tmp_path / "credentials").all() == []


def test_a_kill_that_too_few_heard_says_so(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_device_key(tmp_path / "device.pem")
    lines = ['coordinator = "c:1"', 'authorities = "ca.pem"', f'keyring_id = "{KEYRING.hex()}"']
    (tmp_path / "profile.toml").write_text("\n".join([*lines, 'device_key = "device.pem"']))

    async def told(profile: Profile, order: bytes) -> Effect:
        return Effect((1,), {2: "UNAVAILABLE", 3: "BAD_SIGNATURE"}, 2)

    monkeypatch.setattr(credential, "_kill", told)
    done = CliRunner().invoke(credential.app, ["kill", str(tmp_path), "--yes"])
    assert done.exit_code == 1
    assert "NOT effective yet: 1 of 2" in done.output
    assert "custodian 3: no word of it [BAD_SIGNATURE]" in done.output
    assert CliRunner().invoke(credential.app, ["kill", str(tmp_path)], input="n\n").exit_code == 1
