"""Custodians' promises that passed through here, for whoever audits their logs.

They are signed by custodians, so a coordinator can leave some out, and can make none up. Only this process writes the
folder; files are dropped after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kms.errors import Invalid
from kms.statements.promise_file import ENDING, add_promises, promise_files, read_from

PAGE_BYTES: Final = 1 << 20
_DAY: Final = 86400


class PromiseFolder:
    """A file a day, of promises not older than `days`."""

    def __init__(self, folder: Path, days: int) -> None:
        self._folder, self._days = folder, days

    def keep(self, envelopes: Iterable[bytes], now: float) -> None:
        """Add them to the day's file, and drop what is too old; nothing if `days` is 0. OSError if the disk fails."""
        if not self._days:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        add_promises(self._folder, envelopes, now)
        first = f"{datetime.fromtimestamp(now - self._days * _DAY, UTC):%Y-%m-%d}{ENDING}"
        for file in promise_files(self._folder):
            if file.name < first:
                file.unlink(missing_ok=True)

    def page(self, token: str) -> tuple[list[bytes], str]:
        """(envelopes from there on, where the next ones are); an empty token begins, the same token comes at the end.

        Invalid of a token that none of these was.
        """
        name, offset = _place(token)
        found: list[bytes] = []
        room = PAGE_BYTES
        for file in promise_files(self._folder):
            if file.name < name:
                continue
            start = offset if file.name == name else 0
            name, offset = file.name, start
            with file.open("rb") as opened:
                for end, envelope in read_from(opened, start):
                    found.append(envelope)
                    offset, room = end, room - len(envelope)
                    if room <= 0:
                        return found, f"{name}:{offset}"
        return found, f"{name}:{offset}" if name else ""


def _place(token: str) -> tuple[str, int]:
    name, _, digits = token.partition(":")
    if not token:
        return "", 0
    if not name.endswith(ENDING) or not digits.isascii() or not digits.isdecimal() or len(digits) > 15:
        raise Invalid("no page token of this list", reason="INVALID_PAGE_TOKEN")
    return name, int(digits)
