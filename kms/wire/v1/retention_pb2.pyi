from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RetentionOrder(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "order_id", "key_ids", "waiting", "created_at", "signer_thumbprint")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    order_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    waiting: int
    created_at: int
    signer_thumbprint: bytes
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., waiting: _Optional[int] = ..., created_at: _Optional[int] = ..., signer_thumbprint: _Optional[bytes] = ...) -> None: ...

class RetentionQuestion(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "policy", "created_at", "signer_thumbprint")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    policy: str
    created_at: int
    signer_thumbprint: bytes
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., policy: _Optional[str] = ..., created_at: _Optional[int] = ..., signer_thumbprint: _Optional[bytes] = ...) -> None: ...

class GetRetentionRequest(_message.Message):
    __slots__ = ("question", "credentials", "after", "due_only")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DUE_ONLY_FIELD_NUMBER: _ClassVar[int]
    question: _keyring_pb2.Envelope
    credentials: _containers.RepeatedScalarFieldContainer[str]
    after: int
    due_only: bool
    def __init__(self, question: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., credentials: _Optional[_Iterable[str]] = ..., after: _Optional[int] = ..., due_only: _Optional[bool] = ...) -> None: ...

class RetentionRow(_message.Message):
    __slots__ = ("category", "seconds", "rules", "due", "within_month", "within_quarter", "within_year", "later", "kept", "ordered", "held", "next_due_at")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    WITHIN_MONTH_FIELD_NUMBER: _ClassVar[int]
    WITHIN_QUARTER_FIELD_NUMBER: _ClassVar[int]
    WITHIN_YEAR_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    ORDERED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    NEXT_DUE_AT_FIELD_NUMBER: _ClassVar[int]
    category: str
    seconds: int
    rules: _containers.RepeatedScalarFieldContainer[str]
    due: int
    within_month: int
    within_quarter: int
    within_year: int
    later: int
    kept: int
    ordered: int
    held: int
    next_due_at: int
    def __init__(self, category: _Optional[str] = ..., seconds: _Optional[int] = ..., rules: _Optional[_Iterable[str]] = ..., due: _Optional[int] = ..., within_month: _Optional[int] = ..., within_quarter: _Optional[int] = ..., within_year: _Optional[int] = ..., later: _Optional[int] = ..., kept: _Optional[int] = ..., ordered: _Optional[int] = ..., held: _Optional[int] = ..., next_due_at: _Optional[int] = ...) -> None: ...

class GetRetentionResponse(_message.Message):
    __slots__ = ("rows", "due_keys", "next")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    DUE_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[RetentionRow]
    due_keys: _containers.RepeatedScalarFieldContainer[bytes]
    next: int
    def __init__(self, rows: _Optional[_Iterable[_Union[RetentionRow, _Mapping]]] = ..., due_keys: _Optional[_Iterable[bytes]] = ..., next: _Optional[int] = ...) -> None: ...
