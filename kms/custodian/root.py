"""How the storage root opens: by its file, a passphrase, a token, or k of m officers of the organisation.

The identity key lies sealed under the storage root, so that whatever opens the root opens both.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kms.crypto.secret import Secret
from kms.errors import ConfigError, KmsError
from kms.storage import keyfile, officers, token
from kms.storage.officers import Officers, Piece
from kms.storage.token import Token

METHODS: Final[Mapping[str, str]] = {
    "file": "none",
    "passphrase": "argon2id",
    "officers": officers.KIND,
    "token": token.SEALED,
}
"""Method in the configuration -> what the key file says of itself."""
HandOut = Callable[[Sequence[str]], None]
"""Gives each officer their list, and returns when all have it."""


@dataclass(frozen=True, slots=True)
class UnlockConfig:
    """The table `unlock` of a custodian's TOML file."""

    method: str
    module: Path | None = None
    """The PKCS#11 library of the token's maker."""
    token: str = ""
    """The token's label."""
    pin_file: Path | None = None
    """Else the PIN is asked for on the terminal."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"unlock.method must be one of {', '.join(METHODS)}")
        named = self.module is not None or bool(self.token) or self.pin_file is not None
        if self.method == "token" and not (self.module is not None and self.token):
            raise ConfigError("unlock.method says token: unlock.module and unlock.token must name it")
        if self.method != "token" and named:
            raise ConfigError(f"unlock.method says {self.method}, and a token is named: which is it?")

    def open_token(self) -> Token:
        """The token with its PIN."""
        if self.module is None:
            raise ConfigError("no token is configured")
        pin = _line(self.pin_file) if self.pin_file else getpass.getpass(f"PIN of the token {self.token}: ")
        return Token(self.module, self.token, pin)


@dataclass(frozen=True, slots=True)
class StorageRoot:
    """The root's file and how the configuration says that it opens; no table: by itself or by a passphrase."""

    path: Path
    unlock: UnlockConfig | None
    passphrase_file: Path | None

    @property
    def by_officers(self) -> bool:
        return self.unlock is not None and self.unlock.method == "officers"

    def check_kind(self) -> None:
        """ConfigError if the file opens otherwise than the configuration says.

        A node that must be opened by officers would otherwise start by itself from a plain file, unnoticed.
        """
        kind = keyfile.load(self.path)["kdf"]
        allowed = {METHODS[self.unlock.method]} if self.unlock else {"none", "argon2id"}
        if kind not in allowed:
            method = self.unlock.method if self.unlock else "file or passphrase"
            raise ConfigError(f"{self.path} is of the kind {kind!r}, but unlock.method says {method}")

    def passphrase(self) -> str | None:
        """From the configured file, else from the terminal if the root wants one; never from an argument."""
        if self.passphrase_file is not None:
            return _line(self.passphrase_file)
        if self.path.exists() and keyfile.load(self.path)["kdf"] == "argon2id" and sys.stdin.isatty():
            return getpass.getpass("Passphrase of the storage root: ")
        return None

    def read(self) -> Secret:
        """Open it here and now; officers are asked one after the other, on this terminal."""
        self.check_kind()
        return self.read_any()

    def read_any(self) -> Secret:
        """The same, however the file opens: for commands that change how it does."""
        kind = keyfile.load(self.path)["kdf"]
        if kind == officers.KIND:
            return open_by_officers(officers.read(self.path), ask_words)
        if kind == token.SEALED:
            if self.unlock is None or self.unlock.method != "token":
                raise ConfigError(f"{self.path} opens by a token: [unlock] must name it")
            return token.read_secret(self.path, self.unlock.open_token())
        return keyfile.read_secret(self.path, self.passphrase())

    def create(self, secret: Secret, passphrase: str | None) -> None:
        """Write a new root's file as the configuration says; ConfigError if it exists."""
        method = self.unlock.method if self.unlock else None
        if method == "officers":
            raise ConfigError("a root that officers open is made by `kms custodian officers new`")
        if self.unlock is not None and method == "token":
            if passphrase:
                raise ConfigError("unlock.method says token, and a passphrase was given")
            token.write_secret(self.path, secret, self.unlock.open_token())
            return
        if method == "passphrase" and not passphrase:
            raise ConfigError("unlock.method says passphrase, and none was given: add --passphrase")
        if method == "file" and passphrase:
            raise ConfigError("unlock.method says file, and a passphrase was given")
        keyfile.write_secret(self.path, secret, passphrase)

    def seal_to_officers(self, secret: Secret, of: int, needed: int, hand_out: HandOut) -> None:
        """Put the root under new word lists, and destroy the file that held it before.

        The lists are handed out first: a root under lists that nobody has would be lost for good. Whoever stops
        in between still has the old file, which the new lists do not open.
        """
        if not self.by_officers:
            raise ConfigError('the configuration must say how this root opens: [unlock] method = "officers"')
        before = None
        if self.path.exists() and keyfile.load(self.path)["kdf"] == officers.KIND:
            before = officers.read(self.path).identifier
        file, lists = officers.split(secret, of, needed, before)
        hand_out(lists)
        if self.path.exists():
            keyfile.replace(self.path, file.content())
        else:
            keyfile.create(self.path, file.content())


def open_by_officers(file: Officers, ask: Callable[[str], str]) -> Secret:
    """Ask until enough lists are there. A wrong one is told and asked for again, if there is a person to ask."""
    pieces: dict[int, Piece] = {}
    while len(pieces) < file.needed:
        words = ask(f"Words of an officer ({len(pieces)} of {file.needed} lists are there): ")
        try:
            piece = file.piece(words)
        except KmsError as error:
            if not sys.stdin.isatty():
                raise
            print(f"{error.message} [{error.reason}]", file=sys.stderr)
            continue
        pieces[piece.officer] = piece
    return file.open(pieces)


def ask_words(prompt: str) -> str:
    """One word list, hidden as it is typed; from a program, one line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    line = sys.stdin.readline()
    if not line:
        raise ConfigError("word lists are missing: one line for each on standard input, or a terminal")
    return line


def _line(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
