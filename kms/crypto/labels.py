"""Every domain-separation label of the system, in one table.

No label serves two primitives: hash labels enter `hashing.H`, the HKDF ones stand alone with their `TKMS1`
prefix. A label says what the bytes *mean*, so that bytes which mean one thing are never accepted as another.
"""

from __future__ import annotations

from typing import Final

SUITE_1: Final = 1

# H(label, ...): SHA-256 with length-prefixed label and parts.
KEYRING: Final = "keyring"
MANIFEST: Final = "manifest"
CORE: Final = "core"
KEY: Final = "key"
CONTEXT: Final = "ctx"
BATCH: Final = "batch"
DEALT_VERSION: Final = "dealt"
POLICY: Final = "policy"
GOLDEN: Final = "golden"
FORBIDS: Final = "forbids"
BUDGET: Final = "budget"
SEALING_KEY_ID: Final = "sealing key id"
BLOB: Final = "blob"
STATEMENT: Final = "statement"
REQUEST: Final = "request"
DEPOSIT_HASH: Final = "deposit statement"
DEPOSIT_EVIDENCE: Final = "deposit evidence hash"
CERTIFICATE: Final = "certificate"
RECIPIENT: Final = "recipient"
VERSIONS: Final = "versions"
SHARE: Final = "share"
SHARES: Final = "shares"
JUSTIFICATION: Final = "justification"
APPROVAL_TEXT: Final = "approval text"
APPROVAL: Final = "approval"
REGISTRATION: Final = "registration"
INVITATION: Final = "invitation"
INVITATION_TOKEN: Final = "invitation token"  # noqa: S105 - a label, not a token
PERSON: Final = "person"
REGISTRY: Final = "registry"
LOG_ENTRY: Final = "log entry"
DISPLACED: Final = "displaced entries"
LOG_START: Final = "log start"
RECORD_CONTEXT: Final = "record context"
PRINCIPAL: Final = "principal"
PLAN: Final = "plan"
POINTS: Final = "points"
ORDER: Final = "order"
REPAIR_TASK: Final = "repair"
POOL_ORDER: Final = "pool order"
POOL_PLAN: Final = "pool plan"
NONCE: Final = "nonce"
ISSUER_KEY: Final = "issuer key"
ISSUER_KEYS: Final = "issuer keys"
CREDENTIAL: Final = "credential"
SUBJECT: Final = "subject"
RECOVERY: Final = "recovery"
DESTROY_REASON: Final = "destroy reason"

# H(label, ...) used as HPKE `info`.
SEAL_DEPOSIT: Final = "deposit"
SEAL_DEPOSIT_EVIDENCE: Final = "deposit evidence"
SEAL_EVIDENCE: Final = "evidence"
SEAL_RELEASE: Final = "release"
SEAL_INBOX: Final = "inbox"
SEAL_DEALING: Final = "dealing"
SEAL_PIECES: Final = "pieces"
SEAL_SUMS: Final = "sums"
SEAL_POOL: Final = "pool dealing"
SEAL_ACCOUNT: Final = "account"
SEAL_HISTORY: Final = "history"

# HKDF.
HKDF_SECRET: Final = b"TKMS1 secret"
HKDF_KCV: Final = b"TKMS1 kcv"
HKDF_DEK: Final = b"TKMS1 dek"
HKDF_XWING: Final = b"TKMS1 xwing"
HKDF_RECORD: Final = b"TKMS1 record"
HKDF_STORE: Final = b"TKMS1 store"
HKDF_BACKUP: Final = b"TKMS1 backup"

ALL_HASH_LABELS: Final = tuple(
    value for name, value in sorted(globals().items()) if name.isupper() and isinstance(value, str)
)
ALL_HKDF_LABELS: Final = tuple(
    value for name, value in sorted(globals().items()) if name.isupper() and isinstance(value, bytes)
)
