from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DestroyReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESTROY_REASON_UNSPECIFIED: _ClassVar[DestroyReason]
    DESTROY_REASON_OWNER_WISH: _ClassVar[DestroyReason]
    DESTROY_REASON_MISTAKE: _ClassVar[DestroyReason]
    DESTROY_REASON_RETENTION: _ClassVar[DestroyReason]
    DESTROY_REASON_LEGAL_DUTY: _ClassVar[DestroyReason]
    DESTROY_REASON_COMPROMISED: _ClassVar[DestroyReason]
    DESTROY_REASON_OTHER: _ClassVar[DestroyReason]

class DestructionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESTRUCTION_STATE_UNSPECIFIED: _ClassVar[DestructionState]
    DESTRUCTION_STATE_SCHEDULED: _ClassVar[DestructionState]
    DESTRUCTION_STATE_CANCELLED: _ClassVar[DestructionState]
    DESTRUCTION_STATE_DESTROYED: _ClassVar[DestructionState]
DESTROY_REASON_UNSPECIFIED: DestroyReason
DESTROY_REASON_OWNER_WISH: DestroyReason
DESTROY_REASON_MISTAKE: DestroyReason
DESTROY_REASON_RETENTION: DestroyReason
DESTROY_REASON_LEGAL_DUTY: DestroyReason
DESTROY_REASON_COMPROMISED: DestroyReason
DESTROY_REASON_OTHER: DestroyReason
DESTRUCTION_STATE_UNSPECIFIED: DestructionState
DESTRUCTION_STATE_SCHEDULED: DestructionState
DESTRUCTION_STATE_CANCELLED: DestructionState
DESTRUCTION_STATE_DESTROYED: DestructionState

class DestroyOrder(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "order_id", "key_ids", "reason", "text_hash", "waiting", "created_at", "signer_thumbprint")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_HASH_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    order_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    reason: DestroyReason
    text_hash: bytes
    waiting: int
    created_at: int
    signer_thumbprint: bytes
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., reason: _Optional[_Union[DestroyReason, str]] = ..., text_hash: _Optional[bytes] = ..., waiting: _Optional[int] = ..., created_at: _Optional[int] = ..., signer_thumbprint: _Optional[bytes] = ...) -> None: ...

class AdminDestroyOrder(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "order_id", "key_ids", "reason", "text_hash", "waiting", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_HASH_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    order_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    reason: DestroyReason
    text_hash: bytes
    waiting: int
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., reason: _Optional[_Union[DestroyReason, str]] = ..., text_hash: _Optional[bytes] = ..., waiting: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class DestroyCancellation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "order_hash", "signer_thumbprint", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    SIGNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    order_hash: bytes
    signer_thumbprint: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_hash: _Optional[bytes] = ..., signer_thumbprint: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class AdminDestroyCancellation(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "order_hash", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    order_hash: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., order_hash: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class LegalHold(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "hold_id", "key_ids", "owner_thumbprint", "until", "lifted", "text_hash", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    TEXT_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    hold_id: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    owner_thumbprint: bytes
    until: int
    lifted: bool
    text_hash: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., hold_id: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., owner_thumbprint: _Optional[bytes] = ..., until: _Optional[int] = ..., lifted: _Optional[bool] = ..., text_hash: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class DestroyScheduled(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "order_hash", "count", "due_at", "scheduled_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    order_hash: bytes
    count: int
    due_at: int
    scheduled_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., order_hash: _Optional[bytes] = ..., count: _Optional[int] = ..., due_at: _Optional[int] = ..., scheduled_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class DestroyCancelled(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "order_hash", "cancellation_hash", "cancelled_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_HASH_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    order_hash: bytes
    cancellation_hash: bytes
    cancelled_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., order_hash: _Optional[bytes] = ..., cancellation_hash: _Optional[bytes] = ..., cancelled_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class HoldTaken(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "hold_hash", "taken_at", "log_index")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    HOLD_HASH_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    hold_hash: bytes
    taken_at: int
    log_index: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., hold_hash: _Optional[bytes] = ..., taken_at: _Optional[int] = ..., log_index: _Optional[int] = ...) -> None: ...

class LivePeriod(_message.Message):
    __slots__ = ("period", "not_after")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    period: int
    not_after: int
    def __init__(self, period: _Optional[int] = ..., not_after: _Optional[int] = ...) -> None: ...

class Destroyed(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "order_hash", "key_ids", "releases", "destroyed_at", "live_periods", "log_index", "at_once")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    DESTROYED_AT_FIELD_NUMBER: _ClassVar[int]
    LIVE_PERIODS_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    order_hash: bytes
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    releases: _containers.RepeatedScalarFieldContainer[int]
    destroyed_at: int
    live_periods: _containers.RepeatedCompositeFieldContainer[LivePeriod]
    log_index: int
    at_once: bool
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., order_hash: _Optional[bytes] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., releases: _Optional[_Iterable[int]] = ..., destroyed_at: _Optional[int] = ..., live_periods: _Optional[_Iterable[_Union[LivePeriod, _Mapping]]] = ..., log_index: _Optional[int] = ..., at_once: _Optional[bool] = ...) -> None: ...

class DestructionQuestion(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "of_index", "after", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OF_INDEX_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    of_index: int
    after: int
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., of_index: _Optional[int] = ..., after: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class Destruction(_message.Message):
    __slots__ = ("order", "state", "due_at", "held", "cancellation", "words", "descriptors")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    order: _keyring_pb2.Envelope
    state: DestructionState
    due_at: int
    held: bool
    cancellation: _keyring_pb2.Envelope
    words: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., state: _Optional[_Union[DestructionState, str]] = ..., due_at: _Optional[int] = ..., held: _Optional[bool] = ..., cancellation: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., words: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DestructionCertificate(_message.Message):
    __slots__ = ("manifests", "order", "descriptors", "words")
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    order: _keyring_pb2.Envelope
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    words: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    def __init__(self, manifests: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., descriptors: _Optional[_Iterable[bytes]] = ..., words: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ...) -> None: ...

class SubmitDestructionRequest(_message.Message):
    __slots__ = ("statement", "credentials", "descriptors", "words", "order")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    statement: _keyring_pb2.Envelope
    credentials: _containers.RepeatedScalarFieldContainer[str]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    words: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    order: _keyring_pb2.Envelope
    def __init__(self, statement: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., credentials: _Optional[_Iterable[str]] = ..., descriptors: _Optional[_Iterable[bytes]] = ..., words: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., order: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class SubmitDestructionResponse(_message.Message):
    __slots__ = ("word",)
    WORD_FIELD_NUMBER: _ClassVar[int]
    word: _keyring_pb2.Envelope
    def __init__(self, word: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class GetDestructionRequest(_message.Message):
    __slots__ = ("order_hash",)
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    order_hash: bytes
    def __init__(self, order_hash: _Optional[bytes] = ...) -> None: ...

class GetDestructionResponse(_message.Message):
    __slots__ = ("destruction",)
    DESTRUCTION_FIELD_NUMBER: _ClassVar[int]
    destruction: Destruction
    def __init__(self, destruction: _Optional[_Union[Destruction, _Mapping]] = ...) -> None: ...

class ListDestructionsRequest(_message.Message):
    __slots__ = ("question",)
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    question: _keyring_pb2.Envelope
    def __init__(self, question: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ListDestructionsResponse(_message.Message):
    __slots__ = ("destructions", "holds", "next")
    DESTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    destructions: _containers.RepeatedCompositeFieldContainer[Destruction]
    holds: _containers.RepeatedCompositeFieldContainer[_keyring_pb2.Envelope]
    next: int
    def __init__(self, destructions: _Optional[_Iterable[_Union[Destruction, _Mapping]]] = ..., holds: _Optional[_Iterable[_Union[_keyring_pb2.Envelope, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...
