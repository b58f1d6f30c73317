from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from kms.wire.v1 import release_pb2 as _release_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GrantAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_ACTION_UNSPECIFIED: _ClassVar[GrantAction]
    GRANT_ACTION_RELEASE: _ClassVar[GrantAction]
GRANT_ACTION_UNSPECIFIED: GrantAction
GRANT_ACTION_RELEASE: GrantAction

class Evidence(_message.Message):
    __slots__ = ("credentials", "grants", "justification_salt", "justification")
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_SALT_FIELD_NUMBER: _ClassVar[int]
    JUSTIFICATION_FIELD_NUMBER: _ClassVar[int]
    credentials: _containers.RepeatedScalarFieldContainer[str]
    grants: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    justification_salt: bytes
    justification: str
    def __init__(self, credentials: _Optional[_Iterable[str]] = ..., grants: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., justification_salt: _Optional[bytes] = ..., justification: _Optional[str] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "grant_id", "owner_thumbprint", "grantee_thumbprint", "key_ids", "category", "actions", "purposes", "not_before", "not_after", "max_count", "sequence")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    GRANTEE_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    grant_id: bytes
    owner_thumbprint: bytes
    grantee_thumbprint: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    category: str
    actions: _containers.RepeatedScalarFieldContainer[GrantAction]
    purposes: _containers.RepeatedScalarFieldContainer[_release_pb2.Purpose]
    not_before: int
    not_after: int
    max_count: int
    sequence: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., grant_id: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., grantee_thumbprint: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., category: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[GrantAction, str]]] = ..., purposes: _Optional[_Iterable[_Union[_release_pb2.Purpose, str]]] = ..., not_before: _Optional[int] = ..., not_after: _Optional[int] = ..., max_count: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class Revocation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "owner_thumbprint", "grant_id", "up_to_sequence", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    UP_TO_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    owner_thumbprint: bytes
    grant_id: bytes
    up_to_sequence: int
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., grant_id: _Optional[bytes] = ..., up_to_sequence: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "request_hash", "approver_thumbprint", "verdict", "purpose", "count", "text_hash", "not_after")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    APPROVER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TEXT_HASH_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    request_hash: bytes
    approver_thumbprint: bytes
    verdict: _release_pb2.Verdict
    purpose: _release_pb2.Purpose
    count: int
    text_hash: bytes
    not_after: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., request_hash: _Optional[bytes] = ..., approver_thumbprint: _Optional[bytes] = ..., verdict: _Optional[_Union[_release_pb2.Verdict, str]] = ..., purpose: _Optional[_Union[_release_pb2.Purpose, str]] = ..., count: _Optional[int] = ..., text_hash: _Optional[bytes] = ..., not_after: _Optional[int] = ...) -> None: ...
