"""Secrets and signing keys on a real PKCS#11 token."""

from __future__ import annotations

from pathlib import Path

import pytest
from pkcs11 import Attribute, ObjectClass

from kms.crypto import signing
from kms.crypto.secret import Secret
from kms.custodian.root import StorageRoot, UnlockConfig
from kms.errors import BadSignature, ConfigError, Denied, KmsError, Unavailable
from kms.storage import keyfile
from kms.storage.token import make_key, read_key, read_secret, write_secret
from tests.softhsm import PIN, token, tokens

__all__ = ["tokens"]
SECRET = Secret(bytes(range(32)))


def test_a_secret_opens_with_the_token_that_sealed_it(tokens: Path, tmp_path: Path) -> None:
    path = tmp_path / "root"
    write_secret(path, SECRET, token(tokens))
    assert read_secret(path, token(tokens)) == SECRET
    assert path.stat().st_mode & 0o777 == 0o600
    assert SECRET.reveal().hex() not in path.read_text()
    assert PIN not in path.read_text()


def test_another_token_and_another_pin_open_nothing(tokens: Path, tmp_path: Path) -> None:
    path = tmp_path / "root"
    write_secret(path, SECRET, token(tokens))
    write_secret(tmp_path / "other", SECRET, token(tokens, "second"))
    for other, reason in (
        (token(tokens, "second"), "WRONG_TOKEN"),
        (token(tokens, pin="000000"), "PIN_WRONG"),
        (token(tokens, "third"), "TOKEN_MISSING"),
    ):
        with pytest.raises((Denied, Unavailable)) as refused:
            read_secret(path, other)
        assert refused.value.reason == reason
        assert "000000" not in str(refused.value)


def test_an_altered_file_opens_nothing(tokens: Path, tmp_path: Path) -> None:
    path = tmp_path / "root"
    write_secret(path, SECRET, token(tokens))
    content = keyfile.load(path)
    content["sealed"] = f"{int(content['sealed'][:2], 16) ^ 1:02x}" + content["sealed"][2:]
    keyfile.create(tmp_path / "altered", content)
    with pytest.raises(Denied):
        read_secret(tmp_path / "altered", token(tokens))


def test_no_file_is_written_over(tokens: Path, tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_text("mine")
    for step in (lambda: write_secret(path, SECRET, token(tokens)), lambda: make_key(path, token(tokens))):
        with pytest.raises(ConfigError, match="exists already"):
            step()
    assert path.read_text() == "mine"


def test_a_key_on_a_token_signs_as_any_other(tokens: Path, tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    made = make_key(path, token(tokens))
    again = read_key(path, PIN)
    assert again.public == made.public
    assert again.thumbprint == signing.thumbprint(made.public)
    signature = again.sign("kind", b"payload")
    signing.verify(made.public, "kind", b"payload", signature)
    with pytest.raises(BadSignature):
        signing.verify(made.public, "kind", b"another", signature)


def test_a_key_never_leaves_its_token(tokens: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "admin.key", token(tokens))
    with token(tokens).session() as session:
        hidden = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        assert hidden
        assert not any(key[Attribute.EXTRACTABLE] for key in hidden)
    assert set(keyfile.load(tmp_path / "admin.key")) == {"kdf", "module", "token", "id", "public"}


def test_a_key_that_is_not_the_one_in_the_file_signs_nothing(tokens: Path, tmp_path: Path) -> None:
    """Whoever can write the file could name another key of the token under a public half that people know."""
    make_key(tmp_path / "a.key", token(tokens))
    other = make_key(tmp_path / "b.key", token(tokens))
    content = keyfile.load(tmp_path / "a.key") | {"public": other.public.hex()}
    keyfile.create(tmp_path / "swapped.key", content)
    with pytest.raises(BadSignature):
        read_key(tmp_path / "swapped.key", PIN).sign("kind", b"payload")


def test_a_key_of_another_token_signs_nothing(tokens: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "a.key", token(tokens))
    keyfile.create(tmp_path / "moved.key", keyfile.load(tmp_path / "a.key") | {"token": "second"})
    with pytest.raises(Denied, match="does not hold"):
        read_key(tmp_path / "moved.key", PIN).sign("kind", b"payload")


@pytest.mark.parametrize(
    "content",
    [
        {"kdf": "pkcs11"},
        {"kdf": "pkcs11", "nonce": "zz", "sealed": ""},
        {"kdf": "pkcs11-ed25519", "id": "00", "public": "00" * 32},
    ],
)
def test_a_broken_file_is_told(tokens: Path, tmp_path: Path, content: dict[str, str]) -> None:
    path = tmp_path / "broken"
    keyfile.create(path, content)
    with pytest.raises(KmsError) as refused:
        read_secret(path, token(tokens)) if content["kdf"] == "pkcs11" else read_key(path, PIN)
    assert refused.value.reason == "CONFIG"


def test_a_storage_root_is_made_and_read_through_its_token(tokens: Path, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    unlock = UnlockConfig("token", tokens, "first", pin)
    place = StorageRoot(tmp_path / "storage.root", unlock, None)
    place.create(SECRET, None)
    assert place.read() == SECRET
    with pytest.raises(ConfigError, match="method says file"):
        StorageRoot(place.path, UnlockConfig("file"), None).read()
    with pytest.raises(ConfigError):
        StorageRoot(place.path, None, None).read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "token"}, "must name it"),
        ({"method": "token", "module": Path("x")}, "must name it"),
        ({"method": "file", "token": "first"}, "a token is named"),
        ({"method": "tokens"}, "must be one of"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_told(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        UnlockConfig(**arguments)  # type: ignore[arg-type]
