from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_STATE_UNSPECIFIED: _ClassVar[KeyState]
    KEY_STATE_PENDING: _ClassVar[KeyState]
    KEY_STATE_ACTIVE: _ClassVar[KeyState]
    KEY_STATE_FULL: _ClassVar[KeyState]
    KEY_STATE_DESTROY_SCHEDULED: _ClassVar[KeyState]
    KEY_STATE_DESTROYED: _ClassVar[KeyState]
KEY_STATE_UNSPECIFIED: KeyState
KEY_STATE_PENDING: KeyState
KEY_STATE_ACTIVE: KeyState
KEY_STATE_FULL: KeyState
KEY_STATE_DESTROY_SCHEDULED: KeyState
KEY_STATE_DESTROYED: KeyState

class ListPromisesRequest(_message.Message):
    __slots__ = ("keyring_id", "page_token")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    page_token: str
    def __init__(self, keyring_id: _Optional[bytes] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPromisesResponse(_message.Message):
    __slots__ = ("promises", "next_page_token")
    PROMISES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    promises: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    next_page_token: str
    def __init__(self, promises: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetKeyringRequest(_message.Message):
    __slots__ = ("keyring_id",)
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    def __init__(self, keyring_id: _Optional[bytes] = ...) -> None: ...

class GetKeyringResponse(_message.Message):
    __slots__ = ("manifests", "sealing_keys", "statuses")
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEYS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    sealing_keys: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    statuses: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, manifests: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., sealing_keys: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., statuses: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class TargetBlob(_message.Message):
    __slots__ = ("index", "sealed", "sealed_evidence")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    SEALED_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    sealed: bytes
    sealed_evidence: bytes
    def __init__(self, index: _Optional[int] = ..., sealed: _Optional[bytes] = ..., sealed_evidence: _Optional[bytes] = ...) -> None: ...

class CreateKeysRequest(_message.Message):
    __slots__ = ("deposit", "blobs")
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    deposit: _keyring_pb2.Envelope
    blobs: _containers.RepeatedCompositeFieldContainer[TargetBlob]
    def __init__(self, deposit: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., blobs: _Optional[_Iterable[_Union[TargetBlob, _Mapping]]] = ...) -> None: ...

class CustodianFailure(_message.Message):
    __slots__ = ("index", "status", "reason", "message")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    index: int
    status: str
    reason: str
    message: str
    def __init__(self, index: _Optional[int] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CreateKeysResponse(_message.Message):
    __slots__ = ("receipt", "failure")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    receipt: _keyring_pb2.Envelope
    failure: CustodianFailure
    def __init__(self, receipt: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., failure: _Optional[_Union[CustodianFailure, _Mapping]] = ...) -> None: ...

class KeepDestructionRequest(_message.Message):
    __slots__ = ("order", "words", "cancellation")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    words: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    cancellation: _keyring_pb2.Envelope
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., words: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., cancellation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class KeepDestructionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LookUpKeysRequest(_message.Message):
    __slots__ = ("keyring_id", "key_ids")
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    keyring_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, keyring_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FoundKey(_message.Message):
    __slots__ = ("descriptor", "state")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    state: KeyState
    def __init__(self, descriptor: _Optional[bytes] = ..., state: _Optional[_Union[KeyState, str]] = ...) -> None: ...

class LookUpKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[FoundKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[FoundKey, _Mapping]]] = ...) -> None: ...

class ReleaseKeysRequest(_message.Message):
    __slots__ = ("request", "blobs", "omit_descriptors")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    OMIT_DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    request: _keyring_pb2.Envelope
    blobs: _containers.RepeatedCompositeFieldContainer[TargetBlob]
    omit_descriptors: bool
    def __init__(self, request: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., blobs: _Optional[_Iterable[_Union[TargetBlob, _Mapping]]] = ..., omit_descriptors: _Optional[bool] = ...) -> None: ...

class Descriptors(_message.Message):
    __slots__ = ("descriptors",)
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SealedShares(_message.Message):
    __slots__ = ("share_release", "sealed")
    SHARE_RELEASE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    share_release: _keyring_pb2.Envelope
    sealed: bytes
    def __init__(self, share_release: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class ReleaseEvent(_message.Message):
    __slots__ = ("descriptors", "decision", "certificate", "shares", "failure")
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    descriptors: Descriptors
    decision: _keyring_pb2.Envelope
    certificate: bytes
    shares: SealedShares
    failure: CustodianFailure
    def __init__(self, descriptors: _Optional[_Union[Descriptors, _Mapping]] = ..., decision: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., certificate: _Optional[bytes] = ..., shares: _Optional[_Union[SealedShares, _Mapping]] = ..., failure: _Optional[_Union[CustodianFailure, _Mapping]] = ...) -> None: ...

class ReleaseKeysResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[ReleaseEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[ReleaseEvent, _Mapping]]] = ...) -> None: ...

class CancelReleaseRequest(_message.Message):
    __slots__ = ("cancellation",)
    CANCELLATION_FIELD_NUMBER: _ClassVar[int]
    cancellation: _keyring_pb2.Envelope
    def __init__(self, cancellation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class CancelReleaseResponse(_message.Message):
    __slots__ = ("acknowledged", "failures")
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    acknowledged: _containers.RepeatedScalarFieldContainer[int]
    failures: _containers.RepeatedCompositeFieldContainer[CustodianFailure]
    def __init__(self, acknowledged: _Optional[_Iterable[int]] = ..., failures: _Optional[_Iterable[_Union[CustodianFailure, _Mapping]]] = ...) -> None: ...

class RevokeGrantRequest(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: _keyring_pb2.Envelope
    def __init__(self, revocation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class RevokeGrantResponse(_message.Message):
    __slots__ = ("acknowledged", "failures")
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    acknowledged: _containers.RepeatedScalarFieldContainer[int]
    failures: _containers.RepeatedCompositeFieldContainer[CustodianFailure]
    def __init__(self, acknowledged: _Optional[_Iterable[int]] = ..., failures: _Optional[_Iterable[_Union[CustodianFailure, _Mapping]]] = ...) -> None: ...
