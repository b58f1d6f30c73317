"""What approvers say, in whichever way they sign: with an Ed25519 key or with a passkey. One door for both."""

from __future__ import annotations

import contextlib
import enum
import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Generic

from kms.crypto import labels, signing
from kms.crypto.hashing import H
from kms.errors import BadSignature, Invalid, Unavailable
from kms.statements import passkeys
from kms.statements.codec import S, decode, payload_type
from kms.statements.envelope import Envelope, open_signed
from kms.statements.evidence import Approval, check_approval
from kms.statements.ids import KeyringId, Thumbprint
from kms.statements.manifest import Keyring
from kms.statements.passkeys import Passkey, PasskeyEnvelope, RelyingParty

LANGUAGES: Final = ("en", "fr")
_ADDRESS: Final = re.compile(r'[^\s"(),:;<>@\[\]\\]+@[^\s"(),:;<>@\[\]\\]+')
Word = Envelope | PasskeyEnvelope
"""A statement of an approver as it came: nothing in it is verified yet."""


class ApproverKind(enum.IntEnum):
    KEY = 1
    PASSKEY = 2


@dataclass(frozen=True, slots=True)
class ApproverKey:
    """What an approver signs with: a raw Ed25519 key (32 bytes), or a passkey's COSE key and credential id."""

    kind: ApproverKind
    public_key: bytes
    thumbprint: Thumbprint
    credential_id: bytes = b""

    @classmethod
    def of_key(cls, public_key: bytes) -> ApproverKey:
        return cls(ApproverKind.KEY, public_key, Thumbprint(signing.thumbprint(public_key)))

    @classmethod
    def of_passkey(cls, passkey: Passkey) -> ApproverKey:
        return cls(ApproverKind.PASSKEY, passkey.public_key, passkey.thumbprint, passkey.credential_id)


@dataclass(frozen=True, slots=True)
class Said(Generic[S]):
    """A statement that an approver verifiably made; `sign_count` is their authenticator's (0 of a key)."""

    statement: S
    payload: bytes
    word: Word
    sign_count: int = 0

    @property
    def hash(self) -> bytes:
        """H("statement", payload type, payload), as of any statement."""
        return H(labels.STATEMENT, payload_type(type(self.statement)).encode(), self.payload)


@dataclass(frozen=True, slots=True)
class ToSign:
    """Exact bytes for an approver to sign; `challenge` is what a passkey is asked with."""

    payload_type: str
    payload: bytes

    @property
    def challenge(self) -> bytes:
        return passkeys.challenge(self.payload_type, self.payload)


def signer_hint(word: Word) -> bytes:
    """The key (Ed25519) or credential id (passkey) that a word says it is by: to look an approver up, no more."""
    if isinstance(word, PasskeyEnvelope):
        return word.credential_id
    return word.signatures[0].keyid if len(word.signatures) == 1 else b""


def open_word(
    cls: type[S],
    word: Word,
    signer: ApproverKey,
    party: RelyingParty | None,
    path: str,
    *,
    last_count: int = 0,
    counted: bool = True,
) -> Said[S]:
    """The statement, if exactly `signer` signed it; BadSignature else.

    `last_count` is what the passkey's authenticator counted when it was seen last; words of the past are opened again
    not `counted`.
    """
    if isinstance(word, PasskeyEnvelope):
        if signer.kind is not ApproverKind.PASSKEY:
            raise BadSignature(
                f"{path} is signed in another way than its approver signs", reason="WRONG_SIGNER"
            )
        if party is None:
            raise Unavailable(
                "this node takes no passkeys: [passkeys] is not configured", reason="NO_PASSKEYS_HERE"
            )
        if word.payload_type != payload_type(cls):
            raise Invalid(f"{path}.payload_type must be {payload_type(cls)}", reason="WRONG_TYPE")
        passkey = Passkey(signer.credential_id, signer.public_key, last_count)
        count = passkeys.check_assertion(word, passkey, party, counted=counted)
        return Said(decode(cls, word.payload, f"{path}.payload"), word.payload, word, count)
    if signer.kind is not ApproverKind.KEY:
        raise BadSignature(f"{path} is signed in another way than its approver signs", reason="WRONG_SIGNER")
    signed = open_signed(cls, word, signer.public_key, path)
    return Said(signed.statement, signed.payload, word)


def open_approval(
    word: Word,
    keyring: Keyring,
    index: int,
    signer: ApproverKey,
    party: RelyingParty | None,
    now: int,
    *,
    last_count: int = 0,
    counted: bool = True,
) -> Said[Approval]:
    """An approval by this registered approver, for this custodian, still valid."""
    said = open_word(Approval, word, signer, party, "approval", last_count=last_count, counted=counted)
    check_approval(said.statement, keyring, index, now)
    return said


def person(keyring_id: KeyringId, email: str, thumbprint: Thumbprint) -> bytes:
    """H("person", keyring id, normalised e-mail): the same human at two custodians, with two credentials.

    Of somebody without an address, their credential: it is all that is known of them.
    """
    normal = normal_email(email)
    return H(labels.PERSON, keyring_id, normal.encode() if normal else thumbprint)


def normal_email(email: str) -> str:
    """As two addresses are compared: one spelling of letters, no `+tag`, the host as the network names it.

    Whatever reaches one mailbox is one person; in doubt two are taken for one, and count once.
    """
    plain = _fold(_fold(email.strip()))
    local, at, host = plain.rpartition("@")
    with contextlib.suppress(UnicodeError):  # no host of the network: compared as it stands
        host = host.rstrip(".").encode("idna").decode()
    return (local.partition("+")[0] or local) + at + host


def is_address(email: str) -> bool:
    """Whether this is one plain address: no name, comment, route or encoded word, as mail programs read them."""
    return email.isprintable() and "=?" not in email and _ADDRESS.fullmatch(email) is not None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
