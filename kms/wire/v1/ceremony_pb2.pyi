from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReshareOrder(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "sequence", "reason", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    sequence: int
    reason: str
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., sequence: _Optional[int] = ..., reason: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...

class SealedTarget(_message.Message):
    __slots__ = ("index", "sealing_key_id", "blob_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    sealing_key_id: bytes
    blob_hash: bytes
    def __init__(self, index: _Optional[int] = ..., sealing_key_id: _Optional[bytes] = ..., blob_hash: _Optional[bytes] = ...) -> None: ...

class Dealing(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "order_hash", "from_version", "batch_root", "count", "points_hash", "targets", "dealt_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROOT_FIELD_NUMBER: _ClassVar[int]
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
    from_version: bytes
    batch_root: bytes
    count: int
    points_hash: bytes
    targets: _containers.RepeatedCompositeFieldContainer[SealedTarget]
    dealt_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., order_hash: _Optional[bytes] = ..., from_version: _Optional[bytes] = ..., batch_root: _Optional[bytes] = ..., count: _Optional[int] = ..., points_hash: _Optional[bytes] = ..., targets: _Optional[_Iterable[_Union[SealedTarget, _Mapping]]] = ..., dealt_at: _Optional[int] = ...) -> None: ...

class PlannedDealing(_message.Message):
    __slots__ = ("index", "dealing_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DEALING_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    dealing_hash: bytes
    def __init__(self, index: _Optional[int] = ..., dealing_hash: _Optional[bytes] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("suite", "keyring_id", "order_hash", "sequence", "from_version", "to_manifest_hash", "threshold", "dealings", "batch_root", "count", "points_hash")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DEALINGS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROOT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    POINTS_HASH_FIELD_NUMBER: _ClassVar[int]
    suite: int
    keyring_id: bytes
    order_hash: bytes
    sequence: int
    from_version: bytes
    to_manifest_hash: bytes
    threshold: int
    dealings: _containers.RepeatedCompositeFieldContainer[PlannedDealing]
    batch_root: bytes
    count: int
    points_hash: bytes
    def __init__(self, suite: _Optional[int] = ..., keyring_id: _Optional[bytes] = ..., order_hash: _Optional[bytes] = ..., sequence: _Optional[int] = ..., from_version: _Optional[bytes] = ..., to_manifest_hash: _Optional[bytes] = ..., threshold: _Optional[int] = ..., dealings: _Optional[_Iterable[_Union[PlannedDealing, _Mapping]]] = ..., batch_root: _Optional[bytes] = ..., count: _Optional[int] = ..., points_hash: _Optional[bytes] = ...) -> None: ...

class Installed(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "version", "sequence", "count", "installed_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    version: bytes
    sequence: int
    count: int
    installed_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., version: _Optional[bytes] = ..., sequence: _Optional[int] = ..., count: _Optional[int] = ..., installed_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class Complaint(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "dealer", "dealing_hash", "positions", "reason", "complained_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DEALER_FIELD_NUMBER: _ClassVar[int]
    DEALING_HASH_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COMPLAINED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    dealer: int
    dealing_hash: bytes
    positions: _containers.RepeatedScalarFieldContainer[int]
    reason: str
    complained_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., dealer: _Optional[int] = ..., dealing_hash: _Optional[bytes] = ..., positions: _Optional[_Iterable[int]] = ..., reason: _Optional[str] = ..., complained_at: _Optional[int] = ...) -> None: ...

class Erased(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "version", "count", "erased_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERASED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    version: bytes
    count: int
    erased_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., version: _Optional[bytes] = ..., count: _Optional[int] = ..., erased_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "sequence", "at", "order_sequence", "versions", "missing")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    sequence: int
    at: int
    order_sequence: int
    versions: _containers.RepeatedCompositeFieldContainer[VersionCount]
    missing: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., sequence: _Optional[int] = ..., at: _Optional[int] = ..., order_sequence: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[VersionCount, _Mapping]]] = ..., missing: _Optional[int] = ...) -> None: ...

class VersionCount(_message.Message):
    __slots__ = ("version", "threshold", "sequence", "count")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    threshold: int
    sequence: int
    count: int
    def __init__(self, version: _Optional[bytes] = ..., threshold: _Optional[int] = ..., sequence: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class RepairPieces(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "task_hash", "points_hash", "targets", "made_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TASK_HASH_FIELD_NUMBER: _ClassVar[int]
    POINTS_HASH_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    task_hash: bytes
    points_hash: bytes
    targets: _containers.RepeatedCompositeFieldContainer[SealedTarget]
    made_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., task_hash: _Optional[bytes] = ..., points_hash: _Optional[bytes] = ..., targets: _Optional[_Iterable[_Union[SealedTarget, _Mapping]]] = ..., made_at: _Optional[int] = ...) -> None: ...

class RepairSums(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "task_hash", "pieces", "target", "made_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TASK_HASH_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    task_hash: bytes
    pieces: _containers.RepeatedScalarFieldContainer[bytes]
    target: SealedTarget
    made_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., task_hash: _Optional[bytes] = ..., pieces: _Optional[_Iterable[bytes]] = ..., target: _Optional[_Union[SealedTarget, _Mapping]] = ..., made_at: _Optional[int] = ...) -> None: ...

class RepairTask(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "task_id", "version", "helpers", "batch_root", "count", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HELPERS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROOT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    task_id: bytes
    version: bytes
    helpers: _containers.RepeatedScalarFieldContainer[int]
    batch_root: bytes
    count: int
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., task_id: _Optional[bytes] = ..., version: _Optional[bytes] = ..., helpers: _Optional[_Iterable[int]] = ..., batch_root: _Optional[bytes] = ..., count: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class Repaired(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "task_hash", "count", "repaired_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TASK_HASH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    task_hash: bytes
    count: int
    repaired_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., task_hash: _Optional[bytes] = ..., count: _Optional[int] = ..., repaired_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...
