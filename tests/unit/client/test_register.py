"""The owner's own list of grants."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kms.errors import ConfigError
from kms.statements.envelope import sign
from kms.statements.evidence import Grant, GrantAction
from kms.statements.ids import GrantId, KeyringId, ManifestHash, Thumbprint
from kms.statements.release import Purpose
from kms_client.consent import Told
from kms_client.register import Register
from tests.protocol.world import START, signing_key

OWNER = signing_key("alice")


def grant(number: int) -> bytes:
    made = Grant(
        KeyringId(bytes(32)),
        ManifestHash(bytes(32)),
        GrantId(bytes([number]) * 16),
        Thumbprint(OWNER.thumbprint),
        Thumbprint(signing_key("bob").thumbprint),
        (),
        "laboratory",
        (GrantAction.RELEASE,),
        (Purpose.TREATMENT,),
        START,
        START + 86400,
        10,
        number,
    )
    return sign(made, OWNER).envelope


def test_grants_and_what_became_of_them_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "grants.json"
    register = Register(path)
    first = register.add(grant(1), "Dr Bob")
    register.add(grant(2), "")
    register.revoked(first, b"a revocation", {3: b"a receipt"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    again = Register(path)
    assert [e.name for e in again.entries()] == ["Dr Bob", ""]
    kept = again.find("0101")
    assert (kept.revocation, kept.receipts) == (b"a revocation", {3: b"a receipt"})
    assert again.find("02").envelope == grant(2)
    for start in ("", "03", "0"):
        with pytest.raises(ConfigError):
            again.find(start)


def test_a_damaged_register_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "grants.json"
    path.write_text('{"grants": [{"grant": "AAAA", "name": "", "revocation": "", "receipts": {}}]}')
    with pytest.raises(ConfigError, match="damaged"):
        Register(path)


def test_a_statement_is_effective_once_no_quorum_is_left_without_it() -> None:
    assert not Told({1: b"", 2: b""}, {3: "UNAVAILABLE"}, needed=3).effective
    assert Told({1: b"", 2: b"", 4: b""}, {3: "UNAVAILABLE"}, needed=3).effective
