"""What an owner gave and took back, in a file on the owner's own device: custodians keep no list of grants."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kms.errors import ConfigError, KmsError
from kms.statements.evidence import Grant
from kms_client.granting import read_grant
from kms_client.profile import Profile

NAME = "grants.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A grant, to whom in the owner's own words; if taken back, by what, and custodians' receipts for that."""

    envelope: bytes
    name: str = ""
    revocation: bytes = b""
    receipts: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def grant(self) -> Grant:
        return read_grant(self.envelope)

    def facts(self) -> dict[str, Any]:
        """For JSON, in the file."""
        return {
            "grant": _text(self.envelope),
            "name": self.name,
            "revocation": _text(self.revocation),
            "receipts": {str(index): _text(receipt) for index, receipt in self.receipts.items()},
        }

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Entry:
        receipts = {int(index): _bytes(receipt) for index, receipt in facts["receipts"].items()}
        entry = cls(_bytes(facts["grant"]), str(facts["name"]), _bytes(facts["revocation"]), receipts)
        _ = entry.grant  # a grant that cannot be read is better found now
        return entry


class Register:
    """The file, read whole and written whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[bytes, Entry] = {}
        if not path.exists():
            return
        try:
            for facts in json.loads(path.read_text())["grants"]:
                entry = Entry.read(facts)
                self._entries[entry.grant.grant_id] = entry
        except (OSError, KeyError, TypeError, ValueError, KmsError):
            raise ConfigError(f"{path} is damaged: restore it, or delete it knowingly") from None

    @classmethod
    def of(cls, profile: Profile) -> Register:
        """The one beside the device's state."""
        if profile.state is None:
            raise ConfigError("the profile names no file for its state, so grants cannot be kept beside it")
        return cls(profile.state.with_name(NAME))

    def entries(self) -> list[Entry]:
        """In the order in which they were given."""
        return list(self._entries.values())

    def find(self, start: str) -> Entry:
        """The one grant whose id (hex) begins so; ConfigError if there is none, or more than one."""
        found = [e for grant_id, e in self._entries.items() if start and grant_id.hex().startswith(start)]
        if len(found) != 1:
            raise ConfigError(f"{len(found)} grants in {self._path} have an id that begins with {start!r}")
        return found[0]

    def add(self, envelope: bytes, name: str) -> Entry:
        entry = Entry(envelope, name)
        self._entries[entry.grant.grant_id] = entry
        self._write()
        return entry

    def revoked(self, entry: Entry, revocation: bytes, receipts: Mapping[int, bytes]) -> Entry:
        """Keep the revocation, and who acknowledged it: a second run tells only the others."""
        changed = replace(entry, revocation=revocation, receipts=dict(receipts))
        self._entries[entry.grant.grant_id] = changed
        self._write()
        return changed

    def _write(self) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        temporary.unlink(missing_ok=True)
        # Who may read what is nobody else's business.
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"grants": [entry.facts() for entry in self._entries.values()]}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
