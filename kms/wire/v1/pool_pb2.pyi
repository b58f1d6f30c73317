from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import ceremony_pb2 as _ceremony_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PoolOrder(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "count", "reason", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    count: int
    reason: str
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., count: _Optional[int] = ..., reason: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...

class PoolDealing(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "order_hash", "batch", "count", "points_hash", "targets", "dealt_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    POINTS_HASH_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    DEALT_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    order_hash: bytes
    batch: int
    count: int
    points_hash: bytes
    targets: _containers.RepeatedCompositeFieldContainer[_ceremony_pb2.SealedTarget]
    dealt_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., order_hash: _Optional[bytes] = ..., batch: _Optional[int] = ..., count: _Optional[int] = ..., points_hash: _Optional[bytes] = ..., targets: _Optional[_Iterable[_Union[_ceremony_pb2.SealedTarget, _Mapping]]] = ..., dealt_at: _Optional[int] = ...) -> None: ...

class PoolPlan(_message.Message):
    __slots__ = ("suite", "keyring_id", "manifest_hash", "order_hash", "batch", "threshold", "dealings", "count", "points_hash")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DEALINGS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    POINTS_HASH_FIELD_NUMBER: _ClassVar[int]
    suite: int
    keyring_id: bytes
    manifest_hash: bytes
    order_hash: bytes
    batch: int
    threshold: int
    dealings: _containers.RepeatedCompositeFieldContainer[_ceremony_pb2.PlannedDealing]
    count: int
    points_hash: bytes
    def __init__(self, suite: _Optional[int] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_hash: _Optional[bytes] = ..., batch: _Optional[int] = ..., threshold: _Optional[int] = ..., dealings: _Optional[_Iterable[_Union[_ceremony_pb2.PlannedDealing, _Mapping]]] = ..., count: _Optional[int] = ..., points_hash: _Optional[bytes] = ...) -> None: ...

class Generated(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "plan_hash", "count", "generated_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    GENERATED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    plan_hash: bytes
    count: int
    generated_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., plan_hash: _Optional[bytes] = ..., count: _Optional[int] = ..., generated_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...
