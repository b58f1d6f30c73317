"""Our pages under another name (DNS rebinding, a poisoned link or cache): the console answers to its own alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocol.console import ORIGIN, Office, unb64


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "127.0.0.1:8446", "console.example", "console.example.:8446"]
)
def test_another_name_is_refused_even_with_a_session(office: Office, host: str) -> None:
    answer = office.signed_in().get("/requests", host=host)
    assert answer.status_code == 421
    assert host not in answer.text


def test_what_a_proxy_says_of_the_host_is_not_believed(office: Office) -> None:
    browser = office.signed_in()
    answer = browser.get(
        "/nowhere", x_forwarded_host="evil.example", x_forwarded_proto="http", forwarded="host=evil.example"
    )
    assert "evil.example" not in answer.text + str(answer.headers)


def test_a_passkey_s_answer_for_another_origin_signs_nobody_in(office: Office) -> None:
    """Phishing: the right page at the wrong address. The browser says where it was, and signs that too."""
    import json
    import re

    from tests.protocol.console import forms, hidden

    browser = office.browser()
    form = forms(browser.get("/sign-in").text, "/sign-in")[0]
    options = json.loads(re.findall(r'data-options="([^"]*)"', form)[0].replace("&#34;", '"'))
    phished = browser.device.sign(unb64(options["challenge"]), "https://console.examp1e:8446")
    assert browser.post("/sign-in", {**hidden(form), "assertion": phished}).status_code == 403
    own = browser.device.sign(unb64(options["challenge"]), ORIGIN)
    assert browser.post("/sign-in", {**hidden(form), "assertion": own}).status_code == 303
