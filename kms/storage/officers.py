"""k of m officers: a 32-byte secret under a master secret that SLIP-39 splits into one word list for each officer.

The master secret (256 bits) exists while a file is made and while it opens, nowhere else. The file also holds a
hash of every officer's piece, so that a wrong list is known by itself, before any other has come: a piece is 256
random bits, which no hash gives away.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shamir_mnemonic import MnemonicError, Share, recover_ems
from shamir_mnemonic.shamir import EncryptedMasterSecret, ShareGroup, split_ems
from shamir_mnemonic.wordlist import WORD_INDEX_MAP

from kms.crypto import labels
from kms.crypto.hashing import equal, expand, u16
from kms.crypto.secret import Secret
from kms.errors import ConfigError, Denied, Invalid
from kms.storage import keyfile

KIND: Final = "slip39"
MAX_OFFICERS: Final = 16
"""SLIP-39's own limit."""
WORDS: Final = 33
"""Of a list for 256 bits."""
_ITERATION_EXPONENT: Final = 0
"""There is no passphrase whose guessing would have to be slowed down: the master secret is random."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One officer's list that was checked: the officer's number (1..m) and what SLIP-39 made of it."""

    officer: int
    share: Share = field(repr=False)


@dataclass(frozen=True, slots=True)
class Officers:
    """A sealed file: how many lists open it, and 32-byte hashes of all pieces, by officer."""

    needed: int
    identifier: int
    checks: tuple[bytes, ...]
    nonce: bytes
    sealed: bytes

    def __post_init__(self) -> None:
        if not 2 <= self.needed <= len(self.checks) <= MAX_OFFICERS or not 0 <= self.identifier < 1 << 15:
            raise ValueError("not a file of officers")

    @property
    def of(self) -> int:
        return len(self.checks)

    def piece(self, words: str) -> Piece:
        """The piece in a word list. Invalid if it was mistyped, Denied if it is none of this file's.

        No message repeats a word: messages end in logs and on screens.
        """
        share = _read(words)
        if share.identifier != self.identifier:
            raise Denied(
                "this word list is of another set: of other officers, or from before a rekey",
                reason="WORDS_OF_ANOTHER_SET",
            )
        # Anybody can make words with a right checksum: these must be what was split, or they would be found out
        # only with the others in, and nobody could say whose list was the wrong one.
        whole = share.index < self.of and _framed(share) == (True, _ITERATION_EXPONENT, 0, 1, 1, self.needed)
        if not whole or not equal(_check(share), self.checks[share.index]):
            raise Denied("this word list is not one of this custodian's officers", reason="WORDS_WRONG")
        return Piece(share.index + 1, share)

    def open(self, pieces: Mapping[int, Piece]) -> Secret:
        """The secret, from at least `needed` pieces by officer; Denied if there are fewer."""
        if len(pieces) < self.needed:
            raise Denied(f"{len(pieces)} of {self.needed} word lists are there", reason="WORDS_MISSING")
        group = ShareGroup()
        for number in sorted(pieces)[: self.needed]:
            group.add(pieces[number].share)
        try:
            master = Secret(recover_ems({0: group}).decrypt(b""))
            opened = AESGCM(_key(master)).decrypt(self.nonce, self.sealed, self._public())
        except (InvalidTag, MnemonicError, ValueError):
            raise ConfigError("the file that the officers open was altered") from None
        return Secret(opened)

    def _public(self) -> bytes:
        return bytes([self.needed, self.of]) + u16(self.identifier) + b"".join(self.checks)

    def content(self) -> dict[str, Any]:
        """As the JSON of a key file."""
        return {
            "kdf": KIND,
            "needed": self.needed,
            "identifier": self.identifier,
            "checks": [check.hex() for check in self.checks],
            "nonce": self.nonce.hex(),
            "sealed": self.sealed.hex(),
        }


def split(
    secret: Secret, of: int, needed: int, not_identifier: int | None = None
) -> tuple[Officers, list[str]]:
    """Seal `secret` under a new master secret; the file and the m word lists, officer 1 first.

    `not_identifier` is that of the set before, so that its lists are told apart from these.
    """
    if not 2 <= needed <= of <= MAX_OFFICERS:
        raise ConfigError(f"{needed} of {of} officers: at least 2 must be needed, of at most {MAX_OFFICERS}")
    identifier = secrets.randbits(15)
    while identifier == not_identifier:
        identifier = secrets.randbits(15)
    master = Secret(secrets.token_bytes(32))
    encrypted = EncryptedMasterSecret.from_master_secret(
        master.reveal(), b"", identifier, extendable=True, iteration_exponent=_ITERATION_EXPONENT
    )
    (shares,) = split_ems(1, [(needed, of)], encrypted)
    nonce, checks = secrets.token_bytes(12), tuple(_check(share) for share in shares)
    unsealed = Officers(needed, identifier, checks, nonce, b"")
    sealed = AESGCM(_key(master)).encrypt(nonce, secret.reveal(), unsealed._public())
    return Officers(needed, identifier, checks, nonce, sealed), [share.mnemonic() for share in shares]


def read(path: Path) -> Officers:
    """The file; ConfigError if it is not one that officers open."""
    content = keyfile.load(path)
    try:
        if content["kdf"] != KIND:
            raise ConfigError(f"{path} is not opened by officers ({content['kdf']})")
        return Officers(
            int(content["needed"]),
            int(content["identifier"]),
            tuple(bytes.fromhex(check) for check in content["checks"]),
            bytes.fromhex(content["nonce"]),
            bytes.fromhex(content["sealed"]),
        )
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{path} is not a key file") from None


def _read(words: str) -> Share:
    listed = words.lower().split()
    unknown = [str(n) for n, word in enumerate(listed, 1) if word not in WORD_INDEX_MAP]
    if unknown:
        raise Invalid(f"not a word of the list: number {', '.join(unknown[:8])}", reason="WORDS_MISTYPED")
    if len(listed) != WORDS:
        raise Invalid(f"a word list has {WORDS} words, these are {len(listed)}", reason="WORDS_MISTYPED")
    try:
        return Share.from_mnemonic(" ".join(listed))
    except MnemonicError:  # its message would repeat words
        raise Invalid(
            "the words do not fit one another: one is mistyped, or two are exchanged", reason="WORDS_MISTYPED"
        ) from None


def _framed(share: Share) -> tuple[bool, int, int, int, int, int]:
    """What a list says beside its piece: lists that differ in it do not go together, whatever their pieces."""
    return (
        share.extendable,
        share.iteration_exponent,
        share.group_index,
        share.group_threshold,
        share.group_count,
        share.member_threshold,
    )


def _check(share: Share) -> bytes:
    place = u16(share.identifier) + bytes([share.index, share.member_threshold])
    return expand(share.value, labels.HKDF_STORE + b" officer " + place, 32)


def _key(master: Secret) -> bytes:
    return expand(master.reveal(), labels.HKDF_STORE + b" officers", 32)
