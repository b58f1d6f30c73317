"""Who vouches for a key, as this node sees it now: the one door through which credentials come in."""

from __future__ import annotations

from collections.abc import Sequence

from kms.custodian.context import NodeContext
from kms.errors import EvidenceRefused
from kms.policy.attributes import Credential
from kms.policy.credentials import verify_credentials


def vouch(node: NodeContext, tokens: Sequence[str], key_thumbprint: bytes, at: int) -> tuple[Credential, ...]:
    """The credentials of the key that signed, as they stood `at` (unix seconds). EvidenceRefused on a bad one."""
    try:
        return verify_credentials(
            tokens, node.issuers, node.audience, key_thumbprint, at, node.credential_cache
        )
    except EvidenceRefused as error:
        if error.reason == "CREDENTIAL_UNKNOWN_KEY":
            # Perhaps its provider has a new key. Nobody waits for that here: who asks again is answered by then.
            node.providers.want(error.details["issuer"])
        raise
