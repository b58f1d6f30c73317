"""A page of ours in another site's frame, under its buttons (clickjacking): browsers refuse to show it there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.protocol.console import ORIGIN, Office, forms, hidden, unb64


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from Office.lent(tmp_path_factory.mktemp("office"))


def test_no_page_may_be_framed(office: Office) -> None:
    prepared = office.ask()
    browser = office.signed_in()
    pages = [r.path for r in office.console.routes() if "GET" in (r.methods or ()) and "{" not in r.path]
    assert len(pages) >= 10
    for path in [*pages, f"/requests/{prepared.opened.hash.hex()}", "/nowhere"]:
        headers = browser.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path


def test_what_a_passkey_signed_inside_a_frame_counts_for_nothing(office: Office) -> None:
    prepared = office.ask()
    browser, action = office.signed_in(), f"/requests/{prepared.opened.hash.hex()}/answer"
    form = forms(browser.get(action.removesuffix("/answer")).text, action)[0]
    options = json.loads(re.findall(r'data-options="([^"]*)"', form)[0].replace("&#34;", '"'))
    framed = browser.device.sign(unb64(options["challenge"]), ORIGIN, crossOrigin=True)
    assert browser.post(action, {**hidden(form), "assertion": framed}).status_code == 409
    latest = office.world.nodes[1].latest(prepared.opened.hash)
    assert latest is not None
    assert latest.waiting
