"""Two real OpenID providers: people sign in at them, custodians fetch their keys and see them rotate, vanish, change.

Real processes first; then nodes in this process, which fetch as really and whose clock can be turned.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kms.ceremony import files
from kms.ceremony.proposals import line_of
from kms.cli.app import command_line
from kms.crypto.signing import SigningKey
from kms.custodian.fetching import fetch_keys
from kms.custodian.vouching import vouch
from kms.dev import toml
from kms.errors import EvidenceRefused, KmsError
from kms.statements.providers import fingerprint
from kms.statements.release import Purpose
from kms_client.login import by_browser
from kms_client.profile import Profile, write_device_key
from kms_client.provider import Party, discover
from tests.e2e.providers import RealProvider, enter_code, make_key, missing, sign_in
from tests.e2e.site import Site, await_condition
from tests.protocol.providers import world_of
from tests.protocol.world import World

APP = command_line()

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there are providers")

RECORDS = "urn:kms:records"


@dataclass(frozen=True, slots=True)
class Providers:
    """One that binds ID tokens by their nonce and signs with RSA; one that knows DPoP and signs with P-256."""

    nonce: RealProvider
    dpop: RealProvider

    @property
    def issuers(self) -> tuple[Any, Any]:
        return self.nonce.issuer(), self.dpop.issuer(nonce_bound=False, audience=RECORDS)


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    folder = tmp_path_factory.mktemp("providers")
    both = Providers(
        RealProvider("one", folder / "one", "RS256"), RealProvider("two", folder / "two", "ES256")
    )
    for provider in (both.nonce, both.dpop):
        provider.start()
    yield both
    for provider in (both.nonce, both.dpop):
        provider.stop()


# -- real processes ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def believing(providers: Providers) -> Iterator[Site]:
    """A cluster whose manifest names both providers."""
    site = Site(more_issuers=providers.issuers)
    yield site
    site.close()


def device(site: Site, name: str) -> Path:
    """A profile without credentials."""
    home = site.folder / name
    home.mkdir()
    write_device_key(home / "device.pem")
    values = {
        "coordinator": site.layout.coordinator,
        "authorities": str(site.layout.authorities),
        "keyring_id": site.layout.keyring_id,
        "device_key": "device.pem",
    }
    toml.write(home / "profile.toml", values)
    return home


def login(home: Path, provider: RealProvider, *options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """`kms login` and the first thing that it says."""
    command = [
        sys.executable,
        "-m",
        "kms.cli",
        "login",
        str(home),
        "--issuer",
        provider.iss,
        "--json",
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return process, json.loads(line)


def kms(*arguments: str) -> str:
    """What a command prints; run in this process, since a new one takes longer than all that it does."""
    done = CliRunner().invoke(APP, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    said: dict[str, Any] = json.loads(out.splitlines()[-1])
    return said


def test_a_doctor_signs_in_twice_and_reads_what_both_providers_words_open(
    providers: Providers, believing: Site
) -> None:
    home = device(believing, "doctor")
    process, said = login(home, providers.nonce, "--no-browser")
    page = sign_in(providers.nonce, said["open"], "dr-1")
    assert str(page.url).startswith("http://127.0.0.1:")
    assert "close this window" in page.text
    assert finish(process)["claims"] == {
        "sub": "dr-1",
        "email": "dr-1@clinic.example",
        "email_verified": True,
    }

    key = believing.client("p-1").create_key({"patient": "p-1", "category": "laboratory"})
    doctor = believing.client_of(Profile.load(home))
    alone = doctor.release([key.key_id], purpose=Purpose.TREATMENT)
    assert list(alone.failures) == [key.key_id]  # one provider's word is one word

    process, said = login(home, providers.dpop, "--device")
    done = enter_code(providers.dpop, said["verification_uri"], said["user_code"], "dr-1")
    assert "Sign-in Success" in done.text
    finish(process)

    listed = json.loads(kms("credential", "list", str(home), "--json"))
    assert {one["iss"]: one["bound_by"] for one in listed} == {
        providers.nonce.iss: "nonce",
        providers.dpop.iss: "cnf",
    }
    again = believing.client_of(Profile.load(home))
    assert list(again.release([key.key_id], purpose=Purpose.TREATMENT).keys) == [key.key_id]


def test_a_custodians_people_see_its_providers(providers: Providers, believing: Site) -> None:
    config = str(believing.config("custodian-1"))
    shown = kms("custodian", "issuers", "show", providers.nonce.iss, "--config", config)
    assert f"{providers.nonce.iss}, controlled by owner of one: current" in shown
    assert "kid one-1" in shown
    sample = f'kms_issuer_keys_left_seconds{{issuer="{providers.dpop.iss}"}}'
    await_condition(lambda: believing.read_metrics("custodian-1").get(sample, 0) > 0, "keys were fetched")


def test_a_device_and_a_person_are_ended(believing: Site) -> None:
    home, folder = device(believing, "lost"), believing.layout.folder
    whole = {"effective": True, "needed": 2, "acknowledged": [1, 2, 3], "failures": {}}
    assert json.loads(kms("credential", "kill", str(home), "--yes", "--json")) == whole
    lost = replace(Profile.load(home), credentials=believing.profile("loser").credentials)
    with pytest.raises(KmsError):
        believing.client_of(lost).create_key({"patient": "p-2", "category": "booking"})

    mallory = believing.client("mallory")
    mallory.create_key({"patient": "p-3", "category": "booking"})
    chain, order = home / "chain.file", home / "order"
    files.create(chain, [line_of((folder / "manifest.bin").read_bytes())])
    admin = ["--admin-key", str(folder / "admin.key")]
    said = ["--reason", "stolen", "--person", "https://issuer-a.example", "mallory"]
    kms("credential", "order-kill", "--chain", str(chain), "--out", str(order), *admin, *said)
    assert "signed by 1 admins" in kms("credential", "sign-kill", str(order), *admin, "--yes")
    handed = kms("credential", "kill", str(device(believing, "anybody")), "--order", str(order))
    assert "effective: 3 custodians, 2 are enough" in handed
    with pytest.raises(KmsError):
        mallory.create_key({"patient": "p-3", "category": "booking"})


# -- a clock to turn ---------------------------------------------------------------------------------------


@pytest.fixture
def world(providers: Providers, tmp_path: Path) -> Iterator[World]:
    made = world_of(tmp_path / "world", providers.issuers, int(time.time()))
    fetch(made)
    yield made
    made.close()


def fetch(world: World) -> list[str]:
    """What every custodian makes of what each provider shows now; a failure's reason where it cannot be asked."""

    async def each() -> list[str]:
        said = []
        for issuer in world.keyring.manifest.issuers:
            for node in world.members.values():
                try:
                    said.append(node.take_issuer_keys(issuer, await fetch_keys(issuer)))
                except KmsError as error:
                    node.miss_issuer_keys(issuer, error.reason)
                    said.append(error.reason)
        return said

    return asyncio.run(each())


def signed_in(world: World, provider: RealProvider, key: SigningKey) -> str:
    """A fresh credential of this provider."""
    issuer = next(i for i in world.keyring.manifest.issuers if i.iss == provider.iss)

    async def sign_in_there() -> str:
        visits: list[asyncio.Future[Any]] = []
        loop = asyncio.get_running_loop()
        tokens = await by_browser(
            Party(issuer, "kms", world.keyring.keyring_id, key),
            await discover(issuer),
            lambda address: visits.append(loop.run_in_executor(None, sign_in, provider, address, "dr-1")),
        )
        await asyncio.gather(*visits)
        return tokens.credential

    return asyncio.run(sign_in_there())


def said(world: World, token: str, key: SigningKey, indices: Sequence[int] = (1, 2, 3)) -> list[str]:
    """Why each custodian refuses this credential; empty if it does not."""
    reasons = []
    for index in indices:
        node = world.nodes[index]
        try:
            vouch(node.context, [token], key.thumbprint, world.clock())
            reasons.append("")
        except EvidenceRefused as error:
            reasons.append(error.reason)
    return reasons


def test_keys_rotate_beside_each_other_and_one_that_is_used_at_once_waits(
    providers: Providers, world: World
) -> None:
    one, key = providers.nonce, SigningKey.generate()
    old, new = one.keys[0], make_key("one-2", "RS256")
    before = signed_in(world, one, key)
    assert said(world, before, key) == [""] * 3
    one.start_again([new, old])  # it signs with the new one at once
    after = signed_in(world, one, key)
    assert said(world, after, key) == ["CREDENTIAL_UNKNOWN_KEY"] * 3
    world.clock.turn(60)  # asked for a key that it does not know, a custodian looks again
    assert all(one.iss in {i.iss for i in node.due_issuers()} for node in world.members.values())
    assert fetch(world)[:3] == ["CHANGED"] * 3
    assert said(world, after, key) == ["CREDENTIAL_KEY_TOO_NEW"] * 3
    assert said(world, before, key) == [""] * 3
    world.clock.turn(120)
    fetch(world)
    assert said(world, after, key) == [""] * 3
    one.start_again([new])
    assert fetch(world)[:3] == ["CHANGED"] * 3
    assert said(world, after, key) == [""] * 3
    assert said(world, before, key) == ["CREDENTIAL_UNKNOWN_KEY"] * 3


def test_a_provider_with_other_keys_is_refused_until_people_accept_them(
    providers: Providers, world: World
) -> None:
    one, key = providers.nonce, SigningKey.generate()
    one.start_again([make_key("restored", "RS256")])
    assert fetch(world)[:3] == ["SWITCHED"] * 3
    token = signed_in(world, one, key)
    assert said(world, token, key) == ["ISSUER_SWITCHED"] * 3
    for index in (1, 2):
        (shown, _) = world.nodes[index].known_issuers()
        assert shown.state is not None
        world.nodes[index].accept_issuer_keys(one.iss, fingerprint(one.iss, shown.state.exchanged))
    assert said(world, token, key) == ["", "", "ISSUER_SWITCHED"]
    assert fetch(world)[:3] == ["", "", ""]
    assert said(world, token, key) == ["", "", "ISSUER_SWITCHED"]


def test_an_outage_is_borne_for_a_while(providers: Providers, world: World) -> None:
    one, two, key = providers.nonce, providers.dpop, SigningKey.generate()
    tokens = [signed_in(world, one, key), signed_in(world, two, key)]
    one.stop()
    world.clock.turn(899)
    assert fetch(world) == ["PROVIDER_UNREACHABLE"] * 3 + [""] * 3
    assert [said(world, token, key) for token in tokens] == [[""] * 3] * 2
    world.clock.turn(1)
    assert [said(world, token, key) for token in tokens] == [["ISSUER_KEYS_STALE"] * 3, [""] * 3]
    one.start_again()
    fetch(world)
    assert said(world, tokens[0], key) == [""] * 3


def test_a_credential_opens_nothing_for_another_key_or_at_another_custodian_ring(
    providers: Providers, world: World
) -> None:
    key, thief = SigningKey.generate(), SigningKey.generate()
    for provider in (providers.nonce, providers.dpop):
        token = signed_in(world, provider, key)
        assert said(world, token, key) == [""] * 3
        assert said(world, token, thief) == ["CREDENTIAL_WRONG_KEY"] * 3


def test_a_custodians_own_clock_bounds_what_a_provider_says_of_time(
    providers: Providers, tmp_path: Path
) -> None:
    # To these custodians the provider's clock is fast, then slow; what it says of itself does not matter.
    key = SigningKey.generate()
    behind = world_of(tmp_path / "behind", providers.issuers, int(time.time()) - 120)
    fetch(behind)
    token = signed_in(behind, providers.nonce, key)
    assert said(behind, token, key) == ["CREDENTIAL_NOT_YET_VALID"] * 3
    behind.clock.turn(120)
    assert said(behind, token, key) == [""] * 3
    behind.clock.turn(3600 + int(time.time()) - behind.clock() + 3600)
    fetch(behind)
    assert said(behind, token, key) == ["CREDENTIAL_EXPIRED"] * 3
    behind.close()
