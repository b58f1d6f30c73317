"""Templates into answers, each in the visitor's language."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from kms.custodian.console.words import LANGUAGES, Words

STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def static(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


@cache
def address(name: str) -> str:
    """Where a file of ours is served; another content has another address."""
    return f"/static/{hashlib.sha256(static(name)).hexdigest()[:12]}/{name}"


@cache
def environment(language: str) -> Environment:
    """Everything that is put into a page is escaped; a name that is not given is an error, not an empty space."""
    words = Words(language)
    env = Environment(
        loader=PackageLoader("kms.custodian.console"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_callables(words.say, words.gettext_plural, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(address=address, language=language, languages=LANGUAGES, words=words)
    env.filters.update(when=words.when, span=words.span, number=words.number, reason=words.reason)
    return env


def render(template: str, words: Words, values: Mapping[str, Any], status: int = 200) -> Response:
    return HTMLResponse(environment(words.language).get_template(template).render(values), status)


def serve(name: str) -> Response:
    """A file of ours, for browsers to keep."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(static(name), headers=headers, media_type=STATIC[name])
