from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LogKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_KIND_UNSPECIFIED: _ClassVar[LogKind]
    LOG_KIND_STARTED: _ClassVar[LogKind]
    LOG_KIND_DEPOSIT: _ClassVar[LogKind]
    LOG_KIND_DECISION: _ClassVar[LogKind]
    LOG_KIND_RELEASE: _ClassVar[LogKind]
    LOG_KIND_APPROVAL: _ClassVar[LogKind]
    LOG_KIND_REVOCATION: _ClassVar[LogKind]
    LOG_KIND_SEALING_KEY: _ClassVar[LogKind]
    LOG_KIND_SEALING_KEY_ERASED: _ClassVar[LogKind]
    LOG_KIND_CANCELLATION: _ClassVar[LogKind]
    LOG_KIND_MANIFEST: _ClassVar[LogKind]
    LOG_KIND_DEALT: _ClassVar[LogKind]
    LOG_KIND_INSTALLED: _ClassVar[LogKind]
    LOG_KIND_ERASED: _ClassVar[LogKind]
    LOG_KIND_COMPLAINT: _ClassVar[LogKind]
    LOG_KIND_REPAIR_TASK: _ClassVar[LogKind]
    LOG_KIND_REPAIR_HELP: _ClassVar[LogKind]
    LOG_KIND_REPAIRED: _ClassVar[LogKind]
    LOG_KIND_POOL_DEALT: _ClassVar[LogKind]
    LOG_KIND_POOL_KEPT: _ClassVar[LogKind]
    LOG_KIND_DRAW_CONFIRMED: _ClassVar[LogKind]
    LOG_KIND_CONSENT: _ClassVar[LogKind]
    LOG_KIND_ISSUER_KEYS: _ClassVar[LogKind]
    LOG_KIND_KILLED: _ClassVar[LogKind]
    LOG_KIND_APPROVERS_FOUNDED: _ClassVar[LogKind]
    LOG_KIND_APPROVER_INVITED: _ClassVar[LogKind]
    LOG_KIND_APPROVER_ADDED: _ClassVar[LogKind]
    LOG_KIND_APPROVER_REMOVED: _ClassVar[LogKind]
    LOG_KIND_INVITATION_WITHDRAWN: _ClassVar[LogKind]
    LOG_KIND_FORBIDS: _ClassVar[LogKind]
    LOG_KIND_BUDGET: _ClassVar[LogKind]
    LOG_KIND_RECOVERED: _ClassVar[LogKind]
    LOG_KIND_DESTROY_SCHEDULED: _ClassVar[LogKind]
    LOG_KIND_DESTROY_CANCELLED: _ClassVar[LogKind]
    LOG_KIND_DESTROYED: _ClassVar[LogKind]
    LOG_KIND_LEGAL_HOLD: _ClassVar[LogKind]
    LOG_KIND_ROW_ROOT_DESTROYED: _ClassVar[LogKind]
LOG_KIND_UNSPECIFIED: LogKind
LOG_KIND_STARTED: LogKind
LOG_KIND_DEPOSIT: LogKind
LOG_KIND_DECISION: LogKind
LOG_KIND_RELEASE: LogKind
LOG_KIND_APPROVAL: LogKind
LOG_KIND_REVOCATION: LogKind
LOG_KIND_SEALING_KEY: LogKind
LOG_KIND_SEALING_KEY_ERASED: LogKind
LOG_KIND_CANCELLATION: LogKind
LOG_KIND_MANIFEST: LogKind
LOG_KIND_DEALT: LogKind
LOG_KIND_INSTALLED: LogKind
LOG_KIND_ERASED: LogKind
LOG_KIND_COMPLAINT: LogKind
LOG_KIND_REPAIR_TASK: LogKind
LOG_KIND_REPAIR_HELP: LogKind
LOG_KIND_REPAIRED: LogKind
LOG_KIND_POOL_DEALT: LogKind
LOG_KIND_POOL_KEPT: LogKind
LOG_KIND_DRAW_CONFIRMED: LogKind
LOG_KIND_CONSENT: LogKind
LOG_KIND_ISSUER_KEYS: LogKind
LOG_KIND_KILLED: LogKind
LOG_KIND_APPROVERS_FOUNDED: LogKind
LOG_KIND_APPROVER_INVITED: LogKind
LOG_KIND_APPROVER_ADDED: LogKind
LOG_KIND_APPROVER_REMOVED: LogKind
LOG_KIND_INVITATION_WITHDRAWN: LogKind
LOG_KIND_FORBIDS: LogKind
LOG_KIND_BUDGET: LogKind
LOG_KIND_RECOVERED: LogKind
LOG_KIND_DESTROY_SCHEDULED: LogKind
LOG_KIND_DESTROY_CANCELLED: LogKind
LOG_KIND_DESTROYED: LogKind
LOG_KIND_LEGAL_HOLD: LogKind
LOG_KIND_ROW_ROOT_DESTROYED: LogKind

class LogEntry(_message.Message):
    __slots__ = ("index", "kind", "at", "subject_hash", "principal", "outcome", "count", "previous_hash", "detail_root", "basis")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_HASH_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    DETAIL_ROOT_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    index: int
    kind: LogKind
    at: int
    subject_hash: bytes
    principal: bytes
    outcome: str
    count: int
    previous_hash: bytes
    detail_root: bytes
    basis: _containers.RepeatedCompositeFieldContainer[Basis]
    def __init__(self, index: _Optional[int] = ..., kind: _Optional[_Union[LogKind, str]] = ..., at: _Optional[int] = ..., subject_hash: _Optional[bytes] = ..., principal: _Optional[bytes] = ..., outcome: _Optional[str] = ..., count: _Optional[int] = ..., previous_hash: _Optional[bytes] = ..., detail_root: _Optional[bytes] = ..., basis: _Optional[_Iterable[_Union[Basis, _Mapping]]] = ...) -> None: ...

class Basis(_message.Message):
    __slots__ = ("index", "log_index")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    log_index: int
    def __init__(self, index: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class OwnerDetail(_message.Message):
    __slots__ = ("salt", "owner_thumbprint", "purpose", "people", "outcomes")
    SALT_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    owner_thumbprint: bytes
    purpose: int
    people: _containers.RepeatedScalarFieldContainer[str]
    outcomes: _containers.RepeatedCompositeFieldContainer[OwnerOutcome]
    def __init__(self, salt: _Optional[bytes] = ..., owner_thumbprint: _Optional[bytes] = ..., purpose: _Optional[int] = ..., people: _Optional[_Iterable[str]] = ..., outcomes: _Optional[_Iterable[_Union[OwnerOutcome, _Mapping]]] = ...) -> None: ...

class OwnerOutcome(_message.Message):
    __slots__ = ("outcome", "reason", "key_ids")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    reason: str
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, outcome: _Optional[str] = ..., reason: _Optional[str] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class OwnerLeaf(_message.Message):
    __slots__ = ("detail", "position", "count", "path")
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    detail: bytes
    position: int
    count: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, detail: _Optional[bytes] = ..., position: _Optional[int] = ..., count: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ...) -> None: ...
