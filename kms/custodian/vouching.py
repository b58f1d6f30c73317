"""Who vouches for a key, as this node sees it now: the one door through which credentials come in."""

from __future__ import annotations

from collections.abc import Sequence

from kms.custodian.context import NodeContext
from kms.errors import EvidenceRefused
from kms.policy.attributes import Credential
from kms.policy.credentials import verify_credentials
from kms.statements.audit import LogKind
from kms.statements.kills import KillKind, credential_name, person_name


def vouch(node: NodeContext, tokens: Sequence[str], key_thumbprint: bytes, at: int) -> tuple[Credential, ...]:
    """The credentials of the key that signed, as they stood `at` (unix seconds). EvidenceRefused on a bad one.

    What was killed counts no more, also for what came before: `at` does not matter there.
    """
    try:
        credentials = verify_credentials(
            tokens, node.issuers, node.audience, key_thumbprint, at, node.credential_cache
        )
    except EvidenceRefused as error:
        if error.reason == "CREDENTIAL_UNKNOWN_KEY":
            # Perhaps its provider has a new key. Nobody waits for that here: who asks again is answered by then.
            node.providers.want(error.details["issuer"])
        raise
    keyring_id = node.keyring.keyring_id
    names = [
        (KillKind.KEY, key_thumbprint),
        *((KillKind.PERSON, person_name(keyring_id, c.iss, c.subject)) for c in credentials),
        *((KillKind.CREDENTIAL, credential_name(token)) for token in tokens),
    ]
    if node.store.kills.any_of(names, node.now()) or key_is_killed(node, key_thumbprint):
        raise EvidenceRefused("this key, person or credential was killed", reason="CREDENTIAL_KILLED")
    return credentials


def key_is_killed(node: NodeContext, key_thumbprint: bytes) -> bool:
    """Whether this key was ended, as whose ever it was."""
    # A key that was killed by itself, as a recovered log tells, stays dead though the kill itself is forgotten.
    return node.store.kills.any_of([(KillKind.KEY, key_thumbprint)], node.now()) or node.store.mirrors.lacks(
        key_thumbprint, LogKind.KILLED
    )
