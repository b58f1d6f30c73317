"""Check a ceremony's transcript offline, with a second implementation, and tell what happened in plain words.

Nothing of a node runs here: no libsecp256k1, no network, no database, no policy engine. The file is believed as little
as whoever kept it; only the keyring's id must be known from elsewhere, and compared.
"""

from __future__ import annotations

from pathlib import Path

from kms.ceremony.files import Line, read_bytes, read_line
from kms.ceremony.offline.account import Account, Broken, Event
from kms.ceremony.offline.resharing import check_resharing
from kms.ceremony.offline.transcript import Transcript, digest
from kms.errors import Invalid


def verify_file(path: Path, keyring_id: str = "") -> Account:
    """The account of the file at `path`; ConfigError if it cannot be read."""
    return verify(read_bytes(path), keyring_id)


def verify(data: bytes, keyring_id: str = "") -> Account:
    """What a transcript's bytes tell. A problem stands in the account: this raises nothing for what is in the file.

    `keyring_id` (64 hex digits) is the one that the reader knows from elsewhere; without it, it is for them to compare.
    """
    raw = data.splitlines(keepends=True)
    account = Account(lines=len(raw), sha256=digest(data))
    transcript = Transcript(account)
    try:
        for number, line in enumerate(raw, 1):
            transcript.add(number, _line(number, line))
        if not transcript.links:
            raise Broken(1, "there is no manifest in the file")
        if keyring_id and keyring_id != account.keyring_id:
            raise Broken(1, "this is another keyring than the one that you named")
        account.outcomes = check_resharing(transcript) + transcript.repairs.outcomes(transcript.attachments)
    except Broken as broken:
        account.problem = Event(broken.line, broken.problem)
    return account


def _line(number: int, raw: bytes) -> Line:
    try:
        return read_line(raw, "")
    except Invalid as error:
        raise Broken(number, error.message.removeprefix(": ")) from None
