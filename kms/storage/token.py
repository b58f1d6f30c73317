"""Keys on a PKCS#11 token: a secret sealed under an AES key that never leaves it, and Ed25519 keys that sign on it.

The file beside the token is a key file like the others (`keyfile.py`); without the token it opens nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import NoSuchKey, NoSuchToken, PinIncorrect, PinLenRange, PinLocked, PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from kms.crypto import signing
from kms.crypto.secret import Secret
from kms.errors import ConfigError, Denied, Unavailable
from kms.storage import keyfile

SEALED: Final = "pkcs11"
SIGNS: Final = "pkcs11-ed25519"
_WRAPPING_KEY: Final = "threshold-kms storage root"
_TAG_BITS: Final = 128
_ED25519: Final = "1.3.101.112"
"""Its object identifier (RFC 8410)."""
_HIDDEN: Final = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


@dataclass(frozen=True, slots=True)
class Token:
    """Which token, through which library of its maker, and the PIN that opens it."""

    module: Path
    label: str
    pin: str = field(repr=False)

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Logged in; Denied PIN_WRONG, or Unavailable TOKEN_MISSING if it is not there, TOKEN_FAILED else."""
        try:
            token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
        except NoSuchToken:
            raise Unavailable(
                f"there is no token {self.label!r}: is it plugged in?", reason="TOKEN_MISSING"
            ) from None
        except (PKCS11Error, RuntimeError) as error:
            raise ConfigError(f"cannot use {self.module} ({type(error).__name__})") from None
        try:
            with token.open(user_pin=self.pin, rw=True) as session:
                yield session
        except (PinIncorrect, PinLenRange):
            # Asked once: a token locks itself after a few wrong ones.
            raise Denied(f"the PIN of the token {self.label!r} is wrong", reason="PIN_WRONG") from None
        except PinLocked:
            raise Denied(f"the token {self.label!r} has locked itself", reason="PIN_LOCKED") from None
        except PKCS11Error as error:
            raise Unavailable(
                f"the token {self.label!r} failed ({type(error).__name__})", reason="TOKEN_FAILED"
            ) from None


def write_secret(path: Path, secret: Secret, token: Token) -> None:
    """Seal a 32-byte secret into a new file; the token's AES key is made if it has none. ConfigError if it exists."""
    if path.exists():  # before a key is made that nobody would use
        raise ConfigError(f"{path} exists already")
    nonce = secrets.token_bytes(12)
    with token.session() as session:
        try:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=_WRAPPING_KEY)
        except NoSuchKey:
            key = session.generate_key(KeyType.AES, 256, label=_WRAPPING_KEY, store=True, template=_HIDDEN)
        sealed = key.encrypt(
            secret.reveal(), mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, b"", _TAG_BITS)
        )
    keyfile.create(
        path, {"kdf": SEALED, "token": token.label, "nonce": nonce.hex(), "sealed": bytes(sealed).hex()}
    )


def read_secret(path: Path, token: Token) -> Secret:
    """The secret; Denied if the token has another key than the one that it was sealed under."""
    content = keyfile.load(path)
    nonce, sealed = _bytes(content, "nonce", path), _bytes(content, "sealed", path)
    with token.session() as session:
        try:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=_WRAPPING_KEY)
            opened = key.decrypt(
                sealed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, b"", _TAG_BITS)
            )
        except (NoSuchKey, PKCS11Error):
            raise Denied(f"the token {token.label!r} does not open {path}", reason="WRONG_TOKEN") from None
    if len(opened) != 32:
        raise ConfigError(f"{path} is not a key file")
    return Secret(bytes(opened))


class TokenKey:
    """An Ed25519 key on a token, with the face of `SigningKey`. Opens a session for each signature."""

    __slots__ = ("_id", "_token", "public", "thumbprint")

    def __init__(self, token: Token, key_id: bytes, public: bytes) -> None:
        self._token, self._id = token, key_id
        self.public = public
        self.thumbprint = signing.thumbprint(public)

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """64 bytes over PAE(type, payload); checked, so that another key under this id signs nothing unnoticed."""
        with self._token.session() as session:
            try:
                key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=self._id)
            except NoSuchKey:
                raise Denied("the token does not hold that key", reason="WRONG_TOKEN") from None
            signature = bytes(key.sign(signing.pae(payload_type, payload), mechanism=Mechanism.EDDSA))
        signing.verify(self.public, payload_type, payload, signature)
        return signature

    def __repr__(self) -> str:
        return "<signing key on a token>"


def make_key(path: Path, token: Token) -> TokenKey:
    """A new key on the token, and the file that names it; ConfigError if the file exists."""
    if path.exists():
        raise ConfigError(f"{path} exists already")
    key_id = secrets.token_bytes(16)
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_ED25519)}
    with token.session() as session:
        parameters = session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
        public, _ = parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            id=key_id,
            label="threshold-kms admin",
            private_template=_HIDDEN,
        )
        # A DER octet string around the 32 bytes of RFC 8032; some tokens leave it out.
        point = bytes(public[Attribute.EC_POINT])[-signing.PUBLIC_KEY_SIZE :]
    keyfile.create(
        path,
        {
            "kdf": SIGNS,
            "module": str(token.module),
            "token": token.label,
            "id": key_id.hex(),
            "public": point.hex(),
        },
    )
    return TokenKey(token, key_id, point)


def read_key(path: Path, pin: str) -> TokenKey:
    """The key that such a file names."""
    content = keyfile.load(path)
    key_id, public = _bytes(content, "id", path), _bytes(content, "public", path)
    try:
        token = Token(Path(str(content["module"])), str(content["token"]), pin)
    except KeyError:
        raise ConfigError(f"{path} is not a key file") from None
    return TokenKey(token, key_id, public)


def _bytes(content: Mapping[str, Any], name: str, path: Path) -> bytes:
    try:
        return bytes.fromhex(content[name])
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{path} is not a key file") from None
