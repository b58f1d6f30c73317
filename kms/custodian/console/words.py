"""English and French: the sentences of `fr.po`, dates, numbers and spans as each language writes them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from babel.dates import format_date, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LANGUAGES: Final = {"en": "English", "fr": "Français"}
DEFAULT: Final = "en"


def N_(text: str) -> str:
    """Marks a sentence of a table, which is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Sentences are named by their English text."""

    language: str

    def say(self, text: str, **values: object) -> str:
        """A sentence, its %(name)s filled in."""
        return self._one(text) % values if values else self._one(text)

    def count(self, one: str, many: str, n: int) -> str:
        """The sentence for n things; its %(num)s is n."""
        return self.gettext_plural(one, many, n) % {"num": self.number(n)}

    def gettext_plural(self, one: str, many: str, n: int) -> str:
        if self.language == DEFAULT:
            return one if n == 1 else many
        forms = sentences(self.language)[one]
        return forms[0 if n < 2 else 1]  # French counts zero and one alike

    def _one(self, text: str) -> str:
        return text if self.language == DEFAULT else sentences(self.language)[text][0]

    def number(self, n: float) -> str:
        return format_decimal(n, locale=self.language)

    def when(self, at: int) -> str:
        """Date and time in UTC, of unix seconds."""
        moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
        return f"{format_date(moment, 'medium', locale=self.language)} {moment:%H:%M} UTC"

    def span(self, seconds: float) -> str:
        """A length of time, roughly: 14 minutes, 2 days."""
        return format_timedelta(datetime.timedelta(seconds=seconds), threshold=1.5, locale=self.language)

    def reason(self, code: str) -> str:
        """What a stable reason means to an approver; the code itself if it is not foreseen."""
        from kms.custodian.console.reasons import REASONS

        return self.say(REASONS[code]) if code in REASONS else code


@cache
def sentences(language: str) -> dict[str, tuple[str, ...]]:
    """English sentence -> its forms, of a language other than English."""
    source = files(__package__).joinpath(f"{language}.po")
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language)
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        name: Any = message.id
        if name:
            plural, text = isinstance(name, (tuple, list)), message.string
            forms = tuple(text) if isinstance(text, (tuple, list)) else (str(text),)
            found[name[0] if plural else name] = forms
    return found


def choose(*wished: str | None) -> str:
    """The first language of these that is ours; each an `Accept-Language` header or a plain code."""
    for wish in wished:
        for code in _by_weight(wish or ""):
            if code in LANGUAGES:
                return code
    return DEFAULT


def _by_weight(header: str) -> Iterable[str]:
    weighed = []
    for part in header[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]
