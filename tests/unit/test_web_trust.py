"""Which servers are believed when a provider is asked."""

from __future__ import annotations

from pathlib import Path

from kms.crypto.secret import Secret
from kms.storage.token import write_secret
from kms.transport import web
from tests.softhsm import token, tokens
from tests.unit.policy.certificates import authority

__all__ = ["tokens"]


def test_what_a_token_left_behind_is_not_taken_for_a_bad_certificate(tokens: Path, tmp_path: Path) -> None:
    # The token's library and Python's ssl share OpenSSL's queue of errors.
    write_secret(tmp_path / "root", Secret(bytes(32)), token(tokens))
    assert len(web.believing([authority("web").der]).get_ca_certs()) == 1
