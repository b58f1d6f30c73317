"""Credentials that `kms login` brought, kept beside the device's key and renewed while their provider lets them."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kms.crypto.signing import SigningKey
from kms.errors import ConfigError, KmsError
from kms.statements.manifest import HolderClass, Issuer
from kms_client.credentials import EARLY_SECONDS
from kms_client.login import renew
from kms_client.provider import LoginRefused, Party


@dataclass(frozen=True, slots=True)
class Kept:
    """One issuer's credential for one key, with all that it takes to renew it."""

    iss: str
    client_id: str
    audience: str
    nonce_bound: bool
    keyring_id: bytes
    key_thumbprint: bytes
    anchors: tuple[bytes, ...]
    token_endpoint: str
    token: str = field(repr=False)
    refresh: str = field(repr=False)
    expires: int

    def party(self, key: SigningKey) -> Party:
        issuer = Issuer(
            self.iss,
            "",
            (HolderClass.DEVICE,),
            (),
            trust_anchors=self.anchors,
            audience=self.audience,
            nonce_bound=self.nonce_bound,
            key_delay=1,
            max_key_age=1,
        )
        return Party(issuer, self.client_id, self.keyring_id, key)

    def facts(self) -> dict[str, Any]:
        """What may be shown: no token."""
        return {
            "iss": self.iss,
            "client_id": self.client_id,
            "expires": self.expires,
            "renewable": bool(self.refresh),
            "key_thumbprint": self.key_thumbprint.hex(),
            "keyring_id": self.keyring_id.hex(),
            "bound_by": "nonce" if self.nonce_bound else "cnf",
            "claims": self.claims(),
        }

    def claims(self) -> dict[str, Any]:
        """What the token says of its holder."""
        part = self.token.split(".")[1]
        said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        names = ("sub", "holder_class", "organisation", "email", "email_verified")
        return {name: said[name] for name in names if name in said}


class Folder:
    """Files of mode 0600 in a folder of mode 0700, one for each issuer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Kept]:
        return [self._read(file) for file in sorted(self.path.glob("*.json"))] if self.path.is_dir() else []

    def put(self, kept: Kept) -> Path:
        """Keep it, in the place of what this issuer gave before."""
        with self.locked():
            return self.write(kept)

    def write(self, kept: Kept) -> Path:
        """The same for who holds the lock."""
        file = self._file(kept.iss)
        new = file.with_suffix(".new")
        descriptor = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as out:
            os.fchmod(out.fileno(), 0o600)
            json.dump(_written(kept), out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
        return file

    def forget(self, iss: str) -> bool:
        """Whether there was one."""
        file = self._file(iss)
        if not file.exists():
            return False
        with self.locked():
            file.unlink(missing_ok=True)
        return True

    def _file(self, iss: str) -> Path:
        return self.path / f"{hashlib.sha256(iss.encode()).hexdigest()[:16]}.json"

    def _read(self, file: Path) -> Kept:
        try:
            if file.stat().st_mode & 0o077:
                raise ConfigError(f"{file} is open to others: chmod 600 it")
            return _as_kept(json.loads(file.read_text()))
        except (OSError, KeyError, TypeError, ValueError):
            raise ConfigError(f"{file} is damaged: delete it and sign in again") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time: a provider takes a refresh token that is used twice for a thief's.

        Who signs in waits too: what a renewal brings for the credential before must not replace the new one.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _written(kept: Kept) -> dict[str, Any]:
    return {
        "iss": kept.iss,
        "client_id": kept.client_id,
        "audience": kept.audience,
        "nonce_bound": kept.nonce_bound,
        "keyring_id": kept.keyring_id.hex(),
        "key_thumbprint": kept.key_thumbprint.hex(),
        "anchors": [base64.b64encode(anchor).decode() for anchor in kept.anchors],
        "token_endpoint": kept.token_endpoint,
        "token": kept.token,
        "refresh": kept.refresh,
        "expires": kept.expires,
    }


def _as_kept(data: dict[str, Any]) -> Kept:
    return Kept(
        str(data["iss"]),
        str(data["client_id"]),
        str(data["audience"]),
        data["nonce_bound"] is True,
        bytes.fromhex(data["keyring_id"]),
        bytes.fromhex(data["key_thumbprint"]),
        tuple(base64.b64decode(anchor, validate=True) for anchor in data["anchors"]),
        str(data["token_endpoint"]),
        str(data["token"]),
        str(data["refresh"]),
        int(data["expires"]),
    )


class KeptCredentials:
    """A `CredentialSource` over such a folder: renews what is about to expire."""

    def __init__(self, folder: Path, key: SigningKey) -> None:
        self._folder, self._key = Folder(folder), key
        self._turn = asyncio.Lock()

    async def credentials(self, key_thumbprint: bytes, audience: str) -> Sequence[str]:
        async with self._turn:
            return [
                (await self._fresh(kept)).token
                for kept in self._folder.all()
                if kept.key_thumbprint == key_thumbprint and kept.keyring_id.hex() == audience
            ]

    async def _fresh(self, kept: Kept) -> Kept:
        if time.time() < kept.expires - EARLY_SECONDS:
            return kept
        lock = self._folder.locked()
        await asyncio.to_thread(lock.__enter__)
        try:
            now = [k for k in self._folder.all() if k.iss == kept.iss]
            if not now:  # forgotten meanwhile, which a renewal must not undo
                return kept
            return now[0] if time.time() < now[0].expires - EARLY_SECONDS else await self._renew(now[0])
        finally:
            lock.__exit__(None, None, None)

    async def _renew(self, kept: Kept) -> Kept:
        try:
            if not kept.refresh:
                raise LoginRefused("its provider gave nothing to renew it with")
            tokens = await renew(kept.party(self._key), kept.token_endpoint, kept.refresh)
        except KmsError as error:
            if time.time() < kept.expires:
                return kept  # it holds for some seconds yet
            raise LoginRefused(
                f"the credential of {kept.iss} has expired ({error.message}): sign in again with `kms login`",
                reason="LOGIN_NEEDED",
            ) from None
        renewed = replace(
            kept, token=tokens.credential, refresh=tokens.refresh or kept.refresh, expires=tokens.expires
        )
        self._folder.write(renewed)
        return renewed
