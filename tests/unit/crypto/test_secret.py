"""Secret types cannot be printed, logged, pickled, copied or hashed by accident."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict

import pytest

from kms.crypto import sharing
from kms.crypto.sealing import SealingPrivateKey
from kms.crypto.secret import DataKey, KeySecret, Secret, ShareBytes
from kms.crypto.signing import SigningKey

VALUE = bytes(range(65, 97))
SPELLINGS = (VALUE.decode("latin-1"), VALUE.hex(), repr(VALUE), str(list(VALUE))[1:-1])
KINDS: list[type[Secret]] = [Secret, DataKey, KeySecret, ShareBytes]


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_never_shows_its_value(kind: type[Secret]) -> None:
    secret = kind(VALUE)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s %r" % (secret, secret)]  # noqa: UP031
    shown += [f"{secret:x}", repr([secret]), repr({"key": secret}), str(dir(secret))]
    assert not [text for text in shown for spelling in SPELLINGS if spelling in text]
    assert repr(secret).startswith("<")


def test_each_kind_says_what_it_is() -> None:
    assert [repr(kind(VALUE)) for kind in KINDS] == ["<secret>", "<data key>", "<key secret>", "<share>"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "leak", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, vars, bytes, iter, sorted]
)
def test_a_secret_leaves_by_reveal_only(kind: type[Secret], leak: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leak(kind(VALUE))
    report = "".join(traceback.format_exception(caught.value))
    assert not [spelling for spelling in SPELLINGS if spelling in report]
    assert kind(VALUE).reveal() == VALUE


def test_secrets_compare_by_value_and_by_kind() -> None:
    assert DataKey(VALUE) == DataKey(bytes(bytearray(VALUE)))
    assert DataKey(VALUE) != DataKey(VALUE[:-1] + b"\0")
    assert DataKey(VALUE) != KeySecret(VALUE)
    assert DataKey(VALUE) != VALUE
    assert len(DataKey(VALUE)) == 32


def test_a_secret_keeps_its_own_copy() -> None:
    buffer = bytearray(VALUE)
    secret = Secret(buffer)  # type: ignore[arg-type]
    buffer[0] ^= 1
    assert secret.reveal() == VALUE


def test_a_dealing_and_a_reconstruction_do_not_print_secrets() -> None:
    dealing = sharing.deal(2, [1, 2, 3])
    found = sharing.Reconstruction(dealing.secret, ())
    text = repr(dealing) + repr(found) + str(dealing)
    for hidden in (dealing.secret, *dealing.shares.values()):
        assert hidden.reveal().hex() not in text
        assert repr(hidden.reveal())[2:-1] not in text
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(dealing)
    with pytest.raises(TypeError, match="not pickled"):
        asdict(dealing)


@pytest.mark.parametrize("key", [SigningKey(Secret(VALUE)), SealingPrivateKey(Secret(VALUE))])
def test_private_keys_neither_print_nor_pickle(key: SigningKey | SealingPrivateKey) -> None:
    assert not [spelling for spelling in SPELLINGS if spelling in repr(key) + str(key)]
    with pytest.raises(TypeError):
        pickle.dumps(key)
