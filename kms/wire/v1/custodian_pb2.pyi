from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import approver_pb2 as _approver_pb2
from kms.wire.v1 import coordinator_pb2 as _coordinator_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSealingKeyRequest(_message.Message):
    __slots__ = ("keyring_id",)
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    def __init__(self, keyring_id: _Optional[bytes] = ...) -> None: ...

class GetSealingKeyResponse(_message.Message):
    __slots__ = ("sealing_key",)
    SEALING_KEY_FIELD_NUMBER: _ClassVar[int]
    sealing_key: _keyring_pb2.Envelope
    def __init__(self, sealing_key: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class DepositRequest(_message.Message):
    __slots__ = ("deposit", "blob")
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    deposit: _keyring_pb2.Envelope
    blob: _coordinator_pb2.TargetBlob
    def __init__(self, deposit: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., blob: _Optional[_Union[_coordinator_pb2.TargetBlob, _Mapping]] = ...) -> None: ...

class DepositResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _keyring_pb2.Envelope
    def __init__(self, receipt: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("request", "blob")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    request: _keyring_pb2.Envelope
    blob: _coordinator_pb2.TargetBlob
    def __init__(self, request: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., blob: _Optional[_Union[_coordinator_pb2.TargetBlob, _Mapping]] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision", "waiting")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    decision: _keyring_pb2.Envelope
    waiting: bool
    def __init__(self, decision: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., waiting: _Optional[bool] = ...) -> None: ...

class WatchDecisionRequest(_message.Message):
    __slots__ = ("request_hash",)
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    def __init__(self, request_hash: _Optional[bytes] = ...) -> None: ...

class WatchDecisionResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: _keyring_pb2.Envelope
    def __init__(self, decision: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ReleaseSharesRequest(_message.Message):
    __slots__ = ("request_hash", "certificate")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    certificate: bytes
    def __init__(self, request_hash: _Optional[bytes] = ..., certificate: _Optional[bytes] = ...) -> None: ...

class ReleaseSharesResponse(_message.Message):
    __slots__ = ("shares",)
    SHARES_FIELD_NUMBER: _ClassVar[int]
    shares: _coordinator_pb2.SealedShares
    def __init__(self, shares: _Optional[_Union[_coordinator_pb2.SealedShares, _Mapping]] = ...) -> None: ...

class CustodianServiceCancelReleaseRequest(_message.Message):
    __slots__ = ("cancellation",)
    CANCELLATION_FIELD_NUMBER: _ClassVar[int]
    cancellation: _keyring_pb2.Envelope
    def __init__(self, cancellation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class CustodianServiceCancelReleaseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CustodianServiceRevokeGrantRequest(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: _keyring_pb2.Envelope
    def __init__(self, revocation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class CustodianServiceRevokeGrantResponse(_message.Message):
    __slots__ = ("index",)
    INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    def __init__(self, index: _Optional[int] = ...) -> None: ...

class CustodianServiceLookUpKeysRequest(_message.Message):
    __slots__ = ("key_ids",)
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CustodianServiceLookUpKeysResponse(_message.Message):
    __slots__ = ("descriptors",)
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListWaitingRequest(_message.Message):
    __slots__ = ("language",)
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    language: str
    def __init__(self, language: _Optional[str] = ...) -> None: ...

class WaitingRequest(_message.Message):
    __slots__ = ("request_hash", "text", "count", "expires_at", "facts", "approved", "needed")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    text: str
    count: int
    expires_at: int
    facts: _approver_pb2.WaitingFacts
    approved: int
    needed: int
    def __init__(self, request_hash: _Optional[bytes] = ..., text: _Optional[str] = ..., count: _Optional[int] = ..., expires_at: _Optional[int] = ..., facts: _Optional[_Union[_approver_pb2.WaitingFacts, _Mapping]] = ..., approved: _Optional[int] = ..., needed: _Optional[int] = ...) -> None: ...

class ListWaitingResponse(_message.Message):
    __slots__ = ("waiting",)
    WAITING_FIELD_NUMBER: _ClassVar[int]
    waiting: _containers.RepeatedCompositeFieldContainer[WaitingRequest]
    def __init__(self, waiting: _Optional[_Iterable[_Union[WaitingRequest, _Mapping]]] = ...) -> None: ...

class ShowWaitingRequest(_message.Message):
    __slots__ = ("request_hash", "language")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    language: str
    def __init__(self, request_hash: _Optional[bytes] = ..., language: _Optional[str] = ...) -> None: ...

class ShowWaitingResponse(_message.Message):
    __slots__ = ("waiting", "keyring_id", "manifest_hash", "index", "purpose")
    WAITING_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    waiting: WaitingRequest
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    purpose: int
    def __init__(self, waiting: _Optional[_Union[WaitingRequest, _Mapping]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., purpose: _Optional[int] = ...) -> None: ...

class AnswerRequest(_message.Message):
    __slots__ = ("approval",)
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    approval: _keyring_pb2.Envelope
    def __init__(self, approval: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class AnswerResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    def __init__(self, outcome: _Optional[str] = ...) -> None: ...

class GetLockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLockResponse(_message.Message):
    __slots__ = ("lock",)
    LOCK_FIELD_NUMBER: _ClassVar[int]
    lock: LockState
    def __init__(self, lock: _Optional[_Union[LockState, _Mapping]] = ...) -> None: ...

class LockState(_message.Message):
    __slots__ = ("locked", "have", "needed", "of")
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    locked: bool
    have: int
    needed: int
    of: int
    def __init__(self, locked: _Optional[bool] = ..., have: _Optional[int] = ..., needed: _Optional[int] = ..., of: _Optional[int] = ...) -> None: ...

class UnlockRequest(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: str
    def __init__(self, words: _Optional[str] = ...) -> None: ...

class UnlockResponse(_message.Message):
    __slots__ = ("lock",)
    LOCK_FIELD_NUMBER: _ClassVar[int]
    lock: LockState
    def __init__(self, lock: _Optional[_Union[LockState, _Mapping]] = ...) -> None: ...
