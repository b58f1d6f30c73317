"""Check a ceremony's transcript offline, with a second implementation, and tell what happened in plain words.

Nothing of a node runs here: no libsecp256k1, no network, no database, no policy engine. The file is believed as little
as whoever kept it; only the keyring's id must be known from elsewhere, and compared.

    python -m kms.ceremony.verify FILE [--keyring-id HEX] [--json | --html]

is the same as `kms ceremony verify`, on a machine that has nothing but `cryptography` and `py_ecc`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kms.ceremony.files import Line, read_bytes, read_line
from kms.ceremony.offline import report
from kms.ceremony.offline.account import Account, Broken, Event, Tell, silent
from kms.ceremony.offline.resharing import check_resharing
from kms.ceremony.offline.transcript import Transcript, digest
from kms.errors import Invalid, KmsError


def verify_file(path: Path, keyring_id: str = "", tell: Tell = silent) -> Account:
    """The account of the file at `path`; ConfigError if it cannot be read."""
    return verify(read_bytes(path), keyring_id, tell)


def verify(data: bytes, keyring_id: str = "", tell: Tell = silent) -> Account:
    """What a transcript's bytes tell. A problem stands in the account: this raises nothing for what is in the file.

    `keyring_id` (64 hex digits) is the one that the reader knows from elsewhere; without it, it is for them to compare.
    `tell` hears how far it is: lines first, then plans, whose arithmetic takes the time.
    """
    raw = data.splitlines(keepends=True)
    account = Account(lines=len(raw), sha256=digest(data))
    transcript = Transcript(account)
    try:
        for number, line in enumerate(raw, 1):
            transcript.add(number, _line(number, line))
            tell("lines", number, len(raw))
        if not transcript.links:
            raise Broken(1, "there is no manifest in the file")
        if keyring_id and keyring_id != account.keyring_id:
            raise Broken(1, "this is another keyring than the one that you named")
        account.outcomes = [
            *check_resharing(transcript, tell),
            *transcript.repairs.outcomes(transcript.attachments),
            *transcript.pools.outcomes(transcript.attachments, tell),
        ]
    except Broken as broken:
        account.problem = Event(broken.line, broken.problem)
    return account


def _line(number: int, raw: bytes) -> Line:
    try:
        return read_line(raw, "")
    except Invalid as error:
        raise Broken(number, error.message.removeprefix(": ")) from None


class Counter:
    """How far it is, on a terminal, for machines without a library that draws bars."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        spent = now - self._begun.setdefault(what, now)
        rate = done / spent if spent > 0 else 0.0
        left = f", {rate:.0f}/s, {(total - done) / rate:.0f} s left" if rate else ""
        print(f"\r{done} of {total} {what}{left}\x1b[K", end="\n" if done == total else "", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line without the libraries of the others. 0: all of the file holds; 1: it does not."""
    parser = argparse.ArgumentParser(prog="python -m kms.ceremony.verify", description=verify.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--keyring-id", default="", help="as you know it from elsewhere (64 hex digits)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="write", action="store_const", const=report.as_json)
    form.add_argument("--html", dest="write", action="store_const", const=report.as_html)
    given = parser.parse_args(arguments)
    write: Callable[[Account], str] = given.write or report.as_text
    try:
        account = verify_file(
            given.file, given.keyring_id.lower(), Counter() if sys.stderr.isatty() else silent
        )
    except KmsError as error:
        print(f"kms: {error.message} [{error.reason}]", file=sys.stderr)
        return 1
    print(write(account))
    return 0 if account.problem is None else 1


if __name__ == "__main__":
    sys.exit(main())
