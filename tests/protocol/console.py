"""A custodian's console over one node of a world, and browsers that look at it: one honest, some not."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from starlette.testclient import TestClient

from kms.custodian.console.app import Console
from kms.custodian.node import CustodianNode, NodeOptions
from kms.statements.ids import RequestHash
from kms.statements.passkeys import RelyingParty
from kms.statements.release import HUMAN_LIFETIME, Purpose
from kms_client.requesting import Prepared
from tests.protocol.people import invite, join_by_passkey
from tests.protocol.world import World
from tests.reference.authenticator import Authenticator

RP, ORIGIN = "console.example", "https://console.example:8446"
R = TypeVar("R")


@dataclass(slots=True)
class Alone:
    """The service of a node to which nobody else speaks."""

    world: World
    told: list[RequestHash] = field(default_factory=list)

    @property
    def node(self) -> CustodianNode:
        return self.world.nodes[1]

    async def run(self, step: Callable[..., R], *arguments: object) -> R:
        return step(*arguments)

    def answered(self, request: RequestHash) -> None:
        self.told.append(request)


class Browser:
    """A browser at the console: keeps cookies, sends forms as pages of ours do, and signs with its passkey."""

    def __init__(self, console: Console, device: Authenticator) -> None:
        self.console, self.device = console, device
        self.http = TestClient(console.app(), base_url=ORIGIN, follow_redirects=False)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.http.get(path, headers={name.replace("_", "-"): v for name, v in headers.items()})

    def post(self, path: str, form: dict[str, str], *, origin: str = ORIGIN) -> httpx2.Response:
        return self.http.post(path, data=form, headers={"origin": origin})

    def form(self, page: str, action: str, nth: int = 0) -> dict[str, str]:
        """The hidden fields of the page's nth form of this action."""
        return hidden(forms(page, action)[nth])

    def sign(self, page: str, action: str, nth: int = 0, **changed: str) -> httpx2.Response:
        """Do what the page's script does: let the passkey answer, and send the form."""
        form = forms(page, action)[nth]
        options = json.loads(html.unescape(re.findall(r'data-options="([^"]*)"', form)[0]))
        assertion = self.device.sign(unb64(options["challenge"]), ORIGIN)
        return self.post(action, {**hidden(form), "assertion": assertion, **changed})

    def register(self, page: str, action: str) -> httpx2.Response:
        """The same of a new passkey."""
        form = forms(page, action)[0]
        options = json.loads(html.unescape(re.findall(r'data-options="([^"]*)"', form)[0]))
        made = self.device.register(unb64(options["challenge"]), ORIGIN)
        return self.post(action, {**hidden(form), "assertion": made})

    def sign_in(self, after: str = "/requests") -> httpx2.Response:
        page = self.get(f"/sign-in?next={after}").text
        return self.sign(page, "/sign-in")

    def token(self) -> str:
        """What forms of this visitor carry."""
        return self.form(self.get("/requests").text, "/sign-out")["token"]


def forms(page: str, action: str) -> list[str]:
    found = [f for f in re.findall(r"<form\b.*?</form>", page, re.DOTALL) if f'action="{action}"' in f]
    assert found, f"no form {action}"
    return found


def hidden(form: str) -> dict[str, str]:
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in fields}


def unb64(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Office:
    """Custodian 1 of a world with its console, and Ann, an approver with a passkey."""

    world: World
    service: Alone
    console: Console
    device: Authenticator
    clock: list[float]

    @classmethod
    def open(cls, world: World, **options: Any) -> Office:
        device = Authenticator(RP)
        world.start(1, options=NodeOptions(party=RelyingParty(RP, (ORIGIN,)), **options))
        join_by_passkey(world, 1, invite(world, 1, "ann@clinic.example"), device, ORIGIN)
        service, clock = Alone(world), [0.0]
        return cls(world, service, Console(service, ORIGIN, RP, clock=lambda: clock[0]), device, clock)

    @classmethod
    def lent(cls, folder: Path) -> Iterator[Office]:
        """One for a whole module's tests; 2 of 3, since nobody else answers."""
        world = World.found(folder, n=3, threshold=2)
        yield cls.open(world)
        world.close()

    def browser(self) -> Browser:
        self.clock[0] += 60  # so that the tests before have not used up the tries
        return Browser(self.console, self.device)

    def signed_in(self) -> Browser:
        browser = self.browser()
        assert browser.sign_in().status_code == 303
        return browser

    def ask(
        self,
        name: str = "bob",
        count: int = 1,
        justification: str = "follow-up",
        category: str = "laboratory",
    ) -> Prepared:
        """A request that waits at custodian 1."""
        contexts = [{"patient": "p-1", "category": category}] * count
        keys = self.world.create(self.world.device("alice"), contexts)
        reader = self.world.device(name)
        prepared = self.world.prepare(
            reader, keys, purpose=Purpose.TREATMENT, lifetime=HUMAN_LIFETIME, justification=justification
        )
        self.world.decide_at(1, prepared)
        return prepared
