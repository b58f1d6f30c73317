"""Signatures that verified are remembered by a hash: two different questions must never share a name there."""

from __future__ import annotations

import pytest

from kms.crypto import signing
from kms.crypto.signing import SigningKey
from kms.errors import BadSignature


@pytest.mark.parametrize("moved", [-1, 1])
def test_bytes_moved_between_key_and_signature_are_not_remembered_as_verified(moved: int) -> None:
    key = SigningKey.generate()
    signature = key.sign("type", b"payload")
    signing.verify(key.public, "type", b"payload", signature)
    together, cut = key.public + signature, len(key.public) + moved
    with pytest.raises(BadSignature):
        signing.verify(together[:cut], "type", b"payload", together[cut:])
