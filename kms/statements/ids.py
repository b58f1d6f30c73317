"""Names of things, as types, so that a key id cannot be passed for a request hash. All but one are 32 bytes."""

from __future__ import annotations

from typing import NewType

KeyringId = NewType("KeyringId", bytes)
ManifestHash = NewType("ManifestHash", bytes)
KeyId = NewType("KeyId", bytes)
RequestHash = NewType("RequestHash", bytes)
DepositHash = NewType("DepositHash", bytes)
CertificateHash = NewType("CertificateHash", bytes)
Thumbprint = NewType("Thumbprint", bytes)
"""RFC 7638 thumbprint of a signing key: who, without saying who."""
GrantId = NewType("GrantId", bytes)
"""16 random bytes."""
Version = NewType("Version", bytes)
"""Which sharing of a key a share belongs to."""
