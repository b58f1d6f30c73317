from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from kms.wire.v1 import keyring_pb2 as _keyring_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetHistoryRequest(_message.Message):
    __slots__ = ("question",)
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    question: _keyring_pb2.Envelope
    def __init__(self, question: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("answer", "sealed")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    answer: _keyring_pb2.Envelope
    sealed: bytes
    def __init__(self, answer: _Optional[_Union[_keyring_pb2.Envelope, _Mapping]] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class HistoryQuestion(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "owner_thumbprint", "asker_thumbprint", "after", "recipient_key", "created_at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OWNER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    ASKER_THUMBPRINT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    owner_thumbprint: bytes
    asker_thumbprint: bytes
    after: int
    recipient_key: bytes
    created_at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., owner_thumbprint: _Optional[bytes] = ..., asker_thumbprint: _Optional[bytes] = ..., after: _Optional[int] = ..., recipient_key: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class HistoryAnswer(_message.Message):
    __slots__ = ("suite", "signer_role", "keyring_id", "manifest_hash", "index", "question_hash", "blob_hash", "at")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    SIGNER_ROLE_FIELD_NUMBER: _ClassVar[int]
    KEYRING_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_HASH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    QUESTION_HASH_FIELD_NUMBER: _ClassVar[int]
    BLOB_HASH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    suite: int
    signer_role: _keyring_pb2.SignerRole
    keyring_id: bytes
    manifest_hash: bytes
    index: int
    question_hash: bytes
    blob_hash: bytes
    at: int
    def __init__(self, suite: _Optional[int] = ..., signer_role: _Optional[_Union[_keyring_pb2.SignerRole, str]] = ..., keyring_id: _Optional[bytes] = ..., manifest_hash: _Optional[bytes] = ..., index: _Optional[int] = ..., question_hash: _Optional[bytes] = ..., blob_hash: _Optional[bytes] = ..., at: _Optional[int] = ...) -> None: ...

class OwnerHistory(_message.Message):
    __slots__ = ("checkpoint", "events", "more")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    events: _containers.RepeatedCompositeFieldContainer[HistoryEvent]
    more: bool
    def __init__(self, checkpoint: _Optional[bytes] = ..., events: _Optional[_Iterable[_Union[HistoryEvent, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class HistoryEvent(_message.Message):
    __slots__ = ("entry", "proof", "leaf")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    entry: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    leaf: bytes
    def __init__(self, entry: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ..., leaf: _Optional[bytes] = ...) -> None: ...
