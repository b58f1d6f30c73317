from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_TREATMENT: _ClassVar[Purpose]
    PURPOSE_PATIENT_ACCESS: _ClassVar[Purpose]
    PURPOSE_BILLING: _ClassVar[Purpose]
    PURPOSE_SCHEDULING: _ClassVar[Purpose]
    PURPOSE_EMERGENCY: _ClassVar[Purpose]
    PURPOSE_RESEARCH: _ClassVar[Purpose]
    PURPOSE_LEGAL: _ClassVar[Purpose]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_ALLOW: _ClassVar[Verdict]
    VERDICT_DENY: _ClassVar[Verdict]
    VERDICT_PENDING: _ClassVar[Verdict]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TREATMENT: Purpose
PURPOSE_PATIENT_ACCESS: Purpose
PURPOSE_BILLING: Purpose
PURPOSE_SCHEDULING: Purpose
PURPOSE_EMERGENCY: Purpose
PURPOSE_RESEARCH: Purpose
PURPOSE_LEGAL: Purpose
VERDICT_UNSPECIFIED: Verdict
VERDICT_ALLOW: Verdict
VERDICT_DENY: Verdict
VERDICT_PENDING: Verdict

class ReleaseRequest(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "request_id", "key_ids", "purpose", "justification_hash", "recipient_key", "requester_thumbprint", "created_at", "expires_at", "evidence")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_HASH_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_KEY_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    request_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    purpose: Purpose
    justification_hash: bytes
    recipient_key: bytes
    requester_thumbprint: bytes
    created_at: int
    expires_at: int
    evidence: _containers.RepeatedCompositeFieldContainer[EvidenceTarget]
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., request_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., justification_hash: _Optional[bytes] = ..., recipient_key: _Optional[bytes] = ..., requester_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., evidence: _Optional[_Iterable[_Union[EvidenceTarget, _Mapping]]] = ...) -> None: ...

class EvidenceTarget(_message.Message):
    __slots__ = ("index", "sealing_key_id", "blob_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    sealing_key_id: bytes
    blob_hash: bytes
    def __init__(self, index: _Optional[int] = ..., sealing_key_id: _Optional[bytes] = ..., blob_hash: _Optional[bytes] = ...) -> None: ...

class Ruling(_message.Message):
    __slots__ = ("verdict", "reason", "positions", "approver_thumbprint", "approver_persons")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    APPROVER_PERSONS_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    reason: str
    positions: _containers.RepeatedScalarFieldContainer[int]
    approver_thumbprint: bytes
    approver_persons: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[str] = ..., positions: _Optional[_Iterable[int]] = ..., approver_thumbprint: _Optional[bytes] = ..., approver_persons: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "request_hash", "rulings", "policy_hash", "decided_at", "log_index", "forbids_hash")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    RULINGS_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    FORBIDS_HASH_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    request_hash: bytes
    rulings: _containers.RepeatedCompositeFieldContainer[Ruling]
    policy_hash: bytes
    decided_at: int
    log_index: int
    forbids_hash: bytes
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., request_hash: _Optional[bytes] = ..., rulings: _Optional[_Iterable[_Union[Ruling, _Mapping]]] = ..., policy_hash: _Optional[bytes] = ..., decided_at: _Optional[int] = ..., log_index: _Optional[int] = ..., forbids_hash: _Optional[bytes] = ...) -> None: ...

class ReleaseCertificate(_message.Message):
    __slots__ = ("request_hash", "decisions")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    decisions: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, request_hash: _Optional[bytes] = ..., decisions: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class VersionGroup(_message.Message):
    __slots__ = ("version", "positions")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    positions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, version: _Optional[bytes] = ..., positions: _Optional[_Iterable[int]] = ...) -> None: ...

class ShareRelease(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "request_hash", "certificate_hash", "versions", "blob_hash", "released_at", "log_index", "shares_hash")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_HASH_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    RELEASED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    SHARES_HASH_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    request_hash: bytes
    certificate_hash: bytes
    versions: _containers.RepeatedCompositeFieldContainer[VersionGroup]
    blob_hash: bytes
    released_at: int
    log_index: int
    shares_hash: bytes
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., request_hash: _Optional[bytes] = ..., certificate_hash: _Optional[bytes] = ..., versions: _Optional[_Iterable[_Union[VersionGroup, _Mapping]]] = ..., blob_hash: _Optional[bytes] = ..., released_at: _Optional[int] = ..., log_index: _Optional[int] = ..., shares_hash: _Optional[bytes] = ...) -> None: ...

class ReleasedShares(_message.Message):
    __slots__ = ("shares", "salts", "contexts", "context_of")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    SALTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_OF_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedScalarFieldContainer[bytes]
    salts: _containers.RepeatedScalarFieldContainer[bytes]
    contexts: _containers.RepeatedScalarFieldContainer[bytes]
    context_of: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shares: _Optional[_Iterable[bytes]] = ..., salts: _Optional[_Iterable[bytes]] = ..., contexts: _Optional[_Iterable[bytes]] = ..., context_of: _Optional[_Iterable[int]] = ...) -> None: ...

class Cancellation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "request_hash", "requester_thumbprint", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    request_hash: bytes
    requester_thumbprint: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., request_hash: _Optional[bytes] = ..., requester_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...
